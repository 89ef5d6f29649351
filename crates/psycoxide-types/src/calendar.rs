//! The proleptic Gregorian calendar: days since 2000-01-01, PostgreSQL's epoch, to dates and back.
//!
//! Years are astronomical: 0 is 1 BC, -1 is 2 BC. Every `i32` of days has a date, and the arithmetic
//! has no branches but the one for January and February, because a timestamp column runs through it
//! once a row. The method is the one of Neri and Schneider, "Euclidean affine functions and their
//! application to calendar algorithms" (2022): years that begin in March, and divisions that are
//! multiplications.

/// Microseconds in a day.
pub const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// Days from 1970-01-01, Unix' epoch, to 2000-01-01, PostgreSQL's.
pub const UNIX_EPOCH_DAYS: i32 = 10_957;

/// Days in 400 years, after which the calendar repeats itself.
const DAYS_PER_ERA: i64 = 146_097;

/// Days from 0000-03-01 to 2000-01-01.
const EPOCH: i64 = 730_425;

/// Enough eras to make every `i32` of days positive.
const SHIFT_ERAS: i64 = 14_700;

/// Year, month (1 to 12) and day (1 to 31) of a day counted from 2000-01-01.
#[inline]
pub fn civil_from_days(days: i32) -> (i32, u8, u8) {
    let shifted = i64::from(days) + EPOCH + SHIFT_ERAS * DAYS_PER_ERA;
    let quarter_days = shifted as u64 * 4 + 3;
    let century = quarter_days / 146_097;
    let in_century = (quarter_days % 146_097) | 3;

    let product = in_century * 2_939_745;
    let year_of_century = product >> 32;
    let day_of_year = ((product & 0xffff_ffff) / 2_939_745) / 4;

    let month_and_day = day_of_year * 2141 + 197_913;
    let month = month_and_day >> 16;
    let day = (month_and_day & 0xffff) / 2141;

    let is_january_or_february = day_of_year >= 306;
    let year = (century * 100 + year_of_century) as i64 - SHIFT_ERAS * 400
        + i64::from(is_january_or_february);
    let month = if is_january_or_february {
        month - 12
    } else {
        month
    };
    (year as i32, month as u8, day as u8 + 1)
}

/// The day, counted from 2000-01-01, of a date whose parts are in range.
#[inline]
pub fn days_from_civil(year: i32, month: u8, day: u8) -> i64 {
    let before_march = i64::from(month <= 2);
    let year = i64::from(year) - before_march;
    let month = i64::from(month) + 12 * before_march;
    let century = year.div_euclid(100);
    let year_days = year * 365 + year.div_euclid(4) - century + century.div_euclid(4);
    let month_days = (979 * month - 2919) >> 5;
    year_days + month_days + i64::from(day) - 1 - EPOCH
}

/// Whether the year has a February 29.
#[inline]
pub fn is_leap_year(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How many days the month has; 0 when there is no such month.
#[inline]
pub fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        2 => 28 + u8::from(is_leap_year(year)),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_with_a_naive_calendar() {
        let (mut year, mut month, mut day) = (-4800, 1u8, 1u8);
        let start = days_from_civil(year, month, day);
        for days in start..start + 366 * 15_000 {
            let days32 = i32::try_from(days).unwrap();
            assert_eq!(civil_from_days(days32), (year, month, day), "{days}");
            assert_eq!(days_from_civil(year, month, day), days);
            day += 1;
            if day > days_in_month(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn known_days() {
        assert_eq!(civil_from_days(0), (2000, 1, 1));
        assert_eq!(civil_from_days(-UNIX_EPOCH_DAYS), (1970, 1, 1));
        assert_eq!(civil_from_days(0x1cc4), (2020, 2, 29));
        assert_eq!(civil_from_days(0xfff4_dbf8_u32 as i32), (0, 12, 31));
        assert_eq!(civil_from_days(0xffda_97cd_u32 as i32), (-4712, 1, 1));
        assert_eq!(civil_from_days(0x7fda_970c), (5_874_897, 12, 31));
    }

    #[test]
    fn every_number_of_days_has_a_date() {
        for days in [i32::MIN, i32::MIN + 1, i32::MAX, -1, 1] {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), i64::from(days));
        }
    }
}
