//! The typed result of resolving: everything a connection needs, validated, with its origins.
//!
//! One file a subject below: hosts, TLS, authentication, network, session. The rule it guards: whoever
//! holds a [`Config`] need not parse or default anything any more.

mod auth;
mod hosts;
mod network;
mod session;
mod ssl;

use std::path::PathBuf;
use std::time::Duration;

use crate::options::options_of;
use crate::settings::{Origin, Settings};
use crate::{ClusterConfig, ConninfoOption, Passwords, Profile, Secret, Warning};

pub use auth::{AuthMethod, ChannelBinding, OAuth, RequireAuth, ScramKey};
pub use hosts::{Host, HostAddress, HostSpec};
pub use network::Keepalives;
pub use session::{
    GssEncryption, LoadBalanceHosts, PrepareMode, ProtocolVersion, Replication, TargetSessionAttrs,
};
pub use ssl::{
    ClientCertificate, RootCert, SslConfig, SslFile, SslMode, SslNegotiation, TlsVersion,
};

pub(crate) use hosts::{HostList, password_host};
pub(crate) use network::{connect_timeout, tcp_user_timeout};
pub(crate) use session::{client_encoding, session_defaults};

/// Everything a connection needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The addresses to try, at least one, in the order given.
    pub hosts: Vec<HostSpec>,
    /// The user; never empty.
    pub user: String,
    /// Where the user came from.
    pub user_origin: Origin,
    /// The database; never empty.
    pub dbname: String,
    /// Where the database came from.
    pub dbname_origin: Origin,
    /// `application_name`; empty is not the same as none, see [`Config::server_parameters`].
    pub application_name: Option<String>,
    /// What to use when `application_name` is not there at all.
    pub fallback_application_name: Option<String>,
    /// Command-line options for the server.
    pub options: Option<String>,
    /// The client encoding to ask for; `auto` has become a name.
    pub client_encoding: Option<String>,
    /// Whether to speak the replication protocol.
    pub replication: Option<Replication>,
    /// How long a connection attempt may take on each host; none is for ever, less than two seconds
    /// is taken as two.
    pub connect_timeout: Option<Duration>,
    /// TCP keepalives.
    pub keepalives: Keepalives,
    /// How long sent data may stay unacknowledged; none is the system's default.
    pub tcp_user_timeout: Option<Duration>,
    /// Encryption.
    pub ssl: SslConfig,
    /// GSSAPI encryption, which this driver does not have: never asked for.
    pub gss_encryption: GssEncryption,
    /// Whether SCRAM is bound to the TLS channel.
    pub channel_binding: ChannelBinding,
    /// Which authentication methods are accepted.
    pub require_auth: RequireAuth,
    /// The operating system's user that must own the server's unix socket.
    pub require_peer: Option<String>,
    /// A SCRAM client key in place of the password.
    pub scram_client_key: Option<ScramKey>,
    /// A SCRAM server key in place of the password.
    pub scram_server_key: Option<ScramKey>,
    /// OAuth parameters.
    pub oauth: OAuth,
    /// Which kind of server is good enough.
    pub target_session_attrs: TargetSessionAttrs,
    /// libpq's load balancing among the hosts; the cluster's is in [`Config::cluster`].
    pub load_balance_hosts: LoadBalanceHosts,
    /// The lowest protocol version to accept.
    pub min_protocol_version: ProtocolVersion,
    /// The protocol version to ask for.
    pub max_protocol_version: ProtocolVersion,
    /// How long a prepared statement is relied on.
    pub prepare_mode: PrepareMode,
    /// The password file, read already; for messages.
    pub passfile: Option<PathBuf>,
    /// The parameters of the cluster layer.
    pub cluster: ClusterConfig,
    /// Server settings from `PGDATESTYLE`, `PGTZ` and `PGGEQO`, by the server's names.
    pub session_defaults: Vec<(&'static str, String)>,
    /// Where passwords come from, for hosts that become known later: the nodes of a cluster.
    pub passwords: Passwords,
    /// What was odd but does not stop the connection.
    pub warnings: Vec<Warning>,
    /// The defaults that were applied.
    pub profile: Profile,
    /// All values as text with their origins.
    pub settings: Settings,
}

impl Config {
    /// What goes into the startup packet, in libpq's order.
    ///
    /// An `application_name` that is there but empty sends none and hides the fallback. Manual:
    /// [StartupMessage](https://www.postgresql.org/docs/18/protocol-message-formats.html).
    pub fn server_parameters(&self) -> Vec<(&'static str, &str)> {
        let application_name = self
            .application_name
            .as_deref()
            .or(self.fallback_application_name.as_deref());
        let optional = [
            ("replication", self.replication.map(Replication::as_str)),
            ("options", self.options.as_deref()),
            ("application_name", application_name),
            ("client_encoding", self.client_encoding.as_deref()),
        ];
        let mut parameters = vec![
            ("user", self.user.as_str()),
            ("database", self.dbname.as_str()),
        ];
        for (name, value) in optional {
            parameters.extend(value.filter(|v| !v.is_empty()).map(|value| (name, value)));
        }
        parameters.extend(
            self.session_defaults
                .iter()
                .map(|(name, v)| (*name, v.as_str())),
        );
        parameters
    }

    /// All options with the values in use, as `PQconninfo` lists them.
    pub fn options_in_use(&self) -> Vec<ConninfoOption> {
        options_of(&self.settings, self.profile)
    }

    /// The password given for all hosts; a host's own is in [`HostSpec::password`].
    pub fn password(&self) -> Option<Secret> {
        self.settings.filled_text("password").map(Secret::from)
    }
}
