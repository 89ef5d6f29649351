//! `json` and `jsonb`: the version byte of binary `jsonb`, and a check of the grammar.
//!
//! Building values from JSON is the caller's; what [`validate`] lets through is JSON as RFC 8259 has
//! it, nested no deeper than [`MAX_DEPTH`].
//! <https://www.postgresql.org/docs/current/datatype-json.html>

mod validate;

pub use validate::{MAX_DEPTH, validate};

use crate::error::{Error, Reason, Result};

/// The only version of binary `jsonb` there is.
const VERSION: u8 = 1;

/// The JSON text of a binary `jsonb`; binary `json` is the text itself.
#[inline]
pub fn decode_jsonb_binary(value: &[u8]) -> Result<&[u8]> {
    match value {
        [VERSION, json @ ..] => Ok(json),
        [] => Err(Error::binary(
            "jsonb",
            Reason::Truncated {
                needed: 1,
                remaining: 0,
            },
        )),
        [found, ..] => {
            let what = "jsonb version";
            let found = u32::from(*found);
            Err(Error::binary("jsonb", Reason::UnknownCode { what, found }))
        }
    }
}

/// Appends the byte that binary `jsonb` begins with; the JSON text follows.
#[inline]
pub fn encode_jsonb_version(out: &mut Vec<u8>) {
    out.push(VERSION);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_byte() {
        let mut out = Vec::new();
        encode_jsonb_version(&mut out);
        out.extend_from_slice(b"{}");
        assert_eq!(decode_jsonb_binary(&out).unwrap(), b"{}");
        assert!(decode_jsonb_binary(b"").is_err());
        assert!(decode_jsonb_binary(b"{}").is_err());
    }
}
