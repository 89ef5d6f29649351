//! Answers of servers, sensible and not.

use proptest::prelude::*;

use super::*;

fn row(host: &str, port: i64) -> ServerRow {
    ServerRow {
        host: Some(host.to_owned()),
        port: Some(port),
        ..ServerRow::default()
    }
}

fn listing(rows: Vec<ServerRow>) -> Listing {
    let snapshot = Snapshot {
        rows,
        ..Snapshot::default()
    };
    Listing::new(&snapshot, 5433)
}

fn reasons(listing: &Listing) -> Vec<(usize, RejectedReason)> {
    let pair = |rejected: &Rejected| (rejected.row, rejected.reason);
    listing.rejected.iter().map(pair).collect()
}

#[test]
fn rows_that_cannot_be_connected_to_are_left_out() {
    let mut rows = vec![row("good", 5433), ServerRow::default()];
    rows.extend(["", " ", "/tmp", "a,b", "a b", "a\n", "x@y", "a\0b"].map(|host| row(host, 1)));
    rows.extend([0, -1, 65536, i64::MAX, i64::MIN].map(|port| row("absurd", port)));
    rows.push(row("fine", 65535));
    rows.push(row(&"h".repeat(256), 1));
    let listing = listing(rows);
    let hosts: Vec<_> = listing
        .nodes
        .iter()
        .map(|node| &*node.private.host)
        .collect();
    // A line feed at the end is only dirt around the name.
    assert_eq!(hosts, ["good", "a", "fine"]);
    let hosts = reasons(&listing)
        .iter()
        .filter(|(_, reason)| *reason == RejectedReason::Host)
        .count();
    assert_eq!((hosts, listing.rejected.len()), (9, 14));
}

#[test]
fn missing_columns_are_no_obstacle() {
    let listing = listing(vec![ServerRow {
        host: Some("h".into()),
        ..ServerRow::default()
    }]);
    let node = &listing.nodes[0];
    assert_eq!(node.private, Endpoint::new("h", 5433));
    assert_eq!(node.node_type, NodeType::Primary);
    assert_eq!(node.placement.to_string(), "..");
    assert!(node.uuid.is_none() && node.public.is_none() && listing.universe.is_none());
}

#[test]
fn a_node_listed_twice_is_one() {
    let uuid = |mut row: ServerRow, uuid: &str| {
        row.uuid = Some(uuid.to_owned());
        row
    };
    let listing = listing(vec![
        uuid(row("a", 5433), "u1"),
        uuid(row("b", 5433), "u1"),
        uuid(row("A", 5433), "u2"),
        uuid(row("a", 5434), "u3"),
    ]);
    assert_eq!(listing.nodes.len(), 2);
    let twice = RejectedReason::Duplicate;
    assert_eq!(reasons(&listing), [(1, twice), (2, twice)]);
}

#[test]
fn the_list_is_bounded() {
    let rows = (0..5000).map(|number| row(&format!("h{number}"), 5433));
    let listing = listing(rows.collect());
    assert_eq!(listing.nodes.len(), MAX_NODES);
    assert_eq!(reasons(&listing), [(MAX_NODES, RejectedReason::TooMany)]);
}

#[test]
fn the_contact_tells_which_addresses_work_from_here() {
    let mut one = row("10.0.0.1", 5433);
    one.public_ip = Some("34.0.0.1".into());
    let mut two = row("10.0.0.2", 5433);
    two.public_ip = Some(String::new());
    let kind = |contact: &str, peer: Option<&str>| {
        let snapshot = Snapshot {
            rows: vec![one.clone(), two.clone()],
            contact: Some(Endpoint::new(contact, 5433)),
            peer: peer.and_then(|peer| peer.parse().ok()),
        };
        Listing::new(&snapshot, 5433).address_kind
    };
    assert_eq!(kind("10.0.0.2", None), Some(AddressKind::Private));
    assert_eq!(kind("34.0.0.1", None), Some(AddressKind::Public));
    assert_eq!(
        kind("db.example", Some("34.0.0.1")),
        Some(AddressKind::Public)
    );
    assert_eq!(
        kind("db.example", Some("10.0.0.1")),
        Some(AddressKind::Private)
    );
    assert_eq!(kind("db.example", Some("1.2.3.4")), None);
}

proptest! {
    #[test]
    fn any_rows_give_a_list_that_can_be_tried(
        rows in prop::collection::vec(
            (any::<Option<String>>(), any::<Option<i64>>(), any::<Option<String>>()), 0..20,
        ),
    ) {
        let rows: Vec<ServerRow> = rows
            .into_iter()
            .map(|(host, port, uuid)| ServerRow {
                host: host.clone(), port, uuid: uuid.clone(), public_ip: uuid,
                universe_uuid: host, ..ServerRow::default()
            })
            .collect();
        let count = rows.len();
        let listing = listing(rows);
        prop_assert_eq!(listing.nodes.len() + listing.rejected.len(), count);
        for node in &listing.nodes {
            prop_assert!(node.private.port > 0 && !node.private.host.is_empty());
            prop_assert!(!node.private.host.contains(['/', ',', '\0', '\n']));
        }
    }
}
