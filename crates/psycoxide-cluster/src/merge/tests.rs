//! Nodes that appear, vanish, come back and change.

use std::time::Duration;

use super::*;
use crate::random::Random;
use crate::snapshot::{ServerRow, Snapshot};
use crate::state::Failure;
use crate::{BreakerState, Fault, Options};

fn row(host: &str, uuid: Option<&str>, universe: Option<&str>) -> ServerRow {
    ServerRow {
        host: Some(host.to_owned()),
        port: Some(5433),
        uuid: uuid.map(str::to_owned),
        universe_uuid: universe.map(str::to_owned),
        ..ServerRow::default()
    }
}

struct Rig {
    state: State,
    now: Instant,
    random: Random,
}

impl Rig {
    fn new() -> Self {
        Self {
            state: State::default(),
            now: Instant::now(),
            random: Random::new(1),
        }
    }

    fn try_merge(&mut self, rows: Vec<ServerRow>) -> Result<MergeReport, Error> {
        let snapshot = Snapshot {
            rows,
            ..Snapshot::default()
        };
        self.state.merge(Listing::new(&snapshot, 5433), self.now)
    }

    /// Merges nodes that tell only a place; who joined and who left.
    fn merge(&mut self, hosts: &[&str]) -> (String, String) {
        let rows = hosts.iter().map(|host| row(host, None, None));
        let report = self.try_merge(rows.collect()).unwrap();
        let hosts = |nodes: &[Arc<NodeInfo>]| {
            let hosts: Vec<&str> = nodes.iter().map(|node| &*node.private.host).collect();
            hosts.join(" ")
        };
        (hosts(&report.joined), hosts(&report.left))
    }

    fn id(&self, host: &str) -> NodeId {
        let mut nodes = self.state.nodes.values();
        nodes
            .find(|node| &*node.info.private.host == host)
            .unwrap()
            .id()
    }

    fn kill(&mut self, host: &str) {
        let id = self.id(host);
        let reserved = self.state.reserve(id, self.now).unwrap();
        let failure = Failure {
            node: id,
            epoch: reserved.epoch,
            fault: Fault::Node,
            took: Duration::ZERO,
            kind: None,
            options: &Options::default(),
        };
        self.state.failed(failure, self.now, &mut self.random);
    }

    fn breaker(&self, host: &str) -> BreakerState {
        self.state.nodes[&self.id(host)].breaker.state(self.now)
    }

    fn members(&self) -> usize {
        self.state
            .levels(&Options::default())
            .iter()
            .map(Vec::len)
            .sum()
    }
}

fn said(joined: &str, left: &str) -> (String, String) {
    (joined.to_owned(), left.to_owned())
}

#[test]
fn who_vanishes_is_unused_at_once_and_forgotten_after_two_lists() {
    let mut rig = Rig::new();
    assert_eq!(rig.merge(&["a", "b"]), said("a b", ""));
    assert_eq!(rig.merge(&["a"]), said("", "b"));
    assert_eq!((rig.members(), rig.state.nodes.len()), (1, 2));
    assert_eq!(rig.merge(&["a"]), said("", ""));
    assert_eq!(rig.state.nodes.len(), 1);
    assert_eq!(rig.merge(&["a", "b"]), said("b", ""));
}

#[test]
fn a_node_with_connections_is_not_forgotten() {
    let mut rig = Rig::new();
    rig.merge(&["a", "b"]);
    let id = rig.id("b");
    rig.state.reserve(id, rig.now).unwrap();
    rig.state.connected(id, None, Duration::ZERO, rig.now);
    for _ in 0..4 {
        rig.merge(&["a"]);
    }
    assert_eq!(rig.state.nodes[&id].live, 1);
    assert_eq!(rig.merge(&["a", "b"]), said("b", ""));
    assert_eq!(rig.state.nodes[&id].live, 1);
    for _ in 0..4 {
        rig.merge(&["a"]);
    }
    rig.state.closed(id, 0);
    assert!(!rig.state.nodes.contains_key(&id));
}

#[test]
fn still_listed_changes_nothing_listed_again_is_half_open() {
    let mut rig = Rig::new();
    rig.merge(&["a", "b"]);
    rig.kill("b");
    rig.merge(&["a", "b"]);
    assert_eq!(rig.breaker("b"), BreakerState::Open);
    rig.merge(&["a"]);
    rig.merge(&["a", "b"]);
    assert_eq!(rig.breaker("b"), BreakerState::HalfOpen);
}

#[test]
fn a_node_keeps_its_identity_when_it_moves_or_first_tells_it() {
    let mut rig = Rig::new();
    rig.merge(&["a"]);
    let id = rig.id("a");
    rig.try_merge(vec![row("a", Some("u1"), None)]).unwrap();
    assert_eq!(rig.id("a"), id);
    rig.kill("a");
    rig.try_merge(vec![row("elsewhere", Some("u1"), None)])
        .unwrap();
    assert_eq!(rig.id("elsewhere"), id);
    assert_eq!(rig.breaker("elsewhere"), BreakerState::HalfOpen);
    // Older servers in the middle of an upgrade.
    rig.try_merge(vec![row("elsewhere", None, None)]).unwrap();
    assert_eq!(rig.state.nodes[&id].info.uuid.as_deref(), Some("u1"));
    assert_eq!(rig.state.nodes.len(), 1);
}

#[test]
fn another_identity_at_the_same_place_is_another_node() {
    let mut rig = Rig::new();
    rig.try_merge(vec![row("a", Some("u1"), None)]).unwrap();
    let id = rig.id("a");
    let report = rig.try_merge(vec![row("a", Some("u2"), None)]).unwrap();
    assert_eq!((report.joined.len(), report.left.len()), (1, 1));
    assert_ne!(report.joined[0].id, id);
}

#[test]
fn a_list_of_another_cluster_or_of_nothing_is_refused_and_harmless() {
    let mut rig = Rig::new();
    rig.try_merge(vec![row("a", Some("u1"), Some("mine"))])
        .unwrap();
    let error = rig.try_merge(vec![row("x", Some("u9"), Some("other"))]);
    assert!(matches!(error, Err(Error::OtherCluster { .. })));
    let error = rig.try_merge(vec![row("/tmp", None, None)]);
    assert_eq!(error, Err(Error::NoUsableRow { rejected: 1 }));
    assert_eq!(rig.members(), 1);
    // A node that does not know the universe yet.
    rig.try_merge(vec![row("a", Some("u1"), None)]).unwrap();
    assert_eq!(rig.state.key, Some(ClusterKey::Universe("mine".into())));
}

#[test]
fn clusters_are_the_same_by_universe_by_nodes_or_by_places() {
    let listing = |rows: Vec<ServerRow>| {
        let snapshot = Snapshot {
            rows,
            ..Snapshot::default()
        };
        Listing::new(&snapshot, 5433)
    };
    let same = |first: ServerRow, second: ServerRow| {
        let mut rig = Rig::new();
        rig.try_merge(vec![first]).unwrap();
        let listing = listing(vec![second]);
        rig.state.is_same(&ClusterKey::of(&listing), &listing)
    };
    assert!(same(
        row("a", Some("u1"), Some("x")),
        row("b", Some("u2"), Some("x"))
    ));
    assert!(!same(
        row("a", Some("u1"), Some("x")),
        row("a", Some("u1"), Some("y"))
    ));
    assert!(same(row("a", Some("u1"), None), row("b", Some("u1"), None)));
    assert!(same(
        row("a", Some("u1"), None),
        row("b", Some("u1"), Some("x"))
    ));
    assert!(!same(
        row("a", Some("u1"), None),
        row("a", Some("u2"), None)
    ));
    assert!(same(row("a", None, None), row("A", None, None)));
    assert!(!same(row("a", None, None), row("b", None, None)));
}
