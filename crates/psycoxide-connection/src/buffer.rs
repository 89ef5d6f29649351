//! The two byte queues of a connection: what was received and not yet handled, what is to be sent.
//!
//! Neither shows its bytes in `Debug`: passwords and keys pass through.

use std::fmt;

/// The first size of the receive buffer, and the size it falls back to.
const INITIAL: usize = 16 * 1024;
/// The most that one read asks for: larger reads were measured and gain nothing.
const READ: usize = 128 * 1024;
/// Above this a buffer that has become empty gives its memory back.
const KEEP: usize = 512 * 1024;

/// Bytes received. Invariant: `start <= end <= storage.len()`.
#[derive(Default)]
pub(crate) struct Incoming {
    storage: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether the last read filled all the room that it was given.
    filled: bool,
}

impl Incoming {
    /// What was received and not yet handled.
    #[inline]
    pub(crate) fn pending(&self) -> &[u8] {
        self.storage.get(self.start..self.end).unwrap_or_default()
    }

    /// Forgets the first `count` bytes.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Room to receive into. It grows with what has arrived, never with what a message announces:
    /// a peer that lies about a length makes us allocate nothing.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.start == 0 && self.end == 0 && self.storage.len() > KEEP {
            self.storage = Vec::new();
        }
        if self.storage.is_empty() {
            self.storage.resize(INITIAL, 0);
        }
        let free = self.storage.len() - self.end;
        if free < INITIAL / 2 || (self.filled && free < READ) {
            if self.start > 0 {
                self.storage.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            let used = self.end;
            if self.storage.len() - used < READ && (self.filled || used > self.storage.len() / 2) {
                let size = (self.storage.len() * 2).max(used + INITIAL);
                self.storage.resize(size, 0);
            }
        }
        let end = self.storage.len().min(self.end + READ);
        self.storage.get_mut(self.end..end).unwrap_or_default()
    }

    /// Notes that `count` bytes were put at the beginning of the last [`room`](Self::room).
    pub(crate) fn received(&mut self, count: usize) {
        let room = self.storage.len().min(self.end + READ) - self.end;
        self.filled = count >= room;
        self.end += count.min(room);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Incoming::default();
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({} bytes)", self.pending().len())
    }
}

/// Bytes to send. Invariant: `sent <= bytes.len()`.
#[derive(Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    /// Where messages are appended.
    #[inline]
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What has not been sent yet.
    #[inline]
    pub(crate) fn pending(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    /// Notes that `count` of the pending bytes were sent.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.bytes.len() {
            self.sent = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEEP {
                self.bytes = Vec::new();
            }
        } else if self.sent > READ && self.sent * 2 > self.bytes.len() {
            // While the peer reads slowly and more is appended the queue is never empty.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// How many bytes are held, those sent included: a mark to [`truncate`](Self::truncate) to.
    pub(crate) fn mark(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets what was appended since the mark, of which nothing was sent.
    pub(crate) fn truncate(&mut self, mark: usize) {
        self.bytes.truncate(mark);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Outgoing::default();
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} bytes)", self.pending().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_any_split() {
        let data: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
        for chunk in [1, 7, 4096, 70_000] {
            let mut incoming = Incoming::default();
            let mut out = Vec::new();
            let mut rest = &data[..];
            let mut turn = 0;
            while out.len() < data.len() {
                let room = incoming.room();
                let count = rest.len().min(chunk).min(room.len());
                room[..count].copy_from_slice(&rest[..count]);
                incoming.received(count);
                rest = &rest[count..];
                turn += 1;
                if turn % 3 == 0 || rest.is_empty() {
                    let take = incoming.pending().len().min(chunk * 2 + 1);
                    out.extend_from_slice(&incoming.pending()[..take]);
                    incoming.consume(take);
                }
            }
            assert_eq!(out, data);
        }
    }

    #[test]
    fn a_message_larger_than_the_buffer_fits() {
        let mut incoming = Incoming::default();
        let mut total = 0;
        while total < 3_000_000 {
            let count = incoming.room().len();
            assert!(count > 0);
            incoming.received(count);
            total += count;
        }
        assert_eq!(incoming.pending().len(), total);
        incoming.consume(total);
        assert!(incoming.room().len() <= READ);
        assert!(incoming.storage.len() <= KEEP);
    }

    #[test]
    fn partial_sends_keep_the_rest() {
        let mut outgoing = Outgoing::default();
        outgoing.buffer().extend_from_slice(b"abcdef");
        outgoing.consume(2);
        assert_eq!(outgoing.pending(), b"cdef");
        outgoing.consume(4);
        assert!(outgoing.pending().is_empty());
    }

    #[test]
    fn a_queue_that_is_never_empty_does_not_grow() {
        let mut outgoing = Outgoing::default();
        outgoing.buffer().extend_from_slice(&[0; 10]);
        let (mut appended, mut seen) = (10u32, 0u32);
        for _ in 0..10_000 {
            let piece: Vec<u8> = (appended..appended + 1000).map(|n| n as u8).collect();
            if appended == 10 {
                outgoing.consume(10);
                seen = 10;
            }
            outgoing.buffer().extend_from_slice(&piece);
            appended += 1000;
            let count = outgoing.pending().len().min(999);
            for byte in &outgoing.pending()[..count] {
                assert_eq!(*byte, seen as u8);
                seen += 1;
            }
            outgoing.consume(count);
            assert!(!outgoing.pending().is_empty());
        }
        assert!(outgoing.bytes.len() < 4 * READ);
    }
}
