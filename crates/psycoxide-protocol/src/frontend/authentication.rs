//! Answers to an authentication request. They all share the type `p`: the server knows which one it
//! asked for.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-START-UP>

use super::{begin, check_nul, put_string};
use crate::EncodeError;

const TAG: u8 = b'p';

/// Appends a `PasswordMessage`: the password itself, or its MD5 answer.
///
/// # Errors
///
/// The password contains a zero byte or is too large.
pub fn password(out: &mut Vec<u8>, password: &[u8]) -> Result<(), EncodeError> {
    check_nul("the password", password)?;
    begin(out, TAG, password.len() + 1)?;
    put_string(out, password);
    Ok(())
}

/// Appends a `SASLInitialResponse`: the mechanism chosen and its first message.
///
/// # Errors
///
/// The mechanism's name contains a zero byte, or the message is too large.
pub fn sasl_initial_response(
    out: &mut Vec<u8>,
    mechanism: &str,
    data: &[u8],
) -> Result<(), EncodeError> {
    check_nul("the SASL mechanism", mechanism.as_bytes())?;
    let body_length = mechanism
        .len()
        .saturating_add(1 + 4)
        .saturating_add(data.len());
    let data_length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    begin(out, TAG, body_length)?;
    put_string(out, mechanism.as_bytes());
    out.extend_from_slice(&data_length.to_be_bytes());
    out.extend_from_slice(data);
    Ok(())
}

/// Appends a `SASLResponse`: the mechanism's next message.
///
/// # Errors
///
/// The message is too large.
pub fn sasl_response(out: &mut Vec<u8>, data: &[u8]) -> Result<(), EncodeError> {
    begin(out, TAG, data.len())?;
    out.extend_from_slice(data);
    Ok(())
}
