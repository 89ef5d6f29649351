//! The columns of a result.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-message-formats.html>, `RowDescription`

use crate::reader::Reader;
use crate::{DecodeError, Format, Oid};

/// A column of a result. Owned, because it outlives the receive buffer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// The name, in the client encoding.
    pub name: Vec<u8>,
    /// The table the column is of, 0 for an expression.
    pub table: Oid,
    /// The column's attribute number in that table, 0 for an expression.
    pub column: i16,
    /// The type.
    pub type_oid: Oid,
    /// The type's size in bytes; negative for types of variable length.
    pub size: i16,
    /// The type modifier, -1 for none.
    pub modifier: i32,
    /// The format of the values; text in the description of a statement, where it is not yet known.
    pub format: Format,
}

/// The bytes of a field whose name is empty.
const SMALLEST_FIELD: usize = 19;

pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Vec<Field>, DecodeError> {
    let count = reader.u16()?;
    let mut fields = Vec::with_capacity(reader.at_most(count, SMALLEST_FIELD));
    for _ in 0..count {
        fields.push(Field {
            name: reader.c_string()?.to_vec(),
            table: reader.u32()?,
            column: reader.i16()?,
            type_oid: reader.u32()?,
            size: reader.i16()?,
            modifier: reader.i32()?,
            format: reader.format()?,
        });
    }
    Ok(fields)
}
