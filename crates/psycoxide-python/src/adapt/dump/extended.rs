//! The package's classes for dates, timestamps and intervals that Python's cannot hold.
//!
//! They share their dumpers with Python's own, so that lists and ranges may hold both.

use psycoxide_types::Extended;
use psycoxide_types::date::Date;
use psycoxide_types::interval::Interval;
use psycoxide_types::timestamp::Timestamp;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyFloat, PyType};

use crate::adapt::error::{Failure, Result};

/// A timestamp.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// Without a time zone.
    Local(Extended<Timestamp>),
    /// In UTC.
    Utc(Extended<Timestamp>),
}

struct Classes {
    date: Py<PyType>,
    timestamp: Py<PyType>,
    timestamptz: Py<PyType>,
    interval: Py<PyType>,
}

fn classes(py: Python<'_>) -> PyResult<&Classes> {
    static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();
    CLASSES.get_or_try_init(py, || {
        let module = py.import("psycoxide.types.datetime")?;
        let class = |name| PyResult::Ok(module.getattr(name)?.cast_into::<PyType>()?.unbind());
        Ok(Classes {
            date: class("ExtendedDate")?,
            timestamp: class("ExtendedTimestamp")?,
            timestamptz: class("ExtendedTimestamptz")?,
            interval: class("ExtendedInterval")?,
        })
    })
}

/// The number of an object; infinities are floats.
fn number(value: &Bound<'_, PyAny>) -> Result<Extended<i64>> {
    let number = value.getattr(intern!(value.py(), "_value"))?;
    if let Ok(infinity) = number.cast::<PyFloat>() {
        return Ok(if infinity.value() > 0.0 {
            Extended::Infinity
        } else {
            Extended::NegativeInfinity
        });
    }
    number
        .extract()
        .map(Extended::Finite)
        .map_err(|_| too_far(value))
}

#[cold]
fn too_far(value: &Bound<'_, PyAny>) -> Failure {
    Failure::Range(format!("out of the server's range: {value}"))
}

/// The date of an `ExtendedDate`; nothing for any other object.
#[cold]
pub fn date(value: &Bound<'_, PyAny>) -> Result<Option<Extended<Date>>> {
    if !value.is_instance(classes(value.py())?.date.bind(value.py()))? {
        return Ok(None);
    }
    Ok(Some(match number(value)? {
        Extended::Finite(days) => {
            let days = i32::try_from(days).map_err(|_| too_far(value))?;
            Extended::Finite(Date::from_days(days))
        }
        Extended::Infinity => Extended::Infinity,
        Extended::NegativeInfinity => Extended::NegativeInfinity,
    }))
}

/// The timestamp of an `ExtendedTimestamp` or an `ExtendedTimestamptz`; nothing for any other
/// object.
#[cold]
pub fn moment(value: &Bound<'_, PyAny>) -> Result<Option<Moment>> {
    let py = value.py();
    let classes = classes(py)?;
    let timestamp = || Ok::<_, Failure>(number(value)?.map(Timestamp::from_micros));
    if value.is_instance(classes.timestamp.bind(py))? {
        return Ok(Some(Moment::Local(timestamp()?)));
    }
    if value.is_instance(classes.timestamptz.bind(py))? {
        return Ok(Some(Moment::Utc(timestamp()?)));
    }
    Ok(None)
}

/// The interval of an `ExtendedInterval`; nothing for any other object.
#[cold]
pub fn interval(value: &Bound<'_, PyAny>) -> Result<Option<Interval>> {
    let py = value.py();
    if !value.is_instance(classes(py)?.interval.bind(py))? {
        return Ok(None);
    }
    if value.getattr(intern!(py, "is_infinite"))?.is_truthy()? {
        return Ok(Some(match number(value)? {
            Extended::NegativeInfinity => Interval::NEGATIVE_INFINITY,
            _ => Interval::INFINITY,
        }));
    }
    let part = |name| value.getattr(name);
    let months = part(intern!(py, "months"))?.extract();
    let days = part(intern!(py, "days"))?.extract();
    let micros = part(intern!(py, "microseconds"))?.extract();
    match (months, days, micros) {
        (Ok(months), Ok(days), Ok(micros)) => Ok(Some(Interval {
            months,
            days,
            micros,
        })),
        _ => Err(too_far(value)),
    }
}
