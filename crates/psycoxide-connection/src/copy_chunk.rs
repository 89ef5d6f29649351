//! The data of a COPY to the client, many messages together.
//!
//! What has arrived is handed out in one piece, so that no message costs an allocation. The
//! headers stay between the messages: the server sends a row in each, and callers want to see where
//! one ends.

/// Some `CopyData` messages. Invariant: `next <= data.len()`, and whole messages stand from there.
#[derive(Clone, Debug, Default)]
pub struct CopyChunk {
    data: Vec<u8>,
    next: usize,
    count: usize,
}

/// The bytes before a message's body: its tag and its length.
const HEADER: usize = 5;

impl CopyChunk {
    /// The body of the next message, and its place in [`bytes`](Self::bytes).
    #[inline]
    pub fn next_range(&mut self) -> Option<std::ops::Range<usize>> {
        let header = self.data.get(self.next..)?.first_chunk::<HEADER>()?;
        let [_, length @ ..] = *header;
        let start = self.next + HEADER;
        let end = self.next + 1 + u32::from_be_bytes(length) as usize;
        self.next = end;
        self.count -= 1;
        Some(start..end)
    }

    /// The body of the next message.
    #[inline]
    pub fn next_message(&mut self) -> Option<&[u8]> {
        let range = self.next_range()?;
        self.data.get(range)
    }

    /// All messages, with their headers.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.data
    }

    /// How many messages are left.
    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no message is left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes of data that are left, headers not counted.
    pub fn size(&self) -> usize {
        self.data.len() - self.next - HEADER * self.count
    }

    /// Messages of these bodies, for tests and for callers that make them up.
    pub fn from_bodies<'a>(bodies: impl IntoIterator<Item = &'a [u8]>) -> CopyChunk {
        let mut chunk = CopyChunk::default();
        for body in bodies {
            let length = (body.len() + 4) as u32;
            chunk.data.push(b'd');
            chunk.data.extend_from_slice(&length.to_be_bytes());
            chunk.data.extend_from_slice(body);
            chunk.count += 1;
        }
        chunk
    }

    /// Whole messages, of which there are `count`.
    pub(crate) fn of_messages(messages: &[u8], count: usize) -> CopyChunk {
        CopyChunk {
            data: messages.to_vec(),
            next: 0,
            count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_one_by_one() {
        let mut chunk = CopyChunk::from_bodies([&b"a\n"[..], b"", b"bcd\n"]);
        assert_eq!((chunk.len(), chunk.size()), (3, 6));
        assert_eq!(chunk.next_message(), Some(&b"a\n"[..]));
        assert_eq!(chunk.next_message(), Some(&b""[..]));
        assert_eq!((chunk.len(), chunk.size()), (1, 4));
        let range = chunk.next_range().unwrap();
        assert_eq!(&chunk.bytes()[range], b"bcd\n");
        assert!(chunk.is_empty());
        assert_eq!(chunk.next_message(), None);
    }
}
