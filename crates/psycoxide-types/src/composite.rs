//! Composite types and anonymous records: `(1,"a b",)`, and a count with an OID before each field.
//!
//! Text does not name the types of its fields, and `()` is a record of no field as well as one of a
//! single NULL: only who knows the type can tell, and gets no field from here.
//! <https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX>

use crate::Oid;
use crate::element::{Element, State, leading_quoted, malformed, quote_tail, write_where_needed};
use crate::error::Result;
use crate::wire::{Counted, Reader, count_prefix};

/// The fields of the text form; `None` is NULL. After an error there are no more.
#[derive(Clone, Debug)]
pub struct TextFields<'a> {
    rest: &'a [u8],
    state: State,
}

/// Decodes the text form.
pub fn decode_text(value: &[u8]) -> TextFields<'_> {
    TextFields {
        rest: value,
        state: State::Start,
    }
}

impl<'a> TextFields<'a> {
    fn step(&mut self) -> Option<Option<Option<Element<'a>>>> {
        let rest = match (self.state, self.rest) {
            (State::Start, b"()") | (State::Between, b")") => return Some(None),
            (State::Start, [b'(', rest @ ..]) | (State::Between, [b',', rest @ ..]) => rest,
            _ => return None,
        };
        self.state = State::Between;
        if let [b'"', rest @ ..] = rest {
            let (field, rest) = leading_quoted(rest, true)?;
            self.rest = rest;
            return Some(Some(Some(field)));
        }
        let end = rest.iter().position(|byte| matches!(byte, b',' | b')'))?;
        let (raw, rest) = rest.split_at(end);
        if raw.iter().any(|byte| matches!(byte, b'"' | b'\\' | b'(')) {
            return None;
        }
        self.rest = rest;
        Some(Some((!raw.is_empty()).then(|| Element::new(raw, false))))
    }
}

impl<'a> Iterator for TextFields<'a> {
    type Item = Result<Option<Element<'a>>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Finished {
            return None;
        }
        let step = self.step();
        let malformed = || malformed("record", "fields in parentheses", self.rest);
        self.state.after(step, malformed)
    }
}

/// The fields of the binary form: the type of each, and the value unless it is NULL.
///
/// After an error there are no more. Bytes behind the last field are an error too, which takes the
/// place of the end.
#[derive(Clone, Debug)]
pub struct BinaryFields<'a> {
    items: Counted<'a>,
}

/// Decodes the count in front of the binary form.
pub fn decode_binary(value: &[u8]) -> Result<BinaryFields<'_>> {
    let mut reader = Reader::new(value, "record");
    // A field takes at least its type and its length.
    let remaining = reader.count("fields", 8)?;
    Ok(BinaryFields {
        items: Counted::new(reader, remaining),
    })
}

impl BinaryFields<'_> {
    /// How many fields are still to come.
    pub fn remaining(&self) -> usize {
        self.items.remaining()
    }
}

impl<'a> Iterator for BinaryFields<'a> {
    type Item = Result<(Oid, Option<&'a [u8]>)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.items
            .next(|reader| Ok((reader.u32()?, reader.nullable()?)))
    }
}

/// Appends a field of the text form, in quotes where it needs them; `None` is NULL.
///
/// Parentheses and commas are the caller's.
pub fn encode_text_field(field: Option<&[u8]>, out: &mut Vec<u8>) {
    if let Some(value) = field {
        write_where_needed(value, out, needs_quotes);
    }
}

/// Quotes a field that was appended to `out` from `start` on, if it needs quotes.
pub fn quote_text_field(out: &mut Vec<u8>, start: usize) {
    quote_tail(out, start, needs_quotes);
}

fn needs_quotes(value: &[u8]) -> bool {
    value.is_empty()
        || value.iter().any(|byte| {
            matches!(
                byte,
                b'(' | b')' | b',' | b'"' | b'\\' | b' ' | b'\t'..=b'\r'
            )
        })
}

/// Appends the count that the binary form begins with; for each field follow the OID of its type
/// and the value with its length.
pub fn encode_binary_header(fields: usize, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&count_prefix(fields, "record")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{write_null, write_value};

    fn read(value: &[u8]) -> Result<Vec<Option<String>>> {
        let mut scratch = Vec::new();
        decode_text(value)
            .map(|field| {
                Ok(
                    field?
                        .map(|field| String::from_utf8_lossy(field.unescape(&mut scratch)).into()),
                )
            })
            .collect()
    }

    #[test]
    fn text_of_a_server() {
        let text = b"(1,\"a b\",,\"\",\"x,y\",\"q\"\"u\\\\o\",\"(p)\",{b},\" \",\"\t\")";
        let expected = [
            Some("1"),
            Some("a b"),
            None,
            Some(""),
            Some("x,y"),
            Some("q\"u\\o"),
            Some("(p)"),
            Some("{b}"),
            Some(" "),
            Some("\t"),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|field| field.map(String::from))
            .collect();
        assert_eq!(read(text).unwrap(), expected);
        assert_eq!(read(b"()").unwrap(), []);
        assert_eq!(read(b"(,)").unwrap(), [None, None]);
        assert_eq!(read(b"(\"\")").unwrap(), [Some(String::new())]);
        assert_eq!(
            read(br#"("(1,""a"""""")","{1,2}")"#).unwrap(),
            [Some(r#"(1,"a""")"#.into()), Some("{1,2}".into())]
        );
    }

    #[test]
    fn wrong_texts() {
        for wrong in [
            "", "(", ")", "(a", "(a,", "(a)x", "a)", "(\"a)", "(\"a\"b)", "(a\"b)", "((a))",
            "(a\\b)",
        ] {
            assert!(read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn binary_of_a_server() {
        let binary = b"\0\0\0\x03\0\0\0\x17\0\0\0\x04\0\0\0\x01\0\0\0\x19\0\0\0\x01a\
            \0\0\x02\xc1\xff\xff\xff\xff";
        let fields: Vec<_> = decode_binary(binary)
            .unwrap()
            .collect::<Result<_>>()
            .unwrap();
        assert_eq!(
            fields,
            [
                (23, Some(&b"\0\0\0\x01"[..])),
                (25, Some(&b"a"[..])),
                (705, None)
            ]
        );
        let mut out = Vec::new();
        encode_binary_header(fields.len(), &mut out).unwrap();
        for (oid, field) in fields {
            out.extend_from_slice(&oid.to_be_bytes());
            match field {
                Some(value) => write_value(&mut out, value, "record").unwrap(),
                None => write_null(&mut out),
            }
        }
        assert_eq!(out, binary);
        for length in 0..binary.len() {
            let all =
                decode_binary(&binary[..length]).and_then(Iterator::collect::<Result<Vec<_>>>);
            assert!(all.is_err(), "{length}");
        }
        assert!(
            decode_binary(b"\0\0\0\0x")
                .unwrap()
                .any(|field| field.is_err())
        );
        assert!(decode_binary(&[0xff; 4]).is_err());
    }

    proptest! {
        #[test]
        fn text_round_trip(
            fields in proptest::collection::vec(proptest::option::of("[\\PC \"(),\\\\]*"), 2..8)
        ) {
            let mut out = b"(".to_vec();
            for (index, field) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                encode_text_field(field.as_deref().map(str::as_bytes), &mut out);
            }
            out.push(b')');
            prop_assert_eq!(read(&out).unwrap(), fields);
        }

        #[test]
        fn quoting_in_place_is_the_same(field: Vec<u8>) {
            let (mut out, mut expected) = (b"(".to_vec(), b"(".to_vec());
            encode_text_field(Some(&field), &mut expected);
            out.extend_from_slice(&field);
            quote_text_field(&mut out, 1);
            prop_assert_eq!(out, expected);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>, text in "\\([(\"a,)\\\\]{0,20}\\)") {
            let _ = read(&bytes);
            let _ = read(text.as_bytes());
            if let Ok(fields) = decode_binary(&bytes) {
                prop_assert!(fields.count() <= bytes.len());
            }
        }
    }
}
