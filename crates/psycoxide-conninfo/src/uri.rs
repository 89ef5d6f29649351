//! Connection URIs: `postgresql://[user[:password]@][host[:port][,...]][/dbname][?keyword=value&...]`.
//!
//! The rule it guards: the text is cut at its separators first and each piece is percent-decoded
//! after, so an encoded separator never separates. No error shows a password.
//! Manual: [Connection URIs](https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-URIS).

use crate::Error;
use crate::keyword::{self, Keyword};
use crate::parameters::known;
use crate::redact;
use crate::secret::MASK;

/// What follows `postgresql://` or `postgres://`; nothing if the text is not such a URI.
pub(crate) fn strip_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("postgresql://")
        .or_else(|| text.strip_prefix("postgres://"))
}

/// Reads the pairs of a URI whose scheme has been recognised.
pub(crate) fn parse(text: &str) -> Result<Vec<(&'static Keyword, String)>, Error> {
    let mut pairs = Pairs(Vec::new());
    let mut rest = strip_scheme(text).unwrap_or(text);

    // Credentials are there only if an `@` comes before the path; a `?` does not end the search.
    if let Some(end) = rest.find(['@', '/'])
        && rest[end..].starts_with('@')
    {
        let (user, password) = match rest[..end].split_once(':') {
            Some((user, password)) => (user, password),
            None => (&rest[..end], ""),
        };
        pairs.push_unless_empty("user", user, false)?;
        pairs.push_unless_empty("password", password, true)?;
        rest = &rest[end + 1..];
    }

    // An `@` from here on is most likely one of the password that is not percent-encoded.
    let misread = rest.contains('@');
    let mut hosts: Vec<&str> = Vec::new();
    let mut ports: Vec<&str> = Vec::new();
    loop {
        let (host, after_host) = read_host(text, rest)?;
        let (port, after_port) = match after_host.strip_prefix(':') {
            Some(port) => port.split_at(port.find(['/', '?', ',']).unwrap_or(port.len())),
            None => ("", after_host),
        };
        hosts.push(host);
        ports.push(port);
        match after_port.strip_prefix(',') {
            Some(next) => rest = next,
            None => {
                rest = after_port;
                break;
            }
        }
    }
    pairs.push_unless_empty("host", &hosts.join(","), misread)?;
    pairs.push_unless_empty("port", &ports.join(","), misread)?;

    if let Some(path) = rest.strip_prefix('/') {
        let (dbname, query) = path.split_at(path.find('?').unwrap_or(path.len()));
        pairs.push_unless_empty("dbname", dbname, misread)?;
        rest = query;
    }
    if let Some(query) = rest.strip_prefix('?') {
        read_query(query, misread, &mut pairs)?;
    }
    Ok(pairs.0)
}

/// Reads a host name, or an address in brackets, up to what ends it.
fn read_host<'a>(uri: &str, text: &'a str) -> Result<(&'a str, &'a str), Error> {
    let Some(bracketed) = text.strip_prefix('[') else {
        return Ok(text.split_at(text.find([':', '/', '?', ',']).unwrap_or(text.len())));
    };
    let Some(end) = bracketed.find(']') else {
        return Err(Error::UnclosedBracket {
            uri: redact::uri(uri),
        });
    };
    if end == 0 {
        return Err(Error::EmptyBrackets {
            uri: redact::uri(uri),
        });
    }
    let after = &bracketed[end + 1..];
    match after.chars().next() {
        None | Some(':' | '/' | '?' | ',') => Ok((&bracketed[..end], after)),
        Some(character) => Err(Error::UnexpectedCharacter {
            character,
            position: uri.len() - after.len() + 1,
            uri: redact::uri(uri),
        }),
    }
}

fn read_query(query: &str, misread: bool, pairs: &mut Pairs) -> Result<(), Error> {
    let mut rest = query;
    while !rest.is_empty() {
        let (parameter, next) = rest.split_once('&').unwrap_or((rest, ""));
        rest = next;
        let Some((keyword, value)) = parameter.split_once('=') else {
            // Behind a secret this may be the rest of one with an `&` in it.
            let masked = misread || pairs.ends_with_secret();
            let parameter = if masked { MASK } else { parameter };
            return Err(Error::MissingSeparator {
                parameter: parameter.to_owned(),
            });
        };
        let after_secret = misread || pairs.ends_with_secret();
        if value.contains('=') {
            let keyword = if after_secret { MASK } else { keyword };
            return Err(Error::ExtraSeparator {
                keyword: keyword.to_owned(),
            });
        }
        let keyword = decode(keyword, after_secret)?;
        let secret = keyword::find(&keyword).is_some_and(|keyword| keyword.secret);
        let value = decode(value, secret || misread)?;
        // The JDBC driver's spelling.
        let pair = match (keyword.as_str(), value.as_str()) {
            ("ssl", "true") => known("sslmode", "require".to_owned()),
            _ => known(&keyword, value),
        };
        let Some(pair) = pair else {
            let suggestion = keyword::suggest(&keyword);
            let masked = after_secret && suggestion.is_none();
            let keyword = if masked { MASK.to_owned() } else { keyword };
            return Err(Error::UnknownUriParameter {
                keyword,
                suggestion,
            });
        };
        pairs.0.push(pair);
    }
    Ok(())
}

/// Undoes percent-encoding. Spaces around the text are dropped, inside it they are an error.
fn decode(text: &str, secret: bool) -> Result<String, Error> {
    let shown = || {
        if secret {
            MASK.to_owned()
        } else {
            text.to_owned()
        }
    };
    let trimmed = text.trim_start_matches(' ');
    let (token, after) = trimmed.split_at(trimmed.find(' ').unwrap_or(trimmed.len()));

    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (rest.next().and_then(hex), rest.next().and_then(hex)) else {
            return Err(Error::PercentEncoding { token: shown() });
        };
        match high << 4 | low {
            0 => return Err(Error::PercentEncodedNul { token: shown() }),
            byte => bytes.push(byte),
        }
    }
    if after.bytes().any(|byte| byte != b' ') {
        return Err(Error::UnexpectedSpaces { token: shown() });
    }
    String::from_utf8(bytes).map_err(|_| Error::PercentEncodedNotUtf8 { token: shown() })
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

struct Pairs(Vec<(&'static Keyword, String)>);

impl Pairs {
    /// Stores a component of the URI; an absent one and an empty one are the same.
    fn push_unless_empty(&mut self, name: &str, text: &str, secret: bool) -> Result<(), Error> {
        if !text.is_empty() {
            self.0.extend(known(name, decode(text, secret)?));
        }
        Ok(())
    }

    fn ends_with_secret(&self) -> bool {
        self.0.last().is_some_and(|(keyword, _)| keyword.secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<String> {
        let pairs = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        pairs
            .into_iter()
            .map(|(keyword, value)| format!("{}={value}", keyword.name))
            .collect()
    }

    fn error(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn reads_every_component() {
        for (text, expected) in [
            ("postgresql://", &[][..]),
            ("postgres://h", &["host=h"]),
            ("postgresql://h:5/d", &["host=h", "port=5", "dbname=d"]),
            ("postgresql://u:p@h", &["user=u", "password=p", "host=h"]),
            (
                "postgresql://u:p:q@h",
                &["user=u", "password=p:q", "host=h"],
            ),
            ("postgresql://:p@h", &["password=p", "host=h"]),
            ("postgresql://u:@h:", &["user=u", "host=h"]),
            ("postgresql://u@/d", &["user=u", "dbname=d"]),
            ("postgresql:///d/e#f", &["dbname=d/e#f"]),
            (
                "postgresql://h1:1,h2/d",
                &["host=h1,h2", "port=1,", "dbname=d"],
            ),
            ("postgresql://h1,h2", &["host=h1,h2", "port=,"]),
            ("postgresql://[::1]:5,[::2]", &["host=::1,::2", "port=5,"]),
            ("postgresql://%2Ftmp/d", &["host=/tmp", "dbname=d"]),
            (
                "postgresql://u%3Ax:p%40@h",
                &["user=u:x", "password=p@", "host=h"],
            ),
            ("postgresql://h?port=5", &["host=h", "port=5"]),
            ("postgresql:///d?host=/tmp&", &["dbname=d", "host=/tmp"]),
            ("postgresql:///?ssl=true", &["sslmode=require"]),
            ("postgresql:///?hos%74=a+b", &["host=a+b"]),
            ("postgresql:///?host=", &["host="]),
            (
                "postgresql://h/ d ?host= a ",
                &["host=h", "dbname=d", "host=a"],
            ),
            ("postgresql://a?user=x@b", &["user=a?user=x", "host=b"]),
            (
                "postgresql://h/?topologyKeys=a.b.c%3A1",
                &["host=h", "topology_keys=a.b.c:1"],
            ),
        ] {
            assert_eq!(pairs(text), expected, "{text}");
        }
    }

    #[test]
    fn errors_say_what_libpq_says() {
        for (text, expected) in [
            (
                "postgresql://[::1",
                r#"end of string reached when looking for matching "]" in IPv6"#,
            ),
            (
                "postgresql://[]",
                r#"IPv6 host address may not be empty in URI: "postgresql://[]""#,
            ),
            (
                "postgresql://[::1]x",
                r#"unexpected character "x" at position 19 in URI (expected"#,
            ),
            (
                "postgresql://u%zz@h",
                r#"invalid percent-encoded token: "u%zz""#,
            ),
            (
                "postgresql://u%2@h",
                r#"invalid percent-encoded token: "u%2""#,
            ),
            (
                "postgresql://u%00@h",
                r#"forbidden value %00 in percent-encoded value: "u%00""#,
            ),
            (
                "postgresql://h d",
                r#"unexpected spaces found in "h d", use percent-encoded"#,
            ),
            (
                "postgresql:///?host",
                r#"missing key/value separator "=" in URI query parameter: "host""#,
            ),
            (
                "postgresql:///?b=c=d",
                r#"extra key/value separator "=" in URI query parameter: "b""#,
            ),
            (
                "postgresql:///?foo=a",
                r#"invalid URI query parameter: "foo""#,
            ),
            (
                "postgresql:///?ssl=1",
                r#"invalid URI query parameter: "ssl" (did you mean "sslmode"?)"#,
            ),
            (
                "postgresql:///?user=%E9",
                "percent-encoded value is not valid UTF-8",
            ),
        ] {
            assert!(error(text).starts_with(expected), "{text}: {}", error(text));
        }
    }

    #[test]
    fn errors_never_show_a_password() {
        for text in [
            "postgresql://u:hunter2%@h",
            "postgresql://u:hunter2%00@h",
            "postgresql://u:hunter2 x@h",
            "postgresql://u:hunter2%E9@h",
            "postgresql://u:hunter2@[::1",
            "postgresql://u:hunter2@[]",
            "postgresql://u:hunter2@[::1]x",
            "postgresql:///?password=x&hunter2",
            "postgresql:///?password=x&hunter2=y",
            "postgresql:///?password=hunter2%",
            "postgresql:///?password=hunter2 x",
            "postgresql:///?password=x&hunter2%=y",
            "postgresql://u:x@hunter2%@h",
            "postgresql://u:hunter2%/x@h",
            "postgresql://u:x/hunter2%@h/d",
            "postgresql://u:/?hunter2@h",
            "postgresql://u:/?a=b=hunter2@h",
            "postgresql://u:/?hunter2=x=y@h",
        ] {
            assert!(!error(text).contains("hunter2"), "{text}: {}", error(text));
        }
    }
}
