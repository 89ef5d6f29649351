//! Connecting: addresses and hosts in order, time limits, answers of every sort.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use psycoxide_client::Error;
use psycoxide_client::operations::Wait;
use psycoxide_client::operations::connect::{Connect, ConnectStep, Steps};
use psycoxide_testkit::{Script, Server, backend};

use support::{at, connect, connect_with, options, ready, tags};

/// An address at which nobody listens: tcpmux has been dead for decades.
fn nobody() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1))
}

/// A server that lets everybody in and says goodbye.
fn welcoming() -> Script {
    Script::new().startup().expect(b'X').expect_close()
}

fn refusing(sqlstate: &str) -> Script {
    Script::new()
        .expect_packet(3 << 16)
        .send(backend::error("FATAL", sqlstate, "not you"))
        .close()
}

/// `hosts` of a conninfo string for several addresses.
fn all(addresses: &[SocketAddr]) -> String {
    let join = |part: fn(&SocketAddr) -> String| {
        let parts: Vec<String> = addresses.iter().map(part).collect();
        parts.join(",")
    };
    format!(
        "host={} port={}",
        join(|address| address.ip().to_string()),
        join(|address| address.port().to_string())
    )
}

fn attempts(error: &Error) -> Vec<String> {
    match error {
        Error::Connect(attempts) => attempts
            .iter()
            .map(|attempt| attempt.error.to_string())
            .collect(),
        error => panic!("{error:?}"),
    }
}

#[test]
fn the_next_host_is_tried_after_a_refusal() {
    let server = Server::start(vec![welcoming()]);
    let conninfo = all(&[nobody(), nobody(), server.address()]);
    let mut pgconn = connect(&options(&conninfo)).unwrap();
    assert_eq!(pgconn.place().port, server.address().port());
    assert!(pgconn.tls_info().is_none());
    pgconn.close();
    server.finish();
}

#[test]
fn all_refusals_are_told() {
    let (first, second) = (nobody(), SocketAddr::from(([127, 0, 0, 1], 2)));
    let error = connect(&options(&all(&[first, second]))).unwrap_err();
    assert_eq!(attempts(&error).len(), 2);
    let text = error.to_string();
    for port in [first.port(), second.port()] {
        assert!(
            text.contains(&format!(
                "connection to server at \"127.0.0.1\", port {port} failed: connecting: "
            )),
            "{text}"
        );
    }
}

#[test]
fn each_address_of_a_name_is_tried() {
    let server = Server::start(vec![welcoming()]);
    let port = server.address().port();
    let options = options(&format!("host=name.example port={port}"));
    // Nobody listens at 127.0.0.2.
    let names = |name: &str, asked: u16| {
        assert_eq!((name, asked), ("name.example", port));
        Ok(vec![
            SocketAddr::new(Ipv4Addr::new(127, 0, 0, 2).into(), port),
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
        ])
    };
    let mut pgconn = connect_with(&options, names).unwrap();
    assert_eq!(pgconn.place().host, "name.example");
    assert_eq!(pgconn.place().address, Some(Ipv4Addr::LOCALHOST.into()));
    pgconn.close();
    server.finish();
}

#[test]
fn a_name_that_does_not_resolve() {
    let server = Server::start(vec![welcoming()]);
    let address = server.address();
    let options = options(&format!(
        "host=no.example,empty.example,{} port={}",
        address.ip(),
        address.port()
    ));
    let names = |name: &str, _: u16| match name {
        "no.example" => Err(io::Error::other("no such name")),
        _ => Ok(Vec::new()),
    };
    let mut pgconn = connect_with(&options, names).unwrap();
    pgconn.close();
    server.finish();

    let options = support::options("host=no.example,empty.example");
    let error = connect_with(&options, names).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("no.example"), "{text}");
    assert!(text.contains("no such name"), "{text}");
    assert!(text.contains("no address found"), "{text}");
}

/// Steps with a clock that the test sets.
struct Clock {
    connect: Connect,
    now: Instant,
}

impl Clock {
    fn step(&mut self) -> Result<ConnectStep, Error> {
        self.connect.step(self.now, None)
    }

    /// Steps in real time until the phase is over that waits as `wait` says.
    fn pass(&mut self, wait: Wait) -> ConnectStep {
        loop {
            match self.step().unwrap() {
                ConnectStep::Io(_, found, _) if found == wait => {
                    self.connect
                        .wait(wait, Some(Duration::from_secs(20)))
                        .unwrap();
                }
                step => return step,
            }
        }
    }
}

const WRITE: Wait = Wait {
    read: false,
    write: true,
};
const READ: Wait = Wait {
    read: true,
    write: false,
};

#[test]
fn each_attempt_has_the_whole_time() {
    // The kernel accepts; nobody answers.
    let silent = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = silent.each_ref().map(|s| s.local_addr().unwrap());
    let options = options(&format!("{} connect_timeout=10", all(&addresses)));
    let start = Instant::now();
    let mut clock = Clock {
        connect: Connect::new(options, 0..2),
        now: start,
    };
    let limit = Duration::from_secs(10);
    let ConnectStep::Io(_, wait, Some(deadline)) = clock.pass(WRITE) else {
        panic!("it waits");
    };
    assert_eq!((wait, deadline), (READ, start + limit));
    // A moment before the end nothing has changed, and then the next host has as long again.
    clock.now = start + limit - Duration::from_millis(1);
    let ConnectStep::Io(_, READ, Some(deadline)) = clock.step().unwrap() else {
        panic!("it waits");
    };
    assert_eq!(deadline, start + limit);
    clock.now = start + limit;
    let ConnectStep::Io(_, _, Some(deadline)) = clock.pass(WRITE) else {
        panic!("it waits for the next host");
    };
    assert_eq!(deadline, start + limit + limit);
    clock.now = deadline;
    let error = clock.step().unwrap_err();
    assert_eq!(attempts(&error).len(), 2);
    assert!(
        error
            .to_string()
            .contains("timeout expired after 10 seconds"),
        "{error}"
    );
    // And that was all.
    assert!(matches!(clock.step(), Err(Error::Connect(_))));
}

#[test]
fn a_resolver_that_does_not_answer() {
    let server = Server::start(vec![welcoming()]);
    let address = server.address();
    let options = options(&format!(
        "host=slow.example,{} port={} connect_timeout=3",
        address.ip(),
        address.port()
    ));
    let start = Instant::now();
    let mut clock = Clock {
        connect: Connect::new(options, 0..2),
        now: start,
    };
    let ConnectStep::Resolve {
        deadline: Some(deadline),
        ..
    } = clock.step().unwrap()
    else {
        panic!("it has a name to resolve");
    };
    assert_eq!(deadline, start + Duration::from_secs(3));
    clock.now = deadline;
    let mut step = clock.step().unwrap();
    while let ConnectStep::Io(_, wait, _) = step {
        clock
            .connect
            .wait(wait, Some(Duration::from_secs(20)))
            .unwrap();
        step = clock.step().unwrap();
    }
    let ConnectStep::Done(mut pgconn) = step else {
        panic!("the next host answers");
    };
    pgconn.close();
    server.finish();
}

#[test]
fn a_server_that_talks_without_end_does_not_stop_the_clock() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let notices = backend::message(b'N', b"SNOTICE\0Mstill here\0\0").repeat(2000);
        while stream.write_all(&notices).is_ok() {}
    });
    let options = options(&format!("{} connect_timeout=10", at(address)));
    let mut clock = Clock {
        connect: Connect::new(options, [0]),
        now: Instant::now(),
    };
    let end = clock.now + Duration::from_secs(10);
    let error = loop {
        match clock.step() {
            Ok(ConnectStep::Io(_, wait, _)) => {
                assert!(clock.now <= end);
                clock.now += Duration::from_secs(4);
                clock
                    .connect
                    .wait(wait, Some(Duration::from_secs(20)))
                    .unwrap();
            }
            Ok(step) => panic!("{step:?}"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("timeout expired"), "{error}");
    server.join().unwrap();
}

#[test]
fn a_refused_password_is_final_and_tried_once() {
    for mode in ["disable", "allow", "prefer"] {
        let mut script = Script::new();
        if mode == "prefer" {
            script = script.expect_packet(80_877_103).send(*b"N");
        }
        let script = script
            .expect_packet(3 << 16)
            .send(backend::authentication_cleartext_password())
            .expect_bytes(*b"p\0\0\0\x0chunter2\0")
            .send(backend::error("FATAL", "28P01", "not you"))
            .close();
        let server = Server::start(vec![script]);
        let conninfo = all(&[server.address(), nobody()]);
        let options = options(&format!("{conninfo} password=hunter2 sslmode={mode}"));
        let error = connect(&options).unwrap_err();
        assert_eq!(attempts(&error), ["not you"], "{mode}");
        assert_eq!(error.server_fields().unwrap().sqlstate(), Some("28P01"));
        assert!(error.to_string().contains("failed: FATAL:  not you"));
        let printed = format!("{error:?} {error} {options:?}");
        assert!(!printed.contains("hunter2"), "{printed}");
        server.finish();
    }
}

/// A role that may not log in is told so after its password was checked. libpq does not try the
/// other encryption then: the password would travel again, and maybe in the clear.
#[test]
fn a_password_is_not_tried_again_with_another_encryption() {
    let script = Script::new()
        .expect_packet(3 << 16)
        .send(backend::authentication_cleartext_password())
        .expect(b'p')
        .send(backend::error("FATAL", "28000", "not permitted to log in"))
        .close();
    let server = Server::start(vec![script]);
    let conninfo = format!("{} password=secret sslmode=allow", at(server.address()));
    let error = connect(&options(&conninfo)).unwrap_err();
    assert_eq!(attempts(&error), ["not permitted to log in"]);
    server.finish();
}

#[test]
fn no_password_where_one_is_wanted_is_final() {
    let script = Script::new()
        .expect_packet(3 << 16)
        .send(backend::authentication_md5_password(*b"salt"))
        .expect_close();
    let server = Server::start(vec![script]);
    let conninfo = format!("{} user=ann", all(&[server.address(), nobody()]));
    let error = connect(&options(&conninfo)).unwrap_err();
    assert_eq!(attempts(&error).len(), 1);
    assert!(error.to_string().contains("password"), "{error}");
    server.finish();
}

#[test]
fn what_another_host_may_do_better() {
    // Starting up, shutting down, full.
    for sqlstate in ["57P03", "57P01", "53300"] {
        let busy = Server::start(vec![refusing(sqlstate)]);
        let other = Server::start(vec![welcoming()]);
        let conninfo = all(&[busy.address(), other.address()]);
        let mut pgconn = connect(&options(&conninfo)).unwrap();
        pgconn.close();
        busy.finish();
        other.finish();
    }
    // No such database, role, entry in pg_hba.conf.
    for sqlstate in ["3D000", "28000", "42501"] {
        let server = Server::start(vec![refusing(sqlstate)]);
        let conninfo = all(&[server.address(), nobody()]);
        let error = connect(&options(&conninfo)).unwrap_err();
        assert_eq!(attempts(&error), ["not you"], "{sqlstate}");
        server.finish();
    }
}

#[test]
fn the_server_closes_at_every_step() {
    let answer = [
        backend::authentication_cleartext_password(),
        backend::authentication_ok(),
        backend::parameter_status("server_version", "15"),
        backend::backend_key_data(1, b"abcd"),
        ready(b'I'),
    ]
    .concat();
    for end in 0..answer.len() {
        let script = Script::new().expect_packet(3 << 16);
        let script = if end > 9 {
            script.send(&answer[..9]).expect(b'p').send(&answer[9..end])
        } else {
            script.send(&answer[..end])
        };
        let server = Server::start(vec![script.close()]);
        let conninfo = format!("{} password=x", at(server.address()));
        let error = connect(&options(&conninfo)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("server closed the connection unexpectedly")
                || text.contains("receiving from the server"),
            "{end}: {text}"
        );
        server.finish();
    }
    // Before it has said or read anything.
    let server = Server::start(vec![Script::new().close()]);
    let error = connect(&options(&at(server.address()))).unwrap_err();
    assert_eq!(attempts(&error).len(), 1);
}

#[test]
fn something_else_listens_there() {
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &[0; 100]] {
        let script = Script::new().expect_packet(3 << 16).send(answer);
        let server = Server::start(vec![script.expect_close()]);
        let error = connect(&options(&at(server.address()))).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("a message that cannot be understood"),
            "{text}"
        );
        server.finish();
    }
}

#[test]
fn a_startup_in_single_bytes() {
    let script = Script::new()
        .expect_packet(3 << 16)
        .send(
            [
                backend::authentication_cleartext_password(),
                backend::message(b'N', b"SNOTICE\0Mhello\0\0"),
            ]
            .concat(),
        )
        .expect(b'p')
        .send([backend::authentication_ok(), ready(b'I')].concat())
        .bytewise();
    let server = Server::start(vec![script.expect(b'X').expect_close()]);
    let conninfo = format!("{} password=x", at(server.address()));
    let mut pgconn = connect(&options(&conninfo)).unwrap();
    assert!(pgconn.has_news());
    assert_eq!(pgconn.take_notices()[0].message(), b"hello");
    assert!(pgconn.machine().used_password());
    pgconn.close();
    assert!(!pgconn.is_open() && pgconn.fd().is_none());
    assert_eq!(tags(&server.finish()[0]), ".pX");
}

#[test]
fn a_unix_socket_and_one_that_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".s.PGSQL.5433");
    let conninfo = format!(
        "host={} port=5433 sslmode=prefer",
        directory.path().display()
    );
    let error = connect(&options(&conninfo)).unwrap_err();
    assert_eq!(attempts(&error).len(), 1, "no second try for TLS");
    assert!(error.to_string().contains(".s.PGSQL.5433"), "{error}");

    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut packet = vec![0; u32::from_be_bytes(length) as usize - 4];
        stream.read_exact(&mut packet).unwrap();
        // A startup packet: no TLS is asked for here.
        assert_eq!(&packet[..4], [0, 3, 0, 0]);
        let answer = backend::error("FATAL", "28000", "peer authentication failed");
        stream.write_all(&answer).unwrap();
    });
    let error = connect(&options(&conninfo)).unwrap_err();
    assert_eq!(attempts(&error), ["peer authentication failed"]);
    server.join().unwrap();
}

#[test]
fn what_went_wrong_says_where_its_address_came_from() {
    let environment = psycoxide_conninfo::environment::Fixed::default()
        .user("ann")
        .variable("PGPORT", nobody().port().to_string());
    let config = psycoxide_conninfo::resolve(
        &psycoxide_conninfo::Parameters::parse("sslmode=disable").unwrap(),
        &environment,
        psycoxide_conninfo::Profile::Yugabyte,
    )
    .unwrap();
    let options = std::sync::Arc::new(psycoxide_client::ConnectOptions::new(&config).unwrap());
    let error = connect_with(&options, |name, port| {
        assert_eq!(name, "localhost");
        Ok(vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)])
    })
    .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("\"localhost\" (127.0.0.1) (default)"),
        "{text}"
    );
    assert!(text.contains("(environment PGPORT)"), "{text}");
}
