//! The beginning of a COPY: the formats of the data that follows.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-COPY>

use crate::reader::Reader;
use crate::{DecodeError, Format};

/// The body of `CopyInResponse`, `CopyOutResponse` and `CopyBothResponse`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopyResponse {
    /// The format of the whole: textual (text and CSV) or binary.
    pub format: Format,
    /// The format of each column; all text when `format` is.
    pub column_formats: Vec<Format>,
}

pub(super) fn decode(tag: u8, reader: &mut Reader<'_>) -> Result<CopyResponse, DecodeError> {
    let code = i16::from(reader.u8()?.cast_signed());
    let format = Format::from_code(code).ok_or(DecodeError::UnknownFormat { tag, code })?;
    let count = reader.u16()?;
    let mut column_formats = Vec::with_capacity(reader.at_most(count, 2));
    for _ in 0..count {
        column_formats.push(reader.format()?);
    }
    Ok(CopyResponse {
        format,
        column_formats,
    })
}
