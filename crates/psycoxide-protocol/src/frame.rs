//! Finds where the next message of the server begins and ends.
//!
//! A message is a type byte, a length of four bytes that counts itself, and a body. [`peek`] reads the
//! header and nothing else; [`crate::backend`] decodes the body. The rule guarded here: a length is
//! believed only when it is plausible for the type, so that a stream that is not PostgreSQL, or has
//! lost its step, is found at its first header and not after a gigabyte of waiting.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS>

use crate::DecodeError;
use crate::backend::tag;

/// The bytes of the type and the length in front of a body.
pub const HEADER_LENGTH: usize = 5;

/// The header of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The message's type.
    pub tag: u8,
    /// The length of the whole message, header included.
    pub length: usize,
}

impl Frame {
    /// The body in `buf`, the buffer given to [`peek`]; `None` while it has not all arrived.
    #[inline]
    pub fn body<'a>(&self, buf: &'a [u8]) -> Option<&'a [u8]> {
        buf.get(HEADER_LENGTH..self.length)
    }
}

/// The header of the message that begins at the first byte of `buf`; `None` while the header is not
/// complete. The body need not have arrived: compare [`Frame::length`] with what is there.
///
/// ```
/// use psycoxide_protocol::frame;
///
/// let buf = b"Z\0\0\0\x05I1\0\0";
/// let ready = frame::peek(buf)?.expect("a whole header is there");
/// assert_eq!((ready.tag, ready.length), (b'Z', 6));
/// assert_eq!(ready.body(buf), Some(&b"I"[..]));
///
/// assert_eq!(frame::peek(b"1\0\0\0")?, None);
/// assert!(frame::peek(b"HTTP/1.1 400 Bad Request").is_err());
/// # Ok::<(), psycoxide_protocol::DecodeError>(())
/// ```
///
/// # Errors
///
/// An unknown type, or a length that no message of that type has.
#[inline]
pub fn peek(buf: &[u8]) -> Result<Option<Frame>, DecodeError> {
    peek_limited(buf, u32::MAX)
}

/// As [`peek`], with a bound of its own on the length word. Before the server has proved who it is,
/// [`UNAUTHENTICATED_LIMIT`] is enough.
///
/// # Errors
///
/// As [`peek`].
#[inline]
pub fn peek_limited(buf: &[u8], limit: u32) -> Result<Option<Frame>, DecodeError> {
    let Some((&[tag, a, b, c, d], _)) = buf.split_first_chunk::<HEADER_LENGTH>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([a, b, c, d]);
    let limit = limit.min(length_limit(tag));
    if length < 4 || length > limit {
        return Err(invalid(tag, length, limit));
    }
    // At most 1 GiB + 1 after the check, which fits a usize of 32 bits.
    Ok(Some(Frame {
        tag,
        length: length as usize + 1,
    }))
}

/// The greatest length word worth accepting before authentication is over: no message of that phase
/// comes near it, and a peer that is no PostgreSQL server cannot make the buffer grow.
pub const UNAUTHENTICATED_LIMIT: u32 = 64 * 1024;

/// The server cannot build messages longer than this (`MaxAllocSize`).
const ONE_GIBIBYTE: u32 = 1 << 30;
/// 65535 columns with names of 63 bytes are below 6 MiB.
const ROW_DESCRIPTION: u32 = 16 << 20;
/// 65535 parameter types are 256 KiB; a parameter's value may be a long `search_path`.
const SHORT: u32 = 1 << 20;

/// The greatest length word for a type; zero for a type that does not exist.
#[inline]
fn length_limit(tag: u8) -> u32 {
    // Indexed by a byte, the table has no bounds check.
    const LIMITS: [u32; 256] = {
        let mut limits = [0; 256];
        let mut index = 0;
        while index < tag::ALL.len() {
            let tag = tag::ALL[index];
            limits[tag as usize] = match tag {
                tag::DATA_ROW
                | tag::COPY_DATA
                | tag::FUNCTION_CALL_RESPONSE
                // RAISE puts whole values into messages.
                | tag::ERROR_RESPONSE
                | tag::NOTICE_RESPONSE => ONE_GIBIBYTE,
                tag::ROW_DESCRIPTION => ROW_DESCRIPTION,
                _ => SHORT,
            };
            index += 1;
        }
        limits
    };
    LIMITS[usize::from(tag)]
}

#[cold]
fn invalid(tag: u8, length: u32, limit: u32) -> DecodeError {
    if limit == 0 {
        return DecodeError::UnknownTag { tag };
    }
    match i32::try_from(length) {
        Ok(length) if length >= 4 => DecodeError::LengthTooLarge {
            tag,
            length: length.unsigned_abs(),
            limit,
        },
        _ => DecodeError::LengthTooSmall {
            tag,
            length: length.cast_signed(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_type_has_a_limit() {
        for byte in 0..=u8::MAX {
            assert_eq!(length_limit(byte) > 0, tag::ALL.contains(&byte), "{byte}");
        }
    }

    #[test]
    fn the_header_alone_is_enough() {
        let header = b"D\0\0\x10\0";
        assert_eq!(
            peek(header),
            Ok(Some(Frame {
                tag: b'D',
                length: 4097
            }))
        );
        assert_eq!(peek(header).unwrap().unwrap().body(header), None);
        for end in 0..HEADER_LENGTH {
            assert_eq!(peek(&header[..end]), Ok(None));
        }
    }

    #[test]
    fn implausible_lengths_are_refused() {
        assert_eq!(
            peek(b"D\0\0\0\x03"),
            Err(DecodeError::LengthTooSmall {
                tag: b'D',
                length: 3
            })
        );
        assert_eq!(
            peek(b"D\xff\xff\xff\xff"),
            Err(DecodeError::LengthTooSmall {
                tag: b'D',
                length: -1
            })
        );
        assert_eq!(
            peek(b"D\x40\0\0\x01"),
            Err(DecodeError::LengthTooLarge {
                tag: b'D',
                length: ONE_GIBIBYTE + 1,
                limit: ONE_GIBIBYTE
            })
        );
        assert!(peek(b"D\x40\0\0\0").is_ok());
        assert!(peek(b"Z\0\x10\0\x01").is_err());
        assert_eq!(
            peek(b"?\0\0\0\x04"),
            Err(DecodeError::UnknownTag { tag: b'?' })
        );
    }

    #[test]
    fn a_tighter_limit_wins() {
        assert!(peek(b"E\0\x02\0\0").is_ok());
        assert_eq!(
            peek_limited(b"E\0\x02\0\0", UNAUTHENTICATED_LIMIT),
            Err(DecodeError::LengthTooLarge {
                tag: b'E',
                length: 0x20000,
                limit: UNAUTHENTICATED_LIMIT
            })
        );
    }
}
