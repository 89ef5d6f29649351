//! TCP sockets: how they are made, which options they get, and how their connect begins.
//!
//! Options are those of libpq's connection parameters of the same names
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};

/// Options of a TCP socket. They have no meaning for, and are not applied to, a unix socket.
///
/// `TCP_NODELAY` is not among them: it is always set, a query must not wait for an
/// acknowledgement of the one before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SocketOptions {
    /// Whether keepalive probes are sent at all.
    pub keepalives: bool,
    /// Silence before the first probe; the system's own value when `None`.
    pub keepalives_idle: Option<Duration>,
    /// Pause between probes; the system's own value when `None`.
    pub keepalives_interval: Option<Duration>,
    /// Unanswered probes before the connection is given up; the system's own value when `None`.
    pub keepalives_count: Option<u32>,
    /// How long sent data may stay unacknowledged; the system's own value when `None`. Linux only.
    pub tcp_user_timeout: Option<Duration>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            keepalives: true,
            keepalives_idle: None,
            keepalives_interval: None,
            keepalives_count: None,
            tcp_user_timeout: None,
        }
    }
}

/// Makes a socket and begins its connect without waiting for it.
pub(crate) fn connect_start(address: SocketAddr, options: &SocketOptions) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_tcp_nodelay(true)?;
    if options.keepalives {
        socket.set_tcp_keepalive(&keepalive(options))?;
    }
    #[cfg(target_os = "linux")]
    if options.tcp_user_timeout.is_some() {
        socket.set_tcp_user_timeout(options.tcp_user_timeout)?;
    }
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::from(address)) {
        Err(error) if !in_progress(&error) => Err(error),
        _ => Ok(socket),
    }
}

fn keepalive(options: &SocketOptions) -> TcpKeepalive {
    let mut keepalive = TcpKeepalive::new();
    if let Some(idle) = options.keepalives_idle {
        keepalive = keepalive.with_time(idle);
    }
    if let Some(interval) = options.keepalives_interval {
        keepalive = keepalive.with_interval(interval);
    }
    if let Some(count) = options.keepalives_count {
        keepalive = keepalive.with_retries(count);
    }
    keepalive
}

/// Whether a failed non-blocking connect goes on in the background. POSIX lets an interrupted
/// connect go on too.
fn in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
        || error.kind() == io::ErrorKind::Interrupted
}
