//! Who waits for what, and is told when it is worth asking again.
//!
//! The crate never waits. A caller that has to registers a [`Waker`] first, asks again (the change
//! may just have happened), and only then sleeps. Wakers are called outside of every lock, once.
//!
//! Room for one connection wakes a few of those who wait for it, the longest waiting first, not all of
//! hundreds. Whoever was not woken although the room was for him asks again when his patience ends.

use std::collections::VecDeque;
use std::task::Waker;

/// What a caller may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// An attempt ended: there may be room for another, or the outcome of a trial.
    Slot,
    /// A refresh, or the first bootstrap, ended.
    Refresh,
    /// The background task has something to do earlier than it thought.
    Schedule,
    /// There is a new event.
    Event,
}

const TOPICS: usize = 4;

/// How many are woken by room for one: the first may have given up, or want another node.
const FOR_ONE: usize = 2;

#[derive(Debug, Default)]
pub(crate) struct Wakers {
    waiting: [VecDeque<Waker>; TOPICS],
    /// How many are to be woken.
    due: [usize; TOPICS],
}

impl Wakers {
    pub(crate) fn add(&mut self, topic: Topic, waker: &Waker) {
        let waiting = &mut self.waiting[topic as usize];
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push_back(waker.clone());
        }
    }

    /// Something has changed for all who wait.
    pub(crate) fn mark(&mut self, topic: Topic) {
        self.due[topic as usize] = usize::MAX;
    }

    /// Something has changed for one of those who wait.
    pub(crate) fn mark_one(&mut self, topic: Topic) {
        let due = &mut self.due[topic as usize];
        *due = due.saturating_add(FOR_ONE);
    }

    /// Those to wake now; to be woken after the lock is released.
    pub(crate) fn take(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        for (waiting, due) in self.waiting.iter_mut().zip(&mut self.due) {
            let count = std::mem::take(due).min(waiting.len());
            woken.extend(waiting.drain(..count));
        }
        woken
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_those_who_wait_for_the_topic_are_woken_and_once() {
        let counts: [Arc<Count>; 2] = Default::default();
        let mut wakers = Wakers::default();
        for _ in 0..2 {
            wakers.add(Topic::Slot, &counts[0].clone().into());
            wakers.add(Topic::Event, &counts[1].clone().into());
        }
        wakers.mark(Topic::Slot);
        for _ in 0..2 {
            wakers.take().into_iter().for_each(Waker::wake);
        }
        let woken = |index: usize| counts[index].0.load(Ordering::Relaxed);
        assert_eq!((woken(0), woken(1)), (1, 0));
    }

    #[test]
    fn room_for_one_wakes_a_few_in_order() {
        let counts: [Arc<Count>; 5] = Default::default();
        let mut wakers = Wakers::default();
        for count in &counts {
            wakers.add(Topic::Slot, &count.clone().into());
        }
        wakers.mark_one(Topic::Slot);
        assert_eq!(wakers.take().len(), FOR_ONE);
        wakers.mark_one(Topic::Slot);
        wakers.take().into_iter().for_each(Waker::wake);
        let woken = |index: usize| counts[index].0.load(Ordering::Relaxed);
        assert_eq!([0, 1, 2, 3, 4].map(woken), [0, 0, 1, 1, 0]);
        // Who registers again waits behind the others; and then there is room for all.
        wakers.add(Topic::Slot, &counts[0].clone().into());
        wakers.mark_one(Topic::Slot);
        wakers.mark(Topic::Slot);
        wakers.take().into_iter().for_each(Waker::wake);
        assert_eq!([0, 1, 2, 3, 4].map(woken), [1, 0, 1, 1, 1]);
    }
}
