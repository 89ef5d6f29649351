//! What can be wrong with a message: one enum for those received, one for those to send.
//!
//! [`DecodeError`] is kept small and names the message by its tag, because it travels in the
//! `Result` of functions that run once per cell.

use crate::backend::tag;

/// The server sent bytes that are not a message of the protocol. The connection cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The first byte is no message type this crate knows.
    #[error("unknown message type {:?} (0x{tag:02x}) from the server", char::from(*tag))]
    UnknownTag {
        /// The byte received.
        tag: u8,
    },
    /// The length word is smaller than itself, or negative.
    #[error("invalid length {length} of a {} message", tag::name(*tag))]
    LengthTooSmall {
        /// The message's type.
        tag: u8,
        /// The length word.
        length: i32,
    },
    /// The message is longer than any real message of its type.
    #[error("a {} message of {length} bytes exceeds the limit of {limit}", tag::name(*tag))]
    LengthTooLarge {
        /// The message's type.
        tag: u8,
        /// The length word.
        length: u32,
        /// The greatest length accepted.
        limit: u32,
    },
    /// The body ends within a field.
    #[error("a {} message ends within a field", tag::name(*tag))]
    Truncated {
        /// The message's type.
        tag: u8,
    },
    /// The body goes on after its last field.
    #[error("a {} message has {count} bytes after its last field", tag::name(*tag))]
    TrailingBytes {
        /// The message's type.
        tag: u8,
        /// How many bytes are left over.
        count: u32,
    },
    /// A string lacks its terminating zero byte.
    #[error("a string in a {} message is not terminated", tag::name(*tag))]
    Unterminated {
        /// The message's type.
        tag: u8,
    },
    /// A length inside the body is negative where no negative one has a meaning.
    #[error("invalid field length {length} in a {} message", tag::name(*tag))]
    FieldLength {
        /// The message's type.
        tag: u8,
        /// The length received.
        length: i32,
    },
    /// A format code other than 0 (text) and 1 (binary).
    #[error("unknown format code {code} in a {} message", tag::name(*tag))]
    UnknownFormat {
        /// The message's type.
        tag: u8,
        /// The code received.
        code: i16,
    },
    /// A transaction status other than `I`, `T` and `E`.
    #[error("unknown transaction status {:?} (0x{byte:02x})", char::from(*byte))]
    UnknownTransactionStatus {
        /// The byte received.
        byte: u8,
    },
    /// A cancel key that is shorter than 4 or longer than 256 bytes.
    #[error("a cancel key of {length} bytes, expected 4 to 256")]
    CancelKeyLength {
        /// Its length.
        length: u32,
    },
    /// A SASL mechanism name that is not ASCII.
    #[error("a SASL mechanism name that is not ASCII")]
    MechanismName,
    /// `NegotiateProtocolVersion` names a major version that was not asked for.
    #[error("the server offers protocol version {}.{}, expected 3.x", code >> 16, code & 0xffff)]
    UnknownVersion {
        /// The version number received.
        code: u32,
    },
    /// A column was asked for that the row does not have.
    #[error("column {index} asked of a row of {count} columns")]
    NoSuchColumn {
        /// The column's index, from zero.
        index: u16,
        /// The number of columns in the row.
        count: u16,
    },
}

/// A message cannot be encoded. Nothing was appended to the buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A string holds a zero byte, which on the wire would end it.
    #[error("{field} contains a zero byte")]
    ContainsNul {
        /// What the string is.
        field: &'static str,
    },
    /// The message would be longer than the server accepts.
    #[error("a message of {length} bytes exceeds the server's limit of {limit}")]
    MessageTooLarge {
        /// The length the message would have.
        length: usize,
        /// The greatest length the server accepts.
        limit: usize,
    },
    /// More parameters, parameter types or formats than the 16 bit count can say.
    #[error("{count} parameters exceed the protocol's limit of 65535")]
    TooManyParameters {
        /// How many there are.
        count: usize,
    },
    /// Formats were given for some of the parameters only.
    #[error("{formats} parameter formats for {parameters} parameters: give none, one or all")]
    FormatCount {
        /// The number of formats.
        formats: usize,
        /// The number of parameters.
        parameters: usize,
    },
    /// A startup parameter without a name, which on the wire would end the list.
    #[error("a startup parameter has an empty name")]
    EmptyParameterName,
}
