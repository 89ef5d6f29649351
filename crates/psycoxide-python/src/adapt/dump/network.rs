//! Addresses, interfaces and networks.

use psycoxide_types::{Format, network};
use pyo3::prelude::*;

use super::Dumped;
use crate::adapt::codec::{DumpCodec, DumpKind};
use crate::adapt::error::Result;

/// An object of `ipaddress`, by its text.
pub fn dump_network(
    codec: &DumpCodec,
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let text = value.str()?;
    let text = text.to_str()?.as_bytes();
    match codec.format {
        Format::Text => out.extend_from_slice(text),
        Format::Binary => {
            let inet = if codec.kind == DumpKind::Network {
                network::decode_cidr_text(text)?
            } else {
                network::decode_inet_text(text)?
            };
            network::encode_inet_binary(&inet, out);
        }
    }
    Ok(codec.wrote())
}
