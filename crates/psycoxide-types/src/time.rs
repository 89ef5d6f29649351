//! `time` and `timetz`: clock text, and microseconds since midnight.
//!
//! An offset is in seconds east of Greenwich here and in text; the binary form counts west.
//! <https://www.postgresql.org/docs/current/datatype-datetime.html>

use crate::calendar::MICROSECONDS_PER_DAY;
use crate::digits::{leading_microseconds, pair, two, write_fraction};
use crate::error::{Error, Reason, Result};
use crate::wire::{Reader, fixed};

/// A time of day. PostgreSQL has one that clocks do not show: 24:00:00.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Time {
    /// 0 to 24; 24 only with zeroes behind it.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub microsecond: u32,
}

/// A time of day with an offset from UTC: the value of `timetz`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TimeTz {
    /// The local time.
    pub time: Time,
    /// The offset of local time from UTC in seconds, east positive, less than a day.
    pub utc_offset: i32,
}

impl Time {
    /// The time, if its parts are in range.
    #[inline]
    pub fn new(hour: u8, minute: u8, second: u8, microsecond: u32) -> Option<Self> {
        let in_day = hour < 24 && minute < 60 && second < 60 && microsecond < 1_000_000;
        let is_end = hour == 24 && minute == 0 && second == 0 && microsecond == 0;
        (in_day || is_end).then_some(Self {
            hour,
            minute,
            second,
            microsecond,
        })
    }

    /// The time so many microseconds after midnight, if there are no more than a day has.
    #[inline]
    pub fn from_micros(micros: i64) -> Option<Self> {
        if !(0..=MICROSECONDS_PER_DAY).contains(&micros) {
            return None;
        }
        let seconds = (micros / 1_000_000) as u32;
        Some(Self {
            hour: (seconds / 3600) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
            microsecond: (micros % 1_000_000) as u32,
        })
    }

    /// Microseconds since midnight.
    #[inline]
    pub fn micros(&self) -> i64 {
        let seconds =
            u32::from(self.hour) * 3600 + u32::from(self.minute) * 60 + u32::from(self.second);
        i64::from(seconds) * 1_000_000 + i64::from(self.microsecond)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let [h1, h0] = pair(u32::from(self.hour));
        let [m1, m0] = pair(u32::from(self.minute));
        let [s1, s0] = pair(u32::from(self.second));
        out.extend_from_slice(&[h1, h0, b':', m1, m0, b':', s1, s0]);
        write_fraction(out, self.microsecond);
    }
}

/// Decodes the text form of `time`.
#[inline]
pub fn decode_time_text(value: &[u8]) -> Result<Time> {
    match leading_time(value) {
        Some((time, [])) => Ok(time),
        _ => Err(Error::syntax("time", "a time as HH:MM:SS.ffffff", value)),
    }
}

/// Decodes the text form of `timetz`.
#[inline]
pub fn decode_timetz_text(value: &[u8]) -> Result<TimeTz> {
    let decoded = leading_time(value)
        .and_then(|(time, rest)| parse_offset(rest).map(|utc_offset| TimeTz { time, utc_offset }));
    match decoded {
        Some(time) => Ok(time),
        None => Err(Error::syntax(
            "timetz",
            "a time as HH:MM:SS.ffffff+HH:MM:SS",
            value,
        )),
    }
}

/// Reads `HH:MM:SS` and a fraction in front: the time and what follows.
#[inline]
pub(crate) fn leading_time(text: &[u8]) -> Option<(Time, &[u8])> {
    let (clock, rest) = text.split_first_chunk::<8>()?;
    let &[h1, h0, b':', m1, m0, b':', s1, s0] = clock else {
        return None;
    };
    let (hour, minute, second) = (two(h1, h0), two(m1, m0), two(s1, s0));
    let (microsecond, rest) = match rest {
        [b'.', fraction @ ..] => leading_microseconds(fraction)?,
        _ => (0, rest),
    };
    if hour > 24 || minute > 59 || second > 59 {
        return None;
    }
    let time = Time::new(hour as u8, minute as u8, second as u8, microsecond)?;
    Some((time, rest))
}

/// Reads a whole offset: `+HH`, `+HH:MM` or `+HH:MM:SS`, in seconds east of UTC.
#[inline]
pub(crate) fn parse_offset(text: &[u8]) -> Option<i32> {
    let (sign, hours, minutes, seconds) = match *text {
        [sign, h1, h0] => (sign, two(h1, h0), 0, 0),
        [sign, h1, h0, b':', m1, m0] => (sign, two(h1, h0), two(m1, m0), 0),
        [sign, h1, h0, b':', m1, m0, b':', s1, s0] => (sign, two(h1, h0), two(m1, m0), two(s1, s0)),
        _ => return None,
    };
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let offset = (hours * 3600 + minutes * 60 + seconds) as i32;
    match sign {
        b'+' => Some(offset),
        b'-' => Some(-offset),
        _ => None,
    }
}

/// Decodes the binary form of `time`.
#[inline]
pub fn decode_time_binary(value: &[u8]) -> Result<Time> {
    let micros = fixed(value, "time").map(i64::from_be_bytes)?;
    Time::from_micros(micros).ok_or_else(|| out_of_range("time"))
}

/// Decodes the binary form of `timetz`.
#[inline]
pub fn decode_timetz_binary(value: &[u8]) -> Result<TimeTz> {
    let mut reader = Reader::new(value, "timetz");
    let micros = reader.i64()?;
    let west = reader.i32()?;
    reader.finish()?;
    if west.unsigned_abs() >= 86_400 {
        let what = "the offset (less than a day)";
        return Err(Error::binary("timetz", Reason::OutOfRange { what }));
    }
    match Time::from_micros(micros) {
        Some(time) => Ok(TimeTz {
            time,
            utc_offset: -west,
        }),
        None => Err(out_of_range("timetz")),
    }
}

#[cold]
fn out_of_range(type_name: &'static str) -> Error {
    let what = "the time of day (00:00:00 to 24:00:00)";
    Error::binary(type_name, Reason::OutOfRange { what })
}

/// Appends the text form of `time`.
pub fn encode_time_text(time: &Time, out: &mut Vec<u8>) {
    time.write(out);
}

/// Appends the text form of `timetz`.
pub fn encode_timetz_text(time: &TimeTz, out: &mut Vec<u8>) {
    time.time.write(out);
    write_offset(time.utc_offset, out);
}

/// Appends `+HH:MM`, and `:SS` where there are seconds.
pub(crate) fn write_offset(utc_offset: i32, out: &mut Vec<u8>) {
    let seconds = utc_offset.unsigned_abs();
    out.push(if utc_offset < 0 { b'-' } else { b'+' });
    out.extend_from_slice(&pair(seconds / 3600));
    out.push(b':');
    out.extend_from_slice(&pair(seconds / 60 % 60));
    if !seconds.is_multiple_of(60) {
        out.push(b':');
        out.extend_from_slice(&pair(seconds % 60));
    }
}

/// Appends the binary form of `time`.
pub fn encode_time_binary(time: &Time, out: &mut Vec<u8>) {
    out.extend_from_slice(&time.micros().to_be_bytes());
}

/// Appends the binary form of `timetz`.
pub fn encode_timetz_binary(time: &TimeTz, out: &mut Vec<u8>) {
    out.extend_from_slice(&time.time.micros().to_be_bytes());
    out.extend_from_slice(&time.utc_offset.saturating_neg().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(hour: u8, minute: u8, second: u8, microsecond: u32) -> Time {
        Time::new(hour, minute, second, microsecond).unwrap()
    }

    #[test]
    fn time_agrees_with_the_server() {
        for (text, expected, micros) in [
            ("00:00:00", time(0, 0, 0, 0), 0i64),
            ("24:00:00", time(24, 0, 0, 0), 0x14_1dd7_6000),
            ("12:34:56.789", time(12, 34, 56, 789_000), 0xa_8be6_2608),
            ("23:59:59.999999", time(23, 59, 59, 999_999), 0x14_1dd7_5fff),
        ] {
            assert_eq!(decode_time_text(text.as_bytes()).unwrap(), expected);
            assert_eq!(decode_time_binary(&micros.to_be_bytes()).unwrap(), expected);
            let mut binary = Vec::new();
            encode_time_binary(&expected, &mut binary);
            assert_eq!(binary, micros.to_be_bytes());
        }
    }

    #[test]
    fn timetz_agrees_with_the_server() {
        for (text, utc_offset, west) in [
            ("12:34:56.789+00", 0, 0),
            ("12:34:56.789-12:30", -45_000, 0xafc8_u32),
            ("12:34:56.789+05:30:15", 19_815, 0xffff_b299),
            ("12:34:56.789-15:59:59", -57_599, 0xe0ff),
            ("12:34:56.789+15:59", 57_540, 0xffff_1f3c),
        ] {
            let expected = TimeTz {
                time: time(12, 34, 56, 789_000),
                utc_offset,
            };
            assert_eq!(decode_timetz_text(text.as_bytes()).unwrap(), expected);
            let mut binary = 0xa_8be6_2608_i64.to_be_bytes().to_vec();
            binary.extend_from_slice(&west.to_be_bytes());
            assert_eq!(decode_timetz_binary(&binary).unwrap(), expected);
            let mut out = Vec::new();
            encode_timetz_binary(&expected, &mut out);
            assert_eq!(out, binary);
        }
    }

    #[test]
    fn wrong_times() {
        for wrong in [
            "",
            "12:34",
            "12:34:5",
            "12-34-56",
            "25:00:00",
            "24:00:01",
            "24:00:00.000001",
            "12:60:00",
            "12:00:60",
            "12:34:56.",
            "12:34:56.x",
            "12:34:56+01",
            "ab:cd:ef",
        ] {
            assert!(decode_time_text(wrong.as_bytes()).is_err(), "{wrong}");
        }
        for wrong in [
            "12:34:56",
            "12:34:56+",
            "12:34:56+1",
            "12:34:56+24",
            "12:34:56+01:60",
            "12:34:56 01",
            "12:34:56+01:00:",
            "12:34:56+01:00:60",
            "12:34:56Z",
            "12:34:56+0100",
        ] {
            assert!(decode_timetz_text(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(decode_time_binary(&(-1i64).to_be_bytes()).is_err());
        assert!(decode_time_binary(&(MICROSECONDS_PER_DAY + 1).to_be_bytes()).is_err());
        assert!(decode_time_binary(&[0; 7]).is_err());
        assert!(decode_timetz_binary(&[0; 8]).is_err());
        assert!(decode_timetz_binary(&[0; 13]).is_err());
        let wrong = [[0; 8].as_slice(), &i32::MIN.to_be_bytes()].concat();
        assert!(decode_timetz_binary(&wrong).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(micros in 0..=MICROSECONDS_PER_DAY, utc_offset in -86_399..86_400) {
            let value = TimeTz { time: Time::from_micros(micros).unwrap(), utc_offset };
            prop_assert_eq!(value.time.micros(), micros);
            let mut out = Vec::new();
            encode_time_text(&value.time, &mut out);
            prop_assert_eq!(decode_time_text(&out).unwrap(), value.time);
            out.clear();
            encode_timetz_text(&value, &mut out);
            prop_assert_eq!(decode_timetz_text(&out).unwrap(), value);
            out.clear();
            encode_timetz_binary(&value, &mut out);
            prop_assert_eq!(decode_timetz_binary(&out).unwrap(), value);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>, text in "[-+:.0-9]{0,20}") {
            let _ = decode_time_text(&bytes);
            let _ = decode_timetz_text(text.as_bytes());
            let _ = decode_timetz_binary(&bytes);
        }
    }
}
