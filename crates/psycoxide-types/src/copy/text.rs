//! Rows of `COPY` in text format: fields between tabs, `\N` for NULL, backslash escapes.
//!
//! Both directions work on whole rows. Escapes are those of the manual; the server writes only some
//! of them but reads all. <https://www.postgresql.org/docs/current/sql-copy.html>

use memchr::memchr;

/// The fields of a row, in order; `None` is NULL.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: Option<&'a [u8]>,
}

/// A field as it stands in the row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field<'a> {
    raw: &'a [u8],
    escaped: bool,
}

/// Decodes a row; a newline at its end is not part of it.
pub fn decode_row(row: &[u8]) -> Fields<'_> {
    Fields {
        rest: Some(row.strip_suffix(b"\n").unwrap_or(row)),
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<Field<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let raw = match memchr(b'\t', rest) {
            Some(tab) => {
                let (raw, tail) = rest.split_at(tab);
                self.rest = tail.get(1..);
                raw
            }
            None => {
                self.rest = None;
                rest
            }
        };
        if raw == b"\\N" {
            return Some(None);
        }
        let escaped = memchr(b'\\', raw).is_some();
        Some(Some(Field { raw, escaped }))
    }
}

impl<'a> Field<'a> {
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

    /// Appends the value.
    pub fn unescape_into(&self, out: &mut Vec<u8>) {
        let mut rest = self.raw;
        out.reserve(rest.len());
        while let Some(at) = memchr(b'\\', rest) {
            let (run, escape) = rest.split_at(at);
            out.extend_from_slice(run);
            let (byte, tail) = unescape_one(escape);
            out.push(byte);
            rest = tail;
        }
        out.extend_from_slice(rest);
    }
}

/// The byte that an escape stands for, and what follows it.
fn unescape_one(escape: &[u8]) -> (u8, &[u8]) {
    match escape {
        [_, b'b', tail @ ..] => (0x08, tail),
        [_, b'f', tail @ ..] => (0x0c, tail),
        [_, b'n', tail @ ..] => (b'\n', tail),
        [_, b'r', tail @ ..] => (b'\r', tail),
        [_, b't', tail @ ..] => (b'\t', tail),
        [_, b'v', tail @ ..] => (0x0b, tail),
        [_, b'x', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => {
            number(digits, 16, 2)
        }
        [_, digits @ ..] if matches!(digits, [b'0'..=b'7', ..]) => number(digits, 8, 3),
        [_, other, tail @ ..] => (*other, tail),
        // A backslash at the very end escapes nothing.
        [byte, tail @ ..] => (*byte, tail),
        [] => (b'\\', escape),
    }
}

/// A byte from at most so many digits; of an octal number too large the server keeps eight bits.
fn number(text: &[u8], radix: u32, digits: usize) -> (u8, &[u8]) {
    let mut value = 0u32;
    let mut rest = text;
    for _ in 0..digits {
        let Some((digit, tail)) = rest.split_first() else {
            break;
        };
        let Some(digit) = char::from(*digit).to_digit(radix) else {
            break;
        };
        value = value * radix + digit;
        rest = tail;
    }
    ((value & 0xff) as u8, rest)
}

/// Appends a field, escaped; `None` is NULL. Tabs between fields and the newline are the caller's.
pub fn encode_field(field: Option<&[u8]>, out: &mut Vec<u8>) {
    match field {
        None => out.extend_from_slice(b"\\N"),
        Some(value) => match first_special(value) {
            None => out.extend_from_slice(value),
            Some(at) => write_escaped(value, at, out),
        },
    }
}

/// Escapes a field that was appended to `out` from `start` on, if there is something to escape.
pub fn escape_field(out: &mut Vec<u8>, start: usize) {
    let field = out.get(start..).unwrap_or_default();
    if let Some(at) = first_special(field) {
        let tail = field.split_at(at).1.to_vec();
        out.truncate(start + at);
        write_escaped(&tail, 0, out);
    }
}

fn is_special(byte: u8) -> bool {
    matches!(byte, 0x08..=0x0d | b'\\')
}

/// Where the first byte to escape is. Looks at 32 bytes together, which needs no branch for each.
#[inline]
fn first_special(value: &[u8]) -> Option<usize> {
    let mut before = 0;
    for chunk in value.chunks(32) {
        if chunk
            .iter()
            .fold(false, |found, byte| found | is_special(*byte))
        {
            let at = chunk.iter().position(|byte| is_special(*byte))?;
            return Some(before + at);
        }
        before += chunk.len();
    }
    None
}

/// Appends a value of which the first `plain` bytes need no escape.
fn write_escaped(value: &[u8], plain: usize, out: &mut Vec<u8>) {
    let (plain, rest) = value.split_at(plain);
    out.reserve(value.len() + 8);
    out.extend_from_slice(plain);
    for byte in rest {
        let escape = match byte {
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0b => b'v',
            0x0c => b'f',
            b'\r' => b'r',
            b'\\' => b'\\',
            _ => {
                out.push(*byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', escape]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(row: &[u8]) -> Vec<Option<Vec<u8>>> {
        let mut scratch = Vec::new();
        decode_row(row)
            .map(|field| field.map(|field| field.unescape(&mut scratch).to_vec()))
            .collect()
    }

    #[test]
    fn rows_of_a_server() {
        assert_eq!(
            read(b"tab\\there\\nnl\\rcr\\\\bs\\b\\f\\v\t1\t\\N\n"),
            [
                Some(b"tab\there\nnl\rcr\\bs\x08\x0c\x0b".to_vec()),
                Some(b"1".to_vec()),
                None
            ]
        );
        assert_eq!(
            read(b"\t\\N\t\\\\N\n"),
            [Some(Vec::new()), None, Some(b"\\N".to_vec())]
        );
        assert_eq!(read(b"\\\\.\n"), [Some(b"\\.".to_vec())]);
        assert_eq!(read(b"\n"), [Some(Vec::new())]);
    }

    #[test]
    fn escapes_that_servers_only_read() {
        for (row, expected) in [
            (&b"\\101\\60"[..], &b"A0"[..]),
            (b"\\x41\\x4g", b"A\x04g"),
            (b"\\xg", b"xg"),
            (b"\\q\\.", b"q."),
            (b"\\777", b"\xff"),
            (b"end\\", b"end\\"),
        ] {
            assert_eq!(read(row), [Some(expected.to_vec())]);
        }
    }

    #[test]
    fn fields_are_escaped() {
        for (field, expected) in [
            (None, &b"\\N"[..]),
            (Some(&b""[..]), b""),
            (Some(b"plain"), b"plain"),
            (Some(b"\\N"), b"\\\\N"),
            (
                Some(b"a\tb\nc\rd\\e\x08\x0c\x0b"),
                b"a\\tb\\nc\\rd\\\\e\\b\\f\\v",
            ),
        ] {
            let mut out = Vec::new();
            encode_field(field, &mut out);
            assert_eq!(out, expected);
        }
    }

    proptest! {
        #[test]
        fn round_trip(row in proptest::collection::vec(any::<Option<Vec<u8>>>(), 1..6)) {
            let mut out = Vec::new();
            for (index, field) in row.iter().enumerate() {
                if index > 0 {
                    out.push(b'\t');
                }
                encode_field(field.as_deref(), &mut out);
            }
            out.push(b'\n');
            prop_assert_eq!(read(&out), row);
        }

        #[test]
        fn text_round_trip(text in "[a-c\\\\\t\n\r]{0,100}") {
            let (mut out, mut expected) = (b"before".to_vec(), b"before".to_vec());
            encode_field(Some(text.as_bytes()), &mut expected);
            out.extend_from_slice(text.as_bytes());
            escape_field(&mut out, 6);
            prop_assert_eq!(&out, &expected);
            prop_assert_eq!(read(&out[6..]), [Some(text.into_bytes())]);
        }

        #[test]
        fn never_panics(row: Vec<u8>, escapes in "[\\\\xntN0-9a\t]{0,20}") {
            read(&row);
            read(escapes.as_bytes());
        }
    }
}
