//! One of several equally preferred nodes.
//!
//! Least connections is the default because it is exact: twelve connections on three nodes are four
//! each, always. The better of two at random gets there only two times in three, which is good
//! enough for borrowing and not for placing.

use std::time::Duration;

use crate::node::NodeId;
use crate::options::Policy;
use crate::random::Random;

/// What a policy looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    pub(crate) id: NodeId,
    /// In thousandths of a connection, see `Node::load`.
    pub(crate) load: u64,
    pub(crate) latency: Option<Duration>,
    /// Whether it should be measured again, and nobody is doing so.
    pub(crate) wants_measuring: bool,
    /// Whether another connection may be opened to it now.
    pub(crate) has_room: bool,
}

/// What a policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    Node(NodeId),
    /// The right node is being connected to by too many at the moment.
    Busy,
}

/// Chooses among nodes of one level. `patient`: rather wait than take a node that is not the best.
pub(crate) fn choose(
    policy: Policy,
    choices: &[Choice],
    patient: bool,
    cursor: Option<NodeId>,
    latency_window: Duration,
    random: &mut Random,
) -> Chosen {
    let near: Vec<Choice>;
    let choices = match policy {
        Policy::Latency => {
            near = nearly_fastest(choices, latency_window);
            &near
        }
        _ => choices,
    };
    let exact = matches!(policy, Policy::LeastConnections | Policy::Latency);
    // With everybody's patience the counts come out even; see the counts of thirty threads.
    let considered = || {
        let all = choices.iter().copied();
        all.filter(|choice| choice.has_room || (exact && patient))
    };
    let chosen = match policy {
        Policy::LeastConnections | Policy::Latency => {
            let least = considered().map(|choice| choice.load).min();
            let is_best = |choice: &Choice| Some(choice.load) == least && choice.has_room;
            pick(|| considered().filter(is_best), random)
        }
        Policy::PowerOfTwo => better_of_two(&considered().collect::<Vec<_>>(), random),
        Policy::RoundRobin => {
            let after = considered().filter(|choice| Some(choice.id) > cursor);
            let next = after.min_by_key(|choice| choice.id);
            next.or_else(|| considered().min_by_key(|choice| choice.id))
        }
        Policy::Random => pick(considered, random),
    };
    chosen.map_or(Chosen::Busy, |choice| Chosen::Node(choice.id))
}

/// One of what can be gone through twice.
fn pick<I: Iterator<Item = Choice>>(items: impl Fn() -> I, random: &mut Random) -> Option<Choice> {
    items().nth(random.below(items().count()))
}

/// Those within the window, those never measured, and those whose measurement is old.
fn nearly_fastest(choices: &[Choice], window: Duration) -> Vec<Choice> {
    let fastest = choices.iter().filter_map(|choice| choice.latency).min();
    let limit = fastest.map(|fastest| fastest + window);
    let is_near = |choice: &&Choice| match (choice.latency, limit) {
        (Some(latency), Some(limit)) => latency <= limit || choice.wants_measuring,
        _ => true,
    };
    choices.iter().filter(is_near).copied().collect()
}

fn better_of_two(choices: &[Choice], random: &mut Random) -> Option<Choice> {
    let first = random.below(choices.len());
    let mut second = random.below(choices.len().saturating_sub(1));
    if second >= first {
        second += 1;
    }
    let first = choices.get(first)?;
    let Some(second) = choices.get(second) else {
        return Some(*first);
    };
    let first_is_better = match first.load.cmp(&second.load) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Equal => random.below(2) == 0,
        std::cmp::Ordering::Greater => false,
    };
    Some(if first_is_better { *first } else { *second })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_millis(15);

    fn choice(id: u64, load: u64, millis: Option<u64>) -> Choice {
        Choice {
            id: NodeId(id),
            load: load * 1000,
            latency: millis.map(Duration::from_millis),
            wants_measuring: false,
            has_room: true,
        }
    }

    /// How often each of the choices is taken in 900.
    fn counts(policy: Policy, choices: &[Choice]) -> Vec<u32> {
        let mut random = Random::new(3);
        let mut counts = vec![0; choices.len()];
        for _ in 0..900 {
            match choose(policy, choices, false, None, WINDOW, &mut random) {
                Chosen::Node(NodeId(id)) => counts[id as usize] += 1,
                Chosen::Busy => panic!("there is room"),
            }
        }
        counts
    }

    #[test]
    fn least_connections_break_ties_at_random() {
        let choices = [choice(0, 1, None), choice(1, 1, None), choice(2, 2, None)];
        let counts = counts(Policy::LeastConnections, &choices);
        assert!((400..=500).contains(&counts[0]), "{counts:?}");
        assert_eq!((counts[0] + counts[1], counts[2]), (900, 0));
    }

    #[test]
    fn the_better_of_two_never_takes_the_worst_of_three() {
        let choices = [choice(0, 1, None), choice(1, 2, None), choice(2, 3, None)];
        let counts = counts(Policy::PowerOfTwo, &choices);
        assert!((550..=650).contains(&counts[0]), "{counts:?}");
        assert_eq!(counts[2], 0);
        let alone = [choice(0, 1, None)];
        assert_eq!(self::counts(Policy::PowerOfTwo, &alone), [900]);
    }

    #[test]
    fn latency_keeps_the_nearly_fastest_the_unmeasured_and_the_stale() {
        let mut choices = [
            choice(0, 5, Some(1)),
            choice(1, 4, Some(16)),
            choice(2, 0, Some(17)),
        ];
        assert_eq!(counts(Policy::Latency, &choices), [0, 900, 0]);
        choices[2].wants_measuring = true;
        assert_eq!(counts(Policy::Latency, &choices), [0, 0, 900]);
        choices[2] = choice(2, 0, None);
        assert_eq!(counts(Policy::Latency, &choices), [0, 0, 900]);
    }

    #[test]
    fn random_takes_each_about_as_often() {
        let choices = [choice(0, 9, None), choice(1, 0, None), choice(2, 0, None)];
        let counts = counts(Policy::Random, &choices);
        assert!(
            counts.iter().all(|count| (240..=360).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn round_robin_goes_on_from_the_last() {
        let choices = [choice(3, 9, None), choice(1, 0, None), choice(5, 0, None)];
        let mut random = Random::new(1);
        let mut next = |cursor| {
            let cursor = Some(NodeId(cursor));
            choose(
                Policy::RoundRobin,
                &choices,
                true,
                cursor,
                WINDOW,
                &mut random,
            )
        };
        assert_eq!(next(1), Chosen::Node(NodeId(3)));
        assert_eq!(next(4), Chosen::Node(NodeId(5)));
        assert_eq!(next(5), Chosen::Node(NodeId(1)));
    }

    #[test]
    fn a_full_node_is_waited_for_and_only_then_passed_over() {
        let mut random = Random::new(1);
        let mut choices = [choice(0, 1, None), choice(1, 2, None)];
        choices[0].has_room = false;
        let mut take = |policy, choices: &[Choice], patient| {
            choose(policy, choices, patient, None, WINDOW, &mut random)
        };
        assert_eq!(take(Policy::LeastConnections, &choices, true), Chosen::Busy);
        let other = Chosen::Node(NodeId(1));
        assert_eq!(take(Policy::LeastConnections, &choices, false), other);
        assert_eq!(take(Policy::Random, &choices, true), other);
        choices[1].has_room = false;
        for policy in [
            Policy::LeastConnections,
            Policy::PowerOfTwo,
            Policy::RoundRobin,
        ] {
            assert_eq!(take(policy, &choices, false), Chosen::Busy);
        }
    }
}
