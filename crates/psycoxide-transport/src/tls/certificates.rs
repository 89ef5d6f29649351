//! The certificate files: trusted authorities, revocation lists, the client's own chain.
//!
//! The rule it guards is libpq's about absent files: whoever names a file that does not exist gets
//! what they would get without it, and the caller decides whether that is enough. A file that
//! exists and cannot be used is always an error.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, SignatureScheme};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::{Decode, Encode};

use super::{FileKind, KeyPassword, TlsError, key};
use crate::verify::Roots;

/// The bytes of a file, `None` if there is none.
fn read(kind: FileKind, path: &Path) -> Result<Option<Vec<u8>>, TlsError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(source) => Err(TlsError::ReadFile {
            kind,
            path: path.to_owned(),
            source,
        }),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn invalid(kind: FileKind, path: &Path, reason: impl ToString) -> TlsError {
    TlsError::InvalidFile {
        kind,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn pem_certificates(
    kind: FileKind,
    path: &Path,
    bytes: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(kind, path, error))?;
    if certificates.is_empty() {
        return Err(invalid(kind, path, "it has no PEM certificate"));
    }
    Ok(certificates)
}

/// The authorities in a PEM file, `None` if there is no file.
pub(crate) fn load_roots(path: &Path) -> Result<Option<Roots>, TlsError> {
    const KIND: FileKind = FileKind::RootCertificate;

    let Some(bytes) = read(KIND, path)? else {
        return Ok(None);
    };
    let mut roots = Roots::default();
    for certificate in pem_certificates(KIND, path, &bytes)? {
        roots
            .add(certificate)
            .map_err(|error| invalid(KIND, path, error))?;
    }
    Ok(Some(roots))
}

/// The authorities the operating system trusts.
pub(crate) fn load_system_roots() -> Result<Roots, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut anchors = RootCertStore::empty();
    // Some systems carry a few old certificates that do not parse; the others count.
    let (usable, _) = anchors.add_parsable_certificates(found.certs);
    if usable == 0 {
        let reason = match found.errors.first() {
            Some(error) => error.to_string(),
            None => "there is none".to_owned(),
        };
        return Err(TlsError::NoSystemRoots { reason });
    }
    Ok(Roots::from_anchors(anchors))
}

/// The revocation lists in a file and in all files of a directory.
pub(crate) fn load_revocation_lists(
    file: Option<&PathBuf>,
    directory: Option<&PathBuf>,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    const KIND: FileKind = FileKind::RevocationList;

    let mut paths: Vec<PathBuf> = file.into_iter().cloned().collect();
    if let Some(directory) = directory {
        paths.extend(files_of(directory)?);
    }
    let mut lists = Vec::new();
    for path in paths {
        let Some(bytes) = read(KIND, &path)? else {
            continue;
        };
        let before = lists.len();
        for list in CertificateRevocationListDer::pem_slice_iter(&bytes) {
            let list = list.map_err(|error| invalid(KIND, &path, error))?;
            webpki::BorrowedCertRevocationList::from_der(&list)
                .map_err(|error| invalid(KIND, &path, error))?;
            lists.push(list);
        }
        if lists.len() == before {
            return Err(invalid(KIND, &path, "it has no PEM revocation list"));
        }
    }
    Ok(lists)
}

/// The regular files of a directory in a fixed order; none if there is no directory.
pub(crate) fn files_of(directory: &Path) -> Result<Vec<PathBuf>, TlsError> {
    let failed = |source| TlsError::ReadFile {
        kind: FileKind::RevocationList,
        path: directory.to_owned(),
        source,
    };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The client's certificate chain with its key, `None` if there is no certificate file.
pub(crate) fn load_client_certificate(
    cert: &Path,
    key_path: Option<&PathBuf>,
    password: Option<&KeyPassword>,
    provider: &CryptoProvider,
) -> Result<Option<Arc<CertifiedKey>>, TlsError> {
    const KIND: FileKind = FileKind::ClientCertificate;

    let Some(bytes) = read(KIND, cert)? else {
        return Ok(None);
    };
    let chain = pem_certificates(KIND, cert, &bytes)?;
    let Some(key_path) = key_path else {
        return Err(TlsError::KeyMissing { path: None });
    };
    let private = key::load(key_path, password)?;
    let signer = provider
        .key_provider
        .load_private_key(private)
        .map_err(|error| invalid(FileKind::PrivateKey, key_path, error))?;

    // rustls's own comparison refuses certificates of X.509 version 1, which
    // `openssl x509 -req` makes and servers accept from clients.
    let leaf = chain
        .first()
        .map(|leaf| CertificateInner::<Raw>::from_der(leaf));
    let certified = match leaf {
        Some(Ok(leaf)) => leaf.tbs_certificate.subject_public_key_info.to_der(),
        Some(Err(error)) => Err(error),
        None => return Err(invalid(KIND, cert, "it has no PEM certificate")),
    }
    .map_err(|error| invalid(KIND, cert, error))?;
    if signer
        .public_key()
        .is_some_and(|ours| ours.as_ref() != certified)
    {
        return Err(TlsError::KeyMismatch {
            cert: cert.to_owned(),
            key: key_path.clone(),
        });
    }
    Ok(Some(Arc::new(CertifiedKey::new(chain, signer))))
}

/// What there is to answer a server's request for a certificate.
#[derive(Debug)]
pub(crate) struct ClientCertificate(pub(crate) Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for ClientCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Whether the server will like it is for the server to say: its list of authorities is
        // a hint, and OpenSSL's clients do not let it stop them either.
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

/// As [`ClientCertificate`] for a single connection, remembering whether the server asked.
#[derive(Debug)]
pub(crate) struct Answered {
    key: Option<Arc<CertifiedKey>>,
    asked: AtomicU8,
}

const NOT_ASKED: u8 = 0;
const SENT: u8 = 1;
const NOTHING_TO_SEND: u8 = 2;

impl Answered {
    pub(crate) fn new(key: Option<Arc<CertifiedKey>>) -> Self {
        Self {
            key,
            asked: AtomicU8::new(NOT_ASKED),
        }
    }

    /// Whether `sslcertmode=require` is satisfied.
    pub(crate) fn check(&self) -> Result<(), TlsError> {
        match self.asked.load(Ordering::Relaxed) {
            SENT => Ok(()),
            NOTHING_TO_SEND => Err(TlsError::CertificateNotSent),
            _ => Err(TlsError::CertificateNotRequested),
        }
    }
}

impl ResolvesClientCert for Answered {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let answer = if self.key.is_some() {
            SENT
        } else {
            NOTHING_TO_SEND
        };
        self.asked.store(answer, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}
