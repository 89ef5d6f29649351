//! From a configuration to something that can begin TLS, reading each file once a process.
//!
//! A repeat connect with the same configuration costs a `stat` per file, not a new reading of the
//! trust store. A file that changed in any way its `stat` shows (content, owner, permissions) makes
//! a new connector; the system's trust store is read once and kept.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{IpAddr, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SupportedProtocolVersion};

use super::certificates::{self, Answered, ClientCertificate};
use super::session::{Requirements, Session};
use super::{CertMode, Negotiation, RootCert, SslMode, TlsConfig, TlsError, TlsVersion};
use crate::verify::{Check, Roots, ServerVerifier};

/// The application protocol of PostgreSQL, offered always and required for direct negotiation.
const ALPN: &[u8] = b"postgresql";

/// Different configurations kept. A process has a few; whoever has more pays with reading files.
const CACHE_CAPACITY: usize = 64;

static CACHE: Mutex<Vec<(Key, TlsConnector)>> = Mutex::new(Vec::new());

/// What begins TLS on a stream: a configuration with its files read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TlsConnector {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Arc<ClientConfig>,
    mode: SslMode,
    negotiation: Negotiation,
    /// Whether the server must ask for the certificate below.
    certificate_required: bool,
    certificate: Option<Arc<CertifiedKey>>,
}

/// What a cached connector was made from.
#[derive(PartialEq, Eq, Debug)]
struct Key {
    config: TlsConfig,
    stamps: Vec<Option<Stamp>>,
    /// Where the system's certificates come from, when they are asked for.
    system: Option<[Option<OsString>; 2]>,
}

/// What tells one state of a file from another. The change time covers owner and permissions.
#[derive(PartialEq, Eq, Debug)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl TlsConnector {
    /// Reads what the configuration names, or takes an earlier reading that still holds.
    ///
    /// # Errors
    /// Which file or option is at fault.
    pub fn new(config: &TlsConfig) -> Result<Self, TlsError> {
        // Taken before the files are read: a change in between makes the entry useless, not wrong.
        let key = Key::of(config)?;
        if let Some(connector) = look_up(&key) {
            return Ok(connector);
        }
        let connector = Self {
            inner: Arc::new(Inner::build(config)?),
        };
        keep(key, connector.clone());
        Ok(connector)
    }

    pub(crate) fn session(&self, server_name: &str) -> Result<Session, TlsError> {
        let inner = &*self.inner;
        let mut requirements = Requirements {
            alpn: inner.negotiation == Negotiation::Direct,
            certificate: None,
        };
        let mut client = Arc::clone(&inner.client);
        if inner.certificate_required {
            let answered = Arc::new(Answered::new(inner.certificate.clone()));
            requirements.certificate = Some(Arc::clone(&answered));
            let mut own = ClientConfig::clone(&client);
            own.client_auth_cert_resolver = answered;
            // A resumed session asks for no certificate.
            own.resumption = Resumption::disabled();
            client = Arc::new(own);
        }
        Session::new(client, inner.name(server_name)?, requirements)
    }
}

impl Inner {
    fn build(config: &TlsConfig) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let roots = roots(config)?;
        let check = match (config.mode, &roots) {
            (SslMode::VerifyFull, _) => Check::ChainAndName,
            (_, Some(_)) => Check::Chain,
            (_, None) => Check::Nothing,
        };
        let lists = match check {
            Check::Nothing => Vec::new(),
            _ => certificates::load_revocation_lists(
                config.crl_file.as_ref(),
                config.crl_dir.as_ref(),
            )?,
        };
        let certificate = client_certificate(config, &provider)?;
        let verifier = ServerVerifier::new(
            roots.unwrap_or_default(),
            lists,
            check,
            Arc::clone(&provider),
        )?;

        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions(config)?)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(ClientCertificate(certificate.clone())));
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.enable_sni = config.sni;
        Ok(Self {
            client: Arc::new(client),
            mode: config.mode,
            negotiation: config.negotiation,
            certificate_required: config.cert_mode == CertMode::Require,
            certificate,
        })
    }

    /// The host as rustls takes it. Only `verify-full` needs a real one; elsewhere an address that
    /// is nobody's stands for what has no valid form, because addresses never go into SNI.
    fn name(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        if let Ok(name) = ServerName::try_from(host) {
            return Ok(name.to_owned());
        }
        match self.mode {
            SslMode::VerifyFull if host.is_empty() => Err(TlsError::HostNameRequired),
            SslMode::VerifyFull => Err(TlsError::InvalidHostName {
                name: host.to_owned(),
            }),
            _ => Ok(ServerName::IpAddress(IpAddr::from(std::net::IpAddr::from(
                [0, 0, 0, 0],
            )))),
        }
    }
}

fn roots(config: &TlsConfig) -> Result<Option<Roots>, TlsError> {
    let (found, path) = match &config.root_cert {
        RootCert::System if config.mode == SslMode::VerifyFull => {
            return certificates::load_system_roots().map(Some);
        }
        RootCert::System => {
            return Err(TlsError::WeakModeWithSystemRoots { mode: config.mode });
        }
        RootCert::File(path) => (certificates::load_roots(path)?, Some(path.clone())),
        RootCert::None => (None, None),
    };
    if found.is_none() && config.mode.verifies() {
        return Err(TlsError::RootCertificateMissing { path });
    }
    Ok(found)
}

fn client_certificate(
    config: &TlsConfig,
    provider: &CryptoProvider,
) -> Result<Option<Arc<CertifiedKey>>, TlsError> {
    match &config.cert {
        Some(cert) if config.cert_mode != CertMode::Disable => {
            certificates::load_client_certificate(
                cert,
                config.key.as_ref(),
                config.key_password.as_ref(),
                provider,
            )
        }
        _ => Ok(None),
    }
}

fn versions(config: &TlsConfig) -> Result<&'static [&'static SupportedProtocolVersion], TlsError> {
    use rustls::version::{TLS12, TLS13};
    const ONLY_12: &[&SupportedProtocolVersion] = &[&TLS12];
    const ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];
    const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

    let (min, max) = (config.min_version, config.max_version);
    if min > max {
        return Err(TlsError::VersionRangeEmpty { min, max });
    }
    match (min, max) {
        (_, TlsVersion::Tls1_0 | TlsVersion::Tls1_1) => {
            Err(TlsError::VersionUnsupported { version: max })
        }
        (TlsVersion::Tls1_3, _) => Ok(ONLY_13),
        (_, TlsVersion::Tls1_2) => Ok(ONLY_12),
        _ => Ok(BOTH),
    }
}

impl Key {
    fn of(config: &TlsConfig) -> Result<Self, TlsError> {
        let mut stamps = Vec::new();
        if let RootCert::File(path) = &config.root_cert {
            stamps.push(Stamp::of(path));
        }
        for path in [&config.cert, &config.key, &config.crl_file]
            .into_iter()
            .flatten()
        {
            stamps.push(Stamp::of(path));
        }
        if let Some(directory) = &config.crl_dir {
            stamps.push(Stamp::of(directory));
            stamps.extend(
                certificates::files_of(directory)?
                    .iter()
                    .map(|path| Stamp::of(path)),
            );
        }
        let system = (config.root_cert == RootCert::System)
            .then(|| ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(std::env::var_os));
        Ok(Self {
            config: config.clone(),
            stamps,
            system,
        })
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

fn look_up(key: &Key) -> Option<TlsConnector> {
    let cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    cache
        .iter()
        .find(|(known, _)| known == key)
        .map(|(_, connector)| connector.clone())
}

/// Puts a connector in, in the place of the one whose files have changed since, if any.
fn keep(key: Key, connector: TlsConnector) {
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    cache.retain(|(known, _)| known.config != key.config);
    if cache.len() >= CACHE_CAPACITY {
        cache.remove(0);
    }
    cache.push((key, connector));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_configuration_gives_the_same_connector() {
        let directory = tempfile::tempdir().unwrap();
        let config = TlsConfig {
            root_cert: RootCert::File(directory.path().join("root.crt")),
            ..TlsConfig::default()
        };
        let first = TlsConnector::new(&config).unwrap();
        let second = TlsConnector::new(&config).unwrap();
        assert!(Arc::ptr_eq(&first.inner, &second.inner));

        let other = TlsConnector::new(&TlsConfig {
            sni: false,
            ..config
        })
        .unwrap();
        assert!(!Arc::ptr_eq(&first.inner, &other.inner));
    }

    #[test]
    fn versions_that_are_not_offered_are_named() {
        let with = |min_version, max_version| {
            TlsConnector::new(&TlsConfig {
                min_version,
                max_version,
                ..TlsConfig::default()
            })
            .map(|_| ())
            .map_err(|error| error.to_string())
        };
        use TlsVersion::{Tls1_0, Tls1_1, Tls1_2, Tls1_3};
        assert_eq!(with(Tls1_0, Tls1_3), Ok(()));
        assert_eq!(with(Tls1_2, Tls1_2), Ok(()));
        assert!(
            with(Tls1_0, Tls1_1)
                .unwrap_err()
                .contains("ssl_max_protocol_version=TLSv1.1")
        );
        assert!(
            with(Tls1_3, Tls1_2)
                .unwrap_err()
                .contains("ssl_min_protocol_version=TLSv1.3")
        );
    }

    #[test]
    fn only_verify_full_insists_on_a_host_name() {
        let prefer = TlsConnector::new(&TlsConfig::default()).unwrap();
        for host in [
            "",
            "no host",
            "10.0.0.1",
            "fe80::1%eth0",
            "db.example.org",
            "snake_case",
        ] {
            assert!(prefer.session(host).is_ok(), "{host}");
        }
    }
}
