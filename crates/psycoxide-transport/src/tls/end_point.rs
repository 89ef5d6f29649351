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

#[cfg(test)]
mod tests {
    use super::*;

    fn algorithm(oid: &str, parameters: Option<&[u8]>) -> AlgorithmIdentifierOwned {
        AlgorithmIdentifierOwned {
            oid: ObjectIdentifier::new(oid).unwrap(),
            parameters: parameters.map(|der| Any::from_der(der).unwrap()),
        }
    }

    #[test]
    fn weak_hashes_are_replaced_and_strong_ones_kept() {
        for (oid, hash) in [
            ("1.2.840.113549.1.1.4", Hash::Sha256),
            ("1.2.840.113549.1.1.5", Hash::Sha256),
            ("1.2.840.10045.4.1", Hash::Sha256),
            ("1.2.840.113549.1.1.11", Hash::Sha256),
            ("1.2.840.113549.1.1.12", Hash::Sha384),
            ("1.2.840.10045.4.3.4", Hash::Sha512),
        ] {
            assert_eq!(signature_hash(&algorithm(oid, None)), Some(hash), "{oid}");
        }
    }

    #[test]
    fn pss_names_its_hash_in_its_parameters() {
        const PSS: &str = "1.2.840.113549.1.1.10";
        // [0] { SEQUENCE { sha384, NULL } }, [2] { 48 }
        let sha384 =
            b"\x30\x16\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\
                       \xa2\x03\x02\x01\x30";
        assert_eq!(
            signature_hash(&algorithm(PSS, Some(sha384))),
            Some(Hash::Sha384)
        );
        // Left out, the hash is SHA-1.
        assert_eq!(
            signature_hash(&algorithm(PSS, Some(b"\x30\x00"))),
            Some(Hash::Sha256)
        );
        let only_salt = b"\x30\x05\xa2\x03\x02\x01\x14";
        assert_eq!(
            signature_hash(&algorithm(PSS, Some(only_salt))),
            Some(Hash::Sha256)
        );
        assert_eq!(signature_hash(&algorithm(PSS, Some(b"\x05\x00"))), None);
        assert_eq!(signature_hash(&algorithm(PSS, None)), None);
    }

    #[test]
    fn the_whole_certificate_is_hashed() {
        let made = |algorithm| {
            let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let certificate = rcgen::CertificateParams::default()
                .self_signed(&key)
                .unwrap();
            certificate.der().to_vec()
        };
        let p256 = made(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(
            server_end_point(&p256),
            Some(Sha256::digest(&p256).to_vec())
        );
        let p384 = made(&rcgen::PKCS_ECDSA_P384_SHA384);
        assert_eq!(
            server_end_point(&p384),
            Some(Sha384::digest(&p384).to_vec())
        );
        assert_eq!(server_end_point(&made(&rcgen::PKCS_ED25519)), None);
        assert_eq!(server_end_point(b"not a certificate"), None);
    }
}
