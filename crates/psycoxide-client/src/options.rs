//! What a connection needs to know, in the terms of the layers below: from a resolved [`Config`].

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use psycoxide_cluster::{Endpoint, Options as SearchOptions};
use psycoxide_connection::auth::{
    AuthOptions, Authenticator, ChannelBinding, NONCE_LENGTH, Password, RequireAuth, ScramKeyCache,
    TlsBinding,
};
use psycoxide_conninfo::config::{self, Config, Host, HostSpec};
use psycoxide_conninfo::{Origin, Secret, Settings};
use psycoxide_transport::tls::{
    CertMode, KeyPassword, Negotiation, RootCert, SslMode, TlsConfig, TlsVersion,
};
use psycoxide_transport::{SocketOptions, Stream, TlsConnector};

use crate::cluster::{AddressMapper, ClusterOptions};
use crate::error::Error;
use crate::operations::session_attrs::SessionAttrs;
use crate::place::Place;
use crate::statement_cache::PrepareMode;

/// How long an attempt to connect may take if nobody says: psycopg's default, about as long as
/// Linux tries to reach a host that does not answer. No connection is waited for without end.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(130);

/// Where a host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostAddress {
    /// A name to resolve.
    Name(String),
    /// An address.
    Ip(IpAddr),
    /// A unix socket.
    Unix(PathBuf),
}

/// One host to try.
#[derive(Clone)]
pub struct HostOptions {
    /// As configured: a name, an address, or the directory of a unix socket.
    pub name: String,
    /// Where the name comes from, for messages.
    pub name_origin: String,
    /// Where it is.
    pub address: HostAddress,
    /// The port.
    pub port: u16,
    /// Where the port comes from, for messages.
    pub port_origin: String,
    /// The name the server's certificate has to be for, if it is not the host's.
    pub tls_name: Option<String>,
    pub(crate) password: Option<Password>,
}

impl fmt::Debug for HostOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostOptions")
            .field("name", &self.name)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// How to connect.
#[derive(Debug)]
pub struct ConnectOptions {
    /// The hosts, at least one.
    pub hosts: Vec<HostOptions>,
    /// The user.
    pub user: String,
    /// The database.
    pub dbname: String,
    /// Command-line options for the server.
    pub options: String,
    /// All parameters, those included that nobody set.
    pub settings: Settings,
    /// The time for each attempt.
    pub connect_timeout: Option<Duration>,
    pub(crate) startup_parameters: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) ssl_mode: SslMode,
    pub(crate) direct_tls: bool,
    pub(crate) socket: SocketOptions,
    pub(crate) protocol_minor: u32,
    pub(crate) minimum_protocol_minor: u32,
    pub(crate) session_attrs: SessionAttrs,
    pub(crate) require_peer: Option<String>,
    tls: TlsConfig,
    connector: OnceLock<TlsConnector>,
    channel_binding: ChannelBinding,
    require_auth: RequireAuth,
    /// libpq's load balancing: try the hosts in random order.
    pub shuffle: bool,
    /// How connections spread over the nodes of a cluster, if they do.
    pub(crate) cluster: Option<ClusterOptions>,
    /// How long prepared statements are relied on.
    pub prepare_mode: PrepareMode,
}

impl ConnectOptions {
    /// The options of a resolved configuration.
    ///
    /// # Errors
    /// For what the driver cannot do and must not ignore.
    pub fn new(config: &Config) -> Result<ConnectOptions, Error> {
        if config.scram_client_key.is_some() || config.scram_server_key.is_some() {
            return Err(Error::Misuse(
                "scram_client_key and scram_server_key are not supported",
            ));
        }
        let own = |(name, value): (&str, &str)| (name.as_bytes().to_vec(), value.into());
        let minor = |version| match version {
            config::ProtocolVersion::V3_0 => 0,
            config::ProtocolVersion::V3_2 => 2,
        };
        let require_auth = config
            .settings
            .get("require_auth")
            .map_or("", |known| &known.value);
        Ok(ConnectOptions {
            hosts: config.hosts.iter().map(host_options).collect(),
            user: config.user.clone(),
            dbname: config.dbname.clone(),
            options: config.options.clone().unwrap_or_default(),
            settings: config.settings.clone(),
            connect_timeout: Some(config.connect_timeout.unwrap_or(CONNECT_TIMEOUT)),
            startup_parameters: config.server_parameters().into_iter().map(own).collect(),
            ssl_mode: ssl_mode(config.ssl.mode),
            direct_tls: config.ssl.negotiation == config::SslNegotiation::Direct,
            socket: SocketOptions {
                keepalives: config.keepalives.enabled,
                keepalives_idle: config.keepalives.idle,
                keepalives_interval: config.keepalives.interval,
                keepalives_count: config.keepalives.count,
                tcp_user_timeout: config.tcp_user_timeout,
            },
            protocol_minor: minor(config.max_protocol_version),
            minimum_protocol_minor: minor(config.min_protocol_version),
            session_attrs: match config.target_session_attrs {
                config::TargetSessionAttrs::Any => SessionAttrs::Any,
                config::TargetSessionAttrs::ReadWrite => SessionAttrs::ReadWrite,
                config::TargetSessionAttrs::ReadOnly => SessionAttrs::ReadOnly,
                config::TargetSessionAttrs::Primary => SessionAttrs::Primary,
                config::TargetSessionAttrs::Standby => SessionAttrs::Standby,
                config::TargetSessionAttrs::PreferStandby => SessionAttrs::PreferStandby,
            },
            require_peer: config.require_peer.clone(),
            tls: tls_config(config)?,
            connector: OnceLock::new(),
            channel_binding: match config.channel_binding {
                config::ChannelBinding::Disable => ChannelBinding::Disable,
                config::ChannelBinding::Prefer => ChannelBinding::Prefer,
                config::ChannelBinding::Require => ChannelBinding::Require,
            },
            require_auth: require_auth
                .parse()
                .map_err(|_| Error::Misuse("require_auth is not understood"))?,
            shuffle: config.load_balance_hosts == config::LoadBalanceHosts::Random,
            cluster: ClusterOptions::new(config),
            prepare_mode: match config.prepare_mode {
                config::PrepareMode::Session => PrepareMode::Session,
                config::PrepareMode::Transaction => PrepareMode::Transaction,
                config::PrepareMode::Statement => PrepareMode::Statement,
            },
        })
    }

    /// The same for who asks for the cluster itself: `load_balance` is taken to be on.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn for_cluster(config: &Config) -> Result<ConnectOptions, Error> {
        Ok(ConnectOptions {
            cluster: Some(ClusterOptions::always(config)),
            ..ConnectOptions::new(config)?
        })
    }

    /// The same with a program that says which address to use in place of one that a cluster
    /// announces; the text of `yb_address_map` does not count then.
    #[must_use]
    pub fn with_address_mapper(mut self, program: Arc<dyn AddressMapper>) -> ConnectOptions {
        if let Some(cluster) = &mut self.cluster {
            cluster.set_mapper(program);
        }
        self
    }

    /// The same for one place that the cluster lists, of whatever kind the server there is.
    ///
    /// # Errors
    /// When these are not options [for a cluster](Self::for_cluster).
    pub fn at_node(self, place: &Endpoint) -> Result<ConnectOptions, Error> {
        let cluster = self.cluster.as_ref();
        let cluster = cluster.ok_or(Error::Misuse("load_balance is off"))?;
        Ok(ConnectOptions {
            hosts: vec![cluster.host(place, &self.hosts)],
            session_attrs: SessionAttrs::Any,
            cluster: None,
            ..self
        })
    }

    /// What decides which nodes are used, and which of their addresses.
    ///
    /// # Errors
    /// When these are not options [for a cluster](Self::for_cluster).
    pub fn search(&self) -> Result<&SearchOptions, Error> {
        let cluster = self.cluster.as_ref();
        let cluster = cluster.ok_or(Error::Misuse("load_balance is off"))?;
        Ok(&cluster.search)
    }

    /// All parameters that somebody set, except secrets: keyword and value.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let is_set = |origin| !matches!(origin, Origin::Default | Origin::Passfile);
        self.settings
            .iter()
            .filter(move |setting| is_set(setting.origin) && !setting.keyword.secret)
            .map(|setting| (setting.keyword.name, &*setting.value))
    }

    /// The first host, as far as it is known without resolving it.
    pub fn first_place(&self) -> Place {
        let mut place = Place::nowhere();
        if let Some(host) = self.hosts.first() {
            place.host.clone_from(&host.name);
            place.port = host.port;
            if let HostAddress::Ip(address) = host.address {
                place.address = Some(address);
            }
        }
        place
    }

    /// The password for this host and port, if there is one.
    pub fn password_of(&self, name: &str, port: u16) -> Option<Password> {
        let mut hosts = self.hosts.iter();
        let known = hosts.find(|host| host.name == name && host.port == port);
        if let (None, Some(cluster)) = (known, &self.cluster) {
            let node = Endpoint::new(name, port);
            return cluster.host(&node, &self.hosts).password;
        }
        known?.password.clone()
    }

    /// The order in which to try the hosts; `random` gives numbers for a shuffle.
    pub fn order(&self, mut random: impl FnMut() -> u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.hosts.len()).collect();
        if self.shuffle {
            for last in (1..order.len()).rev() {
                let other = (random() % (last as u64 + 1)) as usize;
                order.swap(last, other);
            }
        }
        order
    }

    /// What TLS is done with; made when first needed.
    pub(crate) fn connector(&self) -> Result<TlsConnector, Error> {
        if let Some(connector) = self.connector.get() {
            return Ok(connector.clone());
        }
        let connector = TlsConnector::new(&self.tls)?;
        Ok(self.connector.get_or_init(|| connector).clone())
    }

    /// What proves who we are to this host. `end_point`: of the TLS connection, if there is one,
    /// and if its certificate has one.
    pub(crate) fn authenticator(
        &self,
        host: &HostOptions,
        end_point: Option<Option<&[u8]>>,
    ) -> Result<Authenticator, Error> {
        static SCRAM_KEYS: OnceLock<Arc<ScramKeyCache>> = OnceLock::new();
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce)
            .map_err(|_| Error::Misuse("the system gives no random numbers"))?;
        let scram_keys = SCRAM_KEYS.get_or_init(|| Arc::new(ScramKeyCache::new()));
        Ok(Authenticator::new(AuthOptions {
            user: self.user.as_bytes().to_vec(),
            password: host.password.clone(),
            channel_binding: self.channel_binding,
            tls: match end_point {
                None => TlsBinding::Plain,
                Some(None) => TlsBinding::Unavailable,
                Some(Some(hash)) => TlsBinding::ServerEndPoint(hash.to_vec()),
            },
            require_auth: self.require_auth.clone(),
            nonce,
            scram_keys: Some(scram_keys.clone()),
        }))
    }
}

fn host_options(spec: &HostSpec) -> HostOptions {
    let name = match &spec.host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(directory) => directory.display().to_string(),
    };
    let address = match (spec.socket_path(), &spec.hostaddr) {
        (Some(path), _) => HostAddress::Unix(path),
        (None, Some(address)) if address.zone.is_none() => HostAddress::Ip(address.ip),
        // The system's resolver knows the zones.
        (None, Some(address)) => HostAddress::Name(address.to_string()),
        (None, None) => match name.parse() {
            Ok(ip) => HostAddress::Ip(ip),
            Err(_) => HostAddress::Name(name.clone()),
        },
    };
    HostOptions {
        name,
        name_origin: origin(spec.host_origin),
        address,
        port: spec.port,
        port_origin: origin(spec.port_origin),
        tls_name: None,
        password: spec
            .password
            .as_ref()
            .map(|secret| Password::new(Secret::reveal(secret))),
    }
}

/// Where a value comes from, in brackets; nothing if it was given.
fn origin(origin: Origin) -> String {
    match origin {
        Origin::Given => String::new(),
        origin => format!(" ({origin})"),
    }
}

fn ssl_mode(mode: config::SslMode) -> SslMode {
    match mode {
        config::SslMode::Disable => SslMode::Disable,
        config::SslMode::Allow => SslMode::Allow,
        config::SslMode::Prefer => SslMode::Prefer,
        config::SslMode::Require => SslMode::Require,
        config::SslMode::VerifyCa => SslMode::VerifyCa,
        config::SslMode::VerifyFull => SslMode::VerifyFull,
    }
}

fn tls_config(config: &Config) -> Result<TlsConfig, Error> {
    let ssl = &config.ssl;
    if ssl.key_log_file.is_some() {
        return Err(Error::Misuse("sslkeylogfile is not supported"));
    }
    let version = |version| match version {
        config::TlsVersion::Tls1_0 => TlsVersion::Tls1_0,
        config::TlsVersion::Tls1_1 => TlsVersion::Tls1_1,
        config::TlsVersion::Tls1_2 => TlsVersion::Tls1_2,
        config::TlsVersion::Tls1_3 => TlsVersion::Tls1_3,
    };
    let path = |file: &Option<config::SslFile>| file.as_ref().map(|file| file.path.clone());
    let defaults = TlsConfig::default();
    Ok(TlsConfig {
        mode: ssl_mode(ssl.mode),
        root_cert: match &ssl.root_cert {
            None => RootCert::None,
            Some(config::RootCert::System) => RootCert::System,
            Some(config::RootCert::File(file)) => RootCert::File(file.path.clone()),
        },
        cert: path(&ssl.cert),
        key: path(&ssl.key),
        key_password: ssl
            .key_password
            .as_ref()
            .map(|secret| KeyPassword::new(secret.reveal())),
        cert_mode: match ssl.client_certificate {
            config::ClientCertificate::Disable => CertMode::Disable,
            config::ClientCertificate::Allow => CertMode::Allow,
            config::ClientCertificate::Require => CertMode::Require,
        },
        crl_file: path(&ssl.crl),
        crl_dir: path(&ssl.crl_dir),
        sni: ssl.sni,
        min_version: ssl.min_version.map_or(defaults.min_version, version),
        max_version: ssl.max_version.map_or(defaults.max_version, version),
        negotiation: match ssl.negotiation {
            config::SslNegotiation::Postgres => Negotiation::Postgres,
            config::SslNegotiation::Direct => Negotiation::Direct,
        },
    })
}

/// Checks that the server at the other end of a unix socket runs as this user.
pub(crate) fn check_peer(stream: &Stream, required: &str) -> Result<(), Error> {
    let uid = stream
        .peer_uid()
        .map_err(Error::io("asking who the server is"))?;
    let accounts = std::fs::read_to_string("/etc/passwd")
        .map_err(Error::io("reading /etc/passwd for requirepeer"))?;
    let found = accounts.lines().any(|line| {
        let mut fields = line.split(':');
        fields.next() == Some(required) && fields.nth(1) == Some(uid.to_string().as_str())
    });
    if found {
        return Ok(());
    }
    Err(Error::Misuse(
        "requirepeer: the server does not run as the user required",
    ))
}
