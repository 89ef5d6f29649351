//! Dates, timestamps and intervals that Python's classes cannot hold.
//!
//! A loader class says what becomes of them, see
//! [`OutOfRange`]; the objects of the package that hold them exactly are
//! `psycoxide.types.datetime.ExtendedDate` and its relatives. All of this is rare, and none of it is
//! on the way of a value that fits.

use psycoxide_types::date::Date;
use psycoxide_types::interval::Interval;
use psycoxide_types::time::Time;
use psycoxide_types::timestamp::Timestamp;
use psycoxide_types::{Extended, Format};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDate, PyDelta, PyType};

use super::LoadContext;
use super::datetime::MAX_DAYS;
use crate::adapt::codec::OutOfRange;
use crate::adapt::error::{Failure, Result};
use crate::adapt::timezone;

/// Which end of Python's calendar a value is beyond.
#[derive(Clone, Copy, Debug)]
pub enum Beyond {
    /// Before year 1.
    Start,
    /// After year 9999.
    End,
}

/// A value beyond an end of the calendar, as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Outside<'a> {
    /// Which end.
    pub side: Beyond,
    /// The format of the value.
    pub format: Format,
    /// Its bytes.
    pub data: &'a [u8],
}

const FIRST: Timestamp = Timestamp {
    date: Date {
        year: 1,
        month: 1,
        day: 1,
    },
    time: Time {
        hour: 0,
        minute: 0,
        second: 0,
        microsecond: 0,
    },
};
const LAST: Timestamp = Timestamp {
    date: Date {
        year: 9999,
        month: 12,
        day: 31,
    },
    time: Time {
        hour: 23,
        minute: 59,
        second: 59,
        microsecond: 999_999,
    },
};

impl Outside<'_> {
    #[cold]
    fn refuse(&self, what: &str) -> Failure {
        let side = match self.side {
            Beyond::Start => "small (before year 1)",
            Beyond::End => "large (after year 10K)",
        };
        let value = match self.format {
            Format::Text => format!(": '{}'", self.data.escape_ascii()),
            Format::Binary => String::new(),
        };
        Failure::Range(format!("{what} too {side}{value}"))
    }

    fn nearest(&self) -> Timestamp {
        match self.side {
            Beyond::Start => FIRST,
            Beyond::End => LAST,
        }
    }

    /// A `date`.
    #[cold]
    pub fn date<'py>(
        &self,
        cx: &LoadContext<'_, 'py>,
        policy: OutOfRange,
        date: Extended<Date>,
    ) -> Result<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        if policy == OutOfRange::Clamp {
            let Date { year, month, day } = self.nearest().date;
            return Ok(PyDate::new(cx.py, year, month, day)?.into_any());
        }
        let days =
            exact(policy, date.map(|date| date.days())).ok_or_else(|| self.refuse("date"))?;
        extended(cx.py, &CLASS, "ExtendedDate", days)
    }

    /// A `timestamp`, in microseconds.
    #[cold]
    pub fn timestamp<'py>(
        &self,
        cx: &LoadContext<'_, 'py>,
        policy: OutOfRange,
        micros: Extended<i64>,
    ) -> Result<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        if policy == OutOfRange::Clamp {
            return Ok(timezone::datetime(cx.py, &self.nearest(), None, false)?.into_any());
        }
        let micros = exact(policy, micros).ok_or_else(|| self.refuse("timestamp"))?;
        extended(cx.py, &CLASS, "ExtendedTimestamp", micros)
    }

    /// A `timestamptz`, in microseconds of UTC.
    #[cold]
    pub fn timestamptz<'py>(
        &self,
        cx: &LoadContext<'_, 'py>,
        policy: OutOfRange,
        micros: Extended<i64>,
    ) -> Result<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        if policy == OutOfRange::Clamp {
            let zone = cx.session.zone(cx.py)?;
            let zone = zone.tzinfo.bind(cx.py);
            return Ok(timezone::datetime(cx.py, &self.nearest(), Some(zone), false)?.into_any());
        }
        let micros = exact(policy, micros).ok_or_else(|| self.refuse("timestamp"))?;
        extended(cx.py, &CLASS, "ExtendedTimestamptz", micros)
    }
}

/// The value, if the policy is to give it exactly.
fn exact(policy: OutOfRange, value: Extended<i64>) -> Option<Extended<i64>> {
    match policy {
        OutOfRange::Lossless => Some(value),
        OutOfRange::Infinity => Some(value).filter(|value| value.finite().is_none()),
        OutOfRange::Raise | OutOfRange::Clamp => None,
    }
}

/// An object of one of the package's classes.
fn extended<'py>(
    py: Python<'py>,
    class: &PyOnceLock<Py<PyType>>,
    name: &str,
    value: Extended<i64>,
) -> Result<Bound<'py, PyAny>> {
    let class = class.import(py, "psycoxide.types.datetime", name)?;
    let object = match value {
        Extended::Finite(value) => class.call_method1(intern!(py, "_of"), (value,))?,
        Extended::Infinity => class.getattr(intern!(py, "INFINITY"))?,
        Extended::NegativeInfinity => class.getattr(intern!(py, "NEGATIVE_INFINITY"))?,
    };
    Ok(object)
}

fn interval_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "psycoxide.types.datetime", "ExtendedInterval")
}

/// `timedelta.max` or `timedelta.min`.
fn nearest_delta(py: Python<'_>, positive: bool) -> Result<Bound<'_, PyAny>> {
    let name = if positive { "max" } else { "min" };
    Ok(py.get_type::<PyDelta>().getattr(name)?)
}

/// An infinite `interval`.
#[cold]
pub fn infinite_interval<'py>(
    cx: &LoadContext<'_, 'py>,
    policy: OutOfRange,
    positive: bool,
) -> Result<Bound<'py, PyAny>> {
    let py = cx.py;
    match policy {
        OutOfRange::Raise => Err(Failure::Range(String::from(
            "interval not supported by Python: infinity",
        ))),
        OutOfRange::Clamp => nearest_delta(py, positive),
        OutOfRange::Infinity | OutOfRange::Lossless => {
            let name = if positive {
                "INFINITY"
            } else {
                "NEGATIVE_INFINITY"
            };
            Ok(interval_class(py)?.getattr(name)?)
        }
    }
}

/// An `interval` of so many days that no timedelta is as long.
#[cold]
pub fn long_interval<'py>(
    cx: &LoadContext<'_, 'py>,
    policy: OutOfRange,
    interval: &Interval,
    days: i64,
) -> Result<Bound<'py, PyAny>> {
    match policy {
        OutOfRange::Raise | OutOfRange::Infinity => Err(Failure::Range(format!(
            "can't parse interval: days={days}; must have magnitude <= {MAX_DAYS}"
        ))),
        OutOfRange::Clamp => nearest_delta(cx.py, days > 0),
        OutOfRange::Lossless => {
            let parts = (interval.months, interval.days, interval.micros);
            Ok(interval_class(cx.py)?.call1(parts)?)
        }
    }
}
