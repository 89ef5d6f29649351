//! A member of a cluster: who it is, where it stands, how it is reached, and what we have with it.
//!
//! [`NodeInfo`] is what the cluster says and never changes; a refresh that says something else
//! replaces it. `Node` adds what this process knows: counts, breaker, connect time.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::Endpoint;
use crate::breaker::Breaker;
use crate::latency::Latency;
use crate::options::Options;

/// A node within its cluster; given once, never again to another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u64);

impl NodeId {
    /// The number.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// What a node may be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeType {
    /// Holds replicas that take part in consensus.
    #[default]
    Primary,
    /// Holds copies for reading only.
    ReadReplica,
    /// A plain PostgreSQL server: nobody says what it is, so it is any.
    Unknown,
}

/// Where a node stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The cloud provider.
    pub cloud: Arc<str>,
    /// The region.
    pub region: Arc<str>,
    /// The zone.
    pub zone: Arc<str>,
}

/// What the cluster says of one of its nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its number in this process.
    pub id: NodeId,
    /// The tserver's `uuid`, if it was told.
    pub uuid: Option<Arc<str>>,
    /// The address it is known by inside the cluster.
    pub private: Endpoint,
    /// The address for those outside.
    pub public: Option<Endpoint>,
    /// What the application wants used in place of both.
    pub mapped: Option<Endpoint>,
    /// Where it stands.
    pub placement: Placement,
    /// What it may be used for.
    pub node_type: NodeType,
}

/// Which of its addresses a node is reached at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressKind {
    /// The one known inside the cluster.
    #[default]
    Private,
    /// The one for those outside.
    Public,
}

impl NodeType {
    /// What `yb_servers()` calls it. The function's own page writes `readreplica`.
    pub(crate) fn read(text: Option<&str>) -> Self {
        let text = text.unwrap_or_default().trim().to_ascii_lowercase();
        match text.replace(['_', '-', ' '], "").as_str() {
            "readreplica" => Self::ReadReplica,
            _ => Self::Primary,
        }
    }

    /// The text the servers use; empty when unknown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::ReadReplica => "read_replica",
            Self::Unknown => "",
        }
    }
}

impl NodeInfo {
    /// The address to connect to.
    pub fn endpoint(&self, kind: AddressKind) -> &Endpoint {
        if let Some(mapped) = &self.mapped {
            return mapped;
        }
        match (kind, &self.public) {
            (AddressKind::Public, Some(public)) => public,
            _ => &self.private,
        }
    }

    /// Whether the two kinds of address lead to different places.
    pub(crate) fn has_two_addresses(&self) -> bool {
        let public = self.public.as_ref();
        self.mapped.is_none() && public.is_some_and(|public| !public.is_same_as(&self.private))
    }

    /// Whether a connection to this place is one to this node.
    pub(crate) fn is_at(&self, endpoint: &Endpoint) -> bool {
        let others = [self.public.as_ref(), self.mapped.as_ref()];
        self.private.is_same_as(endpoint)
            || others
                .into_iter()
                .flatten()
                .any(|mine| mine.is_same_as(endpoint))
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.cloud, self.region, self.zone)
    }
}

/// A node and what this process has with it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) info: Arc<NodeInfo>,
    /// Open connections; each is one lease.
    pub(crate) live: u32,
    /// How many of them were there when the node last went down. They are most likely dead, though
    /// nobody has noticed yet, so the policies leave them out.
    pub(crate) doubtful: u32,
    /// Connections being opened; each is one attempt.
    pub(crate) connecting: u32,
    pub(crate) latency: Latency,
    pub(crate) breaker: Breaker,
    /// Grows whenever the open connections of the node have become doubtful.
    pub(crate) generation: u64,
    /// The first generation whose connections were made after the node last went down.
    pub(crate) up_again: u64,
    /// How many refreshes in a row did not list it.
    pub(crate) missed: u32,
    /// Set aside by the application.
    pub(crate) drained: bool,
    /// Whether the public address was tried in vain, before any address was known to work.
    pub(crate) public_failed: bool,
    pub(crate) connects: u64,
    pub(crate) failures: u64,
}

impl Node {
    pub(crate) fn new(info: Arc<NodeInfo>) -> Self {
        Self {
            info,
            live: 0,
            doubtful: 0,
            connecting: 0,
            latency: Latency::default(),
            breaker: Breaker::default(),
            generation: 0,
            up_again: 0,
            missed: 0,
            drained: false,
            public_failed: false,
            connects: 0,
            failures: 0,
        }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.info.id
    }

    /// Whether new connections may go there at all.
    pub(crate) fn is_member(&self) -> bool {
        self.missed == 0 && !self.drained
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.live == 0 && self.connecting == 0
    }

    /// Notes that the node went down: whoever is connected to it most likely no longer is.
    pub(crate) fn went_down(&mut self) {
        self.generation += 1;
        self.up_again = self.generation;
        self.doubtful = self.live;
    }

    /// Notes that a connection made in `generation` is no more.
    pub(crate) fn left(&mut self, generation: u64) {
        debug_assert!(self.live > 0, "each lease is counted once");
        self.live = self.live.saturating_sub(1);
        if generation < self.up_again {
            debug_assert!(self.doubtful > 0, "each doubtful lease is counted once");
            self.doubtful = self.doubtful.saturating_sub(1);
        }
    }

    /// What the policies compare, in thousandths of a connection.
    ///
    /// A node that has just come back counts each connection *being opened* up to four times. So it
    /// is not flooded by callers who arrive together, while callers who come one after the other
    /// still fill it to the level of its peers.
    pub(crate) fn load(&self, options: &Options, now: Instant) -> u64 {
        let opening = u64::from(self.connecting);
        let left = self.breaker.slow_start_left(now, options.slow_start);
        let handicap = opening * (left * 3000.0) as u64;
        let certain = u64::from(self.live.saturating_sub(self.doubtful));
        (certain + opening) * 1000 + handicap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(public: Option<&str>, mapped: Option<&str>) -> NodeInfo {
        NodeInfo {
            id: NodeId(1),
            uuid: None,
            private: Endpoint::new("10.0.0.1", 5433),
            public: public.map(|host| Endpoint::new(host, 5433)),
            mapped: mapped.map(|host| Endpoint::new(host, 15433)),
            placement: Placement::default(),
            node_type: NodeType::Primary,
        }
    }

    #[test]
    fn the_mapped_address_wins_and_a_missing_public_one_is_the_private() {
        let host = |info: &NodeInfo, kind| info.endpoint(kind).host.to_string();
        let plain = info(None, None);
        assert_eq!(host(&plain, AddressKind::Public), "10.0.0.1");
        let both = info(Some("34.1.1.1"), None);
        assert_eq!(host(&both, AddressKind::Public), "34.1.1.1");
        assert_eq!(host(&both, AddressKind::Private), "10.0.0.1");
        assert!(both.has_two_addresses() && both.is_at(&Endpoint::new("34.1.1.1", 5433)));
        let mapped = info(Some("34.1.1.1"), Some("localhost"));
        assert_eq!(host(&mapped, AddressKind::Public), "localhost");
        assert!(!mapped.has_two_addresses());
    }

    #[test]
    fn node_types_are_read_in_both_spellings() {
        for text in [
            "read_replica",
            "readreplica",
            "READ_REPLICA",
            "read-replica",
        ] {
            assert_eq!(NodeType::read(Some(text)), NodeType::ReadReplica);
        }
        for text in [Some("primary"), Some("PRIMARY"), Some("?"), None] {
            assert_eq!(NodeType::read(text), NodeType::Primary);
        }
    }
}
