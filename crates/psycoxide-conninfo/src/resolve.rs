//! From what the caller said to a [`Config`]: collect the values, check them, find the passwords.
//!
//! Cluster parameters are checked here too, before any input or output, and whether or not load
//! balancing is on.

use std::path::PathBuf;

use crate::config::{
    ChannelBinding, Config, GssEncryption, HostList, Keepalives, OAuth, PrepareMode,
    ProtocolVersion, RequireAuth, ScramKey, SslConfig, TargetSessionAttrs, password_host,
};
use crate::config::{
    Replication, client_encoding, connect_timeout, session_defaults, tcp_user_timeout,
};
use crate::passwords::Passwords;
use crate::settings::{BadService, Origin, Settings, gather};
use crate::value::flag;
use crate::{ClusterConfig, Environment, Error, Parameters, Profile};

/// Completes the parameters from service file, environment and defaults, and validates them.
///
/// ```
/// use psycoxide_conninfo::{Parameters, Profile, environment::Fixed, resolve};
///
/// let environment = Fixed::default().variable("PGPORT", "5434");
/// let config = resolve(&Parameters::new(), &environment, Profile::Yugabyte)?;
/// assert_eq!(
///     config.hosts[0].to_string(),
///     "host localhost (default), port 5434 (environment PGPORT)"
/// );
/// # Ok::<(), psycoxide_conninfo::Error>(())
/// ```
pub fn resolve(
    parameters: &Parameters,
    environment: &dyn Environment,
    profile: Profile,
) -> Result<Config, Error> {
    let mut settings = gather(parameters, environment, profile, BadService::Fails)?;
    let mut warnings = Vec::new();

    let HostList {
        mut hosts,
        socket_directory,
    } = HostList::build(&settings, environment, profile)?;
    let (user, user_origin) = user(&settings, environment, profile)?;
    settings.put("user", &user, user_origin);
    let (dbname, dbname_origin) = match settings.filled("dbname") {
        Some(setting) => (setting.value.to_string(), setting.origin),
        None => (
            profile.compiled("dbname").unwrap_or(&user).to_owned(),
            Origin::Default,
        ),
    };
    settings.put("dbname", &dbname, dbname_origin);

    let ssl = SslConfig::build(&settings, environment)?;
    let (cluster, load_balance_hosts) = ClusterConfig::build(&settings, &mut warnings)?;
    let (min_protocol_version, max_protocol_version) = ProtocolVersion::range(&settings)?;
    flag(
        "gssdelegation",
        settings.text("gssdelegation").unwrap_or_default(),
    )?;
    let scram_key = |keyword, which| match settings.text(keyword) {
        Some(text) => ScramKey::parse(which, text).map(Some),
        None => Ok(None),
    };
    let text = |name| settings.text(name).map(str::to_owned);
    let filled = |name| settings.filled_text(name).map(str::to_owned);

    let passfile = match settings.filled_text("passfile") {
        Some(path) => Some(PathBuf::from(path)),
        None => environment
            .home_directory()
            .map(|home| home.join(".pgpass")),
    };
    let client_encoding = client_encoding(&settings, environment)?;
    let mut config = Config {
        hosts: Vec::new(),
        user_origin,
        dbname_origin,
        application_name: text("application_name"),
        fallback_application_name: filled("fallback_application_name"),
        options: filled("options"),
        client_encoding,
        replication: Replication::build(&settings)?,
        connect_timeout: connect_timeout(&settings)?,
        keepalives: Keepalives::build(&settings)?,
        tcp_user_timeout: tcp_user_timeout(&settings)?,
        ssl,
        gss_encryption: GssEncryption::build(&settings)?,
        channel_binding: match settings.text("channel_binding") {
            Some(value) => ChannelBinding::parse("channel_binding", value)?,
            None => ChannelBinding::default(),
        },
        require_auth: RequireAuth::parse(settings.text("require_auth").unwrap_or_default())?,
        require_peer: filled("requirepeer"),
        scram_client_key: scram_key("scram_client_key", "client")?,
        scram_server_key: scram_key("scram_server_key", "server")?,
        oauth: OAuth::build(&settings),
        target_session_attrs: match settings.text("target_session_attrs") {
            Some(value) => TargetSessionAttrs::parse("target_session_attrs", value)?,
            None => TargetSessionAttrs::default(),
        },
        load_balance_hosts,
        min_protocol_version,
        max_protocol_version,
        prepare_mode: match settings.filled_text("prepare_mode") {
            Some(value) => PrepareMode::parse("prepare_mode", value)?,
            None => PrepareMode::default(),
        },
        passfile,
        cluster,
        session_defaults: session_defaults(environment)?,
        passwords: Passwords::default(),
        warnings: Vec::new(),
        profile,
        user,
        dbname,
        settings,
    };

    complete(&mut config);
    let source = Passwords::of(&config, environment, &mut warnings);
    for host in &mut hosts {
        let name = password_host(&host.host, &socket_directory);
        let found = source.look_up(name, host.port, &mut warnings);
        (host.password, host.password_origin) = match found {
            Some((password, origin)) => (Some(password), Some(origin)),
            None => (None, None),
        };
    }
    config.passwords = source;
    config.hosts = hosts;
    config.warnings = warnings;
    Ok(config)
}

/// Shows in the settings what was worked out, where libpq's `PQconninfo` shows it too.
fn complete(config: &mut Config) {
    let settings = &mut config.settings;
    if let Some(path) = config.passfile.as_ref().and_then(|path| path.to_str())
        && settings.filled("passfile").is_none()
    {
        settings.put("passfile", path, Origin::Default);
    }
    if settings.get("sslcertmode").is_none() {
        let default = config.ssl.client_certificate.as_str();
        settings.put("sslcertmode", default, Origin::Default);
    }
    if let (Some(name), Some(setting)) = (&config.client_encoding, settings.get("client_encoding"))
    {
        let origin = setting.origin;
        settings.put("client_encoding", name, origin);
    }
}

/// The user: an empty name is as good as none.
fn user(
    settings: &Settings,
    environment: &dyn Environment,
    profile: Profile,
) -> Result<(String, Origin), Error> {
    if let Some(setting) = settings.filled("user") {
        return Ok((setting.value.to_string(), setting.origin));
    }
    match profile.compiled("user") {
        Some(user) => Ok((user.to_owned(), Origin::Default)),
        None => match environment.user_name() {
            Ok(user) => Ok((user, Origin::Default)),
            Err(reason) => Err(Error::UnknownLocalUser { reason }),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::environment::Fixed;
    use crate::{Secret, Warning};

    fn resolved(text: &str, environment: &Fixed, profile: Profile) -> Config {
        resolve(&Parameters::parse(text).unwrap(), environment, profile).unwrap()
    }

    fn passwords(config: &Config) -> Vec<(Option<&str>, Option<Origin>)> {
        let hosts = config.hosts.iter();
        hosts
            .map(|h| (h.password.as_ref().map(Secret::reveal), h.password_origin))
            .collect()
    }

    #[test]
    fn under_our_name_the_defaults_are_yugabytes() {
        let config = resolved("", &Fixed::default(), Profile::Yugabyte);
        assert_eq!(
            (config.user.as_str(), config.user_origin),
            ("yugabyte", Origin::Default)
        );
        assert_eq!(
            (config.dbname.as_str(), config.dbname_origin),
            ("yugabyte", Origin::Default)
        );
        assert_eq!(
            passwords(&config),
            [(Some("yugabyte"), Some(Origin::Default))]
        );
    }

    #[test]
    fn the_default_password_is_for_the_default_user_only() {
        let none = [(None, None)];
        let fixed = Fixed::default();
        let password = |text, environment: &Fixed| {
            let config = resolved(text, environment, Profile::Yugabyte);
            passwords(&config) == none
        };
        assert!(password("user=yugabyte", &fixed));
        assert!(password("", &fixed.clone().variable("PGUSER", "u")));
        assert!(password("password=''", &fixed));
        assert!(!password("user=''", &fixed));
        assert!(!password("dbname=d", &fixed));
    }

    #[test]
    fn under_psycopgs_name_the_defaults_are_libpqs() {
        let environment = Fixed::default().user("ann");
        let config = resolved("", &environment, Profile::Libpq);
        assert_eq!(
            (config.user.as_str(), config.dbname.as_str()),
            ("ann", "ann")
        );
        assert_eq!(config.hosts[0].port, 5432);
        assert_eq!(passwords(&config), [(None, None)]);
        let config = resolved("user=u dbname=''", &environment, Profile::Libpq);
        assert_eq!(config.dbname, "u");
        let error = resolve(&Parameters::new(), &Fixed::default(), Profile::Libpq).unwrap_err();
        assert!(error.to_string().contains("PGUSER"), "{error}");
    }

    #[test]
    fn each_host_has_its_own_password_from_the_file() {
        let environment = Fixed::default()
            .home("/h")
            .directory("/var/run/postgresql")
            .file(
                "/h/.pgpass",
                0o600,
                "a:1:*:u:pa\nb:*:d:u:pb\nlocalhost:*:*:*:pl\n10.0.0.1:*:*:*:pn\n",
            );
        let config = resolved(
            "host=a,b,c,/var/run/postgresql,/tmp port=1 user=u dbname=d",
            &environment,
            Profile::Yugabyte,
        );
        let file = Some(Origin::Passfile);
        assert_eq!(
            passwords(&config),
            [
                (Some("pa"), file),
                (Some("pb"), file),
                (None, None),
                (Some("pl"), file),
                (None, None)
            ]
        );
        let config = resolved("hostaddr=10.0.0.1 user=u", &environment, Profile::Yugabyte);
        assert_eq!(passwords(&config), [(Some("pn"), file)]);
        let config = resolved(
            "host=a hostaddr=10.0.0.1 port=1 user=u",
            &environment,
            Profile::Libpq,
        );
        assert_eq!(passwords(&config), [(Some("pa"), file)]);
    }

    #[test]
    fn a_given_password_comes_before_the_file_and_the_file_before_the_default() {
        let environment = Fixed::default()
            .home("/h")
            .file("/h/.pgpass", 0o600, "*:*:*:*:file");
        let first = |text, environment: &Fixed| {
            passwords(&resolved(text, environment, Profile::Yugabyte))[0]
                .0
                .map(str::to_owned)
        };
        assert_eq!(first("password=x", &environment).as_deref(), Some("x"));
        assert_eq!(first("password=''", &environment).as_deref(), Some("file"));
        assert_eq!(first("", &environment).as_deref(), Some("file"));
        assert_eq!(
            first("passfile=/none", &environment).as_deref(),
            Some("yugabyte")
        );
        let environment = environment.variable("PGPASSWORD", "env");
        assert_eq!(first("", &environment).as_deref(), Some("env"));
    }

    #[test]
    fn warnings_are_collected() {
        let environment = Fixed::default()
            .home("/h")
            .file("/h/.pgpass", 0o644, "*:*:*:*:x");
        let config = resolved("host=a,b", &environment, Profile::Yugabyte);
        assert_eq!(
            config.warnings,
            [Warning::PassfilePermissions {
                path: "/h/.pgpass".into()
            }]
        );
    }

    #[test]
    fn options_in_use_hold_what_was_resolved() {
        let environment = Fixed::default().home("/h");
        let config = resolved(
            "host=a client_encoding=auto",
            &environment,
            Profile::Yugabyte,
        );
        let options = config.options_in_use();
        let value = |name: &str| {
            options
                .iter()
                .find(|o| o.keyword == name)
                .and_then(|o| o.value.clone())
        };
        assert_eq!(value("user").as_deref(), Some("yugabyte"));
        assert_eq!(value("dbname").as_deref(), Some("yugabyte"));
        assert_eq!(value("host").as_deref(), Some("a"));
        assert_eq!(value("sslmode").as_deref(), Some("prefer"));
        assert_eq!(value("sslcertmode").as_deref(), Some("allow"));
        assert_eq!(value("passfile").as_deref(), Some("/h/.pgpass"));
        assert_eq!(value("client_encoding").as_deref(), Some("UTF8"));
        assert_eq!(value("password"), None);
    }

    #[test]
    fn debug_of_everything_hides_secrets() {
        let config = resolved(
            "password=hunter2 sslpassword=hunter2 oauth_client_secret=hunter2 \
             yb_failover_yba_api_token=hunter2",
            &Fixed::default(),
            Profile::Yugabyte,
        );
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_error_shows_the_password_of_a_uri(
            before in "[a-z:@/?&=%#\\[\\] ,]{0,4}",
            after in "[a-z:@/?&=%#\\[\\] ,]{0,4}",
            rest in "@h(:5)?(/d)?(\\?(sslmode=x|port=y|foo=z|a|password=%|sslmode=%))?",
        ) {
            let uri = format!("postgresql://u:{before}hunter2{after}{rest}");
            let resolved = Parameters::parse(&uri)
                .and_then(|parameters| resolve(&parameters, &Fixed::default(), Profile::Yugabyte));
            if let Err(error) = resolved {
                prop_assert!(!error.to_string().contains("hunter2"), "{}: {}", uri, error);
            }
        }
        #[test]
        fn any_values_are_resolved_or_refused(
            pairs in proptest::collection::vec(
                (0usize..90, "[a-z0-9,:.*=!/@%\\[\\] -]{0,10}"), 0..6
            )
        ) {
            let names: Vec<&str> = crate::keyword::all().map(|keyword| keyword.name).collect();
            let mut parameters = Parameters::new();
            for (index, value) in &pairs {
                if let Some(name) = names.get(*index) {
                    parameters.set(name, value).unwrap();
                }
            }
            if let Ok(config) = resolve(&parameters, &Fixed::default(), Profile::Yugabyte) {
                prop_assert!(!config.hosts.is_empty() && !config.user.is_empty());
            }
        }
    }
}
