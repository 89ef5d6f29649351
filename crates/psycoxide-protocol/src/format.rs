//! How a value travels: as text or in the type's binary form.

/// The format of a parameter, a result column or a COPY column.
///
/// Manual: <https://www.postgresql.org/docs/18/protocol-overview.html#PROTOCOL-FORMAT-CODES>
///
/// ```
/// use psycoxide_protocol::Format;
///
/// assert_eq!(Format::from_code(1), Some(Format::Binary));
/// assert_eq!(Format::Text.code(), 0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum Format {
    /// The output of the type's text output function, in the client encoding.
    #[default]
    Text = 0,
    /// The output of the type's binary send function.
    Binary = 1,
}

impl Format {
    /// The format with this number on the wire; `None` when the protocol does not define it.
    #[inline]
    pub const fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Binary),
            _ => None,
        }
    }

    /// The number on the wire.
    #[inline]
    pub const fn code(self) -> i16 {
        self as i16
    }
}
