//! The packets that open a connection. They alone have no type byte.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-START-UP>

use super::{check_nul, length_word, put_string};
use crate::{EncodeError, ProtocolVersion};

/// Version numbers no protocol will ever have, which say what the packet is.
const SSL_REQUEST: u32 = (1234 << 16) | 5679;
const CANCEL_REQUEST: u32 = (1234 << 16) | 5678;

/// Appends a startup packet: the version asked for and the session's parameters, `user` among them.
///
/// # Errors
///
/// A parameter's name is empty, a name or value contains a zero byte, or the packet is too large.
pub fn startup(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    parameters: &[(&[u8], &[u8])],
) -> Result<(), EncodeError> {
    let mut body_length: usize = 4 + 1;
    for (name, value) in parameters {
        if name.is_empty() {
            return Err(EncodeError::EmptyParameterName);
        }
        check_nul("a startup parameter's name", name)?;
        check_nul("a startup parameter's value", value)?;
        body_length = body_length.saturating_add(name.len() + value.len() + 2);
    }
    let length = length_word(body_length)?;
    out.reserve(body_length + 4);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&version.code().to_be_bytes());
    for (name, value) in parameters {
        put_string(out, name);
        put_string(out, value);
    }
    out.push(0);
    Ok(())
}

/// Appends an `SSLRequest`, which the server answers with one byte: `S` or `N`.
pub fn ssl_request(out: &mut Vec<u8>) {
    out.extend_from_slice(&8_u32.to_be_bytes());
    out.extend_from_slice(&SSL_REQUEST.to_be_bytes());
}

/// Appends a `CancelRequest` for the session of `pid`, with the key its `BackendKeyData` gave.
///
/// Manual: <https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS>
pub fn cancel_request(out: &mut Vec<u8>, pid: u32, key: &[u8]) {
    // A key has at most 256 bytes: `backend` refuses longer ones.
    let length = u32::try_from(key.len()).map_or(u32::MAX, |length| length.saturating_add(12));
    out.reserve(key.len() + 12);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&CANCEL_REQUEST.to_be_bytes());
    out.extend_from_slice(&pid.to_be_bytes());
    out.extend_from_slice(key);
}
