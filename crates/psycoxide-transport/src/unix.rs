//! Unix sockets: how their connect begins, and who is at the other end.
//!
//! As in libpq, a path beginning with `@` names a socket in Linux's abstract namespace.

use std::io;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

/// Makes a socket and connects it without waiting.
///
/// On a unix socket a connect is done or has failed at once. A server whose queue of new
/// connections is full gives [`io::ErrorKind::WouldBlock`]: the caller may try again, waiting on
/// the descriptor would not help.
pub(crate) fn connect_start(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&address(path)?) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(io::Error::new(
            io::ErrorKind::WouldBlock,
            "the server's queue of new connections is full, try again",
        )),
        Err(error) => Err(error),
        Ok(()) => Ok(socket),
    }
}

fn address(path: &Path) -> io::Result<SockAddr> {
    #[cfg(target_os = "linux")]
    {
        use std::ffi::OsString;
        use std::os::unix::ffi::{OsStrExt, OsStringExt};

        if let Some(name) = path.as_os_str().as_bytes().strip_prefix(b"@") {
            let mut bytes = vec![0];
            bytes.extend_from_slice(name);
            return SockAddr::unix(OsString::from_vec(bytes))
                .map_err(|error| too_long(path, &error));
        }
    }
    SockAddr::unix(path).map_err(|error| too_long(path, &error))
}

/// The only way an address can fail: the kernel's field for it has some hundred bytes.
fn too_long(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "unix socket path \"{}\" cannot be used: {error}",
            path.display()
        ),
    )
}

/// The user id of the process that listens at the other end, for `requirepeer`.
#[cfg(target_os = "linux")]
pub(crate) fn peer_uid(socket: &Socket) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(socket)?.uid.as_raw())
}

/// The user id of the process that listens at the other end, for `requirepeer`.
#[cfg(not(target_os = "linux"))]
pub(crate) fn peer_uid(_socket: &Socket) -> io::Result<u32> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "requirepeer is not supported on this platform",
    ))
}
