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

    /// A version by its numbers. A minor number beyond the 16 bits that travel becomes the greatest.
    pub const fn new(major: u16, minor: u32) -> Self {
        Self {
            major,
            minor: if minor > 0xffff {
                u16::MAX
            } else {
                minor as u16
            },
        }
    }

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
