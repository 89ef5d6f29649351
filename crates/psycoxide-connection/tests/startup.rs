//! From the startup packet to the first `ReadyForQuery`, by every way there is, and none other.

#![expect(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use psycoxide_connection::{EncryptionAnswer, Error, Machine};
use psycoxide_protocol::TransactionStatus;
use psycoxide_testkit::{Link, Script, backend};
use sha2::{Digest, Sha256};

use support::{NONCE, after, authenticator, events, feed, options, started, take_sent};

/// Runs a machine against a script until neither has anything to say.
fn run(machine: &mut Machine, link: &mut Link) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    loop {
        let sent = take_sent(machine);
        if !sent.is_empty() {
            link.send(&sent);
        }
        match link.receive() {
            Some(piece) => feed(machine, &piece),
            None if sent.is_empty() => return Ok(found),
            None => {}
        }
        found.extend(events(machine)?);
    }
}

fn fresh(password: Option<&str>) -> Machine {
    let mut machine = Machine::default();
    machine
        .start(options(0, 0), authenticator(password))
        .unwrap();
    machine
}

fn let_in() -> Vec<u8> {
    [
        backend::authentication_ok(),
        backend::backend_key_data(1, b"abcd"),
        backend::ready_for_query(b'I'),
    ]
    .concat()
}

#[test]
fn trust() {
    let mut machine = fresh(None);
    assert_eq!(
        machine.outgoing(),
        b"\0\0\0\x20\0\x03\0\0user\0alice\0database\0db\0\0"
    );
    let mut link = Link::new(Script::new().startup().bytewise());
    let found = run(&mut machine, &mut link).unwrap();
    assert_eq!(found.last().unwrap(), "ready Idle");
    assert!(link.is_done());
    assert!(machine.is_ready());
    assert!(!machine.used_password());
    assert_eq!(machine.parameter_status("server_version"), Some("15.0"));
    assert_eq!(machine.parameter_status("no_such"), None);
    assert_eq!(machine.parameter_statuses().count(), 5);
    let key = machine.backend_key().unwrap();
    assert_eq!((key.pid, &*key.secret), (4711, &b"key!"[..]));
    assert!(!format!("{machine:?}").contains("107, 101, 121, 33"));
    assert_eq!(machine.transaction_status(), TransactionStatus::Idle);
}

#[test]
fn a_cleartext_password() {
    let mut machine = fresh(Some("secret"));
    let script = Script::new()
        .expect_packet(3 << 16)
        .send(backend::authentication_cleartext_password())
        .expect_bytes(*b"p\0\0\0\x0bsecret\0")
        .send(let_in());
    let mut link = Link::new(script);
    assert_eq!(run(&mut machine, &mut link).unwrap(), ["ready Idle"]);
    assert!(machine.used_password());
}

#[test]
fn secrets_are_not_printed() {
    let mut machine = started(Some("secret"));
    let before = format!("{machine:?}");
    feed(&mut machine, &backend::authentication_cleartext_password());
    assert!(events(&mut machine).unwrap().is_empty());
    assert!(!machine.outgoing().is_empty());
    let after = format!("{machine:?}");
    // "secret" as text and as the numbers of a list of bytes.
    for hidden in ["secret\"", "115, 101, 99"] {
        assert!(!before.contains(hidden) && !after.contains(hidden));
    }
}

#[test]
fn an_md5_password() {
    let mut machine = fresh(Some("secret"));
    // md5(md5("secret" "alice") "salt"), by md5sum(1).
    let script = Script::new()
        .expect_packet(3 << 16)
        .send(backend::authentication_md5_password(*b"salt"))
        .expect_bytes(*b"p\0\0\0\x28md5986e2194384c07f4fd1df4b1351b3e68\0")
        .send(let_in());
    let mut link = Link::new(script);
    let found = run(&mut machine, &mut link);
    assert_eq!(found.unwrap(), ["ready Idle"]);
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// The server's side of a SCRAM exchange, up to its last message; checks the client's proof.
fn scram(machine: &mut Machine, password: &str) -> Vec<u8> {
    feed(machine, &backend::authentication_sasl(&["SCRAM-SHA-256"]));
    assert!(events(machine).unwrap().is_empty());
    let nonce = BASE64.encode(NONCE);
    let bare = format!("n=,r={nonce}");
    let first = take_sent(machine);
    assert!(first.ends_with(format!("n,,{bare}").as_bytes()));
    let server_first = format!("r={nonce}server,s={},i=4096", BASE64.encode(b"salt"));
    feed(
        machine,
        &backend::authentication(11, server_first.as_bytes()),
    );
    assert!(events(machine).unwrap().is_empty());
    let last = take_sent(machine);
    let last = std::str::from_utf8(&last[5..]).unwrap();
    let (without_proof, proof) = last.rsplit_once(",p=").unwrap();
    assert_eq!(without_proof, format!("c=biws,r={nonce}server"));

    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), b"salt", 4096, &mut salted);
    let message = format!("{bare},{server_first},{without_proof}");
    let client_key = hmac(&salted, b"Client Key");
    let signature = hmac(&Sha256::digest(client_key), message.as_bytes());
    let expected: Vec<u8> = client_key
        .iter()
        .zip(signature)
        .map(|(a, b)| a ^ b)
        .collect();
    assert_eq!(BASE64.decode(proof).unwrap(), expected);
    let signature = hmac(&hmac(&salted, b"Server Key"), message.as_bytes());
    format!("v={}", BASE64.encode(signature)).into_bytes()
}

#[test]
fn scram_proves_both_sides() {
    let mut machine = started(Some("secret"));
    let last = scram(&mut machine, "secret");
    let answer = [backend::authentication(12, &last), let_in()].concat();
    assert_eq!(after(&mut machine, &answer).unwrap(), ["ready Idle"]);
    assert!(machine.used_password());
}

#[test]
fn a_server_that_does_not_know_the_password_is_refused() {
    let mut machine = started(Some("secret"));
    scram(&mut machine, "secret");
    let lie = format!("v={}", BASE64.encode([0; 32]));
    let answer = [backend::authentication(12, lie.as_bytes()), let_in()].concat();
    assert!(matches!(after(&mut machine, &answer), Err(Error::Auth(_))));
    assert!(machine.is_closed());

    let mut machine = started(Some("secret"));
    scram(&mut machine, "secret");
    assert!(matches!(
        after(&mut machine, &let_in()),
        Err(Error::Auth(_))
    ));
}

#[test]
fn a_password_that_is_not_there() {
    for request in [
        backend::authentication_cleartext_password(),
        backend::authentication_md5_password(*b"salt"),
        backend::authentication_sasl(&["SCRAM-SHA-256"]),
    ] {
        let mut machine = started(None);
        assert!(matches!(after(&mut machine, &request), Err(Error::Auth(_))));
        assert!(machine.is_closed());
        assert!(machine.outgoing().is_empty());
        assert!(!machine.used_password());
    }
}

#[test]
fn the_server_refuses() {
    let refusal = backend::error("FATAL", "28P01", "password authentication failed");
    let mut machine = started(Some("wrong"));
    let request = backend::authentication_cleartext_password();
    let error = after(&mut machine, &[request, refusal.clone()].concat()).unwrap_err();
    let Error::Server(fields) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(fields.sqlstate(), Some("28P01"));
    assert_eq!(error.to_string(), "password authentication failed");
    assert!(machine.is_closed());
    assert!(machine.used_password(), "known after the end");

    // Also when it has let the client in already.
    let mut machine = started(None);
    let answer = [backend::authentication_ok(), refusal].concat();
    assert!(matches!(
        after(&mut machine, &answer),
        Err(Error::Server(_))
    ));
    assert!(!machine.used_password());
}

#[test]
fn notices_and_settings_come_at_any_point() {
    let mut machine = started(None);
    let answer = [
        backend::message(b'N', b"SWARNING\0Mearly\0\0"),
        backend::authentication_ok(),
        backend::message(b'N', b"SWARNING\0Mlate\0\0"),
        backend::parameter_status("a", "1"),
        backend::parameter_status("a", "2"),
        backend::ready_for_query(b'I'),
    ];
    assert_eq!(
        after(&mut machine, &answer.concat()).unwrap(),
        [
            "notice early",
            "notice late",
            "parameter",
            "parameter",
            "ready Idle"
        ]
    );
    assert_eq!(machine.parameter_status("a"), Some("2"));
    assert_eq!(machine.parameter_statuses().count(), 1);
    assert!(machine.backend_key().is_none(), "not every server has one");
}

#[test]
fn the_protocol_version_is_negotiated_downwards() {
    let negotiate = |asked, minimum, offered| {
        let mut machine = Machine::default();
        machine
            .start(options(asked, minimum), authenticator(None))
            .unwrap();
        let offer = backend::negotiate_protocol_version(offered, &["_pq_.x"]);
        after(&mut machine, &[offer, let_in()].concat()).map(|_| machine.protocol_minor())
    };
    assert_eq!(negotiate(2, 0, 0).unwrap(), 0);
    assert_eq!(negotiate(2, 2, 2).unwrap(), 2);
    assert!(matches!(
        negotiate(2, 2, 0),
        Err(Error::ProtocolVersion {
            offered: 0,
            minimum: 2
        })
    ));
    assert!(matches!(
        negotiate(0, 0, 2),
        Err(Error::Unexpected { tag: b'v', .. })
    ));
    // Nobody negotiated: what was asked for.
    let mut machine = Machine::default();
    machine.start(options(2, 0), authenticator(None)).unwrap();
    after(&mut machine, &let_in()).unwrap();
    assert_eq!(machine.protocol_minor(), 2);
}

#[test]
fn a_long_cancel_key_is_kept_whole() {
    let mut machine = started(None);
    let answer = [
        backend::authentication_ok(),
        backend::backend_key_data(u32::MAX, &[9; 256]),
        backend::ready_for_query(b'I'),
    ];
    after(&mut machine, &answer.concat()).unwrap();
    let key = machine.backend_key().unwrap();
    assert_eq!((key.pid, key.secret.len()), (u32::MAX, 256));
}

/// A message out of its turn ends the startup.
#[test]
fn only_what_is_legal_before_authentication() {
    let legal: &[u8] = b"RENSAv";
    for &tag in psycoxide_protocol::backend::tag::ALL {
        if legal.contains(&tag) {
            continue;
        }
        let mut machine = started(None);
        let message = well_formed(tag);
        let error = after(&mut machine, &message).unwrap_err();
        assert!(
            matches!(error, Error::Unexpected { tag: found, .. } if found == tag),
            "{error:?} for {:?}",
            char::from(tag)
        );
        assert!(machine.is_closed());
    }
}

#[test]
fn only_what_is_legal_after_authentication() {
    let legal: &[u8] = b"ENSAKZ";
    for &tag in psycoxide_protocol::backend::tag::ALL {
        if legal.contains(&tag) {
            continue;
        }
        let mut machine = started(None);
        let message = [backend::authentication_ok(), well_formed(tag)].concat();
        let error = after(&mut machine, &message).unwrap_err();
        assert!(
            matches!(error, Error::Unexpected { tag: found, .. } if found == tag),
            "{error:?} for {:?}",
            char::from(tag)
        );
    }
}

/// A message of this type whose body can be decoded.
fn well_formed(tag: u8) -> Vec<u8> {
    let body: &[u8] = match tag {
        b'R' => &[0, 0, 0, 0],
        b'K' => &[0, 0, 0, 1, 1, 2, 3, 4],
        b'Z' => b"I",
        b'C' => b"SELECT 1\0",
        b'T' | b't' | b'D' => &[0, 0],
        b'G' | b'H' | b'W' => &[0, 0, 0],
        b'S' => b"a\0b\0",
        b'E' | b'N' => b"Mx\0\0",
        b'V' => &[0xff; 4],
        b'A' => b"\0\0\0\0a\0b\0",
        b'v' => &[0; 8],
        _ => b"",
    };
    backend::message(tag, body)
}

#[test]
fn lengths_before_authentication_are_bounded() {
    for tag in *b"REN" {
        let mut machine = started(None);
        let header = [&[tag][..], &(100_000u32).to_be_bytes()].concat();
        assert!(matches!(
            after(&mut machine, &header),
            Err(Error::Decode(_))
        ));
    }
    // Afterwards a notice may be long.
    let mut machine = started(None);
    feed(&mut machine, &backend::authentication_ok());
    let header = [&b"N"[..], &(100_000u32).to_be_bytes()].concat();
    assert_eq!(after(&mut machine, &header).unwrap(), [""; 0]);
}

#[test]
fn something_else_than_a_server() {
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\0\x02\x02\x28",
        &[0; 64],
        &[0xff; 64],
    ] {
        let mut machine = started(Some("secret"));
        let error = after(&mut machine, answer).unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error:?}");
        assert!(machine.is_closed());
        assert!(machine.outgoing().is_empty());
    }
}

#[test]
fn the_peer_closes_before_it_is_ready() {
    let answer = support::startup_answer();
    for end in 0..answer.len() {
        let mut machine = started(None);
        feed(&mut machine, &answer[..end]);
        let _ = events(&mut machine).unwrap();
        assert!(matches!(machine.closed_by_peer(), Error::ClosedByPeer));
        assert!(machine.is_closed());
        assert!(matches!(machine.query(b"", 0), Err(Error::Closed)));
    }
}

#[test]
fn commands_wait_for_the_startup() {
    let mut machine = Machine::default();
    assert!(matches!(machine.query(b"", 0), Err(Error::Misuse(_))));
    assert_eq!(machine.transaction_status(), TransactionStatus::Unknown);
    machine.start(options(0, 0), authenticator(None)).unwrap();
    assert!(matches!(machine.sync(), Err(Error::Misuse(_))));
    assert!(matches!(
        machine.start(options(0, 0), authenticator(None)),
        Err(Error::Misuse(_))
    ));
    let sent = machine.outgoing().len();
    machine.terminate();
    assert_eq!(machine.outgoing().len(), sent, "nothing to end yet");
}

#[test]
fn the_answer_to_the_request_for_encryption() {
    assert_eq!(
        EncryptionAnswer::decode(b'S').unwrap(),
        EncryptionAnswer::Accepted
    );
    assert_eq!(
        EncryptionAnswer::decode(b'N').unwrap(),
        EncryptionAnswer::Refused
    );
    assert_eq!(
        EncryptionAnswer::decode(b'E').unwrap(),
        EncryptionAnswer::Failed
    );
    for answer in (0..=u8::MAX).filter(|byte| !b"SNE".contains(byte)) {
        let error = EncryptionAnswer::decode(answer).unwrap_err();
        assert!(error.to_string().contains("is it a PostgreSQL server?"));
    }
}
