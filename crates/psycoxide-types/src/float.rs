//! `float4` and `float8`: shortest exact decimal text, and IEEE 754 bits.
//!
//! The text of a finite number is what Python's `repr` writes, which reads back as the same number
//! on both sides. <https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-FLOAT>

use crate::error::{Error, Result};
use crate::wire::fixed;

/// Decodes the text of either type, to the nearest double.
#[inline]
pub fn decode_text(value: &[u8]) -> Result<f64> {
    match value {
        [b'0'..=b'9', ..] | [b'-' | b'.', b'0'..=b'9', ..] => match lexical_core::parse(value) {
            Ok(number) => Ok(number),
            Err(_) => Err(Error::syntax("float8", "a number", value)),
        },
        b"NaN" => Ok(f64::NAN),
        b"Infinity" => Ok(f64::INFINITY),
        b"-Infinity" => Ok(f64::NEG_INFINITY),
        _ => Err(Error::syntax("float8", "a number", value)),
    }
}

/// Decodes the binary form of `float4`.
#[inline]
pub fn decode_float4_binary(value: &[u8]) -> Result<f32> {
    fixed(value, "float4").map(f32::from_be_bytes)
}

/// Decodes the binary form of `float8`.
#[inline]
pub fn decode_float8_binary(value: &[u8]) -> Result<f64> {
    fixed(value, "float8").map(f64::from_be_bytes)
}

/// Appends the shortest text that gives the same double: Python's `repr`.
///
/// Infinity and NaN are `inf`, `-inf` and `nan`, which the server reads without regard to case.
pub fn encode_text(number: f64, out: &mut Vec<u8>) {
    if number.is_nan() {
        out.extend_from_slice(b"nan");
        return;
    }
    if number.is_infinite() {
        let text: &[u8] = if number > 0.0 { b"inf" } else { b"-inf" };
        out.extend_from_slice(text);
        return;
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(number);
    match text.split_once('e') {
        Some((mantissa, exponent)) => write_scientific(mantissa, exponent, out),
        // Below 0.0001 Python changes to an exponent, one power of ten before ryu does.
        None if number != 0.0 && number.abs() < 1e-4 => write_small(text, out),
        None => out.extend_from_slice(text.as_bytes()),
    }
}

/// `1e16` and `1.5e-7` to Python's `1e+16` and `1.5e-07`.
fn write_scientific(mantissa: &str, exponent: &str, out: &mut Vec<u8>) {
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => (b'-', digits),
        None => (b'+', exponent),
    };
    out.extend_from_slice(mantissa.as_bytes());
    out.extend_from_slice(&[b'e', sign]);
    if digits.len() < 2 {
        out.push(b'0');
    }
    out.extend_from_slice(digits.as_bytes());
}

/// `0.00001234` to `1.234e-05`.
fn write_small(text: &str, out: &mut Vec<u8>) {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => ("-", text),
        None => ("", text),
    };
    let decimals = text.trim_start_matches("0.");
    let significant = decimals.trim_start_matches('0');
    let exponent = decimals.len() - significant.len() + 1;
    let (first, others) = significant.split_at(1);
    out.extend_from_slice(sign.as_bytes());
    out.extend_from_slice(first.as_bytes());
    if !others.is_empty() {
        out.push(b'.');
        out.extend_from_slice(others.as_bytes());
    }
    out.extend_from_slice(b"e-0");
    out.extend_from_slice(itoa::Buffer::new().format(exponent).as_bytes());
}

/// Appends the binary form of `float4`.
#[inline]
pub fn encode_float4_binary(number: f32, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// Appends the binary form of `float8`.
#[inline]
pub fn encode_float8_binary(number: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(number: f64) -> String {
        let mut out = Vec::new();
        encode_text(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_the_repr_of_python() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (100.0, "100.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.2345678901234568e17, "1.2345678901234568e+17"),
            (1e22, "1e+22"),
            (1e100, "1e+100"),
            (0.0001, "0.0001"),
            (0.00012, "0.00012"),
            (0.000099, "9.9e-05"),
            (-0.00001234, "-1.234e-05"),
            (1e-5, "1e-05"),
            (1e-6, "1e-06"),
            (1.5e-7, "1.5e-07"),
            (5e-324, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text(number), expected);
        }
    }

    #[test]
    fn text_from_the_server() {
        for (value, expected) in [
            ("1e+16", 1e16),
            ("-0", -0.0),
            ("5e-324", 5e-324),
            ("0.1", 0.1),
            ("Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            let found = decode_text(value.as_bytes()).unwrap();
            assert_eq!(found.to_bits(), f64::to_bits(expected), "{value}");
        }
        assert!(decode_text(b"NaN").unwrap().is_nan());
        for wrong in [
            "", "-", "1 ", "1.5x", "1e", "e5", "--1", "0x10", "infx", "1_000",
        ] {
            assert!(decode_text(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn binary_sizes() {
        assert_eq!(
            decode_float8_binary(&[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]).unwrap(),
            1.5
        );
        assert_eq!(decode_float4_binary(&[0x3f, 0xc0, 0, 0]).unwrap(), 1.5);
        assert!(decode_float8_binary(&[0; 4]).is_err());
        assert!(decode_float4_binary(&[0; 8]).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(bits: u64) {
            let number = f64::from_bits(bits);
            let mut out = Vec::new();
            encode_float8_binary(number, &mut out);
            prop_assert_eq!(decode_float8_binary(&out).unwrap().to_bits(), bits);
            if number.is_finite() {
                let found = decode_text(text(number).as_bytes()).unwrap();
                prop_assert_eq!(found.to_bits(), bits);
            }
        }

        #[test]
        fn short_numbers_round_trip(mantissa in -999_999i32..999_999, exponent in -12i32..25) {
            let number = f64::from(mantissa) * 10f64.powi(exponent);
            prop_assert_eq!(decode_text(text(number).as_bytes()).unwrap(), number);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = decode_text(&bytes);
        }
    }
}
