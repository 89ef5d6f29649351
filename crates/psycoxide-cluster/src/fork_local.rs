//! State behind a lock that begins anew in a forked child.
//!
//! The rule it guards: a child never waits for a lock that a thread of its parent held at the
//! moment of the fork (that thread does not exist in the child), and never counts the parent's
//! connections as its own.
//!
//! ```text
//! ForkLocal ── slot of the parent (pid 10) ── slot of the child (pid 11) ── …
//! ```
//!
//! A process uses the last slot if it made it, else it appends one. The parent's slots stay in the
//! child's memory, untouched: there is one per fork *generation*, so the chain stays short.

use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Who asks: the process's number, through a function so that tests can pretend.
pub type ProcessId = fn() -> u32;

/// A lock and what it guards, one for each process of a family.
pub(crate) struct ForkLocal<T> {
    first: Slot<T>,
}

struct Slot<T> {
    /// Set with a value made beforehand, so that a fork can hardly fall into the setting.
    content: OnceLock<(u32, Mutex<T>)>,
    next: OnceLock<Box<Slot<T>>>,
}

impl<T> ForkLocal<T> {
    pub(crate) const fn new() -> Self {
        Self { first: Slot::new() }
    }

    /// Locks this process's state, which `fresh` makes if there is none yet.
    pub(crate) fn lock(&self, process: u32, fresh: impl Fn() -> T) -> MutexGuard<'_, T> {
        let mut slot = &self.first;
        loop {
            if let Some(next) = slot.next.get() {
                slot = next;
                continue;
            }
            match slot.content.get() {
                Some((owner, state)) if *owner == process => {
                    // A panic elsewhere leaves counts that are still right: each change is whole.
                    return state.lock().unwrap_or_else(PoisonError::into_inner);
                }
                Some(_) => {
                    let next = Box::new(Slot::new());
                    // Losing the race is as good: the loop sees the winner's.
                    let _ = slot.next.set(next);
                }
                None => {
                    let content = (process, Mutex::new(fresh()));
                    let _ = slot.content.set(content);
                }
            }
        }
    }
}

impl<T> Slot<T> {
    const fn new() -> Self {
        Self {
            content: OnceLock::new(),
            next: OnceLock::new(),
        }
    }
}

impl<T> fmt::Debug for ForkLocal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Locking to print could wait for ever in a child.
        f.write_str("ForkLocal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_starts_anew_and_never_touches_its_parents_lock() {
        let state = ForkLocal::new();
        *state.lock(10, || 0) = 5;
        assert_eq!(*state.lock(10, || 0), 5);
        let held_at_the_fork = state.lock(10, || 0);
        *state.lock(11, || 0) += 1;
        assert_eq!(*state.lock(11, || 0), 1);
        assert_eq!(*state.lock(12, || 0), 0);
        assert_eq!(*held_at_the_fork, 5);
    }

    #[test]
    fn threads_share_one_state() {
        let state = ForkLocal::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| *state.lock(1, || 0) += 1);
            }
        });
        assert_eq!(*state.lock(1, || 0), 8);
    }

    #[test]
    fn a_panic_under_the_lock_does_not_lock_others_out() {
        let state = ForkLocal::new();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut guard = state.lock(1, || 0);
            *guard = 3;
            panic!("on purpose");
        }));
        assert!(outcome.is_err());
        assert_eq!(*state.lock(1, || 0), 3);
    }
}
