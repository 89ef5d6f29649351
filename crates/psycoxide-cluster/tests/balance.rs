//! Even distribution: the specification's scenarios A1 to A12, simulated.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use support::*;

fn three() -> World {
    World::new(&["a", "b", "c"], 1)
}

#[test]
fn a1_twelve_are_four_each() {
    let mut world = three();
    let connections = world.connect_each(&Client::at(&[1]), 12);
    assert_eq!(world.alive(&connections), [4, 4, 4]);
    assert_eq!(world.counted(), [4, 4, 4]);
    assert_eq!(world.bootstraps, 1);
}

#[test]
fn a2_the_odd_one_lands_anywhere() {
    let mut extra = [0; 3];
    for seed in 0..300 {
        let mut world = World::new(&["a", "b", "c"], seed);
        let connections = world.connect_each(&Client::at(&[1]), 13);
        let counts = world.alive(&connections);
        assert_eq!(sorted(counts.clone()), [4, 4, 5]);
        extra[counts.iter().position(|count| *count == 5).unwrap()] += 1;
    }
    assert!(
        extra.iter().all(|count| (70..=130).contains(count)),
        "{extra:?}"
    );
}

#[test]
fn a3_a4_thirty_together_are_ten_each_after_one_bootstrap() {
    for seed in 0..20 {
        let mut world = World::new(&["a", "b", "c"], seed);
        let together = vec![Client::at(&[1]); 30];
        let connections: Vec<_> = world
            .connect_together(&together)
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(world.alive(&connections), [10, 10, 10]);
        assert_eq!(world.bootstraps, 1);
    }
}

#[test]
fn a5_a6_callers_share_the_counts_which_end_at_zero() {
    let mut world = three();
    let mut connections = world.connect_each(&Client::at(&[1]), 6);
    connections.extend(world.connect_each(&Client::at(&[1]), 6));
    assert_eq!(world.alive(&connections), [4, 4, 4]);
    connections.clear();
    assert_eq!(world.counted(), [0, 0, 0]);
}

#[test]
fn a7_a8_connections_the_server_ended_or_nobody_closed_are_not_counted() {
    let mut world = three();
    let mut connections = world.connect_each(&Client::at(&[1]), 12);
    let now = world.now;
    for connection in connections.iter_mut().filter(|it| it.server == 1) {
        connection.lease.take().unwrap().lost(now);
    }
    assert_eq!(world.counted(), [4, 0, 4]);
    drop(connections);
    assert_eq!(world.counted(), [0, 0, 0]);
    let connections = world.connect_each(&Client::at(&[1]), 12);
    assert_eq!(world.alive(&connections), [4, 4, 4]);
}

#[test]
fn a9_two_clusters_share_nothing() {
    let mut world = three();
    for number in 4..=6 {
        world.add_at(place(number), "a", 2);
    }
    let mut connections = Vec::new();
    for _ in 0..9 {
        connections.push(world.connect(&Client::at(&[1])).unwrap());
        connections.push(world.connect(&Client::at(&[5, 6])).unwrap());
    }
    assert_eq!(world.alive(&connections), [3; 6]);
    assert_eq!(world.registry.clusters().len(), 2);
}

#[test]
fn a10_one_cluster_by_several_hosts_is_one() {
    let mut world = three();
    let mut connections = world.connect_each(&Client::at(&[1]), 6);
    connections.extend(world.connect_each(&Client::at(&[2, 3]), 6));
    assert_eq!(world.alive(&connections), [4, 4, 4]);
    let together = [Client::at(&[1, 3]), Client::at(&[3]), Client::at(&[2])];
    let more = world.connect_together(&together);
    connections.extend(more.into_iter().flatten());
    assert_eq!(world.alive(&connections), [5, 5, 5]);
    assert_eq!(world.registry.clusters().len(), 1);
}

#[test]
fn a11_two_ports_on_one_host_are_two_nodes() {
    let mut world = World::new(&["a"], 1);
    world.add_at(psycoxide_cluster::Endpoint::new("127.0.0.1", 5434), "a", 1);
    world.add_at(place(2), "a", 1);
    let connections = world.connect_each(&Client::at(&[1]), 12);
    assert_eq!(world.alive(&connections), [4, 4, 4]);
}

#[test]
fn a12_each_forked_worker_starts_empty_and_leaves_its_parent_alone() {
    let mut world = three();
    let parents = world.connect_each(&Client::at(&[1]), 5);
    for worker in 2..10 {
        become_process(worker);
        world.background.clear();
        world.bootstraps = 0;
        let mut connections = world.connect_each(&Client::at(&[1]), 6);
        assert_eq!(world.alive(&connections), [2, 2, 2]);
        assert_eq!((world.counted(), world.bootstraps), (vec![2, 2, 2], 1));
        connections.clear();
        assert_eq!(world.counted(), [0, 0, 0]);
    }
    // What the parent opened is closed in a child: nothing there is counted down below zero.
    let connections = world.connect_each(&Client::at(&[1]), 6);
    drop(parents);
    assert_eq!(world.counted(), [2, 2, 2]);
    drop(connections);
}
