//! Nodes that die, return and join: the specification's scenarios D1 to D7 and E1 to E3, simulated.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use std::time::Duration;

use support::*;

const KEYS: &str = "c.us-west.*:1,c.us-east.*:2,c.eu-west.*:3,c.eu-north.*:4";

/// Nodes 1-3 in us-west, 4-5 in us-east, 6 and 9 in eu-north, 7 and 8 in eu-west.
fn nine() -> World {
    let zones = [
        "us-west.a",
        "us-west.b",
        "us-west.c",
        "us-east.a",
        "us-east.b",
        "eu-north.a",
        "eu-west.a",
        "eu-west.b",
        "eu-north.b",
    ];
    World::new(&zones, 1)
}

/// The configured hosts are all there are, as a prudent application has it.
fn client() -> Client {
    let client = Client::at(&[1, 2, 3, 4, 5, 6, 7, 8, 9]).keys(KEYS);
    client.with(|options| options.refresh_interval = Duration::ZERO)
}

/// Only the nodes that have any, as (node, connections).
fn busy(counts: &[usize]) -> Vec<(usize, usize)> {
    let numbered = counts.iter().copied().zip(1..);
    numbered
        .filter(|(count, _)| *count > 0)
        .map(|(count, number)| (number, count))
        .collect()
}

type Change<'a> = (&'a [usize], &'a [usize], &'a [(usize, usize)]);

/// Who stops, who starts, and where twelve new connections are then.
const D1: [Change<'_>; 8] = [
    (&[], &[], &[(1, 4), (2, 4), (3, 4)]),
    (&[1, 3], &[], &[(2, 12)]),
    (&[2], &[], &[(4, 6), (5, 6)]),
    (&[4], &[], &[(5, 12)]),
    (&[5], &[], &[(7, 6), (8, 6)]),
    (&[7, 8], &[], &[(6, 6), (9, 6)]),
    (&[9], &[], &[(6, 12)]),
    (&[], &[2], &[(2, 12)]),
];

#[test]
fn d1_levels_are_left_and_returned_to() {
    let mut world = nine();
    for (stopped, started, wanted) in D1 {
        world.stop(stopped);
        world.start(started);
        let connections = world.connect_each(&client(), 12);
        assert_eq!(busy(&world.alive(&connections)), wanted);
    }
}

#[test]
fn d1_also_when_the_dead_stay_listed() {
    let mut world = nine();
    for (killed, started, wanted) in D1 {
        world.kill(killed);
        world.start(started);
        if !started.is_empty() {
            // Nothing but the breaker tells that it may be back.
            world.wait(Duration::from_secs(75));
        }
        let connections = world.connect_each(&client(), 12);
        assert_eq!(busy(&world.alive(&connections)), wanted);
    }
}

#[test]
fn d2_connections_that_stay_open_do_not_change_where_others_go() {
    let steps: [Change<'_>; 7] = [
        (&[], &[], &[(1, 6), (2, 6), (3, 6)]),
        (&[1, 2, 3, 4, 5, 7, 8], &[], &[(6, 9), (9, 9)]),
        (&[9], &[], &[(6, 27)]),
        (&[], &[2], &[(2, 18), (6, 27)]),
        (&[2], &[], &[(6, 45)]),
        (&[], &[5], &[(5, 18), (6, 45)]),
        (&[5], &[], &[(6, 63)]),
    ];
    let mut world = nine();
    let mut connections = Vec::new();
    for (stopped, started, wanted) in steps {
        world.stop(stopped);
        world.start(started);
        connections.extend(world.connect_each(&client(), 18));
        assert_eq!(busy(&world.alive(&connections)), wanted);
    }
    drop(connections);
    assert_eq!(world.counted(), [0; 9]);
}

#[test]
fn d3_a_node_that_returns_catches_up() {
    let mut world = World::new(&["a", "a", "a"], 1);
    let client = Client::at(&[1, 2, 3]);
    let mut connections = world.connect_each(&client, 18);
    assert_eq!(world.alive(&connections), [6, 6, 6]);
    world.stop(&[1]);
    world.drop_dead(&mut connections);
    connections.extend(world.connect_each(&client, 18));
    assert_eq!(world.alive(&connections), [0, 15, 15]);
    world.start(&[1]);
    world.wait(Duration::from_secs(7));
    connections.extend(world.connect_each(&client, 18));
    assert_eq!(world.alive(&connections), [16, 16, 16]);
}

#[test]
fn d3_connections_that_nobody_noticed_to_be_dead_do_not_hinder_it() {
    let mut world = World::new(&["a", "a", "a"], 1);
    let client = Client::at(&[1, 2, 3]);
    let mut connections = world.connect_each(&client, 18);
    world.stop(&[1]);
    connections.extend(world.connect_each(&client, 18));
    assert_eq!(
        world.counted(),
        [6, 15, 15],
        "each counts until it is found dead"
    );
    world.start(&[1]);
    world.wait(Duration::from_secs(7));
    connections.extend(world.connect_each(&client, 18));
    assert_eq!(world.counted(), [6 + 16, 16, 16]);
    world.drop_dead(&mut connections);
    assert_eq!(world.counted(), [16, 16, 16]);
    connections.extend(world.connect_each(&client, 3));
    assert_eq!(world.counted(), [17, 17, 17]);
    drop(connections);
    assert_eq!(world.counted(), [0, 0, 0]);
}

#[test]
fn d4_d5_a_node_that_joins_is_filled_up() {
    for together in [true, false] {
        let mut world = World::new(&["a", "b", "c"], 1);
        let client = Client::at(&[1]).with(|options| options.refresh_interval = Duration::ZERO);
        let open = |world: &mut World, count| -> Vec<Connection> {
            if together {
                let clients = vec![client.clone(); count];
                let opened = world.connect_together(&clients);
                opened.into_iter().flatten().collect()
            } else {
                world.connect_each(&client, count)
            }
        };
        let count = if together { 24 } else { 9 };
        let mut connections = open(&mut world, count);
        assert_eq!(world.alive(&connections), [count / 3; 3]);
        world.add("a");
        connections.extend(open(&mut world, count));
        let counts = sorted(world.alive(&connections));
        let wanted = if together { [12; 4] } else { [4, 4, 5, 5] };
        assert_eq!(counts, wanted);
    }
}

#[test]
fn d6_the_first_connects_after_a_change_are_right() {
    let mut world = World::new(&["a", "b", "c"], 1);
    let client = Client::at(&[1]).with(|options| options.refresh_interval = Duration::ZERO);
    let mut connections = world.connect_each(&client, 12);
    world.add("a");
    world.stop(&[1]);
    world.drop_dead(&mut connections);
    connections.extend(world.connect_each(&client, 12));
    let counts = world.alive(&connections);
    assert_eq!(
        (counts[0], sorted(counts[1..].to_vec())),
        (0, vec![6, 7, 7])
    );
}

#[test]
fn d7_levels_after_a_return_and_two_joins() {
    let keys = |client: Client| client.keys("c.r.a:1,c.r.b:2");
    let client = keys(Client::at(&[1, 2, 3]));
    let mut world = World::new(&["a", "a", "b"], 1);
    let connections = world.connect_each(&client, 12);
    assert_eq!(world.alive(&connections), [6, 6, 0]);
    drop(connections);

    world.stop(&[1]);
    let mut connections = world.connect_each(&client, 12);
    assert_eq!(world.alive(&connections), [0, 12, 0]);
    world.start(&[1]);
    world.wait(Duration::from_secs(7));
    connections.extend(world.connect_each(&client, 12));
    assert_eq!(world.alive(&connections), [12, 12, 0]);
    drop(connections);

    for (zone, count, wanted) in [("a", 9, [3, 3, 0, 3]), ("b", 6, [3, 3, 0, 0])] {
        let mut world = World::new(&["a", "a", "b"], 1);
        world.add(zone);
        let connections = world.connect_each(&client, count);
        assert_eq!(world.alive(&connections), wanted);
    }
}

#[test]
fn e1_nobody_waits_for_a_refresh_that_hangs() {
    let mut world = World::new(&["a", "b", "c"], 1);
    let mut client = Client::at(&[1, 2, 3]);
    client = client.with(|options| options.refresh_interval = Duration::ZERO);
    client.connect_timeout = Some(Duration::from_secs(3));
    drop(world.connect(&client).unwrap());
    world.server(1).mood = Mood::Hung;
    let began = world.now;
    let opened = world.connect_together(&vec![client.clone(); 12]);
    assert!(opened.iter().all(Result::is_ok));
    assert!(world.now - began <= Duration::from_secs(3));
    drop(opened);
    let began = world.now;
    let connections = world.connect_each(&client, 12);
    assert_eq!(world.alive(&connections), [0, 6, 6]);
    assert!(world.now - began <= Duration::from_secs(12 / 4 + 1));
}

#[test]
fn e2_a_node_that_swallows_packets_costs_one_sweep() {
    let mut world = World::new(&["a", "b", "c"], 1);
    world.server(3).mood = Mood::Hung;
    let mut client = Client::at(&[1]);
    client.connect_timeout = Some(Duration::from_secs(3));
    let mut slow = 0;
    for _ in 0..400 {
        let began = world.now;
        drop(world.connect(&client).unwrap());
        slow += u32::from(world.now - began > millis(300));
        world.wait(millis(250));
    }
    // The background makes the trials that follow.
    assert_eq!(slow, 1);
}

#[test]
fn e3_after_a_rolling_restart_new_nodes_are_still_seen() {
    for interval in [0, 300] {
        let mut world = World::new(&["a", "b", "c"], 1);
        let client = Client::at(&[1]);
        let client = client.with(|it| it.refresh_interval = Duration::from_secs(interval));
        drop(world.connect_each(&client, 3));
        for number in 1..=3 {
            world.kill(&[number]);
            let _ = world.connect(&client);
            world.wait(Duration::from_secs(2));
            world.start(&[number]);
            let _ = world.connect(&client);
        }
        world.kill(&[1, 2, 3]);
        assert!(world.connect(&client).is_err());
        world.start(&[1, 2, 3]);
        world.add("a");
        let _ = world.connect(&client);
        // One poll later the new node is there; who failed twice takes a little longer.
        world.wait(Duration::from_secs(7));
        let connections = world.connect_each(&client, 12);
        assert!(world.alive(&connections)[3] >= 3, "interval {interval}");
        drop(connections);
        world.wait(Duration::from_secs(8));
        let connections = world.connect_each(&client, 12);
        assert_eq!(world.alive(&connections), [3; 4], "interval {interval}");
    }
}
