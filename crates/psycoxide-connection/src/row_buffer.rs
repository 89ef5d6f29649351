//! Memory for the rows of a result: it grows by pieces, and what is in a piece never moves.
//!
//! Small results are in one piece that doubles. From [`MAPPED`] on pieces are mapped, in huge pages
//! where the system has them: to hand out a gigabyte in pages of 4 KiB costs the kernel more time
//! than it costs us to copy the rows into them. A piece takes up only as much memory as is used of
//! it, but for the rest of its last page.

use std::fmt;

use memmap2::{MmapMut, MmapOptions};

/// The most that the first piece holds, unless a single message is larger.
const SMALL: usize = 4 * 1024 * 1024;
/// The size of mapped pieces, unless a single message is larger.
const MAPPED: usize = 32 * 1024 * 1024;

/// Bytes that were appended, in pieces.
#[derive(Default)]
pub(crate) struct RowBuffer {
    pieces: Vec<Piece>,
    size: usize,
}

/// Where something begins: the number of the piece, and the place in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(u64);

/// How many bits of a [`Place`] are that in the piece: more than a message can have bytes.
const OFFSET_BITS: u32 = 40;

impl Place {
    #[inline]
    fn new(piece: usize, offset: usize) -> Place {
        Place((piece as u64) << OFFSET_BITS | offset as u64)
    }

    #[inline]
    fn piece(self) -> usize {
        (self.0 >> OFFSET_BITS) as usize
    }

    #[inline]
    fn offset(self) -> usize {
        (self.0 & ((1 << OFFSET_BITS) - 1)) as usize
    }
}

enum Piece {
    Heap(Vec<u8>),
    /// Invariant: `used <= map.len()`.
    Mapped {
        map: MmapMut,
        used: usize,
    },
}

impl Piece {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Heap(bytes) => bytes,
            Piece::Mapped { map, used } => map.get(..*used).unwrap_or_default(),
        }
    }

    /// A piece with room for so many bytes.
    fn with_room(size: usize) -> Piece {
        match MmapOptions::new().len(size).map_anon() {
            Ok(map) => {
                // Without huge pages it is slower, and that is all.
                #[cfg(target_os = "linux")]
                let _ = map.advise(memmap2::Advice::HugePage);
                Piece::Mapped { map, used: 0 }
            }
            Err(_) => Piece::Heap(Vec::with_capacity(size)),
        }
    }

    /// Appends the bytes, if there is room for them.
    #[inline]
    fn append(&mut self, bytes: &[u8], first: bool) -> bool {
        match self {
            Piece::Heap(heap) => {
                let room = if first {
                    SMALL.max(heap.capacity())
                } else {
                    heap.capacity()
                };
                let fits = heap.len() + bytes.len() <= room;
                if fits {
                    heap.extend_from_slice(bytes);
                }
                fits
            }
            Piece::Mapped { map, used } => {
                let Some(room) = map.get_mut(*used..*used + bytes.len()) else {
                    return false;
                };
                room.copy_from_slice(bytes);
                *used += bytes.len();
                true
            }
        }
    }
}

impl RowBuffer {
    /// Appends bytes, which stay together; where they begin.
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Place {
        let first = self.pieces.len() == 1;
        let appended = self
            .pieces
            .last_mut()
            .is_some_and(|last| last.append(bytes, first));
        if !appended {
            self.append_to_new_piece(bytes);
        }
        self.size += bytes.len();
        let last = self.pieces.last().map_or(0, |piece| piece.bytes().len());
        Place::new(self.pieces.len().saturating_sub(1), last - bytes.len())
    }

    #[cold]
    fn append_to_new_piece(&mut self, bytes: &[u8]) {
        let mut piece = if self.pieces.is_empty() && bytes.len() <= SMALL {
            Piece::Heap(Vec::with_capacity(bytes.len()))
        } else {
            Piece::with_room(bytes.len().max(MAPPED))
        };
        piece.append(bytes, self.pieces.is_empty());
        self.pieces.push(piece);
    }

    /// What stands from a place to the end of its piece, after `skipped` bytes.
    #[inline]
    pub(crate) fn from(&self, place: Place, skipped: usize) -> Option<&[u8]> {
        let piece = self.pieces.get(place.piece())?;
        piece.bytes().get(place.offset() + skipped..)
    }

    /// How many bytes were appended.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

impl Clone for RowBuffer {
    fn clone(&self) -> RowBuffer {
        let pieces = self.pieces.iter();
        RowBuffer {
            pieces: pieces
                .map(|piece| Piece::Heap(piece.bytes().to_vec()))
                .collect(),
            size: self.size,
        }
    }
}

impl fmt::Debug for RowBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowBuffer({} bytes)", self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lengths: &[usize]) -> RowBuffer {
        let mut buffer = RowBuffer::default();
        let bytes = |number: usize, length: usize| vec![number as u8; length];
        let mut places = Vec::new();
        for (number, &length) in lengths.iter().enumerate() {
            places.push(buffer.append(&bytes(number, length)));
        }
        assert_eq!(buffer.size(), lengths.iter().sum());
        let copy = buffer.clone();
        for buffer in [&buffer, &copy] {
            for (number, (&length, &place)) in lengths.iter().zip(&places).enumerate() {
                let found = buffer.from(place, 0).and_then(|found| found.get(..length));
                assert!(found == Some(&bytes(number, length)), "{number}: {length}");
            }
        }
        buffer
    }

    #[test]
    fn small_results_are_in_one_piece() {
        assert_eq!(check(&[]).pieces.len(), 0);
        assert_eq!(check(&[0, 1, 0, 100, 5]).pieces.len(), 1);
        assert_eq!(check(&[1000; 4000]).pieces.len(), 1);
        assert_eq!(check(&[SMALL - 1, 1]).pieces.len(), 1);
    }

    #[test]
    fn large_results_are_in_several() {
        assert_eq!(check(&[SMALL, 1]).pieces.len(), 2);
        assert_eq!(check(&[65_000; 700]).pieces.len(), 3);
        assert_eq!(check(&[1, SMALL, MAPPED - SMALL, 1]).pieces.len(), 3);
    }

    #[test]
    fn messages_that_are_larger_than_a_piece() {
        assert_eq!(check(&[SMALL + 1, 7]).pieces.len(), 1);
        assert_eq!(check(&[10, MAPPED + 1, 10, MAPPED, 3]).pieces.len(), 5);
    }
}
