//! Which nodes may be used, in which order of preference.
//!
//! | `load_balance` | no keys | keys `A:1,B:2` | with `fallback_to_topology_keys_only` |
//! |---|---|---|---|
//! | any | all | A, B, rest | A, B |
//! | only-primary, only-rr | that type | A, B, rest of that type | A, B of that type |
//! | prefer-primary, prefer-rr | that type, then the other | A, B, rest of that type, then the other type everywhere | the same |
//!
//! The order is that of YugabyteDB's smart drivers
//! (<https://docs.yugabyte.com/stable/develop/drivers-orms/smart-drivers/>). The rule it guards: a
//! node outside of these levels is never connected to, not even when all others are down.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::node::{NodeId, NodeType, Placement};
use crate::options::{LoadBalance, Options};
use crate::topology::{TopologyKey, TopologyKeys, level_of, near};

/// What of a node decides on its level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) id: NodeId,
    pub(crate) node_type: NodeType,
    pub(crate) placement: &'a Placement,
    pub(crate) latency: Option<Duration>,
    pub(crate) is_connecting: bool,
}

/// The nodes by preference; nodes that may not be used do not appear, levels are not empty.
pub(crate) fn levels(candidates: &[Candidate<'_>], options: &Options) -> Vec<Vec<NodeId>> {
    let (wanted, other) = match options.load_balance {
        LoadBalance::Any => (None, None),
        LoadBalance::OnlyPrimary => (Some(NodeType::Primary), None),
        LoadBalance::OnlyReadReplica => (Some(NodeType::ReadReplica), None),
        LoadBalance::PreferPrimary => (Some(NodeType::Primary), Some(NodeType::ReadReplica)),
        LoadBalance::PreferReadReplica => (Some(NodeType::ReadReplica), Some(NodeType::Primary)),
    };
    // A server whose type nobody knows is of the wanted one: there is nothing to choose by.
    let is_wanted = |candidate: &Candidate<'_>| match wanted {
        None => true,
        Some(wanted) => candidate.node_type == wanted || candidate.node_type == NodeType::Unknown,
    };
    let first: Vec<Candidate<'_>> = candidates.iter().copied().filter(is_wanted).collect();
    let mut levels = by_keys(&first, options);
    if let Some(other) = other {
        let others = candidates.iter().filter(|one| one.node_type == other);
        levels.push(others.map(|one| one.id).collect());
    }
    levels.retain(|level| !level.is_empty());
    levels
}

fn by_keys(candidates: &[Candidate<'_>], options: &Options) -> Vec<Vec<NodeId>> {
    if options.topology_keys == TopologyKeys::None {
        return vec![candidates.iter().map(|one| one.id).collect()];
    }
    let automatic;
    let mut levels = Vec::new();
    let mut taken = BTreeSet::new();
    let keys: &[TopologyKey] = match &options.topology_keys {
        TopologyKeys::None => &[],
        TopologyKeys::Keys(keys) => keys,
        TopologyKeys::Auto => {
            // Each node is measured once, by one connection, before distances can be compared.
            let unmeasured = |one: &&Candidate<'_>| one.latency.is_none() && !one.is_connecting;
            let unmeasured = candidates.iter().filter(unmeasured).map(|one| one.id);
            levels.push(unmeasured.collect::<Vec<_>>());
            taken.extend(levels.iter().flatten().copied());
            let measured = candidates.iter().filter(|one| one.latency.is_some());
            match measured.min_by_key(|one| one.latency) {
                Some(nearest) => {
                    automatic = near(nearest.placement);
                    &automatic
                }
                None => &[],
            }
        }
    };
    let priorities: BTreeSet<u8> = keys.iter().map(|key| key.priority).collect();
    for priority in priorities {
        let level: Vec<NodeId> = candidates
            .iter()
            .filter(|one| level_of(keys, one.placement) == Some(priority))
            .map(|one| one.id)
            .filter(|id| taken.insert(*id))
            .collect();
        levels.push(level);
    }
    let bound = options.is_bound_to_keys() && !keys.is_empty();
    if !bound {
        let rest = candidates.iter().map(|one| one.id);
        levels.push(rest.filter(|id| taken.insert(*id)).collect());
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World(Vec<(NodeType, Placement, Option<Duration>)>);

    impl World {
        /// Primary nodes 0-2 in a, b, c; read replicas 3-5 in b, c, d.
        fn new() -> Self {
            let placed = |zone: &str| Placement {
                cloud: "c".into(),
                region: if zone == "d" { "r2" } else { "r" }.into(),
                zone: zone.into(),
            };
            let of = |node_type, zones: [&str; 3]| {
                zones
                    .map(|zone| (node_type, placed(zone), None))
                    .into_iter()
            };
            let primary = of(NodeType::Primary, ["a", "b", "c"]);
            Self(
                primary
                    .chain(of(NodeType::ReadReplica, ["b", "c", "d"]))
                    .collect(),
            )
        }

        fn levels(&self, options: &Options) -> Vec<Vec<u64>> {
            let candidates: Vec<Candidate<'_>> = (0..)
                .zip(&self.0)
                .map(|(id, (node_type, placement, latency))| Candidate {
                    id: NodeId(id),
                    node_type: *node_type,
                    placement,
                    latency: *latency,
                    is_connecting: false,
                })
                .collect();
            let shown = |level: Vec<NodeId>| level.into_iter().map(|id| id.0).collect();
            levels(&candidates, options)
                .into_iter()
                .map(shown)
                .collect()
        }
    }

    fn keys(zones: &[(&str, u8)]) -> TopologyKeys {
        let key = |(zone, priority): &(&str, u8)| TopologyKey {
            cloud: Some("c".into()),
            region: Some(if *zone == "d" { "r2" } else { "r" }.into()),
            zone: (*zone != "*").then(|| (*zone).to_owned()),
            priority: *priority,
        };
        TopologyKeys::Keys(zones.iter().map(key).collect())
    }

    fn options(load_balance: LoadBalance, topology_keys: TopologyKeys, only: bool) -> Options {
        Options {
            load_balance,
            topology_keys,
            fallback_to_topology_keys_only: only,
            ..Options::default()
        }
    }

    #[test]
    fn without_keys_the_type_decides() {
        use LoadBalance::*;
        let expected: [(LoadBalance, &[&[u64]]); 5] = [
            (Any, &[&[0, 1, 2, 3, 4, 5]]),
            (OnlyPrimary, &[&[0, 1, 2]]),
            (OnlyReadReplica, &[&[3, 4, 5]]),
            (PreferPrimary, &[&[0, 1, 2], &[3, 4, 5]]),
            (PreferReadReplica, &[&[3, 4, 5], &[0, 1, 2]]),
        ];
        for (load_balance, levels) in expected {
            for only in [false, true] {
                let options = options(load_balance, TopologyKeys::None, only);
                assert_eq!(World::new().levels(&options), levels, "{load_balance:?}");
            }
        }
    }

    #[test]
    fn with_keys_placements_come_first() {
        use LoadBalance::*;
        let expected: [(LoadBalance, bool, &[&[u64]]); 8] = [
            (Any, false, &[&[0], &[1, 3], &[2, 4, 5]]),
            (Any, true, &[&[0], &[1, 3]]),
            (OnlyPrimary, false, &[&[0], &[1], &[2]]),
            (OnlyPrimary, true, &[&[0], &[1]]),
            (OnlyReadReplica, false, &[&[3], &[4, 5]]),
            (OnlyReadReplica, true, &[&[3]]),
            (PreferPrimary, true, &[&[0], &[1], &[2], &[3, 4, 5]]),
            (PreferReadReplica, true, &[&[3], &[4, 5], &[0, 1, 2]]),
        ];
        for (load_balance, only, levels) in expected {
            let options = options(load_balance, keys(&[("a", 1), ("b", 4)]), only);
            assert_eq!(World::new().levels(&options), levels, "{load_balance:?}");
        }
    }

    #[test]
    fn keys_that_name_nothing_leave_nothing_when_bound_to_them() {
        let nowhere = || keys(&[("nowhere", 1)]);
        let bound = options(LoadBalance::Any, nowhere(), true);
        assert!(World::new().levels(&bound).is_empty());
        assert!(!bound.allows_contacts());
        let free = options(LoadBalance::Any, nowhere(), false);
        assert_eq!(World::new().levels(&free), [[0, 1, 2, 3, 4, 5]]);
    }

    #[test]
    fn automatic_keys_measure_first_and_then_stay_near() {
        let auto = options(LoadBalance::OnlyPrimary, TopologyKeys::Auto, false);
        let mut world = World::new();
        assert_eq!(world.levels(&auto), [[0, 1, 2]]);
        world.0[0].2 = Some(Duration::from_millis(9));
        world.0[1].2 = Some(Duration::from_millis(1));
        assert_eq!(world.levels(&auto), [[2], [1], [0]]);
        world.0[2].2 = Some(Duration::from_millis(9));
        assert_eq!(world.levels(&auto), [&[1][..], &[0, 2]]);
    }

    #[test]
    fn a_server_of_unknown_type_serves_every_wish() {
        let placement = Placement::default();
        let unknown = [Candidate {
            id: NodeId(1),
            node_type: NodeType::Unknown,
            placement: &placement,
            latency: None,
            is_connecting: false,
        }];
        for load_balance in [LoadBalance::OnlyReadReplica, LoadBalance::PreferPrimary] {
            let options = options(load_balance, TopologyKeys::None, false);
            assert_eq!(levels(&unknown, &options), [[NodeId(1)]]);
        }
    }
}
