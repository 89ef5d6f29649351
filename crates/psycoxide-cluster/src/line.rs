//! Those who wait for room at a node, first come first served.
//!
//! The rule it guards: room for one connection wakes one of those who want that node, the longest
//! waiting, not all of hundreds; and whoever comes later does not take it from him. Only those who
//! may use the same nodes stand in each other's way, and only as long as they keep asking. Who was
//! woken passes on what he does not use: if he gives up, or if there is room for another.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::node::NodeId;

/// How late somebody may be to ask again, on a busy machine, before his place counts no more.
const GRACE: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(crate) struct Line {
    next: u64,
    places: BTreeMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    /// Where a connection may go; empty for who waits for something else than room.
    nodes: Vec<NodeId>,
    /// When its owner will have asked again.
    until: Instant,
    waker: Option<Waker>,
}

impl Line {
    /// How many wait for the same nodes and came before the owner of this place; who has none is
    /// the last.
    pub(crate) fn ahead(&mut self, place: Option<u64>, nodes: &[NodeId], now: Instant) -> usize {
        self.places.retain(|_, place| place.until + GRACE > now);
        let before = self.places.range(..place.unwrap_or(u64::MAX));
        before.filter(|(_, other)| other.nodes == nodes).count()
    }

    /// Takes a place, or keeps it; until then its owner asks again.
    pub(crate) fn wait(&mut self, place: &mut Option<u64>, nodes: Vec<NodeId>, until: Instant) {
        let number = *place.get_or_insert_with(|| {
            self.next += 1;
            self.next
        });
        let known = self.places.remove(&number);
        let waker = known.and_then(|known| known.waker);
        self.places.insert(
            number,
            Place {
                nodes,
                until,
                waker,
            },
        );
    }

    /// Gives a place up.
    pub(crate) fn leave(&mut self, place: &mut Option<u64>) {
        if let Some(number) = place.take() {
            self.places.remove(&number);
        }
    }

    /// Has the waker called when it is worth asking again, once.
    pub(crate) fn listen(&mut self, place: Option<u64>, waker: &Waker) {
        if let Some(place) = place.and_then(|number| self.places.get_mut(&number)) {
            place.waker = Some(waker.clone());
        }
    }

    /// There is room for one at this node: whom to wake.
    pub(crate) fn wake_for(&mut self, node: NodeId) -> Option<Waker> {
        let mut places = self.places.values_mut();
        places.find_map(|place| match place.nodes.contains(&node) {
            true => place.waker.take(),
            false => None,
        })
    }

    /// How many of those who wait for these nodes are about to ask again.
    pub(crate) fn awake(&self, nodes: &[NodeId]) -> usize {
        let places = self.places.values();
        places
            .filter(|place| place.waker.is_none() && place.nodes == nodes)
            .count()
    }

    /// Somebody has left who may have been woken for room that is the next one's now.
    pub(crate) fn wake_next(&mut self) -> Option<Waker> {
        let mut places = self.places.values_mut();
        places.find_map(|place| place.waker.take())
    }

    /// Something has changed for all.
    pub(crate) fn wake_all(&mut self) -> Vec<Waker> {
        let places = self.places.values_mut();
        places.filter_map(|place| place.waker.take()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);

    #[test]
    fn first_come_first_served() {
        let mut line = Line::default();
        let now = Instant::now();
        let until = now + Duration::from_millis(250);
        let mut places = [None; 3];
        for (index, place) in places.iter_mut().enumerate() {
            assert_eq!(line.ahead(*place, &[A, B], now), index);
            line.wait(place, vec![A, B], until);
            // Asking again keeps the place.
            line.wait(place, vec![A, B], until);
            assert_eq!(line.ahead(*place, &[A, B], now), index);
        }
        // Who comes now is the last; who wants other nodes is not concerned.
        assert_eq!(line.ahead(None, &[A, B], now), 3);
        assert_eq!(line.ahead(None, &[A], now), 0);
        line.leave(&mut places[0]);
        assert_eq!(line.ahead(places[1], &[A, B], now), 0);
        assert_eq!(line.ahead(places[2], &[A, B], now), 1);
        // Who does not ask again has given up.
        assert_eq!(line.ahead(None, &[A, B], until + GRACE), 0);
    }

    #[test]
    fn room_for_one_wakes_the_first_who_wants_it() {
        let mut line = Line::default();
        let now = Instant::now();
        let mut places = [None; 6];
        for (index, place) in places.iter_mut().enumerate() {
            line.wait(place, vec![if index < 2 { A } else { B }], now);
            line.listen(*place, Waker::noop());
        }
        assert_eq!((line.awake(&[A]), line.awake(&[B])), (0, 0));
        for (node, waiting) in [(B, 4), (A, 2)] {
            for woken in 0..waiting {
                assert_eq!(line.awake(&[node]), woken);
                assert!(line.wake_for(node).is_some());
            }
            assert!(line.wake_for(node).is_none());
        }
        line.listen(places[0], Waker::noop());
        line.listen(places[1], Waker::noop());
        assert!(line.wake_next().is_some());
        line.listen(places[0], Waker::noop());
        assert_eq!(line.wake_all().len(), 2);
        assert_eq!(line.wake_all().len(), 0);
        line.leave(&mut places[0]);
        line.listen(places[0], Waker::noop());
        assert_eq!(line.wake_all().len(), 0);
    }
}
