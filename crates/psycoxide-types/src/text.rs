//! `text`, `varchar`, `bpchar`, `name`, `"char"`, enums and whatever else is characters.
//!
//! Text and binary format are the same bytes, in the client encoding. This file is about UTF-8;
//! other encodings are the caller's. <https://www.postgresql.org/docs/current/datatype-character.html>

use memchr::memchr;

use crate::error::{Error, Reason, Result};

/// Decodes a text in UTF-8.
#[inline]
pub fn decode(value: &[u8]) -> Result<&str> {
    match simdutf8::basic::from_utf8(value) {
        Ok(text) => Ok(text),
        Err(_) => Err(invalid_utf8(value, "text")),
    }
}

/// The error for bytes that are not UTF-8, with the position of the first wrong one.
#[cold]
pub fn invalid_utf8(value: &[u8], type_name: &'static str) -> Error {
    let valid_up_to = match std::str::from_utf8(value) {
        Ok(text) => text.len(),
        Err(error) => error.valid_up_to(),
    };
    Error::text(type_name, Reason::InvalidUtf8 { valid_up_to })
}

/// Fails when the text, already in the client encoding, holds a NUL, which the server refuses.
#[inline]
pub fn check_no_nul(value: &[u8]) -> Result<()> {
    match memchr(0, value) {
        None => Ok(()),
        Some(position) => Err(Error::text("text", Reason::ContainsNul { position })),
    }
}

/// Appends a text, already in the client encoding, after checking it for NULs.
#[inline]
pub fn encode(value: &[u8], out: &mut Vec<u8>) -> Result<()> {
    check_no_nul(value)?;
    out.extend_from_slice(value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_or_where_it_stops() {
        assert_eq!(decode("naïve €".as_bytes()).unwrap(), "naïve €");
        assert_eq!(decode(b"").unwrap(), "");
        let error = decode(b"ab\xff").unwrap_err();
        assert_eq!(error.reason(), &Reason::InvalidUtf8 { valid_up_to: 2 });
    }

    #[test]
    fn nul_is_refused_and_nothing_written() {
        let mut out = Vec::new();
        let error = encode(b"ab\0c", &mut out).unwrap_err();
        assert_eq!(error.reason(), &Reason::ContainsNul { position: 2 });
        assert!(out.is_empty());
        encode(b"abc", &mut out).unwrap();
        assert_eq!(out, b"abc");
    }
}
