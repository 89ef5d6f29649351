//! Whose fault it is, and what is left when nothing works: the specification's scenarios E4 to E6
//! and G1, simulated, and the rules of bootstrap, trials, room and public addresses.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use std::time::Duration;

use psycoxide_cluster::*;
use support::*;

fn three() -> World {
    World::new(&["a", "b", "c"], 1)
}

fn states(world: &World) -> Vec<BreakerState> {
    let clusters = world.registry.clusters();
    let nodes = clusters.iter().flat_map(|cluster| cluster.nodes(world.now));
    nodes.map(|node| node.breaker).collect()
}

fn counters(world: &World) -> Counters {
    world.registry.clusters()[0].metrics(world.now).counters
}

#[test]
fn e4_what_is_the_clients_fault_is_told_once_and_blames_nobody() {
    for state in ["28P01", "28000", "3D000", "22023", "42704"] {
        let mut world = three();
        let good = Client::at(&[1]);
        let mut connections = world.connect_each(&good, 3);
        world.attempts.clear();
        let mut bad = good.clone();
        bad.refused_with = Some(state);
        assert_eq!(world.connect(&bad).unwrap_err(), Failure::Client(state));
        assert_eq!(world.attempts.len(), 1);
        assert_eq!(states(&world), [BreakerState::Closed; 3]);
        assert_eq!(world.counted(), [1, 1, 1]);
        connections.extend(world.connect_each(&good, 9));
        assert_eq!(world.alive(&connections), [4, 4, 4]);
    }
}

#[test]
fn e4_a_wrong_password_at_the_first_connect_is_tried_once_and_leads_nobody_astray() {
    let mut world = three();
    let mut bad = Client::at(&[1]);
    bad.refused_with = Some("28P01");
    assert_eq!(world.connect(&bad).unwrap_err(), Failure::Client("28P01"));
    assert_eq!((world.bootstraps, world.attempts.len()), (1, 0));
    // Good and bad start together; whoever leads, each gets its own result.
    let together = [bad.clone(), Client::at(&[1]), bad];
    let outcomes = world.connect_together(&together);
    assert!(outcomes[0].is_err() && outcomes[1].is_ok() && outcomes[2].is_err());
}

#[test]
fn e5_a_node_that_is_full_or_starting_is_spared_for_a_moment() {
    for state in ["57P03", "53300"] {
        let mut world = three();
        drop(world.connect(&Client::at(&[1])).unwrap());
        world.server(2).mood = Mood::Says(state);
        world.attempts.clear();
        let connections = world.connect_each(&Client::at(&[1]), 12);
        assert_eq!(world.alive(&connections), [6, 0, 6]);
        assert_eq!(world.attempts.iter().filter(|node| **node == 2).count(), 1);
        assert_eq!(states(&world), [BreakerState::Closed; 3]);
        world.server(2).mood = Mood::Up;
        world.wait(SOFT_PENALTY);
        let mut connections = connections;
        connections.extend(world.connect_each(&Client::at(&[1]), 12));
        assert_eq!(world.alive(&connections), [8, 8, 8]);
    }
}

#[test]
fn e6_contacts_serve_when_no_listed_address_can_be_reached() {
    let mut world = three();
    for number in 1..=3 {
        let server = world.server(number);
        server.row.host = Some(format!("10.0.0.{number}"));
        server.reachable_by_row = false;
    }
    let mut client = Client::at(&[1]);
    client.connect_timeout = Some(Duration::from_secs(30));
    for turn in 0..20 {
        let began = world.now;
        assert_eq!(world.connect(&client).unwrap().server, 0);
        // The first finds out, the others are not made to.
        assert!(turn == 0 || world.now - began < millis(300));
        world.wait(Duration::from_secs(1));
    }
    assert_eq!(
        (world.contact_warnings, counters(&world).contact_fallbacks),
        (1, 20)
    );
    let none = client
        .clone()
        .with(|options| options.bootstrap_fallback = false);
    let only = client.clone().balancing(LoadBalance::OnlyPrimary);
    for client in [none, only] {
        let outcome = world.connect(&client);
        assert!(matches!(outcome, Err(Failure::Cluster(_))), "{outcome:?}");
    }
}

#[test]
fn e6_also_when_there_are_more_nodes_than_time() {
    let mut world = World::new(&["a"; 40], 1);
    for number in 1..=40 {
        let server = world.server(number);
        server.row.host = Some(format!("10.0.0.{number}"));
        server.reachable_by_row = false;
    }
    for seconds in [2, 4, 12] {
        let mut client = Client::at(&[1]);
        client.connect_timeout = Some(Duration::from_secs(seconds));
        let began = world.now;
        assert_eq!(world.connect(&client).unwrap().server, 0);
        assert!(world.now - began < Duration::from_secs(seconds));
    }
}

#[test]
fn g1_plain_postgresql_is_balanced_over_the_configured_hosts() {
    for (hosts, wanted) in [(&[1][..], [12, 0, 0]), (&[1, 2, 3], [4, 4, 4])] {
        let mut world = three();
        world.is_yugabyte = false;
        let client = Client::at(hosts).keys("c.r.a:1");
        let connections = world.connect_each(&client, 12);
        assert_eq!(world.alive(&connections), wanted);
        let cluster = &world.registry.clusters()[0];
        assert!(cluster.is_static() && cluster.next_refresh().is_none());
        // A host that dies and returns is left and found again.
        if hosts.len() == 3 {
            drop(connections);
            world.kill(&[2]);
            let connections = world.connect_each(&client, 12);
            assert_eq!(world.alive(&connections), [6, 0, 6]);
            world.start(&[2]);
            world.wait(Duration::from_secs(7));
            drop(connections);
            let connections = world.connect_each(&client, 12);
            assert_eq!(world.alive(&connections), [4, 4, 4]);
        }
    }
}

#[test]
fn without_any_host_the_first_list_is_tried_again_after_a_pause() {
    let mut world = three();
    world.kill(&[1]);
    let client = Client::at(&[1]);
    for _ in 0..3 {
        assert_eq!(world.connect(&client).unwrap_err(), Failure::Contacts);
    }
    assert_eq!(world.bootstraps, 1);
    world.start(&[1]);
    world.wait(Duration::from_secs(2));
    let connections = world.connect_each(&client, 3);
    assert_eq!(
        (world.alive(&connections), world.bootstraps),
        (vec![1, 1, 1], 2)
    );
}

#[test]
fn a_leader_who_hangs_or_gives_up_is_replaced() {
    let mut random = Random::new(1);
    let registry = Registry::new(process);
    let entry = registry.entry(&[place(1)]);
    let now = std::time::Instant::now();
    let limit = Duration::from_secs(5);
    let Bootstrap::Lead(hanging) = entry.begin(now, limit) else {
        panic!("the first leads");
    };
    let Bootstrap::Wait { until } = entry.begin(now, limit) else {
        panic!("the second waits");
    };
    assert_eq!(until, now + limit);
    let Bootstrap::Lead(leaver) = entry.begin(until, limit) else {
        panic!("the limit is over");
    };
    // The overtaken leader's failure is not everybody's.
    hanging.fail(until, &mut random);
    assert!(matches!(entry.begin(until, limit), Bootstrap::Wait { .. }));
    drop(leaver);
    let Bootstrap::Lead(last) = entry.begin(until, limit) else {
        panic!("nobody leads");
    };
    last.fail(until, &mut random);
    assert!(matches!(
        entry.begin(until, limit),
        Bootstrap::Failed { .. }
    ));
    let Bootstrap::Lead(eager) = entry.begin_anyway(until, limit) else {
        panic!("who cannot fall back may try at once");
    };
    registry.bootstrapped_static(eager);
    assert!(matches!(entry.begin(until, limit), Bootstrap::Ready(_)));
    registry.clear();
    assert!(matches!(entry.begin(until, limit), Bootstrap::Lead(_)));
}

#[test]
fn a_list_without_a_usable_row_is_a_failure() {
    let mut random = Random::new(1);
    let registry = Registry::new(process);
    let entry = registry.entry(&[place(1)]);
    let now = std::time::Instant::now();
    let Bootstrap::Lead(turn) = entry.begin(now, Duration::from_secs(5)) else {
        panic!("the first leads");
    };
    let outcome = registry.bootstrapped(turn, &Snapshot::default(), now, &mut random);
    assert_eq!(outcome.unwrap_err(), Error::NoUsableRow { rejected: 0 });
    let again = entry.begin(now, Duration::from_secs(5));
    assert!(matches!(again, Bootstrap::Failed { .. }));
}

#[test]
fn public_addresses_are_used_when_the_contact_is_one_or_when_the_others_fail() {
    for contact in ["34.0.0.1", "db.example"] {
        let mut world = three();
        for number in 1..=3 {
            let server = world.server(number);
            server.row.host = Some(format!("10.0.0.{number}"));
            server.row.public_ip = Some(format!("34.0.0.{number}"));
            server.reachable_by_row = false;
        }
        let mut client = Client::at(&[]);
        client.connect_timeout = Some(Duration::from_secs(30));
        client.contacts = vec![Endpoint::new(contact, 5433)];
        if contact == "db.example" {
            // A name for node 1 that no row tells: the first connect finds out.
            world.server(1).endpoint = client.contacts[0].clone();
            assert!(world.connect(&client).is_ok());
        }
        let began = world.now;
        let connections = world.connect_each(&client, 12);
        assert_eq!(world.alive(&connections), [4, 4, 4], "{contact}");
        assert!(world.now - began < Duration::from_secs(1));
    }
}

#[test]
fn trials_are_made_one_at_a_time_by_whoever_comes() {
    let mut world = three();
    drop(world.connect(&Client::at(&[2])).unwrap());
    world.kill(&[1]);
    drop(world.connect_each(&Client::at(&[2]), 12));
    assert_eq!(states(&world)[0], BreakerState::Open);
    world.background.clear();
    world.wait(Duration::from_secs(8));
    world.attempts.clear();
    let outcomes = world.connect_together(&vec![Client::at(&[2]); 12]);
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(world.attempts.iter().filter(|node| **node == 1).count(), 1);
    assert_eq!(states(&world)[0], BreakerState::Open);
}

#[test]
fn nodes_that_hang_take_turns_in_being_tried() {
    let mut world = World::new(&["a"; 14], 1);
    let mut client = Client::at(&[14]);
    drop(world.connect_each(&client, 14));
    for number in 1..=13 {
        world.server(number).mood = Mood::Hung;
    }
    client.connect_timeout = Some(Duration::from_secs(14));
    drop(world.connect_each(&client, 14));
    assert_eq!(
        states(&world)
            .iter()
            .filter(|it| **it == BreakerState::Closed)
            .count(),
        1
    );
    world.server(13).mood = Mood::Up;
    // Each that still hangs takes the five seconds of the control timeout.
    world.wait(Duration::from_secs(13 * 5 + 5));
    assert_eq!(states(&world)[12], BreakerState::Closed);
}

#[test]
fn a_dead_node_is_not_stormed_even_without_a_pause() {
    let mut world = three();
    let client = Client::at(&[1]).with(|options| {
        options.failed_host_reconnect_delay = Duration::ZERO;
    });
    drop(world.connect_each(&client, 3));
    world.kill(&[2]);
    drop(world.connect_each(&client, 3));
    let before = counters(&world).trials;
    world.wait(Duration::from_secs(20));
    let trials = counters(&world).trials - before;
    assert!((15..=21).contains(&trials), "{trials}");
    world.start(&[2]);
    world.wait(Duration::from_secs(2));
    assert_eq!(states(&world), [BreakerState::Closed; 3]);
}

#[test]
fn no_more_connect_to_a_node_at_once_than_allowed() {
    let mut world = World::new(&["a"], 1);
    let client = Client::at(&[1]).with(|options| options.max_connecting_per_node = 2);
    let cluster = {
        drop(world.connect(&client).unwrap());
        world.registry.clusters()[0].clone()
    };
    let mut attempts = Vec::new();
    for _ in 0..2 {
        let mut search = Search::new(client.options.clone(), world.now, None);
        match search.next(&cluster, world.now, &mut world.random) {
            Ok(Next::Attempt(attempt)) => attempts.push(attempt),
            other => panic!("{other:?}"),
        }
    }
    let mut third = Search::new(client.options.clone(), world.now, None);
    for _ in 0..3 {
        let next = third.next(&cluster, world.now, &mut world.random);
        let Ok(Next::Wait { until, .. }) = next else {
            panic!("{next:?}");
        };
        world.now = until;
    }
    drop(attempts.pop());
    let next = third.next(&cluster, world.now, &mut world.random);
    assert!(matches!(next, Ok(Next::Attempt(_))));
    assert_eq!((counters(&world).waits, counters(&world).cancelled), (1, 1));
}

#[test]
fn a_drained_node_gets_nothing_and_its_idle_connections_are_doubtful() {
    let mut world = three();
    let connections = world.connect_each(&Client::at(&[1]), 3);
    let cluster = world.registry.clusters()[0].clone();
    let id = cluster.nodes(world.now)[0].id();
    let position = cluster.event_position();
    assert!(cluster.drain(id, true, world.now) && !cluster.drain(id, true, world.now));
    let doubtful = connections
        .iter()
        .filter(|it| it.lease.as_ref().unwrap().is_doubtful());
    assert_eq!(doubtful.count(), 1);
    let more = world.connect_each(&Client::at(&[1]), 4);
    assert_eq!(world.alive(&more), [0, 2, 2]);
    assert!(cluster.drain(id, false, world.now));
    let kinds: Vec<_> = cluster
        .events_since(position)
        .events
        .iter()
        .map(|it| it.kind)
        .collect();
    assert_eq!(kinds, [EventKind::Drained, EventKind::Undrained]);
}

#[test]
fn a_node_that_goes_down_and_comes_back_says_so() {
    let mut world = three();
    let connections = world.connect_each(&Client::at(&[1]), 3);
    let cluster = world.registry.clusters()[0].clone();
    let position = cluster.event_position();
    world.kill(&[2]);
    drop(world.connect_each(&Client::at(&[1]), 6));
    let lease = connections.iter().find(|it| it.server == 1).unwrap();
    assert!(lease.lease.as_ref().unwrap().is_doubtful());
    world.start(&[2]);
    world.wait(Duration::from_secs(7));
    let kinds: Vec<_> = cluster
        .events_since(position)
        .events
        .iter()
        .map(|it| it.kind)
        .collect();
    assert_eq!(kinds, [EventKind::Down, EventKind::Up]);
}

#[test]
fn the_time_to_connect_is_kept_whatever_hangs() {
    let mut world = three();
    drop(world.connect(&Client::at(&[1])).unwrap());
    for number in 1..=3 {
        world.server(number).mood = Mood::Hung;
    }
    let mut client = Client::at(&[1]).balancing(LoadBalance::OnlyPrimary);
    client.connect_timeout = Some(Duration::from_secs(6));
    // What others find out meanwhile would only make it shorter.
    world.background.clear();
    world.attempts.clear();
    let began = world.now;
    assert!(matches!(world.connect(&client), Err(Failure::Cluster(_))));
    assert_eq!(world.now - began, Duration::from_secs(6));
    assert_eq!(sorted(world.attempts.clone()), [1, 2, 3]);
}
