//! TLS as PostgreSQL clients use it: what is configured, what is agreed, what can go wrong.
//!
//! The meaning of every option is libpq's
//! (<https://www.postgresql.org/docs/current/libpq-ssl.html>): [`SslMode`] says what is verified,
//! a missing client certificate is no error, a private key that others can read is one. The TLS
//! implementation is rustls with ring: TLS 1.2 and 1.3, forward-secret authenticated ciphers only.
//!
//! [`TlsConfig`] is filled by the caller, with the default paths already put in;
//! [`TlsConnector`] is what came of reading those files, shared by all connections of the process
//! that were asked for alike.

mod certificates;
mod connector;
mod end_point;
mod error;
mod key;
pub(crate) mod name;
pub(crate) mod session;

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

pub use connector::TlsConnector;
pub use end_point::server_end_point;
pub use error::{FileKind, TlsError};

/// How much of the server's identity is verified; whether to ask for TLS at all, and what to do
/// when the server refuses, is up to the caller.
///
/// As in libpq, a root certificate file that exists is used in every mode: `Allow` and `Prefer`
/// then fail on a chain that does not lead to it, after which libpq tries without TLS.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum SslMode {
    /// No TLS. Nothing is verified should it be used all the same.
    Disable,
    /// Plain first, TLS if the server insists.
    Allow,
    /// TLS first, plain if the server has none.
    #[default]
    Prefer,
    /// TLS only; as `VerifyCa` when a root certificate file exists.
    Require,
    /// TLS only, and the certificate must come from a trusted authority.
    VerifyCa,
    /// As `VerifyCa`, and the certificate must be for the host connected to.
    VerifyFull,
}

impl SslMode {
    /// The mode as written in a connection string.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// Whether a connection without verified certificate is refused.
    #[must_use]
    pub fn verifies(self) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyFull)
    }
}

/// Which authorities are trusted.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum RootCert {
    /// None: only modes that do not verify can connect.
    #[default]
    None,
    /// Those in a PEM file. If it does not exist, verifying modes fail and the others go without.
    File(PathBuf),
    /// Those of the operating system (`SSL_CERT_FILE` and `SSL_CERT_DIR` override its places).
    /// Requires [`SslMode::VerifyFull`].
    System,
}

/// Whether a client certificate is sent: `sslcertmode`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum CertMode {
    /// Never, even when there is one.
    Disable,
    /// When the server asks and there is one.
    #[default]
    Allow,
    /// The server must ask for one.
    Require,
}

/// How TLS begins: `sslnegotiation`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Negotiation {
    /// After the protocol's `SSLRequest`.
    #[default]
    Postgres,
    /// At once; the server must then confirm the ALPN protocol `postgresql` (PostgreSQL 17).
    Direct,
}

/// A version of the protocol, as `ssl_min_protocol_version` and its counterpart name them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TlsVersion {
    /// TLS 1.0, never offered.
    Tls1_0,
    /// TLS 1.1, never offered.
    Tls1_1,
    /// TLS 1.2.
    Tls1_2,
    /// TLS 1.3.
    Tls1_3,
}

impl TlsVersion {
    /// The version as written in a connection string, which is also OpenSSL's way.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls1_0 => "TLSv1",
            Self::Tls1_1 => "TLSv1.1",
            Self::Tls1_2 => "TLSv1.2",
            Self::Tls1_3 => "TLSv1.3",
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The password of an encrypted private key; never printed, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyPassword(Zeroizing<String>);

impl KeyPassword {
    /// Takes the password in.
    #[must_use]
    pub fn new(password: impl Into<String>) -> Self {
        Self(Zeroizing::new(password.into()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for KeyPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("********")
    }
}

/// Everything that decides how TLS is made, connection parameters by libpq's names in brackets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsConfig {
    /// What is verified (`sslmode`).
    pub mode: SslMode,
    /// Which authorities are trusted (`sslrootcert`).
    pub root_cert: RootCert,
    /// PEM file with the client's certificate chain (`sslcert`); absent files do not count.
    pub cert: Option<PathBuf>,
    /// File with the client's private key (`sslkey`), PEM or DER; needed when `cert` exists.
    pub key: Option<PathBuf>,
    /// Password of that key (`sslpassword`).
    pub key_password: Option<KeyPassword>,
    /// Whether a client certificate is sent (`sslcertmode`).
    pub cert_mode: CertMode,
    /// PEM file with revocation lists (`sslcrl`); an absent file does not count.
    pub crl_file: Option<PathBuf>,
    /// Directory of such files (`sslcrldir`); an absent directory does not count.
    pub crl_dir: Option<PathBuf>,
    /// Whether the host name is sent in the clear (`sslsni`); an IP address never is.
    pub sni: bool,
    /// Lowest version offered (`ssl_min_protocol_version`).
    pub min_version: TlsVersion,
    /// Highest version offered (`ssl_max_protocol_version`).
    pub max_version: TlsVersion,
    /// How TLS begins (`sslnegotiation`).
    pub negotiation: Negotiation,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            mode: SslMode::default(),
            root_cert: RootCert::default(),
            cert: None,
            key: None,
            key_password: None,
            cert_mode: CertMode::default(),
            crl_file: None,
            crl_dir: None,
            sni: true,
            min_version: TlsVersion::Tls1_2,
            max_version: TlsVersion::Tls1_3,
            negotiation: Negotiation::default(),
        }
    }
}

/// How far a handshake has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handshake {
    /// The stream is encrypted.
    Done,
    /// Call again when the socket is readable.
    WantRead,
    /// Call again when the socket is writable.
    WantWrite,
}

/// What was agreed with the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsInfo {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite by OpenSSL's name, as `PQsslAttribute` gives it.
    pub cipher: &'static str,
    /// Length of the cipher's key.
    pub key_bits: u16,
    /// The application protocol the server confirmed (ALPN).
    pub alpn: Option<Vec<u8>>,
    /// The server's certificate, DER.
    pub peer_certificate: Vec<u8>,
    /// The data of the channel binding `tls-server-end-point`. `None` where RFC 5929 defines
    /// none (Ed25519): such a connection must authenticate without channel binding.
    pub server_end_point: Option<Vec<u8>>,
}
