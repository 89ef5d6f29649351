//! `bytea`: hex (`\x6869`) or escape (`hi\\000`) text, and plain bytes.
//!
//! The decoders write into memory of the caller, so that a large value goes straight to its final
//! place: ask [`decoded_length`], allocate, call [`decode_text_into`].
//! <https://www.postgresql.org/docs/current/datatype-binary.html>

use memchr::memchr;

use crate::error::{Error, Result};

const EXPECTED_HEX: &str = "pairs of hexadecimal digits";

/// How many bytes a text value decodes to.
pub fn decoded_length(value: &[u8]) -> Result<usize> {
    match value {
        [b'\\', b'x', hex @ ..] if hex.len() % 2 == 0 => Ok(hex.len() / 2),
        [b'\\', b'x', ..] => Err(Error::syntax("bytea", EXPECTED_HEX, value)),
        _ => {
            let mut length = 0;
            walk_escaped(value, |run| length += run.len())?;
            Ok(length)
        }
    }
}

/// Decodes a text value into `target`, which has the length that [`decoded_length`] gave.
pub fn decode_text_into(value: &[u8], target: &mut [u8]) -> Result<()> {
    let expected = "a value of the length announced";
    if let [b'\\', b'x', hex @ ..] = value {
        if hex.len() != target.len().saturating_mul(2) {
            return Err(Error::syntax("bytea", expected, value));
        }
        return if decode_hex(hex, target) {
            Ok(())
        } else {
            Err(Error::syntax("bytea", EXPECTED_HEX, value))
        };
    }
    let mut rest = target;
    let mut fits = true;
    walk_escaped(value, |run| {
        match std::mem::take(&mut rest).split_at_mut_checked(run.len()) {
            Some((head, tail)) => {
                head.copy_from_slice(run);
                rest = tail;
            }
            None => fits = false,
        }
    })?;
    if fits && rest.is_empty() {
        Ok(())
    } else {
        Err(Error::syntax("bytea", expected, value))
    }
}

/// Decodes a text value into a vector of its own.
pub fn decode_text(value: &[u8]) -> Result<Vec<u8>> {
    let mut target = vec![0; decoded_length(value)?];
    decode_text_into(value, &mut target)?;
    Ok(target)
}

/// Appends the hex form, as text.
pub fn encode_text(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\x");
    let start = out.len();
    out.resize(start + bytes.len() * 2, 0);
    if let Some(hex) = out.get_mut(start..) {
        encode_hex_into(bytes, hex);
    }
}

/// Writes two hexadecimal digits for every byte.
pub(crate) fn encode_hex_into(bytes: &[u8], hex: &mut [u8]) {
    let (pairs, _) = hex.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [hex_text(byte >> 4), hex_text(byte & 15)];
    }
}

/// The digit for a number below 16, computed: a table would keep the loop from being vectorized.
#[inline]
fn hex_text(nibble: u8) -> u8 {
    let to_letters = if nibble > 9 { b'a' - b'0' - 10 } else { 0 };
    nibble + b'0' + to_letters
}

/// Decodes twice as many hexadecimal digits as `target` has bytes; false if one of them is none.
///
/// Eight digits make one word, and its bytes are worked on side by side with plain shifts and
/// masks, which the compiler turns into wider vectors where it can. Wrong digits are only summed up.
pub(crate) fn decode_hex(hex: &[u8], target: &mut [u8]) -> bool {
    let (words, word_rest) = hex.as_chunks::<8>();
    let (quads, quad_rest) = target.as_chunks_mut::<4>();
    let mut wrong = 0;
    for (digits, quad) in words.iter().zip(quads) {
        let (bytes, bad) = eight_digits(u64::from_le_bytes(*digits));
        *quad = bytes.to_le_bytes();
        wrong |= bad;
    }
    let mut wrong_rest = word_rest.len() != quad_rest.len() * 2;
    let (pairs, _) = word_rest.as_chunks::<2>();
    for ([high, low], byte) in pairs.iter().zip(quad_rest) {
        let (high, low) = (hex_digit(*high), hex_digit(*low));
        wrong_rest |= high > 15 || low > 15;
        *byte = (high << 4) | (low & 15);
    }
    wrong == 0 && !wrong_rest
}

/// Four bytes from eight digits, and a word that is not 0 when one of them was none.
#[inline]
fn eight_digits(word: u64) -> (u32, u64) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // Sums of bytes below 0x80 stay within their byte: bit 7 then says "at least".
    let seven = word & !HIGH;
    let at_least = |text: u64, bound: u8| text + (0x80 - u64::from(bound)) * ONES;
    let lower = seven | (0x20 * ONES);
    let is_digit = at_least(seven, b'0') & !at_least(seven, b'9' + 1);
    let is_letter = at_least(lower, b'a') & !at_least(lower, b'f' + 1);
    let bad = (!(is_digit | is_letter) | word) & HIGH;
    // Letters have bit 6: 'a' is 0x61, so that 1 + 9 makes ten.
    let nibbles = (word & (0x0f * ONES)) + ((word >> 6) & ONES) * 9;
    let bytes = (nibbles << 4) | (nibbles >> 8);
    let bytes = bytes & 0x00ff_00ff_00ff_00ff;
    let bytes = (bytes | (bytes >> 8)) & 0x0000_ffff_0000_ffff;
    ((bytes | (bytes >> 16)) as u32, bad)
}

/// The value of a hexadecimal digit, or 255.
#[inline]
pub(crate) fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        _ => 255,
    }
}

/// Calls `emit` for every run of bytes that an escape text stands for.
fn walk_escaped(value: &[u8], mut emit: impl FnMut(&[u8])) -> Result<()> {
    let mut rest = value;
    loop {
        let Some(at) = memchr(b'\\', rest) else {
            emit(rest);
            return Ok(());
        };
        let (run, escape) = rest.split_at(at);
        emit(run);
        rest = match escape {
            [_, b'\\', tail @ ..] => {
                emit(b"\\");
                tail
            }
            [
                _,
                high @ b'0'..=b'3',
                middle @ b'0'..=b'7',
                low @ b'0'..=b'7',
                tail @ ..,
            ] => {
                emit(&[((high - b'0') << 6) | ((middle - b'0') << 3) | (low - b'0')]);
                tail
            }
            _ => {
                let expected = "an escape of three octal digits or a backslash";
                return Err(Error::syntax("bytea", expected, escape));
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hex_and_escape() {
        assert_eq!(decode_text(b"\\x").unwrap(), b"");
        assert_eq!(decode_text(b"\\x00fF6869").unwrap(), b"\0\xffhi");
        assert_eq!(decode_text(b"").unwrap(), b"");
        assert_eq!(decode_text(b"hi\\000\\377\\\\'").unwrap(), b"hi\0\xff\\'");
    }

    #[test]
    fn wrong_texts() {
        for wrong in [
            &b"\\x0"[..],
            b"\\x0g",
            b"\\x00112233445566g7",
            b"\\x001122334455g677",
            b"\\x0\xb10000000",
            b"\\",
            b"\\400",
            b"\\08",
            b"\\18x",
        ] {
            assert!(decode_text(wrong).is_err(), "{}", wrong.escape_ascii());
        }
        assert!(decode_text_into(b"\\x0011", &mut [0; 1]).is_err());
        assert!(decode_text_into(b"ab", &mut [0; 1]).is_err());
        assert!(decode_text_into(b"ab", &mut [0; 3]).is_err());
    }

    #[test]
    fn every_byte_at_every_place_of_a_word() {
        for place in 0..8 {
            for byte in 0..=255u8 {
                let mut hex = *b"01234567";
                hex[place] = byte;
                let mut target = [0; 4];
                let right = decode_hex(&hex, &mut target);
                assert_eq!(right, byte.is_ascii_hexdigit(), "{byte:#x}");
                if right {
                    let text = std::str::from_utf8(&hex).unwrap();
                    let expected = u32::from_str_radix(text, 16).unwrap().to_be_bytes();
                    assert_eq!(target, expected);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn round_trip(bytes: Vec<u8>) {
            let mut out = b"before".to_vec();
            encode_text(&bytes, &mut out);
            prop_assert_eq!(decode_text(&out[6..]).unwrap(), bytes);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = decode_text(&bytes);
            let hex = [b"\\x".as_slice(), &bytes].concat();
            let _ = decode_text(&hex);
        }
    }
}
