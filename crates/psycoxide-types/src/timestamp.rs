//! `timestamp` and `timestamptz`: text, and microseconds since 2000-01-01 00:00.
//!
//! A `timestamptz` arrives as local time with an offset in text, and as UTC in binary. Turning the
//! one into the other needs a time zone and is the caller's; [`Timestamp::micros`] and
//! [`Timestamp::from_micros`] are for that. In styles other than ISO the server writes the zone's
//! abbreviation, from which the offset cannot be told: these values are refused with
//! [`Reason::UnsupportedDateStyle`].
//! <https://www.postgresql.org/docs/current/datatype-datetime.html>

use crate::calendar::MICROSECONDS_PER_DAY;
use crate::date::{self, Date, DateFormat, DateOrder, DateStyle};
use crate::digits::{leading_number, two};
use crate::error::{Error, Reason, Result};
use crate::extended::Extended;
use crate::time::{Time, leading_time, parse_offset, write_offset};
use crate::wire::fixed;

/// A day and a time of day: a `timestamp`, or a `timestamptz` as UTC or local time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp {
    /// The day.
    pub date: Date,
    /// The time of day, below 24:00:00.
    pub time: Time,
}

/// A local timestamp with its offset from UTC: a `timestamptz` in text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TimestampTz {
    /// The local date and time.
    pub local: Timestamp,
    /// The offset of local time from UTC in seconds, east positive, less than a day.
    pub utc_offset: i32,
}

impl Timestamp {
    /// The timestamp so many microseconds after 2000-01-01 00:00.
    #[inline]
    pub fn from_micros(micros: i64) -> Self {
        let days = micros.div_euclid(MICROSECONDS_PER_DAY);
        let in_day = micros.rem_euclid(MICROSECONDS_PER_DAY);
        // 64 bits of microseconds are less than 2^27 days.
        Self {
            date: Date::from_days(days as i32),
            time: Time::from_micros(in_day).unwrap_or_default(),
        }
    }

    /// Microseconds after 2000-01-01 00:00, if 64 bits can hold them.
    #[inline]
    pub fn micros(&self) -> Option<i64> {
        // In 128 bits, as the first day of the range begins outside of it.
        let days = i128::from(self.date.days()) * i128::from(MICROSECONDS_PER_DAY);
        i64::try_from(days + i128::from(self.time.micros())).ok()
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.date.write_iso(out);
        out.push(b' ');
        self.time.write(out);
    }

    fn write_era(&self, out: &mut Vec<u8>) {
        if self.date.is_bc() {
            out.extend_from_slice(b" BC");
        }
    }
}

impl TimestampTz {
    /// Microseconds after 2000-01-01 00:00 UTC, if 64 bits can hold them.
    #[inline]
    pub fn micros(&self) -> Option<i64> {
        let local = self.local.micros()?;
        local.checked_sub(i64::from(self.utc_offset) * 1_000_000)
    }
}

/// Decodes the text form of `timestamp` in any style.
///
/// Only the order of `style` matters: the format shows in the text.
#[inline]
pub fn decode_timestamp_text(value: &[u8], style: DateStyle) -> Result<Extended<Timestamp>> {
    match leading_iso(value) {
        Some((timestamp, [])) => Ok(Extended::Finite(timestamp)),
        _ => decode_any_timestamp(value, style),
    }
}

fn decode_any_timestamp(value: &[u8], style: DateStyle) -> Result<Extended<Timestamp>> {
    if let Some(infinity) = Extended::infinity_from_text(value) {
        return Ok(infinity);
    }
    let (text, bc) = date::split_era(value);
    let decoded = if text.first().is_some_and(u8::is_ascii_alphabetic) {
        parse_postgres(text, bc)
    } else {
        match leading_timestamp(text, bc, style.order) {
            Some((timestamp, [])) => Some(timestamp),
            _ => None,
        }
    };
    match decoded {
        Some(timestamp) => Ok(Extended::Finite(timestamp)),
        None => Err(Error::syntax("timestamp", "a timestamp", value)),
    }
}

/// Decodes the text form of `timestamptz` in ISO style.
#[inline]
pub fn decode_timestamptz_text(value: &[u8], style: DateStyle) -> Result<Extended<TimestampTz>> {
    if let Some((local, offset)) = leading_iso(value)
        && let Some(utc_offset) = parse_offset(offset)
    {
        return Ok(Extended::Finite(TimestampTz { local, utc_offset }));
    }
    decode_any_timestamptz(value, style)
}

fn decode_any_timestamptz(value: &[u8], style: DateStyle) -> Result<Extended<TimestampTz>> {
    if let Some(infinity) = Extended::infinity_from_text(value) {
        return Ok(infinity);
    }
    if style.format != DateFormat::Iso {
        let reason = Reason::UnsupportedDateStyle { style };
        return Err(Error::text("timestamptz", reason));
    }
    let (text, bc) = date::split_era(value);
    let decoded = leading_timestamp(text, bc, style.order).and_then(|(local, offset)| {
        parse_offset(offset).map(|utc_offset| TimestampTz { local, utc_offset })
    });
    match decoded {
        Some(timestamp) => Ok(Extended::Finite(timestamp)),
        None => Err(Error::syntax(
            "timestamptz",
            "a timestamp with offset",
            value,
        )),
    }
}

/// Reads `YYYY-MM-DD HH:MM:SS` and a fraction in front: the one form that matters for speed.
#[inline]
fn leading_iso(text: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (chunk, rest) = text.split_first_chunk::<11>()?;
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b' '] = chunk else {
        return None;
    };
    let date = date::from_digits([y0, y1, y2, y3], [m0, m1], [d0, d1])?;
    let (time, rest) = leading_time(rest)?;
    if time.hour > 23 {
        return None;
    }
    Some((Timestamp { date, time }, rest))
}

/// Reads a date, a space and a time in front, in the styles that write them in this order.
fn leading_timestamp(text: &[u8], bc: bool, order: DateOrder) -> Option<(Timestamp, &[u8])> {
    let space = memchr::memchr(b' ', text)?;
    let (day, clock) = text.split_at(space);
    let date = date::parse(day, bc, order)?;
    let (time, rest) = leading_time(clock.get(1..)?)?;
    (time.hour < 24).then_some((Timestamp { date, time }, rest))
}

/// `Sat Feb 29 12:34:56.7 2020`, or the day before the month: the text tells which.
fn parse_postgres(text: &[u8], bc: bool) -> Option<Timestamp> {
    let mut words = text.split(|byte| *byte == b' ');
    let (_weekday, second, third) = (words.next()?, words.next()?, words.next()?);
    let (clock, year) = (words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let (month, day) = match month_number(second) {
        Some(month) => (month, third),
        None => (month_number(third)?, second),
    };
    let &[tens, units] = day else {
        return None;
    };
    let (year, []) = leading_number(year)? else {
        return None;
    };
    let date = date::build(year, month, u64::from(two(tens, units)), bc)?;
    match leading_time(clock)? {
        (time, []) if time.hour < 24 => Some(Timestamp { date, time }),
        _ => None,
    }
}

fn month_number(name: &[u8]) -> Option<u64> {
    const NAMES: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    (1..)
        .zip(NAMES)
        .find(|(_, known)| *known == name)
        .map(|(number, _)| number)
}

/// Decodes the binary form of either type into microseconds since 2000-01-01 00:00 (UTC).
#[inline]
pub fn decode_micros_binary(value: &[u8]) -> Result<Extended<i64>> {
    let micros = fixed(value, "timestamp").map(i64::from_be_bytes)?;
    Ok(match micros {
        i64::MAX => Extended::Infinity,
        i64::MIN => Extended::NegativeInfinity,
        micros => Extended::Finite(micros),
    })
}

/// Decodes the binary form of `timestamp`, or of `timestamptz` as UTC.
#[inline]
pub fn decode_binary(value: &[u8]) -> Result<Extended<Timestamp>> {
    Ok(decode_micros_binary(value)?.map(Timestamp::from_micros))
}

/// Appends the text form of `timestamp`, in ISO style, which the server reads in every style.
pub fn encode_timestamp_text(timestamp: Extended<Timestamp>, out: &mut Vec<u8>) {
    match timestamp.or_text() {
        Ok(timestamp) => {
            timestamp.write(out);
            timestamp.write_era(out);
        }
        Err(text) => out.extend_from_slice(text),
    }
}

/// Appends the text form of `timestamptz`, in ISO style, which the server reads in every style.
pub fn encode_timestamptz_text(timestamp: Extended<TimestampTz>, out: &mut Vec<u8>) {
    match timestamp.or_text() {
        Ok(timestamp) => {
            timestamp.local.write(out);
            write_offset(timestamp.utc_offset, out);
            timestamp.local.write_era(out);
        }
        Err(text) => out.extend_from_slice(text),
    }
}

/// Appends the binary form of `timestamp`.
pub fn encode_timestamp_binary(timestamp: Extended<Timestamp>, out: &mut Vec<u8>) -> Result<()> {
    encode_micros(timestamp.map(|timestamp| timestamp.micros()), out)
}

/// Appends the binary form of `timestamptz`.
pub fn encode_timestamptz_binary(
    timestamp: Extended<TimestampTz>,
    out: &mut Vec<u8>,
) -> Result<()> {
    encode_micros(timestamp.map(|timestamp| timestamp.micros()), out)
}

fn encode_micros(micros: Extended<Option<i64>>, out: &mut Vec<u8>) -> Result<()> {
    let micros = match micros {
        Extended::NegativeInfinity => i64::MIN,
        Extended::Infinity => i64::MAX,
        Extended::Finite(Some(micros)) if micros != i64::MIN && micros != i64::MAX => micros,
        Extended::Finite(_) => {
            let what = "the timestamp (4713 BC to 294276 AD)";
            return Err(Error::binary("timestamp", Reason::OutOfRange { what }));
        }
    };
    out.extend_from_slice(&micros.to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests;
