//! Whose fault it is that a node does not let one in, and who is tried next.

use std::time::Instant;

use psycoxide_client::cluster::REGISTRY;
use psycoxide_cluster::BreakerState;
use psycoxide_testkit::{Script, Server, backend};

use crate::stand_in::{NOBODY, attempts, balanced, contact, listing, local, node, refusing};
use crate::support::{connect, ready};

#[test]
fn a_wrong_password_is_tried_once() {
    // Where the list comes from …
    let refuser = refusing("28P01");
    let error = connect(&balanced(&refuser, "")).unwrap_err();
    assert_eq!(attempts(&error), ["not you"]);
    refuser.finish();

    // … and at a node.
    let refusers = [refusing("28P01"), refusing("28P01")];
    let nodes = local(&[&refusers[0], &refusers[1]]);
    let contact = contact(listing("u-password", &nodes));
    let options = balanced(&contact, "");
    let error = connect(&options).unwrap_err();
    assert_eq!(attempts(&error), ["not you"]);
    let cluster = REGISTRY.clusters().into_iter();
    let cluster = cluster
        .filter(|it| {
            it.contacts()
                .iter()
                .any(|it| it.port == contact.address().port())
        })
        .last()
        .unwrap();
    for status in cluster.nodes(Instant::now()) {
        assert_eq!(status.breaker, BreakerState::Closed);
        assert_eq!((status.live, status.connecting, status.failures), (0, 0, 0));
    }
    assert_eq!(cluster.metrics(Instant::now()).counters.client_faults, 1);
}

#[test]
fn nodes_that_cannot_are_passed_over() {
    for sqlstate in ["57P03", "53300", "57P01"] {
        let (busy, good) = (refusing(sqlstate), node(1));
        let nodes = [local(&[&busy, &good]), vec![("127.0.0.1", NOBODY[0])]].concat();
        let contact = contact(listing(&format!("u-busy-{sqlstate}"), &nodes));
        let mut pgconn = connect(&balanced(&contact, "")).unwrap();
        assert_eq!(pgconn.place().port, good.address().port());
        pgconn.close();
        good.finish();
    }
}

#[test]
fn all_that_was_tried_is_told() {
    let dead = NOBODY;
    let nodes = dead.map(|port| ("127.0.0.1", port));
    let contact = contact(listing("u-dead", &nodes));
    // The contact is gone after the list.
    let options = balanced(&contact, "");
    let error = connect(&options).unwrap_err();
    let text = error.to_string();
    for port in [dead[0], dead[1], contact.address().port()] {
        assert!(text.contains(&format!("port {port} failed")), "{text}");
    }
    let error = connect(&balanced(&contact, "load_balance=only-rr")).unwrap_err();
    assert!(
        error.to_string().contains("load_balance=only-rr"),
        "{error}"
    );
}

#[test]
fn the_kind_of_server_that_is_wanted_is_found_among_the_nodes() {
    let telling = |is_standby: bool, connections: usize| {
        let on = |yes| if yes { "on" } else { "off" };
        let answer = [
            backend::authentication_ok(),
            backend::parameter_status("in_hot_standby", on(is_standby)),
            backend::parameter_status("default_transaction_read_only", "off"),
            ready(b'I'),
        ];
        let script = || {
            let script = Script::new().expect_packet(3 << 16);
            script.send(answer.concat()).expect_close()
        };
        Server::start((0..connections).map(|_| script()).collect())
    };
    for (attrs, standbys, expected) in [
        ("read-write", [true, false], Some(1)),
        ("primary", [true, false], Some(1)),
        ("standby", [true, false], Some(0)),
        ("prefer-standby", [false, true], Some(1)),
        ("prefer-standby", [false, false], Some(2)),
        ("standby", [false, false], None),
    ] {
        let nodes = standbys.map(|is_standby| telling(is_standby, 2));
        let universe = format!("u-{attrs}-{standbys:?}");
        let contact = contact(listing(&universe, &local(&[&nodes[0], &nodes[1]])));
        // The contact would do for `prefer-standby`, but is no better than the nodes.
        let more = format!("target_session_attrs={attrs}");
        let found = connect(&balanced(&contact, &more))
            .ok()
            .map(|it| it.place().port);
        let ports = nodes.each_ref().map(|node| node.address().port());
        match expected {
            Some(2) => assert!(ports.contains(&found.unwrap()), "{attrs}"),
            expected => assert_eq!(found, expected.map(|index| ports[index]), "{attrs}"),
        }
    }
}
