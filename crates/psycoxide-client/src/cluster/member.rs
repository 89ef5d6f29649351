//! A connection's place at a node, as long as the connection lives.
//!
//! The rule it guards: the place is given back once, when the connection is closed, found broken or
//! freed; which node it was stays known.

use std::sync::{Arc, Weak};
use std::time::Instant;

use psycoxide_cluster::{Cluster, Lease, NodeInfo};

/// A connection's membership in a cluster.
#[derive(Debug)]
pub struct Member {
    info: Arc<NodeInfo>,
    cluster: Weak<Cluster>,
    /// None once the connection has ended.
    lease: Option<Lease>,
}

impl Member {
    pub(crate) fn new(cluster: &Arc<Cluster>, lease: Lease) -> Member {
        Member {
            info: lease.info().clone(),
            cluster: Arc::downgrade(cluster),
            lease: Some(lease),
        }
    }

    /// The node, as it was when the connection was made.
    pub fn node(&self) -> &Arc<NodeInfo> {
        &self.info
    }

    /// The cluster, unless the process has forgotten it.
    pub fn cluster(&self) -> Option<Arc<Cluster>> {
        self.cluster.upgrade()
    }

    /// Whether the node has gone down, or was drained, since the connection was made.
    pub fn is_doubtful(&self) -> bool {
        self.lease.as_ref().is_none_or(Lease::is_doubtful)
    }

    /// The connection was closed in good order.
    pub(crate) fn closed(&mut self) {
        self.lease = None;
    }

    /// The connection was found broken.
    pub(crate) fn lost(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.lost(Instant::now());
        }
    }
}
