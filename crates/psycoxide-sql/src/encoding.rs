//! Where characters end in each client encoding, as far as quoting needs it.
//!
//! In most encodings a byte below 0x80 is always ASCII. In a few (Shift JIS, Big5, GBK, UHC, Johab,
//! GB 18030) it may be the second half of a character, and a backslash there must not be taken for
//! one. An incomplete character before a quote is the classic way to break out of a literal: text
//! that is not valid is refused, never passed on.
//! See [Character set support](https://www.postgresql.org/docs/current/multibyte.html).

/// A client encoding, by the way it builds characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// One byte a character: `SQL_ASCII`, `LATIN1`, `WIN1252`, `KOI8R`…
    SingleByte,
    /// `UTF8`.
    #[default]
    Utf8,
    /// The EUC family, `MULE_INTERNAL` aside: all bytes of a character have the high bit set. A
    /// lead byte 0x8E starts a character of `ss2` bytes, 0x8F one of 3.
    Euc {
        /// Length of the characters of code set 2: 2 in Japanese, 4 in Taiwan's, else 3.
        ss2: usize,
    },
    /// `MULE_INTERNAL`: the lead byte says how many bytes follow.
    MuleInternal,
    /// `SJIS` and `SHIFT_JIS_2004`: 0xA1 … 0xDF are characters of their own.
    ShiftJis,
    /// `BIG5`, `GBK`, `UHC`, `JOHAB`: two bytes, the second of which may be ASCII.
    DoubleByte,
    /// `GB18030`: two bytes, or four if the second one is a digit.
    Gb18030,
}

/// A text that is not valid in its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCharacter {
    /// The text ends within a character.
    #[error("incomplete multibyte character")]
    Incomplete,
    /// Bytes that are no character.
    #[error("invalid multibyte character")]
    Invalid,
}

impl Encoding {
    /// The encoding that PostgreSQL knows under `name`, as `client_encoding` reports it. Names that
    /// are not multi-byte encodings are [`SingleByte`](Self::SingleByte).
    pub fn from_name(name: &str) -> Self {
        let name: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_uppercase())
            .collect();
        match name.as_str() {
            "UTF8" | "UNICODE" => Self::Utf8,
            "EUCJP" | "EUCJIS2004" => Self::Euc { ss2: 2 },
            "EUCTW" => Self::Euc { ss2: 4 },
            "EUCCN" | "EUCKR" => Self::Euc { ss2: 3 },
            "MULEINTERNAL" => Self::MuleInternal,
            "SJIS" | "MSKANJI" | "SHIFTJIS" | "WIN932" | "WINDOWS932" | "SHIFTJIS2004" => {
                Self::ShiftJis
            }
            "BIG5" | "WIN950" | "WINDOWS950" | "GBK" | "WIN936" | "WINDOWS936" | "UHC"
            | "WIN949" | "WINDOWS949" | "JOHAB" => Self::DoubleByte,
            "GB18030" => Self::Gb18030,
            _ => Self::SingleByte,
        }
    }

    /// The length of the character that `text` begins with; `text` is not empty.
    pub(crate) fn character_length(self, text: &[u8]) -> Result<usize, InvalidCharacter> {
        let Some(&lead) = text.first() else {
            return Err(InvalidCharacter::Incomplete);
        };
        if lead < 0x80 {
            return Ok(1);
        }
        let (length, lowest_trail) = match self {
            Self::SingleByte => return Ok(1),
            Self::Utf8 => return utf8_length(text),
            Self::Euc { ss2 } => match lead {
                0x8e => (ss2, 0x80),
                0x8f => (3, 0x80),
                _ => (2, 0x80),
            },
            Self::MuleInternal => match lead {
                0x81..=0x8d => (2, 0x80),
                0x90..=0x9b => (3, 0x80),
                0x9c | 0x9d => (4, 0x80),
                _ => return Err(InvalidCharacter::Invalid),
            },
            Self::ShiftJis => match lead {
                0xa1..=0xdf => return Ok(1),
                _ => (2, 0x40),
            },
            Self::DoubleByte => (2, 0x31),
            Self::Gb18030 => match text.get(1) {
                Some(0x30..=0x39) => (4, 0x30),
                _ => (2, 0x40),
            },
        };
        let trail = text
            .get(1..length)
            .unwrap_or(text.get(1..).unwrap_or_default());
        if trail.iter().any(|&byte| byte < lowest_trail) {
            return Err(InvalidCharacter::Invalid);
        }
        if text.len() < length {
            return Err(InvalidCharacter::Incomplete);
        }
        Ok(length)
    }
}

/// As [`Encoding::character_length`], for a lead byte from 0x80.
fn utf8_length(text: &[u8]) -> Result<usize, InvalidCharacter> {
    let length = match text.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => return Err(InvalidCharacter::Invalid),
    };
    match std::str::from_utf8(text.get(..length).unwrap_or(text)) {
        Ok(_) => Ok(length),
        Err(error) if error.error_len().is_none() => Err(InvalidCharacter::Incomplete),
        Err(_) => Err(InvalidCharacter::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_compared_as_the_server_does() {
        assert_eq!(Encoding::from_name("utf-8"), Encoding::Utf8);
        assert_eq!(Encoding::from_name("UTF8"), Encoding::Utf8);
        assert_eq!(Encoding::from_name("SHIFT_JIS_2004"), Encoding::ShiftJis);
        assert_eq!(Encoding::from_name("LATIN9"), Encoding::SingleByte);
        assert_eq!(Encoding::from_name("EUC_TW"), Encoding::Euc { ss2: 4 });
    }

    #[test]
    fn ascii_may_be_half_a_character() {
        assert_eq!(Encoding::ShiftJis.character_length(b"\x83\\'"), Ok(2));
        assert_eq!(Encoding::ShiftJis.character_length(b"\xb1'"), Ok(1));
        assert_eq!(Encoding::DoubleByte.character_length(b"\xa5\\"), Ok(2));
        assert_eq!(Encoding::Gb18030.character_length(b"\x8130\x8130"), Ok(4));
        assert_eq!(Encoding::Gb18030.character_length(b"\x81\\"), Ok(2));
    }

    #[test]
    fn a_quote_is_never_swallowed() {
        let all = [
            Encoding::Utf8,
            Encoding::Euc { ss2: 2 },
            Encoding::Euc { ss2: 3 },
            Encoding::Euc { ss2: 4 },
            Encoding::MuleInternal,
            Encoding::ShiftJis,
            Encoding::DoubleByte,
            Encoding::Gb18030,
        ];
        for encoding in all {
            for lead in 0x80..=0xff_u8 {
                for text in [[lead, b'\'', b'x', b'x'], [lead, 0x30, b'\'', 0x30]] {
                    match encoding.character_length(&text) {
                        Err(InvalidCharacter::Invalid) => {}
                        Ok(length) => assert!(!text[..length].contains(&b'\''), "{encoding:?}"),
                        Err(other) => panic!("{encoding:?} {text:?}: {other}"),
                    }
                }
            }
        }
    }

    #[test]
    fn cut_characters_are_incomplete() {
        use InvalidCharacter::{Incomplete, Invalid};
        assert_eq!(Encoding::Utf8.character_length(b"\xc3"), Err(Incomplete));
        assert_eq!(
            Encoding::Utf8.character_length(b"\xf0\x9f\x98"),
            Err(Incomplete)
        );
        assert_eq!(Encoding::Utf8.character_length(b"\xff"), Err(Invalid));
        assert_eq!(
            Encoding::Utf8.character_length(b"\xed\xa0\x80"),
            Err(Invalid)
        );
        assert_eq!(
            Encoding::ShiftJis.character_length(b"\x83"),
            Err(Incomplete)
        );
    }

    proptest! {
        #[test]
        fn utf8_is_walked_by_characters(text in ".+") {
            let mut rest = text.as_bytes();
            let mut lengths = Vec::new();
            while !rest.is_empty() {
                let length = Encoding::Utf8.character_length(rest).unwrap();
                lengths.push(length);
                rest = &rest[length..];
            }
            prop_assert_eq!(lengths, text.chars().map(char::len_utf8).collect::<Vec<_>>());
        }
    }
}
