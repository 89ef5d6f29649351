//! What happened to the nodes, in order, for pools and for people.
//!
//! A bounded queue with running numbers: each reader remembers the number it has read to, so any
//! number of them read the same events, and one that sleeps too long learns how many it missed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::node::NodeInfo;

/// More than a cluster produces while a reader looks away.
const CAPACITY: usize = 1024;

/// What happened to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// It is listed for the first time, or again.
    Joined,
    /// It is listed no more: no new connections.
    Left,
    /// It cannot be reached: idle connections to it are best discarded.
    Down,
    /// It takes connections again.
    Up,
    /// The application wants no more connections to it.
    Drained,
    /// The application wants connections to it again.
    Undrained,
}

/// Something that happened to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the sequence, from 0.
    pub number: u64,
    /// When.
    pub at: Instant,
    /// What.
    pub kind: EventKind,
    /// To whom.
    pub node: Arc<NodeInfo>,
}

/// Events from some number on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Those still kept.
    pub events: Vec<Event>,
    /// How many had been dropped before they were asked for.
    pub missed: u64,
    /// The number to ask from the next time.
    pub next: u64,
}

impl EventKind {
    /// The name used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Joined => "joined",
            EventKind::Left => "left",
            EventKind::Down => "down",
            EventKind::Up => "up",
            EventKind::Drained => "drained",
            EventKind::Undrained => "undrained",
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    events: VecDeque<Event>,
    next: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, kind: EventKind, node: Arc<NodeInfo>, at: Instant) {
        if self.events.len() >= CAPACITY {
            self.events.pop_front();
        }
        let number = self.next;
        self.next += 1;
        self.events.push_back(Event {
            number,
            at,
            kind,
            node,
        });
    }

    pub(crate) fn position(&self) -> u64 {
        self.next
    }

    pub(crate) fn since(&self, number: u64) -> Events {
        let oldest = self.events.front().map_or(self.next, |event| event.number);
        let wanted = self.events.iter().filter(|event| event.number >= number);
        Events {
            events: wanted.cloned().collect(),
            missed: oldest.saturating_sub(number),
            next: self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;
    use crate::node::{NodeId, NodeType, Placement};

    #[test]
    fn readers_get_each_event_once_and_learn_what_they_missed() {
        let node = Arc::new(NodeInfo {
            id: NodeId(1),
            uuid: None,
            private: Endpoint::new("h", 1),
            public: None,
            mapped: None,
            placement: Placement::default(),
            node_type: NodeType::Primary,
        });
        let mut queue = Queue::default();
        assert_eq!(queue.since(0), Events::default());
        for _ in 0..3 {
            queue.push(EventKind::Down, node.clone(), Instant::now());
        }
        let first = queue.since(1);
        assert_eq!((first.events.len(), first.missed, first.next), (2, 0, 3));
        assert!(queue.since(first.next).events.is_empty());
        for _ in 0..CAPACITY {
            queue.push(EventKind::Up, node.clone(), Instant::now());
        }
        let late = queue.since(first.next - 1);
        assert_eq!((late.events.len(), late.missed), (CAPACITY, 1));
        assert_eq!(queue.position(), late.next);
    }
}
