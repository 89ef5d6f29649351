//! The stream of a COPY, and its end.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-COPY>

use super::{begin, check_nul, length_word, put_string};
use crate::EncodeError;

/// Appends a `CopyData`. Message borders need not be row borders.
///
/// # Errors
///
/// The data is too large for one message.
#[inline]
pub fn copy_data(out: &mut Vec<u8>, data: &[u8]) -> Result<(), EncodeError> {
    begin(out, b'd', data.len())?;
    out.extend_from_slice(data);
    Ok(())
}

/// Appends what stands before the data of a `CopyData`: exactly `length` bytes have to follow.
///
/// # Errors
///
/// The data is too large for one message.
#[inline]
pub fn copy_data_header(out: &mut Vec<u8>, length: usize) -> Result<(), EncodeError> {
    let word = length_word(length)?;
    out.push(b'd');
    out.extend_from_slice(&word.to_be_bytes());
    Ok(())
}

/// Appends a `CopyDone`: the data is complete.
pub fn copy_done(out: &mut Vec<u8>) {
    out.extend_from_slice(b"c\0\0\0\x04");
}

/// Appends a `CopyFail`: the COPY must fail; the server's error quotes `reason`.
///
/// # Errors
///
/// The reason contains a zero byte or is too large.
pub fn copy_fail(out: &mut Vec<u8>, reason: &[u8]) -> Result<(), EncodeError> {
    check_nul("the reason to fail a COPY", reason)?;
    begin(out, b'f', reason.len() + 1)?;
    put_string(out, reason);
    Ok(())
}
