//! A connection's place at a node, from the first packet to the end.
//!
//! ```text
//! Attempt ── connected ──▶ Lease ── drop ──▶ live - 1
//!    ├────── failed ─────▶ connecting - 1, the fault is noted
//!    └────── drop ───────▶ connecting - 1, as if it had not been (cancelled)
//! ```
//!
//! The rule it guards: whatever way a connection ends (closed, broken, collected, cancelled), its
//! place is given back exactly once, by the guard going out of scope. A guard that a fork copied into
//! a child gives back nothing there: the place is the parent's.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::Endpoint;
use crate::cluster::Cluster;
use crate::fault::Fault;
use crate::node::{AddressKind, NodeId, NodeInfo};
use crate::options::Options;
use crate::random::Random;
use crate::schedule::Reason;
use crate::state::{Failure, Reserved, State};

/// A node of a cluster, as long as both are there.
#[derive(Debug)]
pub(crate) struct Seat {
    cluster: Weak<Cluster>,
    process: u32,
    node: NodeId,
}

impl Seat {
    /// The seat of this process.
    pub(crate) fn at(cluster: &Arc<Cluster>, process: u32, node: NodeId) -> Seat {
        Seat {
            cluster: Arc::downgrade(cluster),
            process,
            node,
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> Option<T> {
        let cluster = self.cluster.upgrade()?;
        let process = cluster.process();
        (process == self.process).then(|| cluster.with_in(process, act))
    }
}

/// A connection that is being opened to a node. Dropping it is giving up.
#[must_use = "the node counts a connection being opened until this is dropped"]
#[derive(Debug)]
pub struct Attempt {
    /// None once the outcome was told.
    seat: Option<Seat>,
    info: Arc<NodeInfo>,
    endpoint: Endpoint,
    /// Which kind of address this tests; none when the node has but one.
    kind: Option<AddressKind>,
    epoch: u64,
    options: Arc<Options>,
    started: Instant,
    allowance: Option<Duration>,
}

impl Attempt {
    pub(crate) fn new(
        seat: Seat,
        reserved: Reserved,
        kind: AddressKind,
        options: Arc<Options>,
        started: Instant,
        allowance: Option<Duration>,
    ) -> Self {
        let Reserved { info, epoch } = reserved;
        Self {
            seat: Some(seat),
            endpoint: info.endpoint(kind).clone(),
            kind: info.has_two_addresses().then_some(kind),
            info,
            epoch,
            options,
            started,
            allowance,
        }
    }

    /// Where to connect to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The node that is there.
    pub fn info(&self) -> &Arc<NodeInfo> {
        &self.info
    }

    /// How long it may take; none is as long as it takes.
    pub fn allowance(&self) -> Option<Duration> {
        self.allowance
    }

    /// When it has taken too long.
    pub fn deadline(&self) -> Option<Instant> {
        self.allowance.map(|allowance| self.started + allowance)
    }

    /// The connection is made: logged in and ready.
    pub fn connected(mut self, now: Instant) -> Lease {
        let took = now.saturating_duration_since(self.started);
        let (node, kind) = (self.info.id, self.kind);
        let seat = self.seat.take();
        let generation = seat
            .as_ref()
            .and_then(|seat| seat.with(|state| state.connected(node, kind, took, now)));
        Lease {
            seat,
            info: self.info.clone(),
            generation: generation.unwrap_or_default(),
        }
    }

    /// The connection was not made, and whose fault that is.
    pub fn failed(mut self, fault: Fault, now: Instant, random: &mut Random) {
        let took = now.saturating_duration_since(self.started);
        if let Some(seat) = self.seat.take() {
            let failure = Failure {
                node: seat.node,
                epoch: self.epoch,
                fault,
                took,
                kind: self.kind,
                options: &self.options,
            };
            seat.with(|state| state.failed(failure, now, random));
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            seat.with(|state| state.cancelled(seat.node, self.epoch));
        }
    }
}

/// A connection's place at its node. Dropping it gives the place back.
#[must_use = "the node counts the connection until this is dropped"]
#[derive(Debug)]
pub struct Lease {
    seat: Option<Seat>,
    info: Arc<NodeInfo>,
    generation: u64,
}

impl Lease {
    pub(crate) fn adopted(cluster: &Arc<Cluster>, info: Arc<NodeInfo>, generation: u64) -> Self {
        Self {
            seat: Some(Seat::at(cluster, cluster.process(), info.id)),
            info,
            generation,
        }
    }

    /// The node as it was when the connection was made.
    pub fn info(&self) -> &Arc<NodeInfo> {
        &self.info
    }

    /// The cluster, unless the process has forgotten it.
    pub fn cluster(&self) -> Option<Arc<Cluster>> {
        self.seat.as_ref().and_then(|seat| seat.cluster.upgrade())
    }

    /// Whether the node has gone down, or was drained, since the connection was made: an idle
    /// connection is better replaced than handed out.
    pub fn is_doubtful(&self) -> bool {
        let now = self.seat.as_ref().and_then(|seat| {
            seat.with(|state| state.nodes.get(&seat.node).map(|node| node.generation))
        });
        now.flatten() != Some(self.generation)
    }

    /// The connection was found broken. No node is blamed for it (a server may end one session for
    /// many reasons), but the list is refreshed; and the place is given back.
    pub fn lost(mut self, now: Instant) {
        if let Some(seat) = &self.seat {
            seat.with(|state| {
                state.counters.lost += 1;
                state.request_refresh(Reason::ConnectionLost, now);
            });
        }
        self.release();
    }

    fn release(&mut self) {
        if let Some(seat) = self.seat.take() {
            seat.with(|state| state.closed(seat.node, self.generation));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.release();
    }
}
