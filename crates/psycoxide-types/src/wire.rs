//! Length-checked reading of binary values, and writing of length-prefixed ones.
//!
//! All binary formats are big-endian. A value inside a row, an array, a record or a range is an
//! `i32` length and as many bytes; -1 is NULL.

use crate::error::{Error, Reason, Result};

/// A cursor over a binary value that never reads past its end.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    type_name: &'static str,
}

impl<'a> Reader<'a> {
    /// Starts at the beginning of `value`; `type_name` is for errors.
    pub fn new(value: &'a [u8], type_name: &'static str) -> Self {
        Self {
            rest: value,
            type_name,
        }
    }

    /// How many bytes remain.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The bytes that remain.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes `N` bytes.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.rest.split_first_chunk::<N>() {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(*head)
            }
            None => Err(self.truncated(N)),
        }
    }

    /// Takes `length` bytes.
    #[inline]
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(length) {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(head)
            }
            None => Err(self.truncated(length)),
        }
    }

    /// Takes one byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Takes two bytes as an unsigned number.
    #[inline]
    pub fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes two bytes as a signed number.
    #[inline]
    pub fn i16(&mut self) -> Result<i16> {
        self.array().map(i16::from_be_bytes)
    }

    /// Takes four bytes as an unsigned number, such as an OID.
    #[inline]
    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Takes four bytes as a signed number.
    #[inline]
    pub fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// Takes eight bytes as a signed number.
    #[inline]
    pub fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// Takes a count of items of which each takes at least `minimum` bytes, so that an allocation
    /// of that many items is bounded by the size of the value.
    pub fn count(&mut self, what: &'static str, minimum: usize) -> Result<usize> {
        let found = self.i32()?;
        let Ok(count) = usize::try_from(found) else {
            return Err(Error::binary(
                self.type_name,
                Reason::Negative { what, found },
            ));
        };
        if count.saturating_mul(minimum) > self.rest.len() {
            return Err(Error::binary(
                self.type_name,
                Reason::TooMany {
                    what,
                    claimed: count as u64,
                    remaining: self.rest.len(),
                },
            ));
        }
        Ok(count)
    }

    /// Takes a value with its length in front; `None` is NULL.
    #[inline]
    pub fn nullable(&mut self) -> Result<Option<&'a [u8]>> {
        let length = self.i32()?;
        match usize::try_from(length) {
            Ok(length) => self.bytes(length).map(Some),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(self.negative_length(length)),
        }
    }

    /// Takes a value with its length in front where NULL is not allowed.
    #[inline]
    pub fn value(&mut self) -> Result<&'a [u8]> {
        match self.nullable()? {
            Some(value) => Ok(value),
            None => Err(self.negative_length(-1)),
        }
    }

    /// Fails when bytes are left over.
    pub fn finish(self) -> Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        let extra = self.rest.len();
        Err(Error::binary(self.type_name, Reason::Trailing { extra }))
    }

    #[cold]
    fn truncated(&self, needed: usize) -> Error {
        let remaining = self.rest.len();
        Error::binary(self.type_name, Reason::Truncated { needed, remaining })
    }

    #[cold]
    fn negative_length(&self, found: i32) -> Error {
        let what = "length";
        Error::binary(self.type_name, Reason::Negative { what, found })
    }
}

/// Items whose number stood in front of them.
///
/// After an error there are no more. Bytes behind the last item are an error too, which takes the
/// place of the end.
#[derive(Clone, Debug)]
pub(crate) struct Counted<'a> {
    reader: Option<Reader<'a>>,
    remaining: usize,
}

impl<'a> Counted<'a> {
    /// `remaining` items, which `reader` stands in front of.
    pub(crate) fn new(reader: Reader<'a>, remaining: usize) -> Self {
        Self {
            reader: Some(reader),
            remaining,
        }
    }

    /// How many items are still to come.
    pub(crate) fn remaining(&self) -> usize {
        self.remaining
    }

    /// The next item, which `read` takes.
    #[inline]
    pub(crate) fn next<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T>,
    ) -> Option<Result<T>> {
        let reader = self.reader.as_mut()?;
        if self.remaining == 0 {
            return self.reader.take()?.finish().err().map(Err);
        }
        self.remaining -= 1;
        let item = read(reader);
        if item.is_err() {
            self.reader = None;
        }
        Some(item)
    }
}

/// The bytes of a value whose size is fixed.
#[inline]
pub(crate) fn fixed<const N: usize>(value: &[u8], type_name: &'static str) -> Result<[u8; N]> {
    match value.try_into() {
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(wrong_length(type_name, N, value.len())),
    }
}

#[cold]
#[inline(never)]
fn wrong_length(type_name: &'static str, expected: usize, found: usize) -> Error {
    Error::binary(type_name, Reason::Length { expected, found })
}

/// The place of a length that is not known yet; see [`begin_value`].
#[derive(Debug)]
#[must_use = "a value that was begun must be ended, or its length is missing"]
pub struct LengthPlace(usize);

/// Appends room for a length; write the value, then call [`end_value`].
#[inline]
pub fn begin_value(out: &mut Vec<u8>) -> LengthPlace {
    out.extend_from_slice(&[0; 4]);
    LengthPlace(out.len())
}

/// Fills in the length of what was appended since [`begin_value`].
#[inline]
pub fn end_value(out: &mut [u8], place: LengthPlace, type_name: &'static str) -> Result<()> {
    let length = out.len().saturating_sub(place.0);
    let prefix = length_prefix(length, type_name)?;
    if let Some(room) = out.get_mut(place.0 - 4..place.0) {
        room.copy_from_slice(&prefix);
    }
    Ok(())
}

/// Appends a value with its length in front.
#[inline]
pub fn write_value(out: &mut Vec<u8>, value: &[u8], type_name: &'static str) -> Result<()> {
    let prefix = length_prefix(value.len(), type_name)?;
    out.reserve(value.len() + 4);
    out.extend_from_slice(&prefix);
    out.extend_from_slice(value);
    Ok(())
}

/// Appends the length that means NULL.
#[inline]
pub fn write_null(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1i32).to_be_bytes());
}

/// A count as the wire has it, or the error that there are too many items.
pub(crate) fn count_prefix(count: usize, type_name: &'static str) -> Result<[u8; 4]> {
    match i32::try_from(count) {
        Ok(count) => Ok(count.to_be_bytes()),
        Err(_) => Err(Error::binary(
            type_name,
            Reason::OutOfRange {
                what: "the number of items",
            },
        )),
    }
}

#[inline]
fn length_prefix(length: usize, type_name: &'static str) -> Result<[u8; 4]> {
    match i32::try_from(length) {
        Ok(length) => Ok(length.to_be_bytes()),
        Err(_) => Err(Error::binary(type_name, Reason::TooLarge { length })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_stops_at_the_end() {
        let mut reader = Reader::new(&[0, 0, 0, 2, 7, 8, 9], "test");
        assert_eq!(reader.nullable().unwrap(), Some(&[7u8, 8][..]));
        assert_eq!(
            reader.u16().unwrap_err().reason(),
            &Reason::Truncated {
                needed: 2,
                remaining: 1
            }
        );
        assert_eq!(
            reader.finish().unwrap_err().reason(),
            &Reason::Trailing { extra: 1 }
        );
    }

    #[test]
    fn lengths_that_lie() {
        let mut reader = Reader::new(&[0x7f, 0xff, 0xff, 0xff, 1], "test");
        assert!(reader.nullable().is_err());
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xfe], "test");
        assert!(reader.nullable().is_err());
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xff], "test");
        assert_eq!(reader.nullable().unwrap(), None);
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xff], "test");
        assert!(reader.value().is_err());
        let mut reader = Reader::new(&[0, 0, 0, 9, 1, 2, 3, 4], "test");
        assert!(reader.count("items", 4).is_err());
    }

    #[test]
    fn values_get_their_length() {
        let mut out = vec![1];
        let place = begin_value(&mut out);
        out.extend_from_slice(b"abc");
        end_value(&mut out, place, "test").unwrap();
        write_null(&mut out);
        write_value(&mut out, b"z", "test").unwrap();
        assert_eq!(out, b"\x01\0\0\0\x03abc\xff\xff\xff\xff\0\0\0\x01z");
    }
}
