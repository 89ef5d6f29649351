//! The password file: lines of `hostname:port:database:username:password`.
//!
//! The rule it guards: a file others can read is not used; the first line that fits decides, even
//! when its password is empty. Manual:
//! [The Password File](https://www.postgresql.org/docs/18/libpq-pgpass.html).

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::environment::{Environment, FileKind};
use crate::{Secret, Warning};

/// A password file that may be used.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Passfile {
    path: PathBuf,
    content: Zeroizing<Vec<u8>>,
}

/// What a password is looked up by.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) dbname: &'a str,
    pub(crate) user: &'a str,
}

impl fmt::Debug for Passfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Passfile").field(&self.path).finish()
    }
}

impl Passfile {
    /// Reads the file, unless it is missing (no word about that) or must not be used (a warning).
    pub(crate) fn load(
        path: &Path,
        environment: &dyn Environment,
        warnings: &mut Vec<Warning>,
    ) -> Option<Self> {
        let path = path.to_owned();
        let status = match environment.status(&path) {
            Ok(status) => status,
            Err(error) => return unreadable(path, &error, warnings),
        };
        if status.kind != FileKind::File {
            warnings.push(Warning::PassfileNotPlain { path });
            return None;
        }
        if status.permissions.is_some_and(|bits| bits & 0o077 != 0) {
            warnings.push(Warning::PassfilePermissions { path });
            return None;
        }
        match environment.read(&path) {
            Ok(content) => Some(Self {
                path,
                content: Zeroizing::new(content),
            }),
            Err(error) => unreadable(path, &error, warnings),
        }
    }

    /// The password of the first line that fits.
    pub(crate) fn find(&self, key: Key<'_>, warnings: &mut Vec<Warning>) -> Option<Secret> {
        let port = key.port.to_string();
        let wanted = [key.host, &port, key.dbname, key.user];
        for (index, line) in self.content.split(|byte| *byte == b'\n').enumerate() {
            let line = without_carriage_returns(line);
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let Some(password) = password_of(line, &wanted) else {
                continue;
            };
            if password.is_empty() {
                return None;
            }
            match std::str::from_utf8(&password) {
                Ok(text) => return Some(Secret::new(text)),
                Err(_) => warnings.push(Warning::PassfileNotUtf8 {
                    path: self.path.clone(),
                    line: index + 1,
                }),
            }
        }
        None
    }
}

fn unreadable(path: PathBuf, error: &io::Error, warnings: &mut Vec<Warning>) -> Option<Passfile> {
    if error.kind() != io::ErrorKind::NotFound {
        warnings.push(Warning::PassfileUnreadable {
            path,
            reason: error.to_string(),
        });
    }
    None
}

/// The line's password if its four fields fit.
fn password_of(line: &[u8], wanted: &[&str; 4]) -> Option<Zeroizing<Vec<u8>>> {
    let mut rest = line;
    for value in wanted {
        let (field, after) = split_field(rest);
        if field != b"*" && unescape(field).as_slice() != value.as_bytes() {
            return None;
        }
        rest = after?;
    }
    Some(unescape(split_field(rest).0))
}

/// Cuts at the first colon without a backslash.
fn split_field(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b':' if !escaped => return (&text[..at], Some(&text[at + 1..])),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    (text, None)
}

/// A backslash takes the next byte as it is; at the end it stands for itself.
fn unescape(field: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(field.len()));
    let mut bytes = field.iter().copied();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => bytes.next().unwrap_or(b'\\'),
            byte => byte,
        });
    }
    plain
}

/// Drops the carriage returns of a file written on Windows.
fn without_carriage_returns(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b'\r'] = line {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::environment::Fixed;

    const KEY: Key<'static> = Key {
        host: "h",
        port: 5433,
        dbname: "d",
        user: "u",
    };

    fn found(content: &[u8], key: Key<'_>) -> Option<String> {
        let environment = Fixed::default().file("/p", 0o600, content);
        let mut warnings = Vec::new();
        let file = Passfile::load(Path::new("/p"), &environment, &mut warnings).unwrap();
        file.find(key, &mut warnings)
            .map(|secret| secret.reveal().to_owned())
    }

    #[test]
    fn the_first_line_that_fits_decides() {
        for (content, password) in [
            ("h:5433:d:u:pw", Some("pw")),
            ("*:*:*:*:star\n", Some("star")),
            ("#c\n\n*:*:*:v:no\n*:*:*:u:yes\n*:*:*:*:late\n", Some("yes")),
            ("*:*:d:u:\n*:*:*:*:late\n", None),
            ("*:*:d:u\n", None),
            ("*:5432:d:u:x\n", None),
            ("*:*:D:u:x\n", None),
            ("*:*:d*:u:x\n**:*:*:*:x\n \\*:*:*:*:x\n", None),
            ("*:*:d:\\u:p#w \r\n", Some("p#w ")),
            ("*:*:d:u:a\\:b\\\\c\\d\n", Some("a:b\\cd")),
            ("*:*:d:u:a:b\n", Some("a")),
            ("*:*:d:u:a\\\n", Some("a\\")),
            ("", None),
        ] {
            assert_eq!(
                found(content.as_bytes(), KEY).as_deref(),
                password,
                "{content}"
            );
        }
    }

    #[test]
    fn fields_may_hold_escaped_colons_and_backslashes() {
        let key = Key {
            host: "fe80::1",
            user: "a\\b:c",
            ..KEY
        };
        assert_eq!(
            found(br"fe80\:\:1:*:*:a\\b\:c:pw", key).as_deref(),
            Some("pw")
        );
    }

    #[test]
    fn a_file_others_can_read_is_not_used() {
        for (permissions, used) in [
            (0o600, true),
            (0o400, true),
            (0o700, true),
            (0o640, false),
            (0o604, false),
        ] {
            let environment = Fixed::default().file("/p", 0o100_000 | permissions, "*:*:*:*:x");
            let mut warnings = Vec::new();
            let file = Passfile::load(Path::new("/p"), &environment, &mut warnings);
            assert_eq!(file.is_some(), used);
            assert_eq!(warnings.is_empty(), used);
            if let Some(warning) = warnings.first() {
                assert!(
                    warning
                        .to_string()
                        .contains("permissions should be u=rw (0600) or less")
                );
            }
        }
    }

    #[test]
    fn only_a_plain_file_counts_and_a_missing_one_is_no_news() {
        let mut warnings = Vec::new();
        let environment = Fixed::default().directory("/p");
        assert!(Passfile::load(Path::new("/q"), &environment, &mut warnings).is_none());
        assert_eq!(warnings, []);
        assert!(Passfile::load(Path::new("/p"), &environment, &mut warnings).is_none());
        assert_eq!(warnings, [Warning::PassfileNotPlain { path: "/p".into() }]);
    }

    #[test]
    fn a_password_that_is_not_utf8_is_skipped_with_a_warning() {
        let environment = Fixed::default().file("/p", 0o600, b"*:*:*:*:\xff\n*:*:*:*:x".to_vec());
        let mut warnings = Vec::new();
        let file = Passfile::load(Path::new("/p"), &environment, &mut warnings).unwrap();
        assert_eq!(file.find(KEY, &mut warnings).unwrap().reveal(), "x");
        assert_eq!(
            warnings,
            [Warning::PassfileNotUtf8 {
                path: "/p".into(),
                line: 1
            }]
        );
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_found(fields in proptest::array::uniform3("[^\0\r\n]{1,6}"), password in "[^\0\r\n]{1,8}") {
            let escape = |text: &str| text.replace('\\', "\\\\").replace(':', "\\:");
            let [host, dbname, user] = &fields;
            prop_assume!(!host.starts_with('#'));
            // An escaped star is a star; a bare one would be a wildcard, which fits as well.
            let line = format!("{}:1:{}:{}:{}", escape(host), escape(dbname), escape(user), escape(&password));
            let key = Key { host, port: 1, dbname, user };
            prop_assert_eq!(found(line.as_bytes(), key), Some(password));
        }

        #[test]
        fn any_bytes_are_read(content in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = found(&content, KEY);
        }
    }
}
