//! The keywords of the cluster layer: those of YugabyteDB's smart drivers and our additions.

use super::{Family, Keyword};

const fn keyword(
    name: &'static str,
    default: Option<&'static str>,
    label: &'static str,
) -> Keyword {
    Keyword {
        name,
        variable: None,
        default,
        label,
        display: "",
        width: 20,
        secret: false,
        family: Family::Cluster,
    }
}

const fn secret(keyword: Keyword) -> Keyword {
    Keyword {
        secret: true,
        display: "*",
        ..keyword
    }
}

/// Names some drivers use that are not just another spelling.
pub(super) const ALIASES: &[(&str, &str)] = &[(
    "failed_host_ttl_seconds",
    "failed_host_reconnect_delay_secs",
)];

#[rustfmt::skip]
pub(super) const KEYWORDS: &[Keyword] = &[
    keyword("load_balance", Some("false"), "Load-Balance"),
    keyword("topology_keys", None, "Topology-Keys"),
    keyword("fallback_to_topology_keys_only", Some("false"), "Fallback-To-Topology-Keys-Only"),
    keyword("yb_servers_refresh_interval", Some("300"), "YB-Servers-Refresh-Interval"),
    keyword("failed_host_reconnect_delay_secs", Some("5"), "Failed-Host-Reconnect-Delay"),
    keyword("yb_use_public_ip", Some("auto"), "YB-Use-Public-IP"),
    keyword("yb_policy", Some("least-connections"), "YB-Policy"),
    keyword("yb_latency_window_ms", Some("15"), "YB-Latency-Window"),
    keyword("yb_control_timeout", Some("5"), "YB-Control-Timeout"),
    keyword("yb_backoff_max_secs", Some("60"), "YB-Backoff-Max"),
    keyword("yb_slow_start_secs", Some("10"), "YB-Slow-Start"),
    keyword("yb_max_connecting_per_node", Some("8"), "YB-Max-Connecting-Per-Node"),
    keyword("yb_bootstrap_fallback", Some("true"), "YB-Bootstrap-Fallback"),
    keyword("yb_rebalance", Some("idle"), "YB-Rebalance"),
    keyword("yb_rebalance_rate", Some("1"), "YB-Rebalance-Rate"),
    keyword("yb_address_map", None, "YB-Address-Map"),
    keyword("yb_tls_host", Some("node"), "YB-TLS-Host"),
    keyword("yb_failover_secondary_cluster_hosts", None, "YB-Failover-Secondary-Cluster-Hosts"),
    keyword("yb_failover_cooldown_secs", None, "YB-Failover-Cooldown"),
    keyword("yb_failover_check_timeout_secs", None, "YB-Failover-Check-Timeout"),
    keyword("yb_failover_drain_timeout_secs", None, "YB-Failover-Drain-Timeout"),
    keyword("yb_failover_yba_endpoint", None, "YB-Failover-YBA-Endpoint"),
    secret(keyword("yb_failover_yba_api_token", None, "YB-Failover-YBA-API-Token")),
    keyword("yb_failover_replication_name", None, "YB-Failover-Replication-Name"),
    keyword("yb_failover_threshold_replication_lag_ms", None, "YB-Failover-Threshold-Replication-Lag"),
    keyword("yb_failover_lag_wait_timeout_secs", None, "YB-Failover-Lag-Wait-Timeout"),
    keyword("yb_failover_global_time_budget_secs", None, "YB-Failover-Global-Time-Budget"),
    keyword("yb_failover_auto_failback_enabled", None, "YB-Failover-Auto-Failback"),
    keyword("yb_failback_cooldown_secs", None, "YB-Failback-Cooldown"),
    keyword("yb_failback_check_timeout_secs", None, "YB-Failback-Check-Timeout"),
    keyword("yb_failback_drain_timeout_secs", None, "YB-Failback-Drain-Timeout"),
    keyword("yb_failback_replication_name", None, "YB-Failback-Replication-Name"),
    keyword("yb_failback_threshold_replication_lag_ms", None, "YB-Failback-Threshold-Replication-Lag"),
    keyword("yb_failback_lag_wait_timeout_secs", None, "YB-Failback-Lag-Wait-Timeout"),
    keyword("yb_failback_global_time_budget_secs", None, "YB-Failback-Global-Time-Budget"),
];
