//! `inet`, `cidr`, `macaddr` and `macaddr8`.
//!
//! <https://www.postgresql.org/docs/current/datatype-net-types.html>

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::bytea::hex_digit;
use crate::digits::leading_number;
use crate::error::{Error, Reason, Result};
use crate::wire::{Reader, fixed};

/// The server's number for IPv4, and the next one for IPv6, whatever the platform's are.
const FAMILY_IPV4: u8 = 2;
const FAMILY_IPV6: u8 = 3;

/// A host with its network (`inet`), or a network (`cidr`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Inet {
    /// The address.
    pub address: IpAddr,
    /// The length of the network's prefix, 0 to 32 or 128.
    pub prefix: u8,
    /// Whether it is a `cidr`, to be written as a network even when the prefix is of full length.
    pub is_cidr: bool,
}

impl Inet {
    /// The length of a prefix that leaves one host.
    pub fn full_prefix(&self) -> u8 {
        full_prefix(self.address)
    }

    /// Whether the value is one host and not in a network.
    pub fn is_host(&self) -> bool {
        !self.is_cidr && self.prefix == self.full_prefix()
    }
}

fn full_prefix(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Decodes the text form of `inet`: an address, and a prefix unless it is of full length.
pub fn decode_inet_text(value: &[u8]) -> Result<Inet> {
    parse(value, false).ok_or_else(|| Error::syntax("inet", "an address/prefix", value))
}

/// Decodes the text form of `cidr`.
pub fn decode_cidr_text(value: &[u8]) -> Result<Inet> {
    parse(value, true).ok_or_else(|| Error::syntax("cidr", "a network/prefix", value))
}

fn parse(value: &[u8], is_cidr: bool) -> Option<Inet> {
    let (address, prefix) = match memchr::memchr(b'/', value) {
        Some(slash) => {
            let (address, prefix) = value.split_at(slash);
            let (prefix, []) = leading_number(prefix.get(1..)?)? else {
                return None;
            };
            (address, Some(u8::try_from(prefix).ok()?))
        }
        None => (value, None),
    };
    let address: IpAddr = std::str::from_utf8(address).ok()?.parse().ok()?;
    let prefix = prefix.unwrap_or_else(|| full_prefix(address));
    (prefix <= full_prefix(address)).then_some(Inet {
        address,
        prefix,
        is_cidr,
    })
}

/// Decodes the binary form of `inet` and `cidr`.
pub fn decode_inet_binary(value: &[u8]) -> Result<Inet> {
    let mut reader = Reader::new(value, "inet");
    let family = reader.u8()?;
    let prefix = reader.u8()?;
    let is_cidr = reader.u8()? != 0;
    let length = usize::from(reader.u8()?);
    let (address, expected) = match family {
        FAMILY_IPV4 if length == 4 => (IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?)), 4),
        FAMILY_IPV6 if length == 16 => (IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?)), 16),
        FAMILY_IPV4 => return Err(wrong_length(4, length)),
        FAMILY_IPV6 => return Err(wrong_length(16, length)),
        _ => {
            let what = "address family";
            let found = u32::from(family);
            return Err(Error::binary("inet", Reason::UnknownCode { what, found }));
        }
    };
    reader.finish()?;
    if usize::from(prefix) > expected * 8 {
        let what = "the prefix (at most 32 or 128)";
        return Err(Error::binary("inet", Reason::OutOfRange { what }));
    }
    Ok(Inet {
        address,
        prefix,
        is_cidr,
    })
}

#[cold]
fn wrong_length(expected: usize, found: usize) -> Error {
    Error::binary("inet", Reason::Length { expected, found })
}

/// Appends the text form: `inet` without a prefix of full length, `cidr` always with one.
pub fn encode_inet_text(inet: &Inet, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = if inet.is_host() {
        write!(out, "{}", inet.address)
    } else {
        write!(out, "{}/{}", inet.address, inet.prefix)
    };
}

/// Appends the binary form of either type.
pub fn encode_inet_binary(inet: &Inet, out: &mut Vec<u8>) {
    let is_cidr = u8::from(inet.is_cidr);
    match inet.address {
        IpAddr::V4(address) => {
            out.extend_from_slice(&[FAMILY_IPV4, inet.prefix, is_cidr, 4]);
            out.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            out.extend_from_slice(&[FAMILY_IPV6, inet.prefix, is_cidr, 16]);
            out.extend_from_slice(&address.octets());
        }
    }
}

/// Decodes the text form of `macaddr`: `08:00:2b:01:02:03`.
pub fn decode_macaddr_text(value: &[u8]) -> Result<[u8; 6]> {
    parse_mac(value).ok_or_else(|| Error::syntax("macaddr", "six pairs of digits", value))
}

/// Decodes the text form of `macaddr8`.
pub fn decode_macaddr8_text(value: &[u8]) -> Result<[u8; 8]> {
    parse_mac(value).ok_or_else(|| Error::syntax("macaddr8", "eight pairs of digits", value))
}

fn parse_mac<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    let mut address = [0; N];
    let mut groups = value.split(|byte| *byte == b':');
    for byte in &mut address {
        let &[high, low] = groups.next()? else {
            return None;
        };
        let (high, low) = (hex_digit(high), hex_digit(low));
        if high > 15 || low > 15 {
            return None;
        }
        *byte = (high << 4) | low;
    }
    groups.next().is_none().then_some(address)
}

/// Decodes the binary form of `macaddr`.
pub fn decode_macaddr_binary(value: &[u8]) -> Result<[u8; 6]> {
    fixed(value, "macaddr")
}

/// Decodes the binary form of `macaddr8`.
pub fn decode_macaddr8_binary(value: &[u8]) -> Result<[u8; 8]> {
    fixed(value, "macaddr8")
}

/// Appends the text form of `macaddr` or `macaddr8`.
pub fn encode_macaddr_text(address: &[u8], out: &mut Vec<u8>) {
    for (index, byte) in address.iter().enumerate() {
        let separator = if index == 0 { "" } else { ":" };
        // Writing to a vector cannot fail.
        let _ = write!(out, "{separator}{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_the_server() {
        for (text, is_cidr, binary) in [
            ("192.168.0.1", false, "02200004c0a80001"),
            ("192.168.0.1/24", false, "02180004c0a80001"),
            ("::1", false, "0380001000000000000000000000000000000001"),
            (
                "2001:db8::/32",
                false,
                "0320001020010db8000000000000000000000000",
            ),
            (
                "::ffff:1.2.3.4",
                false,
                "0380001000000000000000000000ffff01020304",
            ),
            ("0.0.0.0/0", false, "0200000400000000"),
            (
                "2001:db8::1:0:0:1",
                false,
                "0380001020010db8000000000001000000000001",
            ),
            ("192.168.0.1/32", true, "02200104c0a80001"),
            ("192.168.0.0/24", true, "02180104c0a80000"),
            ("::1/128", true, "0380011000000000000000000000000000000001"),
        ] {
            let decode = if is_cidr {
                decode_cidr_text
            } else {
                decode_inet_text
            };
            let found = decode(text.as_bytes()).unwrap();
            let binary = crate::bytea::decode_text(format!("\\x{binary}").as_bytes()).unwrap();
            assert_eq!(found, decode_inet_binary(&binary).unwrap());
            let (mut as_text, mut as_binary) = (Vec::new(), Vec::new());
            encode_inet_text(&found, &mut as_text);
            encode_inet_binary(&found, &mut as_binary);
            assert_eq!(as_text, text.as_bytes());
            assert_eq!(as_binary, binary);
        }
    }

    #[test]
    fn hardware_addresses() {
        let text = b"08:00:2b:01:02:03";
        let address = decode_macaddr_text(text).unwrap();
        assert_eq!(address, [8, 0, 0x2b, 1, 2, 3]);
        assert_eq!(decode_macaddr_binary(&address).unwrap(), address);
        let mut out = Vec::new();
        encode_macaddr_text(&address, &mut out);
        assert_eq!(out, text);
        let long = decode_macaddr8_text(b"08:00:2b:01:02:03:04:05").unwrap();
        assert_eq!(decode_macaddr8_binary(&long).unwrap(), long);
        for wrong in [
            "",
            "08:00:2b:01:02",
            "08:00:2b:01:02:03:",
            "08:00:2b:01:02:0g",
            "8:0:2:1:2:3",
        ] {
            assert!(decode_macaddr_text(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(decode_macaddr_binary(&[0; 7]).is_err());
    }

    #[test]
    fn wrong_addresses() {
        for wrong in [
            "",
            "1.2.3",
            "1.2.3.4/",
            "1.2.3.4/33",
            "::1/129",
            "1.2.3.4/x",
            "1.2.3.4/1/2",
            "/8",
            "1.2.3.4/999",
            "::g",
            "\u{e9}",
        ] {
            assert!(decode_inet_text(wrong.as_bytes()).is_err(), "{wrong}");
        }
        for wrong in [
            &[][..],
            &[2, 32, 0],
            &[2, 32, 0, 4, 1, 2, 3],
            &[2, 32, 0, 4, 1, 2, 3, 4, 5],
            &[2, 33, 0, 4, 1, 2, 3, 4],
            &[2, 32, 0, 16, 1, 2, 3, 4],
            &[3, 32, 0, 4, 1, 2, 3, 4],
            &[9, 32, 0, 4, 1, 2, 3, 4],
        ] {
            assert!(decode_inet_binary(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(address: IpAddr, prefix: u8, is_cidr: bool) {
            let inet = Inet { address, prefix: prefix % (full_prefix(address) + 1), is_cidr };
            let mut out = Vec::new();
            encode_inet_binary(&inet, &mut out);
            prop_assert_eq!(decode_inet_binary(&out).unwrap(), inet);
            out.clear();
            encode_inet_text(&inet, &mut out);
            prop_assert_eq!(parse(&out, is_cidr), Some(inet));
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = decode_inet_text(&bytes);
            let _ = decode_inet_binary(&bytes);
            let _ = decode_macaddr_text(&bytes);
        }
    }
}
