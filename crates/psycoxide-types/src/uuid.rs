//! `uuid`: 32 hexadecimal digits in five groups, and 16 bytes.
//!
//! <https://www.postgresql.org/docs/current/datatype-uuid.html>

use crate::bytea::{decode_hex, encode_hex_into};
use crate::error::{Error, Result};
use crate::wire::fixed;

/// Decodes the text form: with hyphens, as the server writes it, or 32 digits without.
#[inline]
pub fn decode_text(value: &[u8]) -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    let right = match value.first_chunk::<36>() {
        Some(text) if value.len() == 36 => {
            let (digits, hyphens) = without_hyphens(text);
            // Both sides always, so that a column of right values has one branch a value.
            hyphens & decode_hex(&digits, &mut bytes)
        }
        _ => value.len() == 32 && decode_hex(value, &mut bytes),
    };
    if right {
        Ok(bytes)
    } else {
        Err(Error::syntax(
            "uuid",
            "32 hexadecimal digits in groups",
            value,
        ))
    }
}

/// The digits next to each other, and whether the hyphens were where they belong.
#[inline]
fn without_hyphens(text: &[u8; 36]) -> ([u8; 32], bool) {
    let mut digits = [0; 32];
    digits[..8].copy_from_slice(&text[..8]);
    digits[8..12].copy_from_slice(&text[9..13]);
    digits[12..16].copy_from_slice(&text[14..18]);
    digits[16..20].copy_from_slice(&text[19..23]);
    digits[20..].copy_from_slice(&text[24..]);
    let hyphens = [text[8], text[13], text[18], text[23]] == *b"----";
    (digits, hyphens)
}

/// Decodes the binary form.
#[inline]
pub fn decode_binary(value: &[u8]) -> Result<[u8; 16]> {
    fixed(value, "uuid")
}

/// Appends the text form: 32 digits without hyphens, which the server accepts and is shorter.
pub fn encode_text(uuid: &[u8; 16], out: &mut Vec<u8>) {
    let mut digits = [0; 32];
    encode_hex_into(uuid, &mut digits);
    out.extend_from_slice(&digits);
}

/// Appends the binary form.
pub fn encode_binary(uuid: &[u8; 16], out: &mut Vec<u8>) {
    out.extend_from_slice(uuid);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BYTES: [u8; 16] = [
        0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a,
        0x11,
    ];

    #[test]
    fn text_forms() {
        for text in [
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
        ] {
            assert_eq!(decode_text(text.as_bytes()).unwrap(), BYTES);
        }
    }

    #[test]
    fn wrong_texts() {
        for wrong in [
            "",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g",
            "a0eebc999-c0b-4ef8-bb6d-6bb9bd380a11",
            "a0eebc99a9c0b-4ef8-bb6d-6bb9bd380a11",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
        ] {
            assert!(decode_text(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(decode_binary(&[0; 15]).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(uuid: [u8; 16]) {
            let mut out = Vec::new();
            encode_text(&uuid, &mut out);
            prop_assert_eq!(decode_text(&out).unwrap(), uuid);
            out.clear();
            encode_binary(&uuid, &mut out);
            prop_assert_eq!(decode_binary(&out).unwrap(), uuid);
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 30..40)) {
            let _ = decode_text(&bytes);
        }
    }
}
