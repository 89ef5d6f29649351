//! The server's messages, encoded: each function returns one whole message.
//!
//! Nothing is checked: a test that wants a wrong message can have one.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-message-formats.html>

use psycoxide_protocol::backend::{ErrorFields, Field, tag};
use psycoxide_protocol::{Format, Oid};

/// A message of any type with any body.
///
/// # Panics
///
/// When the body is longer than a message can be.
pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a test's message is not that long");
    let mut message = vec![tag];
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(body);
    message
}

/// An `Authentication…` message: its code and what follows.
pub fn authentication(code: i32, rest: &[u8]) -> Vec<u8> {
    message(tag::AUTHENTICATION, &[&code.to_be_bytes(), rest].concat())
}

/// `AuthenticationOk`.
pub fn authentication_ok() -> Vec<u8> {
    authentication(0, &[])
}

/// `AuthenticationCleartextPassword`.
pub fn authentication_cleartext_password() -> Vec<u8> {
    authentication(3, &[])
}

/// `AuthenticationMD5Password`.
pub fn authentication_md5_password(salt: [u8; 4]) -> Vec<u8> {
    authentication(5, &salt)
}

/// `AuthenticationSASL`.
pub fn authentication_sasl(mechanisms: &[&str]) -> Vec<u8> {
    let mut list = Vec::new();
    for mechanism in mechanisms {
        put_string(&mut list, mechanism.as_bytes());
    }
    list.push(0);
    authentication(10, &list)
}

/// `BackendKeyData`.
pub fn backend_key_data(pid: u32, key: &[u8]) -> Vec<u8> {
    message(tag::BACKEND_KEY_DATA, &[&pid.to_be_bytes(), key].concat())
}

/// `BindComplete`.
pub fn bind_complete() -> Vec<u8> {
    message(tag::BIND_COMPLETE, &[])
}

/// `CloseComplete`.
pub fn close_complete() -> Vec<u8> {
    message(tag::CLOSE_COMPLETE, &[])
}

/// `CommandComplete`.
pub fn command_complete(command_tag: &str) -> Vec<u8> {
    strings(tag::COMMAND_COMPLETE, &[command_tag.as_bytes()])
}

/// `CopyInResponse`, `CopyOutResponse` or `CopyBothResponse`, by type.
pub fn copy_response(tag: u8, format: Format, column_formats: &[Format]) -> Vec<u8> {
    let mut body = vec![format as u8];
    put_count(&mut body, column_formats.len());
    for format in column_formats {
        body.extend_from_slice(&format.code().to_be_bytes());
    }
    message(tag, &body)
}

/// `CopyData`.
pub fn copy_data(data: &[u8]) -> Vec<u8> {
    message(tag::COPY_DATA, data)
}

/// `CopyDone`.
pub fn copy_done() -> Vec<u8> {
    message(tag::COPY_DONE, &[])
}

/// `DataRow`; `None` is NULL.
///
/// # Panics
///
/// When a cell is longer than a message can be.
pub fn data_row(cells: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = Vec::new();
    put_count(&mut body, cells.len());
    for cell in cells {
        match cell {
            None => body.extend_from_slice(&(-1_i32).to_be_bytes()),
            Some(cell) => {
                let length = i32::try_from(cell.len()).expect("a test's cell is not that long");
                body.extend_from_slice(&length.to_be_bytes());
                body.extend_from_slice(cell);
            }
        }
    }
    message(tag::DATA_ROW, &body)
}

/// `EmptyQueryResponse`.
pub fn empty_query_response() -> Vec<u8> {
    message(tag::EMPTY_QUERY_RESPONSE, &[])
}

/// `ErrorResponse` with any fields.
pub fn error_response(fields: &ErrorFields) -> Vec<u8> {
    error_fields(tag::ERROR_RESPONSE, fields)
}

/// `ErrorResponse` as most are: severity, SQLSTATE, message.
pub fn error(severity: &str, sqlstate: &str, text: &str) -> Vec<u8> {
    error_response(&ErrorFields::new([
        (b'S', severity.as_bytes()),
        (b'V', severity.as_bytes()),
        (b'C', sqlstate.as_bytes()),
        (b'M', text.as_bytes()),
    ]))
}

/// `NoticeResponse` with any fields.
pub fn notice_response(fields: &ErrorFields) -> Vec<u8> {
    error_fields(tag::NOTICE_RESPONSE, fields)
}

/// `NegotiateProtocolVersion`, with the whole version as servers send it.
pub fn negotiate_protocol_version(newest_minor: u16, unrecognized: &[&str]) -> Vec<u8> {
    let mut body = ((3_u32 << 16) | u32::from(newest_minor))
        .to_be_bytes()
        .to_vec();
    body.extend_from_slice(&[0, 0]);
    put_count(&mut body, unrecognized.len());
    for name in unrecognized {
        put_string(&mut body, name.as_bytes());
    }
    message(tag::NEGOTIATE_PROTOCOL_VERSION, &body)
}

/// `NoData`.
pub fn no_data() -> Vec<u8> {
    message(tag::NO_DATA, &[])
}

/// `NotificationResponse`.
pub fn notification_response(pid: u32, channel: &str, payload: &str) -> Vec<u8> {
    let mut body = pid.to_be_bytes().to_vec();
    put_string(&mut body, channel.as_bytes());
    put_string(&mut body, payload.as_bytes());
    message(tag::NOTIFICATION_RESPONSE, &body)
}

/// `ParameterDescription`.
pub fn parameter_description(types: &[Oid]) -> Vec<u8> {
    let mut body = Vec::new();
    put_count(&mut body, types.len());
    for oid in types {
        body.extend_from_slice(&oid.to_be_bytes());
    }
    message(tag::PARAMETER_DESCRIPTION, &body)
}

/// `ParameterStatus`.
pub fn parameter_status(name: &str, value: &str) -> Vec<u8> {
    strings(tag::PARAMETER_STATUS, &[name.as_bytes(), value.as_bytes()])
}

/// `ParseComplete`.
pub fn parse_complete() -> Vec<u8> {
    message(tag::PARSE_COMPLETE, &[])
}

/// `PortalSuspended`.
pub fn portal_suspended() -> Vec<u8> {
    message(tag::PORTAL_SUSPENDED, &[])
}

/// `ReadyForQuery`; the status is `I`, `T` or `E`.
pub fn ready_for_query(status: u8) -> Vec<u8> {
    message(tag::READY_FOR_QUERY, &[status])
}

/// `RowDescription`.
pub fn row_description(fields: &[Field]) -> Vec<u8> {
    let mut body = Vec::new();
    put_count(&mut body, fields.len());
    for field in fields {
        put_string(&mut body, &field.name);
        body.extend_from_slice(&field.table.to_be_bytes());
        body.extend_from_slice(&field.column.to_be_bytes());
        body.extend_from_slice(&field.type_oid.to_be_bytes());
        body.extend_from_slice(&field.size.to_be_bytes());
        body.extend_from_slice(&field.modifier.to_be_bytes());
        body.extend_from_slice(&field.format.code().to_be_bytes());
    }
    message(tag::ROW_DESCRIPTION, &body)
}

/// A column in text format that belongs to no table.
pub fn field(name: &str, type_oid: Oid) -> Field {
    Field {
        name: name.as_bytes().to_vec(),
        table: 0,
        column: 0,
        type_oid,
        size: -1,
        modifier: -1,
        format: Format::Text,
    }
}

fn error_fields(tag: u8, fields: &ErrorFields) -> Vec<u8> {
    let mut body = Vec::new();
    for (code, value) in fields.iter() {
        body.push(code);
        put_string(&mut body, value);
    }
    body.push(0);
    message(tag, &body)
}

fn strings(tag: u8, strings: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for string in strings {
        put_string(&mut body, string);
    }
    message(tag, &body)
}

fn put_string(body: &mut Vec<u8>, string: &[u8]) {
    body.extend_from_slice(string);
    body.push(0);
}

fn put_count(body: &mut Vec<u8>, count: usize) {
    let count = u16::try_from(count).expect("a test's message has not that many items");
    body.extend_from_slice(&count.to_be_bytes());
}
