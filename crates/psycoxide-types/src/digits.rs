//! Decimal digits to numbers and back: the innermost loops of dates, times and integers.
//!
//! Parsers here collect a `bad` flag instead of branching on every digit; callers test it once.

/// The pairs "00" to "99".
pub(crate) const PAIRS: &[u8; 200] = b"\
    0001020304050607080910111213141516171819\
    2021222324252627282930313233343536373839\
    4041424344454647484950515253545556575859\
    6061626364656667686970717273747576777879\
    8081828384858687888990919293949596979899";

/// The two digits of `number % 100`.
#[inline]
pub(crate) fn pair(number: u32) -> [u8; 2] {
    let at = ((number % 100) * 2) as usize;
    [PAIRS[at], PAIRS[at + 1]]
}

/// Two digits as a number, or something above 99 when they are none.
#[inline]
pub(crate) fn two(tens: u8, units: u8) -> u32 {
    let tens = u32::from(tens.wrapping_sub(b'0'));
    let units = u32::from(units.wrapping_sub(b'0'));
    if tens > 9 || units > 9 {
        return 1000;
    }
    tens * 10 + units
}

/// Reads the digits in front: their value and what follows. Nothing without a digit, or when the
/// number does not fit.
#[inline]
pub(crate) fn leading_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
        rest = tail;
    }
    (rest.len() < text.len()).then_some((value, rest))
}

/// Reads the digits of a fraction of a second in front, as microseconds. At least one digit; those
/// past the sixth are dropped, as no server writes them.
#[inline]
pub(crate) fn leading_microseconds(text: &[u8]) -> Option<(u32, &[u8])> {
    // Clocks give six digits nearly always, and an offset or nothing behind them.
    if let Some((&[a, b, c, d, e, f], rest)) = text.split_first_chunk::<6>() {
        let (first, second, third) = (two(a, b), two(c, d), two(e, f));
        let more = matches!(rest, [b'0'..=b'9', ..]);
        if first < 100 && second < 100 && third < 100 && !more {
            return Some((first * 10_000 + second * 100 + third, rest));
        }
    }
    let mut value = 0u32;
    let mut weight = 100_000u32;
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value += u32::from(digit) * weight;
        weight /= 10;
        rest = tail;
    }
    (rest.len() < text.len()).then_some((value, rest))
}

/// Eight digits at once, or nothing if one of them is none.
///
/// Neighbouring digits are added up in pairs, fours and eights, each step one multiplication.
#[inline]
pub(crate) fn eight(chunk: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(chunk);
    // A byte is a digit when its high nibble is 3 and stays 3 after adding 6.
    let low = word.wrapping_add(0x0606_0606_0606_0606);
    if (word | low) & 0xf0f0_f0f0_f0f0_f0f0 != 0x3030_3030_3030_3030
        || word & 0xf0f0_f0f0_f0f0_f0f0 != 0x3030_3030_3030_3030
    {
        return None;
    }
    let digits = word & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (digits.wrapping_mul(1 + (10 << 8)) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(1 + (100 << 16)) >> 16) & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(1 + (10_000 << 32)) >> 32)
}

/// Appends a number, with zeroes in front to at least `width` digits (at most 20).
pub(crate) fn write_padded(out: &mut Vec<u8>, number: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number).as_bytes();
    for _ in digits.len()..width {
        out.push(b'0');
    }
    out.extend_from_slice(digits);
}

/// Appends `.ffffff`, or nothing when there are no microseconds.
pub(crate) fn write_fraction(out: &mut Vec<u8>, microsecond: u32) {
    if microsecond != 0 {
        out.push(b'.');
        out.extend_from_slice(&pair(microsecond / 10_000));
        out.extend_from_slice(&pair(microsecond / 100));
        out.extend_from_slice(&pair(microsecond));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits() {
        assert_eq!(eight(*b"00000000"), Some(0));
        assert_eq!(eight(*b"12345678"), Some(12_345_678));
        assert_eq!(eight(*b"99999999"), Some(99_999_999));
        for position in 0..8 {
            for byte in (0..=255u8).filter(|byte| !byte.is_ascii_digit()) {
                let mut chunk = *b"12345678";
                chunk[position] = byte;
                assert_eq!(eight(chunk), None, "{byte:#x} at {position}");
            }
        }
    }

    #[test]
    fn two_digits() {
        assert_eq!(two(b'4', b'2'), 42);
        for (tens, units) in [(b'/', b'0'), (b'0', b':'), (b' ', b'1'), (b'1', 0xff)] {
            assert!(two(tens, units) > 99);
        }
    }

    #[test]
    fn numbers_in_front() {
        assert_eq!(leading_number(b"12ab"), Some((12, &b"ab"[..])));
        assert_eq!(leading_number(b"ab"), None);
        assert_eq!(leading_number(b"99999999999999999999999"), None);
        assert_eq!(leading_microseconds(b"5+"), Some((500_000, &b"+"[..])));
        assert_eq!(leading_microseconds(b"000001"), Some((1, &b""[..])));
        assert_eq!(leading_microseconds(b"1234567"), Some((123_456, &b""[..])));
        assert_eq!(leading_microseconds(b""), None);
    }
}
