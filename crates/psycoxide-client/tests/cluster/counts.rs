//! Where a connection goes, and that it is counted there until its end, whichever end that is.

use std::time::Instant;

use psycoxide_client::cluster::REGISTRY;
use psycoxide_cluster::BreakerState;
use psycoxide_testkit::{Script, Server};

use crate::stand_in::{balanced, cluster_of, contact, listing, local, node, status};
use crate::support::{at, complete, connect, error as server_error, options, ready, tags};

#[test]
fn a_connection_goes_to_a_node_and_is_counted_until_its_end() {
    let node = node(2);
    let contact = contact(listing("u-first", &local(&[&node])));
    let options = balanced(&contact, "");
    let mut first = connect(&options).unwrap();
    assert_eq!(first.place().port, node.address().port());
    let cluster = cluster_of(&first);
    let live = || status(&cluster, node.address().port()).live;
    assert_eq!(live(), 1);
    first.close();
    assert_eq!(live(), 0);
    assert_eq!(
        first.member().unwrap().node().placement.to_string(),
        "c.r.a"
    );

    // The list is known now; and a connection that is merely dropped is counted no more either.
    let second = connect(&options).unwrap();
    assert_eq!(live(), 1);
    drop(second);
    assert_eq!(live(), 0);
    let transcripts = contact.finish();
    assert_eq!(tags(&transcripts[0]), ".Q");
    let startup = String::from_utf8_lossy(&transcripts[0][0]).into_owned();
    assert!(startup.contains("psycoxide-control"), "{startup}");
}

#[test]
fn without_load_balance_the_registry_is_not_touched() {
    let server = node(1);
    let mut pgconn = connect(&options(&at(server.address()))).unwrap();
    assert!(pgconn.member().is_none());
    let port = server.address().port();
    let known = REGISTRY.clusters().into_iter();
    assert!(
        known
            .flat_map(|cluster| cluster.contacts())
            .all(|it| it.port != port)
    );
    pgconn.close();
    server.finish();
}

#[test]
fn a_lost_connection_is_counted_down_when_that_shows() {
    let script = Script::new().startup().close();
    let node = Server::start(vec![script]);
    let contact = contact(listing("u-lost", &local(&[&node])));
    let mut pgconn = connect(&balanced(&contact, "")).unwrap();
    let cluster = cluster_of(&pgconn);
    let port = node.address().port();
    assert_eq!(status(&cluster, port).live, 1);
    while pgconn.poll_event(true).is_ok() {}
    assert_eq!(status(&cluster, port).live, 0);
    assert_eq!(cluster.metrics(Instant::now()).counters.lost, 1);
    assert_eq!(status(&cluster, port).breaker, BreakerState::Closed);
}

#[test]
fn plain_postgresql_is_a_list_of_the_configured_hosts() {
    let unknown = [server_error("42883"), ready(b'I')].concat();
    let nowhere = [complete("SELECT 0"), ready(b'I')].concat();
    let asked = Script::new().startup().expect(b'Q').send(unknown);
    let asked = asked.expect(b'Q').send(nowhere);
    let server = Server::start(vec![
        asked.expect(b'X').expect_close(),
        Script::new().startup().expect(b'X').expect_close(),
    ]);
    let mut pgconn = connect(&balanced(&server, "topology_keys=c.r.a")).unwrap();
    let cluster = cluster_of(&pgconn);
    assert!(cluster.is_static());
    assert_eq!(status(&cluster, server.address().port()).live, 1);
    pgconn.close();
    server.finish();
}
