//! Simple and extended queries: results, errors, pipelines, what may come in between.

mod support;

use std::sync::Arc;

use psycoxide_connection::{Command, Error, Event, Machine};
use psycoxide_protocol::{Format, TransactionStatus};
use psycoxide_testkit::backend;

use support::{after, events, feed, fields, ready, row, take_sent, take_sent_tags, unnamed};

fn ready_for_query(status: u8) -> Vec<u8> {
    backend::ready_for_query(status)
}

#[test]
fn a_simple_query_with_several_results() {
    let mut machine = ready();
    machine.query(b"select; insert; ;", 0).unwrap();
    assert_eq!(take_sent(&mut machine), b"Q\0\0\0\x16select; insert; ;\0");
    assert!(machine.is_busy());
    assert_eq!(machine.transaction_status(), TransactionStatus::Active);
    let answer = [
        backend::row_description(&fields(&["a", "b"])),
        row(&["1", "x"]),
        backend::data_row(&[None, Some(b"")]),
        backend::command_complete("SELECT 2"),
        backend::command_complete("INSERT 0 5"),
        backend::empty_query_response(),
        ready_for_query(b'T'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        [
            "TuplesOk (a, b) [1, x] [NULL, ] SELECT 2",
            "CommandOk INSERT 0 5",
            "EmptyQuery",
            "ready InTransaction"
        ]
    );
    assert!(!machine.is_busy());
    assert_eq!(
        machine.transaction_status(),
        TransactionStatus::InTransaction
    );
}

#[test]
fn rows_without_columns_are_rows() {
    let mut machine = ready();
    machine.query(b"select from t", 0).unwrap();
    let answer = [
        backend::row_description(&[]),
        row(&[]),
        row(&[]),
        backend::command_complete("SELECT 2"),
        ready_for_query(b'I'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        ["TuplesOk [] [] SELECT 2", "ready Idle"]
    );
}

#[test]
fn an_error_ends_a_simple_query_but_not_what_came_before() {
    let mut machine = ready();
    machine.query(b"select 1; select 1/0; select 2", 0).unwrap();
    let answer = [
        backend::row_description(&fields(&["a"])),
        row(&["1"]),
        backend::command_complete("SELECT 1"),
        backend::row_description(&fields(&["a"])),
        row(&["half"]),
        backend::error("ERROR", "22012", "division by zero"),
        ready_for_query(b'E'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        [
            "TuplesOk (a) [1] SELECT 1",
            "FatalError 22012 division by zero",
            "ready InError"
        ]
    );
    // Nothing of the failed statement is left for the next.
    machine.query(b"rollback", 0).unwrap();
    let answer = [backend::command_complete("ROLLBACK"), ready_for_query(b'I')];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        ["CommandOk ROLLBACK", "ready Idle"]
    );
}

#[test]
fn an_execution_with_description() {
    let mut machine = ready();
    machine.execute(unnamed(b"select 1")).unwrap();
    machine.sync().unwrap();
    assert_eq!(take_sent_tags(&mut machine), "PBDES");
    let answer = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::row_description(&fields(&["a"])),
        row(&["1"]),
        backend::command_complete("SELECT 1"),
        ready_for_query(b'I'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        ["TuplesOk (a) [1] SELECT 1", "ready Idle"]
    );

    machine.execute(unnamed(b"insert")).unwrap();
    machine.sync().unwrap();
    let answer = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::no_data(),
        backend::command_complete("INSERT 0 1"),
        ready_for_query(b'I'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        ["CommandOk INSERT 0 1", "ready Idle"]
    );

    machine.execute(unnamed(b"")).unwrap();
    machine.sync().unwrap();
    let answer = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::no_data(),
        backend::empty_query_response(),
        ready_for_query(b'I'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        ["EmptyQuery", "ready Idle"]
    );
}

#[test]
fn an_execution_whose_columns_are_known() {
    let mut machine = ready();
    let known: Arc<[_]> = fields(&["a"]).into();
    let command = Command {
        statement: b"s",
        parse: None,
        parameter_formats: &[Format::Binary],
        parameter_count: 1,
        encoded_parameters: b"\0\0\0\x01\x07",
        result_format: Format::Binary,
        fields: Some(known.clone()),
        chunk: 0,
    };
    machine.execute(command).unwrap();
    machine.sync().unwrap();
    assert_eq!(take_sent_tags(&mut machine), "BES");
    let answer = [
        backend::bind_complete(),
        row(&["1"]),
        row(&["2"]),
        backend::command_complete("SELECT 2"),
        ready_for_query(b'I'),
    ];
    feed(&mut machine, &answer.concat());
    let Some(Event::Result(result)) = machine.next_event().unwrap() else {
        panic!("there is a result");
    };
    assert!(Arc::ptr_eq(&result.fields, &known));
    assert_eq!(result.affected_rows(), Some(2));
    assert_eq!(events(&mut machine).unwrap(), ["ready Idle"]);
}

#[test]
fn a_named_statement_is_told_of_before_its_result() {
    let mut machine = ready();
    machine
        .execute(Command {
            statement: b"s",
            ..unnamed(b"select 1/0")
        })
        .unwrap();
    machine.sync().unwrap();
    let answer = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::row_description(&fields(&["a"])),
        backend::error("ERROR", "22012", "division by zero"),
        ready_for_query(b'I'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        ["parsed", "FatalError 22012 division by zero", "ready Idle"]
    );
}

#[test]
fn prepare_describe_close() {
    let mut machine = ready();
    machine.prepare(b"s", b"select $1", &[25]).unwrap();
    machine.describe_statement(b"s").unwrap();
    machine.describe_portal(b"").unwrap();
    machine.close_statement(b"s").unwrap();
    machine.close_portal(b"p").unwrap();
    machine.flush().unwrap();
    machine.sync().unwrap();
    assert_eq!(take_sent_tags(&mut machine), "PDDCCHS");
    let answer = [
        backend::parse_complete(),
        backend::parameter_description(&[25, 23]),
        backend::row_description(&fields(&["a", "b"])),
        backend::no_data(),
        backend::close_complete(),
        backend::close_complete(),
        ready_for_query(b'I'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        [
            "CommandOk",
            "CommandOk (a, b) [25, 23]",
            "CommandOk",
            "CommandOk",
            "CommandOk",
            "ready Idle"
        ]
    );
}

#[test]
fn an_error_in_a_pipeline_skips_up_to_the_sync() {
    let mut machine = ready();
    machine.execute(unnamed(b"select 1/0")).unwrap();
    machine.execute(unnamed(b"select 2")).unwrap();
    machine.prepare(b"s", b"select 3", &[]).unwrap();
    machine.sync().unwrap();
    machine.execute(unnamed(b"select 4")).unwrap();
    machine.sync().unwrap();
    let answer = [
        backend::parse_complete(),
        backend::error("ERROR", "22012", "division by zero"),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        [
            "FatalError 22012 division by zero",
            "PipelineAborted",
            "PipelineAborted"
        ]
    );
    let answer = [
        ready_for_query(b'I'),
        backend::parse_complete(),
        backend::bind_complete(),
        backend::no_data(),
        backend::command_complete("DO"),
        ready_for_query(b'I'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        ["ready Idle", "CommandOk DO", "ready Idle"]
    );
}

#[test]
fn an_error_at_the_sync_follows_the_result() {
    let mut machine = ready();
    machine.execute(unnamed(b"insert")).unwrap();
    machine.sync().unwrap();
    machine.query(b"select", 0).unwrap();
    let answer = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::no_data(),
        backend::command_complete("INSERT 0 1"),
        backend::error("ERROR", "23505", "deferred"),
        ready_for_query(b'I'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        [
            "CommandOk INSERT 0 1",
            "FatalError 23505 deferred",
            "ready Idle"
        ]
    );
    assert!(machine.is_busy(), "the query after it is not skipped");
    let answer = [backend::command_complete("SELECT 0"), ready_for_query(b'I')];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        ["CommandOk SELECT 0", "ready Idle"]
    );
}

#[test]
fn rows_in_chunks() {
    let answer = [
        backend::row_description(&fields(&["a"])),
        row(&["1"]),
        row(&["2"]),
        row(&["3"]),
        backend::command_complete("SELECT 3"),
        backend::row_description(&fields(&["b"])),
        row(&["4"]),
        row(&["5"]),
        backend::command_complete("SELECT 2"),
        ready_for_query(b'I'),
    ]
    .concat();
    let mut machine = ready();
    machine.query(b"select", 2).unwrap();
    assert_eq!(
        after(&mut machine, &answer).unwrap(),
        [
            "TuplesChunk (a) [1] [2]",
            "TuplesOk (a) [3] SELECT 3",
            "TuplesChunk (b) [4] [5]",
            "TuplesOk (b) SELECT 2",
            "ready Idle"
        ]
    );
    machine.query(b"select", 1).unwrap();
    assert_eq!(
        after(&mut machine, &answer).unwrap(),
        [
            "SingleTuple (a) [1]",
            "SingleTuple (a) [2]",
            "SingleTuple (a) [3]",
            "TuplesOk (a) SELECT 3",
            "SingleTuple (b) [4]",
            "SingleTuple (b) [5]",
            "TuplesOk (b) SELECT 2",
            "ready Idle"
        ]
    );
    // An error after some of the rows were handed out.
    machine.query(b"select", 1).unwrap();
    let answer = [
        backend::row_description(&fields(&["a"])),
        row(&["1"]),
        backend::error("ERROR", "57014", "canceled"),
        ready_for_query(b'I'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        [
            "SingleTuple (a) [1]",
            "FatalError 57014 canceled",
            "ready Idle"
        ]
    );
}

#[test]
fn asynchronous_messages_come_between_any_two() {
    let between = [
        backend::message(b'N', b"SNOTICE\0Mhello\0\0"),
        backend::notification_response(12, "channel", "payload"),
        backend::parameter_status("TimeZone", "UTC"),
    ]
    .concat();
    let told = [
        "notice hello",
        "notification 12 channel \"payload\"",
        "parameter",
    ];
    let answer = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::row_description(&fields(&["a"])),
        row(&["1"]),
        row(&["2"]),
        backend::command_complete("SELECT 2"),
        ready_for_query(b'I'),
    ];
    let mut machine = ready();
    assert_eq!(after(&mut machine, &between).unwrap(), told);
    for position in 0..=answer.len() {
        machine.execute(unnamed(b"select")).unwrap();
        machine.sync().unwrap();
        let mut messages: Vec<&[u8]> = answer.iter().map(Vec::as_slice).collect();
        messages.insert(position, &between);
        let found = after(&mut machine, &messages.concat()).unwrap();
        let (news, results): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|line| told.contains(&line.as_str()));
        assert_eq!(news, told);
        assert_eq!(results, ["TuplesOk (a) [1] [2] SELECT 2", "ready Idle"]);
    }
    assert_eq!(machine.parameter_status("TimeZone"), Some("UTC"));
}

#[test]
fn the_last_words_of_a_server_are_the_reason_of_the_end() {
    let farewell = backend::error("FATAL", "57P01", "terminating connection");
    let mut machine = ready();
    assert_eq!(after(&mut machine, &farewell).unwrap(), [""; 0]);
    assert!(!machine.is_busy());
    let error = machine.closed_by_peer();
    assert_eq!(error.to_string(), "terminating connection");
    assert!(machine.is_closed());
    assert_eq!(machine.transaction_status(), TransactionStatus::Unknown);

    // While a command runs they are its result.
    let mut machine = ready();
    machine.execute(unnamed(b"select")).unwrap();
    machine.sync().unwrap();
    assert_eq!(
        after(&mut machine, &farewell).unwrap(),
        ["FatalError 57P01 terminating connection"]
    );
    assert!(matches!(machine.closed_by_peer(), Error::ClosedByPeer));
}

#[test]
fn a_closed_machine_stays_closed() {
    let mut machine = ready();
    machine.query(b"select", 0).unwrap();
    machine.close();
    assert!(machine.outgoing().is_empty());
    assert!(!machine.is_busy());
    assert!(matches!(machine.query(b"select", 0), Err(Error::Closed)));
    assert!(matches!(
        machine.execute(unnamed(b"select")),
        Err(Error::Closed)
    ));
    machine.terminate();
    assert!(machine.outgoing().is_empty());
    assert!(after(&mut machine, &ready_for_query(b'I')).is_err());
}

#[test]
fn terminate_says_goodbye_only_at_a_message_boundary() {
    let mut machine = ready();
    machine.terminate();
    assert_eq!(take_sent(&mut machine), b"X\0\0\0\x04");
    machine.query(b"select", 0).unwrap();
    machine.sent(3);
    let left = machine.outgoing().to_vec();
    machine.terminate();
    assert_eq!(machine.outgoing(), left);
}

#[test]
fn what_cannot_be_encoded_leaves_nothing_behind() {
    fn nothing(machine: &Machine) {
        assert!(machine.outgoing().is_empty() && !machine.is_busy());
    }
    let mut machine = ready();
    assert!(matches!(
        machine.query(b"select\0", 0),
        Err(Error::Encode(_))
    ));
    nothing(&machine);
    let too_many = Command {
        parameter_count: 65_536,
        ..unnamed(b"select")
    };
    let error = machine.execute(too_many).unwrap_err();
    assert!(error.to_string().contains("65536"), "{error}");
    nothing(&machine);
    assert!(machine.prepare(b"s\0", b"select", &[]).is_err());
    assert!(machine.describe_statement(b"\0").is_err());
    assert!(machine.describe_portal(b"\0").is_err());
    assert!(machine.close_statement(b"\0").is_err());
    assert!(machine.close_portal(b"\0").is_err());
    nothing(&machine);
}

#[test]
fn commands_that_belong_together_are_taken_back_together() {
    let mut machine = ready();
    machine.query(b"select 1", 0).unwrap();
    let before = machine.outgoing().to_vec();
    let checkpoint = machine.checkpoint();
    machine.close_statement(b"s").unwrap();
    machine.execute(unnamed(b"begin")).unwrap();
    assert!(machine.execute(unnamed(b"\0")).is_err());
    machine.rewind(&checkpoint);
    assert_eq!(machine.outgoing(), before);
    let answer = [backend::command_complete("SELECT 0"), ready_for_query(b'I')];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        ["CommandOk SELECT 0", "ready Idle"]
    );
    assert!(!machine.is_busy());
}

/// After an error the server would skip the query, and never answer it.
#[test]
fn a_simple_query_must_not_follow_without_a_sync() {
    let mut machine = ready();
    machine.execute(unnamed(b"select")).unwrap();
    assert!(matches!(machine.query(b"select", 0), Err(Error::Misuse(_))));
    let error = backend::error("ERROR", "42601", "no");
    assert_eq!(
        after(&mut machine, &error).unwrap(),
        ["FatalError 42601 no"]
    );
    assert!(matches!(machine.query(b"select", 0), Err(Error::Misuse(_))));
    machine.sync().unwrap();
    machine.query(b"select", 0).unwrap();
}

/// A peer that takes a few bytes at a time gets every byte once and in order.
#[test]
fn partial_writes_lose_nothing() {
    let mut machine = ready();
    let mut expected = Vec::new();
    let mut sent = Vec::new();
    for turn in 0..3000usize {
        let text = "x".repeat(turn % 300);
        psycoxide_protocol::frontend::query(&mut expected, text.as_bytes()).unwrap();
        machine.query(text.as_bytes(), 0).unwrap();
        let count = machine.outgoing().len().min(turn % 251);
        sent.extend_from_slice(&machine.outgoing()[..count]);
        machine.sent(count);
    }
    sent.extend(take_sent(&mut machine));
    assert_eq!(sent, expected);
}
