//! The protocol version a startup packet asks for.

use std::fmt;

/// A version of the protocol, ordered by age.
///
/// Manual: <https://www.postgresql.org/docs/18/protocol.html>
///
/// ```
/// use psycoxide_protocol::ProtocolVersion;
///
/// assert_eq!(ProtocolVersion::V3_0.code(), 196_608);
/// assert!(ProtocolVersion::V3_0 < ProtocolVersion::V3_2);
/// assert_eq!(ProtocolVersion::V3_2.to_string(), "3.2");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProtocolVersion {
    /// Changes when messages are no longer understood.
    pub major: u16,
    /// Changes with additions.
    pub minor: u16,
}

impl ProtocolVersion {
    /// The version of PostgreSQL 7.4 to 17, understood by everything that speaks the protocol.
    pub const V3_0: Self = Self { major: 3, minor: 0 };
    /// The version of PostgreSQL 18: cancel keys of variable length.
    pub const V3_2: Self = Self { major: 3, minor: 2 };

    /// The number on the wire: the major version in the upper half, the minor in the lower.
    pub const fn code(self) -> u32 {
        ((self.major as u32) << 16) | self.minor as u32
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}
