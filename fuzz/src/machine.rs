//! The protocol: single messages, and whole conversations with a machine.

use psycoxide_connection::auth::{
    AuthOptions, Authenticator, ChannelBinding, NONCE_LENGTH, Password, RequireAuth, TlsBinding,
};
use psycoxide_connection::{Command, Error, Machine, StartupOptions};
use psycoxide_protocol::Format;
use psycoxide_protocol::backend::Message;
use psycoxide_protocol::{data_row, frame};

/// Cuts the bytes into messages and decodes each, as far as they are some.
pub fn backend_message(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some(found)) = frame::peek(rest) {
        let Some(body) = found.body(rest) else {
            break;
        };
        if let Ok(message) = Message::decode(found.tag, body) {
            if let Message::DataRow(row) = message {
                let _ = data_row::validate(row);
            }
            let _ = format!("{message:?}");
        }
        rest = rest.get(found.length..).unwrap_or_default();
    }
    // Any bytes as the body of any message.
    if let [tag, body @ ..] = data {
        let _ = Message::decode(*tag, body);
    }
}

/// Plays the bytes of a server to a machine: at once, and cut up as its first bytes say. Both must
/// come to the same, and the machine must be usable or closed in the end.
pub fn machine(data: &[u8]) {
    let [mode, seed, bytes @ ..] = data else {
        return;
    };
    let whole = play(prepared(*mode), std::iter::once(bytes));
    let mut state = u32::from(*seed) | 1;
    let mut rest = bytes;
    let pieces = std::iter::from_fn(|| {
        if rest.is_empty() {
            return None;
        }
        // Small numbers mostly, by a linear congruential generator.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = ((state >> 24) as usize % 23 + 1).min(rest.len());
        let (piece, tail) = rest.split_at(length);
        rest = tail;
        Some(piece)
    });
    assert_eq!(whole, play(prepared(*mode), pieces));
}

/// A machine that has asked for something.
fn prepared(mode: u8) -> Machine {
    let mut machine = Machine::default();
    let options = StartupOptions {
        parameters: vec![(b"user".to_vec(), b"ann".to_vec())],
        protocol_minor: u32::from(mode & 2),
        minimum_protocol_minor: 0,
    };
    let authenticator = Authenticator::new(AuthOptions {
        user: b"ann".to_vec(),
        password: Some(Password::new("secret")),
        channel_binding: ChannelBinding::Prefer,
        tls: TlsBinding::Plain,
        require_auth: RequireAuth::default(),
        nonce: [7; NONCE_LENGTH],
        scram_keys: None,
    });
    machine
        .start(options, authenticator)
        .expect("the options are encodable");
    if mode & 1 == 0 {
        return machine;
    }
    feed(&mut machine, b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I");
    while let Ok(Some(_)) = machine.next_event() {}
    let sent = machine.outgoing().len();
    machine.sent(sent);
    let queued = queue(&mut machine, mode);
    assert!(queued.is_ok());
    machine
}

fn queue(machine: &mut Machine, mode: u8) -> Result<(), Error> {
    let chunk = usize::from(mode >> 6);
    let command = Command {
        statement: b"s",
        parse: Some((b"select", &[])),
        parameter_formats: &[],
        parameter_count: 0,
        encoded_parameters: &[],
        result_format: Format::Text,
        fields: None,
        chunk,
    };
    if mode & 4 != 0 {
        machine.query(b"select", chunk)?;
    }
    if mode & 8 != 0 {
        machine.execute(command.clone())?;
        machine.execute(command)?;
    }
    if mode & 16 != 0 {
        machine.describe_statement(b"s")?;
        machine.close_statement(b"s")?;
    }
    if mode & 32 != 0 {
        machine.prepare(b"t", b"select", &[])?;
    }
    machine.sync()
}

fn feed(machine: &mut Machine, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let room = machine.room();
        let count = room.len().min(bytes.len());
        assert!(count > 0, "there is always room");
        room[..count].copy_from_slice(&bytes[..count]);
        machine.received(count);
        bytes = &bytes[count..];
    }
}

fn play<'a>(mut machine: Machine, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut found = Vec::new();
    for piece in pieces {
        feed(&mut machine, piece);
        loop {
            match machine.next_event() {
                Ok(Some(event)) => found.push(format!("{event:?}")),
                Ok(None) => break,
                Err(error) => {
                    assert!(machine.is_closed() && machine.outgoing().is_empty());
                    found.push(error.to_string());
                    return found;
                }
            }
        }
    }
    if machine.is_copying_in() {
        assert!(machine.copy_fail(b"no").is_ok());
    }
    found.push(machine.closed_by_peer().to_string());
    found
}
