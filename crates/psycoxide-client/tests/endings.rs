//! The end of a connection in every way, news that come unasked, and cancel requests.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use psycoxide_client::operations::cancel::Cancel;
use psycoxide_client::operations::command::RunCommand;
use psycoxide_client::operations::execute::Execute;
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{Connection, Error, Polled};
use psycoxide_protocol::TransactionStatus;
use psycoxide_testkit::{Script, Server, backend};

use support::{
    at, autocommit, complete, connect, error, execute, expect, no_rows, options, query, ready,
    request, run, session, simple, tags,
};

fn farewell() -> Vec<u8> {
    backend::error("FATAL", "57P01", "terminating connection")
}

/// Whichever way the server goes, whatever was asked: an error, at once, and a closed connection.
#[test]
fn the_server_goes_in_the_middle_of_an_answer() {
    let answer = [no_rows("INSERT 0 1"), ready(b'I')].concat();
    for end in 0..answer.len() {
        for blocking in [false, true] {
            let (mut connection, server) =
                autocommit(|script| expect(script, "PBDES").send(&answer[..end]).close());
            connection.pgconn.set_blocking(blocking).unwrap();
            let error = execute(&mut connection, request(&query("insert"))).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("server closed the connection unexpectedly")
                    || matches!(error, Error::Io { .. }),
                "{end}: {text}"
            );
            assert!(!connection.pgconn.is_open());
            assert_eq!(
                connection.pgconn.transaction_status(),
                TransactionStatus::Unknown
            );
            // And it stays so.
            for request in [simple("select"), request(&query("select"))] {
                assert!(execute(&mut connection, request).is_err());
            }
            assert!(run(&mut connection, &mut RunCommand::new("COMMIT")).is_err());
            assert!(connection.pgconn.cancel_target().is_some(), "harmless");
            connection.pgconn.close();
            server.finish();
        }
    }
}

#[test]
fn the_last_words_are_the_error() {
    // While a command runs, in any of its parts.
    for skipped in [Vec::new(), support::begun()] {
        let (mut connection, server) = session(|script| {
            expect(script, "PBEPBDES")
                .send([skipped, farewell()].concat())
                .close()
        });
        let error = execute(&mut connection, request(&query("select"))).unwrap_err();
        assert_eq!(error.server_fields().unwrap().sqlstate(), Some("57P01"));
        assert!(!connection.pgconn.is_open());
        server.finish();
    }
    // Also where they meet a Close that nobody waits for.
    let (mut connection, server) =
        autocommit(|script| expect(script, "CPBDES").send(farewell()).close());
    connection.statements.close_later(vec![(*b"old").into()]);
    let error = execute(&mut connection, request(&query("select"))).unwrap_err();
    assert_eq!(error.to_string(), "terminating connection");
    server.finish();
    let (mut connection, server) =
        autocommit(|script| script.expect(b'Q').send(farewell()).close());
    let error = run(&mut connection, &mut RunCommand::new("COMMIT")).unwrap_err();
    assert_eq!(error.to_string(), "terminating connection");
    server.finish();
}

/// They came while nothing ran; what is sent then goes nowhere.
#[test]
fn the_last_words_before_the_command() {
    let (mut connection, server) = autocommit(|script| script.send(farewell()).close());
    server.finish();
    let error = execute(&mut connection, request(&query("select"))).unwrap_err();
    assert_eq!(error.to_string(), "terminating connection");
    assert!(!connection.pgconn.is_open());
}

#[test]
fn the_last_words_while_nothing_runs() {
    let (mut connection, server) = autocommit(|script| script.send(farewell()).close());
    server.finish();
    let error = loop {
        match connection.pgconn.poll_event(false) {
            Ok(Polled::Pending) => {}
            Ok(event) => panic!("{event:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), "terminating connection");
}

#[test]
fn a_protocol_violation_closes_the_connection() {
    for nonsense in [
        &b"HTTP/1.1 200 OK\r\n\r\n"[..],
        b"D\xff\xff\xff\xff",
        b"D\0\0\0\x06\0\x01",
        b"Z\0\0\0\x05?",
        b"Z\0\0\0\x05I",
        b"K\0\0\0\x0c\0\0\0\0abcd",
        b"R\0\0\0\x08\0\0\0\0",
    ] {
        let (mut connection, server) = autocommit(|script| {
            let script = expect(script, "PBDES").send(nonsense);
            script.expect_close()
        });
        let error = execute(&mut connection, request(&query("select"))).unwrap_err();
        assert!(matches!(error, Error::Machine(_)), "{error:?}");
        assert!(!connection.pgconn.is_open());
        server.finish();
    }
}

#[test]
fn news_that_come_with_an_answer() {
    let (mut connection, server) = autocommit(|script| {
        let news = [
            backend::message(b'N', b"SNOTICE\0Mhello\0\0"),
            backend::notification_response(9, "c", "p"),
            backend::parameter_status("TimeZone", "UTC"),
        ];
        script
            .expect(b'Q')
            .send([news.concat(), complete("DO"), ready(b'I'), news.concat()].concat())
            .expect(b'X')
            .expect_close()
    });
    let version = connection.pgconn.settings_version();
    execute(&mut connection, simple("do")).unwrap();
    assert_eq!(connection.pgconn.settings_version(), version + 1);
    assert!(connection.pgconn.has_news());
    assert_eq!(connection.pgconn.take_notices().len(), 1);
    let notifications = connection.pgconn.take_notifications();
    assert_eq!(&*notifications[0].channel, b"c");
    assert!(!connection.pgconn.has_news());
    // What came behind the answer is found when somebody looks.
    while connection.pgconn.settings_version() == version + 1 {
        let polled = connection.pgconn.poll_event(false).unwrap();
        assert!(matches!(polled, Polled::Pending));
    }
    assert_eq!(connection.pgconn.take_notices().len(), 1);
    connection.pgconn.close();
    assert_eq!(tags(&server.finish()[0]), ".QX");
}

/// Neither signals nor deadlines nor other tasks wait until a server has finished talking.
#[test]
fn a_step_ends_also_while_the_server_sends_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut heard = [0; 4096];
        let (mut stream, _) = listener.accept().unwrap();
        let startup = [backend::authentication_ok(), ready(b'I')];
        stream.write_all(&startup.concat()).unwrap();
        // Up to the query: rows that come before it are refused.
        while !stream
            .read(&mut heard)
            .is_ok_and(|count| heard[..count].ends_with(b"select\0"))
        {}
        let described = backend::row_description(&[backend::field("a", 25)]);
        stream.write_all(&described).unwrap();
        let rows = backend::data_row(&[Some(&[b'x'; 1000])]).repeat(1000);
        while stream.write_all(&rows).is_ok() {}
    });
    {
        let pgconn = connect(&options(&at(address))).unwrap();
        let mut connection = Connection::new(*pgconn);
        connection.set_autocommit(true);
        connection.pgconn.set_blocking(true).unwrap();
        let mut operation = Execute::new(simple("select"));
        for _ in 0..5 {
            let step = operation.step(&mut connection).unwrap();
            assert!(matches!(step, Step::Wait(_)), "{step:?}");
        }
        connection.pgconn.lose();
    }
    server.join().unwrap();
}

/// A blocking read gives the caller the word every now and then.
#[test]
fn a_server_that_says_nothing() {
    let (mut connection, server) = autocommit(|script| script.expect(b'Q').expect_close());
    connection.pgconn.set_blocking(true).unwrap();
    let mut operation = Execute::new(simple("select"));
    for _ in 0..3 {
        let step = operation.step(&mut connection).unwrap();
        assert!(matches!(step, Step::Wait(wait) if wait.read && !wait.write));
    }
    connection.pgconn.lose();
    server.finish();
}

#[test]
fn closing_says_goodbye() {
    let (mut connection, server) = session(|script| script.expect(b'X').expect_close());
    connection.pgconn.close();
    connection.pgconn.close();
    assert!(!connection.pgconn.is_open());
    assert!(matches!(
        connection.pgconn.poll_event(false),
        Err(Error::Closed)
    ));
    assert!(
        connection
            .pgconn
            .wait(
                psycoxide_client::operations::Wait {
                    read: true,
                    write: false
                },
                None
            )
            .is_err()
    );
    server.finish();
}

fn cancel(target: &psycoxide_client::operations::cancel::CancelTarget) -> Result<(), Error> {
    let mut operation = Cancel::new(target);
    loop {
        match operation.step()? {
            Step::Done(()) => return Ok(()),
            Step::Wait(wait) => {
                assert!(operation.fd().is_some());
                operation.wait(wait, Some(Duration::from_secs(20)))?;
            }
        }
    }
}

#[test]
fn a_cancel_request_shows_the_key() {
    let server = Server::start(vec![
        Script::new().startup(),
        Script::new()
            .expect_bytes(*b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\x12\x67key!")
            .close(),
    ]);
    let pgconn = connect(&options(&at(server.address()))).unwrap();
    let target = pgconn.cancel_target().unwrap();
    assert_eq!(target.place().port, server.address().port());
    assert!(!format!("{target:?}").contains("107, 101, 121, 33"));
    cancel(&target).unwrap();
    server.finish();
    // Nobody is there any more.
    let error = cancel(&target).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
}

/// A server that answers something, or nothing: neither is waited for longer than the caller wants.
#[test]
fn a_cancel_request_that_is_not_closed_is_waited_for() {
    let server = Server::start(vec![
        Script::new().startup(),
        Script::new().expect_packet(80_877_102).expect_close(),
        Script::new()
            .expect_packet(80_877_102)
            .send(*b"what?")
            .expect_close(),
    ]);
    let pgconn = connect(&options(&at(server.address()))).unwrap();
    let target = pgconn.cancel_target().unwrap();
    {
        let mut operation = Cancel::new(&target);
        for _ in 0..20 {
            match operation.step().unwrap() {
                Step::Wait(wait) => operation
                    .wait(wait, Some(Duration::from_millis(10)))
                    .unwrap(),
                Step::Done(()) => panic!("the server has not closed"),
            }
        }
    }
    cancel(&target).unwrap();
    server.finish();
}

/// A session of a server that gives no key cannot be cancelled.
#[test]
fn a_session_without_a_key() {
    let script = Script::new()
        .expect_packet(3 << 16)
        .send([backend::authentication_ok(), ready(b'I')].concat())
        .expect(b'Q')
        .send([error("57014"), ready(b'I')].concat());
    let server = Server::start(vec![script]);
    let pgconn = connect(&options(&at(server.address()))).unwrap();
    assert!(pgconn.cancel_target().is_none());
    let mut connection = Connection::new(*pgconn);
    connection.set_autocommit(true);
    assert_eq!(
        execute(&mut connection, simple("select")).unwrap(),
        ["FatalError 57014 failed"]
    );
    server.finish();
}

/// The client closes while the server is still sending: nothing waits for the rest.
#[test]
fn closing_in_the_middle_of_an_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let startup = [backend::authentication_ok(), ready(b'I')];
        stream.write_all(&startup.concat()).unwrap();
        let rows = vec![0; 1 << 20];
        while stream.write_all(&rows).is_ok() {}
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    });
    let mut pgconn = connect(&options(&at(address))).unwrap();
    pgconn.machine_mut().query(b"select", 0).unwrap();
    pgconn.flush().unwrap();
    pgconn.close();
    server.join().unwrap();
}
