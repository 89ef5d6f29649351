//! Single values as text turned into numbers, flags and choices.
//!
//! The rule it guards: what is not accepted is an error that names keyword, value and alternatives.

use crate::Error;
use crate::key_value::is_space;

/// Declares an enum whose variants are the accepted texts of a keyword.
macro_rules! choice {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            const ACCEPTED: &[(&str, Self)] = &[$(($text, Self::$variant),)+];

            /// The text that stands for it in a connection string.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            pub(crate) fn parse(keyword: &'static str, value: &str) -> Result<Self, $crate::Error> {
                $crate::value::choose(keyword, value, Self::ACCEPTED)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use choice;

/// The choice a text stands for; libpq compares exactly.
pub(crate) fn choose<T: Copy>(
    keyword: &'static str,
    value: &str,
    accepted: &[(&'static str, T)],
) -> Result<T, Error> {
    match accepted.iter().find(|(text, _)| *text == value) {
        Some((_, choice)) => Ok(*choice),
        None => Err(Error::InvalidChoice {
            keyword,
            value: value.to_owned(),
            accepted: accepted.iter().map(|(text, _)| *text).collect(),
        }),
    }
}

/// A whole number of 32 bits in decimal; a sign and spaces around it are allowed.
pub(crate) fn integer(text: &str) -> Option<i32> {
    let trimmed = text.trim_matches(is_space);
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    trimmed.parse().ok()
}

/// A number that is not negative; zero means the system's default and is returned as such.
pub(crate) fn count(
    keyword: &'static str,
    text: &str,
    accepted: &'static str,
) -> Result<u32, Error> {
    match integer(text) {
        None => Err(Error::InvalidInteger {
            keyword,
            value: text.to_owned(),
            accepted,
        }),
        Some(number) => u32::try_from(number).map_err(|_| Error::OutOfRange {
            keyword,
            value: text.to_owned(),
            accepted,
        }),
    }
}

/// A flag of libpq: `0` or `1`; nothing is as good as the default.
pub(crate) fn flag(keyword: &'static str, text: &str) -> Result<Option<bool>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    choose(keyword, text, &[("0", false), ("1", true)]).map(Some)
}

/// A flag of the cluster layer, in any usual spelling.
pub(crate) fn boolean(keyword: &'static str, text: &str) -> Result<bool, Error> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err(Error::InvalidClusterValue {
            keyword,
            value: text.to_owned(),
            accepted: "true or false".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_decimal_with_spaces_around() {
        for (text, number) in [
            ("5", Some(5)),
            (" 5\t", Some(5)),
            ("+5", Some(5)),
            ("-5", Some(-5)),
            ("010", Some(10)),
            ("", None),
            ("+", None),
            ("+-5", None),
            ("5x", None),
            ("0x10", None),
            ("1.5", None),
            ("99999999999", None),
        ] {
            assert_eq!(integer(text), number, "{text:?}");
        }
    }

    #[test]
    fn flags_and_booleans() {
        assert_eq!(flag("sslsni", "1"), Ok(Some(true)));
        assert_eq!(flag("sslsni", ""), Ok(None));
        let error = flag("sslsni", "x").unwrap_err().to_string();
        assert_eq!(error, r#"invalid sslsni value: "x" (expected "0" or "1")"#);
        assert_eq!(boolean("load_balance", "Yes"), Ok(true));
        assert!(boolean("load_balance", "maybe").is_err());
    }
}
