//! Ranges of any type: `[1,10)`, and a byte of flags with length-prefixed bounds.
//!
//! Bounds stay bytes here, to be decoded by the codec of the subtype.
//! <https://www.postgresql.org/docs/current/rangetypes.html>

use crate::element::{Element, leading_quoted, quote_tail, write_where_needed};
use crate::error::{Error, Reason, Result};
use crate::wire::{Reader, write_value};

/// The range holds nothing.
pub const FLAG_EMPTY: u8 = 0x01;
/// The lower bound belongs to the range.
pub const FLAG_LOWER_INCLUSIVE: u8 = 0x02;
/// The upper bound belongs to the range.
pub const FLAG_UPPER_INCLUSIVE: u8 = 0x04;
/// There is no lower bound.
pub const FLAG_LOWER_INFINITE: u8 = 0x08;
/// There is no upper bound.
pub const FLAG_UPPER_INFINITE: u8 = 0x10;

/// A range whose bounds, where it has them, are of type `T`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Range<T> {
    /// The range without elements.
    Empty,
    /// Every other range.
    Bounded(Bounds<T>),
}

/// What lies between two bounds; a bound that is `None` is infinitely far away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds<T> {
    /// The lower bound.
    pub lower: Option<T>,
    /// The upper bound.
    pub upper: Option<T>,
    /// Whether the lower bound belongs to the range.
    pub lower_inclusive: bool,
    /// Whether the upper bound belongs to the range.
    pub upper_inclusive: bool,
}

impl<T> Bounds<T> {
    /// The flags that the binary form begins with.
    pub fn flags(&self) -> u8 {
        let mut flags = 0;
        for (set, flag) in [
            (self.lower.is_none(), FLAG_LOWER_INFINITE),
            (self.upper.is_none(), FLAG_UPPER_INFINITE),
            (self.lower_inclusive, FLAG_LOWER_INCLUSIVE),
            (self.upper_inclusive, FLAG_UPPER_INCLUSIVE),
        ] {
            if set {
                flags |= flag;
            }
        }
        flags
    }
}

/// Decodes the text form.
pub fn decode_text(value: &[u8]) -> Result<Range<Element<'_>>> {
    match leading_range(value) {
        Some((range, [])) => Ok(range),
        _ => Err(Error::syntax("range", "a range as [lower,upper)", value)),
    }
}

/// Reads a range in front: the range and what follows.
pub(crate) fn leading_range(text: &[u8]) -> Option<(Range<Element<'_>>, &[u8])> {
    let (lower_inclusive, rest) = match text {
        [b'[', rest @ ..] => (true, rest),
        [b'(', rest @ ..] => (false, rest),
        [b'e', b'm', b'p', b't', b'y', rest @ ..] => return Some((Range::Empty, rest)),
        _ => return None,
    };
    let (lower, rest) = leading_bound(rest)?;
    let (upper, rest) = leading_bound(rest.strip_prefix(b",")?)?;
    let (upper_inclusive, rest) = match rest {
        [b']', rest @ ..] => (true, rest),
        [b')', rest @ ..] => (false, rest),
        _ => return None,
    };
    let bounds = Bounds {
        lower,
        upper,
        lower_inclusive,
        upper_inclusive,
    };
    Some((Range::Bounded(bounds), rest))
}

/// A bound in front, `None` where there is nothing before the comma or bracket.
fn leading_bound(text: &[u8]) -> Option<(Option<Element<'_>>, &[u8])> {
    if let [b'"', rest @ ..] = text {
        let (bound, rest) = leading_quoted(rest, true)?;
        return Some((Some(bound), rest));
    }
    let end = text
        .iter()
        .position(|byte| matches!(byte, b',' | b')' | b']'))?;
    let (raw, rest) = text.split_at(end);
    if raw
        .iter()
        .any(|byte| matches!(byte, b'"' | b'\\' | b'(' | b'['))
    {
        return None;
    }
    Some(((!raw.is_empty()).then(|| Element::new(raw, false)), rest))
}

/// Decodes the binary form.
pub fn decode_binary(value: &[u8]) -> Result<Range<&[u8]>> {
    let mut reader = Reader::new(value, "range");
    let flags = reader.u8()?;
    let known = FLAG_EMPTY
        | FLAG_LOWER_INCLUSIVE
        | FLAG_UPPER_INCLUSIVE
        | FLAG_LOWER_INFINITE
        | FLAG_UPPER_INFINITE;
    if flags & !known != 0 {
        let what = "range flags";
        let found = u32::from(flags);
        return Err(Error::binary("range", Reason::UnknownCode { what, found }));
    }
    let has = |flag| flags & flag != 0;
    let range = if has(FLAG_EMPTY) {
        Range::Empty
    } else {
        let lower = if has(FLAG_LOWER_INFINITE) {
            None
        } else {
            Some(reader.value()?)
        };
        let upper = if has(FLAG_UPPER_INFINITE) {
            None
        } else {
            Some(reader.value()?)
        };
        Range::Bounded(Bounds {
            lower,
            upper,
            lower_inclusive: has(FLAG_LOWER_INCLUSIVE),
            upper_inclusive: has(FLAG_UPPER_INCLUSIVE),
        })
    };
    reader.finish()?;
    Ok(range)
}

/// Appends the text form of a range whose bounds are already text.
pub fn encode_text(range: &Range<&[u8]>, out: &mut Vec<u8>) {
    let Range::Bounded(bounds) = range else {
        out.extend_from_slice(b"empty");
        return;
    };
    out.push(if bounds.lower_inclusive { b'[' } else { b'(' });
    encode_text_bound(bounds.lower, out);
    out.push(b',');
    encode_text_bound(bounds.upper, out);
    out.push(if bounds.upper_inclusive { b']' } else { b')' });
}

/// Appends a bound of the text form, in quotes where it needs them.
pub fn encode_text_bound(bound: Option<&[u8]>, out: &mut Vec<u8>) {
    if let Some(value) = bound {
        write_where_needed(value, out, needs_quotes);
    }
}

/// Quotes a bound that was appended to `out` from `start` on, if it needs quotes.
pub fn quote_text_bound(out: &mut Vec<u8>, start: usize) {
    quote_tail(out, start, needs_quotes);
}

fn needs_quotes(value: &[u8]) -> bool {
    value.is_empty()
        || value.iter().any(|byte| {
            matches!(
                byte,
                b'(' | b')' | b'[' | b']' | b',' | b'"' | b'\\' | b' ' | b'\t'..=b'\r'
            )
        })
}

/// Appends the binary form of a range whose bounds are already binary.
pub fn encode_binary(range: &Range<&[u8]>, out: &mut Vec<u8>) -> Result<()> {
    let Range::Bounded(bounds) = range else {
        out.push(FLAG_EMPTY);
        return Ok(());
    };
    out.push(bounds.flags());
    for bound in [bounds.lower, bounds.upper].into_iter().flatten() {
        write_value(out, bound, "range")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A range with its bounds unescaped.
    fn owned(range: Range<Element<'_>>) -> Range<Vec<u8>> {
        let unescaped = |element: Element<'_>| {
            let mut out = Vec::new();
            element.unescape_into(&mut out);
            out
        };
        match range {
            Range::Empty => Range::Empty,
            Range::Bounded(bounds) => Range::Bounded(Bounds {
                lower: bounds.lower.map(unescaped),
                upper: bounds.upper.map(unescaped),
                lower_inclusive: bounds.lower_inclusive,
                upper_inclusive: bounds.upper_inclusive,
            }),
        }
    }

    fn range(lower: Option<&str>, upper: Option<&str>, bounds: &str) -> Range<Vec<u8>> {
        Range::Bounded(Bounds {
            lower: lower.map(|bound| bound.as_bytes().to_vec()),
            upper: upper.map(|bound| bound.as_bytes().to_vec()),
            lower_inclusive: bounds.starts_with('['),
            upper_inclusive: bounds.ends_with(']'),
        })
    }

    #[test]
    fn text_of_a_server() {
        for (text, expected) in [
            ("empty", Range::Empty),
            ("[1,10)", range(Some("1"), Some("10"), "[)")),
            ("(,)", range(None, None, "()")),
            ("[1,)", range(Some("1"), None, "[)")),
            (
                r#"["a,b","c""d\\e"]"#,
                range(Some("a,b"), Some("c\"d\\e"), "[]"),
            ),
            (r#"["",z)"#, range(Some(""), Some("z"), "[)")),
            (r#"["(","]")"#, range(Some("("), Some("]"), "[)")),
            ("[null,)", range(Some("null"), None, "[)")),
            (
                "[\"2020-01-01 00:00:00\",infinity)",
                range(Some("2020-01-01 00:00:00"), Some("infinity"), "[)"),
            ),
        ] {
            assert_eq!(
                owned(decode_text(text.as_bytes()).unwrap()),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn wrong_texts() {
        for wrong in [
            "",
            "[",
            "[1",
            "[1,",
            "[1,2",
            "[1,2}",
            "1,2",
            "[1,2)x",
            "[1)",
            "[1,2,3)",
            "[\"1,2)",
            "[\"1\"x,2)",
            "[a\"b\",2)",
            "emptyx",
            "[[1,2)",
            "[a\\b,)",
        ] {
            assert!(decode_text(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn binary_of_a_server() {
        let one = &[0, 0, 0, 1][..];
        let ten = &[0, 0, 0, 10][..];
        for (binary, expected) in [
            (&b"\x01"[..], Range::Empty),
            (
                b"\x02\0\0\0\x04\0\0\0\x01\0\0\0\x04\0\0\0\x0a",
                Range::Bounded(Bounds {
                    lower: Some(one),
                    upper: Some(ten),
                    lower_inclusive: true,
                    upper_inclusive: false,
                }),
            ),
            (
                b"\x12\0\0\0\x04\0\0\0\x01",
                Range::Bounded(Bounds {
                    lower: Some(one),
                    upper: None,
                    lower_inclusive: true,
                    upper_inclusive: false,
                }),
            ),
            (
                b"\x18",
                Range::Bounded(Bounds {
                    lower: None,
                    upper: None,
                    lower_inclusive: false,
                    upper_inclusive: false,
                }),
            ),
        ] {
            assert_eq!(decode_binary(binary).unwrap(), expected);
            let mut out = Vec::new();
            encode_binary(&expected, &mut out).unwrap();
            assert_eq!(out, binary);
        }
        for wrong in [
            &b""[..],
            b"\x20",
            b"\x01x",
            b"\x02",
            b"\x18\0",
            b"\x12\0\0\0\x05\0\0\0\x01",
            b"\x12\xff\xff\xff\xff",
            b"\x12\x7f\xff\xff\xff",
        ] {
            assert!(decode_binary(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(lower: Option<Vec<u8>>, upper: Option<Vec<u8>>, lower_inclusive: bool) {
            let range = Range::Bounded(Bounds {
                lower: lower.as_deref(),
                upper: upper.as_deref(),
                lower_inclusive,
                upper_inclusive: !lower_inclusive,
            });
            let mut out = Vec::new();
            encode_binary(&range, &mut out).unwrap();
            prop_assert_eq!(decode_binary(&out).unwrap(), range);
            out.clear();
            encode_text(&range, &mut out);
            let found = owned(decode_text(&out).unwrap());
            prop_assert_eq!(found, Range::Bounded(Bounds {
                lower,
                upper,
                lower_inclusive,
                upper_inclusive: !lower_inclusive,
            }));
        }

        #[test]
        fn quoting_in_place_is_the_same(bound: Vec<u8>) {
            let (mut out, mut expected) = (b"[".to_vec(), b"[".to_vec());
            encode_text_bound(Some(&bound), &mut expected);
            out.extend_from_slice(&bound);
            quote_text_bound(&mut out, 1);
            prop_assert_eq!(out, expected);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>, text in "[\\[(\"a,\\])\\\\]{0,20}") {
            let _ = decode_text(&bytes);
            let _ = decode_text(text.as_bytes());
            let _ = decode_binary(&bytes);
        }
    }
}
