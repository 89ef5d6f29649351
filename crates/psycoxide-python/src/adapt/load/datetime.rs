//! Dates, times, timestamps and intervals to the classes of `datetime`.
//!
//! PostgreSQL's calendar is longer than Python's, and its time of day reaches 24:00: what becomes of
//! a date that does not fit is said in [`beyond`], a time raises `DataError`. See
//! the manual's [date/time types](https://www.postgresql.org/docs/current/datatype-datetime.html).

use psycoxide_types::date::{self, Date, DateFormat, DateStyle};
use psycoxide_types::interval::{self, Interval};
use psycoxide_types::time::{self, Time, TimeTz};
use psycoxide_types::timestamp::{self, Timestamp};
use psycoxide_types::{Extended, Format, calendar::MICROSECONDS_PER_DAY};
use pyo3::exceptions::PyNotImplementedError;
use pyo3::prelude::*;
use pyo3::types::{PyDate, PyDelta, PyTime};

use super::LoadContext;
use super::beyond::{self, Beyond, Outside};
use crate::adapt::codec::OutOfRange;
use crate::adapt::error::{Failure, Result};
use crate::adapt::timezone;

/// The finite value, if Python's calendar has its year.
#[inline]
fn in_calendar<T: Copy>(value: Extended<T>, year: impl Fn(&T) -> i32) -> Result<T, Beyond> {
    match value {
        Extended::Finite(value) => match year(&value) {
            1..=9999 => Ok(value),
            ..=0 => Err(Beyond::Start),
            _ => Err(Beyond::End),
        },
        Extended::Infinity => Err(Beyond::End),
        Extended::NegativeInfinity => Err(Beyond::Start),
    }
}

/// `date`.
#[inline]
pub fn load_date<'py>(
    cx: &mut LoadContext<'_, 'py>,
    policy: OutOfRange,
    format: Format,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let date: Extended<Date> = match format {
        Format::Text => date::decode_text(data, cx.session.date_style)?,
        Format::Binary => date::decode_binary(data)?,
    };
    match in_calendar(date, |date| date.year) {
        Ok(date) => Ok(PyDate::new(cx.py, date.year, date.month, date.day)?.into_any()),
        Err(side) => Outside { side, format, data }.date(cx, policy, date),
    }
}

fn check_hour(time: &Time, what: &str, format: Format, data: &[u8]) -> Result<()> {
    if time.hour < 24 {
        return Ok(());
    }
    Err(Failure::Range(match format {
        Format::Text => format!(
            "can't parse {what} '{}': hour must be in 0..23",
            data.escape_ascii()
        ),
        Format::Binary => format!("time not supported by Python: hour={}", time.hour),
    }))
}

/// `time`.
#[inline]
pub fn load_time<'py>(
    cx: &mut LoadContext<'_, 'py>,
    format: Format,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let time = match format {
        Format::Text => time::decode_time_text(data)?,
        Format::Binary => time::decode_time_binary(data)?,
    };
    check_hour(&time, "time", format, data)?;
    Ok(PyTime::new(
        cx.py,
        time.hour,
        time.minute,
        time.second,
        time.microsecond,
        None,
    )?
    .into_any())
}

/// `timetz`.
pub fn load_timetz<'py>(
    cx: &mut LoadContext<'_, 'py>,
    format: Format,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let TimeTz { time, utc_offset } = match format {
        Format::Text => time::decode_timetz_text(data)?,
        Format::Binary => time::decode_timetz_binary(data)?,
    };
    check_hour(&time, "timetz", format, data)?;
    let zone = timezone::fixed(cx.py, utc_offset)?.ok_or_else(|| {
        Failure::Range(format!(
            "time not supported by Python: offset of {utc_offset} seconds"
        ))
    })?;
    let time = PyTime::new(
        cx.py,
        time.hour,
        time.minute,
        time.second,
        time.microsecond,
        Some(&zone),
    )?;
    Ok(time.into_any())
}

/// `timestamp`.
#[inline]
pub fn load_timestamp<'py>(
    cx: &mut LoadContext<'_, 'py>,
    policy: OutOfRange,
    format: Format,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let value = match format {
        Format::Text => timestamp::decode_timestamp_text(data, cx.session.date_style)?,
        Format::Binary => timestamp::decode_binary(data)?,
    };
    match in_calendar(value, |value| value.date.year) {
        Ok(value) => Ok(timezone::datetime(cx.py, &value, None, false)?.into_any()),
        Err(side) => {
            let micros = value.map(|value| value.micros().unwrap_or_default());
            Outside { side, format, data }.timestamp(cx, policy, micros)
        }
    }
}

/// `timestamptz`, in the session's time zone.
#[inline]
pub fn load_timestamptz<'py>(
    cx: &mut LoadContext<'_, 'py>,
    policy: OutOfRange,
    format: Format,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let py = cx.py;
    let zone = cx.session.zone(py)?;
    // Where the value gives its own offset: the local fields that it shows, for instants that are
    // outside of the calendar elsewhere.
    let (micros, shown) = match format {
        Format::Binary => (timestamp::decode_micros_binary(data)?, None),
        Format::Text => {
            let style = cx.session.date_style;
            if style.format != DateFormat::Iso {
                return Err(unsupported(style, data));
            }
            let value = timestamp::decode_timestamptz_text(data, style)?;
            let value = match in_calendar(value, |value| value.local.date.year) {
                Ok(value) => value,
                Err(side) => {
                    let micros = value.map(|value| value.micros().unwrap_or_default());
                    return Outside { side, format, data }.timestamptz(cx, policy, micros);
                }
            };
            if value.utc_offset == 0 && zone.is_utc {
                let zone = zone.tzinfo.bind(py);
                return Ok(timezone::datetime(py, &value.local, Some(zone), false)?.into_any());
            }
            let micros = value.micros().unwrap_or_default();
            (
                Extended::Finite(micros),
                Some((value.local, value.utc_offset)),
            )
        }
    };
    let outside = |side| Outside { side, format, data };
    let micros = match micros {
        Extended::Finite(micros) => micros,
        Extended::Infinity => return outside(Beyond::End).timestamptz(cx, policy, micros),
        Extended::NegativeInfinity => {
            return outside(Beyond::Start).timestamptz(cx, policy, micros);
        }
    };
    let tzinfo = zone.tzinfo.bind(py);
    let found = if zone.is_utc {
        let fields = Timestamp::from_micros(micros);
        match in_calendar(Extended::Finite(fields), |fields| fields.date.year) {
            Ok(fields) => Some(timezone::datetime(py, &fields, Some(tzinfo), false)?),
            Err(_) => None,
        }
    } else {
        cx.scratch.offsets.localize(micros, tzinfo)?
    };
    if let Some(found) = found {
        return Ok(found.into_any());
    }
    if let Some((local, offset)) = shown
        && let Some(zone) = timezone::fixed(py, offset)?
    {
        return Ok(timezone::datetime(py, &local, Some(&zone), false)?.into_any());
    }
    let side = if micros < 0 {
        Beyond::Start
    } else {
        Beyond::End
    };
    outside(side).timestamptz(cx, policy, Extended::Finite(micros))
}

/// In other styles than ISO the zone is an abbreviation, which may stand for several offsets.
#[cold]
fn unsupported(style: DateStyle, data: &[u8]) -> Failure {
    Failure::Python(PyNotImplementedError::new_err(format!(
        "can't parse timestamptz with DateStyle '{style}': '{}': set DateStyle to ISO",
        data.escape_ascii()
    )))
}

/// The longest timedelta, in days.
pub(super) const MAX_DAYS: i64 = 999_999_999;

/// `interval`: a month counts as 30 days and a year as 365.
#[inline]
pub fn load_interval<'py>(
    cx: &mut LoadContext<'_, 'py>,
    policy: OutOfRange,
    format: Format,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let interval = match format {
        Format::Text => interval::decode_text(data)?,
        Format::Binary => interval::decode_binary(data)?,
    };
    if interval == Interval::INFINITY || interval == Interval::NEGATIVE_INFINITY {
        return beyond::infinite_interval(cx, policy, interval == Interval::INFINITY);
    }
    // Both products fit: 2^31 months are 2^28 years.
    let years = i64::from(interval.months / 12);
    let months = i64::from(interval.months % 12);
    let days = i64::from(interval.days)
        + years * 365
        + months * 30
        + interval.micros.div_euclid(MICROSECONDS_PER_DAY);
    let in_day = interval.micros.rem_euclid(MICROSECONDS_PER_DAY);
    if !(-MAX_DAYS..=MAX_DAYS).contains(&days) {
        return beyond::long_interval(cx, policy, &interval, days);
    }
    // In range, all three: just checked, below 86,400 and below a million.
    let delta = PyDelta::new(
        cx.py,
        days as i32,
        (in_day / 1_000_000) as i32,
        (in_day % 1_000_000) as i32,
        false,
    )?;
    Ok(delta.into_any())
}
