//! A cluster, for Python to look at.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use psycoxide_client::BLOCKING_INTERVAL;
use psycoxide_client::cluster::{go_on, wait_refreshed};
use psycoxide_cluster::{
    BreakerState, Cluster, ClusterKey, Endpoint, NodeId, NodeInfo, NodeStatus, Options, Reason,
    RefreshTicket,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::log;
use crate::cooperative;

/// Host, port, cloud, region, zone, type, uuid, public address.
pub type NodeTuple = (
    String,
    u16,
    String,
    String,
    String,
    &'static str,
    Option<String>,
    Option<String>,
);

/// Live, connecting, latency, breaker, retry in, listed, drained, connects, failures, generation.
type NodeNumbers = (
    u32,
    u32,
    Option<f64>,
    &'static str,
    Option<f64>,
    bool,
    bool,
    u64,
    u64,
    u64,
);

/// A cluster of this process.
#[pyclass(frozen, eq, hash, module = "psycoxide._core")]
#[derive(Clone, Debug)]
pub struct ClusterHandle(Arc<Cluster>);

impl ClusterHandle {
    /// A handle of this cluster.
    pub fn new(cluster: Arc<Cluster>) -> ClusterHandle {
        ClusterHandle(cluster)
    }

    /// Where a caller with these options reaches the node of this number.
    pub fn endpoint_of(&self, node: u64, options: &Options) -> Option<Endpoint> {
        self.0.endpoint_of(self.id_of(node)?, options)
    }

    fn id_of(&self, node: u64) -> Option<NodeId> {
        let nodes = self.0.nodes(Instant::now());
        let mut known = nodes.iter().map(NodeStatus::id);
        known.find(|id| id.number() == node)
    }
}

impl PartialEq for ClusterHandle {
    fn eq(&self, other: &ClusterHandle) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Hash for ClusterHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

#[pymethods]
impl ClusterHandle {
    /// What identifies the cluster.
    #[getter]
    fn key(&self) -> String {
        self.0.key().map_or_else(String::new, |key| match key {
            ClusterKey::Universe(uuid) => uuid.to_string(),
            ClusterKey::Tservers(uuids) => uuids.join(","),
            ClusterKey::Endpoints(places) | ClusterKey::Static(places) => {
                let places: Vec<String> = places.iter().map(Endpoint::to_string).collect();
                places.join(",")
            }
        })
    }

    /// Whether it is a list of plain PostgreSQL servers.
    #[getter]
    fn is_static(&self) -> bool {
        self.0.is_static()
    }

    /// The configured hosts and ports of all who connect to it.
    #[getter]
    fn contacts(&self) -> Vec<(String, u16)> {
        let contacts = self.0.contacts().into_iter();
        contacts
            .map(|place| (place.host.to_string(), place.port))
            .collect()
    }

    /// The nodes, each with its number for `drain` and `Connector.at_node`, and what this process
    /// has with them.
    fn nodes(&self, py: Python<'_>) -> Vec<(u64, NodeTuple, NodeNumbers)> {
        log::write(py);
        let now = Instant::now();
        let nodes = self.0.nodes(now).into_iter();
        nodes
            .map(|status| {
                let number = status.id().number();
                (number, node_tuple(&status.info), numbers(&status, now))
            })
            .collect()
    }

    /// Counters and the age of the list.
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        log::write(py);
        let metrics = self.0.metrics(Instant::now());
        let counters = metrics.counters;
        let dict = PyDict::new(py);
        for (name, value) in [
            ("connects", counters.connects),
            ("node_faults", counters.node_faults),
            ("soft_faults", counters.soft_faults),
            ("client_faults", counters.client_faults),
            ("cancelled", counters.cancelled),
            ("trials", counters.trials),
            ("waits", counters.waits),
            ("contact_fallbacks", counters.contact_fallbacks),
            ("lost", counters.lost),
            ("retries", counters.retries),
            ("refreshes", counters.refreshes),
            ("refresh_failures", counters.refresh_failures),
        ] {
            dict.set_item(name, value)?;
        }
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        dict.set_item("refresh_age", seconds(metrics.refresh_age))?;
        dict.set_item("refresh_time", seconds(metrics.refresh_time))?;
        Ok(dict)
    }

    /// The events from this number on, each with how many seconds ago it was; how many of them are
    /// lost; the number to ask from the next time.
    #[expect(clippy::type_complexity, reason = "it is a tuple for Python")]
    fn events(
        &self,
        py: Python<'_>,
        since: u64,
    ) -> (Vec<(u64, &'static str, NodeTuple, f64)>, u64, u64) {
        log::write(py);
        let found = self.0.events_since(since);
        let now = Instant::now();
        let events = found.events.iter().map(|event| {
            let ago = now.saturating_duration_since(event.at).as_secs_f64();
            let node = node_tuple(&event.node);
            (event.number, event.kind.as_str(), node, ago)
        });
        (events.collect(), found.missed, found.next)
    }

    /// Sets a node aside, or takes it back; whether that changed anything.
    fn drain(&self, py: Python<'_>, node: u64, drained: bool) -> bool {
        let now = Instant::now();
        let changed = self
            .id_of(node)
            .is_some_and(|id| self.0.drain(id, drained, now));
        log::write(py);
        changed
    }

    /// Counts a transaction that is run again.
    fn count_retry(&self) {
        self.0.count_retry();
    }

    /// Asks for a new list.
    fn request_refresh(&self) -> ClusterRefresh {
        let now = Instant::now();
        let before = self.0.metrics(now).counters.refreshes;
        go_on(&self.0);
        ClusterRefresh {
            cluster: self.0.clone(),
            ticket: self.0.request_refresh(Reason::Asked, now),
            before,
        }
    }
}

/// A refresh that somebody asked for.
#[pyclass(frozen, module = "psycoxide._core")]
#[derive(Debug)]
pub struct ClusterRefresh {
    cluster: Arc<Cluster>,
    ticket: RefreshTicket,
    /// How many there had been.
    before: u64,
}

#[pymethods]
impl ClusterRefresh {
    /// Whether a list was fetched; `None` as long as that is not known.
    fn outcome(&self, py: Python<'_>) -> Option<bool> {
        log::write(py);
        if !self.cluster.is_refreshed(self.ticket) {
            return None;
        }
        let now = self.cluster.metrics(Instant::now()).counters.refreshes;
        Some(self.cluster.is_static() || now > self.before)
    }

    /// Waits for it, with the interpreter released, and tells the outcome; `False` when the time, in
    /// seconds, is over.
    fn wait(&self, py: Python<'_>, timeout: f64) -> PyResult<bool> {
        let limit = Duration::try_from_secs_f64(timeout.max(0.0)).unwrap_or(Duration::MAX);
        let begun = Instant::now();
        let cooperative = cooperative::is_wanted(py)?;
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            let ended = if cooperative {
                // Other green threads run meanwhile.
                self.cluster.is_refreshed(self.ticket)
            } else {
                let pause = left.min(BLOCKING_INTERVAL);
                py.detach(|| wait_refreshed(&self.cluster, self.ticket, pause))
            };
            if ended || left.is_zero() {
                return Ok(self.outcome(py) == Some(true));
            }
            if cooperative {
                cooperative::pause(py)?;
            }
            py.check_signals()?;
        }
    }
}

/// What a node is, for Python.
pub fn node_tuple(info: &NodeInfo) -> NodeTuple {
    let text = |text: &Arc<str>| text.to_string();
    (
        info.private.host.to_string(),
        info.private.port,
        text(&info.placement.cloud),
        text(&info.placement.region),
        text(&info.placement.zone),
        info.node_type.as_str(),
        info.uuid.as_ref().map(text),
        info.public.as_ref().map(|public| public.host.to_string()),
    )
}

fn numbers(status: &NodeStatus, now: Instant) -> NodeNumbers {
    let seconds = |time: Duration| time.as_secs_f64();
    let breaker = match status.breaker {
        BreakerState::Closed => "closed",
        BreakerState::HalfOpen => "half-open",
        _ => "open",
    };
    let retry_at = status.retry_at;
    (
        status.live,
        status.connecting,
        status.latency.map(seconds),
        breaker,
        retry_at.map(|at| seconds(at.saturating_duration_since(now))),
        status.is_listed,
        status.is_drained,
        status.connects,
        status.failures,
        status.generation,
    )
}
