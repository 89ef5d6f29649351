//! Whether a certificate is for the host connected to.
//!
//! The rules are libpq's (<https://www.postgresql.org/docs/current/libpq-ssl.html>, "Client
//! Verification of Server Certificates"), which differ from the web's: the Common Name still
//! counts when the certificate has no alternative name of the right kind, and an IP address may
//! be written as a DNS name. Certificates made after PostgreSQL's manual have a Common Name only,
//! and rustls would refuse them.

use std::net::IpAddr;

use rustls::CertificateError;
use rustls::pki_types::ServerName;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The names of a certificate that can stand for a host.
#[derive(Debug, Default)]
struct Names {
    dns: Vec<String>,
    addresses: Vec<IpAddr>,
    common: Option<String>,
}

/// Checks the certificate's names against the host.
pub(crate) fn check(certificate: &[u8], host: &ServerName<'_>) -> Result<(), CertificateError> {
    let names = Names::of(certificate).ok_or(CertificateError::BadEncoding)?;
    let found = match host {
        ServerName::DnsName(name) => names.match_host(name.as_ref()),
        ServerName::IpAddress(address) => names.match_address(IpAddr::from(*address)),
        _ => false,
    };
    if found {
        return Ok(());
    }
    Err(CertificateError::NotValidForNameContext {
        expected: host.to_owned(),
        presented: names.all(),
    })
}

impl Names {
    fn of(certificate: &[u8]) -> Option<Self> {
        let certificate = CertificateInner::<Raw>::from_der(certificate).ok()?;
        let mut names = Self::default();
        if let Some((_, SubjectAltName(alternatives))) =
            certificate.tbs_certificate.get::<SubjectAltName>().ok()?
        {
            for name in alternatives {
                match name {
                    GeneralName::DnsName(name) => names.dns.push(name.to_string()),
                    GeneralName::IpAddress(bytes) => {
                        names.addresses.extend(address(bytes.as_bytes()))
                    }
                    _ => {}
                }
            }
        }
        names.common = certificate
            .tbs_certificate
            .subject
            .0
            .iter()
            .flat_map(|relative| relative.0.iter())
            .find(|attribute| attribute.oid == COMMON_NAME)
            .and_then(|attribute| text(&attribute.value));
        Some(names)
    }

    fn match_host(&self, host: &str) -> bool {
        if self.dns.iter().any(|pattern| matches(pattern, host)) {
            return true;
        }
        self.dns.is_empty()
            && self
                .common
                .as_ref()
                .is_some_and(|pattern| matches(pattern, host))
    }

    fn match_address(&self, host: IpAddr) -> bool {
        let written = |name: &String| name.parse::<IpAddr>().is_ok_and(|address| address == host);
        if self.addresses.contains(&host) || self.dns.iter().any(written) {
            return true;
        }
        self.addresses.is_empty() && self.common.as_ref().is_some_and(written)
    }

    fn all(self) -> Vec<String> {
        let mut all = self.dns;
        all.extend(self.addresses.iter().map(IpAddr::to_string));
        if all.is_empty() {
            all.extend(self.common);
        }
        all
    }
}

/// `*.example.org` is every name one label longer than `example.org`; an asterisk elsewhere is
/// itself. A final dot, DNS's mark of a complete name, makes no difference.
fn matches(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if pattern.is_empty() || host.is_empty() {
        return false;
    }
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let (Some(suffix), Some((label, rest))) = (pattern.strip_prefix("*."), host.split_once('.'))
    else {
        return false;
    };
    !label.is_empty() && !suffix.is_empty() && suffix.eq_ignore_ascii_case(rest)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// A directory string of one byte or UTF-8 a character; the wide kinds name no host.
fn text(value: &x509_cert::der::Any) -> Option<String> {
    use x509_cert::der::Tag;

    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::TeletexString => {
            String::from_utf8(value.value().to_vec()).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_whole_leading_label() {
        assert!(matches("db.example.org", "DB.Example.ORG"));
        assert!(matches("db.example.org", "db.example.org."));
        assert!(matches("*.example.org", "db.example.org"));
        for (pattern, host) in [
            ("*.example.org", "example.org"),
            ("*.example.org", "a.db.example.org"),
            ("*.example.org", ".example.org"),
            ("d*.example.org", "db.example.org"),
            ("*", "localhost"),
            ("*.", "localhost."),
            ("", ""),
            ("db.example.org\0.evil.org", "db.example.org"),
        ] {
            assert!(!matches(pattern, host), "{pattern} {host}");
        }
    }

    #[test]
    fn the_common_name_counts_only_without_a_name_of_the_same_kind() {
        let names = |dns: &[&str], addresses: &[&str]| Names {
            dns: dns.iter().map(ToString::to_string).collect(),
            addresses: addresses
                .iter()
                .map(|address| address.parse().unwrap())
                .collect(),
            common: Some("common.example.org".to_owned()),
        };
        assert!(names(&[], &[]).match_host("common.example.org"));
        assert!(names(&[], &["10.0.0.1"]).match_host("common.example.org"));
        assert!(!names(&["other.example.org"], &[]).match_host("common.example.org"));
    }

    #[test]
    fn an_address_may_be_an_address_a_dns_name_or_the_common_name() {
        let host = "10.0.0.1".parse().unwrap();
        let by_address = Names {
            addresses: vec![host],
            ..Names::default()
        };
        let by_name = Names {
            dns: vec!["10.0.0.1".to_owned()],
            ..Names::default()
        };
        let by_common = Names {
            common: Some("10.0.0.1".to_owned()),
            ..Names::default()
        };
        let other = Names {
            addresses: vec!["10.0.0.2".parse().unwrap()],
            common: Some("10.0.0.1".to_owned()),
            ..Names::default()
        };
        assert!(by_address.match_address(host));
        assert!(by_name.match_address(host));
        assert!(by_common.match_address(host));
        assert!(!other.match_address(host));
    }
}
