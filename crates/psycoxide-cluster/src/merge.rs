//! A new list of nodes replaces the old one, and what is known of them stays.
//!
//! The rule it guards: the local breaker wins over the list. A cluster lists dead nodes for a while,
//! so a node that is *still* listed gains nothing by it; one that is listed *again* gets a trial. A
//! node that is listed no more gets no connection, and is forgotten after two lists without it, once
//! its last connection is closed.

use std::sync::Arc;
use std::time::Instant;

use crate::endpoint::sorted;
use crate::events::EventKind;
use crate::node::{Node, NodeId, NodeInfo, NodeType, Placement};
use crate::snapshot::{Listed, Listing, Rejected};
use crate::state::{FORGOTTEN_AFTER, Mode, State};
use crate::{Endpoint, Error};

/// What identifies a cluster, whoever connects to it with whatever name and password.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClusterKey {
    /// The `universe_uuid`.
    Universe(Arc<str>),
    /// The `uuid`s of its nodes, in order: servers before `universe_uuid`.
    Tservers(Vec<Arc<str>>),
    /// Where its nodes are, in order: servers that tell no identity.
    Endpoints(Vec<Endpoint>),
    /// The configured hosts, in order: plain PostgreSQL.
    Static(Vec<Endpoint>),
}

/// What a list of nodes changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeReport {
    /// How many nodes there are now.
    pub known: usize,
    /// Those that are new, or back.
    pub joined: Vec<Arc<NodeInfo>>,
    /// Those that are listed no more.
    pub left: Vec<Arc<NodeInfo>>,
    /// Rows that made no sense.
    pub rejected: Vec<Rejected>,
}

impl ClusterKey {
    pub(crate) fn of(listing: &Listing) -> Self {
        if let Some(universe) = &listing.universe {
            return Self::Universe(universe.clone());
        }
        let uuids = listing.nodes.iter().filter_map(|node| node.uuid.clone());
        let mut uuids: Vec<Arc<str>> = uuids.collect();
        if !uuids.is_empty() {
            uuids.sort();
            return Self::Tservers(uuids);
        }
        let places = listing.nodes.iter().map(|node| node.private.clone());
        Self::Endpoints(sorted(&places.collect::<Vec<_>>()))
    }
}

impl State {
    /// Whether the listing is of this cluster.
    pub(crate) fn is_same(&self, key: &ClusterKey, listing: &Listing) -> bool {
        match (&self.key, key) {
            (None, _) => false,
            (Some(mine), theirs) if mine == theirs => true,
            (Some(ClusterKey::Universe(_)), ClusterKey::Universe(_)) => false,
            // Nodes come and go, so one in common is enough.
            _ => listing.nodes.iter().any(|listed| {
                listed.uuid.is_some()
                    && (self.nodes.values()).any(|node| node.info.uuid == listed.uuid)
            }),
        }
    }

    /// Whether the listing has a place that is not known.
    pub(crate) fn lacks_some_of(&self, listing: &Listing) -> bool {
        let mut listed = listing.nodes.iter();
        listed.any(|listed| self.find_listed(listed).is_none())
    }

    /// Takes over a list.
    pub(crate) fn merge(&mut self, listing: Listing, now: Instant) -> Result<MergeReport, Error> {
        if listing.nodes.is_empty() {
            return Err(Error::NoUsableRow {
                rejected: listing.rejected.len(),
            });
        }
        let key = ClusterKey::of(&listing);
        if let (Some(ClusterKey::Universe(expected)), ClusterKey::Universe(found)) =
            (&self.key, &key)
            && expected != found
        {
            return Err(Error::OtherCluster {
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
        // A node that does not know the universe does not make the cluster another one.
        if !matches!(self.key, Some(ClusterKey::Universe(_))) {
            self.key = Some(key);
        }
        self.mode = Mode::Cluster;
        if self.address_kind.is_none() {
            self.address_kind = listing.address_kind;
        }
        let mut report = MergeReport {
            rejected: listing.rejected,
            ..MergeReport::default()
        };
        let mut seen = Vec::with_capacity(listing.nodes.len());
        for listed in listing.nodes {
            let (id, joined) = match self.find_listed(&listed) {
                Some(id) => (id, self.update(id, listed)),
                None => (self.add(listed), true),
            };
            seen.push(id);
            if joined && let Some(node) = self.nodes.get(&id) {
                let info = node.info.clone();
                report.joined.push(info.clone());
                self.tell(EventKind::Joined, info, now);
            }
        }
        let others: Vec<NodeId> = (self.nodes.keys().copied())
            .filter(|id| !seen.contains(id))
            .collect();
        for id in others {
            if let Some(info) = self.miss(id) {
                report.left.push(info.clone());
                self.tell(EventKind::Left, info, now);
            }
            self.forget(id);
        }
        report.known = seen.len();
        Ok(report)
    }

    /// Plain PostgreSQL: the configured hosts are the list.
    pub(crate) fn make_static(&mut self, contacts: &[Endpoint]) {
        self.mode = Mode::Static;
        self.key = Some(ClusterKey::Static(sorted(contacts)));
        for contact in sorted(contacts) {
            // Sorting lowered the case; the application's own spelling is what is connected to.
            let given = contacts.iter().find(|given| given.is_same_as(&contact));
            let private = given.cloned().unwrap_or(contact);
            self.add(Listed {
                uuid: None,
                private,
                public: None,
                mapped: None,
                placement: Placement::default(),
                node_type: NodeType::Unknown,
            });
        }
    }

    fn find_listed(&self, listed: &Listed) -> Option<NodeId> {
        let mut nodes = self.nodes.values();
        let by_uuid = listed
            .uuid
            .as_ref()
            .and_then(|uuid| nodes.find(|node| node.info.uuid.as_ref() == Some(uuid)));
        let found = by_uuid.or_else(|| {
            // Another identity at the same place is another node.
            self.nodes.values().find(|node| {
                (node.info.uuid.is_none() || listed.uuid.is_none())
                    && node.info.private.is_same_as(&listed.private)
            })
        });
        found.map(Node::id)
    }

    fn add(&mut self, listed: Listed) -> NodeId {
        let id = NodeId(self.next_id);
        self.next_id += 1;
        let node = Node::new(Arc::new(info(id, listed, None)));
        self.nodes.insert(id, node);
        id
    }

    /// Whether the node is back by it.
    fn update(&mut self, id: NodeId, listed: Listed) -> bool {
        let Some(node) = self.nodes.get_mut(&id) else {
            return false;
        };
        let new = info(id, listed, node.info.uuid.clone());
        let has_moved = !node.info.private.is_same_as(&new.private);
        if *node.info != new {
            node.info = Arc::new(new);
        }
        let is_back = node.missed > 0;
        node.missed = 0;
        if has_moved {
            node.breaker.restart();
        } else if is_back {
            node.breaker.relist();
        }
        is_back
    }

    /// The node, if this was the first list without it.
    fn miss(&mut self, id: NodeId) -> Option<Arc<NodeInfo>> {
        let node = self.nodes.get_mut(&id)?;
        node.missed = (node.missed + 1).min(FORGOTTEN_AFTER);
        (node.missed == 1).then(|| node.info.clone())
    }
}

fn info(id: NodeId, listed: Listed, known_uuid: Option<Arc<str>>) -> NodeInfo {
    NodeInfo {
        id,
        uuid: listed.uuid.or(known_uuid),
        private: listed.private,
        public: listed.public,
        mapped: listed.mapped,
        placement: listed.placement,
        node_type: listed.node_type,
    }
}

#[cfg(test)]
#[path = "merge/tests.rs"]
mod tests;
