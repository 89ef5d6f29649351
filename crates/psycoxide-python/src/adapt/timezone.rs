//! Time zones: from the session's `TimeZone` to a `tzinfo`, and from an instant to local fields.

use psycoxide_types::timestamp::Timestamp;
use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDateTime, PyDelta, PyTzInfo};

/// A session's time zone.
#[derive(Debug)]
pub struct Zone {
    /// The Python object.
    pub tzinfo: Py<PyTzInfo>,
    /// Whether it is UTC all year round, so that local fields are UTC's.
    pub is_utc: bool,
}

impl Zone {
    /// The zone that PostgreSQL calls so. A name that Python does not know gives UTC and a warning
    /// in the log.
    pub fn named(py: Python<'_>, name: Option<&str>) -> PyResult<Zone> {
        let name = name.unwrap_or_default();
        let tzinfo = by_name(py, name)?;
        let is_utc =
            tzinfo.is(&utc(py)?) || matches!(name, "UTC" | "Etc/UTC" | "Zulu" | "Etc/Zulu");
        Ok(Zone {
            tzinfo: tzinfo.unbind(),
            is_utc,
        })
    }
}

fn by_name<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyTzInfo>> {
    static ZONE_INFO: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if name.is_empty() {
        return utc(py);
    }
    let class = ZONE_INFO.get_or_try_init(py, || {
        PyResult::Ok(py.import("zoneinfo")?.getattr("ZoneInfo")?.unbind())
    })?;
    match class.bind(py).call1((name,)) {
        Ok(zone) => Ok(zone.cast_into()?),
        // KeyError: no such zone; ValueError: no valid key; OSError: a directory or the like.
        Err(error) if error.is_instance_of::<PyException>(py) => {
            let logger = py
                .import("logging")?
                .call_method1("getLogger", ("psycopg",))?;
            let message = "unknown PostgreSQL timezone: %r; will use UTC";
            logger.call_method1("warning", (message, name))?;
            utc(py)
        }
        Err(error) => Err(error),
    }
}

/// `datetime.timezone.utc`.
pub fn utc(py: Python<'_>) -> PyResult<Bound<'_, PyTzInfo>> {
    Ok(PyTzInfo::utc(py)?.to_owned())
}

/// `datetime.timezone` for an offset in seconds east of Greenwich; None for a day or more.
pub fn fixed(py: Python<'_>, seconds: i32) -> PyResult<Option<Bound<'_, PyTzInfo>>> {
    if seconds == 0 {
        return utc(py).map(Some);
    }
    if seconds.unsigned_abs() >= 86_400 {
        return Ok(None);
    }
    PyTzInfo::fixed_offset(py, PyDelta::new(py, 0, seconds, 0, true)?).map(Some)
}

/// A `datetime` of these fields in this zone.
#[inline]
pub fn datetime<'py>(
    py: Python<'py>,
    local: &Timestamp,
    zone: Option<&Bound<'py, PyTzInfo>>,
    fold: bool,
) -> PyResult<Bound<'py, PyDateTime>> {
    let (date, time) = (&local.date, &local.time);
    PyDateTime::new_with_fold(
        py,
        date.year,
        date.month,
        date.day,
        time.hour,
        time.minute,
        time.second,
        time.microsecond,
        zone,
        fold,
    )
}

/// An instant's local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Local {
    /// Seconds east of Greenwich.
    offset: i32,
    /// Whether it is the second time that the clock shows this.
    fold: bool,
}

/// Offsets of a zone that were looked up before.
///
/// Asking a `zoneinfo` costs ten times as much as making a datetime. Clocks change at full
/// quarters of an hour of UTC (at other moments before 1972, in a few places): where a quarter
/// begins and ends with the same offset, all of it has that offset.
#[derive(Debug, Default)]
pub struct OffsetCache {
    quarters: Vec<Option<(i64, Local)>>,
}

const QUARTER: i64 = 15 * 60 * 1_000_000;
const SLOTS: i64 = 256;
/// Two days: more than any offset.
const EDGE: i64 = 2 * 86_400_000_000;

impl OffsetCache {
    /// Forgets everything, for use with another zone.
    pub fn clear(&mut self) {
        self.quarters.clear();
    }

    /// The instant, given in microseconds since 2000-01-01 00:00 UTC, in a zone; None if the local
    /// time is before the year 1 or after 9999.
    pub fn localize<'py>(
        &mut self,
        micros: i64,
        zone: &Bound<'py, PyTzInfo>,
    ) -> PyResult<Option<Bound<'py, PyDateTime>>> {
        let py = zone.py();
        let quarter = micros.div_euclid(QUARTER);
        if self.quarters.is_empty() {
            self.quarters.resize(SLOTS as usize, None);
        }
        // The remainder is below the number of slots.
        let slot = quarter.rem_euclid(SLOTS) as usize;
        if let Some(Some((found, local))) = self.quarters.get(slot)
            && *found == quarter
        {
            let offset = i64::from(local.offset) * 1_000_000;
            let fields = Timestamp::from_micros(micros.saturating_add(offset));
            if !(1..=9999).contains(&fields.date.year) {
                return Ok(None);
            }
            return datetime(py, &fields, Some(zone), local.fold).map(Some);
        }
        let first = from_utc(quarter.saturating_mul(QUARTER), zone)?;
        let last = from_utc(
            quarter.saturating_mul(QUARTER).saturating_add(QUARTER - 1),
            zone,
        )?;
        if let (Some((_, first)), Some((_, last))) = (first, last)
            && first == last
            && let Some(entry) = self.quarters.get_mut(slot)
        {
            *entry = Some((quarter, first));
        }
        if let Some((datetime, _)) = from_utc(micros, zone)? {
            return Ok(Some(datetime));
        }
        // At the ends of the calendar the UTC fields may be outside while the local ones are not.
        // The offset does not change there.
        let inside = if micros < 0 {
            micros + EDGE
        } else {
            micros - EDGE
        };
        let Some((_, local)) = from_utc(inside, zone)? else {
            return Ok(None);
        };
        let offset = i64::from(local.offset) * 1_000_000;
        let fields = Timestamp::from_micros(micros.saturating_add(offset));
        if !(1..=9999).contains(&fields.date.year) {
            return Ok(None);
        }
        datetime(py, &fields, Some(zone), false).map(Some)
    }
}

/// The instant as the zone itself tells it, and the offset that this shows.
fn from_utc<'py>(
    micros: i64,
    zone: &Bound<'py, PyTzInfo>,
) -> PyResult<Option<(Bound<'py, PyDateTime>, Local)>> {
    use pyo3::types::{PyDateAccess, PyTimeAccess};
    let py = zone.py();
    let fields = Timestamp::from_micros(micros);
    if !(1..=9999).contains(&fields.date.year) {
        return Ok(None);
    }
    let utc = datetime(py, &fields, Some(zone), false)?;
    let local = match zone.call_method1(intern!(py, "fromutc"), (utc,)) {
        Ok(local) => local.cast_into::<PyDateTime>()?,
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyOverflowError>(py) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let date =
        psycoxide_types::date::Date::new(local.get_year(), local.get_month(), local.get_day());
    let days = date.map_or(0, |date| date.days());
    let seconds = days * 86_400
        + i64::from(local.get_hour()) * 3600
        + i64::from(local.get_minute()) * 60
        + i64::from(local.get_second());
    // Less than a day apart, and the microseconds are the same.
    let offset = (seconds - micros.div_euclid(1_000_000)) as i32;
    let fold = local.get_fold();
    Ok(Some((local, Local { offset, fold })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        Python::initialize();
        Python::attach(|py| {
            assert!(Zone::named(py, None).unwrap().is_utc);
            assert!(Zone::named(py, Some("Etc/UTC")).unwrap().is_utc);
            assert!(!Zone::named(py, Some("Europe/Rome")).unwrap().is_utc);
            assert!(Zone::named(py, Some("No/Where")).unwrap().is_utc);
            assert!(Zone::named(py, Some("../etc/passwd")).unwrap().is_utc);
        });
    }

    #[test]
    fn local_time_is_what_the_zone_says() {
        Python::initialize();
        Python::attach(|py| {
            for name in [
                "Europe/Rome",
                "Australia/Lord_Howe",
                "America/New_York",
                "Asia/Kathmandu",
            ] {
                let zone = Zone::named(py, Some(name)).unwrap().tzinfo.into_bound(py);
                let mut cache = OffsetCache::default();
                // Steps of 70 minutes over a year with changes of the clock, and of 487 days over
                // centuries; each asked twice, so that the second answer comes from the cache.
                let fine = (0..9_000).map(|step| 4_200_000_000 * step);
                let coarse = (-400..400).map(|step| 487 * 86_400_000_123 * step);
                for micros in fine.chain(coarse) {
                    let expected = from_utc(micros, &zone).unwrap().map(|(local, _)| local);
                    for _ in 0..2 {
                        let found = cache.localize(micros, &zone).unwrap();
                        assert_eq!(
                            found.as_ref().map(|d| (d.to_string(), d.get_fold())),
                            expected.as_ref().map(|d| (d.to_string(), d.get_fold())),
                        );
                    }
                }
            }
        });
    }

    #[test]
    fn beyond_the_calendar() {
        Python::initialize();
        Python::attach(|py| {
            let zone = Zone::named(py, Some("Asia/Tokyo"))
                .unwrap()
                .tzinfo
                .into_bound(py);
            let mut cache = OffsetCache::default();
            let end = 252_455_615_999_999_999;
            assert!(cache.localize(end, &zone).unwrap().is_none());
            assert!(
                cache
                    .localize(end - 9 * 3_600_000_000, &zone)
                    .unwrap()
                    .is_some()
            );
            assert!(cache.localize(i64::MAX / 2, &zone).unwrap().is_none());
        });
    }

    use pyo3::types::PyTimeAccess;
}
