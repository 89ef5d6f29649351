//! The hosts to try: names, addresses, ports and the password of each.
//!
//! The rule it guards: `host`, `hostaddr` and `port` are lists of one length, except that one port
//! serves all hosts; an empty entry means the default. Manual:
//! [Specifying Multiple Hosts](https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS).

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::environment::{Environment, FileKind};
use crate::secret::MASK;
use crate::settings::{Origin, Settings};
use crate::value::integer;
use crate::{Error, Profile, Secret};

/// Where libpq of Debian and its family looks for the server's unix socket.
const SOCKET_DIRECTORY: &str = "/var/run/postgresql";
/// Where libpq as PostgreSQL publishes it looks.
const SOCKET_DIRECTORY_FALLBACK: &str = "/tmp";

/// One address to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSpec {
    /// The name, or the directory of the unix socket.
    pub host: Host,
    /// The address to connect to in place of the name's.
    pub hostaddr: Option<HostAddress>,
    /// The port; for a unix socket it is part of the file name.
    pub port: u16,
    /// The password for this host.
    pub password: Option<Secret>,
    /// Where the host came from.
    pub host_origin: Origin,
    /// Where the port came from.
    pub port_origin: Origin,
    /// Where the password came from.
    pub password_origin: Option<Origin>,
}

/// A name to resolve or a directory with a unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A host name or address; the text of `hostaddr` when only that is given.
    Tcp(String),
    /// The directory of a unix socket; with a leading `@` a name in Linux's abstract namespace.
    Unix(PathBuf),
}

/// An IP address, for link-local IPv6 with its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAddress {
    /// The address.
    pub ip: IpAddr,
    /// The zone: an interface's name or number.
    pub zone: Option<String>,
}

impl HostSpec {
    /// The unix socket to connect to, if it is one.
    pub fn socket_path(&self) -> Option<PathBuf> {
        match &self.host {
            Host::Unix(directory) => Some(directory.join(format!(".s.PGSQL.{}", self.port))),
            Host::Tcp(_) => None,
        }
    }
}

/// `host localhost (default), port 5433 (environment PGPORT)`, for messages.
impl fmt::Display for HostSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host {} ({})", self.host, self.host_origin)?;
        if let Some(address) = &self.hostaddr
            && self.host != Host::Tcp(address.to_string())
        {
            write!(f, ", address {address}")?;
        }
        write!(f, ", port {} ({})", self.port, self.port_origin)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(name) => f.write_str(name),
            Self::Unix(directory) => directory.display().fmt(f),
        }
    }
}

impl HostAddress {
    fn parse(text: &str) -> Result<Self, Error> {
        let invalid = || Error::InvalidAddress {
            value: text.to_owned(),
        };
        let (address, zone) = match text.split_once('%') {
            Some((address, zone)) => (address, Some(zone.to_owned())),
            None => (text, None),
        };
        let ip: IpAddr = address.parse().map_err(|_| invalid())?;
        match &zone {
            Some(zone) if ip.is_ipv4() || zone.is_empty() => Err(invalid()),
            _ => Ok(Self { ip, zone }),
        }
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "{}%{zone}", self.ip),
            None => self.ip.fmt(f),
        }
    }
}

/// The hosts before their passwords are looked up.
pub(crate) struct HostList {
    pub(crate) hosts: Vec<HostSpec>,
    /// Whose socket the password file calls `localhost`.
    pub(crate) socket_directory: PathBuf,
}

impl HostList {
    pub(crate) fn build(
        settings: &Settings,
        environment: &dyn Environment,
        profile: Profile,
    ) -> Result<Self, Error> {
        let socket_directory = socket_directory(environment);
        let names = split(settings, "host");
        let addresses = split(settings, "hostaddr");
        let ports = split(settings, "port");
        let count = if addresses.is_empty() {
            names.len().max(1)
        } else {
            addresses.len()
        };
        if !addresses.is_empty() && !names.is_empty() && names.len() != count {
            return Err(Error::AddressCount {
                hosts: names.len(),
                addresses: count,
            });
        }
        if ports.len() > 1 && ports.len() != count {
            return Err(Error::PortCount {
                ports: ports.len(),
                hosts: count,
            });
        }

        let entry = |list: &[(&str, Origin)], index: usize| {
            list.get(index)
                .copied()
                .filter(|(text, _)| !text.is_empty())
                .map(|(text, origin)| (text.to_owned(), origin))
        };
        let mut hosts = Vec::with_capacity(count);
        for index in 0..count {
            let address = entry(&addresses, index);
            let hostaddr = match &address {
                Some((text, _)) => Some(HostAddress::parse(text)?),
                None => None,
            };
            let (host, host_origin) = match (entry(&names, index), address) {
                // With an address the name is only a name, even one that looks like a directory.
                (Some((name, origin)), None) if is_socket(&name) => {
                    (Host::Unix(PathBuf::from(name)), origin)
                }
                (Some((name, origin)), _) | (None, Some((name, origin))) => {
                    (Host::Tcp(name), origin)
                }
                (None, None) => (default_host(profile, &socket_directory), Origin::Default),
            };
            let port = entry(&ports, if ports.len() == 1 { 0 } else { index });
            let (port, port_origin) = match port {
                Some((text, origin)) => (parse_port(&text, settings)?, origin),
                None => (profile.port(), Origin::Default),
            };
            hosts.push(HostSpec {
                host,
                hostaddr,
                port,
                password: None,
                host_origin,
                port_origin,
                password_origin: None,
            });
        }
        Ok(Self {
            hosts,
            socket_directory,
        })
    }
}

/// The name under which a host stands in the password file.
pub(crate) fn password_host<'a>(host: &'a Host, socket_directory: &Path) -> &'a str {
    match host {
        Host::Tcp(name) => name,
        Host::Unix(directory) if directory == socket_directory => "localhost",
        Host::Unix(directory) => directory.to_str().unwrap_or_default(),
    }
}

fn split<'a>(settings: &'a Settings, name: &str) -> Vec<(&'a str, Origin)> {
    match settings.filled(name) {
        None => Vec::new(),
        Some(setting) => setting
            .value
            .split(',')
            .map(|text| (text, setting.origin))
            .collect(),
    }
}

fn is_socket(host: &str) -> bool {
    host.starts_with(['/', '@'])
}

fn default_host(profile: Profile, socket_directory: &Path) -> Host {
    match profile {
        Profile::Yugabyte => Host::Tcp("localhost".to_owned()),
        Profile::Libpq if cfg!(unix) => Host::Unix(socket_directory.to_owned()),
        Profile::Libpq => Host::Tcp("localhost".to_owned()),
    }
}

fn socket_directory(environment: &dyn Environment) -> PathBuf {
    let preferred = Path::new(SOCKET_DIRECTORY);
    match environment.status(preferred) {
        Ok(status) if status.kind == FileKind::Directory => preferred.to_owned(),
        _ => PathBuf::from(SOCKET_DIRECTORY_FALLBACK),
    }
}

fn parse_port(text: &str, settings: &Settings) -> Result<u16, Error> {
    let number = integer(text);
    if let Some(port) = number
        .and_then(|n| u16::try_from(n).ok())
        .filter(|port| *port > 0)
    {
        return Ok(port);
    }
    // A URI whose password has a "/" or "@" that is not percent-encoded puts parts of it here.
    let places = ["host", "port", "dbname"];
    let misread = places
        .iter()
        .any(|place| settings.text(place).is_some_and(|text| text.contains('@')));
    let value = if misread { MASK } else { text }.to_owned();
    Err(match number {
        Some(_) => Error::InvalidPort { value },
        None => Error::InvalidInteger {
            keyword: "port",
            value,
            accepted: if misread {
                "a whole number from 1 to 65535; in a URI, percent-encode \"/\" and \"@\" of the password"
            } else {
                "a whole number from 1 to 65535"
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Fixed;
    use crate::{Parameters, resolve};

    fn hosts_in(text: &str, environment: &Fixed, profile: Profile) -> Result<Vec<String>, String> {
        let parameters = Parameters::parse(text).unwrap();
        let config =
            resolve(&parameters, environment, profile).map_err(|error| error.to_string())?;
        Ok(config.hosts.iter().map(HostSpec::to_string).collect())
    }

    fn hosts(text: &str) -> Result<Vec<String>, String> {
        hosts_in(text, &Fixed::default(), Profile::Yugabyte)
    }

    #[test]
    fn the_default_host_is_the_profiles() {
        assert_eq!(
            hosts("").unwrap(),
            ["host localhost (default), port 5433 (default)"]
        );
        let environment = Fixed::default().user("ann").variable("PGPORT", "7");
        let libpq = |environment: &Fixed| hosts_in("", environment, Profile::Libpq).unwrap();
        assert_eq!(
            libpq(&environment),
            ["host /tmp (default), port 7 (environment PGPORT)"]
        );
        let debian = environment.directory(SOCKET_DIRECTORY);
        assert_eq!(
            libpq(&debian),
            ["host /var/run/postgresql (default), port 7 (environment PGPORT)"]
        );
    }

    #[test]
    fn lists_have_one_length() {
        assert_eq!(
            hosts("host=a,b port=1,2").unwrap(),
            [
                "host a (given), port 1 (given)",
                "host b (given), port 2 (given)"
            ]
        );
        assert_eq!(
            hosts("host=a,b port=5").unwrap()[1],
            "host b (given), port 5 (given)"
        );
        assert_eq!(
            hosts("host=a, port=5,").unwrap()[1],
            "host localhost (default), port 5433 (default)"
        );
        assert_eq!(
            hosts("host=a,b,c port=5,6").unwrap_err(),
            "could not match 2 port numbers to 3 hosts (give one port, or one for each host)"
        );
        assert!(hosts("port=5,").is_err());
        assert_eq!(
            hosts("host=a,b hostaddr=127.0.0.1").unwrap_err(),
            "could not match 2 host names with 1 hostaddr values"
        );
    }

    #[test]
    fn addresses_stand_in_for_names() {
        assert_eq!(
            hosts("hostaddr=::1").unwrap(),
            ["host ::1 (given), port 5433 (default)"]
        );
        assert_eq!(
            hosts("host=a,b hostaddr=127.0.0.1,").unwrap(),
            [
                "host a (given), address 127.0.0.1, port 5433 (default)",
                "host b (given), port 5433 (default)"
            ]
        );
        assert_eq!(
            hosts("hostaddr=fe80::1%lo").unwrap()[0],
            "host fe80::1%lo (given), port 5433 (default)"
        );
        for bad in ["abc", "1.2.3", "127.0.0.1%lo", "fe80::1%", "localhost"] {
            let error = hosts(&format!("hostaddr={bad}")).unwrap_err();
            assert!(
                error.starts_with(&format!("could not parse network address \"{bad}\"")),
                "{error}"
            );
        }
        let both = Parameters::parse("host=/tmp hostaddr=127.0.0.1").unwrap();
        let config = resolve(&both, &Fixed::default(), Profile::Yugabyte).unwrap();
        assert_eq!(config.hosts[0].host, Host::Tcp("/tmp".to_owned()));
    }

    #[test]
    fn directories_and_abstract_names_are_sockets() {
        for (host, path) in [("/tmp", "/tmp/.s.PGSQL.7"), ("@x", "@x/.s.PGSQL.7")] {
            let parameters = Parameters::parse(&format!("host={host} port=7")).unwrap();
            let config = resolve(&parameters, &Fixed::default(), Profile::Yugabyte).unwrap();
            assert_eq!(config.hosts[0].socket_path(), Some(PathBuf::from(path)));
        }
        let parameters = Parameters::parse("host=a").unwrap();
        let config = resolve(&parameters, &Fixed::default(), Profile::Yugabyte).unwrap();
        assert_eq!(config.hosts[0].socket_path(), None);
    }

    #[test]
    fn ports_are_checked() {
        for (port, message) in [
            (
                "abc",
                r#"invalid integer value "abc" for connection option "port""#,
            ),
            (
                "5x",
                r#"invalid integer value "5x" for connection option "port""#,
            ),
            (
                "99999999999",
                r#"invalid integer value "99999999999" for connection option "port""#,
            ),
            ("0", r#"invalid port number: "0""#),
            ("-1", r#"invalid port number: "-1""#),
            ("99999", r#"invalid port number: "99999""#),
        ] {
            let error = hosts(&format!("port={port}")).unwrap_err();
            assert!(
                error.starts_with(message) && error.contains("65535"),
                "{error}"
            );
        }
        assert_eq!(
            hosts("port=' 5 '").unwrap()[0],
            "host localhost (default), port 5 (given)"
        );
    }

    #[test]
    fn a_password_read_as_a_port_is_not_shown() {
        for uri in [
            "postgresql://u:hunter2/x@h/d",
            "postgresql://u:p@h1:1,v:hunter2@h2:2/d",
            "postgresql://u:@:hunter2,@h",
        ] {
            let error = hosts(uri).unwrap_err();
            assert!(
                !error.contains("hunter2") && error.contains("percent-encode"),
                "{error}"
            );
        }
    }
}
