//! One connection's byte stream: TCP or unix socket, plain or under TLS.
//!
//! The descriptor stays in the kernel's blocking mode from the moment its connect has begun, and
//! "do not wait" is said call by call (`MSG_DONTWAIT`). So a blocking read is one plain `recv`, a
//! write is one `send`, and changing between waiting and not waiting costs nothing.
//!
//! The rule it guards: every call makes at most one system call that could wait, and reports what
//! came of it. Nothing is retried here, and nothing read is ever lost to an interruption.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::Socket;

use crate::descriptor::Descriptor;
use crate::tcp::{self, SocketOptions};
use crate::tls::session::Session;
use crate::tls::{Handshake, TlsConnector, TlsError, TlsInfo};
use crate::unix;

#[cfg(not(target_vendor = "apple"))]
const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
/// Apple's kernels have no such flag; the socket carries `SO_NOSIGPIPE` from its creation.
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: SendFlags = SendFlags::DONTWAIT;

/// Where to connect to: one address, already resolved.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// An internet address and port.
    Tcp(SocketAddr),
    /// The path of a unix socket; `@name` for Linux's abstract namespace.
    Unix(PathBuf),
}

/// A plain or TLS stream over a TCP or unix socket.
///
/// Order of calls: [`connect_start`](Self::connect_start), wait until writable,
/// [`connect_finish`](Self::connect_finish); then [`read`](Self::read) and
/// [`write`](Self::write), and for TLS first [`start_tls`](Self::start_tls) and
/// [`handshake`](Self::handshake) until done.
///
/// Under TLS a write may be accepted while its last bytes still wait for the socket: before
/// waiting for an answer, see that [`wants_write`](Self::wants_write) is false, or wait for the
/// socket to be writable and call [`flush_tls`](Self::flush_tls). Likewise bytes may be here
/// already that no poll will announce: read until `WouldBlock`, or ask
/// [`has_buffered`](Self::has_buffered), before waiting for the socket to be readable.
///
/// Dropping it closes the descriptor and sends nothing, which is what a forked child needs;
/// [`close_notify`](Self::close_notify) says goodbye under TLS. A TCP socket closed with unread
/// bytes is reset, and what was sent last may be lost with it: who sends a message and goes, as a
/// cancel request does, reads to the end first. Where [`descriptor`](Self::descriptor) keeps the
/// number, dropping the stream shuts the connection down instead.
#[derive(Debug)]
pub struct Stream {
    socket: Arc<Socket>,
    /// The process that made the connection.
    process: u32,
    /// Whether `read` waits.
    blocking: bool,
    /// The `SO_RCVTIMEO` the socket has now.
    receive_timeout: Option<Duration>,
    session: Option<Box<Session>>,
}

impl Stream {
    /// Makes a socket (closed on exec) and begins to connect it, without waiting.
    ///
    /// # Errors
    /// What the system reports at once: no route, a refused unix socket, a path that is too long;
    /// [`io::ErrorKind::WouldBlock`] when a unix socket's queue is full (try again).
    pub fn connect_start(target: &Target, options: &SocketOptions) -> io::Result<Self> {
        let socket = match target {
            Target::Tcp(address) => tcp::connect_start(*address, options)?,
            Target::Unix(path) => unix::connect_start(path)?,
        };
        socket.set_nonblocking(false)?;
        Ok(Self {
            socket: Arc::new(socket),
            process: std::process::id(),
            blocking: false,
            receive_timeout: None,
            session: None,
        })
    }

    /// Whether the connect has succeeded; `false` while it is still under way.
    ///
    /// # Errors
    /// Why the connect failed.
    pub fn connect_finish(&self) -> io::Result<bool> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Says whether [`read`](Self::read) waits: for at most the interval, or not at all (`None`).
    ///
    /// The first state of a stream is not to wait. An interval of zero counts as the smallest
    /// there is, one microsecond. Free when nothing changes.
    ///
    /// # Errors
    /// What `setsockopt(2)` reports.
    pub fn set_blocking(&mut self, interval: Option<Duration>) -> io::Result<()> {
        self.blocking = interval.is_some();
        if interval.is_some() && interval != self.receive_timeout {
            let effective = interval.map(|limit| limit.max(Duration::from_micros(1)));
            self.socket.set_read_timeout(effective)?;
            self.receive_timeout = interval;
        }
        Ok(())
    }

    /// Reads what there is into `buffer`; `Ok(0)` is the end of the stream.
    ///
    /// Waits as [`set_blocking`](Self::set_blocking) said. `buffer` must not be empty.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing came (in time), [`io::ErrorKind::Interrupted`]
    /// when a signal arrived. Under TLS also [`io::ErrorKind::UnexpectedEof`] when the stream
    /// ended without the peer's leave, and [`io::ErrorKind::InvalidData`] with a [`TlsError`]
    /// inside. After the first two the stream is unharmed.
    #[inline]
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let flags = if self.blocking {
            RecvFlags::empty()
        } else {
            RecvFlags::DONTWAIT
        };
        self.read_with(buffer, flags)
    }

    /// Reads what there is into `buffer` and never waits.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    #[inline]
    pub fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_with(buffer, RecvFlags::DONTWAIT)
    }

    #[inline]
    fn read_with(&mut self, buffer: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
        match &mut self.session {
            None => receive(&self.socket, buffer, flags),
            Some(session) => session.read(&self.socket, buffer, flags),
        }
    }

    /// Sends as much of `bytes` as the socket takes and never waits; the count may be smaller
    /// than asked for.
    ///
    /// Under TLS a bounded amount (64 KiB) counts as sent although it may still wait here:
    /// see [`wants_write`](Self::wants_write).
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing could be taken; [`io::ErrorKind::BrokenPipe`]
    /// and its like when the peer is gone (no signal is raised).
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.session {
            None => transmit(&self.socket, bytes),
            Some(session) => session.write(&self.socket, bytes),
        }
    }

    /// Sends as much of the first and then of the second as the socket takes, as
    /// [`write`](Self::write) does: the count is that of both together.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_both(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        let Some(session) = &mut self.session else {
            let pieces = [io::IoSlice::new(first), io::IoSlice::new(second)];
            return transmit_vectored(&self.socket, &pieces);
        };
        let mut count = 0;
        for piece in [first, second] {
            if piece.is_empty() {
                continue;
            }
            match session.write(&self.socket, piece) {
                Ok(taken) => count += taken,
                // The next call tells.
                Err(_) if count > 0 => break,
                Err(error) => return Err(error),
            }
            if count < first.len() {
                break;
            }
        }
        Ok(count)
    }

    /// Whether TLS records wait for room in the socket; never on a plain stream.
    #[inline]
    #[must_use]
    pub fn wants_write(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.wants_write())
    }

    /// Whether bytes may be had without the socket becoming readable first.
    #[must_use]
    pub fn has_buffered(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.has_buffered())
    }

    /// Sends waiting TLS records; `true` when none is left. Never waits.
    ///
    /// # Errors
    /// What `send(2)` reports, except that a full socket is `Ok(false)`.
    pub fn flush_tls(&mut self) -> io::Result<bool> {
        match &mut self.session {
            None => Ok(true),
            Some(session) => session.flush(&self.socket),
        }
    }

    /// Begins TLS, to be followed by [`handshake`](Self::handshake) until it is done.
    ///
    /// `server_name` is the host as the user gave it, a name or an address; empty when only an
    /// address is known. After an `SSLRequest` the caller must have made sure that no byte beyond
    /// the server's `S` was read: it would have come from outside of the encryption.
    ///
    /// # Errors
    /// A name that cannot be verified under `verify-full`, or a stream under TLS already.
    pub fn start_tls(
        &mut self,
        connector: &TlsConnector,
        server_name: &str,
    ) -> Result<(), TlsError> {
        if self.session.is_some() {
            return Err(TlsError::AlreadyStarted);
        }
        self.session = Some(Box::new(connector.session(server_name)?));
        Ok(())
    }

    /// Goes on with the handshake as far as it can without waiting.
    ///
    /// # Errors
    /// Why there will be no TLS on this stream, which is then of no more use.
    pub fn handshake(&mut self) -> Result<Handshake, TlsError> {
        match &mut self.session {
            None => Err(TlsError::NotStarted),
            Some(session) => session.handshake(&self.socket),
        }
    }

    /// What was agreed with the server; `None` on a plain stream and before the handshake is done.
    #[must_use]
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.session.as_ref().and_then(|session| session.info())
    }

    /// Tells a TLS peer that nothing more will be sent; on a plain stream does nothing.
    ///
    /// One attempt without waiting: whoever closes has no use for an error.
    pub fn close_notify(&mut self) {
        if let Some(session) = &mut self.session {
            session.close_notify(&self.socket);
        }
    }

    /// The peer's internet address; `None` on a unix socket.
    ///
    /// # Errors
    /// What `getpeername(2)` reports.
    pub fn peer_addr(&self) -> io::Result<Option<SocketAddr>> {
        Ok(self.socket.peer_addr()?.as_socket())
    }

    /// What keeps the descriptor's number from being given to another file.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(Arc::clone(&self.socket))
    }

    /// The user id of the server process at the other end of a unix socket, for `requirepeer`.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] on platforms that do not tell.
    pub fn peer_uid(&self) -> io::Result<u32> {
        unix::peer_uid(&self.socket)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let is_kept = Arc::strong_count(&self.socket) > 1;
        if is_kept && self.process == std::process::id() {
            // Whatever is wrong with it, it is of no more use.
            let _ = self.socket.shutdown(Shutdown::Both);
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// One `recv`.
#[inline]
pub(crate) fn receive(socket: &Socket, buffer: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
    let (count, _) = recv(socket, buffer, flags)?;
    Ok(count)
}

/// One `send` that does not wait.
#[inline]
pub(crate) fn transmit(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    Ok(send(socket, bytes, SEND_FLAGS)?)
}

/// One `sendmsg` that does not wait, for several pieces at once.
pub(crate) fn transmit_vectored(socket: &Socket, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
    let mut control = rustix::net::SendAncillaryBuffer::default();
    Ok(rustix::net::sendmsg(
        socket,
        pieces,
        &mut control,
        SEND_FLAGS,
    )?)
}
