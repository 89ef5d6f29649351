//! What the tests share: authorities and certificates, a TLS server, and a client that waits.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's own steps fails the test"
)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use psycoxide_transport::tls::{RootCert, SslMode};
use psycoxide_transport::{
    Handshake, SocketOptions, Stream, Target, TlsConfig, TlsConnector, TlsError, poll,
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams,
    CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};

/// No test waits longer than this for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate with its key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    pub key: KeyPair,
    pub serial: u64,
}

impl Identity {
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

pub fn pem(label: &str, der: &[u8]) -> String {
    use std::fmt::Write as _;

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        for group in line.chunks(3) {
            let bits = group
                .iter()
                .fold(0, |bits, byte| bits << 8 | u32::from(*byte));
            let bits = bits << (8 * (3 - group.len()));
            for place in 0..4 {
                if place > group.len() {
                    text.push('=');
                } else {
                    text.push(char::from(
                        ALPHABET[(bits >> (18 - 6 * place)) as usize & 63],
                    ));
                }
            }
        }
        text.push('\n');
    }
    writeln!(text, "-----END {label}-----").unwrap();
    text
}

/// What a certificate says, beyond its names.
#[derive(Clone, Default)]
pub struct Wish {
    pub names: Vec<&'static str>,
    pub common_name: Option<&'static str>,
    pub expired: bool,
    pub not_yet: bool,
    pub authority: bool,
    pub serial: u64,
}

impl Wish {
    pub fn of(names: &[&'static str]) -> Self {
        Self {
            names: names.to_vec(),
            serial: 7,
            ..Self::default()
        }
    }

    fn params(&self) -> CertificateParams {
        let names: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        if let Some(name) = self.common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.serial_number = Some(SerialNumber::from(self.serial));
        params.not_before = date_time_ymd(if self.not_yet { 2090 } else { 2020 }, 1, 1);
        params.not_after = date_time_ymd(if self.expired { 2021 } else { 2095 }, 1, 1);
        if self.authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }

    /// A certificate that vouches for itself.
    pub fn self_signed(&self) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut wish = self.clone();
        wish.common_name = wish.common_name.or(Some("self"));
        let certificate = wish.params().self_signed(&key).unwrap();
        Identity {
            certificate: certificate.der().clone(),
            key,
            serial: self.serial,
        }
    }
}

/// A certificate authority.
pub struct Authority {
    pub issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        let certificate: &Certificate = self.issuer.as_ref();
        certificate.der().clone()
    }

    pub fn issue(&self, wish: &Wish) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = wish.params().signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate: certificate.der().clone(),
            key,
            serial: wish.serial,
        }
    }

    /// A PEM list that revokes the serial numbers given.
    pub fn revoke(&self, serials: &[u64], outdated: bool) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2020, 2, 1),
            reason_code: None,
            invalidity_date: None,
        };
        CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 3, 1),
            next_update: date_time_ymd(if outdated { 2020 } else { 2095 }, 4, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        }
        .signed_by(&self.issuer)
        .unwrap()
        .pem()
        .unwrap()
    }
}

/// A directory for files named in configurations.
pub struct Files(pub tempfile::TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn put(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        self.put_with_mode(name, text, 0o600)
    }

    pub fn put_with_mode(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;

        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

/// A server's configuration for an identity; asks for client certificates if told whose.
pub fn server_config(identity: &Identity, clients: Option<&Authority>) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                Arc::new(ring::default_provider()),
            )
            .allow_unauthenticated()
            .build()
            .unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    // Not `with_single_cert`, which would refuse certificates of version 1.
    let signer = ring::default_provider()
        .key_provider
        .load_private_key(identity.key_der())
        .unwrap();
    let certified = rustls::sign::CertifiedKey::new(vec![identity.certificate.clone()], signer);
    builder.with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)))
}

/// A connection of the test server, which its script may use as it likes.
pub struct Peer {
    pub tls: ServerConnection,
    pub socket: TcpStream,
}

impl Peer {
    pub fn stream(&mut self) -> rustls::Stream<'_, ServerConnection, TcpStream> {
        rustls::Stream::new(&mut self.tls, &mut self.socket)
    }
}

/// A server that runs `script` on its first connection.
pub struct Server<T> {
    pub address: SocketAddr,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Server<T> {
    pub fn plain(script: impl FnOnce(TcpStream) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            socket.set_nodelay(true).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket.set_write_timeout(Some(PATIENCE)).unwrap();
            script(socket)
        });
        Self { address, thread }
    }

    pub fn tls(config: ServerConfig, script: impl FnOnce(Peer) -> T + Send + 'static) -> Self {
        let config = Arc::new(config);
        Self::plain(move |socket| {
            script(Peer {
                tls: ServerConnection::new(config).unwrap(),
                socket,
            })
        })
    }

    pub fn join(self) -> T {
        self.thread.join().unwrap()
    }
}

/// Sends back what comes, until the end.
pub fn echo(mut peer: Peer) -> io::Result<()> {
    let mut buffer = vec![0; 30_000];
    let mut stream = peer.stream();
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count])?,
        }
    }
}

pub fn connect(address: SocketAddr) -> Stream {
    let target = Target::Tcp(address);
    let stream = Stream::connect_start(&target, &SocketOptions::default()).unwrap();
    assert!(
        poll::wait(&stream, false, true, Some(PATIENCE))
            .unwrap()
            .write
    );
    assert!(stream.connect_finish().unwrap());
    stream
}

/// Runs a whole handshake, waiting as told.
pub fn handshake(
    stream: &mut Stream,
    connector: &TlsConnector,
    host: &str,
) -> Result<(), TlsError> {
    stream.start_tls(connector, host)?;
    loop {
        let (read, write) = match stream.handshake()? {
            Handshake::Done => return Ok(()),
            Handshake::WantRead => (true, false),
            Handshake::WantWrite => (false, true),
        };
        let ready = poll::wait(&*stream, read, write, Some(PATIENCE)).unwrap();
        assert!(ready.read || ready.write, "the handshake hangs");
    }
}

/// Connects under TLS and exchanges a few bytes, so that alerts sent after the handshake count.
pub fn try_tls(config: &TlsConfig, server: ServerConfig, host: &str) -> Result<Stream, TlsError> {
    let connector = TlsConnector::new(config)?;
    let server = Server::tls(server, echo);
    let mut stream = connect(server.address);
    handshake(&mut stream, &connector, host)?;
    stream.set_blocking(Some(PATIENCE)).unwrap();
    assert_eq!(stream.write(b"ping").unwrap(), 4);
    let mut buffer = [0; 16];
    match stream.read(&mut buffer) {
        Ok(count) => assert_eq!(&buffer[..count], b"ping"),
        Err(error) => return Err(*error.into_inner().unwrap().downcast::<TlsError>().unwrap()),
    }
    Ok(stream)
}

pub fn config(mode: SslMode, root: Option<&Path>) -> TlsConfig {
    let root_cert = root.map_or(RootCert::None, |path| RootCert::File(path.to_owned()));
    TlsConfig {
        mode,
        root_cert,
        ..TlsConfig::default()
    }
}
