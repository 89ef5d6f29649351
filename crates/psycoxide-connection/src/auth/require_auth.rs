//! The `require_auth` parameter: which methods the server may use.
//!
//! Manual: <https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNECT-REQUIRE-AUTH>

use std::fmt;
use std::str::FromStr;

/// A method of authentication, as `require_auth` names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// `password`: the password in clear text.
    Password,
    /// `md5`.
    Md5,
    /// `gss`: not implemented by this driver.
    Gss,
    /// `sspi`: not implemented by this driver.
    Sspi,
    /// `scram-sha-256`, with or without channel binding.
    ScramSha256,
    /// `oauth`: not implemented by this driver.
    Oauth,
    /// `none`: the server asks for nothing.
    None,
}

const METHODS: [(&str, Method); 7] = [
    ("password", Method::Password),
    ("md5", Method::Md5),
    ("gss", Method::Gss),
    ("sspi", Method::Sspi),
    ("scram-sha-256", Method::ScramSha256),
    ("oauth", Method::Oauth),
    ("none", Method::None),
];

/// A parsed `require_auth`. The default allows everything.
///
/// ```
/// use psycoxide_connection::auth::{Method, RequireAuth};
///
/// let require_auth: RequireAuth = "scram-sha-256,md5".parse()?;
/// assert!(require_auth.allows(Method::Md5) && !require_auth.allows(Method::None));
///
/// let require_auth: RequireAuth = "!password".parse()?;
/// assert!(require_auth.allows(Method::None) && !require_auth.allows(Method::Password));
/// # Ok::<(), psycoxide_connection::auth::RequireAuthError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RequireAuth {
    text: String,
    /// One bit for each method.
    refused: u8,
}

impl RequireAuth {
    /// Whether the server may use this method.
    pub fn allows(&self, method: Method) -> bool {
        self.refused & bit(method) == 0
    }
}

fn bit(method: Method) -> u8 {
    1 << method as u8
}

impl FromStr for RequireAuth {
    type Err = RequireAuthError;

    fn from_str(text: &str) -> Result<Self, RequireAuthError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let negative = text.starts_with('!');
        let mut listed = 0;
        for item in text.split(',') {
            let name = item.strip_prefix('!').unwrap_or(item);
            let unknown = || RequireAuthError::Unknown {
                value: name.to_owned(),
            };
            let (_, method) = METHODS
                .iter()
                .find(|(known, _)| *known == name)
                .ok_or_else(unknown)?;
            if item.starts_with('!') != negative {
                return Err(RequireAuthError::Mixed {
                    item: item.to_owned(),
                    negative,
                });
            }
            if listed & bit(*method) != 0 {
                return Err(RequireAuthError::Repeated {
                    item: item.to_owned(),
                });
            }
            listed |= bit(*method);
        }
        let refused = if negative { listed } else { !listed };
        Ok(Self {
            text: text.to_owned(),
            refused,
        })
    }
}

impl fmt::Display for RequireAuth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A `require_auth` that makes no sense. The texts are libpq's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequireAuthError {
    /// There is no such method.
    #[error("invalid require_auth value: \"{value}\"")]
    Unknown {
        /// The item, without `!`.
        value: String,
    },
    /// Some items are negated and some are not.
    #[error("{}", mixed(item, *negative))]
    Mixed {
        /// The item that does not fit those before it.
        item: String,
        /// Whether those before it are negated.
        negative: bool,
    },
    /// An item is there twice.
    #[error("require_auth method \"{item}\" is specified more than once")]
    Repeated {
        /// The item.
        item: String,
    },
}

fn mixed(item: &str, negative: bool) -> String {
    if negative {
        format!("require_auth method \"{item}\" cannot be mixed with negative methods")
    } else {
        format!("negative require_auth method \"{item}\" cannot be mixed with non-negative methods")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_as_libpq_tells_them() {
        for (text, message) in [
            ("foo", r#"invalid require_auth value: "foo""#),
            ("MD5", r#"invalid require_auth value: "MD5""#),
            (" md5", r#"invalid require_auth value: " md5""#),
            ("md5,", r#"invalid require_auth value: """#),
            ("!", r#"invalid require_auth value: """#),
            (
                "password,!md5",
                r#"negative require_auth method "!md5" cannot be mixed with non-negative methods"#,
            ),
            (
                "!md5,password",
                r#"require_auth method "password" cannot be mixed with negative methods"#,
            ),
            (
                "none,none",
                r#"require_auth method "none" is specified more than once"#,
            ),
            (
                "!md5,!md5",
                r#"require_auth method "!md5" is specified more than once"#,
            ),
        ] {
            let error = text.parse::<RequireAuth>().unwrap_err();
            assert_eq!(error.to_string(), message, "{text:?}");
        }
    }

    #[test]
    fn every_method_can_be_required_and_refused() {
        for (name, method) in METHODS {
            let required: RequireAuth = name.parse().unwrap();
            let refused: RequireAuth = format!("!{name}").parse().unwrap();
            for (_, other) in METHODS {
                assert_eq!(required.allows(other), other == method, "{name}");
                assert_eq!(refused.allows(other), other != method, "!{name}");
                assert!(RequireAuth::default().allows(other));
            }
        }
    }
}
