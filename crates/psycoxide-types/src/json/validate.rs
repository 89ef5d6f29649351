//! JSON's grammar, without building anything and without recursion.

use crate::error::{Error, Reason, Result};
use crate::text::invalid_utf8;

/// How deep lists and objects may be nested; PostgreSQL's parser stops at its stack limit, not far
/// from here, and Python's at its recursion limit, long before.
pub const MAX_DEPTH: usize = 4096;

/// What must come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    /// A value, or the end of the list that just began.
    ValueOrEnd,
    Key,
    /// A key, or the end of the object that just began.
    KeyOrEnd,
    /// A comma or the end of the innermost list or object; behind the outermost, nothing.
    Separator,
}

/// Fails when the text is not one JSON value, with white space around it at most.
pub fn validate(text: &[u8]) -> Result<()> {
    if simdutf8::basic::from_utf8(text).is_err() {
        return Err(invalid_utf8(text, "json"));
    }
    let mut open = Vec::new();
    let mut expect = Expect::Value;
    let mut rest = trim(text);
    loop {
        if expect == Expect::Separator && open.is_empty() {
            return match rest {
                [] => Ok(()),
                _ => Err(Error::syntax("json", "the end of the value", rest)),
            };
        }
        let Some((tail, next)) = step(rest, expect, &mut open) else {
            return Err(Error::syntax("json", describe(expect), rest));
        };
        if open.len() > MAX_DEPTH {
            let limit = MAX_DEPTH;
            return Err(Error::text("json", Reason::TooDeep { limit }));
        }
        rest = trim(tail);
        expect = next;
    }
}

fn describe(expect: Expect) -> &'static str {
    match expect {
        Expect::Value | Expect::ValueOrEnd => "a JSON value",
        Expect::Key | Expect::KeyOrEnd => "a string and a colon",
        Expect::Separator => "a comma or a closing bracket",
    }
}

/// Reads one token; `open` holds the closing bracket of every list and object that is open.
fn step<'a>(text: &'a [u8], expect: Expect, open: &mut Vec<u8>) -> Option<(&'a [u8], Expect)> {
    let (first, rest) = text.split_first()?;
    match (expect, first) {
        (Expect::Separator, b',') => match open.last()? {
            b'}' => Some((rest, Expect::Key)),
            _ => Some((rest, Expect::Value)),
        },
        (Expect::Separator, _) | (Expect::ValueOrEnd, b']') | (Expect::KeyOrEnd, b'}') => {
            (open.pop()? == *first).then_some((rest, Expect::Separator))
        }
        (Expect::Key | Expect::KeyOrEnd, b'"') => {
            let rest = trim(string(rest)?);
            Some((rest.strip_prefix(b":")?, Expect::Value))
        }
        (Expect::Key | Expect::KeyOrEnd, _) => None,
        (Expect::Value | Expect::ValueOrEnd, b'[') => {
            open.push(b']');
            Some((rest, Expect::ValueOrEnd))
        }
        (Expect::Value | Expect::ValueOrEnd, b'{') => {
            open.push(b'}');
            Some((rest, Expect::KeyOrEnd))
        }
        (Expect::Value | Expect::ValueOrEnd, _) => Some((scalar(text)?, Expect::Separator)),
    }
}

fn scalar(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'"', rest @ ..] => string(rest),
        [b't', b'r', b'u', b'e', rest @ ..] | [b'n', b'u', b'l', b'l', rest @ ..] => Some(rest),
        [b'f', b'a', b'l', b's', b'e', rest @ ..] => Some(rest),
        [b'-', rest @ ..] => number(rest),
        _ => number(text),
    }
}

/// What follows a string whose opening quote was taken.
fn string(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    loop {
        let at = rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        rest = match rest.get(at..)? {
            [b'"', tail @ ..] => return Some(tail),
            [
                b'\\',
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
                tail @ ..,
            ] => tail,
            [b'\\', b'u', a, b, c, d, tail @ ..] => {
                let digits = [a, b, c, d];
                digits
                    .iter()
                    .all(|digit| digit.is_ascii_hexdigit())
                    .then_some(tail)?
            }
            _ => return None,
        };
    }
}

/// What follows a number whose minus was taken.
fn number(text: &[u8]) -> Option<&[u8]> {
    let rest = match text {
        [b'0', rest @ ..] => rest,
        _ => digits(text)?,
    };
    let rest = match rest {
        [b'.', rest @ ..] => digits(rest)?,
        _ => rest,
    };
    match rest {
        [b'e' | b'E', b'+' | b'-', rest @ ..] | [b'e' | b'E', rest @ ..] => digits(rest),
        _ => Some(rest),
    }
}

fn digits(text: &[u8]) -> Option<&[u8]> {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    (end > 0).then(|| text.get(end..))?
}

fn trim(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let [b' ' | b'\t' | b'\n' | b'\r', tail @ ..] = rest {
        rest = tail;
    }
    rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json() {
        for right in [
            "null",
            "true",
            "false",
            "0",
            "-0",
            "12",
            "-1.5e+10",
            "1E5",
            "\"\"",
            "\"a\\n\\u00e9é\"",
            "[]",
            "{}",
            " [ 1 , [ ] , { } ] ",
            "{\"a\":1,\"b\":[true,null]}",
            "{\"\":{\"a\":\"}\"}}",
            "123456789012345678901234567890",
        ] {
            assert_eq!(validate(right.as_bytes()), Ok(()), "{right}");
        }
    }

    #[test]
    fn not_json() {
        for wrong in [
            "",
            " ",
            "nul",
            "nulls",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "NaN",
            "\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "[",
            "]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1}",
            "{1:2}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{\"a\" 1}",
            "1 2",
            "'a'",
            "[1]]",
        ] {
            assert!(validate(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let error = validate(b"\"\xff\"").unwrap_err();
        assert_eq!(error.reason(), &Reason::InvalidUtf8 { valid_up_to: 1 });
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(validate(nested(MAX_DEPTH).as_bytes()), Ok(()));
        let error = validate(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err();
        assert!(matches!(error.reason(), Reason::TooDeep { .. }));
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, text in "[\\[\\]{}\",:0-9.eE+tru\\\\ -]{0,30}") {
            let _ = validate(&bytes);
            let _ = validate(text.as_bytes());
        }
    }
}
