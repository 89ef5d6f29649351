//! The four output styles of `interval`, read back.
//!
//! Numbers are added up in the field they belong to; one that overflows its field makes the whole
//! text invalid, since no server writes it.

use super::Interval;
use crate::digits::{leading_microseconds, leading_number};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;

/// A number with its sign: whole part, and millionths where it has a fraction.
struct Number {
    negative: bool,
    whole: u64,
    millionths: u32,
}

#[derive(Default)]
struct Sum {
    months: i64,
    days: i64,
    micros: i64,
}

impl Sum {
    fn add_months(&mut self, number: &Number, unit: i64) -> Option<()> {
        add(&mut self.months, number.whole_times(unit)?)
    }

    fn add_days(&mut self, number: &Number) -> Option<()> {
        add(&mut self.days, number.whole_times(1)?)
    }

    fn add_micros(&mut self, number: &Number, unit: i64) -> Option<()> {
        add(&mut self.micros, number.whole_times(unit)?)?;
        // Only seconds have a fraction; other units were refused one by `whole_times`.
        let millionths = i64::from(number.millionths);
        add(
            &mut self.micros,
            if number.negative {
                -millionths
            } else {
                millionths
            },
        )
    }

    /// `H:MM:SS` and a fraction; the sign counts for all of it.
    fn add_clock(&mut self, negative: bool, text: &[u8]) -> Option<()> {
        let (hours, rest) = leading_number(text)?;
        let (minutes, rest) = leading_number(rest.strip_prefix(b":")?)?;
        let (seconds, rest) = leading_number(rest.strip_prefix(b":")?)?;
        let millionths = match rest {
            [] => 0,
            [b'.', fraction @ ..] => match leading_microseconds(fraction)? {
                (micros, []) => micros,
                _ => return None,
            },
            _ => return None,
        };
        if minutes > 59 || seconds > 59 {
            return None;
        }
        for (whole, millionths, unit) in [
            (hours, 0, MICROS_PER_HOUR),
            (minutes, 0, MICROS_PER_MINUTE),
            (seconds, millionths, MICROS_PER_SECOND),
        ] {
            let number = Number {
                negative,
                whole,
                millionths,
            };
            self.add_micros(&number, unit)?;
        }
        Some(())
    }

    fn finish(self, negate: bool) -> Option<Interval> {
        let sign = if negate { -1 } else { 1 };
        Some(Interval {
            months: i32::try_from(self.months * sign).ok()?,
            days: i32::try_from(self.days * sign).ok()?,
            micros: self.micros.checked_mul(sign)?,
        })
    }
}

impl Number {
    fn whole_times(&self, unit: i64) -> Option<i64> {
        if self.millionths != 0 && unit != MICROS_PER_SECOND {
            return None;
        }
        let whole = i64::try_from(self.whole).ok()?;
        let signed = if self.negative { -whole } else { whole };
        signed.checked_mul(unit)
    }
}

fn add(sum: &mut i64, addend: i64) -> Option<()> {
    *sum = sum.checked_add(addend)?;
    Some(())
}

/// Takes a sign off the front: whether it is a minus, whether there was one, and the rest.
fn leading_sign(text: &[u8]) -> (bool, bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, true, rest),
        [b'+', rest @ ..] => (false, true, rest),
        _ => (false, false, text),
    }
}

fn leading_decimal(text: &[u8]) -> Option<(Number, &[u8])> {
    let (negative, _, rest) = leading_sign(text);
    let (whole, rest) = leading_number(rest)?;
    let (millionths, rest) = match rest {
        [b'.', fraction @ ..] => leading_microseconds(fraction)?,
        _ => (0, rest),
    };
    let number = Number {
        negative,
        whole,
        millionths,
    };
    Some((number, rest))
}

/// `1 year 2 mons -3 days +04:05:06`, and the verbose `1 year 4 hours 6.5 secs ago`.
pub(super) fn words(text: &[u8]) -> Option<Interval> {
    let mut sum = Sum::default();
    let mut words = text.split(|byte| *byte == b' ');
    let mut ago = false;
    while let Some(word) = words.next() {
        if word == b"ago" {
            ago = true;
            break;
        }
        if word.contains(&b':') {
            let (negative, _, clock) = leading_sign(word);
            sum.add_clock(negative, clock)?;
            break;
        }
        let (number, []) = leading_decimal(word)? else {
            return None;
        };
        match words.next()? {
            b"year" | b"years" => sum.add_months(&number, 12)?,
            b"mon" | b"mons" => sum.add_months(&number, 1)?,
            b"day" | b"days" => sum.add_days(&number)?,
            b"hour" | b"hours" => sum.add_micros(&number, MICROS_PER_HOUR)?,
            b"min" | b"mins" => sum.add_micros(&number, MICROS_PER_MINUTE)?,
            b"sec" | b"secs" => sum.add_micros(&number, MICROS_PER_SECOND)?,
            _ => return None,
        }
    }
    match words.next() {
        None => sum.finish(ago),
        Some(_) => None,
    }
}

/// `+1-2 -3 +4:05:06`, `1-2`, `-1 2:00:00` or `0`; also `04:05:06`, which other styles write too.
///
/// Where only the first part has a sign, and it is a minus, it counts for all of them.
pub(super) fn sql_standard(text: &[u8]) -> Option<Interval> {
    let mut sum = Sum::default();
    let (leading_minus, ..) = leading_sign(text);
    for word in text.split(|byte| *byte == b' ') {
        let (minus, signed, unsigned) = leading_sign(word);
        let negative = if signed { minus } else { leading_minus };
        let (whole, rest) = leading_number(unsigned)?;
        let number = |whole| Number {
            negative,
            whole,
            millionths: 0,
        };
        match rest {
            [] => sum.add_days(&number(whole))?,
            [b'-', months @ ..] => {
                let (months, []) = leading_number(months)? else {
                    return None;
                };
                sum.add_months(&number(whole), 12)?;
                sum.add_months(&number(months), 1)?;
            }
            _ => sum.add_clock(negative, unsigned)?,
        }
    }
    sum.finish(false)
}

/// `1Y2M-3DT4H5M6.5S`, what follows the `P`.
pub(super) fn iso_8601(text: &[u8]) -> Option<Interval> {
    let mut sum = Sum::default();
    let mut rest = text;
    let mut in_time = false;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        if let (false, [b'T', tail @ ..]) = (in_time, rest) {
            in_time = true;
            rest = tail;
        }
        let (number, tail) = leading_decimal(rest)?;
        let (unit, tail) = tail.split_first()?;
        match (in_time, unit) {
            (false, b'Y') => sum.add_months(&number, 12)?,
            (false, b'M') => sum.add_months(&number, 1)?,
            (false, b'D') => sum.add_days(&number)?,
            (true, b'H') => sum.add_micros(&number, MICROS_PER_HOUR)?,
            (true, b'M') => sum.add_micros(&number, MICROS_PER_MINUTE)?,
            (true, b'S') => sum.add_micros(&number, MICROS_PER_SECOND)?,
            _ => return None,
        }
        rest = tail;
    }
    sum.finish(false)
}
