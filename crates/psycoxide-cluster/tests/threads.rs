//! Real threads on one registry: one bootstrap, even counts, nothing left behind.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use psycoxide_cluster::*;
use support::place;

static REGISTRY: Registry = Registry::new(std::process::id);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn waker() -> Waker {
    Arc::new(Unpark(thread::current())).into()
}

/// Sleeps until woken or then.
fn sleep(until: Instant) {
    thread::park_timeout(until.saturating_duration_since(Instant::now()));
}

fn snapshot() -> Snapshot {
    let row = |number| ServerRow {
        host: Some(place(number).host.to_string()),
        port: Some(5433),
        universe_uuid: Some("threads".to_owned()),
        ..ServerRow::default()
    };
    Snapshot {
        rows: (1..=3).map(row).collect(),
        ..Snapshot::default()
    }
}

fn cluster(bootstraps: &AtomicU32, random: &mut Random) -> Arc<Cluster> {
    let entry = REGISTRY.entry(&[place(1)]);
    loop {
        entry.wake_on_outcome(&waker());
        match entry.begin(Instant::now(), Duration::from_secs(10)) {
            Bootstrap::Ready(cluster) => return cluster,
            Bootstrap::Lead(turn) => {
                bootstraps.fetch_add(1, Ordering::Relaxed);
                let outcome = REGISTRY.bootstrapped(turn, &snapshot(), Instant::now(), random);
                return outcome.unwrap().cluster;
            }
            Bootstrap::Wait { until } => sleep(until),
            Bootstrap::Failed { .. } => panic!("it does not fail"),
        }
    }
}

fn connect(cluster: &Arc<Cluster>, random: &mut Random) -> Lease {
    let mut search = Search::new(Arc::default(), Instant::now(), None);
    search.listen(&waker());
    loop {
        match search.next(cluster, Instant::now(), random).unwrap() {
            Next::Attempt(attempt) => {
                thread::yield_now();
                return attempt.connected(Instant::now());
            }
            Next::Wait { until } => sleep(until),
            Next::Contacts { .. } => panic!("all nodes are there"),
        }
    }
}

#[test]
fn thirty_threads_make_one_bootstrap_and_ten_connections_a_node() {
    let bootstraps = AtomicU32::new(0);
    let barrier = Barrier::new(30);
    let leases: Vec<Lease> = thread::scope(|scope| {
        let threads: Vec<_> = (0..30)
            .map(|seed| {
                let (bootstraps, barrier) = (&bootstraps, &barrier);
                scope.spawn(move || {
                    let mut random = Random::new(seed);
                    barrier.wait();
                    let cluster = cluster(bootstraps, &mut random);
                    // Connections come and go, and one stays.
                    (0..50).for_each(|_| drop(connect(&cluster, &mut random)));
                    barrier.wait();
                    connect(&cluster, &mut random)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(bootstraps.load(Ordering::Relaxed), 1);
    let cluster = leases[0].cluster().unwrap();
    let counts = |cluster: &Cluster| -> Vec<(u32, u32)> {
        let nodes = cluster.nodes(Instant::now());
        nodes
            .iter()
            .map(|node| (node.live, node.connecting))
            .collect()
    };
    assert_eq!(counts(&cluster), [(10, 0); 3]);
    thread::scope(|scope| {
        leases
            .into_iter()
            .for_each(|lease| drop(scope.spawn(|| drop(lease))))
    });
    assert_eq!(counts(&cluster), [(0, 0); 3]);
}

#[test]
fn whoever_waits_longest_is_the_next() {
    static REGISTRY: Registry = Registry::new(std::process::id);
    let (now, mut random) = (Instant::now(), Random::new(1));
    let entry = REGISTRY.entry(&[place(1)]);
    let Bootstrap::Lead(turn) = entry.begin(now, Duration::from_secs(10)) else {
        panic!("nobody else is here");
    };
    let outcome = REGISTRY.bootstrapped(turn, &snapshot(), now, &mut random);
    let cluster = outcome.unwrap().cluster;
    let options = Arc::new(Options {
        max_connecting_per_node: 1,
        ..Options::default()
    });
    let search = || Search::new(options.clone(), now, None);
    let mut next = |search: &mut Search, now| match search.next(&cluster, now, &mut random) {
        Ok(Next::Attempt(attempt)) => Some(attempt),
        Ok(Next::Wait { .. }) => None,
        other => panic!("{other:?}"),
    };
    let mut attempts: Vec<_> = (0..3).filter_map(|_| next(&mut search(), now)).collect();
    assert_eq!(attempts.len(), 3);
    let mut waiting = [search(), search(), search()];
    assert!(waiting.iter_mut().all(|it| next(it, now).is_none()));

    // Room for one: it is the first one's, whoever asks before him, be he new or waiting.
    drop(attempts.pop());
    let mut late = search();
    assert!(next(&mut late, now).is_none());
    assert!(next(&mut waiting[2], now).is_none());
    assert!(next(&mut waiting[1], now).is_none());
    attempts.extend(next(&mut waiting[0], now));
    assert_eq!(attempts.len(), 3);

    // Who gives up is out of the way at once.
    drop(attempts.pop());
    assert!(next(&mut late, now).is_none());
    waiting[1].leave(&cluster);
    waiting[2].leave(&cluster);
    attempts.extend(next(&mut late, now));
    assert_eq!(attempts.len(), 3);
    let mut late = search();
    assert!(next(&mut search(), now).is_none());

    // Others may use other nodes.
    let elsewhere = Arc::new(Options {
        load_balance: LoadBalance::OnlyReadReplica,
        ..Options::default()
    });
    let error = Search::new(elsewhere, now, None).next(&cluster, now, &mut Random::new(1));
    assert!(error.is_err(), "there is none, and no line for it");

    // Who asks no more stands in nobody's way.
    drop(attempts.pop());
    assert!(next(&mut late, now).is_none());
    let later = now + Duration::from_secs(1);
    assert!(next(&mut late, later).is_some());
}

#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn who_was_woken_passes_on_the_room_that_is_left() {
    static REGISTRY: Registry = Registry::new(std::process::id);
    let random = &mut Random::new(5);
    let Bootstrap::Lead(turn) = REGISTRY
        .entry(&[place(1)])
        .begin(Instant::now(), Duration::ZERO)
    else {
        panic!("nobody else is here");
    };
    let mut two = snapshot();
    two.rows.pop();
    let bootstrapped = REGISTRY.bootstrapped(turn, &two, Instant::now(), random);
    let cluster = bootstrapped.unwrap().cluster;
    let one_each = Arc::new(Options {
        max_connecting_per_node: 1,
        ..Options::default()
    });
    let now = Instant::now();
    let search = || Search::new(one_each.clone(), now, None);
    let next = |search: &mut Search| match search.next(&cluster, now, &mut Random::new(2)).unwrap()
    {
        Next::Attempt(attempt) => Some(attempt),
        Next::Wait { .. } => None,
        Next::Contacts { .. } => panic!("all nodes are there"),
    };
    // One node has a connection, and a second on the way there; the other has one on the way.
    let _lease = next(&mut search()).unwrap().connected(now);
    let to_the_emptier = next(&mut search()).unwrap();
    let to_the_fuller = next(&mut search()).unwrap();

    let counts: [Arc<Count>; 2] = Default::default();
    let mut waiting = [search(), search()];
    for (search, count) in waiting.iter_mut().zip(&counts) {
        assert!(next(search).is_none());
        search.listen(&count.clone().into());
        assert!(next(search).is_none());
    }
    let woken = || {
        counts
            .each_ref()
            .map(|count| count.0.load(Ordering::Relaxed))
    };
    // There is room, but at the wrong node.
    let _second = to_the_fuller.connected(now);
    assert_eq!(woken(), [1, 0]);
    assert!(next(&mut waiting[0]).is_none());
    // Now it is the right one, and after that the other one is right as well.
    let _third = to_the_emptier.connected(now);
    assert_eq!(woken(), [2, 0]);
    let first = next(&mut waiting[0]).unwrap();
    assert_eq!(woken(), [2, 1]);
    let second = next(&mut waiting[1]).unwrap();
    assert_ne!(first.info().id, second.info().id);
    assert_eq!(woken(), [2, 1]);
}
