//! Why there is no TLS, a variant per cause, each saying what to do where something can be done.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rustls::CertificateError;

use super::{SslMode, TlsVersion};

/// What a file named in the configuration was meant to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// `sslrootcert`.
    RootCertificate,
    /// `sslcert`.
    ClientCertificate,
    /// `sslkey`.
    PrivateKey,
    /// `sslcrl` and `sslcrldir`.
    RevocationList,
}

impl fmt::Display for FileKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::RootCertificate => "root certificate file",
            Self::ClientCertificate => "client certificate file",
            Self::PrivateKey => "private key file",
            Self::RevocationList => "certificate revocation list",
        })
    }
}

/// Why TLS cannot be configured, begun or continued.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// `start_tls` on a stream that is under TLS.
    #[error("the connection is under TLS already")]
    AlreadyStarted,
    /// `handshake` before `start_tls`.
    #[error("TLS has not been started on the connection")]
    NotStarted,

    /// `verify-full` without a host name.
    #[error("a host name must be given for sslmode=verify-full, not only an address to connect to")]
    HostNameRequired,
    /// `verify-full` with what cannot be a host name.
    #[error(
        "\"{name}\" cannot be the host name of a certificate, so sslmode=verify-full cannot succeed"
    )]
    InvalidHostName {
        /// The host as given.
        name: String,
    },
    /// `sslrootcert=system` with a mode that would not verify names.
    #[error(
        "sslmode={} is too weak for sslrootcert=system, where anyone can get a certificate: use verify-full",
        mode.name()
    )]
    WeakModeWithSystemRoots {
        /// The mode asked for.
        mode: SslMode,
    },
    /// A verifying mode without anything to verify against.
    #[error(
        "root certificate file {} does not exist: provide it, use the system's trusted authorities with \
         sslrootcert=system, or choose an sslmode that does not verify the server's certificate",
        shown(path.as_ref())
    )]
    RootCertificateMissing {
        /// The file looked for.
        path: Option<PathBuf>,
    },
    /// The operating system has no trusted authorities.
    #[error("the system's trusted certificates could not be loaded: {reason}")]
    NoSystemRoots {
        /// What was found instead.
        reason: String,
    },
    /// A file that exists cannot be read.
    #[error("could not read {kind} \"{}\": {source}", path.display())]
    ReadFile {
        /// What the file was meant to hold.
        kind: FileKind,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{kind} \"{}\" is not valid: {reason}", path.display())]
    InvalidFile {
        /// What the file was meant to hold.
        kind: FileKind,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A client certificate without its key.
    #[error("client certificate present, but not private key file {}", shown(path.as_ref()))]
    KeyMissing {
        /// The file looked for.
        path: Option<PathBuf>,
    },
    /// The key is a directory or a device.
    #[error("private key file \"{}\" is not a regular file", path.display())]
    KeyNotRegular {
        /// The file.
        path: PathBuf,
    },
    /// Others may read the key.
    #[error(
        "private key file \"{}\" has group or world access: it must have permissions u=rw (0600) or less, \
         or u=rw,g=r (0640) or less if owned by root",
        path.display()
    )]
    KeyPermissions {
        /// The file.
        path: PathBuf,
    },
    /// The key is encrypted and no password was given.
    #[error("private key file \"{}\" is encrypted: give its password as sslpassword", path.display())]
    KeyNeedsPassword {
        /// The file.
        path: PathBuf,
    },
    /// The key cannot be decrypted.
    #[error("private key file \"{}\" could not be decrypted with the given sslpassword", path.display())]
    KeyWrongPassword {
        /// The file.
        path: PathBuf,
    },
    /// The key is in OpenSSL's old encrypted form, which is weak.
    #[error(
        "private key file \"{}\" uses the legacy PEM encryption, which is not supported: convert it with \
         \"openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW\"",
        path.display()
    )]
    KeyLegacyEncryption {
        /// The file.
        path: PathBuf,
    },
    /// The key is not that of the certificate.
    #[error(
        "private key file \"{}\" does not belong to client certificate \"{}\"",
        key.display(),
        cert.display()
    )]
    KeyMismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Only versions older than TLS 1.2 would be left.
    #[error(
        "ssl_max_protocol_version={version} cannot be offered: TLSv1.2 and TLSv1.3 are supported"
    )]
    VersionUnsupported {
        /// The highest version asked for.
        version: TlsVersion,
    },
    /// The lowest version is above the highest.
    #[error("ssl_min_protocol_version={min} is above ssl_max_protocol_version={max}")]
    VersionRangeEmpty {
        /// The lowest version asked for.
        min: TlsVersion,
        /// The highest version asked for.
        max: TlsVersion,
    },

    /// The socket failed.
    #[error("the connection failed during the TLS handshake: {0}")]
    Io(#[source] io::Error),
    /// The server hung up during the handshake.
    #[error("the server closed the connection during the TLS handshake")]
    Closed,
    /// The stream ended without TLS's own end: the server died or someone cut the connection.
    #[error("the connection ended without the TLS close_notify message")]
    NoCloseNotify,
    /// What the server sent is not TLS.
    #[error("the server answered the TLS handshake with something that is not TLS")]
    NotTls,
    /// The certificate's time is over.
    #[error("server certificate verification failed: the certificate has expired")]
    CertificateExpired,
    /// The certificate's time has not come.
    #[error("server certificate verification failed: the certificate is not valid yet")]
    CertificateNotYetValid,
    /// The chain does not lead to a trusted authority.
    #[error(
        "server certificate verification failed: it was not issued by a trusted authority \
         (see sslrootcert)"
    )]
    UnknownIssuer,
    /// The certificate is on a revocation list.
    #[error("server certificate verification failed: the certificate has been revoked")]
    CertificateRevoked,
    /// No revocation list speaks for a certificate of the chain.
    #[error(
        "server certificate verification failed: no certificate revocation list of its issuer is in \
         sslcrl or sslcrldir"
    )]
    RevocationUnknown,
    /// The revocation list is out of date.
    #[error("server certificate verification failed: the certificate revocation list has expired")]
    RevocationListExpired,
    /// The certificate is for another host.
    #[error(
        "server certificate for {} does not match host name \"{host}\"",
        listed(presented)
    )]
    NameMismatch {
        /// The host connected to.
        host: String,
        /// The names in the certificate.
        presented: Vec<String>,
    },
    /// The certificate is unusable in another way.
    #[error("server certificate verification failed: {reason}")]
    InvalidCertificate {
        /// In which.
        reason: String,
    },
    /// The server refused, giving a reason of TLS's own list.
    #[error("the server ended the TLS connection with the alert \"{description}\"")]
    Alert {
        /// The alert's name, as `UnknownCA` or `CertificateRequired`.
        description: String,
    },
    /// No common version or cipher.
    #[error("the server and this client have no TLS version or cipher in common: {reason}")]
    Incompatible {
        /// What is missing.
        reason: String,
    },
    /// `sslnegotiation=direct` with a server that did not confirm the protocol.
    #[error(
        "the server did not confirm the ALPN protocol \"postgresql\", which sslnegotiation=direct requires \
         (PostgreSQL 17 or later)"
    )]
    AlpnNotConfirmed,
    /// `sslcertmode=require` with a server that did not ask.
    #[error("the server did not ask for a client certificate, which sslcertmode=require demands")]
    CertificateNotRequested,
    /// `sslcertmode=require` without a certificate to send.
    #[error(
        "the server asked for a client certificate and sslcertmode=require has none to send: set sslcert"
    )]
    CertificateNotSent,
    /// Everything else that breaks the rules of TLS.
    #[error("TLS error: {0}")]
    Protocol(#[source] rustls::Error),
}

impl TlsError {
    /// The error as one of reading or writing, itself kept as the source.
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            Self::Io(error) => error,
            Self::NoCloseNotify => io::Error::new(io::ErrorKind::UnexpectedEof, self),
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        }
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => certificate(error),
            rustls::Error::AlertReceived(alert) => Self::Alert {
                description: format!("{alert:?}"),
            },
            rustls::Error::PeerIncompatible(reason) => Self::Incompatible {
                reason: format!("{reason:?}"),
            },
            other => Self::Protocol(other),
        }
    }
}

fn certificate(error: CertificateError) -> TlsError {
    use CertificateError as Cause;

    match error {
        Cause::Expired | Cause::ExpiredContext { .. } => TlsError::CertificateExpired,
        Cause::NotValidYet | Cause::NotValidYetContext { .. } => TlsError::CertificateNotYetValid,
        Cause::UnknownIssuer => TlsError::UnknownIssuer,
        Cause::Revoked => TlsError::CertificateRevoked,
        Cause::UnknownRevocationStatus => TlsError::RevocationUnknown,
        Cause::ExpiredRevocationList | Cause::ExpiredRevocationListContext { .. } => {
            TlsError::RevocationListExpired
        }
        Cause::NotValidForNameContext {
            expected,
            presented,
        } => TlsError::NameMismatch {
            host: expected.to_str().into_owned(),
            presented,
        },
        other => TlsError::InvalidCertificate {
            reason: other.to_string(),
        },
    }
}

fn shown(path: Option<&PathBuf>) -> String {
    path.map_or_else(
        || "(none given)".to_owned(),
        |path| format!("\"{}\"", path.display()),
    )
}

/// At most a few names: a certificate may carry thousands.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;

    if names.is_empty() {
        return "no name".to_owned();
    }
    let mut text = String::new();
    for (index, name) in names.iter().take(SHOWN).enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&format!("\"{name}\""));
    }
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
