//! Why there is no node to connect to.

use thiserror::Error;

use crate::options::LoadBalance;

/// What the cluster layer cannot do. The reasons why single nodes failed are the caller's to tell.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The nodes are known and none of them is wanted.
    #[error(
        "no eligible node: load_balance={} {}leaves none of the {known} known nodes{}",
        name(*.load_balance), if *.bound_to_keys { "within topology_keys " } else { "" },
        drained_ones(*.drained)
    )]
    NoEligibleNode {
        /// Which kind of node was wanted.
        load_balance: LoadBalance,
        /// Whether nodes outside the keys were forbidden.
        bound_to_keys: bool,
        /// How many nodes there are.
        known: usize,
        /// How many of them the application has set aside.
        drained: usize,
    },
    /// Every node that may be used was tried, here or by others just now.
    #[error("none of the {eligible} eligible nodes can be connected to")]
    AllNodesFailed {
        /// How many there are.
        eligible: usize,
    },
    /// The time to connect is over.
    #[error("timeout expired after {tried} nodes were tried")]
    Timeout {
        /// How many this search tried.
        tried: usize,
    },
    /// A node answered that belongs to another cluster: its address was given away.
    #[error("the node belongs to cluster {found}, not {expected}")]
    OtherCluster {
        /// The cluster that was asked.
        expected: String,
        /// The cluster that answered.
        found: String,
    },
    /// `yb_servers()` answered, but with nothing that can be connected to.
    #[error("yb_servers() lists no usable node ({rejected} rows make no sense)")]
    NoUsableRow {
        /// How many rows were refused.
        rejected: usize,
    },
}

fn drained_ones(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(", {count} of which are set aside by drain()"),
    }
}

fn name(load_balance: LoadBalance) -> &'static str {
    match load_balance {
        LoadBalance::Any => "any",
        LoadBalance::OnlyPrimary => "only-primary",
        LoadBalance::OnlyReadReplica => "only-rr",
        LoadBalance::PreferPrimary => "prefer-primary",
        LoadBalance::PreferReadReplica => "prefer-rr",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_setting_at_fault() {
        let error = |drained| Error::NoEligibleNode {
            load_balance: LoadBalance::OnlyReadReplica,
            bound_to_keys: true,
            known: 3,
            drained,
        };
        let text = "no eligible node: load_balance=only-rr within topology_keys leaves none of the 3 known nodes";
        assert_eq!(error(0).to_string(), text);
        let drained = format!("{text}, 2 of which are set aside by drain()");
        assert_eq!(error(2).to_string(), drained);
    }
}
