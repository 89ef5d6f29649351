//! The keywords of the cluster layer: those of YugabyteDB's smart drivers and our additions.
//!
//! The rule of their environment variables: `PG`, then the keyword in capitals without underscores,
//! as libpq forms its own (`load_balance_hosts`, `PGLOADBALANCEHOSTS`).

use super::{Family, Keyword};

const fn keyword(
    name: &'static str,
    variable: &'static str,
    default: Option<&'static str>,
    label: &'static str,
) -> Keyword {
    Keyword {
        name,
        variable: Some(variable),
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
    keyword("load_balance", "PGLOADBALANCE", Some("false"), "Load-Balance"),
    keyword("topology_keys", "PGTOPOLOGYKEYS", None, "Topology-Keys"),
    keyword("fallback_to_topology_keys_only", "PGFALLBACKTOTOPOLOGYKEYSONLY", Some("false"), "Fallback-To-Topology-Keys-Only"),
    keyword("yb_servers_refresh_interval", "PGYBSERVERSREFRESHINTERVAL", Some("300"), "YB-Servers-Refresh-Interval"),
    keyword("failed_host_reconnect_delay_secs", "PGFAILEDHOSTRECONNECTDELAYSECS", Some("5"), "Failed-Host-Reconnect-Delay"),
    keyword("yb_use_public_ip", "PGYBUSEPUBLICIP", Some("auto"), "YB-Use-Public-IP"),
    keyword("yb_policy", "PGYBPOLICY", Some("least-connections"), "YB-Policy"),
    keyword("yb_latency_window_ms", "PGYBLATENCYWINDOWMS", Some("15"), "YB-Latency-Window"),
    keyword("yb_control_timeout", "PGYBCONTROLTIMEOUT", Some("5"), "YB-Control-Timeout"),
    keyword("yb_backoff_max_secs", "PGYBBACKOFFMAXSECS", Some("60"), "YB-Backoff-Max"),
    keyword("yb_slow_start_secs", "PGYBSLOWSTARTSECS", Some("10"), "YB-Slow-Start"),
    keyword("yb_max_connecting_per_node", "PGYBMAXCONNECTINGPERNODE", Some("8"), "YB-Max-Connecting-Per-Node"),
    keyword("yb_bootstrap_fallback", "PGYBBOOTSTRAPFALLBACK", Some("true"), "YB-Bootstrap-Fallback"),
    keyword("yb_rebalance", "PGYBREBALANCE", Some("idle"), "YB-Rebalance"),
    keyword("yb_rebalance_rate", "PGYBREBALANCERATE", Some("1"), "YB-Rebalance-Rate"),
    keyword("yb_address_map", "PGYBADDRESSMAP", None, "YB-Address-Map"),
    keyword("yb_tls_host", "PGYBTLSHOST", Some("node"), "YB-TLS-Host"),
    keyword("yb_failover_secondary_cluster_hosts", "PGYBFAILOVERSECONDARYCLUSTERHOSTS", None, "YB-Failover-Secondary-Cluster-Hosts"),
    keyword("yb_failover_cooldown_secs", "PGYBFAILOVERCOOLDOWNSECS", None, "YB-Failover-Cooldown"),
    keyword("yb_failover_check_timeout_secs", "PGYBFAILOVERCHECKTIMEOUTSECS", None, "YB-Failover-Check-Timeout"),
    keyword("yb_failover_drain_timeout_secs", "PGYBFAILOVERDRAINTIMEOUTSECS", None, "YB-Failover-Drain-Timeout"),
    keyword("yb_failover_yba_endpoint", "PGYBFAILOVERYBAENDPOINT", None, "YB-Failover-YBA-Endpoint"),
    secret(keyword("yb_failover_yba_api_token", "PGYBFAILOVERYBAAPITOKEN", None, "YB-Failover-YBA-API-Token")),
    keyword("yb_failover_replication_name", "PGYBFAILOVERREPLICATIONNAME", None, "YB-Failover-Replication-Name"),
    keyword("yb_failover_threshold_replication_lag_ms", "PGYBFAILOVERTHRESHOLDREPLICATIONLAGMS", None, "YB-Failover-Threshold-Replication-Lag"),
    keyword("yb_failover_lag_wait_timeout_secs", "PGYBFAILOVERLAGWAITTIMEOUTSECS", None, "YB-Failover-Lag-Wait-Timeout"),
    keyword("yb_failover_global_time_budget_secs", "PGYBFAILOVERGLOBALTIMEBUDGETSECS", None, "YB-Failover-Global-Time-Budget"),
    keyword("yb_failover_auto_failback_enabled", "PGYBFAILOVERAUTOFAILBACKENABLED", None, "YB-Failover-Auto-Failback"),
    keyword("yb_failback_cooldown_secs", "PGYBFAILBACKCOOLDOWNSECS", None, "YB-Failback-Cooldown"),
    keyword("yb_failback_check_timeout_secs", "PGYBFAILBACKCHECKTIMEOUTSECS", None, "YB-Failback-Check-Timeout"),
    keyword("yb_failback_drain_timeout_secs", "PGYBFAILBACKDRAINTIMEOUTSECS", None, "YB-Failback-Drain-Timeout"),
    keyword("yb_failback_replication_name", "PGYBFAILBACKREPLICATIONNAME", None, "YB-Failback-Replication-Name"),
    keyword("yb_failback_threshold_replication_lag_ms", "PGYBFAILBACKTHRESHOLDREPLICATIONLAGMS", None, "YB-Failback-Threshold-Replication-Lag"),
    keyword("yb_failback_lag_wait_timeout_secs", "PGYBFAILBACKLAGWAITTIMEOUTSECS", None, "YB-Failback-Lag-Wait-Timeout"),
    keyword("yb_failback_global_time_budget_secs", "PGYBFAILBACKGLOBALTIMEBUDGETSECS", None, "YB-Failback-Global-Time-Budget"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_formed_as_libpqs() {
        for keyword in KEYWORDS {
            let name = keyword.name.replace('_', "").to_uppercase();
            assert_eq!(keyword.variable, Some(format!("PG{name}").as_str()));
        }
    }
}
