//! Connection strings of the form `keyword = value ...`: reading and quoting.
//!
//! The rule it guards: spaces around `=` are optional, a value with spaces stands in single quotes, a
//! backslash takes the next character as it is, inside quotes and outside. Manual:
//! [Keyword/Value Connection Strings](https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE).

use crate::Error;
use crate::keyword::{self, Keyword};
use crate::parameters::known;
use crate::secret::MASK;

/// Reads all pairs, in the order of the text, repeated keywords included.
pub(crate) fn parse(text: &str) -> Result<Vec<(&'static Keyword, String)>, Error> {
    let mut pairs: Vec<(&'static Keyword, String)> = Vec::new();
    let mut rest = skip_space(text);
    while !rest.is_empty() {
        // What follows a secret may be the second half of an unquoted one.
        let after_secret = pairs.last().is_some_and(|(keyword, _)| keyword.secret);
        let shown = |token: &str| {
            if after_secret {
                MASK.to_owned()
            } else {
                token.to_owned()
            }
        };

        let end = rest.find(|c| c == '=' || is_space(c)).unwrap_or(rest.len());
        let (name, after_name) = rest.split_at(end);
        let Some(after_equals) = skip_space(after_name).strip_prefix('=') else {
            return Err(Error::MissingEquals {
                token: shown(name),
                after_secret,
            });
        };
        let (value, after_value) = read_value(skip_space(after_equals))?;
        let Some(pair) = known(name, value) else {
            let suggestion = keyword::suggest(name);
            let after_secret = after_secret && suggestion.is_none();
            return Err(Error::UnknownKeyword {
                keyword: if after_secret {
                    MASK.to_owned()
                } else {
                    name.to_owned()
                },
                suggestion,
                after_secret,
            });
        };
        pairs.push(pair);
        rest = skip_space(after_value);
    }
    Ok(pairs)
}

/// Reads one value, quoted or not, and returns it with what follows.
fn read_value(text: &str) -> Result<(String, &str), Error> {
    let (quoted, body) = match text.strip_prefix('\'') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\'' if quoted => return Ok((value, &body[at + 1..])),
            c if !quoted && is_space(c) => return Ok((value, &body[at..])),
            // A backslash at the very end stands for nothing.
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    if quoted {
        Err(Error::UnterminatedQuote)
    } else {
        Ok((value, ""))
    }
}

/// Writes a value so that [`parse`] reads it back: quotes only where they are needed.
pub(crate) fn quote(value: &str) -> String {
    if value.is_empty() {
        return "''".to_owned();
    }
    let mut escaped = String::with_capacity(value.len() + 2);
    for c in value.chars() {
        if matches!(c, '\\' | '\'') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    if value.chars().any(needs_quotes) {
        format!("'{escaped}'")
    } else {
        escaped
    }
}

/// What separates pairs: the C locale's white space.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

/// psycopg quotes around every character Python counts as white space: Unicode's and the four
/// ASCII information separators.
fn needs_quotes(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(&'static str, String)> {
        let pairs = parse(text).unwrap();
        pairs
            .into_iter()
            .map(|(keyword, value)| (keyword.name, value))
            .collect()
    }

    fn error(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn reads_values_with_and_without_quotes() {
        for (text, value) in [
            ("host=a", "a"),
            ("  host = a  ", "a"),
            ("host\t=\na", "a"),
            ("host=", ""),
            ("host=''", ""),
            ("host='a b'", "a b"),
            (r"host=a\ b", "a b"),
            (r"host='a\'b'", "a'b"),
            (r"host=a\\b", r"a\b"),
            (r"host=a\", "a"),
            ("host=a'b", "a'b"),
            ("host==a", "=a"),
            ("host=a=b", "a=b"),
            ("host=\u{a0}a\u{a0}b", "\u{a0}a\u{a0}b"),
        ] {
            assert_eq!(pairs(text), [("host", value.to_owned())], "{text}");
        }
    }

    #[test]
    fn pairs_may_follow_a_quote_without_space() {
        assert_eq!(
            pairs("host='a b'port=5"),
            [("host", "a b".into()), ("port", "5".into())]
        );
        assert_eq!(pairs("host=a\x0cport=5\x0bdbname=d").len(), 3);
        assert_eq!(pairs(" \n"), []);
    }

    #[test]
    fn errors_say_what_libpq_says() {
        assert_eq!(
            error("foo"),
            r#"missing "=" after "foo" in connection info string"#
        );
        assert_eq!(
            error("host= a b"),
            r#"missing "=" after "b" in connection info string"#
        );
        assert_eq!(
            error("host='a"),
            "unterminated quoted string in connection info string"
        );
        assert_eq!(
            error("host='a'b'"),
            r#"missing "=" after "b'" in connection info string"#
        );
        assert_eq!(error("=a"), r#"invalid connection option """#);
        assert_eq!(error("foo=bar"), r#"invalid connection option "foo""#);
        assert_eq!(
            error("database=x"),
            r#"invalid connection option "database" (did you mean "dbname"?)"#
        );
    }

    #[test]
    fn the_rest_of_an_unquoted_secret_is_not_shown() {
        let shown = error("password=my hunter2");
        assert!(
            shown.contains("single quotes") && !shown.contains("hunter2"),
            "{shown}"
        );
        let shown = error("password=my hunter2=x");
        assert!(
            shown.contains("single quotes") && !shown.contains("hunter2"),
            "{shown}"
        );
        let shown = error("password='it's hunter2'");
        assert!(
            !shown.contains("hunter2") && !shown.contains("\"s\""),
            "{shown}"
        );
        assert_eq!(
            error("password=p databse=x"),
            r#"invalid connection option "databse" (did you mean "dbname"?)"#
        );
    }

    #[test]
    fn quotes_what_psycopg_quotes() {
        for (value, quoted) in [
            ("a", "a"),
            ("", "''"),
            ("a b", "'a b'"),
            ("a'b", r"a\'b"),
            (r"a\b", r"a\\b"),
            (r"a\ b", r"'a\\ b'"),
            ("a=b", "a=b"),
            ("a\u{1c}b", "'a\u{1c}b'"),
            ("a\u{85}b", "'a\u{85}b'"),
            ("a\u{2003}b", "'a\u{2003}b'"),
            ("é", "é"),
        ] {
            assert_eq!(quote(value), quoted);
        }
    }
}
