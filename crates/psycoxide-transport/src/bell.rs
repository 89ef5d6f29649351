//! A descriptor that becomes readable when something else than a server has happened.
//!
//! For operations that wait for another thread: whoever runs them waits for descriptors only, in a
//! thread with `poll(2)` or on an event loop, and need not know the difference.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// The descriptor, and what makes it readable.
#[derive(Debug)]
pub struct Bell {
    ours: UnixStream,
    waker: Waker,
}

#[derive(Debug)]
struct Rope(UnixStream);

impl Wake for Rope {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // A full buffer is a bell that rings already; without the other end nobody listens.
        let _ = (&self.0).write(&[0]);
    }
}

impl Bell {
    /// A bell that is silent.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn new() -> io::Result<Bell> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        let waker = Waker::from(Arc::new(Rope(theirs)));
        Ok(Bell { ours, waker })
    }

    /// What rings the bell, from any thread.
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Makes it silent again.
    pub fn silence(&self) {
        let mut rings = [0; 64];
        while matches!((&self.ours).read(&mut rings), Ok(count) if count == rings.len()) {}
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ours.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::poll;

    #[test]
    fn it_rings_until_it_is_silenced() {
        let bell = Bell::new().unwrap();
        let rings = |wait| {
            let limit = Some(Duration::from_millis(wait));
            poll::wait(&bell, true, false, limit).unwrap().read
        };
        assert!(!rings(0));
        let waker = bell.waker().clone();
        std::thread::spawn(move || (0..100).for_each(|_| waker.wake_by_ref()));
        assert!(rings(20_000) && rings(0));
        // The other thread may still be at it.
        while rings(50) {
            bell.silence();
        }
        assert!(!rings(0));
    }

    #[test]
    fn more_rings_than_it_holds_are_one() {
        let bell = Bell::new().unwrap();
        (0..100_000).for_each(|_| bell.waker().wake_by_ref());
        bell.silence();
        bell.silence();
        let ready = poll::wait(&bell, true, false, Some(Duration::ZERO)).unwrap();
        assert!(!ready.read);
    }
}
