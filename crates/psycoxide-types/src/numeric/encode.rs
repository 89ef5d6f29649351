//! Decimal text to the binary form of `numeric`, digit by digit and without a buffer between.

use super::{INFINITY, MAX_SCALE, NAN, NEGATIVE, NEGATIVE_INFINITY, POSITIVE};
use crate::error::{Error, Reason, Result};

/// A decimal number taken apart: its digits, and the power of ten of the last one.
struct Decimal<'a> {
    negative: bool,
    integral: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

/// What a text stands for.
enum Parsed<'a> {
    Special(u16),
    Finite(Decimal<'a>),
}

/// Appends the text form: the text itself, but every kind of NaN as `NaN`.
///
/// Takes what decimal types write: `-1.20`, `1E+5`, `Infinity`, `sNaN`.
pub fn encode_text(decimal: &str, out: &mut Vec<u8>) -> Result<()> {
    let text: &[u8] = match parse(decimal.as_bytes())? {
        Parsed::Special(NAN) => b"NaN",
        _ => decimal.as_bytes(),
    };
    out.extend_from_slice(text);
    Ok(())
}

/// Appends the binary form of a decimal text, with the scale that the text shows.
///
/// `1.20` keeps two decimals, `1E+5` has none and is 100000, `-0` loses its sign as on the server.
pub fn encode_binary(decimal: &str, out: &mut Vec<u8>) -> Result<()> {
    match parse(decimal.as_bytes())? {
        Parsed::Special(sign) => {
            write_header(out, 0, 0, sign, 0);
            Ok(())
        }
        Parsed::Finite(decimal) => decimal.write_binary(out),
    }
}

impl Decimal<'_> {
    fn write_binary(&self, out: &mut Vec<u8>) -> Result<()> {
        let scale = match u16::try_from((-self.exponent).max(0)) {
            Ok(scale) if scale <= MAX_SCALE => scale,
            _ => return Err(out_of_range("the number of decimals (at most 16383)")),
        };
        let significant = || {
            let digits = self.integral.iter().chain(self.fraction);
            digits.skip_while(|digit| **digit == b'0')
        };
        let count = significant().count() as i64;
        if count == 0 {
            write_header(out, 0, 0, POSITIVE, scale);
            return Ok(());
        }

        // Zeroes behind the last digit until its power of ten is one of 10,000.
        let padding = self.exponent.rem_euclid(4);
        let groups = (count + padding + 3) / 4;
        let weight = (self.exponent - padding) / 4 + groups - 1;
        let Ok(weight) = i16::try_from(weight) else {
            return Err(out_of_range("a number of more than 131072 digits is"));
        };

        let header = out.len();
        let sign = if self.negative { NEGATIVE } else { POSITIVE };
        write_header(out, 0, weight, sign, scale);
        let first_group = out.len();
        let mut end = first_group;
        let mut group = 0u16;
        let mut missing = (count + padding - 1) % 4;
        let zeroes = std::iter::repeat_n(&b'0', padding as usize);
        for digit in significant().chain(zeroes) {
            group = group * 10 + u16::from(digit - b'0');
            if missing > 0 {
                missing -= 1;
                continue;
            }
            out.extend_from_slice(&group.to_be_bytes());
            if group != 0 {
                end = out.len();
            }
            (group, missing) = (0, 3);
        }
        // Groups of zeroes at the end are left out.
        out.truncate(end);
        let Ok(stored) = i16::try_from((end - first_group) / 2) else {
            out.truncate(header);
            return Err(out_of_range("a number of more than 131072 digits is"));
        };
        if let Some(place) = out.get_mut(header..header + 2) {
            place.copy_from_slice(&stored.to_be_bytes());
        }
        Ok(())
    }
}

fn write_header(out: &mut Vec<u8>, groups: i16, weight: i16, sign: u16, scale: u16) {
    out.extend_from_slice(&groups.to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
}

fn parse(text: &[u8]) -> Result<Parsed<'_>> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let syntax = || Error::syntax("numeric", "a decimal number", text);
    match unsigned {
        [b'N', b'a', b'N', payload @ ..] | [b's', b'N', b'a', b'N', payload @ ..] => {
            return if payload.iter().all(u8::is_ascii_digit) {
                Ok(Parsed::Special(NAN))
            } else {
                Err(syntax())
            };
        }
        b"Infinity" | b"inf" if negative => return Ok(Parsed::Special(NEGATIVE_INFINITY)),
        b"Infinity" | b"inf" => return Ok(Parsed::Special(INFINITY)),
        _ => {}
    }
    let (mantissa, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => {
            let (mantissa, exponent) = unsigned.split_at(at);
            let exponent = exponent.get(1..).unwrap_or_default();
            // An exponent of more than 18 digits is refused; no number has so large a one.
            let exponent = match exponent.strip_prefix(b"+") {
                Some(digits) if digits.starts_with(b"-") => return Err(syntax()),
                Some(digits) => digits,
                None => exponent,
            };
            let number = crate::integer::decode_i64_text(exponent).map_err(|_| syntax())?;
            if number.unsigned_abs() > 1_000_000 {
                return Err(out_of_range("the exponent"));
            }
            (mantissa, number)
        }
        None => (unsigned, 0),
    };
    let (integral, fraction) = match memchr::memchr(b'.', mantissa) {
        Some(at) => {
            let (integral, fraction) = mantissa.split_at(at);
            (integral, fraction.get(1..).unwrap_or_default())
        }
        None => (mantissa, &[][..]),
    };
    let digits = integral.len() + fraction.len();
    if digits == 0 || !integral.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(syntax());
    }
    Ok(Parsed::Finite(Decimal {
        negative,
        integral,
        fraction,
        exponent: exponent - fraction.len() as i64,
    }))
}

#[cold]
fn out_of_range(what: &'static str) -> Error {
    Error::binary("numeric", Reason::OutOfRange { what })
}
