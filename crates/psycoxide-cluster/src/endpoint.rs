//! A host and a port: where to connect to.
//!
//! The rule it guards: two ports on one host are two places, and names compare without regard to
//! case (paths of Unix sockets with it).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// A host name, address or socket directory, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The name as it was given.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// The place at this host and port.
    pub fn new(host: impl AsRef<str>, port: u16) -> Self {
        Self {
            host: Arc::from(host.as_ref()),
            port,
        }
    }

    /// Whether both mean the same place, as far as their texts tell.
    pub fn is_same_as(&self, other: &Endpoint) -> bool {
        self.port == other.port && self.is_host(&other.host)
    }

    /// Whether this is the name of the host.
    pub(crate) fn is_host(&self, name: &str) -> bool {
        if self.host.starts_with('/') {
            return &*self.host == name;
        }
        if self.host.eq_ignore_ascii_case(name) {
            return true;
        }
        // "::1" and "0:0:0:0:0:0:0:1" are one address; of version 4 each has one text.
        if !self.host.contains(':') || !name.contains(':') {
            return false;
        }
        match (self.host.parse::<IpAddr>(), name.parse::<IpAddr>()) {
            (Ok(mine), Ok(other)) => mine == other,
            _ => false,
        }
    }

    /// The same place in the form that serves as a key.
    pub(crate) fn normalised(&self) -> Endpoint {
        let is_path = self.host.starts_with('/');
        let is_lower = !self.host.bytes().any(|byte| byte.is_ascii_uppercase());
        // It is done at each connect, and there is hardly ever anything to do.
        if is_path || (is_lower && !self.host.contains(':')) {
            return self.clone();
        }
        match self.host.parse::<IpAddr>() {
            Ok(address) => Endpoint::new(address.to_string(), self.port),
            Err(_) => Endpoint::new(self.host.to_ascii_lowercase(), self.port),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The places as a key: in order, each once.
pub(crate) fn sorted(endpoints: &[Endpoint]) -> Vec<Endpoint> {
    let mut sorted: Vec<Endpoint> = endpoints.iter().map(Endpoint::normalised).collect();
    sorted.sort();
    sorted.dedup();
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_compare_by_what_they_mean() {
        let one = Endpoint::new("Node1.Example", 5433);
        assert!(one.is_same_as(&Endpoint::new("node1.example", 5433)));
        assert!(!one.is_same_as(&Endpoint::new("node1.example", 5434)));
        let six = Endpoint::new("::1", 5433);
        assert!(six.is_same_as(&Endpoint::new("0:0:0:0:0:0:0:1", 5433)));
        assert!(!Endpoint::new("/Tmp", 1).is_same_as(&Endpoint::new("/tmp", 1)));
        assert!(!six.is_same_as(&Endpoint::new("127.0.0.1", 5433)));
        assert_eq!(six.to_string(), "[::1]:5433");
    }

    #[test]
    fn order_case_and_repetition_do_not_change_the_key() {
        let a = [Endpoint::new("B", 1), Endpoint::new("a", 2)];
        let b = [
            Endpoint::new("a", 2),
            Endpoint::new("b", 1),
            Endpoint::new("A", 2),
        ];
        assert_eq!(sorted(&a), sorted(&b));
        let texts = ["0:0:0:0:0:0:0:1", "FE80::A", "10.0.0.1", "/Tmp", "A.b"];
        let normalised = texts.map(|text| Endpoint::new(text, 1).normalised().host.to_string());
        assert_eq!(normalised, ["::1", "fe80::a", "10.0.0.1", "/Tmp", "a.b"]);
    }
}
