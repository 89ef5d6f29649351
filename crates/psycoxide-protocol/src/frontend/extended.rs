//! The extended query: parse, bind, describe, execute, close, and the messages that delimit them.
//!
//! `bind`, `execute` and `sync` are on the path of every prepared statement: they look at their input
//! once and do not allocate beyond `out`.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY>

use super::{begin, check_nul, count_word, put_string};
use crate::{EncodeError, Format, Oid};

/// Appends a `Parse`: prepares `sql` as the statement `name` (empty: the unnamed one). Types may be
/// fewer than the parameters, and 0 leaves one to the server.
///
/// # Errors
///
/// A string contains a zero byte, there are more than 65535 types, or the message is too large.
pub fn parse(
    out: &mut Vec<u8>,
    name: &[u8],
    sql: &[u8],
    parameter_types: &[Oid],
) -> Result<(), EncodeError> {
    check_nul("the statement's name", name)?;
    check_nul("the query", sql)?;
    let count = count_word(parameter_types.len())?;
    let strings = name.len().saturating_add(sql.len());
    begin(
        out,
        b'P',
        strings.saturating_add(2 + 2 + 4 * usize::from(count)),
    )?;
    put_string(out, name);
    put_string(out, sql);
    out.extend_from_slice(&count.to_be_bytes());
    for oid in parameter_types {
        out.extend_from_slice(&oid.to_be_bytes());
    }
    Ok(())
}

/// Appends a `Bind`: makes `portal` from `statement` and parameters (empty names: the unnamed ones).
///
/// `encoded_parameters` holds the `parameter_count` values as they travel: for each a big-endian `i32`
/// length and that many bytes, or the length -1 alone for NULL. They must be in the formats given, one
/// for each parameter, or one for all, or none for text. Result formats likewise. Formats that are all
/// the same are sent in their short form whichever way they were given.
///
/// ```
/// use psycoxide_protocol::{Format, frontend};
///
/// let mut out = Vec::new();
/// let parameters = b"\0\0\0\x0242\xff\xff\xff\xff";
/// frontend::bind(&mut out, b"", b"s1", &[Format::Text; 2], 2, parameters, &[Format::Binary])?;
/// assert_eq!(out, b"B\0\0\0\x1a\0s1\0\0\0\0\x02\0\0\0\x0242\xff\xff\xff\xff\0\x01\0\x01");
/// # Ok::<(), psycoxide_protocol::EncodeError>(())
/// ```
///
/// # Errors
///
/// A name contains a zero byte, there are more than 65535 parameters or formats, formats for some
/// parameters only, or the message is too large.
#[inline]
pub fn bind(
    out: &mut Vec<u8>,
    portal: &[u8],
    statement: &[u8],
    parameter_formats: &[Format],
    parameter_count: usize,
    encoded_parameters: &[u8],
    result_formats: &[Format],
) -> Result<(), EncodeError> {
    check_nul("the portal's name", portal)?;
    check_nul("the statement's name", statement)?;
    let count = count_word(parameter_count)?;
    let formats = parameter_formats.len();
    if formats > 1 && formats != parameter_count {
        return Err(EncodeError::FormatCount {
            formats,
            parameters: parameter_count,
        });
    }
    let parameter_formats = shortened(parameter_formats);
    let result_formats = shortened(result_formats);
    let parameter_format_count = count_word(parameter_formats.len())?;
    let result_format_count = count_word(result_formats.len())?;

    let body_length = (2 + 2 + 2 + 2)
        + 2 * (parameter_formats.len() + result_formats.len())
        + portal
            .len()
            .saturating_add(statement.len())
            .saturating_add(encoded_parameters.len());
    begin(out, b'B', body_length)?;
    put_string(out, portal);
    put_string(out, statement);
    put_formats(out, parameter_format_count, parameter_formats);
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(encoded_parameters);
    put_formats(out, result_format_count, result_formats);
    Ok(())
}

/// The shortest list that says the same: none for all text, one for all binary.
#[inline]
fn shortened(formats: &[Format]) -> &[Format] {
    match formats {
        [] => &[],
        [first, rest @ ..] if rest.iter().all(|format| format == first) => match first {
            Format::Text => &[],
            Format::Binary => &formats[..1],
        },
        _ => formats,
    }
}

#[inline]
fn put_formats(out: &mut Vec<u8>, count: u16, formats: &[Format]) {
    out.extend_from_slice(&count.to_be_bytes());
    for format in formats {
        out.extend_from_slice(&format.code().to_be_bytes());
    }
}

/// Appends a `Describe` of a statement, answered by its parameters' types and its columns.
///
/// # Errors
///
/// The name contains a zero byte or is too large.
pub fn describe_statement(out: &mut Vec<u8>, name: &[u8]) -> Result<(), EncodeError> {
    named(out, b'D', b'S', name)
}

/// Appends a `Describe` of a portal, answered by its columns.
///
/// # Errors
///
/// The name contains a zero byte or is too large.
#[inline]
pub fn describe_portal(out: &mut Vec<u8>, name: &[u8]) -> Result<(), EncodeError> {
    named(out, b'D', b'P', name)
}

/// Appends a `Close` of a statement; that it does not exist is no error.
///
/// # Errors
///
/// The name contains a zero byte or is too large.
pub fn close_statement(out: &mut Vec<u8>, name: &[u8]) -> Result<(), EncodeError> {
    named(out, b'C', b'S', name)
}

/// Appends a `Close` of a portal; that it does not exist is no error.
///
/// # Errors
///
/// The name contains a zero byte or is too large.
pub fn close_portal(out: &mut Vec<u8>, name: &[u8]) -> Result<(), EncodeError> {
    named(out, b'C', b'P', name)
}

#[inline]
fn named(out: &mut Vec<u8>, tag: u8, kind: u8, name: &[u8]) -> Result<(), EncodeError> {
    let field = if kind == b'S' {
        "the statement's name"
    } else {
        "the portal's name"
    };
    check_nul(field, name)?;
    begin(out, tag, name.len().saturating_add(2))?;
    out.push(kind);
    put_string(out, name);
    Ok(())
}

/// Appends an `Execute`: runs `portal` for at most `max_rows` rows, 0 for all.
///
/// # Errors
///
/// The name contains a zero byte or is too large.
#[inline]
pub fn execute(out: &mut Vec<u8>, portal: &[u8], max_rows: u32) -> Result<(), EncodeError> {
    check_nul("the portal's name", portal)?;
    begin(out, b'E', portal.len().saturating_add(5))?;
    put_string(out, portal);
    out.extend_from_slice(&max_rows.to_be_bytes());
    Ok(())
}

/// Appends a `Flush`: the server sends what it has, and goes on.
#[inline]
pub fn flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"H\0\0\0\x04");
}

/// Appends a `Sync`: ends the implicit transaction or the skipping after an error, answered by
/// `ReadyForQuery`.
#[inline]
pub fn sync(out: &mut Vec<u8>) {
    out.extend_from_slice(b"S\0\0\0\x04");
}
