//! Bytes under TLS: much of them, in any pieces, and every way they can end.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's own steps fails the test"
)]

mod support;

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use psycoxide_transport::tls::{Negotiation, SslMode, TlsVersion, server_end_point};
use psycoxide_transport::{Handshake, Stream, TlsConfig, TlsConnector, TlsError, poll};
use rustls::{ServerConfig, ServerConnection};
use support::{
    Authority, PATIENCE, Peer, Server, Wish, config, connect, echo, handshake, server_config,
};

const HOST: &str = "db.example.org";

fn server() -> ServerConfig {
    server_config(&Wish::of(&[HOST]).self_signed(), None)
}

fn connector() -> TlsConnector {
    TlsConnector::new(&config(SslMode::Require, None)).unwrap()
}

fn secured<T: Send + 'static>(
    script: impl FnOnce(Peer) -> T + Send + 'static,
) -> (Stream, Server<T>) {
    let server = Server::tls(server(), script);
    let mut stream = connect(server.address);
    handshake(&mut stream, &connector(), HOST).unwrap();
    (stream, server)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| (index * 31 + index / 251) as u8)
        .collect()
}

/// Sends all of `bytes` to an echo and collects it again, as a client does that must not block.
fn round_trip(stream: &mut Stream, bytes: &[u8], read_size: usize) -> Vec<u8> {
    stream.set_blocking(None).unwrap();
    let mut sent = 0;
    let mut collected = Vec::new();
    let mut buffer = vec![0; read_size];
    while collected.len() < bytes.len() {
        if sent < bytes.len() {
            match stream.write(&bytes[sent..]) {
                Ok(count) => sent += count,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        } else {
            stream.flush_tls().unwrap();
        }
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => panic!("the echo ended"),
                Ok(count) => collected.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(!stream.has_buffered());
        if collected.len() < bytes.len() {
            let write = sent < bytes.len() || stream.wants_write();
            let ready = poll::wait(&*stream, true, write, Some(PATIENCE)).unwrap();
            assert!(ready.read || ready.write, "the transfer hangs");
        }
    }
    collected
}

#[test]
fn large_transfers_go_both_ways_at_once() {
    let bytes = pattern(8 << 20);
    for read_size in [4096, 100_000, 1 << 20] {
        let (mut stream, server) = secured(echo);
        assert!(round_trip(&mut stream, &bytes, read_size) == bytes);
        stream.close_notify();
        server.join().unwrap();
    }
}

/// A socket that moves at most so many bytes a call.
struct Trickle {
    socket: TcpStream,
    size: usize,
}

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(buffer.len());
        self.socket.read(&mut buffer[..size])
    }
}

impl Write for Trickle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.size.min(bytes.len());
        self.socket.write(&bytes[..size])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn any_split_of_the_records_gives_the_same_bytes() {
    for (size, length) in [(1, 60_000), (7, 100_000), (5000, 1_000_000)] {
        let config = Arc::new(server());
        let server = Server::plain(move |socket| {
            let mut tls = ServerConnection::new(config).unwrap();
            let mut socket = Trickle { socket, size };
            let mut stream = rustls::Stream::new(&mut tls, &mut socket);
            let mut buffer = vec![0; 10_000];
            loop {
                match stream.read(&mut buffer).unwrap() {
                    0 => return,
                    count => stream.write_all(&buffer[..count]).unwrap(),
                }
            }
        });
        let mut stream = connect(server.address);
        handshake(&mut stream, &connector(), HOST).unwrap();
        let bytes = pattern(length);
        assert!(
            round_trip(&mut stream, &bytes, 1000) == bytes,
            "pieces of {size}"
        );
        // And read byte by byte, waiting.
        stream.set_blocking(Some(PATIENCE)).unwrap();
        assert_eq!(stream.write(b"one by one").unwrap(), 10);
        for expected in b"one by one" {
            let mut byte = [0];
            assert_eq!(stream.read(&mut byte).unwrap(), 1);
            assert_eq!(byte[0], *expected);
        }
        stream.close_notify();
        server.join();
    }
}

#[test]
fn a_blocking_read_waits_for_the_interval_and_loses_nothing() {
    let (mut stream, server) = secured(|mut peer| {
        let mut go = [0];
        peer.stream().read_exact(&mut go).unwrap();
        // A record in two halves, with a pause that outlasts the client's interval.
        peer.tls.writer().write_all(b"whole").unwrap();
        let mut record = Vec::new();
        peer.tls.write_tls(&mut record).unwrap();
        peer.socket.write_all(&record[..9]).unwrap();
        peer.stream().read_exact(&mut go).unwrap();
        peer.socket.write_all(&record[9..]).unwrap();
        peer.stream().read_exact(&mut go).unwrap_err();
    });
    let mut buffer = [0; 16];
    assert_eq!(
        stream.read(&mut buffer).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    stream
        .set_blocking(Some(Duration::from_millis(30)))
        .unwrap();
    assert_eq!(
        stream.read(&mut buffer).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    stream.write(b"1").unwrap();
    for _ in 0..3 {
        assert_eq!(
            stream.read(&mut buffer).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
    }
    stream.set_blocking(Some(PATIENCE)).unwrap();
    stream.write(b"2").unwrap();
    assert_eq!(stream.read(&mut buffer).unwrap(), 5);
    assert_eq!(&buffer[..5], b"whole");
    drop(stream);
    server.join();
}

#[test]
fn buffered_bytes_need_no_socket() {
    let (mut stream, server) = secured(|mut peer| {
        peer.stream().write_all(&pattern(50_000)).unwrap();
        peer.tls.send_close_notify();
        peer.stream().flush().unwrap();
    });
    server.join();
    stream.set_blocking(Some(PATIENCE)).unwrap();
    let mut byte = [0];
    assert_eq!(stream.read(&mut byte).unwrap(), 1);
    assert!(stream.has_buffered());
    let mut collected = vec![byte[0]];
    let mut buffer = [0; 777];
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            count => collected.extend_from_slice(&buffer[..count]),
        }
    }
    assert!(collected == pattern(50_000));
    assert_eq!(stream.read(&mut buffer).unwrap(), 0);
}

#[test]
fn an_unannounced_end_is_told_from_an_announced_one() {
    let (mut stream, server) = secured(|mut peer| {
        peer.stream().write_all(b"last words").unwrap();
        drop(peer);
    });
    server.join();
    stream.set_blocking(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 64];
    assert_eq!(stream.read(&mut buffer).unwrap(), 10);
    for _ in 0..2 {
        let error = stream.read(&mut buffer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert!(error.to_string().contains("close_notify"), "{error}");
    }
}

#[test]
fn a_damaged_record_is_an_error_after_what_came_before_it() {
    let (mut stream, server) = secured(|mut peer| {
        peer.tls.complete_io(&mut peer.socket).unwrap();
        peer.tls.writer().write_all(b"sound").unwrap();
        let mut records = Vec::new();
        while peer.tls.wants_write() {
            peer.tls.write_tls(&mut records).unwrap();
        }
        peer.tls.writer().write_all(b"damaged").unwrap();
        peer.tls.write_tls(&mut records).unwrap();
        *records.last_mut().unwrap() ^= 1;
        peer.socket.write_all(&records).unwrap();
        let mut rest = Vec::new();
        let _ = peer.socket.read_to_end(&mut rest);
    });
    stream.set_blocking(Some(PATIENCE)).unwrap();
    let mut collected = Vec::new();
    let mut buffer = [0; 64];
    let error = loop {
        match stream.read(&mut buffer) {
            Ok(count) => collected.extend_from_slice(&buffer[..count]),
            Err(error) => break error,
        }
    };
    assert_eq!(collected, b"sound");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(
        stream.read(&mut buffer).unwrap_err().kind(),
        ErrorKind::InvalidData
    );
    assert_eq!(
        stream.write(b"more").unwrap_err().kind(),
        ErrorKind::InvalidData
    );
    drop(stream);
    server.join();
}

#[test]
fn a_write_under_tls_is_bounded_and_waits_here() {
    let (go, wait_for_go) = mpsc::channel();
    let (mut stream, server) = secured(move |mut peer| {
        peer.tls.complete_io(&mut peer.socket).unwrap();
        wait_for_go.recv().unwrap();
        let mut total = 0;
        let mut buffer = vec![0; 100_000];
        loop {
            match peer.stream().read(&mut buffer).unwrap() {
                0 => return total,
                count => total += count,
            }
        }
    });
    let bytes = pattern(1 << 20);
    let mut sent = 0;
    loop {
        match stream.write(&bytes) {
            Ok(count) => {
                assert!(count <= 64 * 1024, "{count}");
                sent += count;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                break;
            }
        }
    }
    assert!(stream.wants_write());
    go.send(()).unwrap();
    while !stream.flush_tls().unwrap() {
        assert!(
            poll::wait(&stream, false, true, Some(PATIENCE))
                .unwrap()
                .write
        );
    }
    assert!(!stream.wants_write());
    stream.close_notify();
    assert_eq!(server.join(), sent);
}

#[test]
fn what_is_not_tls_is_named() {
    for answer in [
        &b"E\0\0\0\x20SFATAL\0"[..],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0",
    ] {
        let server = Server::plain(move |mut socket| {
            let mut hello = [0; 16];
            socket.read_exact(&mut hello).unwrap();
            socket.write_all(answer).unwrap();
            let _ = socket.read_to_end(&mut Vec::new());
        });
        let mut stream = connect(server.address);
        let error = handshake(&mut stream, &connector(), HOST).unwrap_err();
        assert!(matches!(error, TlsError::NotTls), "{error:?}");
        drop(stream);
        server.join();
    }
}

#[test]
fn a_hostile_handshake_is_an_error() {
    // A handshake record that ends nowhere, one that is nonsense, and one that is too long.
    for answer in [
        &b"\x16\x03\x03\x40\x00"[..],
        b"\x16\x03\x03\x00\x04\x02\x00\x00\x00",
        b"\x16\x03\x03\xff\xff\0\0\0\0",
    ] {
        let server = Server::plain(move |mut socket| {
            let mut hello = [0; 16];
            socket.read_exact(&mut hello).unwrap();
            socket.write_all(answer).unwrap();
        });
        let mut stream = connect(server.address);
        let error = handshake(&mut stream, &connector(), HOST).unwrap_err();
        assert!(
            matches!(
                error,
                TlsError::Closed | TlsError::Protocol(_) | TlsError::Io(_)
            ),
            "{error:?}"
        );
    }
    let server = Server::plain(drop);
    let mut stream = connect(server.address);
    let error = handshake(&mut stream, &connector(), HOST).unwrap_err();
    assert!(
        matches!(error, TlsError::Closed | TlsError::Io(_)),
        "{error:?}"
    );
}

#[test]
fn what_was_agreed_is_told() {
    let authority = Authority::new("authority");
    let identity = authority.issue(&Wish::of(&[HOST]));
    for (version, cipher) in [
        (TlsVersion::Tls1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (TlsVersion::Tls1_3, "TLS_AES_256_GCM_SHA384"),
    ] {
        let config = TlsConfig {
            min_version: version,
            max_version: version,
            ..config(SslMode::Require, None)
        };
        let connector = TlsConnector::new(&config).unwrap();
        let server = Server::tls(server_config(&identity, None), echo);
        let mut stream = connect(server.address);
        assert!(matches!(stream.handshake(), Err(TlsError::NotStarted)));
        stream.start_tls(&connector, HOST).unwrap();
        assert!(stream.tls_info().is_none());
        assert!(matches!(
            stream.start_tls(&connector, HOST),
            Err(TlsError::AlreadyStarted)
        ));
        while stream.handshake().unwrap() != Handshake::Done {
            poll::wait(&stream, true, false, Some(PATIENCE)).unwrap();
        }
        let info = stream.tls_info().unwrap();
        assert_eq!(
            (info.version, info.cipher, info.key_bits),
            (version.name(), cipher, 256)
        );
        assert_eq!(info.peer_certificate, identity.certificate.to_vec());
        assert_eq!(
            info.server_end_point,
            server_end_point(&identity.certificate)
        );
        assert_eq!(info.server_end_point.unwrap().len(), 32);
        assert_eq!(info.alpn, None);
    }
}

#[test]
fn a_server_without_a_common_version_is_named() {
    let identity = Wish::of(&[HOST]).self_signed();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(identity.key.serialize_der()).into();
    let only_12 =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate.clone()], key)
            .unwrap();
    let config = TlsConfig {
        min_version: TlsVersion::Tls1_3,
        ..config(SslMode::Require, None)
    };
    let error = support::try_tls(&config, only_12, HOST)
        .map(drop)
        .unwrap_err();
    assert!(
        matches!(
            error,
            TlsError::Alert { .. } | TlsError::Incompatible { .. }
        ),
        "{error:?}"
    );
}

#[test]
fn direct_negotiation_needs_the_protocols_name_confirmed() {
    let direct = TlsConfig {
        negotiation: Negotiation::Direct,
        ..config(SslMode::Require, None)
    };
    let error = support::try_tls(&direct, server(), HOST)
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, TlsError::AlpnNotConfirmed), "{error:?}");

    let mut confirming = server();
    confirming.alpn_protocols = vec![b"postgresql".to_vec()];
    let stream = support::try_tls(&direct, confirming.clone(), HOST).unwrap();
    assert_eq!(stream.tls_info().unwrap().alpn.unwrap(), b"postgresql");
    // It is offered, and may be confirmed, after an SSLRequest too.
    let stream = support::try_tls(&config(SslMode::Require, None), confirming, HOST).unwrap();
    assert_eq!(stream.tls_info().unwrap().alpn.unwrap(), b"postgresql");
}

#[test]
fn the_host_name_is_sent_unless_it_is_an_address_or_switched_off() {
    let sent = |sni: bool, host: &'static str| {
        let connector = TlsConnector::new(&TlsConfig {
            sni,
            ..config(SslMode::Require, None)
        })
        .unwrap();
        let server = Server::tls(server(), |mut peer| {
            peer.tls.complete_io(&mut peer.socket).unwrap();
            peer.tls.server_name().map(str::to_owned)
        });
        let mut stream = connect(server.address);
        handshake(&mut stream, &connector, host).unwrap();
        server.join()
    };
    assert_eq!(sent(true, HOST).as_deref(), Some(HOST));
    assert_eq!(sent(false, HOST), None);
    assert_eq!(sent(true, "127.0.0.1"), None);
    assert_eq!(sent(true, "::1"), None);
    assert_eq!(sent(true, ""), None);
}
