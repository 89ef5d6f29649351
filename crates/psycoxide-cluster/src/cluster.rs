//! One cluster as this process sees it: the handle around the state.
//!
//! Everything here takes the lock once, for microseconds. Wakers are called after it is released.

use std::any::Any;
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Instant;

use crate::events::Events;
use crate::fork_local::{ForkLocal, ProcessId};
use crate::lease::{Attempt, Lease, Seat};
use crate::metrics::{Metrics, NodeStatus};
use crate::node::NodeId;
use crate::options::Options;
use crate::refresh::RefreshTurn;
use crate::schedule::{Due, Reason};
use crate::state::{Mode, State};
use crate::wakers::Topic;
use crate::{ClusterKey, Endpoint};

/// A cluster, shared by all who connect to it.
///
/// A forked child that still holds one finds it empty; it gets its own from its
/// [`Registry`](crate::Registry).
#[derive(Debug)]
pub struct Cluster {
    process: ProcessId,
    state: ForkLocal<State>,
    attachment: OnceLock<Attachment>,
}

/// What a cluster's user keeps with it.
pub type Attachment = Arc<dyn Any + Send + Sync>;

/// Stands for a refresh that somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshTicket(u64);

impl Cluster {
    pub(crate) fn new(process: ProcessId) -> Self {
        Self {
            process,
            state: ForkLocal::new(),
            attachment: OnceLock::new(),
        }
    }

    /// Keeps something with the cluster, once; nothing of it is used here.
    pub fn attach(&self, attachment: Attachment) {
        let _ = self.attachment.set(attachment);
    }

    /// What was [attached](Self::attach).
    pub fn attachment(&self) -> Option<&Attachment> {
        self.attachment.get()
    }

    pub(crate) fn process(&self) -> u32 {
        (self.process)()
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.with_in(self.process(), act)
    }

    /// The same for who knows the process's number, which the system has to be asked for.
    pub(crate) fn with_in<T>(&self, process: u32, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock(process, State::default);
        let result = act(&mut state);
        let wakers = state.wakers.take();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// What identifies it; none before the first list.
    pub fn key(&self) -> Option<ClusterKey> {
        self.with(|state| state.key.clone())
    }

    /// Whether it is a list of plain PostgreSQL servers.
    pub fn is_static(&self) -> bool {
        self.with(|state| state.mode == Mode::Static)
    }

    /// The configured hosts of all who use it.
    pub fn contacts(&self) -> Vec<Endpoint> {
        self.with(|state| state.contacts.clone())
    }

    /// The nodes, in the order in which they became known.
    pub fn nodes(&self, now: Instant) -> Vec<NodeStatus> {
        self.with(|state| state.statuses(now))
    }

    /// The numbers.
    pub fn metrics(&self, now: Instant) -> Metrics {
        self.with(|state| Metrics {
            counters: state.counters,
            refresh_age: state.schedule.age(now),
            refresh_time: state.schedule.duration(),
            nodes: state.statuses(now),
        })
    }

    /// The events from this number on.
    pub fn events_since(&self, number: u64) -> Events {
        self.with(|state| state.events.since(number))
    }

    /// The number of the next event, for a reader who only wants what comes.
    pub fn event_position(&self) -> u64 {
        self.with(|state| state.events.position())
    }

    /// Has the waker called at the next change, once. Register, then ask again, then sleep.
    pub fn wake_on(&self, topic: Topic, waker: &Waker) {
        self.with(|state| state.wakers.add(topic, waker));
    }

    /// Sets a node aside, or takes it back: no new connections, and those that idle in pools are
    /// [doubtful](Lease::is_doubtful). Whether that changed anything.
    pub fn drain(&self, node: NodeId, drained: bool, now: Instant) -> bool {
        self.with(|state| state.drain(node, drained, now))
    }

    /// Where a caller with these options reaches a node; none if the node is forgotten.
    pub fn endpoint_of(&self, node: NodeId, options: &Options) -> Option<Endpoint> {
        self.with(|state| {
            let kind = state.address_kind(options);
            let node = state.nodes.get(&node)?;
            Some(node.info.endpoint(kind).clone())
        })
    }

    /// Whether a node at this place is set aside.
    pub fn is_drained_at(&self, endpoint: &Endpoint) -> bool {
        self.with(|state| {
            let mut nodes = state.nodes.values();
            nodes.any(|node| node.drained && node.info.is_at(endpoint))
        })
    }

    /// The place for a connection that was made to a configured host, if that is a node.
    pub fn lease_at(self: &Arc<Self>, endpoint: &Endpoint) -> Option<Lease> {
        let (info, generation) = self.with(|state| {
            let mut nodes = state.nodes.values();
            let info = nodes.find(|node| node.info.is_at(endpoint))?.info.clone();
            let generation = state.adopted(info.id)?;
            Some((info, generation))
        })?;
        Some(Lease::adopted(self, info, generation))
    }

    /// Counts a transaction that is run again on a connection to the cluster.
    pub fn count_retry(&self) {
        self.with(|state| state.counters.retries += 1);
    }

    /// Wishes for a new list of nodes. The background task fetches it; who wants to wait for it
    /// asks [`Cluster::is_refreshed`].
    pub fn request_refresh(&self, reason: Reason, now: Instant) -> RefreshTicket {
        self.with(|state| {
            state.request_refresh(reason, now);
            RefreshTicket(state.schedule.ticket())
        })
    }

    /// Whether the refresh has ended, well or not. There is nothing to wait for in static mode.
    pub fn is_refreshed(&self, ticket: RefreshTicket) -> bool {
        self.with(|state| state.mode != Mode::Cluster || state.schedule.ended() >= ticket.0)
    }

    /// When the next refresh is due and why; none while one is under way, or when none is wanted.
    pub fn next_refresh(&self) -> Option<Due> {
        self.with(|state| match state.mode {
            Mode::Cluster => state.schedule.due(state.any_down()),
            Mode::Empty | Mode::Static => None,
        })
    }

    /// Begins the refresh that is due; none when none is, or another is under way.
    pub fn begin_refresh(self: &Arc<Self>, now: Instant) -> Option<RefreshTurn> {
        let begun = self.with(|state| {
            let due = state.schedule.due(state.any_down());
            state.mode == Mode::Cluster
                && due.is_some_and(|due| due.at <= now)
                && state.schedule.begin(now)
        });
        begun.then(|| RefreshTurn::new(self.clone()))
    }

    /// When [`Cluster::probe`] will have something to do; none as long as no node is down.
    pub fn next_probe(&self) -> Option<Instant> {
        self.with(|state| {
            let members = state.nodes.values().filter(|node| node.is_member());
            members.filter_map(|node| node.breaker.probe_at()).min()
        })
    }

    /// A trial of a node that was down, for the background task: a connection to be made and closed
    /// at once, so that no caller has to wait for a node that is still dead.
    pub fn probe(self: &Arc<Self>, options: &Arc<Options>, now: Instant) -> Option<Attempt> {
        let (reserved, kind) = self.with(|state| {
            let (id, kind) = state.to_probe(options, now)?;
            Some((state.reserve(id, now)?, kind))
        })?;
        let seat = Seat::at(self, self.process(), reserved.info.id);
        Some(Attempt::new(
            seat,
            reserved,
            kind,
            options.clone(),
            now,
            None,
        ))
    }
}
