//! The way to a node: which to try, and what to do when it fails.
//!
//! ```text
//! levels, best first ─▶ nodes that are down, nearest to their trial first
//!     ─▶ the other kind of address ─▶ the configured hosts
//!     ─▶ nodes that are down and would take long to say so ─▶ an error
//! ```
//!
//! The last two change places when the configured hosts may not serve.
//! The rule it guards: no node is tried twice in one search (at one address), none outside of the
//! levels is tried at all, and no step waits: it *says* that there is something worth waiting for.

use std::borrow::Cow;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::breaker::{Admission, By};
use crate::budget::attempt_share;
use crate::cluster::Cluster;
use crate::lease::{Attempt, Seat};
use crate::node::{AddressKind, Node, NodeId};
use crate::options::{Options, PublicIp};
use crate::policy::{Choice, Chosen, choose};
use crate::random::Random;
use crate::state::{Mode, Reserved, State};
use crate::wakers::Topic;
use crate::{Endpoint, Error};

/// How long a caller waits for room at the right node before the next best will do. Long enough for
/// a connect on a sound network, so that counts stay even; short enough when a node hangs.
const ROOM_PATIENCE: Duration = Duration::from_millis(250);

/// So many times that long sleeps who has so many before him that it will not be his turn earlier.
const MOST_TURNS: usize = 8;

/// How long a caller waits for the outcome of others' trials when nothing else is left.
const TRIAL_PATIENCE: Duration = Duration::from_secs(1);

/// The least of the time that is kept for the configured hosts, while no node was ever reached.
const LEAST_KEPT: Duration = Duration::from_secs(1);

/// What to do next.
#[derive(Debug)]
pub enum Next {
    /// Connect there and tell the outcome.
    Attempt(Attempt),
    /// Ask again when woken ([`Search::listen`]), at the latest then.
    Wait {
        /// Until when.
        until: Instant,
    },
    /// No node can be reached: connect to the configured hosts as if there were no cluster.
    Contacts {
        /// How much time there is.
        allowance: Option<Duration>,
        /// Whether this is the first time for the cluster, worth a line in the log.
        is_first: bool,
    },
}

/// One caller's search for a node.
#[derive(Debug)]
pub struct Search {
    options: Arc<Options>,
    started: Instant,
    deadline: Option<Instant>,
    tried: Vec<NodeId>,
    full_since: Option<Instant>,
    trials_since: Option<Instant>,
    contacts_offered: bool,
    /// Its place among those who wait.
    place: Option<u64>,
    waker: Option<Waker>,
}

enum Found {
    Node(Reserved, AddressKind, Option<Duration>),
    Wait(Instant),
    Contacts(bool),
}

impl Search {
    /// A search that begins now and may take `connect_timeout` in all.
    pub fn new(options: Arc<Options>, now: Instant, connect_timeout: Option<Duration>) -> Self {
        Self {
            options,
            started: now,
            deadline: connect_timeout.map(|timeout| now + timeout),
            tried: Vec::new(),
            full_since: None,
            trials_since: None,
            contacts_offered: false,
            place: None,
            waker: None,
        }
    }

    /// When the caller's time is over.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Has the waker called when it is worth asking again, once after each [`Next::Wait`] that
    /// follows.
    pub fn listen(&mut self, waker: &Waker) {
        self.waker = Some(waker.clone());
    }

    /// Rules the configured hosts out: a node was reached, and what is wrong with it they cannot
    /// mend.
    pub fn forgo_contacts(&mut self) {
        self.contacts_offered = true;
    }

    /// Whether a node at this place was tried in vain.
    pub fn has_tried(&self, cluster: &Cluster, endpoint: &Endpoint) -> bool {
        cluster.with(|state| {
            let mut tried = self.tried.iter().filter_map(|id| state.nodes.get(id));
            tried.any(|node| node.info.is_at(endpoint))
        })
    }

    /// Gives up: whoever waits behind this search moves up.
    pub fn leave(&mut self, cluster: &Cluster) {
        if self.place.is_some() {
            cluster.with(|state| {
                state.line.leave(&mut self.place);
                let woken = state.line.wake_next();
                state.wakers.wake(woken);
            });
        }
    }

    /// What to do next. To be called at the start, after a wait, and after a failure for which
    /// [`Fault::tries_next`](crate::Fault::tries_next).
    ///
    /// # Errors
    /// When there is nothing left to do.
    pub fn next(
        &mut self,
        cluster: &Arc<Cluster>,
        now: Instant,
        random: &mut Random,
    ) -> Result<Next, Error> {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            let tried = self.tried.len();
            return Err(Error::Timeout { tried });
        }
        let process = cluster.process();
        let found = cluster.with_in(process, |state| {
            let found = self.find(state, now, random);
            match (&found, &self.waker) {
                (Ok(Found::Wait(_)), Some(waker)) => state.line.listen(self.place, waker),
                (Ok(Found::Wait(_)), None) => {}
                _ => state.line.leave(&mut self.place),
            }
            found
        })?;
        Ok(match found {
            Found::Node(reserved, kind, allowance) => {
                self.full_since = None;
                self.tried.push(reserved.info.id);
                let options = self.options.clone();
                let seat = Seat::at(cluster, process, reserved.info.id);
                Next::Attempt(Attempt::new(seat, reserved, kind, options, now, allowance))
            }
            Found::Wait(until) => Next::Wait {
                until: self.deadline.map_or(until, |deadline| until.min(deadline)),
            },
            Found::Contacts(is_first) => Next::Contacts {
                allowance: self.remaining(now),
                is_first,
            },
        })
    }

    fn find(
        &mut self,
        state: &mut State,
        now: Instant,
        random: &mut Random,
    ) -> Result<Found, Error> {
        if state.schedule.note(&self.options) {
            state.wakers.mark(Topic::Schedule);
        }
        let levels = state.levels(&self.options);
        let kind = state.address_kind(&self.options);
        let mut untried = Cow::Borrowed(&levels);
        if !self.tried.is_empty() {
            let is_fresh = |id: &NodeId| !self.tried.contains(id);
            let fresh = untried.to_mut().iter_mut();
            fresh.for_each(|level| level.retain(is_fresh));
        }
        let offers_contacts =
            !self.contacts_offered && self.options.allows_contacts() && state.mode != Mode::Static;
        // However many nodes are listed of which none was ever reached.
        let is_hopeless = !self.tried.is_empty() && state.counters.connects == 0;
        if offers_contacts && is_hopeless && self.is_late(now) {
            return Ok(self.offer_contacts(state));
        }
        if let Some(found) = self.find_available(state, &untried, kind, now, random) {
            return Ok(found);
        }
        // Nodes that swallow packets (outside of their network, all do) cost each caller its time;
        // with contacts to turn to, only the first pays.
        let is_cheap = |id: &NodeId| {
            let node = state.nodes.get(id);
            !offers_contacts || node.is_some_and(|node| !node.breaker.was_costly())
        };
        let left = untried.iter().flatten().copied();
        let resting: Vec<NodeId> = left.filter(is_cheap).collect();
        if let Some(found) = self.find_resting(state, &resting, kind, now) {
            return Ok(found);
        }
        if let Some(found) = self.find_public(state, &levels, now) {
            return Ok(found);
        }
        if offers_contacts {
            return Ok(self.offer_contacts(state));
        }
        match levels.iter().map(Vec::len).sum() {
            0 => Err(Error::NoEligibleNode {
                load_balance: self.options.load_balance,
                bound_to_keys: self.options.is_bound_to_keys(),
                known: state.nodes.values().filter(|node| node.missed == 0).count(),
                drained: state.nodes.values().filter(|node| node.drained).count(),
            }),
            eligible => Err(Error::AllNodesFailed { eligible }),
        }
    }

    fn offer_contacts(&mut self, state: &mut State) -> Found {
        self.contacts_offered = true;
        state.counters.contact_fallbacks += 1;
        Found::Contacts(state.counters.contact_fallbacks == 1)
    }

    /// Whether the time that is left is for the configured hosts.
    fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|end| {
            let kept = (end.saturating_duration_since(self.started) / 4).max(LEAST_KEPT);
            end.saturating_duration_since(now) <= kept
        })
    }

    /// A node of the best level that has one to offer.
    fn find_available(
        &mut self,
        state: &mut State,
        untried: &[Vec<NodeId>],
        kind: AddressKind,
        now: Instant,
        random: &mut Random,
    ) -> Option<Found> {
        let options = self.options.clone();
        let admits = |node: &Node| node.breaker.admits(now, By::Caller) != Admission::No;
        let choice = |node: &Node| Choice {
            id: node.id(),
            load: node.load(&options, now),
            latency: node.latency.average(),
            wants_measuring: node.connecting == 0 && node.latency.is_stale(now),
            has_room: node.connecting < options.max_connecting_per_node.max(1),
        };
        let (mut best, mut left): (Option<Vec<Choice>>, usize) = (None, 0);
        for level in untried {
            let nodes = || level.iter().filter_map(|id| state.nodes.get(id));
            let choices: Vec<Choice> = nodes().filter(|node| admits(node)).map(choice).collect();
            left += choices.len();
            if best.is_none() && !choices.is_empty() {
                best = Some(choices);
            } else if best.is_none() && nodes().any(|node| node.breaker.is_in_quick_trial()) {
                // Nodes less preferred can wait for what comes of it.
                let end = *self.trials_since.get_or_insert(now) + ROOM_PATIENCE;
                if now < end {
                    state.line.wait(&mut self.place, Vec::new(), end);
                    return Some(Found::Wait(end));
                }
            }
        }
        let choices = best?;

        let end = self.full_since.map(|since| since + ROOM_PATIENCE);
        let patient = end.is_none_or(|end| now < end);
        let window = options.latency_window;
        let (policy, cursor) = (options.policy, state.cursor);
        let nodes: Vec<NodeId> = choices.iter().map(|choice| choice.id).collect();
        let ahead = state.line.ahead(self.place, &nodes, now);
        // What room there is belongs to those who have waited longer.
        let is_turn = ahead == 0 || ahead < state.room_at(&nodes, &options);
        let chosen = match is_turn {
            true => choose(policy, &choices, patient, cursor, window, random),
            false => Chosen::Busy,
        };
        match chosen {
            Chosen::Node(id) => {
                let found = self.take(state, id, kind, now, left);
                state.line.leave(&mut self.place);
                // One was woken for the room there was; there may be more of it.
                if state.room_at(&nodes, &options) > state.line.awake(&nodes) {
                    let known = nodes.iter().filter_map(|id| state.nodes.get(id));
                    let choices: Vec<Choice> = known.map(choice).collect();
                    let mut random = random.clone();
                    let next = choose(policy, &choices, patient, Some(id), window, &mut random);
                    if let Chosen::Node(next) = next {
                        let woken = state.line.wake_for(next);
                        state.wakers.wake(woken);
                    }
                }
                found
            }
            Chosen::Busy => {
                if self.full_since.is_none() {
                    state.counters.waits += 1;
                }
                let since = *self.full_since.get_or_insert(now);
                let end = since + ROOM_PATIENCE;
                let until = if is_turn && now < end {
                    end
                } else {
                    // Who is far back is woken when it is his turn; hundreds who ask four times
                    // a second whether it is would keep the processor from those who connect.
                    let room = nodes.len() * options.max_connecting_per_node.max(1) as usize;
                    let turns = (1 + ahead / room.max(1)).min(MOST_TURNS);
                    now + ROOM_PATIENCE * turns as u32
                };
                state.line.wait(&mut self.place, nodes, until);
                Some(Found::Wait(until))
            }
        }
    }

    /// A node that is being left alone: better a small hope than an error.
    fn find_resting(
        &mut self,
        state: &mut State,
        resting: &[NodeId],
        kind: AddressKind,
        now: Instant,
    ) -> Option<Found> {
        let nodes = || resting.iter().filter_map(|id| state.nodes.get(id));
        // A failure found by another caller meanwhile is as good as our own.
        let hopeful = |node: &&Node| {
            !node.breaker.is_trying() && !node.breaker.has_failed_since(self.started)
        };
        let left = nodes().filter(hopeful).count();
        let nearest = nodes()
            .filter(hopeful)
            .min_by_key(|node| node.breaker.expiry());
        if let Some(id) = nearest.map(Node::id) {
            return self.take(state, id, kind, now, left);
        }
        if !nodes().any(|node| node.breaker.is_trying()) {
            return None;
        }
        let end = *self.trials_since.get_or_insert(now) + TRIAL_PATIENCE;
        if now >= end {
            return None;
        }
        state.line.wait(&mut self.place, Vec::new(), end);
        Some(Found::Wait(end))
    }

    /// A node at its public address, when nothing told yet which kind works from here.
    fn find_public(
        &mut self,
        state: &mut State,
        levels: &[Vec<NodeId>],
        now: Instant,
    ) -> Option<Found> {
        if self.options.use_public_ip != PublicIp::Auto || state.address_kind.is_some() {
            return None;
        }
        let nodes = levels.iter().flatten().filter_map(|id| state.nodes.get(id));
        let candidates: Vec<NodeId> = nodes
            .filter(|node| node.info.has_two_addresses())
            .filter(|node| !node.breaker.is_closed() && !node.breaker.is_trying())
            .filter(|node| !node.public_failed)
            .map(Node::id)
            .collect();
        let first = *candidates.first()?;
        self.take(state, first, AddressKind::Public, now, candidates.len())
    }

    fn take(
        &self,
        state: &mut State,
        id: NodeId,
        kind: AddressKind,
        now: Instant,
        left: usize,
    ) -> Option<Found> {
        // As long as no node was ever reached from here, some time is kept for what comes last.
        let unproven = state.counters.connects == 0 && state.mode == Mode::Cluster;
        let is_public_left = self.options.use_public_ip == PublicIp::Auto
            && kind == AddressKind::Private
            && state.address_kind.is_none()
            && state
                .nodes
                .values()
                .any(|node| node.info.has_two_addresses());
        let are_contacts_left = self.options.allows_contacts() && !self.contacts_offered;
        let kept = usize::from(is_public_left) + usize::from(are_contacts_left);
        let left = left + if unproven { kept } else { 0 };
        let share = self.remaining(now).map(|time| attempt_share(time, left));
        Some(Found::Node(state.reserve(id, now)?, kind, share))
    }

    fn remaining(&self, now: Instant) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(now))
    }
}
