//! Executing for many sets of parameters: one pipeline, the description first, flow control.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use psycoxide_client::operations::execute::Parameters;
use psycoxide_client::operations::execute_many::{ExecuteMany, Outcome, Progress};
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{Connection, Error};
use psycoxide_protocol::{Format, TransactionStatus};
use psycoxide_testkit::{Script, backend};

use support::{
    at, autocommit, begun, complete, connect, describe, error, expect, no_rows, one_known_row,
    one_row, options, parameter, query, ready, run, session, tags,
};

/// Runs it to its end; it is fed `batch` whenever it asks, `times` times.
fn finish(
    connection: &mut Connection,
    operation: &mut ExecuteMany,
    mut batches: Vec<Vec<Parameters>>,
) -> Result<Outcome, Error> {
    batches.reverse();
    loop {
        match batches.pop() {
            Some(batch) if !operation.failed() => operation.feed(batch),
            _ => operation.finish(),
        }
        if let Progress::Finished(outcome) = run(connection, operation)? {
            return Ok(outcome);
        }
    }
}

fn rows(count: usize) -> Vec<Parameters> {
    (0..count).map(|_| parameter(23, b"1")).collect()
}

fn inserted() -> Vec<u8> {
    [backend::bind_complete(), complete("INSERT 0 1")].concat()
}

#[test]
fn one_pipeline_with_begin_in_front() {
    let (mut connection, server) = session(|script| {
        let script = expect(script, "PBEPBDEH").send(begun());
        let script = script.send(no_rows("INSERT 0 1"));
        expect(script, "BEBEBES")
            .send(inserted().repeat(3))
            .send(ready(b'T'))
    });
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
    let outcome = finish(&mut connection, &mut operation, vec![rows(2), rows(2)]).unwrap();
    assert_eq!(outcome.affected, Some(4));
    assert_eq!(outcome.tag.as_deref(), Some(&b"INSERT 0 1"[..]));
    assert!(outcome.error.is_none() && outcome.results.is_empty());
    assert_eq!(connection.statements.len(), 1);
    server.finish();
}

#[test]
fn results_are_kept_if_asked_for() {
    let (mut connection, _server) = autocommit(|script| {
        let script = expect(script, "PBDEH").send(backend::parse_complete());
        let script = script.send(one_row());
        let script = expect(script, "BES").send(one_known_row());
        // Known from here on.
        expect(script.send(ready(b'I')), "BEBES")
            .send(one_known_row().repeat(2))
            .send(ready(b'I'))
    });
    let text = query("select");
    for _ in 0..2 {
        let mut operation = ExecuteMany::new(text.clone(), Format::Text, true);
        let outcome = finish(&mut connection, &mut operation, vec![rows(2)]).unwrap();
        let results: Vec<String> = outcome.results.iter().map(describe).collect();
        assert_eq!(results, ["TuplesOk 1x1 SELECT 1", "TuplesOk 1x1 SELECT 1"]);
        assert_eq!(outcome.affected, Some(2));
    }
}

#[test]
fn commands_without_rows_stay_commands_without_rows() {
    let (mut connection, _server) = autocommit(|script| {
        let script = expect(script, "PBDEH").send(no_rows("INSERT 0 1"));
        expect(script, "BES").send(inserted()).send(ready(b'I'))
    });
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, true);
    let outcome = finish(&mut connection, &mut operation, vec![rows(2)]).unwrap();
    let results: Vec<String> = outcome.results.iter().map(describe).collect();
    assert_eq!(results, ["CommandOk INSERT 0 1", "CommandOk INSERT 0 1"]);
}

#[test]
fn nothing_to_execute() {
    let (mut connection, server) = session(|script| script.expect(b'X').expect_close());
    for batches in [vec![], vec![vec![]]] {
        let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
        let outcome = finish(&mut connection, &mut operation, batches).unwrap();
        assert_eq!(outcome.affected, None);
    }
    assert_eq!(
        connection.pgconn.transaction_status(),
        TransactionStatus::Idle
    );
    connection.pgconn.close();
    server.finish();
}

/// Each combination of types is a statement of its own, described once, whatever the order.
#[test]
fn several_combinations_of_types() {
    let (mut connection, server) = autocommit(|script| {
        let script = expect(script, "PBDEH").send(no_rows("INSERT 0 1"));
        let script = expect(script, "PBDEH").send(no_rows("INSERT 0 1"));
        expect(script, "BEBEBES")
            .send(inserted().repeat(3))
            .send(ready(b'I'))
    });
    let batch = [23, 25, 23, 25, 23].map(|oid| parameter(oid, b"1"));
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
    let outcome = finish(&mut connection, &mut operation, vec![batch.into()]).unwrap();
    assert_eq!(outcome.affected, Some(5));
    assert_eq!(connection.statements.len(), 2);
    let transcript = server.finish().remove(0);
    let bound: Vec<&[u8]> = transcript
        .iter()
        .filter(|message| message[0] == b'B')
        .map(|message| &message[6..12])
        .collect();
    assert_eq!(
        bound,
        [b"_pg3_0", b"_pg3_1", b"_pg3_0", b"_pg3_1", b"_pg3_0"]
    );
}

#[test]
fn without_prepared_statements() {
    let (mut connection, _server) = autocommit(|script| {
        let script = expect(script, "PBDEH").send(no_rows("INSERT 0 1"));
        let script = expect(script, "BE").send(inserted());
        let script = expect(script, "PBDEH").send(no_rows("INSERT 0 1"));
        expect(script, "S").send(ready(b'I'))
    });
    connection.statements.set_threshold(None);
    let batch = [23, 23, 25].map(|oid| parameter(oid, b"1"));
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
    let outcome = finish(&mut connection, &mut operation, vec![batch.into()]).unwrap();
    assert_eq!(outcome.affected, Some(3));
    assert!(connection.statements.is_empty());
}

/// Outside of a transaction the Sync would commit what was sent: something fails before it.
#[test]
fn given_up_in_the_middle() {
    let (mut connection, server) = autocommit(|script| {
        let script = expect(script, "PBDEH").send(no_rows("INSERT 0 1"));
        expect(script, "BEBEPBES")
            .send(inserted().repeat(2))
            .send(error("42601"))
            .send(ready(b'I'))
    });
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
    operation.feed(rows(3));
    let progress = run(&mut connection, &mut operation).unwrap();
    assert!(matches!(progress, Progress::NeedMore));
    assert!(operation.abandon());
    let Progress::Finished(outcome) = run(&mut connection, &mut operation).unwrap() else {
        panic!("more is wanted")
    };
    assert!(outcome.error.is_none());
    assert_eq!(
        connection.pgconn.transaction_status(),
        TransactionStatus::Idle
    );
    server.finish();
}

/// In a transaction that is for the caller to decide.
#[test]
fn given_up_in_a_transaction() {
    let (mut connection, server) = session(|script| {
        let script = expect(script, "PBEPBDEH")
            .send(begun())
            .send(no_rows("INSERT 0 1"));
        expect(script, "BES").send(inserted()).send(ready(b'T'))
    });
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
    operation.feed(rows(2));
    run(&mut connection, &mut operation).unwrap();
    assert!(operation.abandon());
    run(&mut connection, &mut operation).unwrap();
    server.finish();
}

#[test]
fn an_error_at_the_first() {
    let (mut connection, _server) = session(|script| {
        let script = expect(script, "PBEPBDEH")
            .send(begun())
            .send(error("42P01"));
        expect(script, "S").send(ready(b'E'))
    });
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
    let outcome = finish(&mut connection, &mut operation, vec![rows(5), rows(5)]).unwrap();
    assert_eq!(describe(&outcome.error.unwrap()), "FatalError 42P01 failed");
    assert!(connection.statements.is_empty());
    assert!(connection.pgconn.is_open());
}

#[test]
fn an_error_in_the_middle() {
    let (mut connection, _server) = session(|script| {
        let script = expect(script, "PBEPBDEH").send(begun());
        let script = script.send(no_rows("INSERT 0 1"));
        expect(script, "BEBEBEBES")
            .send(inserted())
            .send(error("23505"))
            .send(ready(b'E'))
    });
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, true);
    let outcome = finish(&mut connection, &mut operation, vec![rows(5)]).unwrap();
    assert_eq!(describe(&outcome.error.unwrap()), "FatalError 23505 failed");
    assert_eq!(outcome.results.len(), 2);
    assert_eq!(
        connection.pgconn.transaction_status(),
        TransactionStatus::InError
    );
}

#[test]
fn an_error_at_begin_and_one_at_the_sync() {
    let (mut connection, _server) = session(|script| {
        let script = expect(script, "PBEPBDEH").send(error("25001"));
        expect(script, "S").send(ready(b'I'))
    });
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
    let outcome = finish(&mut connection, &mut operation, vec![rows(3)]).unwrap();
    assert_eq!(describe(&outcome.error.unwrap()), "FatalError 25001 failed");

    let (mut connection, _server) = autocommit(|script| {
        let script = expect(script, "PBDEH").send(no_rows("INSERT 0 1"));
        expect(script, "S").send(error("40001")).send(ready(b'I'))
    });
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
    let outcome = finish(&mut connection, &mut operation, vec![rows(1)]).unwrap();
    assert_eq!(describe(&outcome.error.unwrap()), "FatalError 40001 failed");
}

/// The statement is not executed again, but the next time it is prepared anew.
#[test]
fn a_lost_statement_is_forgotten() {
    let (mut connection, server) = autocommit(|script| {
        let script = expect(script, "PBDEH").send(no_rows("INSERT 0 1"));
        let script = expect(script, "S").send(ready(b'I'));
        let script = expect(script, "BES").send(error("26000")).send(ready(b'I'));
        let script = expect(script, "CPBDEH").send(backend::close_complete());
        expect(script.send(no_rows("INSERT 0 1")), "S").send(ready(b'I'))
    });
    let text = query("insert");
    for fails in [false, true, false] {
        let mut operation = ExecuteMany::new(text.clone(), Format::Text, false);
        let outcome = finish(&mut connection, &mut operation, vec![rows(1)]).unwrap();
        assert_eq!(outcome.error.is_some(), fails);
    }
    server.finish();
}

#[test]
fn parameters_that_cannot_be_encoded_end_it_in_good_order() {
    let too_many = || Parameters {
        count: 65_536,
        encoded: vec![0xff; 4 * 65_536],
        formats: Vec::new(),
        types: vec![23],
        ..Parameters::default()
    };
    let (mut connection, server) = session(|script| {
        let script = expect(script, "PBEPBDEH").send(begun());
        let script = script.send(no_rows("INSERT 0 1"));
        let script = expect(script, "BES").send(inserted()).send(ready(b'T'));
        script.expect(b'X').expect_close()
    });
    let batch = vec![parameter(23, b"1"), parameter(23, b"1"), too_many()];
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
    let error = finish(&mut connection, &mut operation, vec![batch, rows(3)]).unwrap_err();
    assert!(error.to_string().contains("65535"), "{error}");
    assert_eq!(
        connection.pgconn.transaction_status(),
        TransactionStatus::InTransaction
    );
    connection.pgconn.close();
    server.finish();
}

#[test]
fn copy_has_no_place_here() {
    let (mut connection, _server) = autocommit(|script| {
        let script = expect(script, "PBDEH")
            .send(backend::parse_complete())
            .send(backend::bind_complete())
            .send(backend::no_data())
            .send(backend::copy_response(b'G', Format::Text, &[]));
        let script = expect(script, "f").send(error("57014"));
        expect(script, "S").send(ready(b'I'))
    });
    let mut operation = ExecuteMany::new(query("copy"), Format::Text, false);
    let outcome = finish(&mut connection, &mut operation, vec![rows(3)]).unwrap();
    assert_eq!(describe(&outcome.error.unwrap()), "FatalError 57014 failed");
    assert_eq!(
        connection.pgconn.transaction_status(),
        TransactionStatus::Idle
    );
}

#[test]
fn copy_to_stdout_is_read_to_its_end_each_time() {
    let copied = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::no_data(),
        backend::copy_response(b'H', Format::Text, &[Format::Text]),
        backend::copy_data(b"1\n"),
        backend::copy_done(),
        complete("COPY 1"),
    ]
    .concat();
    let again = copied[5..].to_vec();
    let (mut connection, _server) = autocommit(|script| {
        let script = expect(script, "PBDEH").send(copied);
        let script = expect(script, "BDEH").send(again);
        expect(script, "S").send(ready(b'I'))
    });
    let mut operation = ExecuteMany::new(query("copy"), Format::Text, false);
    let outcome = finish(&mut connection, &mut operation, vec![rows(2)]).unwrap();
    assert!(outcome.error.is_none());
}

#[test]
fn the_server_goes_away_in_the_middle() {
    let farewell = backend::error("FATAL", "57P01", "terminating connection");
    for farewell in [Vec::new(), farewell] {
        let said = !farewell.is_empty();
        let (mut connection, _server) = autocommit(|script| {
            let script = expect(script, "PBDEH").send(no_rows("INSERT 0 1"));
            expect(script, "BE").send(farewell).close()
        });
        let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
        let batches = vec![rows(1000), rows(1000)];
        let error = finish(&mut connection, &mut operation, batches).unwrap_err();
        if said && error.server_fields().is_none() {
            // A reset may have overtaken the last words.
            assert!(matches!(error, Error::Io { .. }), "{error:?}");
        }
        assert!(!connection.pgconn.is_open());
    }
}

/// Reads whole messages until one of this type has been read.
fn read_until(stream: &mut impl Read, tag: u8) -> usize {
    let mut read = 0;
    loop {
        let mut header = [0; 5];
        stream.read_exact(&mut header).unwrap();
        let length = u32::from_be_bytes(header[1..].try_into().unwrap()) as usize;
        let mut body = vec![0; length - 4];
        stream.read_exact(&mut body).unwrap();
        read += length + 1;
        if header[0] == tag {
            return read;
        }
    }
}

/// A server that does not go through a script: it is given its end of a session.
fn serve<T: Send + 'static>(
    work: impl FnOnce(std::net::TcpStream) -> T + Send + 'static,
) -> (Connection, std::thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut packet = vec![0; u32::from_be_bytes(length) as usize - 4];
        stream.read_exact(&mut packet).unwrap();
        stream
            .write_all(&[backend::authentication_ok(), ready(b'I')].concat())
            .unwrap();
        work(stream)
    });
    let pgconn = connect(&options(&at(address))).unwrap();
    let mut connection = Connection::new(*pgconn);
    connection.set_autocommit(true);
    (connection, thread)
}

/// A server that answers at length before it reads on: a client that only writes would wait for
/// it, and it for the client.
#[test]
fn both_sides_may_be_slow_to_read() {
    const ROWS: usize = 3000;
    let wide = vec![b'x'; 8000];
    let cell = wide.clone();
    let (mut connection, server) = serve(move |mut stream| {
        read_until(&mut stream, b'H');
        let columns = [backend::field("a", 25)];
        stream
            .write_all(
                &[
                    backend::parse_complete(),
                    backend::bind_complete(),
                    backend::row_description(&columns),
                    backend::data_row(&[Some(&cell)]),
                    complete("SELECT 1"),
                ]
                .concat(),
            )
            .unwrap();
        let answer = [
            backend::bind_complete(),
            backend::data_row(&[Some(&cell)]),
            complete("SELECT 1"),
        ]
        .concat();
        for _ in 1..ROWS {
            read_until(&mut stream, b'E');
            stream.write_all(&answer).unwrap();
        }
        read_until(&mut stream, b'S');
        stream.write_all(&ready(b'I')).unwrap();
    });
    let mut operation = ExecuteMany::new(query("select"), Format::Text, false);
    let batch: Vec<Parameters> = (0..ROWS).map(|_| parameter(25, &wide)).collect();
    let outcome = finish(&mut connection, &mut operation, vec![batch]).unwrap();
    assert_eq!(outcome.affected, Some(ROWS as u64));
    server.join().unwrap();
}

/// While the server does not read, no more than a piece is kept ready for it.
#[test]
fn a_server_that_does_not_read_is_not_flooded() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (mut connection, server) = serve(move |mut stream| {
        read_until(&mut stream, b'H');
        stream.write_all(&no_rows("INSERT 0 1")).unwrap();
        wait.recv().unwrap();
        let mut answered = 1;
        loop {
            let mut header = [0; 5];
            stream.read_exact(&mut header).unwrap();
            let length = u32::from_be_bytes(header[1..].try_into().unwrap());
            let mut body = vec![0; length as usize - 4];
            stream.read_exact(&mut body).unwrap();
            match header[0] {
                b'E' => {
                    stream.write_all(&inserted()).unwrap();
                    answered += 1;
                }
                b'S' => {
                    stream.write_all(&ready(b'I')).unwrap();
                    return answered;
                }
                _ => {}
            }
        }
    });
    let value = vec![b'x'; 10_000];
    let batch: Vec<Parameters> = (0..2000).map(|_| parameter(25, &value)).collect();
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
    operation.feed(batch);
    operation.finish();
    let mut stuck = false;
    loop {
        match operation.step(&mut connection).unwrap() {
            Step::Done(Progress::Finished(outcome)) => {
                assert_eq!(outcome.affected, Some(2000));
                break;
            }
            Step::Done(Progress::NeedMore) => panic!("it has been given all"),
            Step::Wait(wait) => {
                assert!(connection.pgconn.machine().outgoing().len() < 100_000);
                if wait.write && !stuck {
                    stuck = true;
                    go.send(()).unwrap();
                }
                connection
                    .pgconn
                    .wait(wait, Some(Duration::from_secs(20)))
                    .unwrap();
            }
        }
    }
    assert!(stuck, "the socket was full at some time");
    assert_eq!(server.join().unwrap(), 2000);
}

#[test]
fn a_script_that_is_read_bytewise() {
    let script = |script: Script| {
        let script = expect(script, "PBDEH").send(no_rows("INSERT 0 1"));
        expect(script, "BES")
            .send(inserted())
            .send(ready(b'I'))
            .bytewise()
    };
    let (mut connection, server) = autocommit(script);
    let mut operation = ExecuteMany::new(query("insert"), Format::Text, false);
    let outcome = finish(&mut connection, &mut operation, vec![rows(2)]).unwrap();
    assert_eq!(outcome.affected, Some(2));
    assert_eq!(tags(&server.finish()[0]), ".PBDEHBES");
}
