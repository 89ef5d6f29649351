//! Whatever a server says before it goes, every operation comes to an end, and leaves the connection
//! usable or closed.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use proptest::prelude::*;
use psycoxide_client::operations::batch::{Batch, Task};
use psycoxide_client::operations::command::RunCommand;
use psycoxide_client::operations::execute::{Execute, Parameters};
use psycoxide_client::operations::execute_many::{ExecuteMany, Progress};
use psycoxide_client::operations::stream::Stream;
use psycoxide_client::{Connection, Error};
use psycoxide_protocol::{Format, TransactionStatus};
use psycoxide_testkit::{Script, Server, backend};

use support::{
    at, complete, connect, error, one_row, options, parameter, query, ready, request, run, simple,
};

/// Messages that make sense somewhere, most of them at the wrong place.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    let message = proptest::sample::select(vec![
        ready(b'I'),
        ready(b'T'),
        ready(b'E'),
        backend::parse_complete(),
        backend::bind_complete(),
        backend::no_data(),
        backend::row_description(&[backend::field("a", 23)]),
        backend::data_row(&[Some(b"1")]),
        backend::data_row(&[None, None]),
        complete("SELECT 1"),
        complete("BEGIN"),
        complete("DISCARD ALL"),
        error("26000"),
        error("42P05"),
        error("22012"),
        backend::error("FATAL", "57P01", "terminating connection"),
        backend::copy_response(b'G', Format::Text, &[]),
        backend::copy_response(b'H', Format::Text, &[]),
        backend::copy_response(b'W', Format::Text, &[]),
        backend::copy_data(b"x"),
        backend::copy_done(),
        backend::close_complete(),
        backend::empty_query_response(),
        backend::parameter_status("TimeZone", "UTC"),
        backend::notification_response(1, "c", "p"),
        backend::authentication_ok(),
        [backend::parse_complete(), one_row(), ready(b'I')].concat(),
        [complete("BEGIN"), ready(b'T')].concat(),
        b"D\x7f\xff\xff\xff".to_vec(),
        b"\0\0\0\0".to_vec(),
    ]);
    proptest::collection::vec(message, 0..12).prop_map(|parts| parts.concat())
}

fn many(connection: &mut Connection) -> Result<(), Error> {
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, true);
    operation.feed([23, 23, 25].map(|oid| parameter(oid, b"1")));
    loop {
        match run(connection, &mut operation)? {
            Progress::NeedMore => operation.finish(),
            Progress::Finished(_) => return Ok(()),
        }
    }
}

fn stream(connection: &mut Connection) -> Result<(), Error> {
    let mut operation = Stream::new(request(&query("select")), 2);
    let outcome = loop {
        match run(connection, &mut operation) {
            Ok(Some(_)) if !operation.is_over() => {}
            outcome => break outcome,
        }
    };
    assert!(operation.is_over());
    outcome.map(drop)
}

fn batch(connection: &mut Connection) -> Result<(), Error> {
    let tasks = vec![
        Task::ClosePortal(b"c"[..].into()),
        Task::Execute {
            query: query("declare"),
            parameters: Parameters::default(),
            result_format: Format::Text,
            fields: None,
        },
        Task::DescribePortal(b"c"[..].into()),
    ];
    run(connection, &mut Batch::new(tasks, true)).map(drop)
}

fn work(connection: &mut Connection, which: u8) -> Result<(), Error> {
    let mut prepared = request(&query("select"));
    prepared.prepare = Some(true);
    match which {
        0 => run(connection, &mut Execute::new(simple("do; do"))).map(drop),
        1 => run(connection, &mut Execute::new(request(&query("select")))).map(drop),
        2 => run(connection, &mut Execute::new(prepared)).map(drop),
        3 => many(connection),
        4 => stream(connection),
        5 => batch(connection),
        _ => run(connection, &mut RunCommand::new("COMMIT")).map(drop),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// `run` fails if an operation goes on for too long.
    #[test]
    fn every_operation_ends(
        answer in messages(),
        operations in proptest::collection::vec(0..7u8, 1..4),
        autocommit in any::<bool>(),
        blocking in any::<bool>(),
    ) {
        let server = Server::start(vec![Script::new().startup().send(answer).close()]);
        let Ok(pgconn) = connect(&options(&at(server.address()))) else {
            // A reset may overtake the startup.
            return Ok(());
        };
        let mut connection = Connection::new(*pgconn);
        connection.set_autocommit(autocommit);
        connection.pgconn.set_blocking(blocking).unwrap();
        for operation in operations {
            let outcome = work(&mut connection, operation);
            if !connection.pgconn.is_open() {
                prop_assert!(outcome.is_err());
                prop_assert_eq!(
                    connection.pgconn.transaction_status(),
                    TransactionStatus::Unknown
                );
            } else {
                // It has come to rest: nothing is left of it.
                prop_assert!(!connection.pgconn.machine().is_busy(), "{outcome:?}");
                prop_assert!(connection.pgconn.machine().outgoing().is_empty());
            }
        }
        connection.pgconn.close();
    }

    /// The same before the session has begun.
    #[test]
    fn every_connect_ends(answer in messages(), authenticated in any::<bool>()) {
        let mut script = Script::new().expect_packet(3 << 16);
        if authenticated {
            script = script.send(backend::authentication_ok());
        }
        let server = Server::start(vec![script.send(answer).close()]);
        match connect(&options(&at(server.address()))) {
            Ok(pgconn) => prop_assert!(pgconn.is_open()),
            Err(error) => prop_assert!(matches!(error, Error::Connect(_)), "{error:?}"),
        }
    }
}
