//! `numeric`: decimal text, and groups of four decimal digits in base 10,000.
//!
//! The binary form is four 16 bit numbers (how many groups, weight of the first group, sign, and the
//! display scale, which is the number of decimals to write) and then the groups. Text is the form
//! that languages' decimal types read and write, so this file turns binary into the server's exact
//! text and text into the binary form that the server would have sent.
//! <https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-NUMERIC-DECIMAL>

mod encode;

pub use encode::{encode_binary, encode_text};

use crate::digits::PAIRS;
use crate::error::{Error, Reason, Result};
use crate::wire::Reader;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;

/// The largest display scale that the binary form can hold.
const MAX_SCALE: u16 = 0x3fff;

/// A decoded binary `numeric`, its digits still in the value it came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Numeric<'a> {
    /// What kind of number it is; the other fields count for finite numbers only.
    pub sign: Sign,
    /// The power of 10,000 that the first group of digits counts.
    pub weight: i16,
    /// How many decimals the number shows.
    pub scale: u16,
    /// The groups, big-endian, each below 10,000.
    pub digits: &'a [[u8; 2]],
}

/// The sign of a `numeric`, or which special value it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// A finite number >= 0.
    Positive,
    /// A finite number < 0.
    Negative,
    /// Not a number.
    NaN,
    /// Positive infinity.
    Infinity,
    /// Negative infinity.
    NegativeInfinity,
}

/// Decodes the binary form.
#[inline]
pub fn decode_binary(value: &[u8]) -> Result<Numeric<'_>> {
    let mut reader = Reader::new(value, "numeric");
    let count = reader.i16()?;
    let weight = reader.i16()?;
    let sign = match reader.u16()? {
        POSITIVE => Sign::Positive,
        NEGATIVE => Sign::Negative,
        NAN => Sign::NaN,
        INFINITY => Sign::Infinity,
        NEGATIVE_INFINITY => Sign::NegativeInfinity,
        other => return Err(unknown_sign(other)),
    };
    let scale = reader.u16()?;
    if scale > MAX_SCALE {
        return Err(out_of_range("the scale (0 to 16383)"));
    }
    let Ok(count) = usize::try_from(count) else {
        let what = "number of digit groups";
        let found = i32::from(count);
        return Err(Error::binary("numeric", Reason::Negative { what, found }));
    };
    let (digits, _) = reader.bytes(count * 2)?.as_chunks::<2>();
    reader.finish()?;
    let mut largest = 0;
    for group in digits {
        largest = largest.max(u16::from_be_bytes(*group));
    }
    if largest > 9999 {
        return Err(out_of_range("a group of digits (0 to 9999)"));
    }
    Ok(Numeric {
        sign,
        weight,
        scale,
        digits,
    })
}

impl Numeric<'_> {
    /// Appends the text that the server would have sent.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        match self.sign {
            Sign::NaN => return out.extend_from_slice(b"NaN"),
            Sign::Infinity => return out.extend_from_slice(b"Infinity"),
            Sign::NegativeInfinity => return out.extend_from_slice(b"-Infinity"),
            Sign::Negative => out.push(b'-'),
            Sign::Positive => {}
        }
        self.write_integral(out);
        if self.scale > 0 {
            out.push(b'.');
            self.write_fraction(out);
        }
    }

    fn write_integral(&self, out: &mut Vec<u8>) {
        let (Ok(weight), Some((first, others))) =
            (usize::try_from(self.weight), self.digits.split_first())
        else {
            out.push(b'0');
            return;
        };
        out.extend_from_slice(
            itoa::Buffer::new()
                .format(u16::from_be_bytes(*first))
                .as_bytes(),
        );
        for group in others.iter().take(weight) {
            out.extend_from_slice(&group_text(*group));
        }
        let missing = weight.saturating_sub(others.len());
        out.resize(out.len() + missing * 4, b'0');
    }

    fn write_fraction(&self, out: &mut Vec<u8>) {
        let scale = usize::from(self.scale);
        let end = out.len() + scale;
        let first = i32::from(self.weight) + 1;
        // Groups of zeroes between the point and the first group that is there.
        let zeroes = usize::try_from(-first).unwrap_or(0) * 4;
        out.resize(out.len() + zeroes.min(scale), b'0');
        let from = usize::try_from(first).unwrap_or(0);
        for group in self.digits.get(from..).unwrap_or_default() {
            if out.len() >= end {
                break;
            }
            out.extend_from_slice(&group_text(*group));
        }
        // Cuts the last group short, or fills up with zeroes.
        out.resize(end, b'0');
    }
}

/// The four digits of a group.
#[inline]
fn group_text(group: [u8; 2]) -> [u8; 4] {
    let number = u16::from_be_bytes(group).min(9999);
    let high = usize::from(number / 100) * 2;
    let low = usize::from(number % 100) * 2;
    [PAIRS[high], PAIRS[high + 1], PAIRS[low], PAIRS[low + 1]]
}

/// Checks the text form and returns it as a string: a decimal number, `NaN` or an infinity.
pub fn decode_text(value: &[u8]) -> Result<&str> {
    let unsigned = match value {
        [b'-' | b'+', rest @ ..] => rest,
        rest => rest,
    };
    let right = match unsigned {
        b"NaN" | b"Infinity" => true,
        [b'0'..=b'9' | b'.', ..] => unsigned
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')),
        _ => false,
    };
    match std::str::from_utf8(value) {
        Ok(text) if right => Ok(text),
        _ => Err(Error::syntax("numeric", "a decimal number", value)),
    }
}

#[cold]
fn out_of_range(what: &'static str) -> Error {
    Error::binary("numeric", Reason::OutOfRange { what })
}

#[cold]
fn unknown_sign(found: u16) -> Error {
    Error::binary(
        "numeric",
        Reason::UnknownCode {
            what: "sign",
            found: u32::from(found),
        },
    )
}

#[cfg(test)]
mod tests;
