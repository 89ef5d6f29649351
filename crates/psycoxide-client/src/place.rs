//! Where a connection leads: what was configured, and what it came to.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use psycoxide_transport::{SocketOptions, Target, TlsConnector};

/// One address to connect to.
#[derive(Clone, Debug)]
pub struct Place {
    /// The host as configured: a name, an address, or the directory of a unix socket. Empty if only
    /// `hostaddr` was given.
    pub host: String,
    /// Where the host comes from, for messages: ` (default)`, ` (environment PGHOST)` or nothing.
    pub host_origin: String,
    /// The address the host came to; `None` for a unix socket.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
    /// Where the port comes from, for messages.
    pub port_origin: String,
    /// What the socket connects to.
    pub target: Target,
    /// How the socket is set up.
    pub socket: SocketOptions,
    /// How TLS is done here, if it is to be done.
    pub connector: Option<TlsConnector>,
    /// TLS begins at once, without asking first.
    pub direct_tls: bool,
    /// The name that the server's certificate has to be for, if it is not the host's.
    pub tls_name: Option<String>,
}

impl Place {
    /// Where a connection leads that was not made.
    pub(crate) fn nowhere() -> Place {
        Place {
            host: String::new(),
            host_origin: String::new(),
            address: None,
            port: 0,
            port_origin: String::new(),
            target: Target::Unix(PathBuf::new()),
            socket: SocketOptions::default(),
            connector: None,
            direct_tls: false,
            tls_name: None,
        }
    }

    /// Whether it is the place of no connection.
    pub fn is_nowhere(&self) -> bool {
        matches!(&self.target, Target::Unix(path) if path.as_os_str().is_empty())
    }

    /// The name that the server's certificate has to be for.
    pub fn server_name(&self) -> &str {
        self.tls_name.as_deref().unwrap_or(&self.host)
    }

    /// Whether it is a unix socket.
    pub fn is_unix(&self) -> bool {
        matches!(self.target, Target::Unix(_))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Target::Unix(path) = &self.target {
            return write!(f, "connection to server on socket \"{}\"", path.display());
        }
        f.write_str("connection to server at \"")?;
        match self.address {
            Some(address) if self.host.is_empty() => write!(f, "{address}\"")?,
            Some(address) if self.host == address.to_string() => write!(f, "{}\"", self.host)?,
            Some(address) => write!(f, "{}\" ({address})", self.host)?,
            None => write!(f, "{}\"", self.host)?,
        }
        write!(
            f,
            "{}, port {}{}",
            self.host_origin, self.port, self.port_origin
        )
    }
}
