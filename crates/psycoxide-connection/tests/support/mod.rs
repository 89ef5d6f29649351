//! What the tests of the machine share: machines in a given phase, and events as text.

#![allow(dead_code, reason = "each test file uses some of it")]
#![expect(clippy::unwrap_used, reason = "a test ends there")]

use psycoxide_connection::auth::{
    AuthOptions, Authenticator, ChannelBinding, NONCE_LENGTH, Password, RequireAuth, TlsBinding,
};
use psycoxide_connection::{Command, Error, Event, Machine, QueryResult, StartupOptions};
use psycoxide_protocol::Format;
use psycoxide_protocol::backend::Field;
use psycoxide_protocol::data_row::Columns;
use psycoxide_testkit::backend;

/// The nonce of every authenticator made here.
pub(crate) const NONCE: [u8; NONCE_LENGTH] = [7; NONCE_LENGTH];

pub(crate) fn authenticator(password: Option<&str>) -> Authenticator {
    Authenticator::new(AuthOptions {
        user: b"alice".to_vec(),
        password: password.map(Password::new),
        channel_binding: ChannelBinding::Prefer,
        tls: TlsBinding::Plain,
        require_auth: RequireAuth::default(),
        nonce: NONCE,
        scram_keys: None,
    })
}

pub(crate) fn options(minor: u32, minimum: u32) -> StartupOptions {
    StartupOptions {
        parameters: vec![
            (b"user".to_vec(), b"alice".to_vec()),
            (b"database".to_vec(), b"db".to_vec()),
        ],
        protocol_minor: minor,
        minimum_protocol_minor: minimum,
    }
}

/// A machine whose startup packet has been sent.
pub(crate) fn started(password: Option<&str>) -> Machine {
    let mut machine = Machine::default();
    machine
        .start(options(0, 0), authenticator(password))
        .unwrap();
    take_sent(&mut machine);
    machine
}

/// A machine that is ready for commands.
pub(crate) fn ready() -> Machine {
    let mut machine = started(None);
    feed(&mut machine, &startup_answer());
    assert_eq!(events(&mut machine).unwrap(), ["parameter", "ready Idle"]);
    machine
}

pub(crate) fn startup_answer() -> Vec<u8> {
    [
        backend::authentication_ok(),
        backend::parameter_status("server_version", "15.0"),
        backend::backend_key_data(4711, b"key!"),
        backend::ready_for_query(b'I'),
    ]
    .concat()
}

/// Gives bytes to the machine, as many at a time as it has room for.
pub(crate) fn feed(machine: &mut Machine, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let room = machine.room();
        assert!(!room.is_empty(), "there is always room");
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        machine.received(count);
        bytes = &bytes[count..];
    }
}

/// All bytes to send, taken in pieces of an odd size.
pub(crate) fn take_sent(machine: &mut Machine) -> Vec<u8> {
    let mut sent = Vec::new();
    while !machine.outgoing().is_empty() {
        let count = machine.outgoing().len().min(7);
        sent.extend_from_slice(&machine.outgoing()[..count]);
        machine.sent(count);
    }
    sent
}

/// The types of the messages to send.
pub(crate) fn take_sent_tags(machine: &mut Machine) -> String {
    let sent = take_sent(machine);
    let mut rest = &sent[..];
    let mut tags = String::new();
    while let [tag, a, b, c, d, ..] = rest {
        tags.push(char::from(*tag));
        rest = &rest[u32::from_be_bytes([*a, *b, *c, *d]) as usize + 1..];
    }
    assert!(rest.is_empty(), "whole messages are sent");
    tags
}

/// What has happened, one line an event.
pub(crate) fn events(machine: &mut Machine) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    while let Some(event) = machine.next_event()? {
        found.extend(describe(&event));
    }
    Ok(found)
}

/// Feeds bytes and gives what comes of them.
pub(crate) fn after(machine: &mut Machine, bytes: &[u8]) -> Result<Vec<String>, Error> {
    feed(machine, bytes);
    events(machine)
}

/// An event in words; data of a COPY message by message, because how many come together depends
/// on what has arrived.
pub(crate) fn describe(event: &Event) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let line = match event {
        Event::Result(result) => describe_result(result),
        Event::StatementParsed => "parsed".to_owned(),
        Event::Ready(status) => format!("ready {status:?}"),
        Event::CopyData(chunk) => {
            let mut chunk = chunk.clone();
            let bodies = std::iter::from_fn(|| Some(text(chunk.next_message()?)));
            return bodies.map(|body| format!("data {body:?}")).collect();
        }
        Event::Notice(fields) => format!("notice {}", text(fields.message())),
        Event::Notification(notification) => format!(
            "notification {} {} {:?}",
            notification.pid,
            text(&notification.channel),
            text(&notification.payload)
        ),
        Event::ParameterStatus => "parameter".to_owned(),
    };
    vec![line]
}

/// `TuplesOk (a, b) [1, NULL] [2, x] SELECT 2`
pub(crate) fn describe_result(result: &QueryResult) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut line = format!("{:?}", result.status);
    if !result.fields.is_empty() {
        let names: Vec<String> = result.fields.iter().map(|f| text(&f.name)).collect();
        line += &format!(" ({})", names.join(", "));
    }
    for index in 0..result.rows.len() {
        let body = result.rows.row(index).unwrap();
        let cells = Columns::new(body).map_or_else(
            |error| vec![error.to_string()],
            |columns| {
                let cell = |cell: Option<&[u8]>| cell.map_or_else(|| "NULL".to_owned(), text);
                columns
                    .map(|found| found.map_or_else(|error| error.to_string(), cell))
                    .collect()
            },
        );
        line += &format!(" [{}]", cells.join(", "));
    }
    if !result.parameter_types.is_empty() {
        line += &format!(" {:?}", result.parameter_types);
    }
    if !result.command_tag.is_empty() {
        line += &format!(" {}", text(&result.command_tag));
    }
    if let Some(error) = &result.error {
        line += &format!(
            " {} {}",
            error.sqlstate().unwrap_or("?"),
            text(error.message())
        );
    }
    line
}

pub(crate) fn fields(names: &[&str]) -> Vec<Field> {
    names.iter().map(|name| backend::field(name, 25)).collect()
}

pub(crate) fn row(cells: &[&str]) -> Vec<u8> {
    let cells: Vec<Option<&[u8]>> = cells.iter().map(|cell| Some(cell.as_bytes())).collect();
    backend::data_row(&cells)
}

/// An execution of the unnamed statement, without parameters.
pub(crate) fn unnamed(sql: &[u8]) -> Command<'_> {
    Command {
        statement: b"",
        parse: Some((sql, &[])),
        parameter_formats: &[],
        parameter_count: 0,
        encoded_parameters: &[],
        result_format: Format::Text,
        fields: None,
        chunk: 0,
    }
}
