//! `inet` and `cidr` to the classes of `ipaddress`.

use std::net::IpAddr;

use psycoxide_types::Format;
use psycoxide_types::network::{self, Inet};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyType};

use super::LoadContext;
use crate::adapt::error::Result;

/// What becomes of an address.
#[derive(Clone, Copy)]
enum Kind {
    Address,
    Interface,
    Network,
}

fn class(py: Python<'_>, kind: Kind, address: IpAddr) -> PyResult<&Bound<'_, PyType>> {
    static CLASSES: [PyOnceLock<Py<PyType>>; 6] = [const { PyOnceLock::new() }; 6];
    const NAMES: [&str; 6] = [
        "IPv4Address",
        "IPv4Interface",
        "IPv4Network",
        "IPv6Address",
        "IPv6Interface",
        "IPv6Network",
    ];
    let family = if address.is_ipv4() { 0 } else { 3 };
    let index = family + kind as usize;
    CLASSES[index].import(py, "ipaddress", NAMES[index])
}

fn object<'py>(py: Python<'py>, inet: &Inet, kind: Kind) -> Result<Bound<'py, PyAny>> {
    let octets = match inet.address {
        IpAddr::V4(address) => PyBytes::new(py, &address.octets()),
        IpAddr::V6(address) => PyBytes::new(py, &address.octets()),
    };
    let class = class(py, kind, inet.address)?;
    Ok(match kind {
        Kind::Address => class.call1((octets,))?,
        Kind::Interface | Kind::Network => class.call1(((octets, inet.prefix),))?,
    })
}

/// `inet`: an address, or an interface if it is in a network.
pub fn load_inet<'py>(
    cx: &mut LoadContext<'_, 'py>,
    format: Format,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let inet = match format {
        Format::Text => network::decode_inet_text(data)?,
        Format::Binary => network::decode_inet_binary(data)?,
    };
    let kind = if inet.is_host() {
        Kind::Address
    } else {
        Kind::Interface
    };
    object(cx.py, &inet, kind)
}

/// `cidr`: a network.
pub fn load_cidr<'py>(
    cx: &mut LoadContext<'_, 'py>,
    format: Format,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let inet = match format {
        Format::Text => network::decode_cidr_text(data)?,
        Format::Binary => network::decode_inet_binary(data)?,
    };
    object(cx.py, &inet, Kind::Network)
}
