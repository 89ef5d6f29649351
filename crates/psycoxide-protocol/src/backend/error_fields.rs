//! The fields of an error or a notice.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-error-fields.html>

use std::fmt;

use crate::DecodeError;
use crate::reader::Reader;

/// The codes of the fields the manual defines.
pub mod field {
    /// The severity, localized.
    pub const SEVERITY: u8 = b'S';
    /// The severity, never localized; since PostgreSQL 9.6.
    pub const SEVERITY_NONLOCALIZED: u8 = b'V';
    /// The SQLSTATE code.
    pub const SQLSTATE: u8 = b'C';
    /// The primary message.
    pub const MESSAGE: u8 = b'M';
    /// More about the problem.
    pub const DETAIL: u8 = b'D';
    /// A suggestion what to do.
    pub const HINT: u8 = b'H';
    /// Where in the query, in characters from 1.
    pub const POSITION: u8 = b'P';
    /// Where in `INTERNAL_QUERY`.
    pub const INTERNAL_POSITION: u8 = b'p';
    /// The text of a failed command that the client did not send, such as one of a function.
    pub const INTERNAL_QUERY: u8 = b'q';
    /// The call stack of functions.
    pub const CONTEXT: u8 = b'W';
    /// The schema of the object concerned.
    pub const SCHEMA_NAME: u8 = b's';
    /// The table concerned.
    pub const TABLE_NAME: u8 = b't';
    /// The column concerned.
    pub const COLUMN_NAME: u8 = b'c';
    /// The data type concerned.
    pub const DATATYPE_NAME: u8 = b'd';
    /// The constraint concerned.
    pub const CONSTRAINT_NAME: u8 = b'n';
    /// The server's source file.
    pub const SOURCE_FILE: u8 = b'F';
    /// The line in that file.
    pub const SOURCE_LINE: u8 = b'L';
    /// The server's function.
    pub const SOURCE_FUNCTION: u8 = b'R';
}

/// The fields of an `ErrorResponse` or `NoticeResponse`, in the server's order. Owned: an error
/// outlives the receive buffer.
///
/// Invariant of the bytes: any number of a code that is not zero, a string and a zero byte.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ErrorFields {
    bytes: Box<[u8]>,
}

impl ErrorFields {
    /// Fields made by a client, for errors that look as if they came from the server. Zero bytes in
    /// a value end it; a field with the code zero is left out.
    pub fn new<'a>(fields: impl IntoIterator<Item = (u8, &'a [u8])>) -> Self {
        let mut bytes = Vec::new();
        for (code, value) in fields {
            if code == 0 {
                continue;
            }
            bytes.push(code);
            bytes.extend(value.iter().copied().take_while(|&byte| byte != 0));
            bytes.push(0);
        }
        Self {
            bytes: bytes.into_boxed_slice(),
        }
    }

    /// The value of the field with this code, in the client encoding. See [`field`].
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        self.iter()
            .find(|&(candidate, _)| candidate == code)
            .map(|(_, value)| value)
    }

    /// The fields: code and value.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || {
            let (&code, tail) = rest.split_first()?;
            let end = memchr::memchr(0, tail)?;
            let (value, tail) = tail.split_at_checked(end)?;
            rest = tail.get(1..)?;
            Some((code, value))
        })
    }

    /// The SQLSTATE code, such as `42P01`. See [`crate::sqlstate`].
    pub fn sqlstate(&self) -> Option<&str> {
        self.get(field::SQLSTATE)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The primary message, empty when the server sent none.
    pub fn message(&self) -> &[u8] {
        self.get(field::MESSAGE).unwrap_or_default()
    }

    /// The severity, such as `ERROR` or `FATAL`: not localized when the server says it so.
    pub fn severity(&self) -> Option<&[u8]> {
        self.get(field::SEVERITY_NONLOCALIZED)
            .or_else(|| self.get(field::SEVERITY))
    }
}

impl fmt::Debug for ErrorFields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = |(code, value)| (char::from(code), String::from_utf8_lossy(value));
        formatter
            .debug_map()
            .entries(self.iter().map(field))
            .finish()
    }
}

/// Takes the whole body: its last byte ends the list.
pub(super) fn decode(reader: &mut Reader<'_>) -> Result<ErrorFields, DecodeError> {
    let mut walk = reader.clone();
    while walk.u8()? != 0 {
        walk.c_string()?;
    }
    walk.finish()?;
    let body = reader.take_rest();
    let fields = body.split_last().map_or(body, |(_, fields)| fields);
    Ok(ErrorFields {
        bytes: fields.into(),
    })
}
