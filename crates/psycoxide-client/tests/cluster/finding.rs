//! Finding the cluster: one asks and the others wait; and the list is fetched again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use psycoxide_client::cluster::{FindCluster, REGISTRY, wait_refreshed};
use psycoxide_client::operations::connect::{Connect, ConnectStep, Steps};
use psycoxide_client::{ConnectOptions, Error, PgConn};
use psycoxide_cluster::Reason;
use psycoxide_conninfo::environment::Fixed;
use psycoxide_conninfo::{Parameters, Profile, resolve};
use psycoxide_testkit::{Script, Server, listen};

use crate::stand_in::{NOBODY, balanced, cluster_of, contact, listing, local, node};
use crate::support::{self, at, connect};

/// Steps as far as it goes now; `None` while it waits.
fn step(connect: &mut Connect, now: Instant) -> Option<Result<Box<PgConn>, Error>> {
    for _ in 0..100 {
        match connect.step(now, None) {
            Ok(ConnectStep::Done(pgconn)) => return Some(Ok(pgconn)),
            Ok(ConnectStep::Io(_, wait, _)) => {
                connect.wait(wait, Some(Duration::from_millis(2))).unwrap();
            }
            Ok(step) => panic!("{step:?}"),
            Err(error) => return Some(Err(error)),
        }
    }
    None
}

#[test]
fn one_asks_and_the_others_wait_each_with_his_own_time() {
    let silent = listen();
    let address = silent.local_addr().unwrap();
    let options = |timeout: u32| {
        let text = format!(
            "{} load_balance=true connect_timeout={timeout}",
            at(address)
        );
        support::options(&text)
    };
    let start = Instant::now();
    let mut leader = Connect::new(options(9), [0]);
    assert!(step(&mut leader, start).is_none());
    let mut waiter = Connect::new(options(2), [0]);
    assert!(step(&mut waiter, start).is_none());
    // One connection only.
    silent.set_nonblocking(true).unwrap();
    let control = silent.accept().unwrap();
    assert!(silent.accept().is_err());
    let error = step(&mut waiter, start + Duration::from_secs(2))
        .unwrap()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("timeout expired after 2 seconds"),
        "{error}"
    );

    // Without the leader the next one leads.
    let mut heir = Connect::new(options(9), [0]);
    assert!(step(&mut heir, start).is_none());
    assert!(silent.accept().is_err());
    drop(leader);
    assert!(step(&mut heir, start).is_none());
    let next = silent.accept().unwrap();
    drop((control, next));
}

#[test]
fn waiters_are_woken_by_the_list() {
    let node = node(2);
    let list = listing("u-woken", &local(&[&node]));
    let asked = Script::new().startup().expect(b'Q');
    let contact = Server::start(vec![
        asked.delay(Duration::from_millis(300)).send(list).close(),
    ]);
    let options = balanced(&contact, "");
    std::thread::scope(|scope| {
        let connects = [(); 2].map(|()| scope.spawn(|| connect(&options).unwrap().close()));
        for connect in connects {
            connect.join().unwrap();
        }
    });
    contact.finish();
    node.finish();
}

#[test]
fn a_refresh_that_hangs_is_given_up_for_another_source() {
    let first = node(1);
    // The control connection stays open, and silent when it is asked again.
    let list = listing("u-hangs", &local(&[&first]));
    let asked = Script::new().startup().expect(b'Q').send(list);
    let contact = Server::start(vec![asked.expect(b'Q').expect_close()]);
    let mut pgconn = connect(&balanced(&contact, "yb_control_timeout=1")).unwrap();
    let cluster = cluster_of(&pgconn);
    pgconn.close();
    first.finish();

    let begun = Instant::now();
    let ticket = cluster.request_refresh(Reason::Asked, begun);
    assert!(wait_refreshed(&cluster, ticket, Duration::from_secs(15)));
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(900) && took < Duration::from_secs(10),
        "{took:?}"
    );
    contact.finish();
    // Nobody else is there.
    assert_eq!(cluster.metrics(Instant::now()).counters.refresh_failures, 1);
}

#[test]
fn a_cluster_can_be_found_without_connecting_to_it() {
    let contact = contact(listing("u-found", &[("127.0.0.1", NOBODY[0])]));
    let text = at(contact.address());
    let environment = Fixed::default().user("ann").home("/nowhere");
    let parameters = Parameters::parse(&format!("{text} sslmode=disable")).unwrap();
    let config = resolve(&parameters, &environment, Profile::Yugabyte).unwrap();
    let options = Arc::new(ConnectOptions::for_cluster(&config).unwrap());
    for _ in 0..2 {
        let mut find = FindCluster::new(options.clone());
        let cluster = loop {
            match find.step(Instant::now(), None).unwrap() {
                ConnectStep::Done(cluster) => break cluster,
                ConnectStep::Io(_, wait, _) => {
                    find.wait(wait, Some(Duration::from_secs(20))).unwrap();
                }
                step => panic!("{step:?}"),
            }
        };
        assert_eq!(cluster.nodes(Instant::now()).len(), 1);
    }
}

#[test]
fn another_cluster_in_the_place_of_the_first() {
    let (old, new) = (node(1), node(1));
    // An address that went to somebody else, while the rest is still there: not asked again.
    let lists = [
        listing("u-old", &local(&[&old])),
        listing("u-new", &local(&[&new])),
        listing("u-new", &local(&[&new])),
    ];
    let ask = |list: &Vec<u8>| {
        Script::new()
            .startup()
            .expect(b'Q')
            .send(list.clone())
            .close()
    };
    let contact = Server::start(lists.iter().map(ask).collect());
    let options = balanced(&contact, "");
    let mut first = connect(&options).unwrap();
    let cluster = cluster_of(&first);
    first.close();
    old.finish();
    let ticket = cluster.request_refresh(Reason::Asked, Instant::now());
    assert!(wait_refreshed(&cluster, ticket, Duration::from_secs(15)));
    let known = || {
        REGISTRY
            .clusters()
            .iter()
            .any(|it| Arc::ptr_eq(it, &cluster))
    };
    let end = Instant::now() + Duration::from_secs(15);
    while known() {
        assert!(Instant::now() < end, "it is not forgotten");
        std::thread::yield_now();
    }
    let mut second = connect(&options).unwrap();
    assert_eq!(second.place().port, new.address().port());
    second.close();
    new.finish();
    contact.finish();
}
