//! What a caller wants: which nodes, in which order, chosen how, and with which timers.
//!
//! The crate parses nothing: these are filled from the connection string's typed values. Callers
//! with different options share one cluster's state, so nothing here is stored there but the
//! shortest of the timers.

use std::time::Duration;

use crate::topology::TopologyKeys;

/// Over which nodes to spread connections, `load_balance`. With `load_balance=false` a connection
/// never comes here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadBalance {
    /// All nodes, `true` or `any`.
    #[default]
    Any,
    /// Primary nodes, or fail.
    OnlyPrimary,
    /// Read replicas, or fail.
    OnlyReadReplica,
    /// Primary nodes, read replicas if there are none.
    PreferPrimary,
    /// Read replicas, primary nodes if there are none.
    PreferReadReplica,
}

/// How to choose among equally good nodes, `yb_policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The one with the fewest connections of this process; any of them at a tie.
    #[default]
    LeastConnections,
    /// The better of two at random.
    PowerOfTwo,
    /// Fewest connections among those nearly as fast as the fastest.
    Latency,
    /// One after the other.
    RoundRobin,
    /// At random.
    Random,
}

/// Which of a node's addresses to use, `yb_use_public_ip`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PublicIp {
    /// The kind the contact host has; when that cannot be told, the kind that can be reached.
    #[default]
    Auto,
    /// The public one.
    Always,
    /// The private one.
    Never,
}

/// Everything a caller may want of the cluster layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Over which nodes to spread connections.
    pub load_balance: LoadBalance,
    /// Which placements to prefer.
    pub topology_keys: TopologyKeys,
    /// Whether to fail rather than leave the placements of `topology_keys`; without effect for
    /// the `prefer` kinds of `load_balance`, and without keys.
    pub fallback_to_topology_keys_only: bool,
    /// How often the list of nodes is fetched; zero: for every connection, when that asks.
    pub refresh_interval: Duration,
    /// How long a node is left alone after its first fault.
    pub failed_host_reconnect_delay: Duration,
    /// The longest time a node is left alone.
    pub backoff_max: Duration,
    /// How long a node that came back is spared.
    pub slow_start: Duration,
    /// Which address to use.
    pub use_public_ip: PublicIp,
    /// How to choose.
    pub policy: Policy,
    /// How much slower than the fastest a node may be, for [`Policy::Latency`].
    pub latency_window: Duration,
    /// How many connections may be under way to one node; at least one.
    pub max_connecting_per_node: u32,
    /// Whether the contact hosts serve when the list of nodes cannot be had or none of them can
    /// be reached.
    pub bootstrap_fallback: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            load_balance: LoadBalance::default(),
            topology_keys: TopologyKeys::None,
            fallback_to_topology_keys_only: false,
            refresh_interval: Duration::from_secs(300),
            failed_host_reconnect_delay: Duration::from_secs(5),
            backoff_max: Duration::from_secs(60),
            slow_start: Duration::from_secs(10),
            use_public_ip: PublicIp::default(),
            policy: Policy::default(),
            latency_window: Duration::from_millis(15),
            max_connecting_per_node: 8,
            bootstrap_fallback: true,
        }
    }
}

impl Options {
    /// Whether nodes outside the keys are forbidden.
    pub fn is_bound_to_keys(&self) -> bool {
        let prefers = matches!(
            self.load_balance,
            LoadBalance::PreferPrimary | LoadBalance::PreferReadReplica
        );
        self.fallback_to_topology_keys_only && !prefers && self.topology_keys != TopologyKeys::None
    }

    /// Whether the contact hosts may serve, whatever kind of node they are.
    pub fn allows_contacts(&self) -> bool {
        let only = matches!(
            self.load_balance,
            LoadBalance::OnlyPrimary | LoadBalance::OnlyReadReplica
        );
        self.bootstrap_fallback && !only && !self.is_bound_to_keys()
    }
}
