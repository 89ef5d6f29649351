//! Cuts a query text into plain text and placeholders.
//!
//! The first step of both kinds of binding; it guards the rules of what is a placeholder. They are
//! purely lexical: literals and comments are not looked at, so `%` is doubled everywhere.
//! A `%` at the end of the text or of a line stands for itself.

use crate::Error;
use memchr::memchr;

/// The format that a placeholder asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ParameterFormat {
    /// `%s`: whichever suits the value.
    #[default]
    Auto,
    /// `%t`: text.
    Text,
    /// `%b`: binary.
    Binary,
}

impl ParameterFormat {
    fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b's' => Some(Self::Auto),
            b't' => Some(Self::Text),
            b'b' => Some(Self::Binary),
            _ => None,
        }
    }
}

/// Whether a query needs converting at all: without a `%` it is its own template.
pub fn has_placeholders(query: &[u8]) -> bool {
    memchr(b'%', query).is_some()
}

/// A piece of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Text to copy; `%%` is already one `%`.
    Text(&'a [u8]),
    /// `%s` (`name` is `None`) or `%(name)s`.
    Placeholder {
        name: Option<&'a [u8]>,
        format: ParameterFormat,
    },
}

/// Reads a query from left to right; ends after the first error.
pub(crate) struct Scanner<'a> {
    rest: &'a [u8],
    /// Whether the placeholders seen so far have names.
    named: Option<bool>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(query: &'a [u8]) -> Self {
        Self {
            rest: query,
            named: None,
        }
    }

    fn step(&mut self) -> Result<Option<Token<'a>>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let until_percent = memchr(b'%', self.rest).unwrap_or(self.rest.len());
        if until_percent > 0 {
            return Ok(Some(self.take_text(until_percent)));
        }
        match self.rest.get(1).copied() {
            None | Some(b'\n') => Ok(Some(self.take_text(1))),
            Some(b'%') => {
                let text = self.take_text(1);
                self.skip(1);
                Ok(Some(text))
            }
            Some(b'(') => self.named_placeholder().map(Some),
            Some(b' ') => Err(Error::LonePercent),
            Some(letter) => {
                let Some(format) = ParameterFormat::from_letter(letter) else {
                    return Err(self.unsupported(1));
                };
                self.placeholder(None, format, 2).map(Some)
            }
        }
    }

    /// At `%(`.
    fn named_placeholder(&mut self) -> Result<Token<'a>, Error> {
        const START: usize = 2;
        let after_start = self.rest.get(START..).unwrap_or_default();
        let length = memchr(b')', after_start).unwrap_or(0);
        if length == 0 {
            return Err(self.incomplete());
        }
        let name = after_start.get(..length);
        let letter_at = START + length + 1;
        match self.rest.get(letter_at).copied() {
            None | Some(b'\n') => Err(self.incomplete()),
            Some(letter) => match ParameterFormat::from_letter(letter) {
                Some(format) => self.placeholder(name, format, letter_at + 1),
                None => Err(self.unsupported(letter_at)),
            },
        }
    }

    fn placeholder(
        &mut self,
        name: Option<&'a [u8]>,
        format: ParameterFormat,
        length: usize,
    ) -> Result<Token<'a>, Error> {
        if *self.named.get_or_insert(name.is_some()) != name.is_some() {
            return Err(Error::MixedPlaceholders);
        }
        self.skip(length);
        Ok(Token::Placeholder { name, format })
    }

    fn take_text(&mut self, length: usize) -> Token<'a> {
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        Token::Text(text)
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    /// The error about the letter at `letter_at`, which may be a character of several bytes.
    fn unsupported(&self, letter_at: usize) -> Error {
        const LONGEST_CHARACTER: usize = 4;
        let (before, from) = self.rest.split_at(letter_at);
        let letter = from.get(..LONGEST_CHARACTER).unwrap_or(from);
        let mut placeholder = String::from_utf8_lossy(before).into_owned();
        placeholder.extend(String::from_utf8_lossy(letter).chars().next());
        Error::UnsupportedPlaceholder { placeholder }
    }

    fn incomplete(&self) -> Error {
        let end = self.rest.iter().position(u8::is_ascii_whitespace);
        let placeholder = self.rest.get(..end.unwrap_or(self.rest.len()));
        Error::IncompletePlaceholder {
            placeholder: String::from_utf8_lossy(placeholder.unwrap_or_default()).into_owned(),
        }
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Result<Token<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.rest = &[];
        }
        step.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(query: &str) -> Result<Vec<Token<'_>>, String> {
        Scanner::new(query.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
    }

    fn positional(format: ParameterFormat) -> Token<'static> {
        Token::Placeholder { name: None, format }
    }

    #[test]
    fn text_and_placeholders_alternate() {
        assert_eq!(
            scan("a %s%b%%").unwrap(),
            [
                Token::Text(b"a "),
                positional(ParameterFormat::Auto),
                positional(ParameterFormat::Binary),
                Token::Text(b"%"),
            ]
        );
        assert_eq!(scan("").unwrap(), []);
    }

    #[test]
    fn a_percent_at_the_end_of_text_or_line_is_itself() {
        assert_eq!(scan("%").unwrap(), [Token::Text(b"%")]);
        assert_eq!(
            scan("4 %\n 3").unwrap(),
            [Token::Text(b"4 "), Token::Text(b"%"), Token::Text(b"\n 3")]
        );
    }

    #[test]
    fn doubled_percents_pair_up_from_the_left() {
        assert_eq!(
            scan("%%%s").unwrap(),
            [Token::Text(b"%"), positional(ParameterFormat::Auto)]
        );
        assert_eq!(
            scan("%%%%s").unwrap(),
            [Token::Text(b"%"), Token::Text(b"%"), Token::Text(b"s")]
        );
    }

    #[test]
    fn names_may_hold_anything_but_a_closing_parenthesis() {
        for name in ["a", "a b", "a%", "a\nb", "a(b", "(", "é"] {
            assert_eq!(
                scan(&format!("%({name})t")).unwrap(),
                [Token::Placeholder {
                    name: Some(name.as_bytes()),
                    format: ParameterFormat::Text
                }]
            );
        }
    }

    #[test]
    fn errors_quote_the_placeholder() {
        let unsupported =
            |got: &str| format!("only '%s', '%b', '%t' are allowed as placeholders, got '{got}'");
        for (query, got) in [
            ("select '%'", "%'"),
            ("%x", "%x"),
            ("%S", "%S"),
            ("%)", "%)"),
            ("%-1s", "%-"),
            ("%\t", "%\t"),
            ("%é", "%é"),
            ("%(a)x", "%(a)x"),
            ("%(a) s", "%(a) "),
            ("%(a)%s", "%(a)%"),
            ("%(a)é", "%(a)é"),
        ] {
            assert_eq!(scan(query).unwrap_err(), unsupported(got), "{query}");
        }
        for (query, got) in [
            ("%(a", "%(a"),
            ("%(", "%("),
            ("%(a)", "%(a)"),
            ("%(a)\ns", "%(a)"),
            ("%(a, b c", "%(a,"),
            ("%()s, %(a)s", "%()s,"),
        ] {
            assert_eq!(
                scan(query).unwrap_err(),
                format!("incomplete placeholder: '{got}'"),
                "{query}"
            );
        }
        assert_eq!(
            scan("5 % %s").unwrap_err(),
            "incomplete placeholder: '%'; if you want to use '%' as an operator you can double it \
             up, i.e. use '%%'"
        );
    }

    #[test]
    fn the_first_error_from_the_left_counts() {
        let mixed = "positional and named placeholders cannot be mixed";
        assert_eq!(scan("%s, %(a)s, %d").unwrap_err(), mixed);
        assert_eq!(scan("%(a)s, %s").unwrap_err(), mixed);
        assert!(scan("%d, %s, %(a)s").unwrap_err().ends_with("got '%d'"));
    }

    #[test]
    fn bytes_that_are_no_utf8_are_shown_replaced() {
        let error = Scanner::new(b"%\xff").next().unwrap().unwrap_err();
        assert!(error.to_string().ends_with("got '%\u{fffd}'"));
    }
}
