//! Multiranges: `{[1,3),[5,9)}`, and a count with length-prefixed ranges.
//!
//! The server has them since PostgreSQL 14.
//! <https://www.postgresql.org/docs/current/rangetypes.html>

use crate::element::{Element, State, malformed};
use crate::error::Result;
use crate::range::{self, Range, leading_range};
use crate::wire::{Counted, Reader, count_prefix};

/// The ranges of the text form. After an error there are no more.
#[derive(Clone, Debug)]
pub struct TextRanges<'a> {
    rest: &'a [u8],
    state: State,
}

/// Decodes the text form.
pub fn decode_text(value: &[u8]) -> TextRanges<'_> {
    TextRanges {
        rest: value,
        state: State::Start,
    }
}

impl<'a> TextRanges<'a> {
    fn step(&mut self) -> Option<Option<Range<Element<'a>>>> {
        let rest = match (self.state, self.rest) {
            (State::Start, b"{}") | (State::Between, b"}") => return Some(None),
            (State::Start, [b'{', rest @ ..]) | (State::Between, [b',', rest @ ..]) => rest,
            _ => return None,
        };
        // Braces are not quoted in bounds, so that only reading a range shows where it ends.
        let (range, rest) = leading_range(rest)?;
        self.rest = rest;
        self.state = State::Between;
        Some(Some(range))
    }
}

impl<'a> Iterator for TextRanges<'a> {
    type Item = Result<Range<Element<'a>>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Finished {
            return None;
        }
        let step = self.step();
        let malformed = || malformed("multirange", "ranges in braces", self.rest);
        self.state.after(step, malformed)
    }
}

/// The ranges of the binary form.
///
/// After an error there are no more. Bytes behind the last range are an error too, which takes the
/// place of the end.
#[derive(Clone, Debug)]
pub struct BinaryRanges<'a> {
    items: Counted<'a>,
}

/// Decodes the count in front of the binary form.
pub fn decode_binary(value: &[u8]) -> Result<BinaryRanges<'_>> {
    let mut reader = Reader::new(value, "multirange");
    // A range takes at least its length and its flags.
    let remaining = reader.count("ranges", 5)?;
    Ok(BinaryRanges {
        items: Counted::new(reader, remaining),
    })
}

impl<'a> Iterator for BinaryRanges<'a> {
    type Item = Result<Range<&'a [u8]>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.items
            .next(|reader| reader.value().and_then(range::decode_binary))
    }
}

/// Appends the count that the binary form begins with; as many ranges follow, each a value with its
/// length.
///
/// The text form needs no function: braces, commas, and ranges as [`range::encode_text`] writes
/// them.
pub fn encode_binary_header(ranges: usize, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&count_prefix(ranges, "multirange")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::range::Bounds;
    use crate::wire::{begin_value, end_value};

    fn read_text(value: &[u8]) -> Result<Vec<String>> {
        let mut scratch = Vec::new();
        let mut shown = |bound: Option<Element<'_>>| {
            bound.map_or("-".into(), |bound| {
                bound.unescape(&mut scratch).escape_ascii().to_string()
            })
        };
        decode_text(value)
            .map(|range| {
                Ok(match range? {
                    Range::Empty => "empty".into(),
                    Range::Bounded(Bounds { lower, upper, .. }) => {
                        format!("{}|{}", shown(lower), shown(upper))
                    }
                })
            })
            .collect()
    }

    #[test]
    fn text_of_a_server() {
        assert!(read_text(b"{}").unwrap().is_empty());
        assert_eq!(read_text(b"{[1,10),[20,30)}").unwrap(), ["1|10", "20|30"]);
        assert_eq!(read_text(b"{(,1),[5,)}").unwrap(), ["-|1", "5|-"]);
        assert_eq!(
            read_text(br#"{["a,b","c""d\\e"],[x},z)}"#).unwrap(),
            [r#"a,b|c\"d\\e"#, "x}|z"]
        );
    }

    #[test]
    fn wrong_texts() {
        for wrong in [
            "",
            "{",
            "}",
            "{}x",
            "{[1,2)",
            "{[1,2),}",
            "{[1,2)[3,4)}",
            "[1,2)",
            "{1}",
            "{,}",
        ] {
            assert!(read_text(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn binary_of_a_server() {
        let binary =
            b"\0\0\0\x02\0\0\0\x09\x08\0\0\0\x04\0\0\0\x01\0\0\0\x09\x12\0\0\0\x04\0\0\0\x05";
        let ranges: Vec<_> = decode_binary(binary)
            .unwrap()
            .collect::<Result<_>>()
            .unwrap();
        let mut out = Vec::new();
        encode_binary_header(ranges.len(), &mut out).unwrap();
        for range in &ranges {
            let place = begin_value(&mut out);
            range::encode_binary(range, &mut out).unwrap();
            end_value(&mut out, place, "multirange").unwrap();
        }
        assert_eq!(out, binary);
        for length in 0..binary.len() {
            let all =
                decode_binary(&binary[..length]).and_then(Iterator::collect::<Result<Vec<_>>>);
            assert!(all.is_err(), "{length}");
        }
        assert!(decode_binary(b"\x7f\xff\xff\xff\0\0\0\0").is_err());
        let trailing = decode_binary(b"\0\0\0\0x").unwrap();
        assert!(trailing.collect::<Result<Vec<_>>>().is_err());
        assert_eq!(decode_binary(b"\0\0\0\0").unwrap().count(), 0);
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, text in "\\{[\\[(\"a,\\])\\\\]{0,20}\\}") {
            let _ = read_text(&bytes);
            let _ = read_text(text.as_bytes());
            if let Ok(ranges) = decode_binary(&bytes) {
                prop_assert!(ranges.count() <= bytes.len());
            }
        }
    }
}
