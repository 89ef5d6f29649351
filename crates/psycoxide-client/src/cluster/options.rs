//! What the cluster layer needs of a connection string, in its own terms.

use std::sync::Arc;
use std::time::Duration;

use psycoxide_cluster as policy;
use psycoxide_cluster::Endpoint;
use psycoxide_connection::auth::Password;
use psycoxide_conninfo::cluster::{AddressMapping, ClusterConfig, LoadBalance, TlsHost};
use psycoxide_conninfo::{Config, Passwords, cluster, topology};

use super::mapper::{AddressMapper, Mapper};
use crate::options::{HostAddress, HostOptions};

/// How connections spread over a cluster.
#[derive(Debug)]
pub struct ClusterOptions {
    /// Which nodes, in which order.
    pub(crate) search: Arc<policy::Options>,
    /// How long anything on the control connection may take.
    pub(crate) control_timeout: Duration,
    address_map: Vec<AddressMapping>,
    /// What is asked instead of `address_map`.
    mapper: Option<Mapper>,
    /// The name certificates of nodes must be for, if it is not their own.
    tls_name: Option<String>,
    passwords: Passwords,
}

impl ClusterOptions {
    /// The options of a resolved configuration; `None` if `load_balance` is off.
    pub(crate) fn new(config: &Config) -> Option<ClusterOptions> {
        let load_balance = load_balance(config.cluster.load_balance)?;
        Some(ClusterOptions::with(config, load_balance))
    }

    /// The same, taking connections to be spread although nobody said so.
    pub(crate) fn always(config: &Config) -> ClusterOptions {
        let load_balance = load_balance(config.cluster.load_balance).unwrap_or_default();
        ClusterOptions::with(config, load_balance)
    }

    fn with(config: &Config, load_balance: policy::LoadBalance) -> ClusterOptions {
        let cluster = &config.cluster;
        let first = config.hosts.first().map(|host| host.host.to_string());
        ClusterOptions {
            search: Arc::new(search_options(cluster, load_balance)),
            control_timeout: cluster.control_timeout,
            address_map: cluster.address_map.clone(),
            mapper: None,
            tls_name: first.filter(|_| cluster.tls_host == TlsHost::Contact),
            passwords: config.passwords.clone(),
        }
    }

    /// How to connect to a place that a cluster lists. What is configured for a host is used only
    /// for that very host; for any other there is its name, and the password for that name.
    pub(crate) fn host(&self, place: &Endpoint, configured: &[HostOptions]) -> HostOptions {
        if let Some(known) = configured.iter().find(|host| is_at(host, place)) {
            return known.clone();
        }
        let name = place.host.to_string();
        let address = match name.parse() {
            Ok(ip) => HostAddress::Ip(ip),
            Err(_) => HostAddress::Name(name.clone()),
        };
        let password = self.passwords.find(&name, place.port);
        HostOptions {
            name,
            name_origin: String::new(),
            address,
            port: place.port,
            port_origin: String::new(),
            tls_name: self.tls_name.clone(),
            password: password.map(|secret| Password::new(secret.reveal())),
        }
    }

    /// Has a program asked in place of the text of `yb_address_map`.
    pub(crate) fn set_mapper(&mut self, program: Arc<dyn AddressMapper>) {
        self.mapper = Some(Mapper::new(program));
    }

    /// What `yb_address_map` puts in the place of an address.
    pub(crate) fn mapped(&self, host: &str, port: u16) -> Option<Endpoint> {
        if let Some(mapper) = &self.mapper {
            return mapper.map(host, port);
        }
        let mut found = self.address_map.iter();
        let (host, port) = found.find_map(|mapping| mapping.apply(host, port))?;
        Some(Endpoint::new(host, port))
    }
}

/// A configured host as the cluster layer knows it: by its fixed address, if it has one.
pub(crate) fn endpoint(host: &HostOptions) -> Endpoint {
    match &host.address {
        // Mostly the address is what was given as the name.
        HostAddress::Ip(address) if host.name.parse() != Ok(*address) => {
            Endpoint::new(address.to_string(), host.port)
        }
        HostAddress::Name(name) => Endpoint::new(name, host.port),
        HostAddress::Ip(_) | HostAddress::Unix(_) => Endpoint::new(&host.name, host.port),
    }
}

/// Whether the [`endpoint`] of a configured host is this place.
fn is_at(host: &HostOptions, place: &Endpoint) -> bool {
    host.port == place.port
        && match &host.address {
            HostAddress::Ip(address) => place.host.parse() == Ok(*address),
            HostAddress::Name(name) => name.eq_ignore_ascii_case(&place.host),
            HostAddress::Unix(_) => *host.name == *place.host,
        }
}

fn load_balance(config: LoadBalance) -> Option<policy::LoadBalance> {
    match config {
        LoadBalance::Off => None,
        LoadBalance::Any => Some(policy::LoadBalance::Any),
        LoadBalance::OnlyPrimary => Some(policy::LoadBalance::OnlyPrimary),
        LoadBalance::OnlyReadReplica => Some(policy::LoadBalance::OnlyReadReplica),
        LoadBalance::PreferPrimary => Some(policy::LoadBalance::PreferPrimary),
        LoadBalance::PreferReadReplica => Some(policy::LoadBalance::PreferReadReplica),
    }
}

fn search_options(config: &ClusterConfig, load_balance: policy::LoadBalance) -> policy::Options {
    policy::Options {
        load_balance,
        topology_keys: match &config.topology_keys {
            topology::TopologyKeys::None => policy::TopologyKeys::None,
            topology::TopologyKeys::Auto => policy::TopologyKeys::Auto,
            topology::TopologyKeys::Keys(keys) => {
                policy::TopologyKeys::Keys(keys.iter().map(topology_key).collect())
            }
        },
        fallback_to_topology_keys_only: config.fallback_to_topology_keys_only,
        refresh_interval: config.refresh_interval,
        failed_host_reconnect_delay: config.failed_host_reconnect_delay,
        backoff_max: config.backoff_max,
        slow_start: config.slow_start,
        use_public_ip: match config.use_public_ip {
            cluster::PublicIp::Auto => policy::PublicIp::Auto,
            cluster::PublicIp::Always => policy::PublicIp::Always,
            cluster::PublicIp::Never => policy::PublicIp::Never,
        },
        policy: match config.policy {
            cluster::Policy::LeastConnections => policy::Policy::LeastConnections,
            cluster::Policy::PowerOfTwo => policy::Policy::PowerOfTwo,
            cluster::Policy::Latency => policy::Policy::Latency,
            cluster::Policy::RoundRobin => policy::Policy::RoundRobin,
            cluster::Policy::Random => policy::Policy::Random,
        },
        latency_window: config.latency_window,
        max_connecting_per_node: config.max_connecting_per_node,
        bootstrap_fallback: config.bootstrap_fallback,
    }
}

fn topology_key(key: &topology::TopologyKey) -> policy::TopologyKey {
    policy::TopologyKey {
        cloud: key.cloud.clone(),
        region: key.region.clone(),
        zone: key.zone.clone(),
        priority: key.priority,
    }
}

#[cfg(test)]
mod tests {
    use psycoxide_conninfo::environment::Fixed;
    use psycoxide_conninfo::{Parameters, Profile, resolve};

    use super::*;
    use crate::options::ConnectOptions;

    fn options(text: &str) -> ConnectOptions {
        let parameters = Parameters::parse(text).unwrap();
        let config = resolve(&parameters, &Fixed::default(), Profile::Yugabyte).unwrap();
        ConnectOptions::new(&config).unwrap()
    }

    fn host(options: &ConnectOptions, name: &str, port: u16) -> HostOptions {
        let cluster = options.cluster.as_ref().unwrap();
        cluster.host(&Endpoint::new(name, port), &options.hosts)
    }

    #[test]
    fn what_belongs_to_a_configured_host_stays_there() {
        let options = options("host=db.example hostaddr=10.0.0.1 port=5433 load_balance=true");
        let known = host(&options, "10.0.0.1", 5433);
        assert_eq!(known.name, "db.example");
        assert_eq!(known.address, HostAddress::Ip([10, 0, 0, 1].into()));
        // Another port, or another address, is another server.
        assert_eq!(host(&options, "10.0.0.1", 5434).name, "10.0.0.1");
        let other = host(&options, "db2.example", 5433);
        assert_eq!(other.address, HostAddress::Name("db2.example".to_owned()));
        assert_eq!(other.tls_name, None);
    }

    #[test]
    fn certificates_may_be_for_the_contact() {
        let options = options("host=db.example load_balance=true yb_tls_host=contact");
        let node = host(&options, "10.0.0.7", 5433);
        assert_eq!(node.tls_name.as_deref(), Some("db.example"));
        assert_eq!(host(&options, "DB.example", 5433).tls_name, None);
    }

    #[test]
    fn it_is_off_unless_it_is_asked_for() {
        assert!(options("host=a").cluster.is_none());
        assert!(options("host=a load_balance=false").cluster.is_none());
        assert!(
            options("host=a load_balance_hosts=random")
                .cluster
                .is_none()
        );
        assert!(options("host=a load_balance_hosts=true").cluster.is_some());
    }
}
