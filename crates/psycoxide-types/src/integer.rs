//! `int2`, `int4`, `int8` and `oid`: decimal text, and big-endian two's complement.
//!
//! <https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-INT>

use crate::digits::eight;
use crate::error::{Error, Reason, Result};
use crate::wire::fixed;

const EXPECTED: &str = "a decimal integer";

/// Decodes the text of any integer type.
///
/// A sign and digits, nothing else; `oid` and `int8` fit alike.
#[inline]
pub fn decode_i64_text(value: &[u8]) -> Result<i64> {
    let (negative, digits) = match value {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    // Up to 19 digits fit in 64 bits without a sign; more, and all that is wrong, go a slower way.
    if digits.is_empty() || digits.len() > 19 {
        return decode_long(value, negative, digits);
    }
    let mut number = 0u64;
    let mut rest = digits;
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let Some(eight_digits) = eight(*chunk) else {
            return Err(Error::syntax("int8", EXPECTED, value));
        };
        number = number * 100_000_000 + eight_digits;
        rest = tail;
    }
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(Error::syntax("int8", EXPECTED, value));
        }
        number = number * 10 + u64::from(digit);
    }
    if number > i64::MAX as u64 {
        return decode_long(value, negative, digits);
    }
    let number = number as i64;
    Ok(if negative { -number } else { number })
}

#[cold]
fn decode_long(value: &[u8], negative: bool, digits: &[u8]) -> Result<i64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Error::syntax("int8", EXPECTED, value));
    }
    let what = "the integer (-2^63 to 2^63 - 1)";
    let out_of_range = || Error::text("int8", Reason::OutOfRange { what });
    // Counted downwards, as the smallest number has no positive counterpart.
    let mut number = 0i64;
    for byte in digits {
        number = number
            .checked_mul(10)
            .and_then(|number| number.checked_sub(i64::from(byte - b'0')))
            .ok_or_else(out_of_range)?;
    }
    if negative {
        Ok(number)
    } else {
        number.checked_neg().ok_or_else(out_of_range)
    }
}

/// Decodes the binary form of `int2`.
#[inline]
pub fn decode_int2_binary(value: &[u8]) -> Result<i16> {
    fixed(value, "int2").map(i16::from_be_bytes)
}

/// Decodes the binary form of `int4`.
#[inline]
pub fn decode_int4_binary(value: &[u8]) -> Result<i32> {
    fixed(value, "int4").map(i32::from_be_bytes)
}

/// Decodes the binary form of `int8`.
#[inline]
pub fn decode_int8_binary(value: &[u8]) -> Result<i64> {
    fixed(value, "int8").map(i64::from_be_bytes)
}

/// Decodes the binary form of `oid`, and of the types that are stored as one.
#[inline]
pub fn decode_oid_binary(value: &[u8]) -> Result<u32> {
    fixed(value, "oid").map(u32::from_be_bytes)
}

/// Appends an integer as text.
#[inline]
pub fn encode_text(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends the binary form of `int2`.
#[inline]
pub fn encode_int2_binary(number: i16, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// Appends the binary form of `int4`.
#[inline]
pub fn encode_int4_binary(number: i32, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// Appends the binary form of `int8`.
#[inline]
pub fn encode_int8_binary(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// Appends the binary form of `oid`.
#[inline]
pub fn encode_oid_binary(number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_limits() {
        for number in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX] {
            assert_eq!(
                decode_i64_text(number.to_string().as_bytes()).unwrap(),
                number
            );
        }
        for wrong in ["9223372036854775808", "-9223372036854775809"] {
            let error = decode_i64_text(wrong.as_bytes()).unwrap_err();
            assert!(matches!(error.reason(), Reason::OutOfRange { .. }));
        }
        assert_eq!(decode_i64_text(b"00000000000000000000007").unwrap(), 7);
    }

    #[test]
    fn text_that_is_no_number() {
        for wrong in [
            "",
            "-",
            "+",
            "1 ",
            " 1",
            "--1",
            "1.0",
            "0x10",
            "12345678a",
            "a2345678",
            "1e3",
            "1234567890123456789x",
        ] {
            let error = decode_i64_text(wrong.as_bytes()).unwrap_err();
            assert!(matches!(error.reason(), Reason::Syntax { .. }), "{wrong}");
        }
    }

    #[test]
    fn binary_sizes() {
        assert_eq!(decode_int2_binary(&[0xff, 0xfe]).unwrap(), -2);
        assert_eq!(decode_int4_binary(&[0xff, 0xff, 0xff, 0xfe]).unwrap(), -2);
        assert_eq!(decode_oid_binary(&[0xff; 4]).unwrap(), u32::MAX);
        assert!(decode_int2_binary(&[0; 4]).is_err());
        assert!(decode_int4_binary(&[]).is_err());
        assert!(decode_int8_binary(&[0; 9]).is_err());
        assert!(decode_oid_binary(&[0; 3]).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(number: i64, small: i16, medium: i32, oid: u32) {
            let mut out = Vec::new();
            encode_text(number, &mut out);
            prop_assert_eq!(decode_i64_text(&out).unwrap(), number);
            out.clear();
            encode_int8_binary(number, &mut out);
            prop_assert_eq!(decode_int8_binary(&out).unwrap(), number);
            out.clear();
            encode_int4_binary(medium, &mut out);
            prop_assert_eq!(decode_int4_binary(&out).unwrap(), medium);
            out.clear();
            encode_int2_binary(small, &mut out);
            prop_assert_eq!(decode_int2_binary(&out).unwrap(), small);
            out.clear();
            encode_oid_binary(oid, &mut out);
            prop_assert_eq!(decode_oid_binary(&out).unwrap(), oid);
        }

        #[test]
        fn agrees_with_the_standard_library(text in "[-+]?[0-9]{0,21}") {
            let found = decode_i64_text(text.as_bytes()).ok();
            prop_assert_eq!(found, text.parse::<i64>().ok());
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = decode_i64_text(&bytes);
            let _ = decode_int8_binary(&bytes);
        }
    }
}
