//! `interval`: months, days and microseconds, kept apart because none is a multiple of another.
//!
//! The text form depends on the server parameter `IntervalStyle`, but shows which one it is, so
//! [`decode_text`] reads all four. Writing is in one form that the server reads in every style.
//! <https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-INTERVAL-OUTPUT>

mod parse;

use crate::digits::{pair, write_fraction, write_padded};
use crate::error::{Error, Result};
use crate::wire::Reader;

/// A span of time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Interval {
    /// Calendar months, twelve to a year.
    pub months: i32,
    /// Calendar days, which are not always 24 hours.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

impl Interval {
    /// `infinity`, which PostgreSQL has since version 17.
    pub const INFINITY: Self = Self {
        months: i32::MAX,
        days: i32::MAX,
        micros: i64::MAX,
    };

    /// `-infinity`, which PostgreSQL has since version 17.
    pub const NEGATIVE_INFINITY: Self = Self {
        months: i32::MIN,
        days: i32::MIN,
        micros: i64::MIN,
    };
}

/// How the session writes intervals: the server parameter `IntervalStyle`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum IntervalStyle {
    /// `1 year 2 mons -3 days +04:05:06`
    #[default]
    Postgres,
    /// `@ 1 year 2 mons -3 days 4 hours 5 mins 6 secs`
    PostgresVerbose,
    /// `+1-2 -3 +4:05:06`
    SqlStandard,
    /// `P1Y2M-3DT4H5M6S`
    Iso8601,
}

impl IntervalStyle {
    /// Reads the parameter's value as the server reports it.
    pub fn from_parameter(value: &[u8]) -> Option<Self> {
        match value {
            b"postgres" => Some(Self::Postgres),
            b"postgres_verbose" => Some(Self::PostgresVerbose),
            b"sql_standard" => Some(Self::SqlStandard),
            b"iso_8601" => Some(Self::Iso8601),
            _ => None,
        }
    }
}

/// Decodes the text form in any style.
pub fn decode_text(value: &[u8]) -> Result<Interval> {
    let decoded = match value {
        b"infinity" => Some(Interval::INFINITY),
        b"-infinity" => Some(Interval::NEGATIVE_INFINITY),
        [b'P', rest @ ..] => parse::iso_8601(rest),
        b"@ 0" => Some(Interval::default()),
        [b'@', b' ', rest @ ..] => parse::words(rest),
        _ if value.iter().any(u8::is_ascii_alphabetic) => parse::words(value),
        _ => parse::sql_standard(value),
    };
    decoded.ok_or_else(|| Error::syntax("interval", "an interval", value))
}

/// Decodes the binary form.
#[inline]
pub fn decode_binary(value: &[u8]) -> Result<Interval> {
    let mut reader = Reader::new(value, "interval");
    let micros = reader.i64()?;
    let days = reader.i32()?;
    let months = reader.i32()?;
    reader.finish()?;
    Ok(Interval {
        months,
        days,
        micros,
    })
}

/// Appends the text form, such as `14 mons -3 days +04:05:06.5`.
///
/// Every part behind a negative one has its sign written out: in the style `sql_standard` the
/// server otherwise applies a leading minus to all that follows.
pub fn encode_text(interval: &Interval, out: &mut Vec<u8>) {
    match *interval {
        Interval::INFINITY => return out.extend_from_slice(b"infinity"),
        Interval::NEGATIVE_INFINITY => return out.extend_from_slice(b"-infinity"),
        _ => {}
    }
    let mut negative_before = false;
    for (number, unit) in [(interval.months, " mons "), (interval.days, " days ")] {
        if number != 0 {
            if number > 0 && negative_before {
                out.push(b'+');
            }
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            out.extend_from_slice(unit.as_bytes());
            negative_before |= number < 0;
        }
    }
    match interval.micros {
        ..0 => out.push(b'-'),
        _ if negative_before => out.push(b'+'),
        _ => {}
    }
    let micros = interval.micros.unsigned_abs();
    let seconds = micros / 1_000_000;
    write_padded(out, seconds / 3600, 2);
    let [m1, m0] = pair((seconds / 60 % 60) as u32);
    let [s1, s0] = pair((seconds % 60) as u32);
    out.extend_from_slice(&[b':', m1, m0, b':', s1, s0]);
    write_fraction(out, (micros % 1_000_000) as u32);
}

/// Appends the binary form.
#[inline]
pub fn encode_binary(interval: &Interval, out: &mut Vec<u8>) {
    out.extend_from_slice(&interval.micros.to_be_bytes());
    out.extend_from_slice(&interval.days.to_be_bytes());
    out.extend_from_slice(&interval.months.to_be_bytes());
}

#[cfg(test)]
mod tests;
