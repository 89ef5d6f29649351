//! The TLS side of a stream: feeds rustls what the socket brought, and the socket what rustls has.
//!
//! Bytes go socket → `received` → rustls (decrypts, keeps plaintext) → the caller. A call first
//! hands out what is here, decrypting as many records as it has, and turns to the socket only when
//! nothing is left; so one `recv` serves many records, and an interrupted or fruitless `recv`
//! leaves all three places as they were.
//!
//! Invariant: `start <= end <= received.len()`.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustix::net::RecvFlags;
use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ClientConfig, ProtocolVersion};
use socket2::Socket;

use super::certificates::Answered;
use super::{Handshake, TlsError, TlsInfo, server_end_point};
use crate::stream::{receive, transmit, transmit_vectored};

/// Four full records a `recv`. Pages that are never filled cost no memory.
const RECEIVE_CAPACITY: usize = 64 * 1024;

/// First byte of a TLS record in a handshake: RFC 8446, section 5.1.
const RECORD_ALERT: u8 = 0x15;
const RECORD_HANDSHAKE: u8 = 0x16;

/// What a connection under TLS has beyond its socket.
#[derive(Debug)]
pub(crate) struct Session {
    connection: ClientConnection,
    received: Box<[u8]>,
    start: usize,
    end: usize,
    /// Set once the handshake is done and its conditions are met.
    established: bool,
    /// Set when the first bytes from the server have been seen to be TLS.
    answered: bool,
    requirements: Requirements,
    /// A fatal error, which every later call repeats.
    failure: Option<rustls::Error>,
}

/// Conditions beyond those rustls knows, to be met when the handshake is done.
#[derive(Debug, Default)]
pub(crate) struct Requirements {
    /// ALPN must have been confirmed.
    pub(crate) alpn: bool,
    /// Tells whether the server asked for a certificate, where it must.
    pub(crate) certificate: Option<Arc<Answered>>,
}

impl Session {
    pub(crate) fn new(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        requirements: Requirements,
    ) -> Result<Self, TlsError> {
        Ok(Self {
            connection: ClientConnection::new(config, name)?,
            received: vec![0; RECEIVE_CAPACITY].into_boxed_slice(),
            start: 0,
            end: 0,
            established: false,
            answered: false,
            requirements,
            failure: None,
        })
    }

    pub(crate) fn handshake(&mut self, socket: &Socket) -> Result<Handshake, TlsError> {
        loop {
            if !self.flush(socket).map_err(TlsError::Io)? {
                return Ok(Handshake::WantWrite);
            }
            if !self.connection.is_handshaking() {
                self.check_requirements()?;
                self.established = true;
                return Ok(Handshake::Done);
            }
            if self.start < self.end {
                if let Err(error) = self.feed() {
                    // The alert that tells the server why; if it cannot go out, so be it.
                    let _ = self.flush(socket);
                    return Err(error);
                }
                continue;
            }
            match self.fill(socket, RecvFlags::DONTWAIT) {
                Ok(0) => return Err(TlsError::Closed),
                Ok(_) => self.check_first_byte()?,
                Err(error) if is_passing(&error) => return Ok(Handshake::WantRead),
                Err(error) => return Err(TlsError::Io(error)),
            }
        }
    }

    pub(crate) fn read(
        &mut self,
        socket: &Socket,
        buffer: &mut [u8],
        flags: RecvFlags,
    ) -> io::Result<usize> {
        loop {
            if let Some(count) = self.take(buffer)? {
                return Ok(count);
            }
            if self.connection.wants_write() {
                // Answers of TLS's own (key updates). A socket that cannot send may still have
                // the server's last words to read.
                let _ = self.flush(socket);
            }
            if self.fill(socket, flags)? == 0 {
                // Tells rustls of the end, whose `reader` then knows whether it was announced.
                self.connection.read_tls(&mut io::empty())?;
            }
        }
    }

    pub(crate) fn write(&mut self, socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
        if let Some(error) = &self.failure {
            return Err(TlsError::from(error.clone()).into_io());
        }
        if self.connection.wants_write() {
            self.flush(socket)?;
        }
        let count = self.connection.writer().write(bytes)?;
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.flush(socket)?;
        Ok(count)
    }

    /// Sends what waits; whether nothing is left.
    pub(crate) fn flush(&mut self, socket: &Socket) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut Sender(socket)) {
                Ok(_) => {}
                Err(error) if is_passing(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    pub(crate) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// Whether a read may succeed without the socket. `wants_read` is false while rustls holds
    /// plaintext.
    pub(crate) fn has_buffered(&self) -> bool {
        self.start < self.end || (self.established && !self.connection.wants_read())
    }

    pub(crate) fn close_notify(&mut self, socket: &Socket) {
        self.connection.send_close_notify();
        let _ = self.flush(socket);
    }

    pub(crate) fn info(&self) -> Option<TlsInfo> {
        if !self.established {
            return None;
        }
        let version = match self.connection.protocol_version()? {
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            _ => "TLSv1.2",
        };
        let (cipher, key_bits) = cipher(self.connection.negotiated_cipher_suite()?.suite());
        let certificate = self.connection.peer_certificates()?.first()?;
        Some(TlsInfo {
            version,
            cipher,
            key_bits,
            alpn: self.connection.alpn_protocol().map(<[u8]>::to_vec),
            peer_certificate: certificate.to_vec(),
            server_end_point: server_end_point(certificate),
        })
    }

    /// Moves plaintext to `buffer`, decrypting records that are here until it is full. `None` when
    /// the socket must be asked, `Some(0)` at the end of the stream.
    fn take(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut filled = 0;
        loop {
            let room = buffer.get_mut(filled..).unwrap_or_default();
            if room.is_empty() {
                return Ok(Some(filled));
            }
            let error = match self.connection.reader().read(room) {
                Ok(0) => return Ok(Some(filled)),
                Ok(count) => {
                    filled += count;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Some(failure) = &self.failure {
                        TlsError::from(failure.clone()).into_io()
                    } else if self.start < self.end {
                        // Records before a bad one are good: `failure` waits until they are read.
                        let _ = self.feed();
                        continue;
                    } else {
                        return Ok((filled > 0).then_some(filled));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    TlsError::NoCloseNotify.into_io()
                }
                Err(error) => error,
            };
            // What was decrypted before the error goes first; the error will be met again.
            return if filled > 0 {
                Ok(Some(filled))
            } else {
                Err(error)
            };
        }
    }

    /// Gives rustls a piece of what was received and lets it decrypt.
    fn feed(&mut self) -> Result<(), TlsError> {
        let mut bytes = self.received.get(self.start..self.end).unwrap_or_default();
        let outcome = match self.connection.read_tls(&mut bytes) {
            Ok(count) => {
                self.start += count;
                self.connection.process_new_packets().map(drop)
            }
            Err(error) => Err(rustls::Error::General(error.to_string())),
        };
        outcome.map_err(|error| {
            self.failure = Some(error.clone());
            error.into()
        })
    }

    /// One `recv`. Called only when everything received before has been fed.
    fn fill(&mut self, socket: &Socket, flags: RecvFlags) -> io::Result<usize> {
        let count = receive(socket, &mut self.received, flags)?;
        self.start = 0;
        self.end = count;
        Ok(count)
    }

    fn check_first_byte(&mut self) -> Result<(), TlsError> {
        let first = self.received.first().copied();
        if !self.answered && !matches!(first, Some(RECORD_HANDSHAKE | RECORD_ALERT)) {
            return Err(TlsError::NotTls);
        }
        self.answered = true;
        Ok(())
    }

    fn check_requirements(&self) -> Result<(), TlsError> {
        if self.requirements.alpn && self.connection.alpn_protocol().is_none() {
            return Err(TlsError::AlpnNotConfirmed);
        }
        match &self.requirements.certificate {
            Some(answered) => answered.check(),
            None => Ok(()),
        }
    }
}

/// The socket as rustls wants it: never waits, all pieces in one call.
struct Sender<'a>(&'a Socket);

impl Write for Sender<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        transmit(self.0, bytes)
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            [piece] => transmit(self.0, piece),
            _ => transmit_vectored(self.0, pieces),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// OpenSSL's name of a suite and the bits of its key. These are all that are ever offered.
fn cipher(suite: CipherSuite) -> (&'static str, u16) {
    match suite {
        CipherSuite::TLS13_AES_256_GCM_SHA384 => ("TLS_AES_256_GCM_SHA384", 256),
        CipherSuite::TLS13_AES_128_GCM_SHA256 => ("TLS_AES_128_GCM_SHA256", 128),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => ("TLS_CHACHA20_POLY1305_SHA256", 256),
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => {
            ("ECDHE-ECDSA-AES256-GCM-SHA384", 256)
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => {
            ("ECDHE-ECDSA-AES128-GCM-SHA256", 128)
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
            ("ECDHE-ECDSA-CHACHA20-POLY1305", 256)
        }
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => ("ECDHE-RSA-AES256-GCM-SHA384", 256),
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => ("ECDHE-RSA-AES128-GCM-SHA256", 128),
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => {
            ("ECDHE-RSA-CHACHA20-POLY1305", 256)
        }
        other => (other.as_str().unwrap_or("unknown"), 0),
    }
}
