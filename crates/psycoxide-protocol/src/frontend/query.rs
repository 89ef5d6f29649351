//! The simple query, and the goodbye.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-SIMPLE-QUERY>

use super::{begin, check_nul, put_string};
use crate::EncodeError;

/// Appends a `Query`: one or more statements, without parameters, answered up to `ReadyForQuery`.
///
/// # Errors
///
/// The text contains a zero byte or is too large.
pub fn query(out: &mut Vec<u8>, sql: &[u8]) -> Result<(), EncodeError> {
    check_nul("the query", sql)?;
    begin(out, b'Q', sql.len() + 1)?;
    put_string(out, sql);
    Ok(())
}

/// Appends a `Terminate`, after which the server closes the connection.
pub fn terminate(out: &mut Vec<u8>) {
    out.extend_from_slice(b"X\0\0\0\x04");
}
