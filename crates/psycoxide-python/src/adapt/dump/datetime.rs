//! Dates, times, datetimes and timedeltas.

use psycoxide_types::catalog::oid;
use psycoxide_types::date::{self, Date};
use psycoxide_types::interval::{self, Interval};
use psycoxide_types::time::{self, Time, TimeTz};
use psycoxide_types::timestamp::{self, Timestamp, TimestampTz};
use psycoxide_types::{Extended, Format};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyDate, PyDateAccess, PyDateTime, PyDelta, PyDeltaAccess, PyTime, PyTimeAccess, PyTzInfo,
    PyTzInfoAccess,
};

use super::Dumped;
use super::extended::{self, Moment};
use crate::adapt::codec::{DumpCodec, DumpKind};
use crate::adapt::error::{Failure, Result};

fn cast<'a, 'py, T: pyo3::PyTypeCheck>(value: &'a Bound<'py, PyAny>) -> Result<&'a Bound<'py, T>> {
    value
        .cast::<T>()
        .map_err(|error| Failure::Python(error.into()))
}

#[inline]
fn date_of(value: &impl PyDateAccess) -> Date {
    Date {
        year: value.get_year(),
        month: value.get_month(),
        day: value.get_day(),
    }
}

#[inline]
fn time_of(value: &impl PyTimeAccess) -> Time {
    Time {
        hour: value.get_hour(),
        minute: value.get_minute(),
        second: value.get_second(),
        microsecond: value.get_microsecond(),
    }
}

/// A date.
pub fn dump_date(codec: &DumpCodec, value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<Dumped> {
    let date = match value.cast::<PyDate>() {
        Ok(date) => Extended::Finite(date_of(date)),
        Err(error) => extended::date(value)?.ok_or_else(|| Failure::Python(error.into()))?,
    };
    match codec.format {
        Format::Text => date::encode_text(date, out),
        Format::Binary => date::encode_binary(date, out)?,
    }
    Ok(codec.wrote())
}

/// The offset from UTC in whole seconds, and the microseconds beyond them. None where there is no
/// time zone, or where it does not say.
fn utc_offset(value: &Bound<'_, PyAny>) -> Result<Option<(i32, i32)>> {
    let py = value.py();
    let offset = value.call_method0(intern!(py, "utcoffset"))?;
    if offset.is_none() {
        return Ok(None);
    }
    let offset = cast::<PyDelta>(&offset)?;
    // Python's offsets are shorter than a day.
    let seconds = offset.get_days() * 86_400 + offset.get_seconds();
    Ok(Some((seconds, offset.get_microseconds())))
}

/// A time, with a time zone or without.
pub fn dump_time(codec: &DumpCodec, value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<Dumped> {
    let object = cast::<PyTime>(value)?;
    let time = time_of(object);
    let Some(tzinfo) = object.get_tzinfo() else {
        match codec.format {
            Format::Text => time::encode_time_text(&time, out),
            Format::Binary => time::encode_time_binary(&time, out),
        }
        return Ok(codec.wrote_as(if codec.kind == DumpKind::Time {
            codec.oid
        } else {
            oid::TIMETZ
        }));
    };
    let Some((utc_offset, _)) = utc_offset(value)? else {
        return Err(Failure::Range(format!(
            "cannot calculate the offset of tzinfo '{tzinfo}' without a date"
        )));
    };
    let value = TimeTz { time, utc_offset };
    match codec.format {
        Format::Text => time::encode_timetz_text(&value, out),
        Format::Binary => time::encode_timetz_binary(&value, out),
    }
    Ok(codec.wrote_as(oid::TIMETZ))
}

fn is_utc(tzinfo: &Bound<'_, PyTzInfo>) -> bool {
    PyTzInfo::utc(tzinfo.py()).is_ok_and(|utc| tzinfo.is(&*utc))
}

/// A datetime, with a time zone or without.
pub fn dump_datetime(
    codec: &DumpCodec,
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let object = match value.cast::<PyDateTime>() {
        Ok(object) => object,
        Err(error) => {
            let moment = extended::moment(value)?.ok_or_else(|| Failure::Python(error.into()))?;
            return dump_extended(codec, moment, out);
        }
    };
    let local = Timestamp {
        date: date_of(object),
        time: time_of(object),
    };
    let offset = match object.get_tzinfo() {
        None => None,
        Some(tzinfo) if is_utc(&tzinfo) => Some((0, 0)),
        Some(_) => utc_offset(value)?,
    };
    let Some((seconds, micros)) = offset else {
        let plain = Extended::Finite(local);
        match codec.format {
            Format::Text => timestamp::encode_timestamp_text(plain, out),
            Format::Binary => timestamp::encode_timestamp_binary(plain, out)?,
        }
        return Ok(codec.wrote_as(oid::TIMESTAMP));
    };
    let value = if micros == 0 {
        TimestampTz {
            local,
            utc_offset: seconds,
        }
    } else {
        // PostgreSQL's offsets have whole seconds: give the instant in UTC.
        let offset = i64::from(seconds) * 1_000_000 + i64::from(micros);
        let instant = local.micros().unwrap_or_default() - offset;
        TimestampTz {
            local: Timestamp::from_micros(instant),
            utc_offset: 0,
        }
    };
    let value = Extended::Finite(value);
    match codec.format {
        Format::Text => timestamp::encode_timestamptz_text(value, out),
        Format::Binary => timestamp::encode_timestamptz_binary(value, out)?,
    }
    Ok(codec.wrote_as(if codec.kind == DumpKind::Datetime {
        codec.oid
    } else {
        oid::TIMESTAMPTZ
    }))
}

/// A timestamp that Python's datetime cannot hold.
#[cold]
fn dump_extended(codec: &DumpCodec, moment: Moment, out: &mut Vec<u8>) -> Result<Dumped> {
    match moment {
        Moment::Local(value) => {
            match codec.format {
                Format::Text => timestamp::encode_timestamp_text(value, out),
                Format::Binary => timestamp::encode_timestamp_binary(value, out)?,
            }
            Ok(codec.wrote_as(oid::TIMESTAMP))
        }
        Moment::Utc(value) => {
            let value = value.map(|local| TimestampTz {
                local,
                utc_offset: 0,
            });
            match codec.format {
                Format::Text => timestamp::encode_timestamptz_text(value, out),
                Format::Binary => timestamp::encode_timestamptz_binary(value, out)?,
            }
            Ok(codec.wrote_as(oid::TIMESTAMPTZ))
        }
    }
}

/// A timedelta: its days, and the rest in microseconds.
pub fn dump_timedelta(
    codec: &DumpCodec,
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let interval = match value.cast::<PyDelta>() {
        Ok(delta) => Interval {
            months: 0,
            days: delta.get_days(),
            micros: i64::from(delta.get_seconds()) * 1_000_000
                + i64::from(delta.get_microseconds()),
        },
        Err(error) => extended::interval(value)?.ok_or_else(|| Failure::Python(error.into()))?,
    };
    match codec.format {
        Format::Text => interval::encode_text(&interval, out),
        Format::Binary => interval::encode_binary(&interval, out),
    }
    Ok(codec.wrote())
}
