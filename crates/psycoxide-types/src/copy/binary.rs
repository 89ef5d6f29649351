//! Rows of `COPY` in binary format: a header, rows with a field count, and -1 as the trailer.
//!
//! The server sends the header together with the first row in one message, and the trailer in one of
//! its own. <https://www.postgresql.org/docs/current/sql-copy.html>

use crate::error::{Error, Reason, Result};
use crate::wire::{Counted, Reader};

/// What every binary copy begins with: the signature, no flags, no extension.
pub const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What every binary copy ends with.
pub const TRAILER: [u8; 2] = [0xff, 0xff];

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// Flags from this one up change the format; lower ones may be ignored.
const FIRST_CRITICAL_FLAG: u32 = 1 << 16;

/// Takes the header off the front and returns what follows.
pub fn decode_header(data: &[u8]) -> Result<&[u8]> {
    let mut reader = Reader::new(data, "copy");
    if &reader.array::<11>()? != SIGNATURE {
        let what = "copy signature";
        return Err(Error::binary("copy", Reason::OutOfRange { what }));
    }
    let flags = reader.u32()?;
    if flags >= FIRST_CRITICAL_FLAG {
        let what = "copy flags";
        let reason = Reason::UnknownCode { what, found: flags };
        return Err(Error::binary("copy", reason));
    }
    let extension = reader.count("bytes of header extension", 1)?;
    reader.bytes(extension)?;
    Ok(reader.rest())
}

/// Decodes a row up to its fields; `None` is the trailer.
pub fn decode_row(data: &[u8]) -> Result<Option<Fields<'_>>> {
    let mut reader = Reader::new(data, "copy");
    let found = reader.i16()?;
    if found == -1 {
        reader.finish()?;
        return Ok(None);
    }
    let Ok(remaining) = usize::try_from(found) else {
        let what = "number of fields";
        let found = i32::from(found);
        return Err(Error::binary("copy", Reason::Negative { what, found }));
    };
    Ok(Some(Fields {
        items: Counted::new(reader, remaining),
    }))
}

/// The fields of a row, in order; `None` is NULL.
///
/// After an error there are no more. Bytes behind the last field are an error too, which takes the
/// place of the end.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    items: Counted<'a>,
}

impl Fields<'_> {
    /// How many fields are still to come.
    pub fn remaining(&self) -> usize {
        self.items.remaining()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Option<&'a [u8]>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.items.next(Reader::nullable)
    }
}

/// Appends the count that a row begins with; each field follows as a value with its length.
pub fn encode_row_header(fields: usize, out: &mut Vec<u8>) -> Result<()> {
    match i16::try_from(fields) {
        Ok(fields) => {
            out.extend_from_slice(&fields.to_be_bytes());
            Ok(())
        }
        Err(_) => {
            let what = "the number of fields (at most 32767)";
            Err(Error::binary("copy", Reason::OutOfRange { what }))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{write_null, write_value};

    #[test]
    fn data_of_a_server() {
        let first = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x03\0\0\0\x01a\0\0\0\x04\0\0\0\x01\
            \xff\xff\xff\xff";
        let row = decode_header(first).unwrap();
        let fields: Vec<_> = decode_row(row)
            .unwrap()
            .unwrap()
            .collect::<Result<_>>()
            .unwrap();
        assert_eq!(fields, [Some(&b"a"[..]), Some(b"\0\0\0\x01"), None]);
        assert!(decode_row(&TRAILER).unwrap().is_none());

        let mut out = HEADER.to_vec();
        encode_row_header(fields.len(), &mut out).unwrap();
        for field in fields {
            match field {
                Some(value) => write_value(&mut out, value, "copy").unwrap(),
                None => write_null(&mut out),
            }
        }
        assert_eq!(out, first);
    }

    #[test]
    fn wrong_headers() {
        for length in 0..HEADER.len() {
            assert!(decode_header(&HEADER[..length]).is_err(), "{length}");
        }
        let mut signature = HEADER;
        signature[9] = b'\r';
        assert!(decode_header(&signature).is_err());
        let mut critical = HEADER;
        critical[12] = 1;
        assert!(decode_header(&critical).is_err());
        let mut harmless = HEADER;
        harmless[14] = 1;
        assert!(decode_header(&harmless).unwrap().is_empty());
        let mut extension = HEADER.to_vec();
        extension[18] = 2;
        extension.extend_from_slice(b"xyrow");
        assert_eq!(decode_header(&extension).unwrap(), b"row");
        assert!(decode_header(&extension[..20]).is_err());
    }

    #[test]
    fn wrong_rows() {
        for wrong in [&b""[..], b"\0", b"\xff\xfe", b"\xff\xffx"] {
            assert!(decode_row(wrong).is_err(), "{wrong:?}");
        }
        for wrong in [
            &b"\0\x01"[..],
            b"\0\x01\0\0\0\x02a",
            b"\0\x00x",
            b"\x7f\xff\0\0\0\0",
            b"\0\x01\xff\xff\xff\xfe",
        ] {
            let mut fields = decode_row(wrong).unwrap().unwrap();
            assert!(fields.any(|field| field.is_err()), "{wrong:?}");
        }
        assert!(encode_row_header(32_768, &mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(data: Vec<u8>) {
            let _ = decode_header(&data);
            if let Ok(Some(fields)) = decode_row(&data) {
                prop_assert!(fields.count() <= data.len());
            }
        }
    }
}
