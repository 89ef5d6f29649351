//! Random interleavings of connects, failures, closes, refreshes and nodes that vanish: what must
//! hold whatever happens in whatever order.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use psycoxide_cluster::*;
use support::{process, topology_keys};

const ZONES: [&str; 4] = ["a", "b", "c", "d"];

/// Something that happens; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Happening {
    Search(usize),
    Connected(usize),
    Failed(usize, usize),
    Cancelled(usize),
    Closed(usize),
    Lost(usize),
    /// A list with the nodes of this mask.
    Refresh(u16),
    RefreshFails,
    RefreshGivenUp,
    Probe,
    Drain(usize, bool),
    Adopt(usize),
    Time(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    prop_oneof![
        8 => any::<usize>().prop_map(Search),
        6 => any::<usize>().prop_map(Connected),
        3 => (any::<usize>(), any::<usize>()).prop_map(|(which, fault)| Failed(which, fault)),
        1 => any::<usize>().prop_map(Cancelled),
        3 => any::<usize>().prop_map(Closed),
        1 => any::<usize>().prop_map(Lost),
        2 => any::<u16>().prop_map(Refresh),
        1 => Just(RefreshFails),
        1 => Just(RefreshGivenUp),
        1 => Just(Probe),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, on)| Drain(which, on)),
        1 => any::<usize>().prop_map(Adopt),
        3 => (0_u64..8000).prop_map(Time),
    ]
}

fn options() -> impl Strategy<Value = Options> {
    use LoadBalance::*;
    let load_balance = prop::sample::select(vec![
        Any,
        OnlyPrimary,
        OnlyReadReplica,
        PreferPrimary,
        PreferReadReplica,
    ]);
    let policy = prop::sample::select(vec![
        Policy::LeastConnections,
        Policy::PowerOfTwo,
        Policy::Latency,
        Policy::RoundRobin,
        Policy::Random,
    ]);
    let keys = prop::sample::select(vec![
        "",
        "c.r.a",
        "c.r.a:1,c.r.b:4",
        "c.r.*:3",
        "c.r.x,c.r.d:2",
        "c.x",
    ]);
    (load_balance, policy, keys, any::<bool>(), 1_u32..4).prop_map(
        |(load_balance, policy, keys, bound, max_connecting_per_node)| Options {
            load_balance,
            policy,
            topology_keys: topology_keys(keys),
            fallback_to_topology_keys_only: bound,
            max_connecting_per_node,
            ..Options::default()
        },
    )
}

fn row(number: usize) -> ServerRow {
    ServerRow {
        host: Some(format!("10.0.0.{number}")),
        port: Some(5433),
        node_type: Some(
            if number % 3 == 2 {
                "read_replica"
            } else {
                "primary"
            }
            .to_owned(),
        ),
        cloud: Some("c".to_owned()),
        region: Some("r".to_owned()),
        zone: Some(ZONES[number % ZONES.len()].to_owned()),
        // Some tell who they are, some do not.
        uuid: number.is_multiple_of(2).then(|| format!("{number:032x}")),
        universe_uuid: Some("u".to_owned()),
        ..ServerRow::default()
    }
}

fn snapshot(mask: u16) -> Snapshot {
    Snapshot {
        rows: (0..10)
            .filter(|bit| mask & (1 << bit) != 0)
            .map(row)
            .collect(),
        ..Snapshot::default()
    }
}

/// Whether the specification permits the node: written down anew, without levels.
fn is_permitted(options: &Options, info: &NodeInfo) -> bool {
    use LoadBalance::*;
    let in_keys = match &options.topology_keys {
        TopologyKeys::Keys(keys) => keys.iter().any(|key| key.matches(&info.placement)),
        _ => true,
    };
    let bound = options.fallback_to_topology_keys_only;
    match options.load_balance {
        Any => in_keys || !bound,
        OnlyPrimary => info.node_type == NodeType::Primary && (in_keys || !bound),
        OnlyReadReplica => info.node_type == NodeType::ReadReplica && (in_keys || !bound),
        PreferPrimary | PreferReadReplica => true,
    }
}

struct Rig {
    cluster: Arc<Cluster>,
    now: Instant,
    random: Random,
    attempts: Vec<Attempt>,
    leases: Vec<Lease>,
    searches: Vec<Search>,
}

impl Rig {
    fn new(seed: u64, mask: u16) -> Self {
        let registry = Registry::new(process);
        let entry = registry.entry(&[Endpoint::new("10.0.0.0", 5433)]);
        let (now, mut random) = (Instant::now(), Random::new(seed));
        let Bootstrap::Lead(turn) = entry.begin(now, Duration::from_secs(5)) else {
            panic!("nobody else is here");
        };
        let outcome = registry.bootstrapped(turn, &snapshot(mask | 1), now, &mut random);
        Self {
            cluster: outcome.unwrap().cluster,
            now,
            random,
            attempts: Vec::new(),
            leases: Vec::new(),
            searches: Vec::new(),
        }
    }

    /// What happens, as the calling order allows it.
    fn happen(&mut self, happening: &Happening, options: &Arc<Options>) {
        let now = self.now;
        let take = |length: usize, which: usize| (length > 0).then(|| which % length.max(1));
        match *happening {
            Happening::Search(which) => {
                // One goes on with an old search as often as with a new one.
                if which % 2 == 0 || self.searches.is_empty() {
                    let timeout = (which % 3 == 0).then(|| Duration::from_secs(10));
                    self.searches
                        .push(Search::new(options.clone(), now, timeout));
                }
                let index = which % self.searches.len();
                self.search(index, options);
            }
            Happening::Connected(which) => {
                if let Some(index) = take(self.attempts.len(), which) {
                    let attempt = self.attempts.swap_remove(index);
                    self.leases.push(attempt.connected(now));
                }
            }
            Happening::Failed(which, fault) => {
                if let Some(index) = take(self.attempts.len(), which) {
                    let fault = [Fault::Node, Fault::Soft, Fault::Client][fault % 3];
                    let attempt = self.attempts.swap_remove(index);
                    attempt.failed(fault, now, &mut self.random);
                }
            }
            Happening::Cancelled(which) => {
                if let Some(index) = take(self.attempts.len(), which) {
                    drop(self.attempts.swap_remove(index));
                }
            }
            Happening::Closed(which) => {
                if let Some(index) = take(self.leases.len(), which) {
                    drop(self.leases.swap_remove(index));
                }
            }
            Happening::Lost(which) => {
                if let Some(index) = take(self.leases.len(), which) {
                    self.leases.swap_remove(index).lost(now);
                }
            }
            Happening::Refresh(mask) => {
                self.cluster.request_refresh(Reason::Asked, now);
                let turn = self.cluster.begin_refresh(now).unwrap();
                assert!(self.cluster.begin_refresh(now).is_none());
                let outcome = turn.succeed(&snapshot(mask), now, &mut self.random);
                assert_eq!(outcome.is_ok(), mask & 0x3ff != 0);
            }
            Happening::RefreshFails => {
                self.cluster.request_refresh(Reason::Asked, now);
                let turn = self.cluster.begin_refresh(now).unwrap();
                for target in turn.targets(options, &mut self.random) {
                    turn.target_failed(&target, Fault::Node, options, now, &mut self.random);
                }
                turn.fail(now, &mut self.random);
            }
            Happening::RefreshGivenUp => {
                self.cluster.request_refresh(Reason::Asked, now);
                drop(self.cluster.begin_refresh(now).unwrap());
            }
            Happening::Probe => self.attempts.extend(self.cluster.probe(options, now)),
            Happening::Drain(which, drained) => {
                let nodes = self.cluster.nodes(now);
                if let Some(index) = take(nodes.len(), which) {
                    self.cluster.drain(nodes[index].id(), drained, now);
                }
            }
            Happening::Adopt(which) => {
                let endpoint = Endpoint::new(format!("10.0.0.{}", which % 10), 5433);
                self.leases.extend(self.cluster.lease_at(&endpoint));
            }
            Happening::Time(millis) => self.now += Duration::from_millis(millis),
        }
    }

    fn search(&mut self, index: usize, options: &Options) {
        let now = self.now;
        match self.searches[index].next(&self.cluster, now, &mut self.random) {
            Ok(Next::Attempt(attempt)) => {
                let info = attempt.info();
                assert!(is_permitted(options, info), "{info:?} with {options:?}");
                let nodes = self.cluster.nodes(now);
                let node = nodes.iter().find(|node| node.id() == info.id).unwrap();
                assert!(node.is_listed && !node.is_drained);
                assert!(
                    attempt
                        .allowance()
                        .is_none_or(|it| it <= Duration::from_secs(10))
                );
                self.attempts.push(attempt);
            }
            Ok(Next::Wait { until, .. }) => assert!(until > now),
            Ok(Next::Contacts { .. }) => assert!(options.allows_contacts()),
            Err(_) => drop(self.searches.swap_remove(index)),
        }
    }

    /// The counts are those of the guards that exist.
    fn check(&self) {
        let mut expected: BTreeMap<NodeId, (u32, u32)> = BTreeMap::new();
        for attempt in &self.attempts {
            expected.entry(attempt.info().id).or_default().0 += 1;
        }
        for lease in &self.leases {
            expected.entry(lease.info().id).or_default().1 += 1;
        }
        for node in self.cluster.nodes(self.now) {
            let (connecting, live) = expected.remove(&node.id()).unwrap_or_default();
            assert_eq!((node.connecting, node.live), (connecting, live), "{node:?}");
        }
        assert!(expected.is_empty(), "a node with connections was forgotten");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn counts_are_those_of_the_guards_and_levels_are_kept(
        seed in any::<u64>(),
        mask in any::<u16>(),
        options in options(),
        happenings in prop::collection::vec(happening(), 0..120),
    ) {
        let options = Arc::new(options);
        let mut rig = Rig::new(seed, mask);
        for happening in &happenings {
            rig.happen(happening, &options);
            rig.check();
        }
        rig.attempts.clear();
        rig.leases.clear();
        rig.check();
    }

    #[test]
    fn least_connections_stay_within_one_whatever_order_attempts_end_in(
        seed in any::<u64>(),
        nodes in 1_u32..10,
        steps in prop::collection::vec(any::<(bool, usize)>(), 0..150),
    ) {
        let options = Arc::new(Options {
            max_connecting_per_node: u32::MAX,
            ..Options::default()
        });
        let mut rig = Rig::new(seed, (1 << nodes) - 1);
        for (starts, which) in steps {
            if starts {
                rig.searches.clear();
                rig.happen(&Happening::Search(0), &options);
            } else {
                rig.happen(&Happening::Connected(which), &options);
            }
            let loads = rig.cluster.nodes(rig.now);
            let loads = loads.iter().map(|node| node.live + node.connecting);
            let (least, most) = (loads.clone().min().unwrap(), loads.max().unwrap());
            prop_assert!(most - least <= 1);
        }
    }

    /// Closing makes them uneven; what comes then evens them out before anything else.
    #[test]
    fn after_closes_new_connections_go_where_there_are_fewest(
        seed in any::<u64>(),
        closed in prop::collection::vec(any::<usize>(), 0..25),
    ) {
        let options = Arc::new(Options::default());
        let mut rig = Rig::new(seed, 0b11111);
        let open = |rig: &mut Rig| {
            rig.searches.clear();
            rig.happen(&Happening::Search(0), &options);
            rig.happen(&Happening::Connected(0), &options);
        };
        (0..25).for_each(|_| open(&mut rig));
        closed.iter().for_each(|which| rig.happen(&Happening::Closed(*which), &options));
        let loads = |rig: &Rig| -> Vec<u32> {
            rig.cluster.nodes(rig.now).iter().map(|node| node.live).collect()
        };
        for _ in 0..30 {
            let before = loads(&rig);
            open(&mut rig);
            let after = loads(&rig);
            let grown = before.iter().zip(&after).find(|(before, after)| before != after);
            prop_assert_eq!(grown.unwrap().0, before.iter().min().unwrap());
        }
        let (least, most) = (*loads(&rig).iter().min().unwrap(), *loads(&rig).iter().max().unwrap());
        prop_assert!(most - least <= 1);
    }

    /// With the better of two, the spread is small but not exact.
    #[test]
    fn the_better_of_two_is_nearly_even(seed in any::<u64>()) {
        let options = Arc::new(Options { policy: Policy::PowerOfTwo, ..Options::default() });
        let mut rig = Rig::new(seed, 0b1111);
        for _ in 0..100 {
            rig.searches.clear();
            rig.happen(&Happening::Search(0), &options);
            rig.happen(&Happening::Connected(0), &options);
        }
        let nodes = rig.cluster.nodes(rig.now);
        let (least, most) = (nodes.iter().map(|it| it.live).min(), nodes.iter().map(|it| it.live).max());
        prop_assert!(most.unwrap() - least.unwrap() <= 10);
    }
}
