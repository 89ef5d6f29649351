//! Messages to send. Every function appends one whole message to `out`.
//!
//! The rule guarded here: a message is appended whole or not at all. A function that fails leaves `out`
//! as it was, so that the messages already queued in it can still go out. Space is reserved once.
//!
//! Strings end with a zero byte on the wire and so cannot hold one; that, and the limits on lengths and
//! counts, are all that can go wrong. Whether the server will like the contents is not judged here.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-message-formats.html>

mod authentication;
mod copy;
mod extended;
mod query;
mod startup;

pub use authentication::{password, sasl_initial_response, sasl_response};
pub use copy::{copy_data, copy_data_header, copy_done, copy_fail};
pub use extended::{
    bind, close_portal, close_statement, describe_portal, describe_statement, execute, flush,
    parse, sync,
};
pub use query::{query, terminate};
pub use startup::{cancel_request, ssl_request, startup};

use crate::EncodeError;

/// The greatest length word the server accepts (`PQ_LARGE_MESSAGE_LIMIT`): it must be able to
/// allocate the message as one piece. Beyond it the server drops the connection without a word.
pub const MESSAGE_LIMIT: usize = 0x3fff_fffe;

/// Reserves a message and writes its header; the caller appends exactly `body_length` bytes.
#[inline]
fn begin(out: &mut Vec<u8>, tag: u8, body_length: usize) -> Result<(), EncodeError> {
    let length = length_word(body_length)?;
    out.reserve(body_length + 5);
    let [a, b, c, d] = length.to_be_bytes();
    out.extend_from_slice(&[tag, a, b, c, d]);
    Ok(())
}

#[inline]
fn length_word(body_length: usize) -> Result<u32, EncodeError> {
    let length = body_length.saturating_add(4);
    match u32::try_from(length) {
        Ok(word) if length <= MESSAGE_LIMIT => Ok(word),
        _ => Err(EncodeError::MessageTooLarge {
            length,
            limit: MESSAGE_LIMIT,
        }),
    }
}

/// The check every string needs; `field` is what the error calls it.
#[inline]
fn check_nul(field: &'static str, string: &[u8]) -> Result<(), EncodeError> {
    match memchr::memchr(0, string) {
        None => Ok(()),
        Some(_) => Err(EncodeError::ContainsNul { field }),
    }
}

#[inline]
fn put_string(out: &mut Vec<u8>, string: &[u8]) {
    out.extend_from_slice(string);
    out.push(0);
}

#[inline]
fn count_word(count: usize) -> Result<u16, EncodeError> {
    u16::try_from(count).map_err(|_| EncodeError::TooManyParameters { count })
}
