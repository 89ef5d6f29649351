//! The verification of the server's certificate: what each `sslmode` accepts.
//!
//! Chains, revocation and signatures are rustls's and webpki's. Around them stand three things
//! PostgreSQL servers in the field need and the web does not: no verification at all (`require`
//! without a root certificate), a self-signed certificate that is itself the trusted one, and
//! server certificates of X.509 version 1, which the recipe in PostgreSQL's manual makes
//! (<https://www.postgresql.org/docs/current/ssl-tcp.html#SSL-CERTIFICATE-CREATION>).
//!
//! The rule it guards: whatever is accepted, the server has proved that it holds the certificate's
//! key. Channel binding rests on that even where nothing else is verified.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, ServerName, SignatureVerificationAlgorithm,
    SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::VerifierBuilderError;
use rustls::{
    CertificateError, DigitallySignedStruct, OtherError, PeerMisbehaved, RootCertStore,
    SignatureScheme,
};
use webpki::{EndEntityCert, RawPublicKeyEntity};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

use crate::tls::{TlsError, name};

/// How much is verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// Only that the server holds the certificate's key.
    Nothing,
    /// That the certificate comes from a trusted authority.
    Chain,
    /// That, and that it is for this host.
    ChainAndName,
}

/// What is trusted: authorities, and self-signed certificates of servers.
#[derive(Debug)]
pub struct Roots {
    anchors: RootCertStore,
    /// Certificates of the trust file as they are, for the cases webpki does not handle.
    certificates: Vec<CertificateDer<'static>>,
}

impl Default for Roots {
    fn default() -> Self {
        Self::from_anchors(RootCertStore::empty())
    }
}

impl Roots {
    /// Authorities only.
    #[must_use]
    pub fn from_anchors(anchors: RootCertStore) -> Self {
        Self {
            anchors,
            certificates: Vec::new(),
        }
    }

    /// Trusts a certificate: to issue others if it is one of an authority, to be a server's own if
    /// it is self-signed.
    ///
    /// # Errors
    /// A certificate that cannot be parsed.
    pub fn add(&mut self, certificate: CertificateDer<'static>) -> Result<(), rustls::Error> {
        let parsed = parse(&certificate)?;
        if is_authority(&parsed) {
            self.anchors.add(certificate.clone())?;
        }
        self.certificates.push(certificate);
        Ok(())
    }
}

/// Verifies servers' certificates as an `sslmode` demands.
#[derive(Debug)]
pub struct ServerVerifier {
    check: Check,
    roots: Roots,
    has_revocation_lists: bool,
    /// `None` when there is no authority, or nothing is verified.
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerVerifier {
    /// Makes a verifier. With revocation lists, every certificate of a chain needs one of its
    /// issuer's that has not expired, as with libpq.
    ///
    /// # Errors
    /// A revocation list that cannot be parsed.
    pub fn new(
        roots: Roots,
        lists: Vec<CertificateRevocationListDer<'static>>,
        check: Check,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let has_revocation_lists = !lists.is_empty();
        let chain = if check == Check::Nothing || roots.anchors.is_empty() {
            None
        } else {
            let anchors = Arc::new(roots.anchors.clone());
            let builder =
                WebPkiServerVerifier::builder_with_provider(anchors, Arc::clone(&provider))
                    .with_crls(lists)
                    .enforce_revocation_expiration();
            // Anchors there are, and the lists were parsed before: nothing is left that fails.
            let unexpected =
                |error: VerifierBuilderError| rustls::Error::General(error.to_string());
            Some(builder.build().map_err(unexpected)?)
        };
        Ok(Self {
            check,
            roots,
            has_revocation_lists,
            chain,
            provider,
        })
    }

    fn verify_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let parsed = parse(end_entity)?;
        if self.is_pinned(end_entity, &parsed) {
            return self.verify_alone(&parsed, now);
        }
        if matches!(
            EndEntityCert::try_from(end_entity),
            Err(webpki::Error::UnsupportedCertVersion)
        ) {
            self.verify_version_1(&parsed)?;
            return self.verify_alone(&parsed, now);
        }
        let Some(chain) = &self.chain else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        match chain.verify_server_cert(end_entity, intermediates, host, &[], now) {
            // The name is looked at last, and by rules of our own.
            Ok(_)
            | Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(()),
            // An authority made anew under its old name: the common mistake, told as what it is.
            Err(rustls::Error::InvalidCertificate(CertificateError::BadSignature)) => {
                Err(CertificateError::UnknownIssuer.into())
            }
            // webpki's complaint about a self-signed certificate is that it is an authority's.
            Err(_) if is_self_issued(&parsed) => Err(CertificateError::UnknownIssuer.into()),
            Err(error) => Err(error),
        }
    }

    /// Whether the server's certificate is self-signed and itself in the trust file.
    fn is_pinned(&self, end_entity: &CertificateDer<'_>, parsed: &CertificateInner<Raw>) -> bool {
        is_self_issued(parsed)
            && self
                .roots
                .certificates
                .iter()
                .any(|known| known == end_entity)
    }

    /// What remains to be checked of a certificate that webpki did not see.
    fn verify_alone(
        &self,
        certificate: &CertificateInner<Raw>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        if self.has_revocation_lists {
            return Err(CertificateError::UnknownRevocationStatus.into());
        }
        let validity = &certificate.tbs_certificate.validity;
        let now = Duration::from_secs(now.as_secs());
        if now < validity.not_before.to_unix_duration() {
            return Err(CertificateError::NotValidYet.into());
        }
        if now > validity.not_after.to_unix_duration() {
            return Err(CertificateError::Expired.into());
        }
        Ok(())
    }

    /// Whether a certificate of version 1 was signed by an authority of the trust file itself.
    ///
    /// Such a certificate has no extensions, so nothing in it can say anything but "issued by";
    /// it is never taken as an issuer.
    fn verify_version_1(&self, leaf: &CertificateInner<Raw>) -> Result<(), rustls::Error> {
        let signed = leaf.tbs_certificate.to_der().map_err(encoding)?;
        let algorithm = leaf.signature_algorithm.to_der().map_err(encoding)?;
        let signature = leaf
            .signature
            .as_bytes()
            .ok_or(CertificateError::BadEncoding)?;
        for root in &self.roots.certificates {
            let root = parse(root)?;
            if root.tbs_certificate.subject != leaf.tbs_certificate.issuer || !is_authority(&root) {
                continue;
            }
            let key = public_key(&root)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            if algorithms
                .iter()
                .filter(|known| algorithm.ends_with(known.signature_alg_id().as_ref()))
                .any(|known| verify_signature(&key, *known, &signed, signature).is_ok())
            {
                return Ok(());
            }
        }
        Err(CertificateError::UnknownIssuer.into())
    }

    /// As rustls's own, for a key whose certificate webpki cannot parse.
    fn verify_handshake(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
        tries: usize,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let key = public_key(&parse(certificate)?)?;
        let mapping = self.provider.signature_verification_algorithms.mapping;
        let (_, algorithms) = mapping
            .iter()
            .find(|(scheme, _)| *scheme == signed.scheme)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        if algorithms
            .iter()
            .take(tries)
            .any(|known| verify_signature(&key, *known, message, signed.signature()).is_ok())
        {
            return Ok(HandshakeSignatureValid::assertion());
        }
        Err(CertificateError::BadSignature.into())
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.check != Check::Nothing {
            self.verify_chain(end_entity, intermediates, server_name, now)?;
        }
        if self.check == Check::ChainAndName {
            name::check(end_entity, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if EndEntityCert::try_from(certificate).is_err() {
            // In TLS 1.2 a scheme does not name its curve: all are tried.
            return self.verify_handshake(message, certificate, signed, usize::MAX);
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        if EndEntityCert::try_from(certificate).is_err() {
            let key = public_key(&parse(certificate)?)?;
            return rustls::crypto::verify_tls13_signature_with_raw_key(
                message, &key, signed, algorithms,
            );
        }
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn parse(certificate: &CertificateDer<'_>) -> Result<CertificateInner<Raw>, rustls::Error> {
    CertificateInner::from_der(certificate).map_err(encoding)
}

fn encoding(error: x509_cert::der::Error) -> rustls::Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}

fn public_key(
    certificate: &CertificateInner<Raw>,
) -> Result<SubjectPublicKeyInfoDer<'static>, rustls::Error> {
    let key = certificate
        .tbs_certificate
        .subject_public_key_info
        .to_der()
        .map_err(encoding)?;
    Ok(SubjectPublicKeyInfoDer::from(key))
}

fn verify_signature(
    key: &SubjectPublicKeyInfoDer<'_>,
    algorithm: &dyn SignatureVerificationAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), webpki::Error> {
    RawPublicKeyEntity::try_from(key)?.verify_signature(algorithm, message, signature)
}

fn is_self_issued(certificate: &CertificateInner<Raw>) -> bool {
    certificate.tbs_certificate.issuer == certificate.tbs_certificate.subject
}

/// Whether a certificate may issue others, by OpenSSL's reading: it says so, or it is of version 1
/// and in the trust file, or it may sign certificates.
fn is_authority(certificate: &CertificateInner<Raw>) -> bool {
    let body = &certificate.tbs_certificate;
    if body.extensions.is_none() {
        return true;
    }
    match (body.get::<BasicConstraints>(), body.get::<KeyUsage>()) {
        (Ok(Some((_, constraints))), _) => constraints.ca,
        (Ok(None), Ok(Some((_, usage)))) => usage.key_cert_sign(),
        _ => false,
    }
}
