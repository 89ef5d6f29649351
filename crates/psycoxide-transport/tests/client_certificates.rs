//! The client's certificate: when it is sent, and which key files are refused.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's own steps fails the test"
)]

mod support;

use pkcs8::pkcs5::pbes2;
use psycoxide_transport::tls::{CertMode, KeyPassword, SslMode};
use psycoxide_transport::{TlsConfig, TlsConnector, TlsError};
use support::{
    Authority, Files, Identity, Server, Wish, config, connect, handshake, server_config,
};

const HOST: &str = "db.example.org";

struct World {
    files: Files,
    server: Identity,
    clients: Authority,
    client: Identity,
    config: TlsConfig,
}

impl World {
    fn new() -> Self {
        let files = Files::new();
        let server = Authority::new("servers").issue(&Wish::of(&[HOST]));
        let clients = Authority::new("clients");
        let client = clients.issue(&Wish {
            common_name: Some("alice"),
            ..Wish::of(&[])
        });
        let config = TlsConfig {
            cert: Some(files.put("postgresql.crt", client.pem())),
            key: Some(files.put("postgresql.key", client.key.serialize_pem())),
            ..config(SslMode::Require, None)
        };
        Self {
            files,
            server,
            clients,
            client,
            config,
        }
    }

    /// The certificate that the server sees, or why there is no connection.
    fn seen(&self, config: &TlsConfig) -> Result<Option<Vec<u8>>, TlsError> {
        self.seen_by(config, Some(&self.clients))
    }

    fn seen_by(
        &self,
        config: &TlsConfig,
        clients: Option<&Authority>,
    ) -> Result<Option<Vec<u8>>, TlsError> {
        let connector = TlsConnector::new(config)?;
        let server = Server::tls(server_config(&self.server, clients), |mut peer| {
            let _ = peer.tls.complete_io(&mut peer.socket);
            peer.tls.peer_certificates().map(|chain| chain[0].to_vec())
        });
        let mut stream = connect(server.address);
        let outcome = handshake(&mut stream, &connector, HOST);
        let seen = server.join();
        outcome.map(|()| seen)
    }

    fn refused(&self) -> TlsError {
        TlsConnector::new(&self.config).map(drop).unwrap_err()
    }
}

#[test]
fn it_is_sent_when_the_server_asks_and_there_is_one() {
    let world = World::new();
    let own = Some(world.client.certificate.to_vec());
    assert_eq!(world.seen(&world.config).unwrap(), own);
    assert_eq!(world.seen_by(&world.config, None).unwrap(), None);

    let disabled = TlsConfig {
        cert_mode: CertMode::Disable,
        ..world.config.clone()
    };
    assert_eq!(world.seen(&disabled).unwrap(), None);
    let absent = TlsConfig {
        cert: Some(world.files.path("none")),
        ..world.config.clone()
    };
    assert_eq!(world.seen(&absent).unwrap(), None);
    let required = TlsConfig {
        cert_mode: CertMode::Require,
        ..world.config.clone()
    };
    assert_eq!(world.seen(&required).unwrap(), own);
    // A second connection must not be one resumed without a certificate.
    assert_eq!(world.seen(&required).unwrap(), own);
}

#[test]
fn a_required_certificate_must_be_asked_for_and_sent() {
    let world = World::new();
    let required = TlsConfig {
        cert_mode: CertMode::Require,
        ..world.config.clone()
    };
    let error = world.seen_by(&required, None).unwrap_err();
    assert!(
        matches!(error, TlsError::CertificateNotRequested),
        "{error:?}"
    );
    let error = world
        .seen(&TlsConfig {
            cert: None,
            ..required
        })
        .unwrap_err();
    assert!(matches!(error, TlsError::CertificateNotSent), "{error:?}");
}

#[test]
fn a_server_that_does_not_trust_it_says_so_in_an_alert() {
    let world = World::new();
    let others = Authority::new("other clients");
    let server = server_config(&world.server, Some(&others));
    let error = support::try_tls(&world.config, server, HOST)
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, TlsError::Alert { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("the server ended the TLS connection"),
        "{error}"
    );
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let world = World::new();
    let text = world.client.key.serialize_pem();
    // Files of root may be readable by their group.
    let as_root = {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(world.files.0.path()).unwrap().uid() == 0
    };
    for (mode, fine) in [
        (0o600, true),
        (0o400, true),
        (0o640, as_root),
        (0o660, false),
        (0o604, false),
        (0o644, false),
        (0o610, false),
    ] {
        let path = world.files.put_with_mode("postgresql.key", &text, mode);
        let outcome = TlsConnector::new(&world.config);
        if fine {
            outcome.unwrap();
        } else {
            let error = outcome.unwrap_err();
            assert!(
                matches!(error, TlsError::KeyPermissions { .. }),
                "{mode:o}: {error:?}"
            );
            assert!(
                error.to_string().contains(path.to_str().unwrap()),
                "{error}"
            );
        }
    }
}

#[test]
fn a_missing_or_irregular_key_is_named() {
    let mut world = World::new();
    let nowhere = world.files.path("nowhere.key");
    world.config.key = Some(nowhere.clone());
    let error = world.refused();
    assert!(matches!(&error, TlsError::KeyMissing { path: Some(path) } if *path == nowhere));
    world.config.key = None;
    assert!(matches!(
        world.refused(),
        TlsError::KeyMissing { path: None }
    ));
    world.config.key = Some(world.files.0.path().to_owned());
    assert!(matches!(world.refused(), TlsError::KeyNotRegular { .. }));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let world = World::new();
    world.files.put(
        "postgresql.key",
        rcgen::KeyPair::generate().unwrap().serialize_pem(),
    );
    let error = world.refused();
    assert!(matches!(error, TlsError::KeyMismatch { .. }), "{error:?}");
}

#[test]
fn keys_come_as_der_and_after_other_text_too() {
    let world = World::new();
    world
        .files
        .put("postgresql.key", world.client.key.serialize_der());
    assert!(world.seen(&world.config).unwrap().is_some());
    let text = format!("Private key of alice\n{}", world.client.key.serialize_pem());
    world.files.put("postgresql.key", text);
    assert!(world.seen(&world.config).unwrap().is_some());
}

#[test]
fn rubbish_is_refused_by_name() {
    let world = World::new();
    for rubbish in [
        "",
        "no key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        world.files.put("postgresql.key", rubbish);
        let error = world.refused();
        assert!(
            error.to_string().starts_with("private key file \""),
            "{error}"
        );
        assert!(matches!(error, TlsError::InvalidFile { .. }), "{error:?}");
    }
    world.files.put("postgresql.crt", "no certificate");
    let error = world.refused();
    assert!(
        error.to_string().starts_with("client certificate file \""),
        "{error}"
    );
}

#[test]
fn an_encrypted_key_needs_its_password() {
    let mut world = World::new();
    let plain = world.client.key.serialize_der();
    let parameters = pbes2::Parameters::pbkdf2_sha256_aes256cbc(16, b"saltsalt", &[7; 16]).unwrap();
    let encrypted = pkcs8::PrivateKeyInfo::try_from(plain.as_slice())
        .unwrap()
        .encrypt_with_params(parameters, "secret")
        .unwrap();
    let text = support::pem("ENCRYPTED PRIVATE KEY", encrypted.as_bytes());
    for form in [
        encrypted.as_bytes().to_vec(),
        format!("of alice\n{text}").into_bytes(),
    ] {
        world.files.put("postgresql.key", form);
        world.config.key_password = None;
        assert!(matches!(world.refused(), TlsError::KeyNeedsPassword { .. }));
        world.config.key_password = Some(KeyPassword::new("wrong"));
        let error = world.refused();
        assert!(
            matches!(
                error,
                TlsError::KeyWrongPassword { .. } | TlsError::InvalidFile { .. }
            ),
            "{error:?}"
        );
        assert!(!error.to_string().contains("wrong\""));
        world.config.key_password = Some(KeyPassword::new("secret"));
        assert!(world.seen(&world.config).unwrap().is_some());
    }
    let shown = format!("{:?}", world.config);
    assert!(
        shown.contains("********") && !shown.contains("secret"),
        "{shown}"
    );
}

#[test]
fn the_legacy_encryption_is_refused_with_the_way_out() {
    let world = World::new();
    let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                DEK-Info: AES-256-CBC,00000000000000000000000000000000\n\nAAAA\n\
                -----END RSA PRIVATE KEY-----\n";
    world.files.put("postgresql.key", text);
    let error = world.refused();
    assert!(
        matches!(error, TlsError::KeyLegacyEncryption { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("openssl pkcs8 -topk8"),
        "{error}"
    );
}
