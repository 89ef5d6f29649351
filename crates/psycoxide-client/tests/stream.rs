//! Rows handed out piece by piece, and a few commands in one exchange.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use psycoxide_client::operations::Operation;
use psycoxide_client::operations::batch::{Batch, Task};
use psycoxide_client::operations::execute::{Execute, Parameters};
use psycoxide_client::operations::stream::Stream;
use psycoxide_client::{Connection, Error};
use psycoxide_connection::result::no_fields;
use psycoxide_protocol::{Format, TransactionStatus};
use psycoxide_testkit::backend;

use support::{
    autocommit, begun, complete, describe, error, expect, no_rows, one_row, query, ready, request,
    run, session, tags,
};

/// The pieces of a stream.
fn pieces(connection: &mut Connection, stream: &mut Stream) -> Result<Vec<String>, Error> {
    let mut pieces = Vec::new();
    while !stream.is_over() {
        if let Some(result) = run(connection, stream)? {
            pieces.push(describe(&result));
        }
    }
    Ok(pieces)
}

fn rows(count: usize) -> Vec<u8> {
    let mut answer = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::row_description(&[backend::field("a", 23)]),
    ]
    .concat();
    answer.extend(backend::data_row(&[Some(b"1")]).repeat(count));
    answer
}

#[test]
fn single_rows_with_begin_in_front() {
    let (mut connection, server) = session(|script| {
        expect(script, "PBEPBDES")
            .send(begun())
            .send(rows(2))
            .send(complete("SELECT 2"))
            .send(ready(b'T'))
    });
    let mut stream = Stream::new(request(&query("select")), 1);
    let found = pieces(&mut connection, &mut stream).unwrap();
    assert_eq!(
        found,
        [
            "SingleTuple 1x1",
            "SingleTuple 1x1",
            "TuplesOk 0x1 SELECT 2"
        ]
    );
    // Another step has nothing to add.
    assert!(run(&mut connection, &mut stream).unwrap().is_none());
    drop(connection);
    assert_eq!(tags(&server.finish()[0]), ".PBEPBDES");
}

#[test]
fn chunks() {
    let (mut connection, _server) = autocommit(|script| {
        let script = expect(script, "PBDES").send(rows(5));
        script.send(complete("SELECT 5")).send(ready(b'I'))
    });
    let mut stream = Stream::new(request(&query("select")), 2);
    let found = pieces(&mut connection, &mut stream).unwrap();
    assert_eq!(
        found,
        [
            "TuplesChunk 2x1",
            "TuplesChunk 2x1",
            "TuplesOk 1x1 SELECT 5"
        ]
    );
    assert!(!connection.pgconn.machine().is_busy());
}

#[test]
fn an_error_comes_when_the_server_is_ready() {
    let (mut connection, _server) = session(|script| {
        expect(script, "PBEPBDES")
            .send(begun())
            .send(rows(1))
            .send(error("22012"))
            .send(ready(b'E'))
    });
    let mut stream = Stream::new(request(&query("select")), 1);
    let found = pieces(&mut connection, &mut stream).unwrap();
    assert_eq!(found, ["SingleTuple 1x1", "FatalError 22012 failed"]);
    assert_eq!(
        connection.pgconn.transaction_status(),
        TransactionStatus::InError
    );
}

#[test]
fn a_failed_begin_is_the_result() {
    let (mut connection, _server) = session(|script| {
        let script = expect(script, "PBEPBDES").send(backend::parse_complete());
        script.send(error("25006")).send(ready(b'I'))
    });
    let mut stream = Stream::new(request(&query("select")), 1);
    let found = pieces(&mut connection, &mut stream).unwrap();
    assert_eq!(found, ["FatalError 25006 failed"]);
}

#[test]
fn what_is_abandoned_is_thrown_away() {
    let (mut connection, server) = autocommit(|script| {
        let script = expect(script, "PBDES").send(rows(3));
        let script = script.send(error("57014")).send(ready(b'I'));
        expect(script, "PBDES")
            .send(no_rows("SET"))
            .send(ready(b'I'))
    });
    let mut stream = Stream::new(request(&query("select")), 1);
    assert!(run(&mut connection, &mut stream).unwrap().is_some());
    assert!(stream.abandon());
    assert!(run(&mut connection, &mut stream).unwrap().is_none());
    assert!(stream.is_over() && !stream.abandon());
    run(&mut connection, &mut Execute::new(request(&query("set")))).unwrap();
    drop(connection);
    server.finish();
}

#[test]
fn what_was_abandoned_before_is_not_sent() {
    let (mut connection, server) = session(|script| script.expect(b'X').expect_close());
    let mut stream = Stream::new(request(&query("select")), 1);
    assert!(!stream.abandon());
    assert!(run(&mut connection, &mut stream).unwrap().is_none());
    assert!(stream.is_over());
    connection.pgconn.close();
    server.finish();
}

#[test]
fn a_copy_is_ended() {
    let (mut connection, _server) = autocommit(|script| {
        let script = expect(script, "PBDES").send(
            [
                backend::parse_complete(),
                backend::bind_complete(),
                backend::no_data(),
                backend::copy_response(b'H', Format::Text, &[Format::Text]),
                backend::copy_data(b"1\n"),
                backend::copy_done(),
                complete("COPY 1"),
                ready(b'I'),
            ]
            .concat(),
        );
        expect(script, "PBDES")
            .send(no_rows("SET"))
            .send(ready(b'I'))
    });
    let mut stream = Stream::new(request(&query("copy")), 1);
    let found = pieces(&mut connection, &mut stream).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("CopyOut"), "{found:?}");
    run(&mut connection, &mut Execute::new(request(&query("set")))).unwrap();
}

#[test]
fn a_stream_that_cannot_be_encoded_is_over() {
    let (mut connection, server) = session(|script| script.expect(b'X').expect_close());
    let mut stream = Stream::new(request(&query("select\0")), 1);
    assert!(run(&mut connection, &mut stream).is_err());
    assert!(stream.is_over());
    connection.pgconn.close();
    server.finish();
}

fn declare() -> Vec<Task> {
    vec![
        Task::ClosePortal(b"c"[..].into()),
        Task::Execute {
            query: query("DECLARE c CURSOR FOR SELECT 1"),
            parameters: Parameters::default(),
            result_format: Format::Text,
            fields: Some(no_fields()),
        },
        Task::DescribePortal(b"c"[..].into()),
    ]
}

#[test]
fn a_batch_is_one_exchange() {
    let (mut connection, server) = session(|script| {
        expect(script, "PBECPBEDS")
            .send(begun())
            .send(backend::close_complete())
            .send([backend::parse_complete(), backend::bind_complete()].concat())
            .send(complete("DECLARE CURSOR"))
            .send(backend::row_description(&[backend::field("a", 23)]))
            .send(ready(b'T'))
    });
    let results = run(&mut connection, &mut Batch::new(declare(), true)).unwrap();
    let results: Vec<String> = results.iter().map(describe).collect();
    assert_eq!(
        results,
        ["CommandOk", "CommandOk DECLARE CURSOR", "CommandOk 0x1"]
    );
    drop(connection);
    server.finish();
}

#[test]
fn what_stands_behind_an_error_is_skipped() {
    let (mut connection, _server) = autocommit(|script| {
        let script = expect(script, "CPBEDS").send(backend::close_complete());
        let script = script.send(error("42601")).send(ready(b'I'));
        expect(script, "PBDES")
            .send(one_row_parsed())
            .send(ready(b'I'))
    });
    let results = run(&mut connection, &mut Batch::new(declare(), true)).unwrap();
    let results: Vec<String> = results.iter().map(describe).collect();
    assert_eq!(results, ["CommandOk", "FatalError 42601 failed"]);
    let results = run(
        &mut connection,
        &mut Execute::new(request(&query("select"))),
    )
    .unwrap();
    assert_eq!(describe(&results[0]), "TuplesOk 1x1 SELECT 1");
}

fn one_row_parsed() -> Vec<u8> {
    [backend::parse_complete(), one_row()].concat()
}

#[test]
fn a_batch_that_cannot_be_encoded_leaves_nothing_behind() {
    let (mut connection, server) = session(|script| script.expect(b'X').expect_close());
    let mut tasks = declare();
    tasks.push(Task::DescribePortal(b"c\0"[..].into()));
    assert!(run(&mut connection, &mut Batch::new(tasks, true)).is_err());
    assert!(connection.pgconn.machine().outgoing().is_empty());
    assert!(!connection.pgconn.machine().is_busy());
    connection.pgconn.close();
    server.finish();
}
