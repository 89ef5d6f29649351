//! `hstore`: `"a"=>"1", "b"=>NULL`, and a count with length-prefixed keys and values.
//!
//! An extension's type, so its OID differs between databases; the formats do not.
//! <https://www.postgresql.org/docs/current/hstore.html>

use crate::element::{Element, leading_quoted, write_quoted};
use crate::error::{Error, Excerpt, Reason, Result};
use crate::wire::{Reader, count_prefix, write_null, write_value};

/// The pairs of the text form, in the server's order; the value is `None` for NULL.
///
/// After an error there are no more.
#[derive(Clone, Debug)]
pub struct TextPairs<'a> {
    rest: &'a [u8],
}

/// Decodes the text form.
pub fn decode_text(value: &[u8]) -> TextPairs<'_> {
    TextPairs { rest: value }
}

impl<'a> TextPairs<'a> {
    fn pair(&self) -> Option<(Pair<'a>, &'a [u8])> {
        let (key, rest) = leading_quoted(self.rest.strip_prefix(b"\"")?, false)?;
        let rest = rest.trim_ascii_start().strip_prefix(b"=>")?;
        let (value, rest) = match rest.trim_ascii_start() {
            [b'"', rest @ ..] => {
                let (value, rest) = leading_quoted(rest, false)?;
                (Some(value), rest)
            }
            [b'N', b'U', b'L', b'L', rest @ ..] => (None, rest),
            _ => return None,
        };
        match rest.trim_ascii_start() {
            [] => Some(((key, value), &[])),
            [b',', rest @ ..] => Some(((key, value), rest.trim_ascii_start())),
            _ => None,
        }
    }
}

type Pair<'a> = (Element<'a>, Option<Element<'a>>);

impl<'a> Iterator for TextPairs<'a> {
    type Item = Result<Pair<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match self.pair() {
            Some((pair, rest)) => {
                self.rest = rest;
                Some(Ok(pair))
            }
            None => {
                let expected = "\"key\"=>\"value\" or \"key\"=>NULL";
                let found = Excerpt::of(self.rest);
                self.rest = &[];
                let reason = Reason::Syntax { expected, found };
                Some(Err(Error::text("hstore", reason)))
            }
        }
    }
}

/// The pairs of the binary form, in the server's order; the value is `None` for NULL.
///
/// After an error there are no more. Bytes behind the last pair are an error too, which takes the
/// place of the end.
#[derive(Clone, Debug)]
pub struct BinaryPairs<'a> {
    reader: Option<Reader<'a>>,
    remaining: usize,
}

/// Decodes the count in front of the binary form.
pub fn decode_binary(value: &[u8]) -> Result<BinaryPairs<'_>> {
    let mut reader = Reader::new(value, "hstore");
    // A pair takes at least the lengths of its key and its value.
    let remaining = reader.count("pairs", 8)?;
    Ok(BinaryPairs {
        reader: Some(reader),
        remaining,
    })
}

impl<'a> Iterator for BinaryPairs<'a> {
    type Item = Result<(&'a [u8], Option<&'a [u8]>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        if self.remaining == 0 {
            return self.reader.take()?.finish().err().map(Err);
        }
        self.remaining -= 1;
        let pair = reader.value().and_then(|key| Ok((key, reader.nullable()?)));
        if pair.is_err() {
            self.reader = None;
        }
        Some(pair)
    }
}

/// Appends a pair of the text form, with a comma in front unless it is the `first`.
pub fn encode_text_pair(key: &[u8], value: Option<&[u8]>, first: bool, out: &mut Vec<u8>) {
    if !first {
        out.push(b',');
    }
    write_quoted(key, out);
    out.extend_from_slice(b"=>");
    match value {
        Some(value) => write_quoted(value, out),
        None => out.extend_from_slice(b"NULL"),
    }
}

/// Appends the count that the binary form begins with; as many pairs follow.
pub fn encode_binary_header(pairs: usize, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&count_prefix(pairs, "hstore")?);
    Ok(())
}

/// Appends a pair of the binary form.
pub fn encode_binary_pair(key: &[u8], value: Option<&[u8]>, out: &mut Vec<u8>) -> Result<()> {
    write_value(out, key, "hstore")?;
    match value {
        Some(value) => write_value(out, value, "hstore"),
        None => {
            write_null(out);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Pairs = Vec<(Vec<u8>, Option<Vec<u8>>)>;

    fn read_text(value: &[u8]) -> Result<Pairs> {
        let owned = |element: Element<'_>| {
            let mut out = Vec::new();
            element.unescape_into(&mut out);
            out
        };
        decode_text(value)
            .map(|pair| pair.map(|(key, value)| (owned(key), value.map(owned))))
            .collect()
    }

    fn read_binary(value: &[u8]) -> Result<Pairs> {
        decode_binary(value)?
            .map(|pair| pair.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))))
            .collect()
    }

    fn pairs(expected: &[(&str, Option<&str>)]) -> Pairs {
        expected
            .iter()
            .map(|(key, value)| (key.as_bytes().to_vec(), value.map(|value| value.into())))
            .collect()
    }

    #[test]
    fn text_of_a_server() {
        let text = br#""a"=>"1", "d"=>"NULL", "b c"=>NULL, "q\"\\"=>"""#;
        let expected = [
            ("a", Some("1")),
            ("d", Some("NULL")),
            ("b c", None),
            ("q\"\\", Some("")),
        ];
        assert_eq!(read_text(text).unwrap(), pairs(&expected));
        assert!(read_text(b"").unwrap().is_empty());
        assert_eq!(
            read_text(b"\"a\"  =>  \"b\"\n,\t\"c\"=>NULL").unwrap(),
            pairs(&[("a", Some("b")), ("c", None)])
        );
    }

    #[test]
    fn wrong_texts() {
        for wrong in [
            " ",
            "a=>b",
            "\"a\"",
            "\"a\"=>",
            "\"a\"=>b",
            "\"a\"=>null",
            "\"a\"=>\"b\" \"c\"=>\"d\"",
            ",",
            "\"a\"=>\"b\"x",
            "\"a\"=>\"b",
            "\"a\"=>\"b\",,",
        ] {
            assert!(read_text(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn binary_of_a_server() {
        let binary = b"\0\0\0\x02\0\0\0\x01a\0\0\0\x011\0\0\0\x01b\xff\xff\xff\xff";
        let expected = pairs(&[("a", Some("1")), ("b", None)]);
        assert_eq!(read_binary(binary).unwrap(), expected);
        for length in 0..binary.len() {
            assert!(read_binary(&binary[..length]).is_err(), "{length}");
        }
        assert!(read_binary(&[binary.as_slice(), b"x"].concat()).is_err());
        assert!(read_binary(&[0xff; 4]).is_err());
        assert!(read_binary(b"\x7f\xff\xff\xff\0\0\0\0").is_err());
        let null_key = b"\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff";
        assert!(read_binary(null_key).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(pairs: Pairs) {
            let (mut text, mut binary) = (Vec::new(), Vec::new());
            encode_binary_header(pairs.len(), &mut binary).unwrap();
            for (index, (key, value)) in pairs.iter().enumerate() {
                encode_text_pair(key, value.as_deref(), index == 0, &mut text);
                encode_binary_pair(key, value.as_deref(), &mut binary).unwrap();
            }
            prop_assert_eq!(&read_text(&text).unwrap(), &pairs);
            prop_assert_eq!(&read_binary(&binary).unwrap(), &pairs);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>, text in "[\"a=>,NUL\\\\ ]{0,30}") {
            let _ = read_text(&bytes);
            let _ = read_text(text.as_bytes());
            let _ = read_binary(&bytes);
        }
    }
}
