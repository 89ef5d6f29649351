//! Connecting to a node of a cluster: find the cluster, ask which node, connect there, tell how it
//! went, and ask again if another may do better.
//!
//! The rule it guards: the search has the time of one `connect_timeout` in all. A node is blamed for
//! what it does, not for what is wrong with us; and what is wrong with us is tried once.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use psycoxide_cluster as policy;
use psycoxide_cluster::{
    Cluster, Endpoint, Fault, Next, REFRESH_PATIENCE, Random, Reason, RefreshTicket, Search, Topic,
};
use psycoxide_transport::Bell;

use super::super::Wait;
use super::super::session_attrs::SessionAttrs;
use super::{Answer, ConnectHosts, ConnectStep, Steps, Variation};
use crate::cluster::notes::{Level, Subject, note};
use crate::cluster::{
    ClusterOptions, Finder, Found, Member, READABLE, endpoint, fault_of, is_of_another_kind, know,
    random, tell, wait_for_bell,
};
use crate::error::{Attempt, Error};
use crate::options::{ConnectOptions, HostOptions};
use crate::pgconn::PgConn;

/// Connects to a node.
#[derive(Debug)]
pub(super) struct Balanced {
    options: Arc<ConnectOptions>,
    /// The configured hosts in the order in which to try them, should no node do.
    order: Vec<usize>,
    random: Random,
    deadline: Option<Instant>,
    phase: Phase,
    search: Option<(Arc<Cluster>, Search)>,
    session_attrs: SessionAttrs,
    bell: Option<Bell>,
    attempts: Vec<Attempt>,
}

#[derive(Debug)]
enum Phase {
    Start,
    Finding(Box<Finder>),
    /// The list shall be fresh, but is not waited for without end.
    Refreshing(RefreshTicket, Instant),
    Searching,
    Trying(policy::Attempt, Box<ConnectHosts>),
    /// The configured hosts, as if there were no cluster.
    Contacts(Box<ConnectHosts>),
    Over,
}

impl Balanced {
    pub(super) fn new(
        options: Arc<ConnectOptions>,
        order: impl IntoIterator<Item = usize>,
    ) -> Balanced {
        Balanced {
            order: order.into_iter().collect(),
            random: random(),
            deadline: None,
            phase: Phase::Start,
            search: None,
            session_attrs: match options.session_attrs {
                // Any other will do when there is none.
                SessionAttrs::PreferStandby => SessionAttrs::Standby,
                other => other,
            },
            options,
            bell: None,
            attempts: Vec::new(),
        }
    }

    fn cluster_options(&self) -> Result<&ClusterOptions, Error> {
        let options = self.options.cluster.as_ref();
        options.ok_or(Error::Misuse("load_balance is off"))
    }

    fn advance(
        &mut self,
        now: Instant,
        resolved: &mut Answer,
    ) -> Result<Option<ConnectStep>, Error> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Start => {
                self.deadline = self.options.connect_timeout.map(|timeout| now + timeout);
                let insists = self.cluster_options()?.insists();
                let finder = Finder::new(self.options.clone(), insists, self.deadline);
                self.phase = Phase::Finding(Box::new(finder));
                Ok(None)
            }
            Phase::Finding(mut finder) => match finder.step(now, resolved.take())?.done() {
                Err(wait) => {
                    self.phase = Phase::Finding(finder);
                    Ok(Some(wait))
                }
                Ok(Found::Cluster(cluster)) => self.found(cluster, now),
                Ok(Found::Unavailable(attempts)) => {
                    self.attempts.extend(attempts);
                    if !self.cluster_options()?.search.allows_contacts() {
                        return Err(self.give_up());
                    }
                    // Once for each time it was asked for is enough.
                    let level = match self.attempts.is_empty() {
                        true => Level::Debug,
                        false => Level::Warning,
                    };
                    let text = "the list of nodes cannot be had: a connection goes to the \
                                configured hosts";
                    note(Subject::Connect, level, text.to_owned());
                    self.turn_to_contacts(self.deadline);
                    Ok(None)
                }
            },
            Phase::Refreshing(ticket, until) => {
                let cluster = self.cluster()?;
                self.listen(Topic::Refresh)?;
                if now >= until || cluster.is_refreshed(ticket) {
                    self.phase = Phase::Searching;
                    return Ok(None);
                }
                self.phase = Phase::Refreshing(ticket, until);
                self.sleep(until).map(Some)
            }
            Phase::Searching => self.search(now),
            Phase::Trying(attempt, mut connect) => match connect.step(now, resolved.take()) {
                Ok(step) => match step.done() {
                    Err(wait) => {
                        self.phase = Phase::Trying(attempt, connect);
                        Ok(Some(wait))
                    }
                    Ok(mut pgconn) => {
                        let cluster = self.cluster()?;
                        pgconn.join(Member::new(&cluster, attempt.connected(now)));
                        know(&cluster, &self.options);
                        Ok(Some(ConnectStep::Done(pgconn)))
                    }
                },
                Err(error) => {
                    let text = format!("node {}: {error}", attempt.info().private);
                    note(Subject::Connect, Level::Debug, text);
                    let fault = tell(attempt, &error, now, &mut self.random);
                    // It was reached: the configured hosts are no nearer.
                    if is_of_another_kind(&error)
                        && let Some((_, search)) = &mut self.search
                    {
                        search.forgo_contacts();
                    }
                    self.go_on(error, fault)
                }
            },
            Phase::Contacts(mut connect) => match connect.step(now, resolved.take()) {
                Ok(step) => match step.done() {
                    Err(wait) => {
                        self.phase = Phase::Contacts(connect);
                        Ok(Some(wait))
                    }
                    Ok(mut pgconn) => {
                        self.adopt(&mut pgconn);
                        Ok(Some(ConnectStep::Done(pgconn)))
                    }
                },
                Err(error) => {
                    let fault = fault_of(&error);
                    self.go_on(error, fault)
                }
            },
            Phase::Over => Err(Error::Closed),
        }
    }

    /// The cluster is there: begin the search, with a fresh list if that is wanted.
    fn found(&mut self, cluster: Arc<Cluster>, now: Instant) -> Result<Option<ConnectStep>, Error> {
        let wanted = self.cluster_options()?.search.clone();
        let timeout = self.deadline.map(|end| end.saturating_duration_since(now));
        self.phase = Phase::Searching;
        if wanted.refresh_interval.is_zero() {
            let ticket = cluster.request_refresh(Reason::Connect, now);
            self.phase = Phase::Refreshing(ticket, now + REFRESH_PATIENCE);
        }
        self.search = Some((cluster, Search::new(wanted, now, timeout)));
        Ok(None)
    }

    fn search(&mut self, now: Instant) -> Result<Option<ConnectStep>, Error> {
        let (cluster, search) = self.search.as_mut().ok_or(Error::Closed)?;
        if let Some(bell) = &self.bell {
            // First this, so that nothing is missed between asking and sleeping.
            bell.silence();
            search.listen(bell.waker());
        }
        match search.next(cluster, now, &mut self.random) {
            Ok(Next::Attempt(attempt)) => {
                let host = self
                    .cluster_options()?
                    .host(attempt.endpoint(), &self.options.hosts);
                let variation = Variation {
                    deadline: attempt.deadline(),
                    session_attrs: Some(self.session_attrs),
                    ..Variation::default()
                };
                let connect = ConnectHosts::one(self.options.clone(), host, variation);
                self.phase = Phase::Trying(attempt, Box::new(connect));
                Ok(None)
            }
            Ok(Next::Wait { until }) => {
                self.phase = Phase::Searching;
                if self.bell.is_some() {
                    return self.sleep(until).map(Some);
                }
                // Once more, listening.
                self.make_bell()?;
                Ok(None)
            }
            Ok(Next::Contacts {
                allowance,
                is_first,
            }) => {
                let cluster = cluster.clone();
                let drained = |host: &HostOptions| cluster.is_drained_at(&endpoint(host));
                let hosts = &self.options.hosts;
                self.order
                    .retain(|index| !hosts.get(*index).is_some_and(drained));
                // Nodes that were tried a moment ago come last.
                let tried = |index: &usize| {
                    let host = hosts.get(*index);
                    host.is_some_and(|host| search.has_tried(&cluster, &endpoint(host)))
                };
                self.order.sort_by_key(tried);
                if self.order.is_empty() {
                    self.phase = Phase::Searching;
                    return Ok(None);
                }
                if is_first {
                    let text = "no node can be reached: connections go to the configured hosts";
                    note(Subject::Connect, Level::Warning, text.to_owned());
                }
                self.turn_to_contacts(allowance.map(|allowance| now + allowance));
                Ok(None)
            }
            Err(policy::Error::Timeout { .. }) => {
                self.time_is_over();
                Err(self.give_up())
            }
            Err(error) => {
                let prefers = self.options.session_attrs == SessionAttrs::PreferStandby;
                if prefers && self.session_attrs == SessionAttrs::Standby {
                    self.session_attrs = SessionAttrs::Any;
                    let cluster = cluster.clone();
                    return self.found(cluster, now);
                }
                if self.attempts.is_empty() {
                    return Err(error.into());
                }
                Err(self.give_up())
            }
        }
    }

    /// An attempt has failed: another one, unless that would fail too.
    fn go_on(&mut self, error: Error, fault: Fault) -> Result<Option<ConnectStep>, Error> {
        match error {
            Error::Connect(attempts) => self.attempts.extend(attempts),
            error => return Err(error),
        }
        if !fault.tries_next() || self.search.is_none() {
            return Err(self.give_up());
        }
        self.phase = Phase::Searching;
        Ok(None)
    }

    fn turn_to_contacts(&mut self, deadline: Option<Instant>) {
        let variation = Variation {
            deadline,
            ..Variation::default()
        };
        let order = self.order.iter().copied();
        let connect = ConnectHosts::new(self.options.clone(), order, variation);
        self.phase = Phase::Contacts(Box::new(connect));
    }

    /// A configured host may be a node, under one name or another.
    fn adopt(&self, pgconn: &mut PgConn) {
        let Some((cluster, _)) = &self.search else {
            return;
        };
        let place = pgconn.place();
        let address = place.address.map(|address| address.to_string());
        let names = [Some(place.host.clone()), address];
        let port = place.port;
        let lease = names
            .into_iter()
            .flatten()
            .find_map(|name| cluster.lease_at(&Endpoint::new(name, port)));
        if let Some(lease) = lease {
            pgconn.join(Member::new(cluster, lease));
        }
        know(cluster, &self.options);
    }

    fn give_up(&mut self) -> Error {
        Error::Connect(std::mem::take(&mut self.attempts))
    }

    fn time_is_over(&mut self) {
        let last = self.attempts.last().map(|attempt| &attempt.error);
        if !matches!(last, Some(Error::Timeout { .. })) {
            self.attempts.push(Attempt {
                place: "the search for a node".to_owned(),
                error: Error::Timeout {
                    doing: "connecting",
                    after: self.options.connect_timeout.unwrap_or_default(),
                },
            });
        }
    }

    fn cluster(&self) -> Result<Arc<Cluster>, Error> {
        let search = self.search.as_ref();
        search
            .map(|(cluster, _)| cluster.clone())
            .ok_or(Error::Closed)
    }

    /// Has the bell ring at the next change.
    fn listen(&mut self, topic: Topic) -> Result<(), Error> {
        let cluster = self.cluster()?;
        let bell = self.make_bell()?;
        bell.silence();
        cluster.wake_on(topic, bell.waker());
        Ok(())
    }

    fn make_bell(&mut self) -> Result<&Bell, Error> {
        let bell = match self.bell.take() {
            Some(bell) => bell,
            None => Bell::new().map_err(Error::io("waiting for another connection"))?,
        };
        Ok(self.bell.insert(bell))
    }

    fn sleep(&self, until: Instant) -> Result<ConnectStep, Error> {
        let bell = self.bell.as_ref().ok_or(Error::Closed)?;
        let fd = bell.as_fd().as_raw_fd();
        Ok(ConnectStep::Io(fd, READABLE, Some(until)))
    }
}

impl Drop for Balanced {
    fn drop(&mut self) {
        if let Some((cluster, search)) = &mut self.search {
            search.leave(cluster);
        }
    }
}

impl Steps for Balanced {
    type Output = Box<PgConn>;

    fn step(&mut self, now: Instant, mut resolved: Answer) -> Result<ConnectStep, Error> {
        loop {
            if let Some(step) = self.advance(now, &mut resolved)? {
                return Ok(step);
            }
        }
    }

    fn wait(&self, wait: Wait, timeout: Option<Duration>) -> Result<(), Error> {
        match &self.phase {
            Phase::Finding(finder) => finder.wait(wait, timeout),
            Phase::Trying(_, connect) | Phase::Contacts(connect) => connect.wait(wait, timeout),
            Phase::Refreshing(..) | Phase::Searching => wait_for_bell(self.bell.as_ref(), timeout),
            Phase::Start | Phase::Over => Err(Error::Closed),
        }
    }
}
