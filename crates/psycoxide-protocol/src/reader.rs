//! A cursor over a message's body. Every read checks what is left before it takes anything.

use crate::{DecodeError, Format};

/// The unread rest of the body of a message with the type `tag`.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    tag: u8,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(tag: u8, body: &'a [u8]) -> Self {
        Self { tag, rest: body }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(DecodeError::Truncated { tag: self.tag })?;
        self.rest = rest;
        Ok(*head)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn format(&mut self) -> Result<Format, DecodeError> {
        let code = self.i16()?;
        Format::from_code(code).ok_or(DecodeError::UnknownFormat {
            tag: self.tag,
            code,
        })
    }

    /// The bytes up to the next zero byte, which is consumed but not returned.
    #[inline]
    pub(crate) fn c_string(&mut self) -> Result<&'a [u8], DecodeError> {
        let unterminated = DecodeError::Unterminated { tag: self.tag };
        let end = memchr::memchr(0, self.rest).ok_or(unterminated)?;
        let (string, rest) = self.rest.split_at_checked(end).ok_or(unterminated)?;
        self.rest = rest.get(1..).ok_or(unterminated)?;
        Ok(string)
    }

    /// So many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(DecodeError::Truncated { tag: self.tag })?;
        self.rest = rest;
        Ok(bytes)
    }

    /// All that is left; nothing is afterwards.
    #[inline]
    pub(crate) fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// An upper bound for the elements of `size` bytes or more that can follow, so that a count is
    /// never believed before allocating for it.
    #[inline]
    pub(crate) fn at_most(&self, count: u16, size: usize) -> usize {
        usize::from(count).min(self.rest.len() / size)
    }

    /// The body must end here.
    #[inline]
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        let count = u32::try_from(self.rest.len()).unwrap_or(u32::MAX);
        Err(DecodeError::TrailingBytes {
            tag: self.tag,
            count,
        })
    }
}
