//! Any split of the input gives the same events, and no input makes the machine panic or wait for
//! what it has already.

#![expect(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use proptest::prelude::*;
use psycoxide_connection::Machine;
use psycoxide_protocol::Format;
use psycoxide_testkit::backend;

use support::{events, feed, fields, ready, row, started, startup_answer, unnamed};

/// Commands that a session sends at once.
fn session() -> Machine {
    let mut machine = ready();
    machine.query(b"select; select", 2).unwrap();
    machine.execute(unnamed(b"select")).unwrap();
    machine.describe_statement(b"s").unwrap();
    machine.sync().unwrap();
    machine.execute(unnamed(b"select 1/0")).unwrap();
    machine.execute(unnamed(b"select")).unwrap();
    machine.sync().unwrap();
    machine.query(b"copy t to stdout", 0).unwrap();
    machine
}

/// What a server answers.
fn answer() -> Vec<u8> {
    let long = "x".repeat(40_000);
    [
        backend::row_description(&fields(&["a", "b"])),
        row(&["1", &long]),
        backend::data_row(&[None, Some(b"")]),
        row(&["3", "z"]),
        backend::command_complete("SELECT 3"),
        backend::empty_query_response(),
        backend::message(b'N', b"SNOTICE\0Mhello\0\0"),
        backend::ready_for_query(b'I'),
        backend::parse_complete(),
        backend::bind_complete(),
        backend::row_description(&fields(&["a"])),
        row(&["1"]),
        backend::parameter_status("a", "b"),
        row(&["2"]),
        backend::command_complete("SELECT 2"),
        backend::parameter_description(&[23]),
        backend::no_data(),
        backend::ready_for_query(b'T'),
        backend::error("ERROR", "22012", "division by zero"),
        backend::ready_for_query(b'E'),
        backend::copy_response(b'H', Format::Text, &[Format::Text]),
        backend::copy_data(b"line"),
        backend::notification_response(1, "c", "p"),
        backend::copy_done(),
        backend::command_complete("COPY 1"),
        backend::ready_for_query(b'I'),
    ]
    .concat()
}

/// Feeds the pieces, taking events after each; an error is the last line.
fn play<'a>(mut machine: Machine, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut found = Vec::new();
    for piece in pieces {
        feed(&mut machine, piece);
        loop {
            match machine.next_event() {
                Ok(Some(event)) => found.extend(support::describe(&event)),
                Ok(None) => break,
                Err(error) => {
                    found.push(format!("error {error}"));
                    return found;
                }
            }
        }
    }
    found
}

fn cut<'a>(bytes: &'a [u8], ends: &[usize]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = ends.iter().map(|end| end % (bytes.len() + 1)).collect();
    ends.push(0);
    ends.push(bytes.len());
    ends.sort_unstable();
    ends.windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

#[test]
fn one_byte_at_a_time() {
    let bytes = startup_answer();
    let whole = play(started(None), [&bytes[..]]);
    assert_eq!(whole.last().unwrap(), "ready Idle");
    assert_eq!(play(started(None), bytes.chunks(1)), whole);

    let bytes = answer();
    let whole = play(session(), [&bytes[..]]);
    assert_eq!(whole.len(), 17);
    assert_eq!(whole.last().unwrap(), "ready Idle");
    assert_eq!(play(session(), bytes.chunks(1)), whole);
}

/// Bytes that are messages, more or less: real ones, real ones with a byte changed, and noise.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let tags = psycoxide_protocol::backend::tag::ALL;
    let body = proptest::collection::vec(any::<u8>(), 0..24);
    let framed = (proptest::sample::select(tags), body.clone())
        .prop_map(|(tag, body)| backend::message(tag, &body));
    let sensible = proptest::sample::select(vec![
        backend::authentication_ok(),
        backend::authentication_cleartext_password(),
        backend::authentication_sasl(&["SCRAM-SHA-256"]),
        backend::ready_for_query(b'I'),
        backend::parse_complete(),
        backend::bind_complete(),
        backend::no_data(),
        backend::row_description(&fields(&["a"])),
        row(&["1"]),
        backend::command_complete("SELECT 1"),
        backend::error("ERROR", "XX000", "x"),
        backend::error("FATAL", "57P01", "x"),
        backend::copy_response(b'G', Format::Text, &[]),
        backend::copy_response(b'H', Format::Text, &[]),
        backend::copy_response(b'W', Format::Text, &[]),
        backend::copy_data(b"x"),
        backend::copy_done(),
        backend::close_complete(),
    ]);
    let damaged = (answer_start(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(mut bytes, index, byte)| {
            let position = index.index(bytes.len());
            bytes[position] = byte;
            bytes
        },
    );
    let part = prop_oneof![8 => sensible, 2 => framed, 1 => damaged, 1 => body];
    proptest::collection::vec(part, 1..12).prop_map(|parts| parts.concat())
}

fn answer_start() -> impl Strategy<Value = Vec<u8>> {
    Just(
        [
            backend::row_description(&fields(&["a"])),
            row(&["1"]),
            backend::command_complete("SELECT 1"),
            backend::ready_for_query(b'I'),
        ]
        .concat(),
    )
}

fn commands(machine: &mut Machine) {
    machine.query(b"select", 1).unwrap();
    machine.execute(unnamed(b"select")).unwrap();
    machine.close_statement(b"s").unwrap();
    machine.sync().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_split_gives_the_same_events(ends in proptest::collection::vec(any::<usize>(), 0..40)) {
        let bytes = answer();
        let whole = play(session(), [&bytes[..]]);
        prop_assert_eq!(play(session(), cut(&bytes, &ends)), whole);
    }

    #[test]
    fn any_split_of_a_hostile_startup(
        bytes in hostile(),
        ends in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        let whole = play(started(Some("secret")), [&bytes[..]]);
        prop_assert_eq!(play(started(Some("secret")), cut(&bytes, &ends)), whole);
    }

    #[test]
    fn any_split_of_hostile_answers(
        bytes in hostile(),
        ends in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        let make = || {
            let mut machine = ready();
            commands(&mut machine);
            machine
        };
        let whole = play(make(), [&bytes[..]]);
        prop_assert_eq!(play(make(), cut(&bytes, &ends)), whole);
    }

    /// However it went, the machine ends in good order: closed, or able to take commands.
    #[test]
    fn a_machine_is_usable_or_closed(bytes in hostile()) {
        let mut machine = ready();
        commands(&mut machine);
        feed(&mut machine, &bytes);
        match events(&mut machine) {
            Ok(_) => {
                prop_assert!(machine.is_ready());
                if machine.is_copying_in() {
                    machine.copy_data(b"x").unwrap();
                    machine.copy_fail(b"no").unwrap();
                }
                prop_assert!(!machine.outgoing().is_empty());
            }
            Err(_) => {
                prop_assert!(machine.is_closed() && !machine.is_busy());
                prop_assert!(machine.outgoing().is_empty());
                prop_assert!(machine.query(b"select", 0).is_err());
            }
        }
        machine.closed_by_peer();
        prop_assert!(machine.is_closed());
    }
}
