//! One refresh: whom to ask, and what becomes of the answer.
//!
//! The rule it guards: there is always somebody left to ask. Nodes that are up come first, then the
//! others, then the configured hosts, whose names the caller resolves anew; so neither a restart of
//! all nodes nor a change of all addresses leaves a process blind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::breaker::BreakerState;
use crate::cluster::Cluster;
use crate::fault::Fault;
use crate::merge::MergeReport;
use crate::node::NodeId;
use crate::options::Options;
use crate::random::Random;
use crate::snapshot::{Listing, Snapshot};
use crate::state::Failure;
use crate::wakers::Topic;
use crate::{Endpoint, Error};

/// Whom to ask for the list of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlTarget {
    /// Where.
    pub endpoint: Endpoint,
    /// Which node that is; none for a configured host.
    pub node: Option<NodeId>,
}

/// A refresh under way. Dropping it is giving up; another begins at once.
#[must_use = "no other refresh begins until this ends"]
#[derive(Debug)]
pub struct RefreshTurn {
    cluster: Arc<Cluster>,
    process: u32,
    is_open: bool,
}

impl RefreshTurn {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        Self {
            process: cluster.process(),
            cluster,
            is_open: true,
        }
    }

    /// Whom to ask, in this order, when the control connection is not open.
    pub fn targets(&self, options: &Options, random: &mut Random) -> Vec<ControlTarget> {
        self.cluster.with(|state| {
            let kind = state.address_kind(options);
            let (mut up, mut others) = (Vec::new(), Vec::new());
            for node in state.nodes.values() {
                let target = ControlTarget {
                    endpoint: node.info.endpoint(kind).clone(),
                    node: Some(node.id()),
                };
                if node.missed == 0 && node.breaker.is_closed() {
                    up.push(target);
                } else {
                    others.push(target);
                }
            }
            // So that not everybody's control connection goes to the same node.
            random.shuffle(&mut up);
            random.shuffle(&mut others);
            let contacts = state.contacts.iter().cloned();
            let contacts = contacts.map(|endpoint| ControlTarget {
                endpoint,
                node: None,
            });
            up.into_iter().chain(others).chain(contacts).collect()
        })
    }

    /// A node could not be asked. Nobody waited for it, so callers are spared the same.
    pub fn target_failed(
        &self,
        target: &ControlTarget,
        fault: Fault,
        options: &Arc<Options>,
        now: Instant,
        random: &mut Random,
    ) {
        let Some(id) = target.node.filter(|_| fault == Fault::Node) else {
            return;
        };
        self.cluster.with(|state| {
            let Some(node) = state.nodes.get(&id) else {
                return;
            };
            // A node known to be down stays so until its own trial says otherwise.
            if node.breaker.state(now) != BreakerState::Closed {
                return;
            }
            if let Some(reserved) = state.reserve(id, now) {
                let failure = Failure {
                    node: id,
                    epoch: reserved.epoch,
                    fault,
                    took: Duration::ZERO,
                    kind: None,
                    options,
                };
                state.failed(failure, now, random);
            }
        });
    }

    /// A node gave its list.
    ///
    /// # Errors
    /// When the list is of no use; the old one stays, and the refresh counts as failed.
    pub fn succeed(
        mut self,
        snapshot: &Snapshot,
        now: Instant,
        random: &mut Random,
    ) -> Result<MergeReport, Error> {
        self.is_open = false;
        if self.cluster.process() != self.process {
            return Ok(MergeReport::default());
        }
        self.cluster.with(|state| {
            let listing = Listing::new(snapshot, state.default_port);
            let merged = state.merge(listing, now);
            match &merged {
                Ok(_) => {
                    state.schedule.succeed(now, random);
                    state.counters.refreshes += 1;
                }
                Err(_) => {
                    state.schedule.fail(now, random);
                    state.counters.refresh_failures += 1;
                }
            }
            state.wakers.mark(Topic::Refresh);
            state.wakers.mark(Topic::Schedule);
            merged
        })
    }

    /// Nobody gave a list.
    pub fn fail(mut self, now: Instant, random: &mut Random) {
        self.is_open = false;
        if self.cluster.process() == self.process {
            self.cluster.with(|state| {
                state.schedule.fail(now, random);
                state.counters.refresh_failures += 1;
                state.wakers.mark(Topic::Refresh);
                state.wakers.mark(Topic::Schedule);
            });
        }
    }
}

impl Drop for RefreshTurn {
    fn drop(&mut self) {
        if self.is_open && self.cluster.process() == self.process {
            self.cluster.with(|state| {
                state.schedule.cancel();
                state.wakers.mark(Topic::Refresh);
                state.wakers.mark(Topic::Schedule);
            });
        }
    }
}
