//! Several hosts: which of them is of the kind that was asked for, and in which order they are tried.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-TARGET-SESSION-ATTRS>

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use psycoxide_client::Error;
use psycoxide_testkit::{Script, Server, backend};

use support::{connect, connect_with, options, ready};

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Primary,
    /// `default_transaction_read_only = on`
    ReadOnly,
    Standby,
}

use Kind::{Primary, ReadOnly, Standby};

impl Kind {
    /// A server since PostgreSQL 14, which tells unasked.
    fn telling(self) -> Script {
        let on = |yes| if yes { "on" } else { "off" };
        let answer = [
            backend::authentication_ok(),
            backend::parameter_status("in_hot_standby", on(self == Standby)),
            backend::parameter_status("default_transaction_read_only", on(self == ReadOnly)),
            ready(b'I'),
        ];
        let script = Script::new().expect_packet(3 << 16).send(answer.concat());
        // Who is of the wrong kind gets a goodbye or not.
        script.expect_close()
    }

    /// One that has to be asked `question`.
    fn asked(self, question: &str) -> Script {
        let yes = match question {
            "SHOW transaction_read_only" => self != Primary,
            _ => self == Standby,
        };
        let value: &[u8] = match (question.starts_with("SHOW"), yes) {
            (true, true) => b"on",
            (true, false) => b"off",
            (false, true) => b"t",
            (false, false) => b"f",
        };
        let mut message = vec![b'Q'];
        message.extend(u32::try_from(question.len() + 5).unwrap().to_be_bytes());
        message.extend(question.as_bytes());
        message.push(0);
        let row = [
            backend::row_description(&[backend::field("a", 25)]),
            backend::data_row(&[Some(value)]),
            backend::command_complete("SHOW"),
            ready(b'I'),
        ];
        Script::new()
            .startup()
            .expect_bytes(message)
            .send(row.concat())
            .expect_close()
    }
}

/// Which of the servers is chosen; `None`: none.
fn chosen(attrs: &str, servers: &[Server]) -> Result<usize, Error> {
    let ports: Vec<String> = servers
        .iter()
        .map(|server| server.address().port().to_string())
        .collect();
    let hosts = vec!["127.0.0.1"; servers.len()].join(",");
    let conninfo = format!(
        "host={hosts} port={} target_session_attrs={attrs}",
        ports.join(",")
    );
    let pgconn = connect(&options(&conninfo))?;
    let port = pgconn.place().port.to_string();
    Ok(ports.iter().position(|it| *it == port).unwrap())
}

const KINDS: [Kind; 3] = [ReadOnly, Standby, Primary];

#[test]
fn each_kind_is_found_among_servers_that_tell() {
    for (attrs, expected) in [
        ("any", Some(0)),
        ("read-write", Some(2)),
        ("read-only", Some(0)),
        ("primary", Some(0)),
        ("standby", Some(1)),
        ("prefer-standby", Some(1)),
    ] {
        let servers = KINDS.map(|kind| Server::start(vec![kind.telling()]));
        assert_eq!(chosen(attrs, &servers).ok(), expected, "{attrs}");
    }
}

#[test]
fn each_kind_is_found_among_servers_that_are_asked() {
    let recovery = "SELECT pg_catalog.pg_is_in_recovery()";
    let read_only = "SHOW transaction_read_only";
    for (attrs, question, expected) in [
        ("read-write", read_only, 2),
        ("read-only", read_only, 0),
        ("primary", recovery, 0),
        ("standby", recovery, 1),
        ("prefer-standby", recovery, 1),
    ] {
        let servers = KINDS.map(|kind| Server::start(vec![kind.asked(question)]));
        assert_eq!(chosen(attrs, &servers).ok(), Some(expected), "{attrs}");
    }
}

#[test]
fn none_of_the_kind() {
    for (attrs, kinds, reason) in [
        ("read-write", [ReadOnly, Standby], "session is read-only"),
        ("read-only", [Primary, Primary], "session is not read-only"),
        (
            "primary",
            [Standby, Standby],
            "server is in hot standby mode",
        ),
        (
            "standby",
            [ReadOnly, Primary],
            "server is not in hot standby mode",
        ),
    ] {
        let servers = kinds.map(|kind| Server::start(vec![kind.telling()]));
        let error = chosen(attrs, &servers).unwrap_err();
        let Error::Connect(attempts) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(attempts.len(), 2, "{attrs}");
        assert!(
            attempts.iter().all(|it| it.error.to_string() == reason),
            "{error}"
        );
    }
    // There is none, so any will do: each is tried once more.
    let servers =
        [Primary, ReadOnly].map(|kind| Server::start(vec![kind.telling(), kind.telling()]));
    assert_eq!(chosen("prefer-standby", &servers).unwrap(), 0);
}

#[test]
fn hosts_and_addresses_are_tried_in_random_order() {
    let text = |more: &str| format!("host=a.example,b.example port=1 {more}");
    let order = |conninfo: &str| {
        let options = options(conninfo);
        let mut random = 0..;
        let order = options.order(|| random.next().unwrap());
        assert_eq!(order.len(), 2);
        let error = connect_with(&options, |name, port| {
            let last: u8 = if name == "a.example" { 10 } else { 20 };
            let address = |n: u8| SocketAddr::new(Ipv4Addr::new(127, 0, 9, last + n).into(), port);
            Ok((0..3).map(address).collect())
        })
        .unwrap_err();
        let Error::Connect(attempts) = error else {
            panic!("{error:?}");
        };
        assert_eq!(attempts.len(), 6, "all are tried");
        let places = attempts.into_iter().map(|attempt| attempt.place);
        places.collect::<Vec<String>>()
    };
    let many = |conninfo: &str| (0..40).map(|_| order(conninfo)).collect::<BTreeSet<_>>();
    assert_eq!(many(&text("")).len(), 1);
    assert_eq!(many(&text("load_balance_hosts=disable")).len(), 1);
    // 36 orders of the addresses; the hosts' own order is the caller's.
    assert!(many(&text("load_balance_hosts=random")).len() > 10);

    let options = options(&text("load_balance_hosts=random"));
    let mut bits = 0..;
    let orders: BTreeSet<_> = (0..4)
        .map(|_| options.order(|| bits.next().unwrap()))
        .collect();
    assert_eq!(orders.len(), 2);
}

#[test]
fn each_host_has_its_own_port_and_address() {
    // tcpmux has been dead for decades.
    let nobody = 1;
    let server = Server::start(vec![Primary.telling()]);
    let port = server.address().port();
    let conninfo =
        format!("host=a.example,b.example hostaddr=127.0.0.1,127.0.0.1 port={nobody},{port}");
    let pgconn = connect(&options(&conninfo)).unwrap();
    assert_eq!(
        (pgconn.place().host.as_str(), pgconn.place().port),
        ("b.example", port)
    );
}
