//! Values, bounds and conflicts of the cluster's parameters.

use super::*;
use crate::environment::Fixed;
use crate::topology::TopologyKeys;
use crate::{Config, ErrorClass, Parameters, Profile, resolve};

fn config_in(text: &str, environment: &Fixed) -> Result<Config, Error> {
    resolve(&Parameters::parse(text)?, environment, Profile::Yugabyte)
}

fn config(text: &str) -> Config {
    config_in(text, &Fixed::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn balance(text: &str) -> (LoadBalance, LoadBalanceHosts) {
    let config = config(text);
    (config.cluster.load_balance, config.load_balance_hosts)
}

#[test]
fn defaults_are_those_of_the_page() {
    let cluster = config("").cluster;
    assert_eq!(cluster.load_balance, LoadBalance::Off);
    assert_eq!(cluster.topology_keys, TopologyKeys::None);
    assert!(!cluster.fallback_to_topology_keys_only);
    assert_eq!(cluster.refresh_interval, Duration::from_secs(300));
    assert_eq!(cluster.failed_host_reconnect_delay, Duration::from_secs(5));
    assert_eq!(cluster.use_public_ip, PublicIp::Auto);
    assert_eq!(cluster.policy, Policy::LeastConnections);
    assert_eq!(cluster.latency_window, Duration::from_millis(15));
    assert_eq!(cluster.control_timeout, Duration::from_secs(5));
    assert_eq!(cluster.backoff_max, Duration::from_secs(60));
    assert_eq!(cluster.slow_start, Duration::from_secs(10));
    assert_eq!(cluster.max_connecting_per_node, 8);
    assert!(cluster.bootstrap_fallback);
    assert_eq!(cluster.rebalance, Rebalance::Idle);
    assert_eq!(cluster.rebalance_rate, 1.0);
    assert_eq!(cluster.tls_host, TlsHost::Node);
}

#[test]
fn the_listed_defaults_are_the_applied_ones() {
    let mut said = Parameters::new();
    for keyword in crate::keyword::all() {
        if let Some(default) = keyword.compiled(Profile::Yugabyte)
            && keyword.family == crate::keyword::Family::Cluster
        {
            said.set(keyword.name, default).unwrap();
        }
    }
    let said = resolve(&said, &Fixed::default(), Profile::Yugabyte).unwrap();
    assert_eq!(said.cluster, config("").cluster);
}

#[test]
fn switch_values() {
    for (text, expected) in [
        ("false", LoadBalance::Off),
        ("true", LoadBalance::Any),
        ("True", LoadBalance::Any),
        ("any", LoadBalance::Any),
        ("only-primary", LoadBalance::OnlyPrimary),
        ("only_rr", LoadBalance::OnlyReadReplica),
        ("PREFER-PRIMARY", LoadBalance::PreferPrimary),
        ("prefer-rr", LoadBalance::PreferReadReplica),
    ] {
        let disable = LoadBalanceHosts::Disable;
        assert_eq!(
            balance(&format!("load_balance={text}")),
            (expected, disable)
        );
        assert_eq!(
            balance(&format!("load_balance_hosts={text}")),
            (expected, disable)
        );
        assert_eq!(
            balance(&format!("postgresql:///?loadBalance={text}")),
            (expected, disable)
        );
    }
    assert_eq!(
        balance("load_balance_hosts=random"),
        (LoadBalance::Off, LoadBalanceHosts::Random)
    );
    assert_eq!(
        balance("load_balance_hosts=disable"),
        (LoadBalance::Off, LoadBalanceHosts::Disable)
    );
}

#[test]
fn the_two_switches_may_agree_but_not_contradict() {
    assert_eq!(
        balance("load_balance=any load_balance_hosts=true").0,
        LoadBalance::Any
    );
    let both = balance("load_balance=false load_balance_hosts=random");
    assert_eq!(both, (LoadBalance::Off, LoadBalanceHosts::Random));
    for text in [
        "load_balance=true load_balance_hosts=random",
        "load_balance=true load_balance_hosts=disable",
        "load_balance=false load_balance_hosts=true",
        "load_balance=only-rr load_balance_hosts=prefer-rr",
    ] {
        let error = config_in(text, &Fixed::default()).unwrap_err();
        assert!(matches!(error, Error::LoadBalanceConflict { .. }), "{text}");
        assert_eq!(error.class(), ErrorClass::Programming);
    }
}

#[test]
fn what_is_given_wins_over_the_environment() {
    let environment = Fixed::default().variable("PGLOADBALANCEHOSTS", "random");
    let config = config_in("load_balance=true", &environment).unwrap();
    assert_eq!(config.cluster.load_balance, LoadBalance::Any);
    assert_eq!(config.load_balance_hosts, LoadBalanceHosts::Disable);
}

#[test]
fn the_environment_speaks_for_what_is_not_given() {
    let environment = Fixed::default()
        .home("/h")
        .file("/h/.pg_service.conf", 0o644, "[s]\nyb_policy=p2c\n")
        .variable("PGLOADBALANCE", "only-rr")
        .variable("PGTOPOLOGYKEYS", "c.r.z:1,c.r.*:2")
        .variable("PGYBPOLICY", "random")
        .variable("PGYBSERVERSREFRESHINTERVAL", "601");
    let config = config_in("", &environment).unwrap();
    assert_eq!(config.cluster.load_balance, LoadBalance::OnlyReadReplica);
    assert_eq!(config.cluster.topology_keys.levels().len(), 2);
    assert_eq!(config.cluster.policy, Policy::Random);
    assert_eq!(config.cluster.refresh_interval, Duration::from_secs(600));
    assert_eq!(config.warnings.len(), 1);
    let origin = |name: &str| config.settings.get(name).unwrap().origin;
    assert_eq!(origin("load_balance"), Origin::Environment("PGLOADBALANCE"));

    let text = "service=s load_balance=true topologyKeys=c.r.y";
    let config = config_in(text, &environment).unwrap();
    assert_eq!(config.cluster.load_balance, LoadBalance::Any);
    assert_eq!(config.cluster.topology_keys.levels().len(), 1);
    assert_eq!(config.cluster.policy, Policy::PowerOfTwo);
}

#[test]
fn both_switches_may_stand_in_the_environment() {
    let balance = |text: &str, environment: &Fixed| {
        let config = config_in(text, environment)?;
        Ok::<_, Error>((config.cluster.load_balance, config.load_balance_hosts))
    };
    let smart = Fixed::default().variable("PGLOADBALANCEHOSTS", "true");
    let (any, off) = (LoadBalance::Any, LoadBalance::Off);
    let (disable, random) = (LoadBalanceHosts::Disable, LoadBalanceHosts::Random);
    assert_eq!(balance("", &smart).unwrap(), (any, disable));
    let given = balance("load_balance_hosts=random", &smart).unwrap();
    assert_eq!(given, (off, random));
    assert_eq!(
        balance("load_balance=false", &smart).unwrap(),
        (off, disable)
    );

    // Of the same origin they have to agree.
    let both = smart.variable("PGLOADBALANCE", "only-rr");
    let error = balance("", &both).unwrap_err();
    assert!(matches!(error, Error::LoadBalanceConflict { .. }));
    // Set to nothing is not set.
    let empty = Fixed::default()
        .variable("PGLOADBALANCE", "")
        .variable("PGTOPOLOGYKEYS", "");
    assert_eq!(balance("", &empty).unwrap(), (off, disable));
}

#[test]
fn nonsense_in_the_environment_is_a_programming_error() {
    for (variable, keyword) in [
        ("PGLOADBALANCE", "load_balance"),
        ("PGTOPOLOGYKEYS", "topology_keys"),
        ("PGYBCONTROLTIMEOUT", "yb_control_timeout"),
        ("PGYBADDRESSMAP", "yb_address_map"),
    ] {
        let environment = Fixed::default().variable(variable, "x");
        let error = config_in("", &environment).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Programming, "{variable}");
        assert!(error.to_string().contains(keyword), "{error}");
    }
}

#[test]
fn numbers_out_of_range_are_clamped_with_a_warning() {
    for (text, seconds, clamped) in [
        ("0", 0, false),
        ("600", 600, false),
        ("601", 600, true),
        ("-1", 0, true),
        ("99999999999999999999", 600, true),
    ] {
        let config = config(&format!("yb-servers-refresh-interval={text}"));
        assert_eq!(
            config.cluster.refresh_interval,
            Duration::from_secs(seconds)
        );
        assert_eq!(!config.warnings.is_empty(), clamped, "{text}");
    }
    let config = config("failed_host_ttl_seconds=100 yb_rebalance_rate=0 yb_control_timeout=0");
    assert_eq!(
        config.cluster.failed_host_reconnect_delay,
        Duration::from_secs(60)
    );
    assert_eq!(config.cluster.rebalance_rate, 0.01);
    assert_eq!(config.cluster.control_timeout, Duration::from_secs(1));
    assert_eq!(config.warnings.len(), 3);
    assert_eq!(
        config.warnings[0].to_string(),
        "value 100 for connection option \"failed_host_reconnect_delay_secs\" is out of range, 60 is used"
    );
}

#[test]
fn nonsense_is_a_programming_error() {
    for text in [
        "load_balance=maybe",
        "load_balance_hosts=RANDOM",
        "load_balance_hosts=''",
        "topology_keys=c.r.z:11",
        "fallback_to_topology_keys_only=x",
        "yb_servers_refresh_interval=x",
        "yb_servers_refresh_interval=1.5",
        "yb_policy=best",
        "yb_rebalance=x",
        "yb_rebalance_rate=nan",
        "yb_address_map=a",
        "yb_tls_host=x",
        "yb_use_public_ip=x",
        "yb_failover_cooldown_secs=x",
        "yb_failover_auto_failback_enabled=x",
    ] {
        let error = config_in(text, &Fixed::default()).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Programming, "{text}");
        let keyword = text.split('=').next().unwrap();
        assert!(error.to_string().contains(keyword), "{error}");
        assert!(error.to_string().contains("expected"), "{error}");
    }
}

#[test]
fn parameters_survive_a_round_trip_under_their_canonical_names() {
    let uri = "postgresql://h/d?topologyKeys=c.r.z%3A1,c.r.*%3A2&load-balance=true&ybPolicy=p2c";
    let parameters = Parameters::parse(uri).unwrap();
    let text = parameters.to_conninfo();
    assert_eq!(
        text,
        "dbname=d host=h load_balance=true topology_keys=c.r.z:1,c.r.*:2 yb_policy=p2c"
    );
    assert_eq!(Parameters::parse(&text).unwrap(), parameters);
    let config = config(&text);
    assert_eq!(config.cluster.topology_keys.levels().len(), 2);
    assert_eq!(config.cluster.policy, Policy::PowerOfTwo);
    assert!(
        config
            .server_parameters()
            .iter()
            .all(|(name, _)| !name.starts_with("yb_"))
    );
}

#[test]
fn failover_parameters_are_kept_and_said_to_have_no_effect() {
    let config = config("yb.failover.secondaryClusterHosts=a,b yb_failover_drain_timeout_secs=-1");
    let keywords: Vec<String> = config.warnings.iter().map(Warning::to_string).collect();
    assert_eq!(keywords.len(), 2);
    assert!(keywords[0].contains("yb_failover_secondary_cluster_hosts"));
}
