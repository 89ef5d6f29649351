//! Every parameter of the cluster layer, in every spelling, by every way there is: the same
//! settings must come of it.
//!
//! The rule it guards: programs written for any of YugabyteDB's smart drivers keep the connection
//! string they have.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

use std::time::Duration;

use psycoxide_conninfo::cluster::{LoadBalance, Policy, PublicIp, Rebalance, TlsHost};
use psycoxide_conninfo::environment::Fixed;
use psycoxide_conninfo::{
    ClusterConfig, Config, Error, Parameters, Profile, Warning, keyword, make_conninfo, resolve,
};

/// Each parameter with a value that is not its default, and one that is none of its values.
const PARAMETERS: &[(&str, &str, &str)] = &[
    ("load_balance", "prefer-rr", "sometimes"),
    ("topology_keys", "c.r.z:1,c.r.*:2", "c.r.z:0"),
    ("fallback_to_topology_keys_only", "true", "perhaps"),
    ("yb_servers_refresh_interval", "77", "often"),
    ("failed_host_reconnect_delay_secs", "7", "long"),
    ("yb_use_public_ip", "true", "maybe"),
    ("yb_policy", "round-robin", "best"),
    ("yb_latency_window_ms", "20", "1.5"),
    ("yb_control_timeout", "6", "soon"),
    ("yb_backoff_max_secs", "50", "1h"),
    ("yb_slow_start_secs", "11", "slow"),
    ("yb_max_connecting_per_node", "9", "many"),
    ("yb_bootstrap_fallback", "false", "2"),
    ("yb_rebalance", "off", "busy"),
    ("yb_rebalance_rate", "2.5", "nan"),
    ("yb_address_map", "10.0.0.1:1=h:2,i=[::1]:3", "nowhere"),
    ("yb_tls_host", "contact", "neither"),
];

/// Other names of the same.
const ALIASES: &[(&str, &str)] = &[
    ("load_balance", "load_balance_hosts"),
    (
        "failed_host_reconnect_delay_secs",
        "failed_host_ttl_seconds",
    ),
];

/// A way to write a name of words between underscores.
type Spelling = fn(&str) -> String;

const SPELLINGS: &[Spelling] = &[
    |name| name.to_owned(),
    |name| name.to_uppercase(),
    |name| name.replace('_', "-"),
    |name| name.replace('_', "-").to_uppercase(),
    |name| name.replace('_', "."),
    |name| name.replace('_', ""),
    camel_case,
];

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut text = words.next().unwrap().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1);
        text += &first.to_uppercase();
        text += rest;
    }
    text
}

type Pair<'a> = (String, &'a str);

/// A way for parameters to come to the driver.
type Way = fn(&[Pair<'_>], &mut Fixed) -> Result<Parameters, Error>;

const WAYS: &[(&str, Way)] = &[
    ("keywords", |pairs, _| {
        let mut parameters = Parameters::new();
        for (name, value) in pairs {
            parameters.set(name, value)?;
        }
        Ok(parameters)
    }),
    ("connection string", |pairs, _| {
        Parameters::parse(&key_value(pairs))
    }),
    ("URI", |pairs, _| Parameters::parse(&uri(pairs, b"=%"))),
    ("escaped URI", |pairs, _| {
        Parameters::parse(&uri(pairs, b""))
    }),
    ("merged", |pairs, _| {
        let borrowed: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), Some(*v))).collect();
        Parameters::parse(&make_conninfo("host=h", &borrowed)?)
    }),
    ("merged into a URI", |pairs, _| {
        let (first, rest) = pairs.split_at(pairs.len() / 2);
        let borrowed: Vec<_> = rest.iter().map(|(n, v)| (n.as_str(), Some(*v))).collect();
        Parameters::parse(&make_conninfo(&uri(first, b"=%"), &borrowed)?)
    }),
    ("round trip", |pairs, _| {
        let parameters = Parameters::parse(&uri(pairs, b"=%"))?;
        Parameters::parse(&parameters.to_conninfo())
    }),
    ("service file", |pairs, environment| {
        let mut text = "[s]\n".to_owned();
        for (name, value) in pairs {
            text += &format!("{name}={value}\n");
        }
        let known = environment.clone().home("/h");
        *environment = known.file("/h/.pg_service.conf", 0o644, text.as_str());
        Parameters::parse("service=s")
    }),
];

fn key_value(pairs: &[Pair<'_>]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{name} = '{value}'"));
    pairs.collect::<Vec<_>>().join(" ")
}

/// All is escaped but `-_.` and what is a letter or a digit; everything, if `escaped` is empty,
/// else these.
fn uri(pairs: &[Pair<'_>], escaped: &[u8]) -> String {
    let encoded = |text: &str| {
        let mut encoded = String::new();
        for byte in text.bytes() {
            if escaped.is_empty() || escaped.contains(&byte) {
                encoded += &format!("%{byte:02x}");
            } else {
                encoded.push(byte.into());
            }
        }
        encoded
    };
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    format!("postgresql://h/d?{}", pairs.collect::<Vec<_>>().join("&"))
}

fn come_by(way: Way, pairs: &[Pair<'_>]) -> Result<Config, Error> {
    let mut environment = Fixed::default();
    let parameters = way(pairs, &mut environment)?;
    resolve(&parameters, &environment, Profile::Yugabyte)
}

/// What all values of [`PARAMETERS`] come to.
fn check(cluster: &ClusterConfig, hint: &str) {
    let seconds = Duration::from_secs;
    assert_eq!(
        cluster.load_balance,
        LoadBalance::PreferReadReplica,
        "{hint}"
    );
    assert_eq!(cluster.topology_keys.levels().len(), 2, "{hint}");
    assert!(cluster.fallback_to_topology_keys_only, "{hint}");
    assert_eq!(cluster.refresh_interval, seconds(77), "{hint}");
    assert_eq!(cluster.failed_host_reconnect_delay, seconds(7), "{hint}");
    assert_eq!(cluster.use_public_ip, PublicIp::Always, "{hint}");
    assert_eq!(cluster.policy, Policy::RoundRobin, "{hint}");
    assert_eq!(cluster.latency_window, Duration::from_millis(20), "{hint}");
    assert_eq!(cluster.control_timeout, seconds(6), "{hint}");
    assert_eq!(cluster.backoff_max, seconds(50), "{hint}");
    assert_eq!(cluster.slow_start, seconds(11), "{hint}");
    assert_eq!(cluster.max_connecting_per_node, 9, "{hint}");
    assert!(!cluster.bootstrap_fallback, "{hint}");
    assert_eq!(cluster.rebalance, Rebalance::Off, "{hint}");
    assert_eq!(cluster.rebalance_rate, 2.5, "{hint}");
    let mapped = |host| cluster.address_map.iter().find_map(|m| m.apply(host, 1));
    assert_eq!(mapped("10.0.0.1"), Some(("h", 2)), "{hint}");
    assert_eq!(mapped("i"), Some(("::1", 3)), "{hint}");
    assert_eq!(cluster.tls_host, TlsHost::Contact, "{hint}");
}

/// The names of a parameter in one spelling: its own, and another that it has.
fn names(canonical: &str, spelling: Spelling) -> Vec<String> {
    let other = ALIASES.iter().filter(|(name, _)| *name == canonical);
    let other = other.map(|(_, alias)| spelling(alias));
    std::iter::once(spelling(canonical)).chain(other).collect()
}

#[test]
fn none_is_left_out() {
    let listed: Vec<&str> = keyword::all()
        .filter(|keyword| keyword.family == keyword::Family::Cluster)
        .map(|keyword| keyword.name)
        // Kept for later; of no effect so far.
        .filter(|name| !name.starts_with("yb_failover_") && !name.starts_with("yb_failback_"))
        .collect();
    let here: Vec<&str> = PARAMETERS.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(here, listed);
}

#[test]
fn every_spelling_by_every_way_comes_to_the_same() {
    let nothing = resolve(&Parameters::new(), &Fixed::default(), Profile::Yugabyte).unwrap();
    let mut first: Option<ClusterConfig> = None;
    for (way_name, way) in WAYS {
        for spelling in SPELLINGS {
            for alias in [false, true] {
                let pairs: Vec<Pair<'_>> = PARAMETERS
                    .iter()
                    .map(|(name, value, _)| {
                        let mut names = names(name, *spelling);
                        let name = if alias {
                            names.pop()
                        } else {
                            names.into_iter().next()
                        };
                        (name.unwrap(), *value)
                    })
                    .collect();
                let hint = format!("{way_name}: {pairs:?}");
                let config = come_by(*way, &pairs).unwrap();
                check(&config.cluster, &hint);
                assert_eq!(
                    config.load_balance_hosts, nothing.load_balance_hosts,
                    "{hint}"
                );
                assert!(config.warnings.is_empty(), "{hint}");
                let first = first.get_or_insert_with(|| config.cluster.clone());
                assert_eq!(&config.cluster, first, "{hint}");
            }
        }
    }
}

#[test]
fn the_environment_comes_to_the_same() {
    for hosts in [false, true] {
        let mut environment = Fixed::default();
        for (name, value, _) in PARAMETERS {
            let name = match *name {
                "load_balance" if hosts => "load_balance_hosts",
                name => name,
            };
            let variable = keyword::find(name).unwrap().variable.unwrap();
            environment = environment.variable(variable, value);
        }
        let config = resolve(&Parameters::new(), &environment, Profile::Yugabyte).unwrap();
        check(&config.cluster, "environment");
    }
}

#[test]
fn each_alone_is_noticed_in_every_spelling_by_every_way() {
    let nothing = resolve(&Parameters::new(), &Fixed::default(), Profile::Yugabyte).unwrap();
    for (canonical, value, nonsense) in PARAMETERS {
        for spelling in SPELLINGS {
            for name in names(canonical, *spelling) {
                for (way_name, way) in WAYS {
                    let hint = format!("{way_name}: {name}");
                    let config = come_by(*way, &[(name.clone(), *value)]).unwrap();
                    assert_ne!(config.cluster, nothing.cluster, "{hint}");
                    let error = come_by(*way, &[(name.clone(), *nonsense)]).unwrap_err();
                    assert!(error.to_string().contains(canonical), "{hint}: {error}");
                }
            }
        }
    }
}

#[test]
fn what_is_kept_for_later_is_known_in_every_spelling_by_every_way() {
    let later = keyword::all()
        .map(|keyword| keyword.name)
        .filter(|name| name.starts_with("yb_failover_") || name.starts_with("yb_failback_"));
    for canonical in later {
        for spelling in SPELLINGS {
            for (way_name, way) in WAYS {
                let config = come_by(*way, &[(spelling(canonical), "1")]).unwrap();
                let warnings: Vec<_> = config.warnings.iter().map(Warning::to_string).collect();
                assert_eq!(warnings.len(), 1, "{way_name}");
                assert!(warnings[0].contains(canonical), "{way_name}: {warnings:?}");
            }
        }
    }
}
