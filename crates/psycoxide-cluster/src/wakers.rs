//! Who waits for what, and is told when it is worth asking again.
//!
//! The crate never waits. A caller that has to registers a [`Waker`] first, asks again (the change
//! may just have happened), and only then sleeps. Wakers are called outside of every lock, once.
//! Those who wait for room at a node stand in [`Line`](crate::line::Line).

use std::task::Waker;

/// What a caller may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A refresh, or the first bootstrap, ended.
    Refresh,
    /// The background task has something to do earlier than it thought.
    Schedule,
    /// There is a new event.
    Event,
}

const TOPICS: usize = 3;

#[derive(Debug, Default)]
pub(crate) struct Wakers {
    waiting: [Vec<Waker>; TOPICS],
    changed: [bool; TOPICS],
    /// Those who are to be woken in any case.
    due: Vec<Waker>,
}

impl Wakers {
    pub(crate) fn add(&mut self, topic: Topic, waker: &Waker) {
        let waiting = &mut self.waiting[topic as usize];
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }

    pub(crate) fn mark(&mut self, topic: Topic) {
        self.changed[topic as usize] = true;
    }

    /// Has these woken.
    pub(crate) fn wake(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.due.extend(wakers);
    }

    /// Those to wake now; to be woken after the lock is released.
    pub(crate) fn take(&mut self) -> Vec<Waker> {
        let mut due = std::mem::take(&mut self.due);
        for (waiting, changed) in self.waiting.iter_mut().zip(&mut self.changed) {
            if std::mem::take(changed) {
                due.append(waiting);
            }
        }
        due
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
            wakers.add(Topic::Refresh, &counts[0].clone().into());
            wakers.add(Topic::Event, &counts[1].clone().into());
        }
        wakers.mark(Topic::Refresh);
        for _ in 0..2 {
            wakers.take().into_iter().for_each(Waker::wake);
        }
        let woken = |index: usize| counts[index].0.load(Ordering::Relaxed);
        assert_eq!((woken(0), woken(1)), (1, 0));
    }
}
