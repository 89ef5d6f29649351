//! The cells of a row, straight from the body of a `DataRow`.
//!
//! These functions run once per row or per cell: they are inlined, do not allocate and borrow from the
//! receive buffer. A body is a count of 16 bits, then for each column a length of 32 bits and that many
//! bytes; the length -1 is NULL.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-message-formats.html>, `DataRow`

use super::tag;
use crate::DecodeError;

const TRUNCATED: DecodeError = DecodeError::Truncated { tag: tag::DATA_ROW };

/// The number of columns.
///
/// # Errors
///
/// The body is shorter than the count.
#[inline]
pub fn column_count(body: &[u8]) -> Result<u16, DecodeError> {
    body.first_chunk()
        .map(|count| u16::from_be_bytes(*count))
        .ok_or(TRUNCATED)
}

/// Walks all lengths: after this, [`Columns`] and [`column()`] find no fault in the body.
///
/// # Errors
///
/// A length is invalid, or the cells do not end where the body does.
#[inline]
pub fn validate(body: &[u8]) -> Result<(), DecodeError> {
    for cell in Columns::new(body)? {
        cell?;
    }
    Ok(())
}

/// The cell with this index, from zero; `None` is NULL. Walks the cells before it: to read a whole
/// row use [`Columns`].
///
/// # Errors
///
/// The row has no such column, or the lengths up to it are invalid.
#[inline]
pub fn column(body: &[u8], index: u16) -> Result<Option<&[u8]>, DecodeError> {
    let columns = Columns::new(body)?;
    let count = columns.remaining;
    for (position, cell) in columns.enumerate() {
        let cell = cell?;
        if position == usize::from(index) {
            return Ok(cell);
        }
    }
    Err(DecodeError::NoSuchColumn { index, count })
}

/// The cells of a row, in order. An error ends the iteration; bytes after the last cell are one.
///
/// ```
/// use psycoxide_protocol::data_row::Columns;
///
/// let body = b"\0\x02\0\0\0\x0242\xff\xff\xff\xff";
/// let cells: Result<Vec<_>, _> = Columns::new(body)?.collect();
/// assert_eq!(cells?, [Some(&b"42"[..]), None]);
/// # Ok::<(), psycoxide_protocol::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Columns<'a> {
    /// Cells not yet returned. After an error 0, with nothing in `rest`.
    remaining: u16,
    rest: &'a [u8],
}

impl<'a> Columns<'a> {
    /// The cells of the row with this body.
    ///
    /// # Errors
    ///
    /// The body is shorter than the count.
    #[inline]
    pub fn new(body: &'a [u8]) -> Result<Self, DecodeError> {
        let (count, rest) = body.split_first_chunk().ok_or(TRUNCATED)?;
        Ok(Self {
            remaining: u16::from_be_bytes(*count),
            rest,
        })
    }

    /// The bytes of the body not yet walked: the next cell's length and what follows. With the
    /// body's length it tells where in the body a cell just returned ends.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    fn cell(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        let (length, rest) = self.rest.split_first_chunk().ok_or(TRUNCATED)?;
        let length = i32::from_be_bytes(*length);
        let Ok(size) = usize::try_from(length) else {
            self.rest = rest;
            return null(length);
        };
        let (cell, rest) = rest.split_at_checked(size).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(Some(cell))
    }

    #[cold]
    fn fail(&mut self, error: DecodeError) -> DecodeError {
        self.remaining = 0;
        self.rest = &[];
        error
    }
}

impl<'a> Iterator for Columns<'a> {
    type Item = Result<Option<&'a [u8]>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Some(remaining) = self.remaining.checked_sub(1) else {
            if self.rest.is_empty() {
                return None;
            }
            let count = u32::try_from(self.rest.len()).unwrap_or(u32::MAX);
            return Some(Err(self.fail(DecodeError::TrailingBytes {
                tag: tag::DATA_ROW,
                count,
            })));
        };
        self.remaining = remaining;
        Some(self.cell().map_err(|error| self.fail(error)))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(usize::from(self.remaining) + 1))
    }
}

impl std::iter::FusedIterator for Columns<'_> {}

/// What a negative length means: only -1 is NULL.
#[inline]
fn null<'a>(length: i32) -> Result<Option<&'a [u8]>, DecodeError> {
    match length {
        -1 => Ok(None),
        _ => Err(DecodeError::FieldLength {
            tag: tag::DATA_ROW,
            length,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &[u8] = b"\0\x03\0\0\0\x03one\xff\xff\xff\xff\0\0\0\0";

    #[test]
    fn cells_are_found_by_walking_and_by_index() {
        let cells: Vec<_> = Columns::new(ROW).unwrap().map(Result::unwrap).collect();
        assert_eq!(cells, [Some(&b"one"[..]), None, Some(&b""[..])]);
        for (index, cell) in (0..).zip(cells) {
            assert_eq!(column(ROW, index), Ok(cell));
        }
        assert_eq!(column_count(ROW), Ok(3));
        assert_eq!(
            column(ROW, 3),
            Err(DecodeError::NoSuchColumn { index: 3, count: 3 })
        );
        assert_eq!(validate(ROW), Ok(()));
    }

    #[test]
    fn a_row_without_columns_is_a_row() {
        assert_eq!(validate(b"\0\0"), Ok(()));
        assert_eq!(Columns::new(b"\0\0").unwrap().next(), None);
    }

    #[test]
    fn every_truncation_is_an_error() {
        for end in 0..ROW.len() {
            assert_eq!(validate(&ROW[..end]), Err(TRUNCATED), "{end}");
        }
    }

    #[test]
    fn bytes_after_the_last_cell_are_an_error() {
        let mut long = ROW.to_vec();
        long.extend_from_slice(b"..");
        assert_eq!(
            validate(&long),
            Err(DecodeError::TrailingBytes {
                tag: b'D',
                count: 2
            })
        );
    }

    #[test]
    fn only_minus_one_is_null_and_an_error_ends_the_walk() {
        let mut columns = Columns::new(b"\0\x02\xff\xff\xff\xfe\0\0\0\0").unwrap();
        assert_eq!(
            columns.next(),
            Some(Err(DecodeError::FieldLength {
                tag: b'D',
                length: -2
            }))
        );
        assert_eq!(columns.next(), None);
        let mut columns = Columns::new(b"\0\x02\x7f\xff\xff\xff").unwrap();
        assert_eq!(columns.next(), Some(Err(TRUNCATED)));
        assert_eq!(columns.next(), None);
    }
}
