//! `bool`: `t` or `f`, and one byte.
//!
//! <https://www.postgresql.org/docs/current/datatype-boolean.html>

use crate::error::{Error, Result};
use crate::wire::fixed;

/// Decodes the text form.
#[inline]
pub fn decode_text(value: &[u8]) -> Result<bool> {
    match value {
        b"t" => Ok(true),
        b"f" => Ok(false),
        _ => Err(Error::syntax("bool", "'t' or 'f'", value)),
    }
}

/// Decodes the binary form; every byte but 0 is true, as it is for the server.
#[inline]
pub fn decode_binary(value: &[u8]) -> Result<bool> {
    fixed(value, "bool").map(|[byte]| byte != 0)
}

/// Appends the text form.
#[inline]
pub fn encode_text(value: bool, out: &mut Vec<u8>) {
    out.push(if value { b't' } else { b'f' });
}

/// Appends the binary form.
#[inline]
pub fn encode_binary(value: bool, out: &mut Vec<u8>) {
    out.push(u8::from(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        for value in [true, false] {
            let (mut text, mut binary) = (Vec::new(), Vec::new());
            encode_text(value, &mut text);
            encode_binary(value, &mut binary);
            assert_eq!(decode_text(&text).unwrap(), value);
            assert_eq!(decode_binary(&binary).unwrap(), value);
        }
    }

    #[test]
    fn anything_else_fails() {
        for wrong in [&b""[..], b"true", b"T", b"1", b"tf"] {
            assert!(decode_text(wrong).is_err());
        }
        assert!(decode_binary(b"").is_err());
        assert!(decode_binary(&[0, 1]).is_err());
    }
}
