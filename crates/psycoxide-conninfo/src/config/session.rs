//! What kind of session on what kind of server.

use crate::settings::Settings;
use crate::value::{choice, choose};
use crate::{Error, environment, environment::Environment, locale};

choice! {
    /// Which kind of server is good enough, `target_session_attrs`.
    pub enum TargetSessionAttrs {
        /// Any.
        #[default]
        Any = "any",
        /// One that takes writes by default.
        ReadWrite = "read-write",
        /// One that takes no writes by default.
        ReadOnly = "read-only",
        /// One that is not a standby.
        Primary = "primary",
        /// One that is a standby.
        Standby = "standby",
        /// A standby first, any if there is none.
        PreferStandby = "prefer-standby",
    }
}

choice! {
    /// libpq's load balancing among the hosts of the connection string, `load_balance_hosts`.
    pub enum LoadBalanceHosts {
        /// The hosts are tried in order.
        #[default]
        Disable = "disable",
        /// Hosts and their addresses are tried in random order.
        Random = "random",
    }
}

choice! {
    /// How long a prepared statement is relied on, `prepare_mode`: as long as a pooler between here
    /// and the server leaves the server's session alone. The names are those of PgBouncer's
    /// `pool_mode`.
    pub enum PrepareMode {
        /// As long as the connection.
        #[default]
        Session = "session",
        /// Up to the end of the transaction.
        Transaction = "transaction",
        /// For one execution.
        Statement = "statement",
    }
}

choice! {
    /// GSSAPI encryption, `gssencmode`.
    pub enum GssEncryption {
        /// Not used.
        #[default]
        Disable = "disable",
        /// Used if possible, which here it never is.
        Prefer = "prefer",
        /// Asked for, which is an error here.
        Require = "require",
    }
}

impl GssEncryption {
    pub(crate) fn build(settings: &Settings) -> Result<Self, Error> {
        let choice = match settings.text("gssencmode") {
            Some(value) => Self::parse("gssencmode", value)?,
            None => Self::default(),
        };
        match choice {
            Self::Require => Err(Error::GssUnavailable {
                value: choice.as_str(),
            }),
            choice => Ok(choice),
        }
    }
}

/// Which replication protocol to speak, `replication`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// Physical replication, without a database.
    Physical,
    /// Logical replication in the database.
    Database,
}

impl Replication {
    /// The value for the startup packet.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Physical => "true",
            Self::Database => "database",
        }
    }

    pub(crate) fn build(settings: &Settings) -> Result<Option<Self>, Error> {
        const ACCEPTED: &[(&str, Option<Replication>)] = &[
            ("true", Some(Replication::Physical)),
            ("on", Some(Replication::Physical)),
            ("yes", Some(Replication::Physical)),
            ("1", Some(Replication::Physical)),
            ("database", Some(Replication::Database)),
            ("false", None),
            ("off", None),
            ("no", None),
            ("0", None),
        ];
        match settings.filled_text("replication") {
            None => Ok(None),
            // The server compares without regard to case.
            Some(value) => {
                let folded = value.to_ascii_lowercase();
                choose("replication", &folded, ACCEPTED)
                    .or_else(|_| choose("replication", value, ACCEPTED))
            }
        }
    }
}

/// A version of the frontend/backend protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProtocolVersion {
    /// Version 3.0.
    V3_0,
    /// Version 3.2, of PostgreSQL 18.
    V3_2,
}

impl ProtocolVersion {
    /// The lowest to accept and the one to ask for: 3.0 unless somebody says otherwise.
    pub(crate) fn range(settings: &Settings) -> Result<(Self, Self), Error> {
        const ACCEPTED: &[(&str, ProtocolVersion)] = &[
            ("3.0", ProtocolVersion::V3_0),
            ("3.2", ProtocolVersion::V3_2),
            ("latest", ProtocolVersion::V3_2),
        ];
        let version = |keyword| match settings.text(keyword) {
            Some(value) => choose(keyword, value, ACCEPTED).map(Some),
            None => Ok(None),
        };
        let minimum = version("min_protocol_version")?.unwrap_or(Self::V3_0);
        let maximum = version("max_protocol_version")?.unwrap_or(minimum);
        if minimum > maximum {
            return Err(Error::ProtocolVersionRange);
        }
        Ok((minimum, maximum))
    }
}

/// `client_encoding`, with `auto` answered from the locale.
pub(crate) fn client_encoding(
    settings: &Settings,
    environment: &dyn Environment,
) -> Result<Option<String>, Error> {
    match settings.filled_text("client_encoding") {
        Some("auto") => locale::client_encoding(environment).map(|name| Some(name.to_owned())),
        other => Ok(other.map(str::to_owned)),
    }
}

/// Server settings that libpq takes from variables of their own. The value `default` is as good as
/// none.
pub(crate) fn session_defaults(
    environment: &dyn Environment,
) -> Result<Vec<(&'static str, String)>, Error> {
    let mut defaults = Vec::new();
    for (variable, name) in [
        ("PGDATESTYLE", "datestyle"),
        ("PGTZ", "timezone"),
        ("PGGEQO", "geqo"),
    ] {
        if let Some(value) = environment::text(environment, variable)?
            && !value.eq_ignore_ascii_case("default")
        {
            defaults.push((name, value));
        }
    }
    Ok(defaults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Fixed;
    use crate::{Config, Parameters, Profile, resolve};

    fn config_in(text: &str, environment: &Fixed) -> Result<Config, String> {
        let parameters = Parameters::parse(text).unwrap();
        resolve(&parameters, environment, Profile::Yugabyte).map_err(|error| error.to_string())
    }

    fn config(text: &str) -> Result<Config, String> {
        config_in(text, &Fixed::default())
    }

    #[test]
    fn choices_are_exact() {
        let good = config("target_session_attrs=prefer-standby load_balance_hosts=random").unwrap();
        assert_eq!(good.target_session_attrs, TargetSessionAttrs::PreferStandby);
        assert_eq!(good.load_balance_hosts, LoadBalanceHosts::Random);
        for (text, message) in [
            (
                "target_session_attrs=ANY",
                "invalid target_session_attrs value: \"ANY\"",
            ),
            ("gssencmode=foo", "invalid gssencmode value: \"foo\""),
            (
                "gssencmode=require",
                "gssencmode value \"require\" invalid when GSSAPI",
            ),
            (
                "min_protocol_version=3.1",
                "invalid min_protocol_version value: \"3.1\"",
            ),
            (
                "max_protocol_version=",
                "invalid max_protocol_version value: \"\"",
            ),
            (
                "min_protocol_version=latest max_protocol_version=3.0",
                "\"min_protocol_version\" is greater than \"max_protocol_version\"",
            ),
            ("replication=foo", "invalid replication value: \"foo\""),
        ] {
            let error = config(text).unwrap_err();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn protocol_versions() {
        let versions = |text| {
            let config = config(text).unwrap();
            (config.min_protocol_version, config.max_protocol_version)
        };
        use ProtocolVersion::{V3_0, V3_2};
        assert_eq!(versions(""), (V3_0, V3_0));
        assert_eq!(versions("max_protocol_version=latest"), (V3_0, V3_2));
        assert_eq!(versions("min_protocol_version=3.2"), (V3_2, V3_2));
    }

    #[test]
    fn the_startup_packet_is_libpqs() {
        let environment = Fixed::default()
            .variable("PGDATESTYLE", "ISO")
            .variable("PGTZ", "")
            .variable("PGGEQO", "DEFAULT")
            .variable("PGOPTIONS", "-c a=b")
            .variable("LANG", "de_DE.ISO-8859-1");
        let config = config_in(
            "user=u dbname=d replication=ON fallback_application_name=f client_encoding=auto",
            &environment,
        )
        .unwrap();
        assert_eq!(
            config.server_parameters(),
            [
                ("user", "u"),
                ("database", "d"),
                ("replication", "true"),
                ("options", "-c a=b"),
                ("application_name", "f"),
                ("client_encoding", "LATIN1"),
                ("datestyle", "ISO"),
                ("timezone", "")
            ]
        );
    }

    #[test]
    fn an_empty_application_name_hides_the_fallback() {
        let config = config(
            "application_name='' fallback_application_name=f client_encoding='' replication='' options=''",
        )
        .unwrap();
        assert_eq!(
            config.server_parameters(),
            [("user", "yugabyte"), ("database", "yugabyte")]
        );
    }
}
