//! `date`: text in every `DateStyle`, and days since 2000-01-01.
//!
//! Also home of [`DateStyle`], whose order of day and month timestamps need as well.
//! <https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-OUTPUT>

use std::fmt;

use crate::calendar::{civil_from_days, days_from_civil, days_in_month};
use crate::digits::{leading_number, pair, two, write_padded};
use crate::error::{Error, Reason, Result};
use crate::extended::Extended;
use crate::wire::fixed;

/// A day of the proleptic Gregorian calendar.
///
/// PostgreSQL's dates reach from 4713 BC to 5874897 AD, beyond what most languages can hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Date {
    /// The astronomical year: 0 is 1 BC, -1 is 2 BC.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to the length of the month.
    pub day: u8,
}

impl Date {
    /// The date, if there is such a day.
    #[inline]
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        (day >= 1 && day <= days_in_month(year, month)).then_some(Self { year, month, day })
    }

    /// The date so many days after 2000-01-01.
    #[inline]
    pub fn from_days(days: i32) -> Self {
        let (year, month, day) = civil_from_days(days);
        Self { year, month, day }
    }

    /// The number of days after 2000-01-01.
    #[inline]
    pub fn days(&self) -> i64 {
        days_from_civil(self.year, self.month, self.day)
    }

    /// Appends year, month and day in ISO 8601's order, without the era.
    pub(crate) fn write_iso(&self, out: &mut Vec<u8>) {
        let year = if self.is_bc() {
            1 - i64::from(self.year)
        } else {
            i64::from(self.year)
        };
        write_padded(out, year.unsigned_abs(), 4);
        let [month_tens, month_units] = pair(u32::from(self.month));
        let [day_tens, day_units] = pair(u32::from(self.day));
        out.extend_from_slice(&[b'-', month_tens, month_units, b'-', day_tens, day_units]);
    }

    pub(crate) fn is_bc(&self) -> bool {
        self.year <= 0
    }
}

/// How the session writes dates and timestamps: the server parameter `DateStyle`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DateStyle {
    /// The arrangement.
    pub format: DateFormat,
    /// Whether the day or the month goes first where the format leaves it open.
    pub order: DateOrder,
}

/// The first half of [`DateStyle`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DateFormat {
    /// `1997-12-17 07:37:16-08`
    #[default]
    Iso,
    /// `12/17/1997 07:37:16.00 PST`
    Sql,
    /// `Wed Dec 17 07:37:16 1997 PST`
    Postgres,
    /// `17.12.1997 07:37:16.00 PST`
    German,
}

/// The second half of [`DateStyle`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DateOrder {
    /// The month in front; the server's default.
    #[default]
    Mdy,
    /// The day in front.
    Dmy,
    /// The year in front: matters for input only, output is as for [`DateOrder::Mdy`].
    Ymd,
}

impl DateStyle {
    /// Reads the parameter's value as the server reports it, such as `ISO, MDY`.
    pub fn from_parameter(value: &[u8]) -> Option<Self> {
        let comma = memchr::memchr(b',', value)?;
        let (format, order) = value.split_at(comma);
        let format = match format {
            b"ISO" => DateFormat::Iso,
            b"SQL" => DateFormat::Sql,
            b"Postgres" => DateFormat::Postgres,
            b"German" => DateFormat::German,
            _ => return None,
        };
        let order = match order.get(1..)?.trim_ascii() {
            b"MDY" => DateOrder::Mdy,
            b"DMY" => DateOrder::Dmy,
            b"YMD" => DateOrder::Ymd,
            _ => return None,
        };
        Some(Self { format, order })
    }
}

impl fmt::Display for DateStyle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            DateFormat::Iso => "ISO",
            DateFormat::Sql => "SQL",
            DateFormat::Postgres => "Postgres",
            DateFormat::German => "German",
        };
        let order = match self.order {
            DateOrder::Mdy => "MDY",
            DateOrder::Dmy => "DMY",
            DateOrder::Ymd => "YMD",
        };
        write!(formatter, "{format}, {order}")
    }
}

/// Decodes the text form in any style.
///
/// Only the order of `style` matters: the format shows in the text.
#[inline]
pub fn decode_text(value: &[u8], style: DateStyle) -> Result<Extended<Date>> {
    if let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = value
        && let Some(date) = from_digits([y0, y1, y2, y3], [m0, m1], [d0, d1])
    {
        return Ok(Extended::Finite(date));
    }
    decode_any_text(value, style)
}

fn decode_any_text(value: &[u8], style: DateStyle) -> Result<Extended<Date>> {
    if let Some(infinity) = Extended::infinity_from_text(value) {
        return Ok(infinity);
    }
    let (text, bc) = split_era(value);
    match parse(text, bc, style.order) {
        Some(date) => Ok(Extended::Finite(date)),
        None => Err(Error::syntax("date", "a date", value)),
    }
}

/// A date from its digits, if they are digits and there is such a day.
#[inline]
pub(crate) fn from_digits(year: [u8; 4], month: [u8; 2], day: [u8; 2]) -> Option<Date> {
    let century = two(year[0], year[1]);
    let of_century = two(year[2], year[3]);
    let month = two(month[0], month[1]);
    let day = two(day[0], day[1]);
    // Year 0 does not exist in text: 1 BC is followed by 1 AD.
    if century > 99 || of_century > 99 || month > 12 || day > 31 || century + of_century == 0 {
        return None;
    }
    Date::new((century * 100 + of_century) as i32, month as u8, day as u8)
}

/// Takes the ` BC` off the end of a text.
pub(crate) fn split_era(text: &[u8]) -> (&[u8], bool) {
    match text.strip_suffix(b" BC") {
        Some(text) => (text, true),
        None => (text, false),
    }
}

/// Three numbers with a separator: year first when it has four digits, else as `order` says.
pub(crate) fn parse(text: &[u8], bc: bool, order: DateOrder) -> Option<Date> {
    let (first, rest) = leading_number(text)?;
    let year_first = text.len() - rest.len() >= 4;
    let [separator @ (b'-' | b'/' | b'.'), rest @ ..] = rest else {
        return None;
    };
    let (second, rest) = leading_number(rest)?;
    let rest = rest.strip_prefix(&[*separator])?;
    let (third, []) = leading_number(rest)? else {
        return None;
    };
    let (year, month, day) = match (year_first, separator, order) {
        (true, ..) => (first, second, third),
        (false, b'.', _) | (false, _, DateOrder::Dmy) => (third, second, first),
        (false, ..) => (third, first, second),
    };
    build(year, month, day, bc)
}

/// A date from the numbers of its text.
pub(crate) fn build(year: u64, month: u64, day: u64, bc: bool) -> Option<Date> {
    let year = i32::try_from(year).ok().filter(|year| *year > 0)?;
    let year = if bc { 1 - year } else { year };
    Date::new(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
}

/// Decodes the binary form: every number is a date or an infinity.
#[inline]
pub fn decode_binary(value: &[u8]) -> Result<Extended<Date>> {
    let days = fixed(value, "date").map(i32::from_be_bytes)?;
    Ok(match days {
        i32::MAX => Extended::Infinity,
        i32::MIN => Extended::NegativeInfinity,
        days => Extended::Finite(Date::from_days(days)),
    })
}

/// Appends the text form, in ISO 8601's order, which the server reads in every style.
pub fn encode_text(date: Extended<Date>, out: &mut Vec<u8>) {
    match date.or_text() {
        Ok(date) => {
            date.write_iso(out);
            if date.is_bc() {
                out.extend_from_slice(b" BC");
            }
        }
        Err(text) => out.extend_from_slice(text),
    }
}

/// Appends the binary form; fails when the date is further away than 32 bits of days.
pub fn encode_binary(date: Extended<Date>, out: &mut Vec<u8>) -> Result<()> {
    let days = match date {
        Extended::Infinity => i32::MAX,
        Extended::NegativeInfinity => i32::MIN,
        Extended::Finite(date) => match i32::try_from(date.days()) {
            Ok(days) if days != i32::MAX && days != i32::MIN => days,
            _ => {
                let what = "the date (4713 BC to 5874897 AD)";
                return Err(Error::binary("date", Reason::OutOfRange { what }));
            }
        },
    };
    out.extend_from_slice(&days.to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(year: i32, month: u8, day: u8) -> Extended<Date> {
        Extended::Finite(Date::new(year, month, day).unwrap())
    }

    /// What PostgreSQL 15 sends for a date, in ISO text and in binary.
    #[test]
    fn agrees_with_the_server() {
        for (text, expected, days) in [
            ("2000-01-01", date(2000, 1, 1), 0),
            ("1999-12-31", date(1999, 12, 31), -1),
            ("2020-02-29", date(2020, 2, 29), 0x1cc4),
            ("0001-01-01", date(1, 1, 1), 0xfff4_dbf9_u32 as i32),
            ("0001-12-31 BC", date(0, 12, 31), 0xfff4_dbf8_u32 as i32),
            ("4713-01-01 BC", date(-4712, 1, 1), 0xffda_97cd_u32 as i32),
            ("9999-12-31", date(9999, 12, 31), 0x2c_95d3),
            ("10000-01-01", date(10_000, 1, 1), 0x2c_95d4),
            ("5874897-12-31", date(5_874_897, 12, 31), 0x7fda_970c),
            ("infinity", Extended::Infinity, i32::MAX),
            ("-infinity", Extended::NegativeInfinity, i32::MIN),
        ] {
            let style = DateStyle::default();
            assert_eq!(decode_text(text.as_bytes(), style).unwrap(), expected);
            assert_eq!(decode_binary(&days.to_be_bytes()).unwrap(), expected);
            let (mut as_text, mut as_binary) = (Vec::new(), Vec::new());
            encode_text(expected, &mut as_text);
            encode_binary(expected, &mut as_binary).unwrap();
            assert_eq!(as_text, text.as_bytes());
            assert_eq!(as_binary, days.to_be_bytes());
        }
    }

    #[test]
    fn every_style() {
        for (style, text, expected) in [
            ("SQL, DMY", "29/02/2020", date(2020, 2, 29)),
            ("SQL, MDY", "02/29/2020", date(2020, 2, 29)),
            ("SQL, YMD", "02/29/2020", date(2020, 2, 29)),
            ("SQL, DMY", "31/12/0001 BC", date(0, 12, 31)),
            ("SQL, DMY", "28/02/20020", date(20_020, 2, 28)),
            ("Postgres, YMD", "02-29-2020", date(2020, 2, 29)),
            ("Postgres, MDY", "12-31-0001 BC", date(0, 12, 31)),
            ("Postgres, DMY", "29-02-2020", date(2020, 2, 29)),
            ("German, DMY", "29.02.2020", date(2020, 2, 29)),
            ("German, MDY", "28.02.20020", date(20_020, 2, 28)),
            ("ISO, DMY", "2020-02-29", date(2020, 2, 29)),
            ("SQL, DMY", "infinity", Extended::Infinity),
        ] {
            let parsed = DateStyle::from_parameter(style.as_bytes()).unwrap();
            assert_eq!(parsed.to_string(), style);
            let found = decode_text(text.as_bytes(), parsed).unwrap();
            assert_eq!(found, expected, "{style} {text}");
        }
        assert_eq!(DateStyle::from_parameter(b"ISO"), None);
        assert_eq!(DateStyle::from_parameter(b"Klingon, MDY"), None);
    }

    #[test]
    fn texts_that_are_no_dates() {
        for wrong in [
            "",
            "2020",
            "2020-02",
            "2020-02-30",
            "2021-02-29",
            "2020-13-01",
            "2020-00-01",
            "2020-01-00",
            "0000-01-01",
            "2020-01-01 AD",
            "2020/01-01",
            "2020-1-1x",
            "x020-01-01",
            "99999999999-01-01",
            "2020-01-01 BC BC",
            "Infinity",
            "2020-01-0/",
        ] {
            let found = decode_text(wrong.as_bytes(), DateStyle::default());
            assert!(found.is_err(), "{wrong}");
        }
        assert!(decode_binary(&[0; 5]).is_err());
    }

    #[test]
    fn dates_out_of_range() {
        let far = Extended::Finite(Date::new(6_000_000, 1, 1).unwrap());
        assert!(encode_binary(far, &mut Vec::new()).is_err());
        let furthest = Extended::Finite(Date::new(i32::MIN, 1, 1).unwrap());
        assert!(encode_binary(furthest, &mut Vec::new()).is_err());
        encode_text(furthest, &mut Vec::new());
    }

    proptest! {
        #[test]
        fn round_trip(days: i32) {
            let bytes = days.to_be_bytes();
            let date = decode_binary(&bytes).unwrap();
            let (mut text, mut binary) = (Vec::new(), Vec::new());
            encode_text(date, &mut text);
            encode_binary(date, &mut binary).unwrap();
            prop_assert_eq!(decode_text(&text, DateStyle::default()).unwrap(), date);
            prop_assert_eq!(binary, bytes);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>, text in "[-/. 0-9BC]{0,20}") {
            let _ = decode_text(&bytes, DateStyle::default());
            let _ = decode_text(text.as_bytes(), DateStyle::default());
            let _ = DateStyle::from_parameter(&bytes);
        }
    }
}
