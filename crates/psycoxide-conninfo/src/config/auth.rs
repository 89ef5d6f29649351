//! Authentication: which methods are accepted and what proves who we are.
//!
//! Manual: [require_auth](https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNECT-REQUIRE-AUTH),
//! [channel_binding](https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNECT-CHANNEL-BINDING).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::settings::Settings;
use crate::value::choice;
use crate::{Error, Secret};

choice! {
    /// Whether SCRAM is bound to the TLS channel, `channel_binding`.
    pub enum ChannelBinding {
        /// Never.
        Disable = "disable",
        /// When TLS is on and the server offers it.
        #[default]
        Prefer = "prefer",
        /// The connection fails without it.
        Require = "require",
    }
}

/// A way in which a server may ask who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// The password in clear.
    Password,
    /// An MD5 hash of the password.
    Md5,
    /// GSSAPI.
    Gss,
    /// Windows SSPI.
    Sspi,
    /// SCRAM-SHA-256, with or without channel binding.
    ScramSha256,
    /// OAuth.
    OAuth,
    /// The server asks nothing.
    None,
}

impl AuthMethod {
    const ALL: &[(&str, Self)] = &[
        ("password", Self::Password),
        ("md5", Self::Md5),
        ("gss", Self::Gss),
        ("sspi", Self::Sspi),
        ("scram-sha-256", Self::ScramSha256),
        ("oauth", Self::OAuth),
        ("none", Self::None),
    ];
}

/// Which authentication methods are accepted, `require_auth`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RequireAuth {
    /// All of them.
    #[default]
    Any,
    /// Only these.
    Only(Vec<AuthMethod>),
    /// All but these.
    Not(Vec<AuthMethod>),
}

impl RequireAuth {
    /// Whether the method is accepted.
    pub fn allows(&self, method: AuthMethod) -> bool {
        match self {
            Self::Any => true,
            Self::Only(methods) => methods.contains(&method),
            Self::Not(methods) => !methods.contains(&method),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::Any);
        }
        // The first entry decides whether the list allows or forbids.
        let forbids = text.starts_with('!');
        let mut methods = Vec::new();
        for entry in text.split(',') {
            let name = entry.strip_prefix('!');
            match (forbids, name) {
                (false, Some(_)) => {
                    return Err(Error::NegativeAuthMethod {
                        method: entry.to_owned(),
                    });
                }
                (true, None) => {
                    return Err(Error::PositiveAuthMethod {
                        method: entry.to_owned(),
                    });
                }
                _ => {}
            }
            let name = name.unwrap_or(entry);
            let Some((_, method)) = AuthMethod::ALL.iter().find(|(known, _)| *known == name) else {
                return Err(Error::InvalidAuthMethod {
                    method: name.to_owned(),
                });
            };
            if methods.contains(method) {
                return Err(Error::RepeatedAuthMethod {
                    method: entry.to_owned(),
                });
            }
            methods.push(*method);
        }
        Ok(if forbids {
            Self::Not(methods)
        } else {
            Self::Only(methods)
        })
    }
}

/// A key of SCRAM-SHA-256, which can stand in for the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKey(Zeroizing<[u8; 32]>);

impl ScramKey {
    /// The key itself.
    pub fn reveal(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn parse(which: &'static str, text: &str) -> Result<Self, Error> {
        let bytes = match STANDARD.decode(text) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(_) => return Err(Error::InvalidScramKey { which }),
        };
        match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(key) => Ok(Self(Zeroizing::new(key))),
            Err(_) => Err(Error::ScramKeyLength {
                which,
                length: bytes.len(),
            }),
        }
    }
}

impl fmt::Debug for ScramKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::secret::MASK)
    }
}

/// Parameters of OAuth; kept for those who need them, this driver does not run the flow itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OAuth {
    /// The issuer's URL.
    pub issuer: Option<String>,
    /// The client's name with the issuer.
    pub client_id: Option<String>,
    /// The client's password with the issuer.
    pub client_secret: Option<Secret>,
    /// What access to ask for.
    pub scope: Option<String>,
}

impl OAuth {
    pub(crate) fn build(settings: &Settings) -> Self {
        let text = |name| settings.filled_text(name).map(str::to_owned);
        Self {
            issuer: text("oauth_issuer"),
            client_id: text("oauth_client_id"),
            client_secret: settings
                .filled_text("oauth_client_secret")
                .map(Secret::from),
            scope: text("oauth_scope"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn require_auth_allows_or_forbids() {
        let any = RequireAuth::parse("").unwrap();
        assert!(any.allows(AuthMethod::Password));
        let only = RequireAuth::parse("scram-sha-256,none").unwrap();
        assert!(only.allows(AuthMethod::None) && !only.allows(AuthMethod::Md5));
        let not = RequireAuth::parse("!password,!md5").unwrap();
        assert!(not.allows(AuthMethod::ScramSha256) && !not.allows(AuthMethod::Md5));
        assert!(RequireAuth::parse("password,md5,gss,sspi,scram-sha-256,oauth,none").is_ok());
    }

    #[test]
    fn require_auth_errors_are_libpqs() {
        for (text, message) in [
            ("foo", "invalid require_auth value: \"foo\""),
            ("md5,", "invalid require_auth value: \"\""),
            (",md5", "invalid require_auth value: \"\""),
            ("!", "invalid require_auth value: \"\""),
            ("MD5", "invalid require_auth value: \"MD5\""),
            ("md5, none", "invalid require_auth value: \" none\""),
            (
                "md5,md5",
                "require_auth method \"md5\" is specified more than once",
            ),
            (
                "!md5,!md5",
                "require_auth method \"!md5\" is specified more than once",
            ),
            (
                "md5,!none",
                "negative require_auth method \"!none\" cannot be mixed with non-negative methods",
            ),
            (
                "!md5,none",
                "require_auth method \"none\" cannot be mixed with negative methods",
            ),
        ] {
            let error = RequireAuth::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn scram_keys_are_32_bytes_in_base64() {
        let key =
            ScramKey::parse("client", "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=").unwrap();
        assert_eq!(key.reveal(), &[b'a'; 32]);
        assert_eq!(format!("{key:?}"), "********");
        let error = |text| ScramKey::parse("server", text).unwrap_err().to_string();
        assert!(error("x").starts_with("invalid SCRAM server key ("));
        assert!(error("").starts_with("invalid SCRAM server key length: 0"));
        assert!(error("AAAA").starts_with("invalid SCRAM server key length: 3"));
    }
}
