//! A server that lies: messages out of turn, lengths that are not true, ends in the middle. Each is
//! an error, and the machine is closed.

#![expect(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use std::sync::Arc;

use psycoxide_connection::{Command, Error, Machine};
use psycoxide_testkit::backend;

use support::{after, events, feed, fields, ready, row, unnamed};

/// The messages a test of the order tries: one of each type that is not asynchronous or an error.
fn samples() -> Vec<(u8, Vec<u8>)> {
    use psycoxide_protocol::Format::Text;
    let list = vec![
        backend::authentication_ok(),
        backend::backend_key_data(1, b"abcd"),
        backend::bind_complete(),
        backend::close_complete(),
        backend::command_complete("DO"),
        backend::copy_response(b'G', Text, &[]),
        backend::copy_response(b'H', Text, &[]),
        backend::copy_response(b'W', Text, &[]),
        backend::copy_data(b"x"),
        backend::copy_done(),
        row(&["1"]),
        backend::empty_query_response(),
        backend::message(b'V', &[0xff; 4]),
        backend::negotiate_protocol_version(0, &[]),
        backend::no_data(),
        backend::parameter_description(&[]),
        backend::parse_complete(),
        backend::portal_suspended(),
        backend::ready_for_query(b'I'),
        backend::row_description(&fields(&["a"])),
    ];
    list.into_iter()
        .map(|message| (message[0], message))
        .collect()
}

/// Checks that of all messages only `legal` ones are taken by the machines that `make` makes.
fn only(legal: &[u8], make: impl Fn() -> Machine) {
    for (tag, message) in samples() {
        let mut machine = make();
        let outcome = after(&mut machine, &message);
        let name = char::from(tag);
        if legal.contains(&tag) {
            assert!(outcome.is_ok(), "{name:?}: {outcome:?}");
            assert!(machine.is_ready());
        } else {
            assert!(
                matches!(outcome, Err(Error::Unexpected { tag: found, .. }) if found == tag),
                "{name:?}: {outcome:?}"
            );
            assert!(machine.is_closed() && !machine.is_busy());
            assert!(machine.outgoing().is_empty());
        }
    }
}

fn with(command: impl Fn(&mut Machine), answered: &[Vec<u8>]) -> Machine {
    let mut machine = ready();
    command(&mut machine);
    let bytes = answered.concat();
    after(&mut machine, &bytes).unwrap();
    machine
}

#[test]
fn only_what_is_legal_when_nothing_runs() {
    only(b"", ready);
}

#[test]
fn only_what_is_legal_for_a_simple_query() {
    let query = |machine: &mut Machine| machine.query(b"select", 0).unwrap();
    let described = backend::row_description(&fields(&["a"]));
    only(b"CIGHWT", || with(query, &[]));
    only(b"CD", || with(query, std::slice::from_ref(&described)));
    only(b"CD", || with(query, &[described.clone(), row(&["1"])]));
    only(b"CIGHWTZ", || {
        with(query, &[backend::command_complete("DO")])
    });
    only(b"CIGHWTZ", || {
        with(query, &[backend::error("ERROR", "0", "")])
    });
}

#[test]
fn only_what_is_legal_for_an_execution() {
    let execute = |machine: &mut Machine| {
        machine.execute(unnamed(b"select")).unwrap();
        machine.sync().unwrap();
    };
    let answered = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::row_description(&fields(&["a"])),
        row(&["1"]),
        backend::command_complete("SELECT 1"),
    ];
    only(b"1", || with(execute, &[]));
    only(b"2", || with(execute, &answered[..1]));
    only(b"Tn", || with(execute, &answered[..2]));
    only(b"DCI", || with(execute, &answered[..3]));
    only(b"DC", || with(execute, &answered[..4]));
    only(b"Z", || with(execute, &answered));
    let undescribed = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::no_data(),
    ];
    only(b"CIGHW", || with(execute, &undescribed));
    only(b"Z", || with(execute, &[backend::error("ERROR", "0", "")]));
}

#[test]
fn only_what_is_legal_for_a_prepared_execution() {
    let known: Arc<[_]> = fields(&["a"]).into();
    let execute = |machine: &mut Machine| {
        let command = Command {
            parse: None,
            statement: b"s",
            fields: Some(known.clone()),
            ..unnamed(b"")
        };
        machine.execute(command).unwrap();
        machine.sync().unwrap();
    };
    only(b"2", || with(execute, &[]));
    only(b"DCI", || with(execute, &[backend::bind_complete()]));
}

#[test]
fn only_what_is_legal_for_the_other_commands() {
    only(b"1", || {
        with(|machine| machine.prepare(b"s", b"", &[]).unwrap(), &[])
    });
    only(b"tTn", || {
        with(|machine| machine.describe_statement(b"s").unwrap(), &[])
    });
    only(b"3", || {
        with(|machine| machine.close_statement(b"s").unwrap(), &[])
    });
    only(b"Z", || with(|machine| machine.sync().unwrap(), &[]));
}

#[test]
fn rows_with_another_number_of_columns() {
    for cells in [&[][..], &["1"], &["1", "2", "3"]] {
        let mut machine = ready();
        machine.query(b"select", 0).unwrap();
        let answer = [
            backend::row_description(&fields(&["a", "b"])),
            row(&["1", "2"]),
            row(cells),
        ];
        let error = after(&mut machine, &answer.concat()).unwrap_err();
        assert!(
            matches!(error, Error::ColumnCount { expected: 2, found } if found == cells.len()),
            "{error:?}"
        );
        assert!(machine.is_closed());
    }
    // A row without even a count.
    let mut machine = ready();
    machine.query(b"select", 0).unwrap();
    let answer = [backend::row_description(&[]), backend::message(b'D', b"\0")];
    assert!(matches!(
        after(&mut machine, &answer.concat()),
        Err(Error::ColumnCount { .. })
    ));
}

/// Cells are looked at when they are wanted: the row is kept as it came, and whoever walks it is
/// told.
#[test]
fn cells_whose_lengths_lie() {
    for cell in [
        &b"\0\0\0\x05abc"[..],
        b"\x7f\xff\xff\xffabc",
        b"\xff\xff\xff\xfeabc",
        b"\0\0\0\x02abc",
        b"\0\0",
    ] {
        let mut machine = ready();
        machine.query(b"select", 0).unwrap();
        feed(&mut machine, &backend::row_description(&fields(&["a"])));
        feed(
            &mut machine,
            &backend::message(b'D', &[b"\0\x01", cell].concat()),
        );
        feed(&mut machine, &backend::command_complete("SELECT 1"));
        let Some(psycoxide_connection::Event::Result(result)) = machine.next_event().unwrap()
        else {
            panic!("there is a result");
        };
        let body = result.rows.row(0).unwrap();
        assert!(psycoxide_protocol::data_row::validate(body).is_err());
        assert!(result.rows.row(1).is_none());
    }
}

#[test]
fn lengths_that_cannot_be() {
    for &tag in psycoxide_protocol::backend::tag::ALL {
        for length in [0u32, 1, 2, 3, 0x4000_0001, 0x7fff_ffff, u32::MAX] {
            let mut machine = ready();
            machine.query(b"select", 0).unwrap();
            feed(&mut machine, &backend::row_description(&[]));
            events(&mut machine).unwrap();
            let header = [&[tag][..], &length.to_be_bytes()].concat();
            let outcome = after(&mut machine, &header);
            assert!(matches!(outcome, Err(Error::Decode(_))), "{outcome:?}");
            assert!(machine.is_closed());
        }
    }
}

#[test]
fn types_that_do_not_exist() {
    for tag in (0..=u8::MAX).filter(|tag| !psycoxide_protocol::backend::tag::ALL.contains(tag)) {
        let mut machine = ready();
        let message = backend::message(tag, b"");
        assert!(matches!(
            after(&mut machine, &message),
            Err(Error::Decode(_))
        ));
    }
}

/// A length that is possible but not true: the machine waits for the rest, and takes no memory for
/// it before it comes.
#[test]
fn an_announced_gigabyte_takes_no_memory() {
    let mut machine = ready();
    machine.query(b"select", 0).unwrap();
    let answer = [
        backend::row_description(&fields(&["a"])),
        b"D\x3f\xff\xff\xff\0\x01".to_vec(),
    ];
    assert!(after(&mut machine, &answer.concat()).unwrap().is_empty());
    let mut received = 0;
    while received < 1 << 20 {
        let room = machine.room();
        assert!(!room.is_empty());
        // At most what has come already, and one read.
        assert!(room.len() <= received + (1 << 18), "{}", room.len());
        let count = room.len();
        machine.received(count);
        received += count;
        assert!(machine.next_event().unwrap().is_none());
    }
}

/// Counts inside of bodies are not believed either.
#[test]
fn counts_that_lie() {
    for message in [
        backend::message(b'T', b"\xff\xff"),
        backend::message(b't', b"\xff\xff"),
        backend::message(b'G', b"\0\xff\xff"),
        backend::message(b'T', b"\0\x01a\0"),
        backend::message(b'T', b"\0\0more"),
        backend::message(b'C', b"unterminated"),
        backend::message(b'Z', b"?"),
        backend::message(b'Z', b""),
        backend::message(b'E', b"Mx"),
        backend::message(b'A', b"\0\0\0\0a"),
        backend::message(b'S', b"a\0b"),
        backend::message(b'1', b"x"),
    ] {
        let mut machine = ready();
        machine.query(b"select", 0).unwrap();
        let outcome = after(&mut machine, &message);
        assert!(matches!(outcome, Err(Error::Decode(_))), "{outcome:?}");
        assert!(machine.is_closed());
    }
}

#[test]
fn settings_are_kept_up_to_a_bound() {
    let mut machine = ready();
    for number in 0..3000 {
        let name = format!("setting{number}");
        feed(&mut machine, &backend::parameter_status(&name, "x"));
        events(&mut machine).unwrap();
    }
    assert!(machine.parameter_statuses().count() <= 1000);
    // Those that are known change still.
    feed(&mut machine, &backend::parameter_status("setting0", "y"));
    events(&mut machine).unwrap();
    assert_eq!(machine.parameter_status("setting0"), Some("y"));
}

#[test]
fn the_end_in_the_middle_of_any_message() {
    let answer = [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::row_description(&fields(&["a"])),
        row(&["1"]),
        backend::command_complete("SELECT 1"),
        backend::ready_for_query(b'I'),
    ]
    .concat();
    for end in 0..=answer.len() {
        let mut machine = ready();
        machine.execute(unnamed(b"select")).unwrap();
        machine.sync().unwrap();
        after(&mut machine, &answer[..end]).unwrap();
        assert_eq!(machine.is_busy(), end < answer.len());
        assert!(matches!(machine.closed_by_peer(), Error::ClosedByPeer));
        assert!(machine.is_closed() && !machine.is_busy());
        assert!(machine.next_event().unwrap().is_none());
    }
}
