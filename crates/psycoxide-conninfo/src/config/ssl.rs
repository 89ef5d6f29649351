//! TLS: how much to insist on it and with which files.
//!
//! The rule it guards: a file nobody named is used only if it is there, one that somebody named must
//! be there; who reads the files decides by [`SslFile::origin`]. Manual:
//! [SSL Support](https://www.postgresql.org/docs/18/libpq-ssl.html).

use std::path::PathBuf;

use crate::environment::Environment;
use crate::settings::{Origin, Settings};
use crate::value::{choice, flag};
use crate::{Error, Secret};

choice! {
    /// How much to insist on TLS, `sslmode`.
    pub enum SslMode {
        /// No TLS.
        Disable = "disable",
        /// TLS only if the server refuses to do without.
        Allow = "allow",
        /// TLS if the server has it.
        #[default]
        Prefer = "prefer",
        /// TLS or nothing.
        Require = "require",
        /// TLS, and a certificate of a trusted authority.
        VerifyCa = "verify-ca",
        /// TLS, and a certificate of a trusted authority for this host name.
        VerifyFull = "verify-full",
    }
}

impl SslMode {
    /// Whether a connection without TLS is out of the question.
    pub fn insists(self) -> bool {
        matches!(self, Self::Require | Self::VerifyCa | Self::VerifyFull)
    }
}

choice! {
    /// How TLS begins, `sslnegotiation`.
    pub enum SslNegotiation {
        /// The server is asked first.
        #[default]
        Postgres = "postgres",
        /// The first byte is TLS (PostgreSQL 17 and later).
        Direct = "direct",
    }
}

choice! {
    /// Whether to send a client certificate, `sslcertmode`.
    pub enum ClientCertificate {
        /// Never, even if there is one.
        Disable = "disable",
        /// If the server asks and there is one.
        #[default]
        Allow = "allow",
        /// The server must ask for it.
        Require = "require",
    }
}

/// Versions of TLS as libpq names them. This driver speaks the last two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.0.
    Tls1_0,
    /// TLS 1.1.
    Tls1_1,
    /// TLS 1.2.
    Tls1_2,
    /// TLS 1.3.
    Tls1_3,
}

impl TlsVersion {
    const ALL: [Self; 4] = [Self::Tls1_0, Self::Tls1_1, Self::Tls1_2, Self::Tls1_3];

    /// The name in a connection string.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls1_0 => "TLSv1",
            Self::Tls1_1 => "TLSv1.1",
            Self::Tls1_2 => "TLSv1.2",
            Self::Tls1_3 => "TLSv1.3",
        }
    }

    /// Any case is accepted, and nothing means no bound.
    fn parse(keyword: &'static str, settings: &Settings) -> Result<Option<Self>, Error> {
        let Some(value) = settings.filled_text(keyword) else {
            return Ok(None);
        };
        match Self::ALL
            .into_iter()
            .find(|version| version.as_str().eq_ignore_ascii_case(value))
        {
            Some(version) => Ok(Some(version)),
            None => Err(Error::InvalidTlsVersion {
                keyword,
                value: value.to_owned(),
            }),
        }
    }
}

/// A file for TLS and where its name came from: with [`Origin::Default`] it need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SslFile {
    /// The file or directory.
    pub path: PathBuf,
    /// Where the name came from.
    pub origin: Origin,
}

/// The authorities to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootCert {
    /// Those of the operating system: `sslrootcert=system`.
    System,
    /// Those in a file.
    File(SslFile),
}

/// Everything about TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SslConfig {
    /// How much to insist.
    pub mode: SslMode,
    /// How to begin.
    pub negotiation: SslNegotiation,
    /// Whom to trust; none if there is not even a default place to look.
    pub root_cert: Option<RootCert>,
    /// The client's certificate.
    pub cert: Option<SslFile>,
    /// The key of the client's certificate.
    pub key: Option<SslFile>,
    /// The password of the key.
    pub key_password: Option<Secret>,
    /// Certificates revoked, in a file.
    pub crl: Option<SslFile>,
    /// Certificates revoked, in a directory.
    pub crl_dir: Option<SslFile>,
    /// Whether to send the host name in clear when TLS begins.
    pub sni: bool,
    /// Whether to send a client certificate.
    pub client_certificate: ClientCertificate,
    /// The lowest version to accept.
    pub min_version: Option<TlsVersion>,
    /// The highest version to accept.
    pub max_version: Option<TlsVersion>,
    /// Where to log session keys, for analysing traffic.
    pub key_log_file: Option<PathBuf>,
}

impl SslConfig {
    pub(crate) fn build(settings: &Settings, environment: &dyn Environment) -> Result<Self, Error> {
        let mode = match settings.text("sslmode") {
            Some(mode) => SslMode::parse("sslmode", mode)?,
            None => SslMode::default(),
        };
        let negotiation = match settings.text("sslnegotiation") {
            Some(value) => SslNegotiation::parse("sslnegotiation", value)?,
            None => SslNegotiation::default(),
        };
        if negotiation == SslNegotiation::Direct && !mode.insists() {
            return Err(Error::WeakModeForDirect {
                mode: mode.as_str(),
            });
        }

        let file = |keyword: &str, default: Option<&str>| match settings.filled(keyword) {
            Some(s) => Some(SslFile {
                path: PathBuf::from(&*s.value),
                origin: s.origin,
            }),
            None => default
                .zip(environment.home_directory())
                .map(|(name, home)| SslFile {
                    path: home.join(".postgresql").join(name),
                    origin: Origin::Default,
                }),
        };
        let root_cert = match settings.filled_text("sslrootcert") {
            Some("system") if mode != SslMode::VerifyFull => {
                return Err(Error::WeakModeForSystemRoots {
                    mode: mode.as_str(),
                });
            }
            Some("system") => Some(RootCert::System),
            _ => file("sslrootcert", Some("root.crt")).map(RootCert::File),
        };
        let crl_dir = file("sslcrldir", None);
        let crl_default = if crl_dir.is_none() {
            Some("root.crl")
        } else {
            None
        };

        let min_version = TlsVersion::parse("ssl_min_protocol_version", settings)?;
        let max_version = TlsVersion::parse("ssl_max_protocol_version", settings)?;
        let lowest = min_version
            .unwrap_or(TlsVersion::Tls1_0)
            .max(TlsVersion::Tls1_2);
        if let Some(highest) = max_version.filter(|highest| *highest < lowest) {
            return Err(Error::TlsVersionRange {
                minimum: min_version.unwrap_or(lowest).as_str(),
                maximum: highest.as_str(),
            });
        }
        // Compression is not done, whatever is asked, but nonsense is still nonsense.
        flag(
            "sslcompression",
            settings.text("sslcompression").unwrap_or_default(),
        )?;

        Ok(Self {
            mode,
            negotiation,
            root_cert,
            cert: file("sslcert", Some("postgresql.crt")),
            key: file("sslkey", Some("postgresql.key")),
            key_password: settings.filled_text("sslpassword").map(Secret::from),
            crl: file("sslcrl", crl_default),
            crl_dir,
            sni: flag("sslsni", settings.text("sslsni").unwrap_or_default())?.unwrap_or(true),
            client_certificate: match settings.text("sslcertmode") {
                Some(value) => ClientCertificate::parse("sslcertmode", value)?,
                None => ClientCertificate::default(),
            },
            min_version,
            max_version,
            key_log_file: settings.filled_text("sslkeylogfile").map(PathBuf::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Fixed;
    use crate::{Parameters, Profile, resolve};

    fn ssl(text: &str) -> Result<SslConfig, String> {
        let environment = Fixed::default().home("/home/ann");
        let parameters = Parameters::parse(text).unwrap();
        resolve(&parameters, &environment, Profile::Yugabyte)
            .map(|config| config.ssl)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_libpqs() {
        let ssl = ssl("").unwrap();
        assert_eq!(ssl.mode, SslMode::Prefer);
        assert_eq!(ssl.negotiation, SslNegotiation::Postgres);
        assert_eq!(ssl.client_certificate, ClientCertificate::Allow);
        assert!(ssl.sni);
        assert_eq!(
            (ssl.min_version, ssl.max_version),
            (Some(TlsVersion::Tls1_2), None)
        );
        let Some(RootCert::File(root)) = ssl.root_cert else {
            panic!("no root certificate")
        };
        assert_eq!(root.path, PathBuf::from("/home/ann/.postgresql/root.crt"));
        assert_eq!(root.origin, Origin::Default);
        assert_eq!(
            ssl.crl.unwrap().path,
            PathBuf::from("/home/ann/.postgresql/root.crl")
        );
        assert_eq!(
            ssl.key.unwrap().path,
            PathBuf::from("/home/ann/.postgresql/postgresql.key")
        );
    }

    #[test]
    fn named_files_are_taken_as_they_are() {
        let ssl =
            ssl("sslrootcert=r sslcert=c sslkey='' sslcrldir=d sslpassword=p sslsni=0").unwrap();
        let Some(RootCert::File(root)) = ssl.root_cert else {
            panic!("no root certificate")
        };
        assert_eq!(
            (root.path, root.origin),
            (PathBuf::from("r"), Origin::Given)
        );
        assert_eq!(ssl.key.unwrap().origin, Origin::Default);
        assert_eq!(ssl.crl, None);
        assert_eq!(ssl.key_password.unwrap().reveal(), "p");
        assert!(!ssl.sni);
    }

    #[test]
    fn bad_values_and_weak_combinations_are_refused() {
        for (text, message) in [
            (
                "sslmode=foo",
                "invalid sslmode value: \"foo\" (expected \"disable\", \"allow\",",
            ),
            ("sslmode=''", "invalid sslmode value: \"\""),
            ("sslmode=REQUIRE", "invalid sslmode value: \"REQUIRE\""),
            ("sslnegotiation=x", "invalid sslnegotiation value: \"x\""),
            (
                "sslnegotiation=direct",
                "weak sslmode \"prefer\" may not be used with sslnegotiation",
            ),
            ("sslcertmode=x", "invalid sslcertmode value: \"x\""),
            ("sslsni=x", "invalid sslsni value: \"x\""),
            ("sslcompression=x", "invalid sslcompression value: \"x\""),
            (
                "ssl_min_protocol_version=x",
                "invalid \"ssl_min_protocol_version\" value: \"x\"",
            ),
            (
                "ssl_max_protocol_version=TLSv1.1",
                "invalid SSL protocol version range",
            ),
            (
                "ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
                "invalid SSL protocol version range",
            ),
            (
                "sslrootcert=system sslmode=require",
                "weak sslmode \"require\" may not be used with sslrootcert=system",
            ),
        ] {
            let error = ssl(text).unwrap_err();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn good_combinations_pass() {
        let system = ssl("sslrootcert=system").unwrap();
        assert_eq!(
            (system.mode, system.root_cert),
            (SslMode::VerifyFull, Some(RootCert::System))
        );
        let direct = ssl("sslnegotiation=direct sslmode=require").unwrap();
        assert_eq!(direct.negotiation, SslNegotiation::Direct);
        let old = ssl("ssl_min_protocol_version=tlsv1 ssl_max_protocol_version=").unwrap();
        assert_eq!(
            (old.min_version, old.max_version),
            (Some(TlsVersion::Tls1_0), None)
        );
    }
}
