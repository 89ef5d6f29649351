//! The crate's error: which type, which format, and what was wrong with the bytes.
//!
//! It is boxed, so that the `Result` of a hot decoder stays two words, and it never carries a whole
//! value: at most a short, escaped prefix, because values end up in logs through messages.

use std::fmt;

use psycoxide_protocol::Format;

use crate::date::DateStyle;

/// What every function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A value that could not be decoded or encoded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("invalid {} value of type {}: {}", self.format_name(), self.type_name(), self.reason())]
pub struct Error(Box<Details>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Details {
    type_name: &'static str,
    format: Format,
    reason: Reason,
}

impl Error {
    /// An error about a value in the text format.
    #[cold]
    #[inline(never)]
    pub fn text(type_name: &'static str, reason: Reason) -> Self {
        Self::new(type_name, Format::Text, reason)
    }

    /// An error about a value in the binary format.
    #[cold]
    #[inline(never)]
    pub fn binary(type_name: &'static str, reason: Reason) -> Self {
        Self::new(type_name, Format::Binary, reason)
    }

    /// An error about a value in the given format.
    #[cold]
    pub fn new(type_name: &'static str, format: Format, reason: Reason) -> Self {
        Self(Box::new(Details {
            type_name,
            format,
            reason,
        }))
    }

    /// A text value that does not have the form it should have.
    #[cold]
    #[inline(never)]
    pub(crate) fn syntax(type_name: &'static str, expected: &'static str, found: &[u8]) -> Self {
        let found = Excerpt::of(found);
        Self::text(type_name, Reason::Syntax { expected, found })
    }

    /// PostgreSQL's name of the type, or of its family (`array`, `range`, `record`).
    pub fn type_name(&self) -> &'static str {
        self.0.type_name
    }

    /// The format the value was in, or was to be written in.
    pub fn format(&self) -> Format {
        self.0.format
    }

    /// What was wrong.
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    fn format_name(&self) -> &'static str {
        match self.0.format {
            Format::Text => "text",
            Format::Binary => "binary",
        }
    }
}

/// What was wrong with a value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A value of fixed size has another size.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// The size the type has.
        expected: usize,
        /// The size of the value.
        found: usize,
    },
    /// The value ends before something that it announced.
    #[error("expected {needed} more bytes, found {remaining}")]
    Truncated {
        /// How many bytes were to follow.
        needed: usize,
        /// How many bytes did.
        remaining: usize,
    },
    /// Bytes are left over behind the end of the value.
    #[error("{extra} bytes too many")]
    Trailing {
        /// How many.
        extra: usize,
    },
    /// A length or a count is negative (and not -1 where that means NULL).
    #[error("negative {what}: {found}")]
    Negative {
        /// Which number.
        what: &'static str,
        /// The number.
        found: i32,
    },
    /// A text does not follow the type's grammar.
    #[error("expected {expected}, found {found}")]
    Syntax {
        /// What should be there.
        expected: &'static str,
        /// The beginning of what is there.
        found: Excerpt,
    },
    /// A number, a field or a code has a value that the type does not allow.
    #[error("{what} out of range")]
    OutOfRange {
        /// What is out of range, and where helpful the range.
        what: &'static str,
    },
    /// A flag, kind or version has a code that is not known.
    #[error("unknown {what}: {found}")]
    UnknownCode {
        /// The meaning of the code.
        what: &'static str,
        /// The code.
        found: u32,
    },
    /// A text is not UTF-8.
    #[error("not UTF-8: wrong byte at position {valid_up_to}")]
    InvalidUtf8 {
        /// The number of bytes that are right.
        valid_up_to: usize,
    },
    /// A text contains the byte 0, which no PostgreSQL text can hold.
    #[error("contains a NUL (0x00) character at position {position}")]
    ContainsNul {
        /// The position of the first one, in bytes.
        position: usize,
    },
    /// A count promises more than the remaining bytes can hold.
    #[error("{claimed} {what} do not fit in {remaining} bytes")]
    TooMany {
        /// Of what there are too many.
        what: &'static str,
        /// The promised count.
        claimed: u64,
        /// The bytes that remain.
        remaining: usize,
    },
    /// The nesting is deeper than PostgreSQL (or this crate) allows.
    #[error("nested more than {limit} levels deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// An array's lists of one level differ in length, or lists and elements are mixed.
    #[error("lists of one dimension differ in length or depth")]
    Ragged,
    /// A value is too large for the 32 bit length of the wire.
    #[error("{length} bytes exceed the largest value, 1 GiB")]
    TooLarge {
        /// The size of the value.
        length: usize,
    },
    /// The session's `DateStyle` writes time zones as abbreviations, which name no offset.
    #[error("time zones cannot be read in DateStyle {style}: set it to ISO")]
    UnsupportedDateStyle {
        /// The style in effect.
        style: DateStyle,
    },
}

/// The escaped beginning of a value, for messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt(String);

/// Enough to recognise a date or a number, too little to leak a document.
const EXCERPT_LENGTH: usize = 24;

impl Excerpt {
    /// The excerpt of a value.
    #[cold]
    pub fn of(value: &[u8]) -> Self {
        let (head, tail) = value.split_at(value.len().min(EXCERPT_LENGTH));
        let more = if tail.is_empty() { "" } else { "..." };
        Self(format!("'{}'{more}", head.escape_ascii()))
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_of_a_number_is_two_words() {
        assert!(size_of::<Result<i64>>() <= 2 * size_of::<usize>());
    }

    #[test]
    fn message_names_type_format_and_reason() {
        let error = Error::syntax("date", "a date", b"never\n");
        assert_eq!(
            error.to_string(),
            "invalid text value of type date: expected a date, found 'never\\n'"
        );
        let reason = Reason::Length {
            expected: 4,
            found: 3,
        };
        assert_eq!(
            Error::binary("int4", reason).to_string(),
            "invalid binary value of type int4: expected 4 bytes, found 3"
        );
    }

    #[test]
    fn excerpt_is_short() {
        let error = Error::syntax("int8", "digits", &[b'x'; 1000]);
        assert!(error.to_string().len() < 100);
        assert!(error.to_string().ends_with("..."));
    }
}
