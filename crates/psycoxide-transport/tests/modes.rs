//! Every `sslmode` against every kind of server certificate.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's own steps fails the test"
)]

mod support;

use psycoxide_transport::tls::{RootCert, SslMode};
use psycoxide_transport::{TlsConfig, TlsConnector, TlsError};
use support::{
    Authority, Files, Identity, Server, Wish, config, connect, echo, handshake, server_config,
    try_tls,
};

use SslMode::{Allow, Prefer, Require, VerifyCa, VerifyFull};

const HOST: &str = "db.example.org";

struct World {
    files: Files,
    authority: Authority,
}

impl World {
    fn new() -> Self {
        let files = Files::new();
        let authority = Authority::new("the authority");
        files.put(
            "root.crt",
            support::pem("CERTIFICATE", &authority.certificate()),
        );
        Self { files, authority }
    }

    fn good(&self) -> Identity {
        self.authority.issue(&Wish::of(&[HOST]))
    }

    /// Connects with a root certificate file that holds the authority.
    fn attempt(&self, mode: SslMode, identity: &Identity) -> Result<(), TlsError> {
        self.attempt_as(mode, identity, HOST)
    }

    fn attempt_as(&self, mode: SslMode, identity: &Identity, host: &str) -> Result<(), TlsError> {
        let config = config(mode, Some(&self.files.path("root.crt")));
        try_tls(&config, server_config(identity, None), host).map(drop)
    }

    fn attempt_with_lists(&self, mode: SslMode, identity: &Identity) -> Result<(), TlsError> {
        let config = TlsConfig {
            crl_file: Some(self.files.path("root.crl")),
            crl_dir: Some(self.files.path("crls")),
            ..config(mode, Some(&self.files.path("root.crt")))
        };
        try_tls(&config, server_config(identity, None), HOST).map(drop)
    }
}

/// Asserts the outcome of modes, each against a pattern.
macro_rules! outcomes {
    ($attempt:expr, $($mode:pat => $pattern:pat),+ $(,)?) => {
        for mode in [Allow, Prefer, Require, VerifyCa, VerifyFull] {
            let outcome = $attempt(mode);
            match mode {
                $($mode => assert!(matches!(outcome, $pattern), "{mode:?}: {outcome:?}"),)+
            }
        }
    };
}

#[test]
fn a_good_certificate_satisfies_every_mode() {
    let world = World::new();
    let good = world.good();
    outcomes!(|mode| world.attempt(mode, &good), _ => Ok(()));
}

#[test]
fn without_a_root_file_only_verifying_modes_fail() {
    let good = World::new().good();
    let files = Files::new();
    let missing = files.path("root.crt");
    for root in [None, Some(missing.as_path())] {
        outcomes!(
            |mode| try_tls(&config(mode, root), server_config(&good, None), HOST).map(drop),
            VerifyCa | VerifyFull => Err(TlsError::RootCertificateMissing { .. }),
            _ => Ok(()),
        );
    }
    let error = TlsConnector::new(&config(VerifyFull, Some(&missing)))
        .unwrap_err()
        .to_string();
    assert!(error.contains("root.crt\" does not exist") && error.contains("sslrootcert=system"));
}

#[test]
fn a_certificate_of_another_authority_fails_wherever_there_is_a_root_file() {
    let world = World::new();
    let stranger = Authority::new("another authority").issue(&Wish::of(&[HOST]));
    outcomes!(|mode| world.attempt(mode, &stranger), _ => Err(TlsError::UnknownIssuer));
    // The same name does not make it the same authority.
    let impostor = Authority::new("the authority").issue(&Wish::of(&[HOST]));
    outcomes!(
        |mode| world.attempt(mode, &impostor),
        _ => Err(TlsError::UnknownIssuer),
    );
}

#[test]
fn a_self_signed_certificate_must_itself_be_trusted() {
    for authority in [false, true] {
        let world = World::new();
        let own = Wish {
            authority,
            ..Wish::of(&[HOST])
        }
        .self_signed();
        outcomes!(|mode| world.attempt(mode, &own), _ => Err(TlsError::UnknownIssuer));
        world.files.put("root.crt", own.pem());
        outcomes!(|mode| world.attempt(mode, &own), _ => Ok(()));
        outcomes!(
            |mode| world.attempt_as(mode, &own, "other.example.org"),
            VerifyFull => Err(TlsError::NameMismatch { .. }),
            _ => Ok(()),
        );
    }
}

#[test]
fn a_trusted_self_signed_certificate_still_expires() {
    let world = World::new();
    let own = Wish {
        expired: true,
        ..Wish::of(&[HOST])
    }
    .self_signed();
    world.files.put("root.crt", own.pem());
    outcomes!(|mode| world.attempt(mode, &own), _ => Err(TlsError::CertificateExpired));
    let own = Wish {
        not_yet: true,
        ..Wish::of(&[HOST])
    }
    .self_signed();
    world.files.put("root.crt", own.pem());
    outcomes!(|mode| world.attempt(mode, &own), _ => Err(TlsError::CertificateNotYetValid));
}

#[test]
fn a_trusted_server_certificate_issues_no_others() {
    // A server's self-signed certificate in the trust file says nothing of what its key signs.
    let world = World::new();
    let wish = Wish {
        common_name: Some("server"),
        ..Wish::of(&[HOST])
    };
    let own = wish.self_signed();
    let mut params = rcgen::CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "server");
    let issuer = rcgen::Issuer::new(params, &own.key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let certificate = leaf.signed_by(&key, &issuer).unwrap().der().clone();
    let forged = Identity {
        certificate,
        key,
        serial: 0,
    };

    world.files.put("root.crt", own.pem());
    outcomes!(|mode| world.attempt(mode, &forged), _ => Err(TlsError::UnknownIssuer));
}

#[test]
fn the_name_counts_under_verify_full_only() {
    let world = World::new();
    let good = world.good();
    outcomes!(
        |mode| world.attempt_as(mode, &good, "other.example.org"),
        VerifyFull => Err(TlsError::NameMismatch { .. }),
        _ => Ok(()),
    );
    let error = world
        .attempt_as(VerifyFull, &good, "other.example.org")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "server certificate for \"db.example.org\" does not match host name \"other.example.org\""
    );
    outcomes!(
        |mode| world.attempt_as(mode, &good, ""),
        VerifyFull => Err(TlsError::HostNameRequired),
        _ => Ok(()),
    );
    outcomes!(
        |mode| world.attempt_as(mode, &good, "no host"),
        VerifyFull => Err(TlsError::InvalidHostName { .. }),
        _ => Ok(()),
    );
}

#[test]
fn names_may_be_wildcards_addresses_or_common_names() {
    let world = World::new();
    let full = |wish: &Wish, host: &str| {
        let identity = world.authority.issue(wish);
        world.attempt_as(VerifyFull, &identity, host).is_ok()
    };
    assert!(full(&Wish::of(&["*.example.org"]), "db.example.org"));
    assert!(!full(&Wish::of(&["*.example.org"]), "a.db.example.org"));
    assert!(full(&Wish::of(&["127.0.0.1"]), "127.0.0.1"));
    assert!(full(&Wish::of(&["::1"]), "::1"));
    assert!(!full(&Wish::of(&["127.0.0.1"]), "127.0.0.2"));

    let common = Wish {
        common_name: Some(HOST),
        ..Wish::of(&[])
    };
    assert!(full(&common, HOST));
    assert!(!full(&common, "other.example.org"));
    let both = Wish {
        common_name: Some(HOST),
        ..Wish::of(&["other.example.org"])
    };
    assert!(!full(&both, HOST));
}

#[test]
fn certificates_have_their_time() {
    let world = World::new();
    let expired = world.authority.issue(&Wish {
        expired: true,
        ..Wish::of(&[HOST])
    });
    outcomes!(|mode| world.attempt(mode, &expired), _ => Err(TlsError::CertificateExpired));
    let early = world.authority.issue(&Wish {
        not_yet: true,
        ..Wish::of(&[HOST])
    });
    outcomes!(|mode| world.attempt(mode, &early), _ => Err(TlsError::CertificateNotYetValid));
    // Where nothing is verified, time is not either.
    outcomes!(
        |mode| try_tls(&config(mode, None), server_config(&expired, None), HOST).map(drop),
        VerifyCa | VerifyFull => Err(TlsError::RootCertificateMissing { .. }),
        _ => Ok(()),
    );
}

#[test]
fn revoked_certificates_are_refused_by_file_and_by_directory() {
    let world = World::new();
    let good = world.good();
    // Named but absent lists do not count.
    outcomes!(|mode| world.attempt_with_lists(mode, &good), _ => Ok(()));

    let path = world.files.put(
        "root.crl",
        world.authority.revoke(&[good.serial + 1], false),
    );
    outcomes!(|mode| world.attempt_with_lists(mode, &good), _ => Ok(()));
    world
        .files
        .put("root.crl", world.authority.revoke(&[good.serial], false));
    outcomes!(|mode| world.attempt_with_lists(mode, &good), _ => Err(TlsError::CertificateRevoked));

    std::fs::create_dir(world.files.path("crls")).unwrap();
    std::fs::rename(path, world.files.path("crls/1.r0")).unwrap();
    outcomes!(|mode| world.attempt_with_lists(mode, &good), _ => Err(TlsError::CertificateRevoked));
}

#[test]
fn a_list_must_be_the_issuers_valid_and_readable() {
    let world = World::new();
    let good = world.good();
    world
        .files
        .put("root.crl", world.authority.revoke(&[], true));
    outcomes!(
        |mode| world.attempt_with_lists(mode, &good),
        _ => Err(TlsError::RevocationListExpired),
    );
    world
        .files
        .put("root.crl", Authority::new("another").revoke(&[], false));
    outcomes!(|mode| world.attempt_with_lists(mode, &good), _ => Err(TlsError::RevocationUnknown));
    world.files.put("root.crl", "nothing of the kind");
    outcomes!(|mode| world.attempt_with_lists(mode, &good), _ => Err(TlsError::InvalidFile { .. }));
    world
        .files
        .put("root.crl", support::pem("X509 CRL", b"nothing of the kind"));
    outcomes!(|mode| world.attempt_with_lists(mode, &good), _ => Err(TlsError::InvalidFile { .. }));
}

#[test]
fn version_1_certificates_after_the_manuals_recipe_are_verified() {
    let world = World::new();
    let make = |wish: &Wish| version_1(&world.authority.issue(wish), &world.authority);
    let good = make(&Wish {
        common_name: Some(HOST),
        ..Wish::of(&[])
    });
    outcomes!(|mode| world.attempt(mode, &good), _ => Ok(()));
    outcomes!(
        |mode| world.attempt_as(mode, &good, "other.example.org"),
        VerifyFull => Err(TlsError::NameMismatch { .. }),
        _ => Ok(()),
    );
    let expired = make(&Wish {
        expired: true,
        ..Wish::of(&[HOST])
    });
    outcomes!(|mode| world.attempt(mode, &expired), _ => Err(TlsError::CertificateExpired));

    let stranger = Authority::new("the authority");
    let forged = version_1(&world.authority.issue(&Wish::of(&[HOST])), &stranger);
    outcomes!(|mode| world.attempt(mode, &forged), _ => Err(TlsError::UnknownIssuer));

    // TLS 1.2 signs its handshake in another way.
    for mode in [Prefer, VerifyFull] {
        let config = TlsConfig {
            max_version: psycoxide_transport::tls::TlsVersion::Tls1_2,
            ..config(mode, Some(&world.files.path("root.crt")))
        };
        let stream = try_tls(&config, server_config(&good, None), HOST).unwrap();
        assert_eq!(stream.tls_info().unwrap().version, "TLSv1.2");
    }
}

#[test]
fn a_server_without_the_certificates_key_is_refused_even_unverified() {
    let world = World::new();
    for identity in [world.good(), version_1(&world.good(), &world.authority)] {
        let stolen = Identity {
            key: rcgen::KeyPair::generate().unwrap(),
            ..identity
        };
        for version in [
            psycoxide_transport::tls::TlsVersion::Tls1_2,
            psycoxide_transport::tls::TlsVersion::Tls1_3,
        ] {
            let config = TlsConfig {
                max_version: version,
                min_version: version,
                ..config(Prefer, None)
            };
            let error = try_tls(&config, server_config(&stolen, None), HOST)
                .map(drop)
                .unwrap_err();
            assert!(
                matches!(error, TlsError::InvalidCertificate { .. }),
                "{error:?}"
            );
        }
    }
}

#[test]
fn the_systems_authorities_require_verify_full() {
    for mode in [Allow, Prefer, Require, VerifyCa] {
        let config = TlsConfig {
            mode,
            root_cert: RootCert::System,
            ..TlsConfig::default()
        };
        let error = TlsConnector::new(&config).unwrap_err();
        assert!(
            matches!(error, TlsError::WeakModeWithSystemRoots { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(mode.name()), "{error}");
    }
}

#[test]
fn the_systems_authorities_are_those_the_environment_names() {
    // The environment of a process cannot be changed safely, so the test runs itself in another.
    const TEST: &str = "the_systems_authorities_are_those_the_environment_names";
    const ADDRESS: &str = "PSYCOXIDE_TEST_ADDRESS";

    if let Ok(address) = std::env::var(ADDRESS) {
        let config = TlsConfig {
            mode: VerifyFull,
            root_cert: RootCert::System,
            ..TlsConfig::default()
        };
        let connector = TlsConnector::new(&config).unwrap();
        let mut stream = connect(address.parse().unwrap());
        handshake(&mut stream, &connector, HOST).unwrap();
        stream.close_notify();
        return;
    }
    let world = World::new();
    let other = Authority::new("another authority");
    world.files.put(
        "other.crt",
        support::pem("CERTIFICATE", &other.certificate()),
    );
    world.files.put("none.crt", "");
    for (file, fine) in [
        ("root.crt", true),
        ("other.crt", false),
        ("none.crt", false),
    ] {
        let server = Server::tls(server_config(&world.good(), None), echo);
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", TEST])
            .env(ADDRESS, server.address.to_string())
            .env("SSL_CERT_FILE", world.files.path(file))
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        assert_eq!(output.status.success(), fine, "{file}: {output:?}");
    }
}

#[test]
fn a_bad_root_file_is_named() {
    let files = Files::new();
    let path = files.put("root.crt", "not a certificate");
    for text in [
        "not a certificate".to_owned(),
        support::pem("CERTIFICATE", b"rubbish"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = TlsConnector::new(&config(Prefer, Some(&path))).unwrap_err();
        assert!(matches!(error, TlsError::InvalidFile { .. }), "{error:?}");
        assert!(
            error.to_string().starts_with("root certificate file"),
            "{error}"
        );
        assert!(error.to_string().contains("root.crt"), "{error}");
    }
    let error = TlsConnector::new(&config(Prefer, Some(files.0.path()))).unwrap_err();
    assert!(matches!(error, TlsError::ReadFile { .. }), "{error:?}");
}

#[test]
fn a_replaced_root_file_is_read_again() {
    let world = World::new();
    let good = world.good();
    world.attempt(VerifyFull, &good).unwrap();
    let other = Authority::new("another authority");
    world.files.put(
        "root.crt",
        support::pem("CERTIFICATE", &other.certificate()),
    );
    assert!(matches!(
        world.attempt(VerifyFull, &good),
        Err(TlsError::UnknownIssuer)
    ));
    std::fs::remove_file(world.files.path("root.crt")).unwrap();
    assert!(world.attempt(Require, &good).is_ok());
}

/// The certificate in the form of version 1: without extensions, signed anew.
fn version_1(identity: &Identity, authority: &Authority) -> Identity {
    use rcgen::SigningKey;
    use x509_cert::Certificate;
    use x509_cert::der::asn1::BitString;
    use x509_cert::der::{Decode, Encode};

    let mut certificate = Certificate::from_der(&identity.certificate).unwrap();
    certificate.tbs_certificate.version = x509_cert::certificate::Version::V1;
    certificate.tbs_certificate.extensions = None;
    let body = certificate.tbs_certificate.to_der().unwrap();
    let signature = authority.issuer.key().sign(&body).unwrap();
    certificate.signature = BitString::from_bytes(&signature).unwrap();
    Identity {
        certificate: certificate.to_der().unwrap().into(),
        key: rcgen::KeyPair::from_pem(&identity.key.serialize_pem()).unwrap(),
        serial: identity.serial,
    }
}
