//! The client's private key: who may read its file, and how it is decrypted.
//!
//! The permission rule is libpq's
//! (<https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-CLIENTCERT>): nothing for
//! group and world, except that root's file may be readable by its group.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::{FileKind, KeyPassword, TlsError};

const KIND: FileKind = FileKind::PrivateKey;
const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// The header of OpenSSL's own encryption, older than PKCS #8.
const LEGACY_ENCRYPTION: &str = "Proc-Type: 4,ENCRYPTED";

/// Reads the key in `path`, PEM (PKCS #8, PKCS #1, SEC 1) or DER.
pub(crate) fn load(
    path: &Path,
    password: Option<&KeyPassword>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let metadata = fs::metadata(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => TlsError::KeyMissing {
            path: Some(path.to_owned()),
        },
        _ => TlsError::ReadFile {
            kind: KIND,
            path: path.to_owned(),
            source,
        },
    })?;
    check_permissions(path, &metadata)?;
    let bytes = Zeroizing::new(fs::read(path).map_err(|source| TlsError::ReadFile {
        kind: KIND,
        path: path.to_owned(),
        source,
    })?);
    match std::str::from_utf8(&bytes) {
        Ok(text) if text.contains("-----BEGIN ") => from_pem(path, text, password),
        _ => from_der(path, &bytes, password),
    }
}

fn check_permissions(path: &Path, metadata: &Metadata) -> Result<(), TlsError> {
    if !metadata.is_file() {
        return Err(TlsError::KeyNotRegular {
            path: path.to_owned(),
        });
    }
    let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & forbidden != 0 {
        return Err(TlsError::KeyPermissions {
            path: path.to_owned(),
        });
    }
    Ok(())
}

fn from_pem(
    path: &Path,
    text: &str,
    password: Option<&KeyPassword>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    if text.contains(LEGACY_ENCRYPTION) {
        return Err(TlsError::KeyLegacyEncryption {
            path: path.to_owned(),
        });
    }
    if let Some(block) = block(text, ENCRYPTED_LABEL) {
        let (_, document) =
            SecretDocument::from_pem(block).map_err(|error| invalid(path, error))?;
        return decrypt(path, document.as_bytes(), password);
    }
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| invalid(path, error))
}

fn from_der(
    path: &Path,
    bytes: &[u8],
    password: Option<&KeyPassword>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    if EncryptedPrivateKeyInfo::try_from(bytes).is_ok() {
        return decrypt(path, bytes, password);
    }
    PrivateKeyDer::try_from(bytes.to_vec()).map_err(|error| invalid(path, error))
}

fn decrypt(
    path: &Path,
    der: &[u8],
    password: Option<&KeyPassword>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let encrypted = EncryptedPrivateKeyInfo::try_from(der).map_err(|error| invalid(path, error))?;
    let Some(password) = password else {
        return Err(TlsError::KeyNeedsPassword {
            path: path.to_owned(),
        });
    };
    // A wrong password shows as bad padding or as bytes that are no key; a scheme that is not
    // supported shows as such.
    let document = match encrypted.decrypt(password.as_bytes()) {
        Ok(document) => document,
        Err(pkcs8::Error::EncryptedPrivateKey(error))
            if error != pkcs8::pkcs5::Error::DecryptFailed =>
        {
            return Err(invalid(path, error));
        }
        Err(_) => {
            return Err(TlsError::KeyWrongPassword {
                path: path.to_owned(),
            });
        }
    };
    Ok(PrivatePkcs8KeyDer::from(document.as_bytes().to_vec()).into())
}

/// The PEM block of that label, without the text that files often have round it.
fn block<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let opening = format!("-----BEGIN {label}-----");
    let closing = format!("-----END {label}-----");
    let (_, rest) = text.split_at_checked(text.find(&opening)?)?;
    let length = rest.find(&closing)? + closing.len();
    rest.get(..length)
}

fn invalid(path: &Path, reason: impl ToString) -> TlsError {
    TlsError::InvalidFile {
        kind: KIND,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
