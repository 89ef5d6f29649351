//! Placements and node types: the specification's scenarios B1 to B10 and C1 to C7, simulated.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use psycoxide_cluster::{Error, LoadBalance};
use psycoxide_conninfo::environment::Fixed;
use psycoxide_conninfo::{Parameters, Profile, resolve};
use support::*;

/// Twelve connections to nodes 1 to 3 in zones a to c, with these keys.
fn twelve(keys: &str) -> Vec<usize> {
    let mut world = World::new(&["a", "b", "c"], 1);
    let connections = world.connect_each(&Client::at(&[1]).keys(keys), 12);
    world.alive(&connections)
}

#[test]
fn b1_to_b7_keys_and_their_levels() {
    let expected = [
        ("c.r.a,c.r.c", [6, 0, 6]),
        ("c.r.a,c.r.b:1,c.r.c:2", [6, 6, 0]),
        ("c.r.a:1,c.r.b:2,c.r.c:3", [12, 0, 0]),
        ("c.r.*,c.r.b:1,c.r.c:2", [4, 4, 4]),
        ("c.r.*:1,c.r.b:2,c.r.c:3", [4, 4, 4]),
        ("c.r.BAD:1,c.r.b:2,c.r.c:3", [0, 12, 0]),
        ("c.r.BAD:1,c.r.b:2,c.r.c:2", [0, 6, 6]),
        ("c.r.a:1,c.r.BAD:2,c.r.c:3", [12, 0, 0]),
        ("c.r.BAD:1,c.r.BAD:2,c.r.c:3", [0, 0, 12]),
        ("c.r.BAD:1,c.r.BAD:2,c.r.*:3", [4, 4, 4]),
    ];
    for (keys, counts) in expected {
        assert_eq!(twelve(keys), counts, "{keys}");
    }
}

#[test]
fn b8_levels_need_not_be_consecutive() {
    let mut world = World::new(&["a", "b", "c"], 1);
    world.kill(&[1]);
    let client = Client::at(&[2]).keys("c.r.a:1,c.r.c:5");
    let connections = world.connect_each(&client, 12);
    assert_eq!(world.alive(&connections), [0, 0, 12]);
}

#[test]
fn b9_keys_that_name_no_node() {
    assert_eq!(twelve("c.r.BAD"), [4, 4, 4]);
    let mut world = World::new(&["a", "b", "c"], 1);
    let client = Client::at(&[1]).keys("c.r.BAD");
    let client = client.with(|options| options.fallback_to_topology_keys_only = true);
    let error = Error::NoEligibleNode {
        load_balance: LoadBalance::Any,
        bound_to_keys: true,
        known: 3,
        drained: 0,
    };
    assert_eq!(world.connect(&client).unwrap_err(), Failure::Cluster(error));
    assert_eq!(world.attempts, [0; 0]);
}

#[test]
fn b10_what_is_no_key_is_refused_before_anything_is_done() {
    for key in [
        "a:", "c.r.z:0", "c.r.z:11", "c.r.z:-1", "c.r.z:x", "c", "*.r.z",
    ] {
        let mut parameters = Parameters::parse("host=h load_balance=true").unwrap();
        parameters.set("topology_keys", key).unwrap();
        let error = resolve(&parameters, &Fixed::default(), Profile::Yugabyte).unwrap_err();
        assert!(error.to_string().contains("topology_keys"), "{error}");
    }
}

/// Primary nodes 1 to 3 in a, b, c; read replicas 4 to 6 in b, c, d.
fn with_replicas() -> World {
    World::new(&["a", "b", "c", "b/r", "c/r", "d/r"], 1)
}

/// Twelve connections when these nodes are dead, and still listed. None: an error.
fn counts(client: &Client, dead: &[usize]) -> Option<Vec<usize>> {
    let mut world = with_replicas();
    // Known while all were well, by a host that stays.
    drop(world.connect(client).unwrap());
    world.kill(dead);
    let connections: Result<Vec<_>, _> = (0..12).map(|_| world.connect(client)).collect();
    connections
        .ok()
        .map(|connections| world.alive(&connections))
}

#[test]
fn c1_c2_types_of_nodes() {
    use LoadBalance::*;
    let expected = [
        (Any, [2, 2, 2, 2, 2, 2]),
        (OnlyPrimary, [4, 4, 4, 0, 0, 0]),
        (OnlyReadReplica, [0, 0, 0, 4, 4, 4]),
        (PreferPrimary, [4, 4, 4, 0, 0, 0]),
        (PreferReadReplica, [0, 0, 0, 4, 4, 4]),
    ];
    for (load_balance, wanted) in expected {
        let client = Client::at(&[1]).balancing(load_balance);
        assert_eq!(counts(&client, &[]).unwrap(), wanted, "{load_balance:?}");
    }
}

#[test]
fn c3_c4_only_fails_where_prefer_goes_on() {
    use LoadBalance::*;
    let client = |load_balance| Client::at(&[1, 4]).balancing(load_balance);
    assert_eq!(counts(&client(OnlyReadReplica), &[4, 5, 6]), None);
    let primaries = Some(vec![4, 4, 4, 0, 0, 0]);
    assert_eq!(counts(&client(PreferReadReplica), &[4, 5, 6]), primaries);
    assert_eq!(counts(&client(OnlyPrimary), &[1, 2, 3]), None);
    let replicas = Some(vec![0, 0, 0, 4, 4, 4]);
    assert_eq!(counts(&client(PreferPrimary), &[1, 2, 3]), replicas);
}

#[test]
fn c5_c6_c7_types_and_keys() {
    use LoadBalance::*;
    let client = |load_balance| {
        Client::at(&[3])
            .balancing(load_balance)
            .keys("c.r.a:1,c.r.b:2")
    };
    let cases: [(LoadBalance, &[usize], [usize; 6]); 8] = [
        (Any, &[], [12, 0, 0, 0, 0, 0]),
        (Any, &[1], [0, 6, 0, 6, 0, 0]),
        (Any, &[1, 2, 4], [0, 0, 4, 0, 4, 4]),
        (OnlyReadReplica, &[], [0, 0, 0, 12, 0, 0]),
        (OnlyReadReplica, &[4], [0, 0, 0, 0, 6, 6]),
        (PreferReadReplica, &[], [0, 0, 0, 12, 0, 0]),
        (PreferReadReplica, &[4], [0, 0, 0, 0, 6, 6]),
        // The other type is taken in the entire cluster: keys do not order it.
        (PreferReadReplica, &[4, 5, 6], [4, 4, 4, 0, 0, 0]),
    ];
    for (load_balance, dead, wanted) in cases {
        let counts = counts(&client(load_balance), dead).unwrap();
        assert_eq!(counts, wanted, "{load_balance:?} without {dead:?}");
    }
    let bound = client(OnlyReadReplica);
    let bound = bound.with(|options| options.fallback_to_topology_keys_only = true);
    assert_eq!(counts(&bound, &[4]), None);
}
