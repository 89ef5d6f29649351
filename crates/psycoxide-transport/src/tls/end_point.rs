//! The channel binding data `tls-server-end-point`: a hash of the server's certificate.
//!
//! RFC 5929, section 4.1: the hash function is that of the certificate's signature algorithm,
//! with SHA-256 in the place of MD5 and SHA-1. Where an algorithm has none of its own (Ed25519,
//! Ed448) the RFC defines no binding, and PostgreSQL's server cannot compute one either ("could
//! not find digest"), so the answer is `None` and SCRAM must go without channel binding.

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Any, Decode, Encode, Tag, TagNumber, Tagged};
use x509_cert::spki::AlgorithmIdentifierOwned;

const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

const HASH_FIELD: Tag = Tag::ContextSpecific {
    constructed: true,
    number: TagNumber::N0,
};

/// Signature algorithms and hash functions by what the binding uses for them.
const HASHES: &[(&str, Hash)] = &[
    ("1.2.840.113549.1.1.4", Hash::Sha256), // md5WithRSAEncryption
    ("1.2.840.113549.1.1.5", Hash::Sha256), // sha1WithRSAEncryption
    ("1.2.840.113549.1.1.14", Hash::Sha224), // sha224WithRSAEncryption
    ("1.2.840.113549.1.1.11", Hash::Sha256), // sha256WithRSAEncryption
    ("1.2.840.113549.1.1.12", Hash::Sha384), // sha384WithRSAEncryption
    ("1.2.840.113549.1.1.13", Hash::Sha512), // sha512WithRSAEncryption
    ("1.2.840.10040.4.3", Hash::Sha256),    // dsa-with-sha1
    ("2.16.840.1.101.3.4.3.1", Hash::Sha224), // dsa-with-sha224
    ("2.16.840.1.101.3.4.3.2", Hash::Sha256), // dsa-with-sha256
    ("1.2.840.10045.4.1", Hash::Sha256),    // ecdsa-with-SHA1
    ("1.2.840.10045.4.3.1", Hash::Sha224),  // ecdsa-with-SHA224
    ("1.2.840.10045.4.3.2", Hash::Sha256),  // ecdsa-with-SHA256
    ("1.2.840.10045.4.3.3", Hash::Sha384),  // ecdsa-with-SHA384
    ("1.2.840.10045.4.3.4", Hash::Sha512),  // ecdsa-with-SHA512
    ("1.2.840.113549.2.5", Hash::Sha256),   // md5, as a parameter of RSASSA-PSS
    ("1.3.14.3.2.26", Hash::Sha256),        // sha1
    ("2.16.840.1.101.3.4.2.4", Hash::Sha224), // sha224
    ("2.16.840.1.101.3.4.2.1", Hash::Sha256), // sha256
    ("2.16.840.1.101.3.4.2.2", Hash::Sha384), // sha384
    ("2.16.840.1.101.3.4.2.3", Hash::Sha512), // sha512
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The binding data for a DER certificate; `None` where there is none to be had.
#[must_use]
pub fn server_end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let parsed = CertificateInner::<Raw>::from_der(certificate).ok()?;
    Some(match signature_hash(&parsed.signature_algorithm)? {
        Hash::Sha224 => Sha224::digest(certificate).to_vec(),
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

fn signature_hash(algorithm: &AlgorithmIdentifierOwned) -> Option<Hash> {
    if algorithm.oid != RSASSA_PSS {
        return look_up(algorithm.oid);
    }
    // RSASSA-PSS-params (RFC 8017, A.2.3) is a sequence of tagged fields all of which may be left
    // out. The first is the hash, and stands for SHA-1 when it is.
    let parameters = algorithm.parameters.as_ref()?.to_der().ok()?;
    let fields = Vec::<Any>::from_der(&parameters).ok()?;
    match fields.first().filter(|field| field.tag() == HASH_FIELD) {
        Some(hash) => look_up(AlgorithmIdentifierOwned::from_der(hash.value()).ok()?.oid),
        None => Some(Hash::Sha256),
    }
}

fn look_up(oid: ObjectIdentifier) -> Option<Hash> {
    let text = oid.to_string();
    HASHES
        .iter()
        .find(|(known, _)| *known == text)
        .map(|(_, hash)| *hash)
}
