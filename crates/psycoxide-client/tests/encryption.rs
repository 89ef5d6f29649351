//! Encryption as `sslmode` has it: asked for, refused, failed, and never half believed.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use psycoxide_client::operations::Step;
use psycoxide_client::operations::cancel::Cancel;
use psycoxide_client::{Error, PgConn};
use psycoxide_testkit::{Script, Server, backend};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};

use support::{at, connect, options, ready};

const SSL_REQUEST: u32 = 80_877_103;

fn with_mode(server: &Server, mode: &str) -> Result<Box<PgConn>, Error> {
    connect(&options(&format!(
        "{} sslmode={mode}",
        at(server.address())
    )))
}

/// One that goes on unencrypted.
fn plain(script: Script) -> Script {
    script.startup().expect(b'X').expect_close()
}

fn attempts(error: &Error) -> usize {
    match error {
        Error::Connect(attempts) => attempts.len(),
        error => panic!("{error:?}"),
    }
}

#[test]
fn a_server_without_tls() {
    let server = Server::start(vec![plain(
        Script::new().expect_packet(SSL_REQUEST).send(*b"N"),
    )]);
    let mut pgconn = with_mode(&server, "prefer").unwrap();
    assert!(pgconn.tls_info().is_none());
    pgconn.close();
    server.finish();

    let server = Server::start(vec![plain(Script::new())]);
    with_mode(&server, "allow").unwrap().close();
    server.finish();

    for mode in ["require", "verify-ca", "verify-full"] {
        let script = Script::new().expect_packet(SSL_REQUEST).send(*b"N");
        let server = Server::start(vec![script.expect_close()]);
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root.crt");
        std::fs::write(&root, identity().0).unwrap();
        let conninfo = format!(
            "{} sslmode={mode} sslrootcert={}",
            at(server.address()),
            root.display()
        );
        let error = connect(&options(&conninfo)).unwrap_err();
        assert!(
            error.to_string().contains("does not support SSL"),
            "{error}"
        );
        server.finish();
    }
}

/// What came with the `N` is as good as what follows it: all of it is in the clear.
#[test]
fn an_answer_that_is_none() {
    for answer in [*b"X", *b"H", *b"\0", *b"Z"] {
        for mode in ["prefer", "require"] {
            let script = Script::new().expect_packet(SSL_REQUEST).send(answer);
            let server = Server::start(vec![script.expect_close()]);
            let error = with_mode(&server, mode).unwrap_err();
            assert_eq!(attempts(&error), 1);
            assert!(
                error.to_string().contains("is it a PostgreSQL server?"),
                "{error}"
            );
            server.finish();
        }
    }
}

/// Its text comes from anybody, and is not shown.
#[test]
fn a_server_that_fails_when_asked() {
    let failing = || {
        Script::new()
            .expect_packet(SSL_REQUEST)
            .send(backend::error("FATAL", "XX000", "drop everything"))
            .close()
    };
    let server = Server::start(vec![failing(), plain(Script::new())]);
    with_mode(&server, "prefer").unwrap().close();
    server.finish();
    let server = Server::start(vec![failing()]);
    let error = with_mode(&server, "require").unwrap_err();
    assert!(!error.to_string().contains("drop everything"), "{error}");
    server.finish();
}

/// Bytes behind the `S` came from outside of the encryption: they are no TLS, and nothing else.
#[test]
fn bytes_stuffed_behind_the_answer_are_not_believed() {
    let stuffed = || {
        let welcome = [backend::authentication_ok(), ready(b'I')];
        Script::new()
            .expect_packet(SSL_REQUEST)
            .send([b"S".to_vec(), welcome.concat()].concat())
            .close()
    };
    let server = Server::start(vec![stuffed()]);
    let error = with_mode(&server, "require").unwrap_err();
    let Error::Connect(found) = &error else {
        panic!("{error:?}");
    };
    assert!(
        matches!(found[0].error, Error::Tls(_)),
        "{:?}",
        found[0].error
    );
    server.finish();
    // With less asked for, a new connection is made, from the beginning.
    let server = Server::start(vec![stuffed(), plain(Script::new())]);
    with_mode(&server, "prefer").unwrap().close();
    server.finish();
}

#[test]
fn the_server_closes_while_encryption_is_arranged() {
    for script in [
        Script::new().close(),
        Script::new().expect_packet(SSL_REQUEST).close(),
        Script::new().expect_packet(SSL_REQUEST).send(*b"S").close(),
    ] {
        let server = Server::start(vec![script]);
        assert!(with_mode(&server, "require").is_err());
        server.finish();
    }
}

/// `allow` asks for TLS only where the server wants it so.
#[test]
fn allow_tries_tls_when_the_server_rejects_without() {
    let rejecting = Script::new()
        .expect_packet(3 << 16)
        .send(backend::error("FATAL", "28000", "no encryption"))
        .close();
    let asked = Script::new()
        .expect_packet(SSL_REQUEST)
        .send(*b"N")
        .expect_close();
    let server = Server::start(vec![rejecting, asked]);
    let error = with_mode(&server, "allow").unwrap_err();
    assert_eq!(attempts(&error), 2);
    let text = error.to_string();
    assert!(text.contains("no encryption") && text.contains("does not support SSL"));
    server.finish();
    // Other errors have nothing to do with encryption.
    let server = Server::start(vec![
        Script::new()
            .expect_packet(3 << 16)
            .send(backend::error("FATAL", "3D000", "no such database"))
            .close(),
    ]);
    assert_eq!(attempts(&with_mode(&server, "allow").unwrap_err()), 1);
    server.finish();
}

/// A certificate for localhost that vouches for itself, as PEM, and a configuration with it.
fn identity() -> (String, Arc<ServerConfig>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names)
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], der)
        .unwrap();
    let pem = pem(certificate.der());
    (pem, Arc::new(config))
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

type Tls = rustls::StreamOwned<ServerConnection, TcpStream>;

/// A server with TLS, which takes as many connections as it has work for.
struct TlsServer {
    address: std::net::SocketAddr,
    thread: JoinHandle<()>,
}

type Work = Box<dyn FnOnce(Tls) + Send>;

impl TlsServer {
    fn start(work: Vec<Work>) -> TlsServer {
        let (_, config) = identity();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            for work in work {
                let (mut socket, _) = listener.accept().unwrap();
                let patience = Some(Duration::from_secs(20));
                socket.set_read_timeout(patience).unwrap();
                assert_eq!(packet(&mut socket), SSL_REQUEST.to_be_bytes());
                socket.write_all(b"S").unwrap();
                let session = ServerConnection::new(config.clone()).unwrap();
                work(rustls::StreamOwned::new(session, socket));
            }
        });
        TlsServer { address, thread }
    }
}

/// A packet without a type.
fn packet(stream: &mut impl Read) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut packet = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut packet).unwrap();
    packet
}

fn welcome(stream: &mut Tls) {
    assert_eq!(&packet(stream)[..4], [0, 3, 0, 0]);
    let answer = [
        backend::authentication_ok(),
        backend::backend_key_data(7, b"key!"),
        ready(b'I'),
    ];
    stream.write_all(&answer.concat()).unwrap();
    stream.flush().unwrap();
}

#[test]
fn a_session_and_its_cancel_request_are_encrypted() {
    let server = TlsServer::start(vec![
        Box::new(|mut stream| {
            welcome(&mut stream);
            // As long as the client needs it.
            let mut rest = Vec::new();
            let _ = stream.sock.read_to_end(&mut rest);
        }),
        Box::new(|mut stream| {
            let request = packet(&mut stream);
            assert_eq!(&request[..4], 80_877_102u32.to_be_bytes());
            assert_eq!(&request[4..8], [0, 0, 0, 7]);
            assert_eq!(&request[8..], b"key!");
        }),
    ]);
    let conninfo = format!("{} sslmode=require", at(server.address));
    let mut pgconn = connect(&options(&conninfo)).unwrap();
    assert!(pgconn.tls_info().unwrap().version.starts_with("TLSv1"));
    let target = pgconn.cancel_target().unwrap();
    assert!(!format!("{target:?}").contains("key!"));
    // The listener serves one after the other.
    pgconn.close();
    let mut cancel = Cancel::new(&target);
    while let Step::Wait(wait) = cancel.step().unwrap() {
        cancel.wait(wait, Some(Duration::from_secs(20))).unwrap();
    }
    server.thread.join().unwrap();
}

/// A server that takes the client only without encryption.
#[test]
fn prefer_goes_on_without_tls_when_the_server_rejects_with() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (_, config) = identity();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        packet(&mut socket);
        socket.write_all(b"S").unwrap();
        let session = ServerConnection::new(config).unwrap();
        let mut stream = rustls::StreamOwned::new(session, socket);
        packet(&mut stream);
        let rejection = backend::error("FATAL", "28000", "SSL encryption");
        stream.write_all(&rejection).unwrap();
        stream.flush().unwrap();
        drop(stream);
        let (mut socket, _) = listener.accept().unwrap();
        assert_eq!(&packet(&mut socket)[..4], [0, 3, 0, 0]);
        let answer = [backend::authentication_ok(), ready(b'I')];
        socket.write_all(&answer.concat()).unwrap();
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest);
    });
    let conninfo = format!("{} sslmode=prefer", at(address));
    let mut pgconn = connect(&options(&conninfo)).unwrap();
    assert!(pgconn.tls_info().is_none());
    pgconn.close();
    server.join().unwrap();
}

/// Encrypted once, the password is not sent again in the clear.
#[test]
fn a_password_sent_under_tls_is_not_sent_in_the_clear() {
    let server = TlsServer::start(vec![Box::new(|mut stream| {
        packet(&mut stream);
        stream
            .write_all(&backend::authentication_cleartext_password())
            .unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"p\0\0\0\x0bsecret\0");
        let rejection = backend::error("FATAL", "28000", "not permitted to log in");
        stream.write_all(&rejection).unwrap();
        stream.flush().unwrap();
    })]);
    let conninfo = format!("{} sslmode=prefer password=secret", at(server.address));
    let error = connect(&options(&conninfo)).unwrap_err();
    assert_eq!(attempts(&error), 1);
    assert!(
        error.to_string().contains("not permitted to log in"),
        "{error}"
    );
    server.thread.join().unwrap();
}

/// What is longer than a read comes through, and ends where the server closes.
#[test]
fn rows_under_tls_and_the_end_without_goodbye() {
    const ROWS: usize = 20_000;
    let server = TlsServer::start(vec![Box::new(|mut stream| {
        welcome(&mut stream);
        let mut query = [0; 5];
        stream.read_exact(&mut query).unwrap();
        let mut body = vec![0; u32::from_be_bytes(query[1..].try_into().unwrap()) as usize - 4];
        stream.read_exact(&mut body).unwrap();
        let row = backend::data_row(&[Some(&[b'x'; 1000])]);
        stream
            .write_all(&backend::row_description(&[backend::field("a", 25)]))
            .unwrap();
        for _ in 0..ROWS / 100 {
            stream.write_all(&row.repeat(100)).unwrap();
        }
        let end = [backend::command_complete("SELECT"), ready(b'I')];
        stream.write_all(&end.concat()).unwrap();
        stream.flush().unwrap();
        // The socket closes without a word of TLS.
    })]);
    let conninfo = format!("{} sslmode=require", at(server.address));
    let pgconn = connect(&options(&conninfo)).unwrap();
    let mut connection = psycoxide_client::Connection::new(*pgconn);
    connection.set_autocommit(true);
    let results = support::execute(&mut connection, support::simple("select")).unwrap();
    assert_eq!(results, [format!("TuplesOk {ROWS}x1 SELECT")]);
    server.thread.join().unwrap();
    let error = support::execute(&mut connection, support::simple("select")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    assert!(!connection.pgconn.is_open());
}
