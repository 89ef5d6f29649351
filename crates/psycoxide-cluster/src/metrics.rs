//! Numbers for dashboards: counters that only grow, and what is now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::breaker::BreakerState;
use crate::node::{NodeId, NodeInfo};

/// Counters of one cluster in this process; each only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Attempts that became connections.
    pub connects: u64,
    /// Attempts that failed because of the node.
    pub node_faults: u64,
    /// Attempts a node could not take at that moment.
    pub soft_faults: u64,
    /// Attempts that failed because of what we asked for.
    pub client_faults: u64,
    /// Attempts given up without an answer.
    pub cancelled: u64,
    /// Attempts to nodes that were thought to be down.
    pub trials: u64,
    /// Times a caller had to wait because too many were connecting to the right node.
    pub waits: u64,
    /// Times a caller was sent to the configured hosts because no node could be reached.
    pub contact_fallbacks: u64,
    /// Connections reported as broken while they were open.
    pub lost: u64,
    /// Transactions that were run again after a conflict.
    pub retries: u64,
    /// Refreshes that gave a list.
    pub refreshes: u64,
    /// Refreshes that did not.
    pub refresh_failures: u64,
}

/// One cluster, now.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// What happened so far.
    pub counters: Counters,
    /// How old the list of nodes is; none before the first.
    pub refresh_age: Option<Duration>,
    /// How long the last refresh took.
    pub refresh_time: Option<Duration>,
    /// The nodes.
    pub nodes: Vec<NodeStatus>,
}

/// One node, now.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeStatus {
    /// Who it is.
    pub info: Arc<NodeInfo>,
    /// Open connections of this process.
    pub live: u32,
    /// Connections being opened.
    pub connecting: u32,
    /// Whether it is used, left alone or being tried.
    pub breaker: BreakerState,
    /// When it is tried again, if it is left alone.
    pub retry_at: Option<Instant>,
    /// How long connecting takes, on average.
    pub latency: Option<Duration>,
    /// Whether the cluster still lists it.
    pub is_listed: bool,
    /// Whether the application set it aside.
    pub is_drained: bool,
    /// Connections made so far.
    pub connects: u64,
    /// Attempts that failed so far.
    pub failures: u64,
    /// Grows whenever its open connections have become doubtful.
    pub generation: u64,
}

impl NodeStatus {
    /// The node's number, for `drain`.
    pub fn id(&self) -> NodeId {
        self.info.id
    }
}
