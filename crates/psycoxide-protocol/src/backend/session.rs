//! The small messages: what the session is, how it stands, and what a statement's parameters are.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-message-formats.html>

use super::Message;
use crate::reader::Reader;
use crate::{DecodeError, TransactionStatus};

pub(super) fn ready_for_query<'a>(reader: &mut Reader<'a>) -> Result<Message<'a>, DecodeError> {
    let byte = reader.u8()?;
    TransactionStatus::from_byte(byte)
        .map(Message::ReadyForQuery)
        .ok_or(DecodeError::UnknownTransactionStatus { byte })
}

pub(super) fn backend_key_data<'a>(reader: &mut Reader<'a>) -> Result<Message<'a>, DecodeError> {
    let pid = reader.u32()?;
    let key = reader.take_rest();
    match key.len() {
        4..=256 => Ok(Message::BackendKeyData { pid, key }),
        length => Err(DecodeError::CancelKeyLength {
            length: u32::try_from(length).unwrap_or(u32::MAX),
        }),
    }
}

pub(super) fn parameter_status<'a>(reader: &mut Reader<'a>) -> Result<Message<'a>, DecodeError> {
    Ok(Message::ParameterStatus {
        name: reader.c_string()?,
        value: reader.c_string()?,
    })
}

pub(super) fn parameter_description<'a>(
    reader: &mut Reader<'a>,
) -> Result<Message<'a>, DecodeError> {
    let count = reader.u16()?;
    let mut types = Vec::with_capacity(reader.at_most(count, 4));
    for _ in 0..count {
        types.push(reader.u32()?);
    }
    Ok(Message::ParameterDescription(types))
}

pub(super) fn notification_response<'a>(
    reader: &mut Reader<'a>,
) -> Result<Message<'a>, DecodeError> {
    Ok(Message::NotificationResponse {
        pid: reader.u32()?,
        channel: reader.c_string()?,
        payload: reader.c_string()?,
    })
}

/// The manual calls the first word the newest minor version; servers send the whole version, major
/// included. Both are understood.
pub(super) fn negotiate_protocol_version<'a>(
    reader: &mut Reader<'a>,
) -> Result<Message<'a>, DecodeError> {
    let code = reader.u32()?;
    let newest_minor = match code >> 16 {
        0 | 3 => code & 0xffff,
        _ => return Err(DecodeError::UnknownVersion { code }),
    };
    let count = reader.u32()?;
    // Grows as names are found: the count alone is not believed.
    let mut unrecognized = Vec::new();
    for _ in 0..count {
        unrecognized.push(reader.c_string()?);
    }
    Ok(Message::NegotiateProtocolVersion {
        newest_minor,
        unrecognized,
    })
}

pub(super) fn function_call_response<'a>(
    tag: u8,
    reader: &mut Reader<'a>,
) -> Result<Message<'a>, DecodeError> {
    let length = reader.i32()?;
    let value = reader.take_rest();
    match usize::try_from(length) {
        Ok(length) if length == value.len() => Ok(Message::FunctionCallResponse),
        Err(_) if length == -1 && value.is_empty() => Ok(Message::FunctionCallResponse),
        _ => Err(DecodeError::FieldLength { tag, length }),
    }
}
