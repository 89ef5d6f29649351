//! The parameters of the cluster layer, those of YugabyteDB's smart drivers and our additions.
//!
//! The rule it guards: a value that makes no sense is an error before anything is connected to; a
//! number out of range is replaced by the nearest one, with a warning, so that a configuration made
//! for another driver still connects. Servers never see these parameters.

mod address_map;

use std::time::Duration;

use crate::config::LoadBalanceHosts;
use crate::settings::{Origin, Setting, Settings};
use crate::topology::TopologyKeys;
use crate::value::boolean;
use crate::{Error, Warning};

pub use address_map::{AddressMapping, Endpoint};

/// Everything the cluster layer can be told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClusterConfig {
    /// Whether to spread connections over the nodes, and over which.
    pub load_balance: LoadBalance,
    /// Which placements to prefer.
    pub topology_keys: TopologyKeys,
    /// Whether to fail rather than leave the placements of `topology_keys`.
    pub fallback_to_topology_keys_only: bool,
    /// How often to ask for the list of nodes; zero is at every connection.
    pub refresh_interval: Duration,
    /// How long to leave a node alone that could not be reached.
    pub failed_host_reconnect_delay: Duration,
    /// Which of a node's addresses to use.
    pub use_public_ip: PublicIp,
    /// How to choose among equally good nodes.
    pub policy: Policy,
    /// How much slower than the fastest a node may be, for [`Policy::Latency`].
    pub latency_window: Duration,
    /// How long anything on the control connection may take.
    pub control_timeout: Duration,
    /// The longest time to leave a node alone that fails again and again.
    pub backoff_max: Duration,
    /// How long a node that is back gets fewer connections.
    pub slow_start: Duration,
    /// How many connections may be under way to one node.
    pub max_connecting_per_node: u32,
    /// Whether to connect to the configured hosts when the list of nodes cannot be had.
    pub bootstrap_fallback: bool,
    /// Whether pools move idle connections to nodes with fewer.
    pub rebalance: Rebalance,
    /// Connections a pool may move in a second.
    pub rebalance_rate: f64,
    /// Addresses to use in place of those the cluster announces.
    pub address_map: Vec<AddressMapping>,
    /// The name a node's certificate must be for.
    pub tls_host: TlsHost,
}

// The only float is a rate that was checked to be a number.
impl Eq for ClusterConfig {}

/// Declares an enum of the cluster layer; its texts compare without regard to case, `_` is `-`.
macro_rules! cluster_choice {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $text:literal $(| $other:literal)*,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// The text that stands for it in a connection string.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            fn read(text: &str) -> Option<Self> {
                match text.trim().to_ascii_lowercase().replace('_', "-").as_str() {
                    $($text $(| $other)* => Some(Self::$variant),)+
                    _ => None,
                }
            }

            fn parse(keyword: &'static str, text: &str) -> Result<Self, Error> {
                match Self::read(text) {
                    Some(choice) => Ok(choice),
                    None => Err(Error::InvalidClusterValue {
                        keyword,
                        value: text.to_owned(),
                        accepted: crate::error::listed(&[$($text),+]),
                    }),
                }
            }
        }
    };
}

cluster_choice! {
    /// Over which nodes to spread connections, `load_balance`.
    pub enum LoadBalance {
        /// Not at all: the hosts are just hosts.
        #[default]
        Off = "false" | "off" | "no" | "0",
        /// All nodes.
        Any = "true" | "any" | "on" | "yes" | "1",
        /// Primary nodes, or fail.
        OnlyPrimary = "only-primary",
        /// Read replicas, or fail.
        OnlyReadReplica = "only-rr",
        /// Primary nodes, read replicas if there are none.
        PreferPrimary = "prefer-primary",
        /// Read replicas, primary nodes if there are none.
        PreferReadReplica = "prefer-rr",
    }
}

cluster_choice! {
    /// Which of a node's addresses to use, `yb_use_public_ip`.
    pub enum PublicIp {
        /// The kind of address the configured host has.
        #[default]
        Auto = "auto",
        /// The public one.
        Always = "true" | "on" | "yes" | "1",
        /// The private one.
        Never = "false" | "off" | "no" | "0",
    }
}

cluster_choice! {
    /// How to choose among equally good nodes, `yb_policy`.
    pub enum Policy {
        /// The one with the fewest connections of this process.
        #[default]
        LeastConnections = "least-connections",
        /// The better of two at random.
        PowerOfTwo = "p2c",
        /// Fewest connections among the fastest.
        Latency = "latency",
        /// One after the other.
        RoundRobin = "round-robin",
        /// At random.
        Random = "random",
    }
}

cluster_choice! {
    /// Whether pools move idle connections, `yb_rebalance`.
    pub enum Rebalance {
        /// No.
        Off = "off" | "false" | "no" | "0",
        /// Connections nobody uses.
        #[default]
        Idle = "idle",
    }
}

cluster_choice! {
    /// The name a node's certificate must be for, `yb_tls_host`.
    pub enum TlsHost {
        /// The node's own.
        #[default]
        Node = "node",
        /// The host the application gave.
        Contact = "contact",
    }
}

/// Understood, checked and kept, but of no effect before failover between clusters exists.
const NOT_IN_EFFECT: &[(&str, Kind)] = &[
    ("yb_failover_secondary_cluster_hosts", Kind::Text),
    ("yb_failover_cooldown_secs", Kind::Number),
    ("yb_failover_check_timeout_secs", Kind::Number),
    ("yb_failover_drain_timeout_secs", Kind::Number),
    ("yb_failover_yba_endpoint", Kind::Text),
    ("yb_failover_yba_api_token", Kind::Text),
    ("yb_failover_replication_name", Kind::Text),
    ("yb_failover_threshold_replication_lag_ms", Kind::Number),
    ("yb_failover_lag_wait_timeout_secs", Kind::Number),
    ("yb_failover_global_time_budget_secs", Kind::Number),
    ("yb_failover_auto_failback_enabled", Kind::Boolean),
    ("yb_failback_cooldown_secs", Kind::Number),
    ("yb_failback_check_timeout_secs", Kind::Number),
    ("yb_failback_drain_timeout_secs", Kind::Number),
    ("yb_failback_replication_name", Kind::Text),
    ("yb_failback_threshold_replication_lag_ms", Kind::Number),
    ("yb_failback_lag_wait_timeout_secs", Kind::Number),
    ("yb_failback_global_time_budget_secs", Kind::Number),
];

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Boolean,
}

impl ClusterConfig {
    /// Reads the cluster's parameters, and what `load_balance_hosts` means to libpq.
    pub(crate) fn build(
        settings: &Settings,
        warnings: &mut Vec<Warning>,
    ) -> Result<(Self, LoadBalanceHosts), Error> {
        let (load_balance, load_balance_hosts) = load_balance(settings)?;
        let text = |keyword: &str| settings.filled_text(keyword);
        let topology_keys = TopologyKeys::parse(text("topology_keys").unwrap_or_default())?;
        let flag = |keyword, default| match text(keyword) {
            Some(text) => boolean(keyword, text),
            None => Ok(default),
        };
        let mut number =
            |keyword, range: std::ops::RangeInclusive<u32>, default| match text(keyword) {
                Some(text) => clamped(keyword, text, range, warnings),
                None => Ok(default),
            };
        let refresh_interval = number("yb_servers_refresh_interval", 0..=600, 300)?;
        let failed_host_delay = number("failed_host_reconnect_delay_secs", 0..=60, 5)?;
        let latency_window = number("yb_latency_window_ms", 0..=60_000, 15)?;
        let control_timeout = number("yb_control_timeout", 1..=600, 5)?;
        let backoff_max = number("yb_backoff_max_secs", 1..=3600, 60)?;
        let slow_start = number("yb_slow_start_secs", 0..=3600, 10)?;
        let max_connecting_per_node = number("yb_max_connecting_per_node", 1..=10_000, 8)?;
        let seconds = |number: u32| Duration::from_secs(number.into());

        let config = Self {
            load_balance,
            topology_keys,
            fallback_to_topology_keys_only: flag("fallback_to_topology_keys_only", false)?,
            refresh_interval: seconds(refresh_interval),
            failed_host_reconnect_delay: seconds(failed_host_delay),
            use_public_ip: match text("yb_use_public_ip") {
                Some(text) => PublicIp::parse("yb_use_public_ip", text)?,
                None => PublicIp::default(),
            },
            policy: match text("yb_policy") {
                Some(text) => Policy::parse("yb_policy", text)?,
                None => Policy::default(),
            },
            latency_window: Duration::from_millis(latency_window.into()),
            control_timeout: seconds(control_timeout),
            backoff_max: seconds(backoff_max),
            slow_start: seconds(slow_start),
            max_connecting_per_node,
            bootstrap_fallback: flag("yb_bootstrap_fallback", true)?,
            rebalance: match text("yb_rebalance") {
                Some(text) => Rebalance::parse("yb_rebalance", text)?,
                None => Rebalance::default(),
            },
            rebalance_rate: rebalance_rate(text("yb_rebalance_rate"), warnings)?,
            address_map: address_map::parse(text("yb_address_map").unwrap_or_default())?,
            tls_host: match text("yb_tls_host") {
                Some(text) => TlsHost::parse("yb_tls_host", text)?,
                None => TlsHost::default(),
            },
        };
        for (keyword, kind) in NOT_IN_EFFECT {
            let Some(text) = text(keyword) else { continue };
            match kind {
                Kind::Text => {}
                Kind::Number => drop(whole(keyword, text)?),
                Kind::Boolean => drop(boolean(keyword, text)?),
            }
            warnings.push(Warning::NotInEffect { keyword });
        }
        Ok((config, load_balance_hosts))
    }
}

/// What `load_balance_hosts` says: libpq's words stay libpq's, the others are the cluster's.
enum HostsValue {
    Libpq(LoadBalanceHosts),
    Cluster(LoadBalance),
}

impl HostsValue {
    fn parse(text: &str) -> Result<Self, Error> {
        if let Ok(order) = LoadBalanceHosts::parse("load_balance_hosts", text) {
            return Ok(Self::Libpq(order));
        }
        match LoadBalance::read(text) {
            Some(choice) => Ok(Self::Cluster(choice)),
            None => Err(Error::InvalidClusterValue {
                keyword: "load_balance_hosts",
                value: text.to_owned(),
                accepted: "\"disable\", \"random\", or for a cluster \"true\", \"only-primary\", \
                           \"only-rr\", \"prefer-primary\" or \"prefer-rr\""
                    .to_owned(),
            }),
        }
    }
}

/// Reconciles the two keywords. The one from the stronger origin decides; from the same origin they
/// must not contradict each other.
fn load_balance(settings: &Settings) -> Result<(LoadBalance, LoadBalanceHosts), Error> {
    let switch = settings
        .chosen("load_balance")
        .filter(|setting| !setting.value.is_empty());
    let hosts = settings.chosen("load_balance_hosts");
    let switch_value = switch
        .map(|s| LoadBalance::parse("load_balance", &s.value))
        .transpose()?;
    let hosts_value = hosts.map(|s| HostsValue::parse(&s.value)).transpose()?;

    let decided = match (switch.zip(switch_value), hosts.zip(hosts_value)) {
        (None, None) => (LoadBalance::Off, LoadBalanceHosts::Disable),
        (Some((_, choice)), None) => (choice, LoadBalanceHosts::Disable),
        (None, Some((_, HostsValue::Libpq(order)))) => (LoadBalance::Off, order),
        (None, Some((_, HostsValue::Cluster(choice)))) => (choice, LoadBalanceHosts::Disable),
        (Some((a, choice)), Some((b, value))) => match value {
            HostsValue::Libpq(order) if choice == LoadBalance::Off => (choice, order),
            HostsValue::Cluster(other) if other == choice => (choice, LoadBalanceHosts::Disable),
            _ if rank(a) < rank(b) => (choice, LoadBalanceHosts::Disable),
            HostsValue::Libpq(order) if rank(b) < rank(a) => (LoadBalance::Off, order),
            HostsValue::Cluster(other) if rank(b) < rank(a) => (other, LoadBalanceHosts::Disable),
            _ => {
                return Err(Error::LoadBalanceConflict {
                    load_balance: a.value.to_string(),
                    load_balance_hosts: b.value.to_string(),
                });
            }
        },
    };
    Ok(decided)
}

fn rank(setting: &Setting) -> u8 {
    match setting.origin {
        Origin::Given => 0,
        Origin::Service => 1,
        Origin::Environment(_) => 2,
        Origin::Passfile | Origin::Default => 3,
    }
}

/// A whole number of any size, saturated.
fn whole(keyword: &'static str, text: &str) -> Result<i64, Error> {
    let trimmed = text.trim();
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::InvalidClusterValue {
            keyword,
            value: text.to_owned(),
            accepted: "a whole number".to_owned(),
        });
    }
    let limit = if trimmed.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    Ok(trimmed.parse().unwrap_or(limit))
}

fn clamped(
    keyword: &'static str,
    text: &str,
    range: std::ops::RangeInclusive<u32>,
    warnings: &mut Vec<Warning>,
) -> Result<u32, Error> {
    let number = whole(keyword, text)?;
    let used = match u32::try_from(number) {
        Ok(number) => number.clamp(*range.start(), *range.end()),
        Err(_) if number < 0 => *range.start(),
        Err(_) => *range.end(),
    };
    if i64::from(used) != number {
        let value = text.to_owned();
        warnings.push(Warning::Clamped {
            keyword,
            value,
            used: used.to_string(),
        });
    }
    Ok(used)
}

fn rebalance_rate(text: Option<&str>, warnings: &mut Vec<Warning>) -> Result<f64, Error> {
    let keyword = "yb_rebalance_rate";
    let Some(text) = text else { return Ok(1.0) };
    let rate = text
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|rate| rate.is_finite());
    let Some(rate) = rate else {
        return Err(Error::InvalidClusterValue {
            keyword,
            value: text.to_owned(),
            accepted: "a number of connections per second".to_owned(),
        });
    };
    let used = rate.clamp(0.01, 1000.0);
    if used != rate {
        let value = text.to_owned();
        warnings.push(Warning::Clamped {
            keyword,
            value,
            used: used.to_string(),
        });
    }
    Ok(used)
}

#[cfg(test)]
mod tests;
