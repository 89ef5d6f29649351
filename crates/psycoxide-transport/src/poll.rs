//! Waits until a descriptor can be read or written.
//!
//! Used while connecting, during the TLS handshake, and when a write met a full socket buffer;
//! the ordinary query path never polls. One call is one `poll(2)`: an interruption is reported,
//! not retried, because the caller checks signals and recomputes its deadline.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};

/// What a descriptor is ready for; neither when the time ran out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Readiness {
    /// A read will not block: there are bytes, an end of file or an error to collect.
    pub read: bool,
    /// A write will not block: there is room, or an error to collect.
    pub write: bool,
}

/// Waits until `fd` is ready for one of the directions asked for, or `timeout` has passed.
///
/// `None` waits without end. A hang-up or an error on the descriptor makes every direction asked
/// for ready, so that the next call on the socket reports it.
///
/// # Errors
/// [`io::ErrorKind::Interrupted`] when a signal arrived, or what `poll(2)` reports.
pub fn wait(
    fd: impl AsFd,
    read: bool,
    write: bool,
    timeout: Option<Duration>,
) -> io::Result<Readiness> {
    let mut asked = PollFlags::empty();
    asked.set(PollFlags::IN, read);
    asked.set(PollFlags::OUT, write);
    let mut descriptors = [PollFd::new(&fd, asked)];
    // A duration beyond the kernel's range is as good as no limit.
    let timeout = timeout.and_then(|limit| Timespec::try_from(limit).ok());
    rustix::event::poll(&mut descriptors, timeout.as_ref())?;

    let [descriptor] = descriptors;
    let found = descriptor.revents();
    let broken = found.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
    Ok(Readiness {
        read: read && (broken || found.contains(PollFlags::IN)),
        write: write && (broken || found.contains(PollFlags::OUT)),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    use super::*;

    #[test]
    fn reports_only_what_was_asked_for() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let now = Some(Duration::ZERO);
        assert_eq!(wait(&ours, true, false, now).unwrap(), Readiness::default());
        assert_eq!(
            wait(&ours, true, true, now).unwrap(),
            Readiness {
                read: false,
                write: true
            }
        );
        theirs.write_all(b"x").unwrap();
        assert_eq!(
            wait(&ours, true, false, now).unwrap(),
            Readiness {
                read: true,
                write: false
            }
        );
    }

    #[test]
    fn a_hang_up_is_ready() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert_eq!(
            wait(&ours, true, true, None).unwrap(),
            Readiness {
                read: true,
                write: true
            }
        );
    }

    #[test]
    fn the_time_limit_is_kept() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let start = Instant::now();
        let limit = Duration::from_millis(30);
        assert_eq!(
            wait(&ours, true, false, Some(limit)).unwrap(),
            Readiness::default()
        );
        assert!(start.elapsed() >= limit);
    }
}
