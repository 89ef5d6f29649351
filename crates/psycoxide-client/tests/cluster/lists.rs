//! What a list of nodes may hold, and what becomes of a connection when there is none.

use std::io;
use std::time::{Duration, Instant};

use psycoxide_testkit::{Script, Server, backend};

use crate::stand_in::{
    COLUMNS, NOBODY, Row, answer, attempts, balanced, cluster_of, contact, listing, node,
};
use crate::support::{connect, connect_with, error as server_error, options, ready};

#[test]
fn rows_that_make_no_sense_do_no_harm() {
    let good = node(1);
    let port = good.address().port().to_string();
    let refused = NOBODY[0].to_string();
    let columns = &["PORT", "extra", "host", "port"];
    let row = |host: Option<&'static [u8]>, port: Option<&'static str>| -> Row<'static> {
        vec![None, Some(b"\xff\x00"), host, port.map(str::as_bytes)]
    };
    let mut rows: Vec<Row<'_>> = vec![
        row(None, Some("5433")),
        row(Some(b""), Some("5433")),
        row(Some(b"\xff\xfe"), Some("5433")),
        row(Some(b"127.0.0.1"), Some("0")),
        row(Some(b"127.0.0.1"), Some("-1")),
        row(Some(b"127.0.0.1"), Some("65536")),
        row(Some(b"127.0.0.1"), Some("99999999999999999999")),
        row(Some(b"127.0.0.1"), Some("abc")),
        row(Some(b"/tmp"), Some("5433")),
        row(Some(b"a,b"), Some("5433")),
        row(Some(b"no.such.name"), Some("5433")),
        row(Some(b"empty.name"), Some("5433")),
    ];
    for port in [&refused, &port, &port] {
        rows.push(vec![None, None, Some(b"127.0.0.1"), Some(port.as_bytes())]);
    }
    let contact = contact(answer(columns, &rows));
    let names = |name: &str, _: u16| match name {
        "no.such.name" => Err(io::Error::other("no such name")),
        "empty.name" => Ok(Vec::new()),
        name => panic!("{name} is not to be resolved"),
    };
    let mut pgconn = connect_with(&balanced(&contact, ""), names).unwrap();
    assert_eq!(pgconn.place().port, good.address().port());
    let cluster = cluster_of(&pgconn);
    assert_eq!(cluster.nodes(Instant::now()).len(), 4);
    pgconn.close();
    good.finish();
}

#[test]
fn more_rows_than_a_cluster_has() {
    let node = node(1);
    let mut rows = answer(&["host", "port"], &[]);
    rows.truncate(rows.len() - backend::command_complete("SELECT").len() - ready(b'I').len());
    let port = node.address().port().to_string();
    let one = backend::data_row(&[Some(b"127.0.0.1"), Some(port.as_bytes())]);
    // It has no end: the connection is cut off.
    rows.extend(one.repeat(4400));
    let script = Script::new()
        .startup()
        .expect(b'Q')
        .send(rows)
        .expect_close();
    let contact = Server::start(vec![script]);
    let mut pgconn = connect(&balanced(&contact, "")).unwrap();
    assert_eq!(cluster_of(&pgconn).nodes(Instant::now()).len(), 1);
    pgconn.close();
    contact.finish();
}

#[test]
fn a_contact_that_gives_no_list_still_lets_one_in() {
    let no_list = || {
        let refusal = [server_error("42501"), ready(b'I')].concat();
        let asked = Script::new().startup().expect(b'Q').send(refusal);
        asked.expect(b'X').expect_close()
    };
    let useless = || contact(answer(COLUMNS, &[]));
    let welcome = Script::new().startup().expect(b'X').expect_close();
    let server = Server::start(vec![no_list(), welcome]);
    let mut pgconn = connect(&balanced(&server, "")).unwrap();
    assert!(pgconn.member().is_none());
    pgconn.close();
    server.finish();

    // Unless that is not wanted.
    for more in ["yb_bootstrap_fallback=false", "load_balance=only-primary"] {
        let server = Server::start(vec![no_list()]);
        let error = connect(&balanced(&server, more)).unwrap_err();
        assert_eq!(attempts(&error), ["failed"], "{more}");
        server.finish();
        let error = connect(&balanced(&useless(), more)).unwrap_err();
        assert!(error.to_string().contains("no usable node"), "{error}");
    }
}

#[test]
fn a_list_that_never_comes_leaves_time_for_the_contact() {
    let asked = Script::new().startup().expect(b'Q').expect_close();
    let welcome = Script::new().startup().expect(b'X').expect_close();
    let contact = Server::start(vec![asked, welcome]);
    let begun = Instant::now();
    let mut pgconn = connect(&balanced(&contact, "connect_timeout=2")).unwrap();
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(900) && took < Duration::from_secs(2),
        "{took:?}"
    );
    pgconn.close();
    contact.finish();
}

#[test]
fn a_contact_that_was_tried_as_a_node_comes_last() {
    let list = listing("u-tried", &[("127.0.0.1", NOBODY[0])]);
    let asked = Script::new().startup().expect(b'Q').send(list).close();
    let refusal = backend::error("FATAL", "57P03", "not yet");
    let refuses = Script::new().expect_packet(3 << 16).send(refusal).close();
    let contact = Server::start(vec![asked, refuses]);
    let text = format!(
        "host=127.0.0.1,127.0.0.1 port={},{} load_balance=true",
        NOBODY[0],
        contact.address().port()
    );
    let told = attempts(&connect(&options(&text)).unwrap_err());
    assert!(told[0].contains("refused"), "the node: {told:?}");
    assert_eq!(told[1], "not yet", "{told:?}");
    assert!(told[2].contains("refused"), "{told:?}");
    contact.finish();
}
