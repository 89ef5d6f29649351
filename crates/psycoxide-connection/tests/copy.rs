//! COPY in every direction, in the simple and the extended protocol, and the Sync that gets lost.

#![expect(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use psycoxide_connection::{Error, Machine};
use psycoxide_protocol::Format;
use psycoxide_testkit::backend;

use support::{after, events, ready, row, take_sent, take_sent_tags, unnamed};

fn copy_in() -> Vec<u8> {
    backend::copy_response(b'G', Format::Text, &[Format::Text, Format::Text])
}

fn copy_out() -> Vec<u8> {
    backend::copy_response(b'H', Format::Binary, &[Format::Binary])
}

fn done() -> Vec<u8> {
    [
        backend::command_complete("COPY 2"),
        backend::ready_for_query(b'I'),
    ]
    .concat()
}

/// A machine in an extended COPY from the client, its Sync sent.
fn extended_copy_in() -> Machine {
    let mut machine = ready();
    machine.execute(unnamed(b"copy t from stdin")).unwrap();
    machine.sync().unwrap();
    assert_eq!(take_sent_tags(&mut machine), "PBDES");
    let answer = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::no_data(),
        copy_in(),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        ["CopyIn (, )"]
    );
    machine
}

#[test]
fn in_by_simple_query() {
    let mut machine = ready();
    machine.query(b"copy t from stdin", 0).unwrap();
    take_sent(&mut machine);
    assert!(matches!(machine.copy_data(b"x"), Err(Error::Misuse(_))));
    assert_eq!(after(&mut machine, &copy_in()).unwrap(), ["CopyIn (, )"]);
    assert!(machine.is_copying_in() && !machine.is_copying_out());
    machine.copy_data(b"1\t2\n").unwrap();
    machine.copy_data(b"").unwrap();
    machine.copy_done().unwrap();
    assert_eq!(
        take_sent(&mut machine),
        b"d\0\0\0\x081\t2\nd\0\0\0\x04c\0\0\0\x04"
    );
    assert!(!machine.is_copying_in());
    assert!(matches!(machine.copy_data(b"x"), Err(Error::Misuse(_))));
    assert!(matches!(machine.copy_done(), Err(Error::Misuse(_))));
    assert_eq!(
        after(&mut machine, &done()).unwrap(),
        ["CommandOk COPY 2", "ready Idle"]
    );
}

#[test]
fn data_of_which_a_part_is_sent_at_once() {
    for taken in 0..=9 + 9 {
        let mut machine = extended_copy_in();
        machine.copy_data(b"1\t2\n").unwrap();
        let mut sent = Vec::new();
        let send = |before: &[u8], data: &[u8]| {
            sent.extend_from_slice(&[before, data].concat()[..taken]);
            taken
        };
        machine.copy_data_with(b"3\t4\n", send).unwrap();
        sent.extend_from_slice(&take_sent(&mut machine));
        assert_eq!(sent, b"d\0\0\0\x081\t2\nd\0\0\0\x083\t4\n");
    }
    let nothing = |_: &[u8], _: &[u8]| 0;
    assert!(matches!(
        ready().copy_data_with(b"x", nothing),
        Err(Error::Misuse(_))
    ));
}

#[test]
fn given_up_by_the_client() {
    let mut machine = ready();
    machine.query(b"copy t from stdin", 0).unwrap();
    take_sent(&mut machine);
    after(&mut machine, &copy_in()).unwrap();
    assert!(machine.copy_fail(b"\0").is_err());
    assert!(machine.is_copying_in(), "nothing was queued");
    machine.copy_fail(b"no").unwrap();
    assert_eq!(take_sent(&mut machine), b"f\0\0\0\x07no\0");
    let answer = [
        backend::error("ERROR", "57014", "COPY from stdin failed: no"),
        backend::ready_for_query(b'I'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        ["FatalError 57014 COPY from stdin failed: no", "ready Idle"]
    );
}

#[test]
fn the_sync_swallowed_by_an_extended_copy_is_sent_again() {
    for give_up in [false, true] {
        let mut machine = extended_copy_in();
        machine.copy_data(b"x").unwrap();
        if give_up {
            machine.copy_fail(b"no").unwrap();
            assert_eq!(take_sent_tags(&mut machine), "dfS");
            let answer = [
                backend::error("ERROR", "57014", "no"),
                backend::ready_for_query(b'I'),
            ];
            assert_eq!(
                after(&mut machine, &answer.concat()).unwrap(),
                ["FatalError 57014 no", "ready Idle"]
            );
        } else {
            machine.copy_done().unwrap();
            assert_eq!(take_sent_tags(&mut machine), "dcS");
            assert_eq!(
                after(&mut machine, &done()).unwrap(),
                ["CommandOk COPY 2", "ready Idle"]
            );
        }
        assert!(!machine.is_busy());
        assert!(machine.outgoing().is_empty());
    }
}

#[test]
fn a_sync_queued_during_the_copy_is_sent_again() {
    let mut machine = ready();
    machine.execute(unnamed(b"copy t from stdin")).unwrap();
    machine.flush().unwrap();
    take_sent(&mut machine);
    let answer = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::no_data(),
        copy_in(),
    ];
    after(&mut machine, &answer.concat()).unwrap();
    machine.sync().unwrap();
    machine.copy_done().unwrap();
    assert_eq!(take_sent_tags(&mut machine), "ScS");
    assert_eq!(
        after(&mut machine, &done()).unwrap(),
        ["CommandOk COPY 2", "ready Idle"]
    );
}

#[test]
fn a_sync_queued_after_the_copy_is_sent_once() {
    let mut machine = ready();
    machine.execute(unnamed(b"copy t from stdin")).unwrap();
    machine.flush().unwrap();
    take_sent(&mut machine);
    let answer = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::no_data(),
        copy_in(),
    ];
    after(&mut machine, &answer.concat()).unwrap();
    machine.copy_done().unwrap();
    machine.sync().unwrap();
    assert_eq!(take_sent_tags(&mut machine), "cS");
    assert_eq!(
        after(&mut machine, &done()).unwrap(),
        ["CommandOk COPY 2", "ready Idle"]
    );
}

/// An error of the server while it takes data: it has read the Sync as data, and waits for another;
/// or it has not (a trigger failed, the target cannot be written to), and answers both.
#[test]
fn an_error_in_the_middle_is_answered_by_one_or_two_ready() {
    for (readies, query) in [(1, false), (2, false), (1, true), (2, true)] {
        let mut machine = extended_copy_in();
        machine.copy_data(b"x").unwrap();
        take_sent(&mut machine);
        let error = backend::error("ERROR", "22P02", "bad line");
        assert_eq!(
            after(&mut machine, &error).unwrap(),
            ["FatalError 22P02 bad line"]
        );
        assert_eq!(take_sent_tags(&mut machine), "S");
        assert!(matches!(machine.copy_data(b"x"), Err(Error::Misuse(_))));
        let ready = backend::ready_for_query(b'I');
        assert_eq!(after(&mut machine, &ready).unwrap(), ["ready Idle"]);
        assert!(!machine.is_busy());
        // The second may come while nothing runs, or while the next command waits.
        if query {
            machine.query(b"select", 0).unwrap();
        } else {
            machine.execute(unnamed(b"select")).unwrap();
            machine.sync().unwrap();
        }
        if readies == 2 {
            assert_eq!(after(&mut machine, &ready).unwrap(), [""; 0]);
        }
        let mut answer = Vec::new();
        if !query {
            answer.extend(backend::parse_complete());
            answer.extend(backend::bind_complete());
            answer.extend(backend::no_data());
        }
        answer.extend(backend::command_complete("DO"));
        answer.extend(ready.clone());
        assert_eq!(
            after(&mut machine, &answer).unwrap(),
            ["CommandOk DO", "ready Idle"]
        );
        // From here on none is left over.
        assert!(after(&mut machine, &ready).is_err());
    }
}

#[test]
fn the_client_may_finish_while_the_error_is_on_its_way() {
    let mut machine = extended_copy_in();
    machine.copy_data(b"x").unwrap();
    machine.copy_done().unwrap();
    assert_eq!(take_sent_tags(&mut machine), "dcS");
    let answer = [
        backend::error("ERROR", "42809", "cannot copy to view"),
        backend::ready_for_query(b'I'),
        backend::ready_for_query(b'I'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        ["FatalError 42809 cannot copy to view", "ready Idle"]
    );
    assert!(machine.outgoing().is_empty(), "no third Sync");
    assert!(machine.is_ready());
}

#[test]
fn out() {
    for extended in [false, true] {
        let mut machine = ready();
        let mut answer = Vec::new();
        if extended {
            machine.execute(unnamed(b"copy t to stdout")).unwrap();
            machine.sync().unwrap();
            answer.extend(backend::parse_complete());
            answer.extend(backend::bind_complete());
            answer.extend(backend::no_data());
        } else {
            machine.query(b"copy t to stdout", 0).unwrap();
        }
        take_sent(&mut machine);
        answer.extend(copy_out());
        assert_eq!(after(&mut machine, &answer).unwrap(), ["CopyOut ()"]);
        assert!(machine.is_copying_out() && !machine.is_copying_in());
        assert!(matches!(machine.copy_data(b""), Err(Error::Misuse(_))));
        let answer = [
            backend::copy_data(b"line"),
            backend::copy_data(b""),
            backend::copy_done(),
            done(),
        ];
        assert_eq!(
            after(&mut machine, &answer.concat()).unwrap(),
            [
                "data \"line\"",
                "data \"\"",
                "CommandOk COPY 2",
                "ready Idle"
            ]
        );
        assert!(machine.outgoing().is_empty(), "no Sync was lost");
    }
}

#[test]
fn out_that_fails() {
    for extended in [false, true] {
        let mut machine = ready();
        let mut answer = Vec::new();
        if extended {
            machine.execute(unnamed(b"copy t to stdout")).unwrap();
            machine.sync().unwrap();
            answer.extend(backend::parse_complete());
            answer.extend(backend::bind_complete());
            answer.extend(backend::no_data());
        } else {
            machine.query(b"copy t to stdout", 0).unwrap();
        }
        take_sent(&mut machine);
        answer.extend(copy_out());
        answer.extend(backend::copy_data(b"line"));
        answer.extend(backend::error("ERROR", "57014", "canceled"));
        answer.extend(backend::ready_for_query(b'I'));
        assert_eq!(
            after(&mut machine, &answer).unwrap(),
            [
                "CopyOut ()",
                "data \"line\"",
                "FatalError 57014 canceled",
                "ready Idle"
            ]
        );
        assert!(!machine.is_copying_out());
        assert!(machine.outgoing().is_empty());
    }
}

#[test]
fn both_ways() {
    let copy_both = backend::copy_response(b'W', Format::Text, &[]);
    // Either side may end first.
    for server_first in [true, false] {
        let mut machine = ready();
        machine.query(b"START_REPLICATION 0/0", 0).unwrap();
        take_sent(&mut machine);
        assert_eq!(after(&mut machine, &copy_both).unwrap(), ["CopyBoth"]);
        assert!(machine.is_copying_in() && machine.is_copying_out());
        machine.copy_data(b"status").unwrap();
        let answer = [backend::copy_data(b"wal"), backend::copy_data(b"more")];
        assert_eq!(
            after(&mut machine, &answer.concat()).unwrap(),
            ["data \"wal\"", "data \"more\""]
        );
        if server_first {
            assert!(
                after(&mut machine, &backend::copy_done())
                    .unwrap()
                    .is_empty()
            );
            assert!(machine.is_copying_in() && !machine.is_copying_out());
            machine.copy_done().unwrap();
        } else {
            machine.copy_done().unwrap();
            assert!(!machine.is_copying_in() && machine.is_copying_out());
            let answer = [backend::copy_data(b"late"), backend::copy_done()];
            assert_eq!(
                after(&mut machine, &answer.concat()).unwrap(),
                ["data \"late\""]
            );
        }
        assert_eq!(
            after(&mut machine, &done()).unwrap(),
            ["CommandOk COPY 2", "ready Idle"]
        );
    }
}

#[test]
fn what_is_not_legal_in_a_copy() {
    let forbidden: [(&str, Vec<u8>); 7] = [
        ("ready", backend::ready_for_query(b'I')),
        ("complete", backend::command_complete("COPY 1")),
        ("row", row(&["1"])),
        ("description", backend::row_description(&[])),
        ("bind", backend::bind_complete()),
        ("another copy", copy_in()),
        ("empty", backend::empty_query_response()),
    ];
    for begin in [copy_in(), copy_out()] {
        for (name, message) in &forbidden {
            let mut machine = ready();
            machine.query(b"copy", 0).unwrap();
            after(&mut machine, &begin).unwrap();
            let outcome = after(&mut machine, message);
            assert!(
                matches!(outcome, Err(Error::Unexpected { .. })),
                "{name}: {outcome:?}"
            );
            assert!(machine.is_closed());
        }
    }
    // Data in the wrong direction, or in none.
    for begin in [copy_in(), backend::command_complete("DO"), Vec::new()] {
        for message in [backend::copy_data(b"x"), backend::copy_done()] {
            let mut machine = ready();
            machine.query(b"copy", 0).unwrap();
            after(&mut machine, &begin).unwrap();
            assert!(after(&mut machine, &message).is_err());
        }
    }
    let mut machine = ready();
    assert!(after(&mut machine, &backend::copy_data(b"x")).is_err());
    assert!(events(&mut machine).unwrap().is_empty());
}
