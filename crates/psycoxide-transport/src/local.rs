//! Which errors of the system are about this machine, and say nothing about the peer.

use std::io;

use rustix::io::Errno;

/// Whether it is this process, or this machine, that cannot do it: out of descriptors, ports or
/// memory, or not allowed to.
pub fn is_local(error: &io::Error) -> bool {
    let ours = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::ADDRNOTAVAIL,
        Errno::NOMEM,
        Errno::NOBUFS,
        Errno::ACCESS,
        Errno::PERM,
    ];
    Errno::from_io_error(error).is_some_and(|number| ours.contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_peers_business() {
        let error = |errno: Errno| io::Error::from(errno);
        assert!(is_local(&error(Errno::MFILE)));
        assert!(!is_local(&error(Errno::CONNREFUSED)));
        assert!(!is_local(&error(Errno::TIMEDOUT)));
        assert!(!is_local(&io::ErrorKind::ConnectionRefused.into()));
    }
}
