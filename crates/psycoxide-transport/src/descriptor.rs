//! The number of a stream's descriptor, kept while somebody knows the socket by it.
//!
//! Who watches a socket does so by number. A number that is free belongs to the next file that is
//! opened, by whichever thread: so who watches keeps a [`Descriptor`], and drops it when that has
//! ended. The connection itself ends with its stream.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use socket2::Socket;

/// Keeps the number of a [`Stream`](crate::Stream)'s descriptor.
///
/// When the stream is dropped while this is there, the connection is shut down, in both directions,
/// and the descriptor stays open; it is closed with the last of those that keep it. In a process
/// that was forked off meanwhile nothing is shut down: the connection is its parent's.
#[derive(Clone, Debug)]
pub struct Descriptor {
    socket: Arc<Socket>,
}

impl Descriptor {
    pub(crate) fn new(socket: Arc<Socket>) -> Self {
        Self { socket }
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
