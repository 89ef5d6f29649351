//! String literals and identifiers.
//!
//! What libpq's `PQescapeLiteral`, `PQescapeIdentifier` and `PQescapeStringConn` are documented to
//! do; see [Escaping strings](https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-EXEC-ESCAPE-STRING).
//! Every function appends to `out`, and leaves it as it was if it fails.

use crate::{Encoding, InvalidCharacter};

/// A text that cannot be quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteError {
    /// The server cannot store NUL in text, and its own parser would stop there.
    #[error("PostgreSQL text fields cannot contain NUL (0x00) bytes")]
    ContainsNul,
    /// The text is not valid in the connection's encoding.
    #[error(transparent)]
    InvalidCharacter(#[from] InvalidCharacter),
}

/// Appends `text` as a literal with its quotes: `'it''s'`.
///
/// A text with backslashes becomes ` E'a\\b'`, right under both settings of
/// `standard_conforming_strings`; the leading space keeps it apart from a preceding word.
///
/// # Errors
/// See [`QuoteError`].
///
/// ```
/// use psycoxide_sql::{Encoding, quote::quote_literal};
///
/// let mut sql = b"select ".to_vec();
/// quote_literal(&mut sql, b"it's", Encoding::Utf8).unwrap();
/// assert_eq!(sql, b"select 'it''s'");
/// ```
pub fn quote_literal(out: &mut Vec<u8>, text: &[u8], encoding: Encoding) -> Result<(), QuoteError> {
    let start = out.len();
    let has_backslash = memchr::memchr(b'\\', text).is_some();
    out.extend_from_slice(if has_backslash { b" E'" } else { b"'" });
    let result = double(out, text, encoding, &|byte| matches!(byte, b'\'' | b'\\'));
    close(out, start, b'\'', result)
}

/// Appends `text` as an identifier with its quotes: `"Weird ""name"`.
///
/// # Errors
/// See [`QuoteError`].
pub fn quote_identifier(
    out: &mut Vec<u8>,
    text: &[u8],
    encoding: Encoding,
) -> Result<(), QuoteError> {
    let start = out.len();
    out.push(b'"');
    let result = double(out, text, encoding, &|byte| byte == b'"');
    close(out, start, b'"', result)
}

/// Appends `text` so that it can stand between single quotes, without adding them.
///
/// Backslashes are doubled unless the session has `standard_conforming_strings` on.
///
/// # Errors
/// See [`QuoteError`].
pub fn escape_string(
    out: &mut Vec<u8>,
    text: &[u8],
    encoding: Encoding,
    standard_conforming_strings: bool,
) -> Result<(), QuoteError> {
    let start = out.len();
    let special = |byte| byte == b'\'' || (byte == b'\\' && !standard_conforming_strings);
    double(out, text, encoding, &special).inspect_err(|_| out.truncate(start))
}

fn close(
    out: &mut Vec<u8>,
    start: usize,
    quote: u8,
    result: Result<(), QuoteError>,
) -> Result<(), QuoteError> {
    match result {
        Ok(()) => out.push(quote),
        Err(_) => out.truncate(start),
    }
    result
}

/// Copies `text` character by character, doubling those that are special.
fn double(
    out: &mut Vec<u8>,
    text: &[u8],
    encoding: Encoding,
    is_special: &dyn Fn(u8) -> bool,
) -> Result<(), QuoteError> {
    out.reserve(text.len() + 1);
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        if byte == 0 {
            return Err(QuoteError::ContainsNul);
        }
        let length = encoding.character_length(rest)?;
        let (character, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        if is_special(byte) {
            out.push(byte);
        }
        out.extend_from_slice(character);
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn literal(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        quote_literal(&mut out, text, Encoding::Utf8).unwrap();
        out
    }

    fn identifier(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        quote_identifier(&mut out, text, Encoding::Utf8).unwrap();
        out
    }

    fn escaped(text: &[u8], standard_conforming_strings: bool) -> Vec<u8> {
        let mut out = Vec::new();
        escape_string(&mut out, text, Encoding::Utf8, standard_conforming_strings).unwrap();
        out
    }

    #[test]
    fn literals() {
        assert_eq!(literal(b""), b"''");
        assert_eq!(literal(b"a'b\"%"), b"'a''b\"%'");
        assert_eq!(literal(b"a\\b'c"), b" E'a\\\\b''c'");
        assert_eq!(literal("é".as_bytes()), "'é'".as_bytes());
    }

    #[test]
    fn identifiers() {
        assert_eq!(identifier(b""), b"\"\"");
        assert_eq!(identifier(b"a\"b'\\"), b"\"a\"\"b'\\\"");
    }

    #[test]
    fn strings() {
        assert_eq!(escaped(b"a\\b'c", true), b"a\\b''c");
        assert_eq!(escaped(b"a\\b'c", false), b"a\\\\b''c");
    }

    #[test]
    fn what_cannot_be_quoted_leaves_the_buffer_alone() {
        let mut out = b"select ".to_vec();
        let error = quote_literal(&mut out, b"a\0b", Encoding::Utf8).unwrap_err();
        assert_eq!(error, QuoteError::ContainsNul);
        let error = quote_identifier(&mut out, b"\xc3'", Encoding::Utf8).unwrap_err();
        assert_eq!(error.to_string(), "invalid multibyte character");
        let error = escape_string(&mut out, b"abc\xc3", Encoding::Utf8, true).unwrap_err();
        assert_eq!(error.to_string(), "incomplete multibyte character");
        assert_eq!(out, b"select ");
    }

    #[test]
    fn a_backslash_within_a_character_is_not_one() {
        let mut out = Vec::new();
        quote_literal(&mut out, b"\x83\\'", Encoding::ShiftJis).unwrap();
        assert_eq!(out, b" E'\x83\\'''");
    }

    proptest! {
        #[test]
        fn quotes_inside_come_in_pairs(text in "['\"\\\\a-zé]*") {
            let quoted = literal(text.as_bytes());
            let quoted = std::str::from_utf8(&quoted).unwrap();
            let (escapes, body) = match quoted.strip_prefix(" E'") {
                Some(body) => (true, body),
                None => (false, quoted.strip_prefix('\'').unwrap()),
            };
            let body = body.strip_suffix('\'').unwrap();
            prop_assert!(!body.replace("''", "").contains('\''));
            let mut read = body.replace("''", "'");
            if escapes {
                read = read.replace("\\\\", "\\");
            }
            prop_assert_eq!(read, text.as_str());

            let quoted = String::from_utf8(identifier(text.as_bytes())).unwrap();
            prop_assert_eq!(quoted[1..quoted.len() - 1].replace("\"\"", "\""), text);
        }

        #[test]
        fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..24)) {
            for name in ["UTF8", "EUC_JP", "EUC_TW", "SJIS", "BIG5", "GB18030", "LATIN1", "MULE_INTERNAL"] {
                let encoding = Encoding::from_name(name);
                let mut out = Vec::new();
                let result = quote_literal(&mut out, &text, encoding);
                prop_assert_eq!(result.is_err(), out.is_empty());
            }
        }
    }
}
