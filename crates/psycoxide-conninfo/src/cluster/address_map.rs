//! `yb_address_map`: addresses to use in place of those the cluster announces.
//!
//! `host[:port]=host[:port],...`; an IPv6 address stands in brackets. Without a port on the left the
//! entry is for every port, without one on the right the port stays as it is.

use crate::Error;

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressMapping {
    /// What the cluster announces.
    pub from: Endpoint,
    /// What to connect to.
    pub to: Endpoint,
}

/// A host, perhaps with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The name or address.
    pub host: String,
    /// The port; none is any, or the same.
    pub port: Option<u16>,
}

impl AddressMapping {
    /// The address to use for an announced one, if this entry is about it.
    pub fn apply(&self, host: &str, port: u16) -> Option<(&str, u16)> {
        let fits = self.from.host.eq_ignore_ascii_case(host)
            && self.from.port.is_none_or(|wanted| wanted == port);
        fits.then(|| (self.to.host.as_str(), self.to.port.unwrap_or(port)))
    }
}

pub(super) fn parse(text: &str) -> Result<Vec<AddressMapping>, Error> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mapping = |entry: &str| {
        let (from, to) = entry.split_once('=')?;
        Some(AddressMapping {
            from: endpoint(from.trim())?,
            to: endpoint(to.trim())?,
        })
    };
    let mappings: Option<Vec<AddressMapping>> = text.split(',').map(mapping).collect();
    mappings.ok_or_else(|| Error::InvalidClusterValue {
        keyword: "yb_address_map",
        value: text.to_owned(),
        accepted: "host[:port]=host[:port], comma-separated, IPv6 addresses in brackets".to_owned(),
    })
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return None,
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        None => None,
        Some(port) => Some(port.parse::<u16>().ok().filter(|port| *port > 0)?),
    };
    (!host.is_empty()).then(|| Endpoint {
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_replace_hosts_and_ports() {
        let map = parse("a=b, n1:5433=127.0.0.1:15433,[::1]:5=[::2]").unwrap();
        assert_eq!(map[0].apply("A", 7), Some(("b", 7)));
        assert_eq!(map[1].apply("n1", 5433), Some(("127.0.0.1", 15433)));
        assert_eq!(map[1].apply("n1", 5434), None);
        assert_eq!(map[2].apply("::1", 5), Some(("::2", 5)));
        assert_eq!(parse(" "), Ok(Vec::new()));
    }

    #[test]
    fn bad_entries_are_refused() {
        for text in [
            "a",
            "a=",
            "=b",
            "a=b,",
            "a:0=b",
            "a:x=b",
            "a:99999=b",
            "[::1=b",
            "[::1]x=b",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("invalid yb_address_map value: \"{text}\"")));
        }
    }
}
