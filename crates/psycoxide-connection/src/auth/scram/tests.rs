//! SCRAM against the vectors of the RFC, and against a server that lies.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// RFC 7677, section 3. Its user name is `user`, PostgreSQL's is empty, so the exchange is put
/// together from the parts.
#[test]
fn keys_and_signatures_are_those_of_the_rfc() {
    let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let keys = Keys::derive(b"pencil", &salt, 4096);
    let said: [&[u8]; 1] = [b"n=user,r=rOprNGfwEbeRWgbNEkqO,\
        r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
        c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"];
    assert_eq!(
        BASE64.encode(keys.client_proof(&said)),
        "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    );
    assert_eq!(
        BASE64.encode(hmac(keys.server(), &said)),
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    );
}

/// RFC 4231, test case 2.
#[test]
fn hmac_is_that_of_the_rfc() {
    let mut key = [0; 32];
    key[..4].copy_from_slice(b"Jefe");
    let mac = hmac(&key, &[b"what do ya want ", b"for nothing?"]);
    assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    assert_eq!(mac[28..], [0x64, 0xec, 0x38, 0x43]);
}

/// What libpq 18 sent to a scripted server.
#[test]
fn the_exchange_is_that_of_libpq() {
    let nonce = BASE64.decode("4SwTpEOrOnvG2ITYmsCG6gBn").unwrap();
    let first = ClientFirst::new(Binding::NotSupported, &nonce.try_into().unwrap());
    assert_eq!(first.mechanism(), "SCRAM-SHA-256");
    assert_eq!(first.message(), b"n,,n=,r=4SwTpEOrOnvG2ITYmsCG6gBn");
    let message = b"r=4SwTpEOrOnvG2ITYmsCG6gBnXYZ,s=AAAA,i=4096";
    let (answer, _) = first
        .handle(message, b"u", &Password::new("p"), None)
        .unwrap();
    assert_eq!(
        String::from_utf8(answer).unwrap(),
        "c=biws,r=4SwTpEOrOnvG2ITYmsCG6gBnXYZ,p=VE4fi/71vy3C9i2DeYw81WO2zJsWAd42+AabTGMUP2w="
    );
}

const NONCE: [u8; NONCE_LENGTH] = [9; NONCE_LENGTH];

/// A server with a password of its own: its first message, and its final one after the proof.
struct Server {
    keys: Keys,
    first: String,
}

impl Server {
    fn new(password: &[u8]) -> Self {
        let nonce = BASE64.encode(NONCE);
        Self {
            keys: Keys::derive(password, b"salt", 7),
            first: format!("r={nonce}server,s={},i=7", BASE64.encode("salt")),
        }
    }

    /// Checks the client's proof as a server does, and signs.
    fn finish(&self, client_first_bare: &str, client_final: &[u8]) -> (bool, Vec<u8>) {
        let text = std::str::from_utf8(client_final).unwrap();
        let (without_proof, proof) = text.rsplit_once(",p=").unwrap();
        let said = format!("{client_first_bare},{},{without_proof}", self.first);
        let expected = self.keys.client_proof(&[said.as_bytes()]);
        let signature = hmac(self.keys.server(), &[said.as_bytes()]);
        (
            BASE64.decode(proof).unwrap() == expected,
            format!("v={}", BASE64.encode(signature)).into_bytes(),
        )
    }
}

fn bare() -> String {
    format!("n=,r={}", BASE64.encode(NONCE))
}

fn exchange(
    binding: Binding,
    server: &Server,
    password: &str,
    cache: Option<&Arc<ScramKeyCache>>,
) -> (Vec<u8>, bool, Result<(), AuthError>) {
    let first = ClientFirst::new(binding, &NONCE);
    let (answer, proof) = first
        .handle(
            server.first.as_bytes(),
            b"user",
            &Password::new(password),
            cache,
        )
        .unwrap();
    let (accepted, signature) = server.finish(&bare(), &answer);
    (answer, accepted, proof.verify(&signature, cache))
}

#[test]
fn both_sides_convince_each_other() {
    let server = Server::new(b"pencil");
    let (_, accepted, verified) = exchange(Binding::NotSupported, &server, "pencil", None);
    assert!(accepted);
    assert_eq!(verified, Ok(()));
    // The soft hyphen is mapped to nothing.
    let (_, accepted, verified) = exchange(Binding::NotOffered, &server, "pen\u{ad}cil", None);
    assert!(accepted);
    assert_eq!(verified, Ok(()));
}

#[test]
fn a_server_without_the_password_is_found_out() {
    let server = Server::new(b"guess");
    let (_, accepted, verified) = exchange(Binding::NotSupported, &server, "pencil", None);
    assert!(!accepted);
    assert_eq!(verified, Err(AuthError::ServerSignature));
}

#[test]
fn the_binding_is_part_of_what_is_signed() {
    let server = Server::new(b"pencil");
    for (binding, input) in [
        (Binding::NotSupported, b"n,,".to_vec()),
        (Binding::NotOffered, b"y,,".to_vec()),
        (Binding::ServerEndPoint(vec![0xab; 32]), {
            let mut input = b"p=tls-server-end-point,,".to_vec();
            input.extend_from_slice(&[0xab; 32]);
            input
        }),
    ] {
        let bound = matches!(binding, Binding::ServerEndPoint(_));
        let first = ClientFirst::new(binding, &NONCE);
        let header = input.split(|&byte| byte == b',').next().unwrap();
        assert!(first.message().starts_with(header));
        assert_eq!(first.mechanism().ends_with("-PLUS"), bound);
        let (answer, proof) = first
            .handle(
                server.first.as_bytes(),
                b"user",
                &Password::new("pencil"),
                None,
            )
            .unwrap();
        assert!(answer.starts_with(format!("c={},r=", BASE64.encode(&input)).as_bytes()));
        assert_eq!(proof.is_bound(), bound);
        assert!(server.finish(&bare(), &answer).0);
    }
}

#[test]
fn a_nonce_that_does_not_extend_ours_is_refused() {
    let ours = BASE64.encode(NONCE);
    for nonce in ["other", &ours, &ours[..10], &format!("x{ours}more")] {
        let first = ClientFirst::new(Binding::NotSupported, &NONCE);
        let message = format!("r={nonce},s=AQI=,i=1");
        let result = first.handle(message.as_bytes(), b"user", &Password::new("pencil"), None);
        assert_eq!(result.err(), Some(AuthError::NonceMismatch), "{nonce}");
    }
}

#[test]
fn iterations_are_bounded() {
    let ours = BASE64.encode(NONCE);
    for iterations in [10_000_001, u64::from(u32::MAX) + 1] {
        let first = ClientFirst::new(Binding::NotSupported, &NONCE);
        let message = format!("r={ours}more,s=AQI=,i={iterations}");
        let result = first.handle(message.as_bytes(), b"user", &Password::new("pencil"), None);
        let limit = MAX_ITERATIONS;
        assert_eq!(
            result.err(),
            Some(AuthError::TooManyIterations { iterations, limit })
        );
    }
}

#[test]
fn only_verified_keys_are_cached_and_they_work_again() {
    let cache = Arc::new(ScramKeyCache::new());
    let server = Server::new(b"pencil");
    let (_, accepted, _) = exchange(Binding::NotSupported, &server, "wrong", Some(&cache));
    assert!(!accepted && cache.is_empty());

    let (first, accepted, verified) =
        exchange(Binding::NotSupported, &server, "pencil", Some(&cache));
    assert!(accepted && verified.is_ok());
    assert_eq!(cache.len(), 1);
    let (second, accepted, verified) =
        exchange(Binding::NotSupported, &server, "pencil", Some(&cache));
    assert!(accepted && verified.is_ok());
    assert_eq!(first, second);
    assert_eq!(cache.len(), 1);

    // Another password does not find the keys of the good one.
    let (_, accepted, _) = exchange(Binding::NotSupported, &server, "wrong", Some(&cache));
    assert!(!accepted);
    assert_eq!(cache.len(), 1);
}

/// The messages of a server: made of the right parts, or of anything.
fn said_by_server() -> impl Strategy<Value = Vec<u8>> {
    let parts = "(r=CQkJ[!-~]{0,30})?(,s=[A-Za-z0-9+/=]{0,12})?(,i=[0-9]{0,3})?.{0,3}";
    let signature = "v=[A-Za-z0-9+/]{43}=";
    prop_oneof![
        vec(any::<u8>(), 0..60),
        parts.prop_map(String::into_bytes),
        signature.prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn arbitrary_first_messages_are_no_answer_to_our_nonce(message in said_by_server()) {
        let client = ClientFirst::new(Binding::NotSupported, &NONCE);
        let ours = format!("r={}", BASE64.encode(NONCE));
        let result = client.handle(&message, b"user", &Password::new("pencil"), None);
        prop_assert!(result.is_err() || message.starts_with(ours.as_bytes()));
    }

    #[test]
    fn only_the_signature_passes_for_one(message in said_by_server()) {
        let server = Server::new(b"pencil");
        let client = ClientFirst::new(Binding::NotSupported, &NONCE);
        let (answer, proof) = client
            .handle(server.first.as_bytes(), b"user", &Password::new("pencil"), None)
            .unwrap();
        let (_, signature) = server.finish(&bare(), &answer);
        prop_assert_eq!(proof.verify(&message, None).is_ok(), message == signature);
    }
}
