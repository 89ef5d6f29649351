//! All that this process knows of one cluster, behind one lock that is held for no I/O.
//!
//! The rule it guards: every count that goes up comes down exactly once. `connecting` belongs to an
//! `Attempt`, `live` to a `Lease`; both are drop guards, and a node is not forgotten while it has
//! either. Counts are never set to zero: a node's death does not close connections, finding them
//! dead does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::breaker::{Admission, By};
use crate::candidates::{self, Candidate};
use crate::events::{EventKind, Queue};
use crate::fault::Fault;
use crate::line::Line;
use crate::metrics::{Counters, NodeStatus};
use crate::node::{AddressKind, Node, NodeId, NodeInfo};
use crate::options::{Options, PublicIp};
use crate::random::Random;
use crate::schedule::{Reason, Schedule};
use crate::topology::TopologyKeys;
use crate::wakers::{Topic, Wakers};
use crate::{ClusterKey, Endpoint};

/// What the list of nodes is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing yet; a forked child begins so.
    #[default]
    Empty,
    /// What `yb_servers()` says.
    Cluster,
    /// The configured hosts: plain PostgreSQL.
    Static,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) mode: Mode,
    pub(crate) key: Option<ClusterKey>,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    pub(crate) next_id: u64,
    /// The configured hosts of everybody who uses this cluster.
    pub(crate) contacts: Vec<Endpoint>,
    pub(crate) default_port: u16,
    /// Which addresses work from here, once that is known.
    pub(crate) address_kind: Option<AddressKind>,
    pub(crate) schedule: Schedule,
    pub(crate) wakers: Wakers,
    /// Those who wait for room at a node, or for the outcome of others' attempts.
    pub(crate) line: Line,
    pub(crate) events: Queue,
    pub(crate) counters: Counters,
    /// The node that was chosen last, for round-robin.
    pub(crate) cursor: Option<NodeId>,
}

/// What went wrong with an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure<'a> {
    pub(crate) node: NodeId,
    pub(crate) epoch: u64,
    pub(crate) fault: Fault,
    /// How long it took to show.
    pub(crate) took: Duration,
    /// The kind of address, when the node has both.
    pub(crate) kind: Option<AddressKind>,
    pub(crate) options: &'a Options,
}

/// A place taken by an attempt.
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) info: Arc<NodeInfo>,
    pub(crate) epoch: u64,
}

impl State {
    /// The nodes that may be used, by preference.
    pub(crate) fn levels(&self, options: &Options) -> Vec<Vec<NodeId>> {
        let members = self.nodes.values().filter(|node| node.is_member());
        let candidates: Vec<Candidate<'_>> = members
            .map(|node| Candidate {
                id: node.id(),
                node_type: node.info.node_type,
                placement: &node.info.placement,
                latency: node.latency.average(),
                is_connecting: node.connecting > 0,
            })
            .collect();
        if self.mode == Mode::Static && options.topology_keys != TopologyKeys::None {
            // Plain PostgreSQL has no placements; the hosts are those the application listed.
            let without_keys = Options {
                topology_keys: TopologyKeys::None,
                ..options.clone()
            };
            return candidates::levels(&candidates, &without_keys);
        }
        candidates::levels(&candidates, options)
    }

    /// Which address of a node to use.
    pub(crate) fn address_kind(&self, options: &Options) -> AddressKind {
        match options.use_public_ip {
            PublicIp::Always => AddressKind::Public,
            PublicIp::Never => AddressKind::Private,
            PublicIp::Auto => self.address_kind.unwrap_or_default(),
        }
    }

    pub(crate) fn reserve(&mut self, id: NodeId, now: Instant) -> Option<Reserved> {
        let node = self.nodes.get_mut(&id)?;
        if !node.breaker.is_closed() {
            self.counters.trials += 1;
        }
        node.breaker.begin_attempt(now);
        node.connecting += 1;
        self.cursor = Some(id);
        Some(Reserved {
            info: node.info.clone(),
            epoch: node.breaker.epoch(),
        })
    }

    /// How many connections may be begun at these nodes.
    pub(crate) fn room_at(&self, nodes: &[NodeId], options: &Options) -> usize {
        let most = options.max_connecting_per_node.max(1);
        let room = |node: &Node| most.saturating_sub(node.connecting) as usize;
        let nodes = nodes.iter().filter_map(|id| self.nodes.get(id));
        nodes.map(room).sum()
    }

    /// An attempt became a connection. The node's generation, for the lease.
    pub(crate) fn connected(
        &mut self,
        id: NodeId,
        kind: Option<AddressKind>,
        took: Duration,
        now: Instant,
    ) -> u64 {
        self.counters.connects += 1;
        if self.schedule.request(Reason::Recovered, now) {
            self.wakers.mark(Topic::Schedule);
        }
        self.leave_attempt(id);
        let Some(node) = self.nodes.get_mut(&id) else {
            return 0;
        };
        node.live += 1;
        node.connects += 1;
        node.latency.add(took, now);
        let generation = node.generation;
        self.came_up(id, now);
        if let Some(kind) = kind {
            self.reached_by(kind);
        }
        generation
    }

    /// An attempt failed.
    pub(crate) fn failed(&mut self, failure: Failure<'_>, now: Instant, random: &mut Random) {
        let Failure {
            node: id,
            epoch,
            fault,
            took,
            kind,
            options,
        } = failure;
        self.leave_attempt(id);
        // Others may have waited for what comes of it.
        self.wakers.wake(self.line.wake_all());
        match fault {
            Fault::Node => self.counters.node_faults += 1,
            Fault::Soft => self.counters.soft_faults += 1,
            Fault::Client => self.counters.client_faults += 1,
        }
        // It was tested at an address that is not used any more.
        let is_moot = fault == Fault::Node
            && kind.is_some()
            && options.use_public_ip == PublicIp::Auto
            && self.address_kind.is_some_and(|used| kind != Some(used));
        if let Some(node) = self.nodes.get_mut(&id) {
            node.failures += u64::from(fault != Fault::Client);
            node.public_failed |= fault == Fault::Node && kind == Some(AddressKind::Public);
            match fault {
                // A server that can say what is wrong with us is well.
                Fault::Client => self.came_up(id, now),
                Fault::Soft => node.breaker.soft_fault(epoch, now),
                Fault::Node if is_moot => node.breaker.cancelled(epoch),
                Fault::Node => {
                    if node.breaker.fault(epoch, took, options, now, random) {
                        node.went_down();
                        let info = node.info.clone();
                        self.tell(EventKind::Down, info, now);
                    }
                    self.request_refresh(Reason::NodeFault, now);
                }
            }
        }
        self.wakers.mark(Topic::Schedule);
        self.forget(id);
    }

    /// An attempt was given up.
    pub(crate) fn cancelled(&mut self, id: NodeId, epoch: u64) {
        self.counters.cancelled += 1;
        self.leave_attempt(id);
        if let Some(node) = self.nodes.get_mut(&id) {
            node.breaker.cancelled(epoch);
            if !node.breaker.is_closed() {
                self.wakers.wake(self.line.wake_all());
            }
        }
        self.forget(id);
    }

    /// A connection was made that no attempt stands for. The node's generation.
    pub(crate) fn adopted(&mut self, id: NodeId) -> Option<u64> {
        let node = self.nodes.get_mut(&id)?;
        node.live += 1;
        Some(node.generation)
    }

    /// A connection made in `generation` is no more.
    pub(crate) fn closed(&mut self, id: NodeId, generation: u64) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.left(generation);
        }
        self.forget(id);
    }

    pub(crate) fn request_refresh(&mut self, reason: Reason, now: Instant) {
        if self.mode == Mode::Cluster && self.schedule.request(reason, now) {
            self.wakers.mark(Topic::Schedule);
        }
    }

    pub(crate) fn any_down(&self) -> bool {
        let mut listed = self.nodes.values().filter(|node| node.missed == 0);
        listed.any(|node| !node.breaker.is_closed())
    }

    /// A node whose pause is over, for the background task to try.
    pub(crate) fn to_probe(
        &self,
        options: &Options,
        now: Instant,
    ) -> Option<(NodeId, AddressKind)> {
        let members = self.nodes.values().filter(|node| node.is_member());
        let is_due = |node: &&Node| node.breaker.admits(now, By::Probe) == Admission::Trial;
        // The one that has waited longest: each may take a while, and none is to wait for ever.
        let node = members
            .filter(is_due)
            .min_by_key(|node| node.breaker.probe_at())?;
        let kind = match (options.use_public_ip, self.address_kind) {
            // Nobody waits: a good time to find out whether the other address works.
            (PublicIp::Auto, None) if node.failures % 2 == 1 => AddressKind::Public,
            _ => self.address_kind(options),
        };
        Some((node.id(), kind))
    }

    pub(crate) fn drain(&mut self, id: NodeId, drained: bool, now: Instant) -> bool {
        let Some(node) = self.nodes.get_mut(&id) else {
            return false;
        };
        if node.drained == drained {
            return false;
        }
        node.drained = drained;
        let kind = if drained {
            node.generation += 1;
            EventKind::Drained
        } else {
            EventKind::Undrained
        };
        let info = node.info.clone();
        self.tell(kind, info, now);
        true
    }

    pub(crate) fn tell(&mut self, kind: EventKind, node: Arc<NodeInfo>, now: Instant) {
        self.events.push(kind, node, now);
        self.wakers.mark(Topic::Event);
    }

    pub(crate) fn statuses(&self, now: Instant) -> Vec<NodeStatus> {
        let status = |node: &Node| NodeStatus {
            info: node.info.clone(),
            live: node.live,
            connecting: node.connecting,
            breaker: node.breaker.state(now),
            retry_at: node.breaker.expiry().filter(|at| *at > now),
            latency: node.latency.average(),
            is_listed: node.missed == 0,
            is_drained: node.drained,
            connects: node.connects,
            failures: node.failures,
            generation: node.generation,
        };
        self.nodes.values().map(status).collect()
    }

    /// Removes a node that is neither listed nor used.
    pub(crate) fn forget(&mut self, id: NodeId) {
        let is_gone = |node: &Node| node.missed >= FORGOTTEN_AFTER && node.is_idle();
        if self.nodes.get(&id).is_some_and(is_gone) {
            self.nodes.remove(&id);
        }
    }

    fn leave_attempt(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            debug_assert!(node.connecting > 0, "each attempt is counted once");
            node.connecting = node.connecting.saturating_sub(1);
        }
        self.wakers.wake(self.line.wake_for(id));
    }

    fn came_up(&mut self, id: NodeId, now: Instant) {
        if let Some(node) = self.nodes.get_mut(&id)
            && node.breaker.success(now)
        {
            let info = node.info.clone();
            self.wakers.wake(self.line.wake_all());
            self.tell(EventKind::Up, info, now);
            let closed = |node: &&Node| node.is_member() && node.breaker.is_closed();
            if self.nodes.values().filter(closed).count() == 1 {
                // All were down and one is back: what held them off was probably common to them.
                self.nodes
                    .values_mut()
                    .for_each(|node| node.breaker.relist());
            }
        }
    }

    /// Learns from a connection which addresses work from here, if nothing told before.
    fn reached_by(&mut self, kind: AddressKind) {
        if self.address_kind.is_some() {
            return;
        }
        self.address_kind = Some(kind);
        if kind == AddressKind::Public {
            // Their faults were faults of the other addresses.
            for node in self.nodes.values_mut() {
                node.breaker.restart();
            }
        }
    }
}

/// So many refreshes without a node, and it is gone.
pub(crate) const FORGOTTEN_AFTER: u32 = 2;
