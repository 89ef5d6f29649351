//! One value inside the text of an array, a record, a range or an hstore, quotes taken off.
//!
//! Most values have no escapes and are used where they lie; the others are unescaped on demand into
//! a buffer that the caller keeps.

use crate::error::{Error, Excerpt, Reason, Result};

/// A value as it stands in a compound text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Element<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Element<'a> {
    pub(crate) fn new(raw: &'a [u8], escaped: bool) -> Self {
        Self { raw, escaped }
    }

    /// The value. `scratch` is cleared and used only where there are escapes.
    #[inline]
    pub fn unescape<'b>(&self, scratch: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        if !self.escaped {
            return self.raw;
        }
        scratch.clear();
        self.unescape_into(scratch);
        scratch
    }

    /// The value where it lies, if nothing in it is escaped.
    #[inline]
    pub fn plain(&self) -> Option<&'a [u8]> {
        (!self.escaped).then_some(self.raw)
    }

    /// Appends the value.
    pub fn unescape_into(&self, out: &mut Vec<u8>) {
        let mut rest = self.raw;
        out.reserve(rest.len());
        // A backslash makes the next byte ordinary, and a quote inside is written twice.
        while let Some(at) = memchr::memchr2(b'\\', b'"', rest) {
            let (run, escape) = rest.split_at(at);
            out.extend_from_slice(run);
            match escape {
                [_, ordinary, tail @ ..] => {
                    out.push(*ordinary);
                    rest = tail;
                }
                _ => rest = &[],
            }
        }
        out.extend_from_slice(rest);
    }
}

/// Where the reading of a compound text stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// In front of the opening bracket.
    Start,
    /// Behind a value.
    Between,
    /// Behind the end, or an error.
    Finished,
}

impl State {
    /// What an iterator gives for a step: a value, the end (`Some(None)`), or, for text that is
    /// malformed (`None`), the error.
    #[inline]
    pub(crate) fn after<T>(
        &mut self,
        step: Option<Option<T>>,
        malformed: impl FnOnce() -> Error,
    ) -> Option<Result<T>> {
        match step {
            Some(Some(value)) => Some(Ok(value)),
            end => {
                *self = Self::Finished;
                end.is_none().then(|| Err(malformed()))
            }
        }
    }
}

/// The error for a compound text that does not go on as it should.
pub(crate) fn malformed(type_name: &'static str, expected: &'static str, rest: &[u8]) -> Error {
    let found = Excerpt::of(rest);
    Error::text(type_name, Reason::Syntax { expected, found })
}

/// Reads a quoted value in front, the opening quote already taken: the value, and what follows the
/// closing quote. Nothing when the quote is never closed.
///
/// `doubled` says whether a quote may be written twice to mean itself.
pub(crate) fn leading_quoted(text: &[u8], doubled: bool) -> Option<(Element<'_>, &[u8])> {
    let mut from = 0;
    let mut escaped = false;
    loop {
        let at = from + memchr::memchr2(b'\\', b'"', text.get(from..)?)?;
        let (raw, rest) = text.split_at_checked(at)?;
        match rest {
            [b'"', b'"', ..] if doubled => (),
            [b'"', tail @ ..] => return Some((Element::new(raw, escaped), tail)),
            _ => (),
        }
        escaped = true;
        from = at + 2;
    }
}

/// Appends a value in quotes, with a backslash in front of quotes and backslashes.
pub(crate) fn write_quoted(value: &[u8], out: &mut Vec<u8>) {
    out.reserve(value.len() + 2);
    out.push(b'"');
    let mut rest = value;
    while let Some(at) = memchr::memchr2(b'\\', b'"', rest) {
        let (run, special) = rest.split_at(at);
        out.extend_from_slice(run);
        out.push(b'\\');
        let (head, tail) = special.split_at(1);
        out.extend_from_slice(head);
        rest = tail;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Appends a value, in quotes if it needs them.
pub(crate) fn write_where_needed(
    value: &[u8],
    out: &mut Vec<u8>,
    needs_quotes: impl Fn(&[u8]) -> bool,
) {
    if needs_quotes(value) {
        write_quoted(value, out);
    } else {
        out.extend_from_slice(value);
    }
}

/// Quotes what was appended to `out` since `start`, moving it only when it needs quotes.
pub(crate) fn quote_tail(out: &mut Vec<u8>, start: usize, needs_quotes: impl Fn(&[u8]) -> bool) {
    let tail = out.get(start..).unwrap_or_default();
    if needs_quotes(tail) {
        let value = tail.to_vec();
        out.truncate(start);
        write_quoted(&value, out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_and_escapes() {
        let mut scratch = Vec::new();
        for (text, doubled, value, rest) in [
            (&b"abc\",x"[..], false, &b"abc"[..], &b",x"[..]),
            (b"\"", false, b"", b""),
            (b"a\\\"b\\\\c\"}", false, b"a\"b\\c", b"}"),
            (b"a\"\"b\")", true, b"a\"b", b")"),
            (b"\"\"\")", true, b"\"", b")"),
            (b"\"x", false, b"", b"x"),
        ] {
            let (element, found) = leading_quoted(text, doubled).unwrap();
            assert_eq!(element.unescape(&mut scratch), value);
            assert_eq!(found, rest);
        }
        for open in [&b""[..], b"abc", b"abc\\\"", b"abc\\"] {
            assert_eq!(leading_quoted(open, false), None);
        }
        assert_eq!(leading_quoted(b"a\"\"", true), None);
    }

    proptest! {
        #[test]
        fn round_trip(value: Vec<u8>, doubled: bool) {
            let mut out = Vec::new();
            write_quoted(&value, &mut out);
            let (element, rest) = leading_quoted(&out[1..], doubled).unwrap();
            prop_assert!(rest.is_empty());
            let mut scratch = Vec::new();
            prop_assert_eq!(element.unescape(&mut scratch), &value);
        }

        #[test]
        fn never_panics(text: Vec<u8>, doubled: bool) {
            if let Some((element, _)) = leading_quoted(&text, doubled) {
                element.unescape_into(&mut Vec::new());
            }
        }
    }
}
