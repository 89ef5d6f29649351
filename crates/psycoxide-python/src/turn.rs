//! Whose turn it is on a connection: operations of several threads run one after the other.
//!
//! A COPY takes several operations, between which nobody else can do anything: it *reserves* the
//! turns in between. Other threads wait for its end; the thread that copies would wait for itself,
//! so it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use pyo3::prelude::*;

use crate::cooperative;
use crate::error;

/// How long to wait before looking for signals.
const INTERVAL: Duration = Duration::from_millis(100);

/// A lock that is waited for with the interpreter released, and held while attached.
#[derive(Debug, Default)]
pub struct Turn {
    state: Mutex<State>,
    free: Condvar,
    /// How many wait for it.
    wanted: AtomicUsize,
    /// Those who wait are green threads of one thread.
    cooperative: bool,
}

#[derive(Debug, Default)]
struct State {
    taken: bool,
    /// How often it was taken.
    turns: u64,
    /// The thread that copies.
    reserved: Option<Owner>,
    /// The thread that has the turn, while it calls the handlers of notices.
    telling: Option<Owner>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Thread(ThreadId),
    Green(u64),
}

impl State {
    #[inline]
    fn is_free(&self, has_reservation: bool) -> bool {
        !self.taken && (has_reservation || self.reserved.is_none())
    }

    #[inline]
    fn try_take(&mut self, has_reservation: bool) -> bool {
        let free = self.is_free(has_reservation);
        self.taken |= free;
        self.turns += u64::from(free);
        free
    }
}

/// The turn, until it is dropped.
#[derive(Debug)]
pub struct TurnGuard<'a>(&'a Turn);

impl Turn {
    /// A turn that is free. `cooperative`: see [`crate::cooperative`].
    pub fn new(cooperative: bool) -> Turn {
        Turn {
            cooperative,
            ..Turn::default()
        }
    }

    /// Whether those who wait are green threads of one thread.
    #[inline]
    pub fn is_cooperative(&self) -> bool {
        self.cooperative
    }

    /// Whether anybody waits for it.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed) > 0
    }

    /// Whether somebody has it, and how often it was taken so far.
    pub fn progress(&self) -> (bool, u64) {
        let state = self.lock();
        (state.taken, state.turns)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the turn, waiting for it where needed.
    ///
    /// # Errors
    /// `OperationalError` where it would wait for itself: in the thread that copies, unless this is a
    /// part of the copy, and in handlers called meanwhile; what a signal handler raises.
    #[inline]
    pub fn take(&self, py: Python<'_>, has_reservation: bool) -> PyResult<TurnGuard<'_>> {
        if self.lock().try_take(has_reservation) {
            return Ok(TurnGuard(self));
        }
        self.wanted.fetch_add(1, Ordering::Relaxed);
        let taken = self.wait(py, has_reservation);
        self.wanted.fetch_sub(1, Ordering::Relaxed);
        taken?;
        Ok(TurnGuard(self))
    }

    fn wait(&self, py: Python<'_>, has_reservation: bool) -> PyResult<()> {
        let me = self.me(py)?;
        loop {
            if self.is_for_itself(me, has_reservation) {
                return Err(error::copying());
            }
            if self.cooperative {
                cooperative::pause(py)?;
                if self.lock().try_take(has_reservation) {
                    return Ok(());
                }
                continue;
            }
            let got = py.detach(|| {
                let (mut state, _) = self
                    .free
                    .wait_timeout_while(self.lock(), INTERVAL, |state| {
                        !state.is_free(has_reservation)
                    })
                    .unwrap_or_else(PoisonError::into_inner);
                state.try_take(has_reservation)
            });
            if got {
                return Ok(());
            }
            py.check_signals()?;
        }
    }

    /// The thread that runs, green ones included.
    fn me(&self, py: Python<'_>) -> PyResult<Owner> {
        if self.cooperative {
            return cooperative::identity(py).map(Owner::Green);
        }
        Ok(Owner::Thread(thread::current().id()))
    }

    /// Whether this thread would wait for itself.
    fn is_for_itself(&self, me: Owner, has_reservation: bool) -> bool {
        let state = self.lock();
        (state.reserved == Some(me) && !has_reservation) || state.telling == Some(me)
    }

    /// Notes that this thread, which has the turn, calls handlers, until the guard is dropped:
    /// operations that they begin fail.
    ///
    /// # Errors
    /// What Python raises.
    pub fn tell(&self, py: Python<'_>) -> PyResult<TellingGuard<'_>> {
        let me = self.me(py)?;
        self.lock().telling = Some(me);
        Ok(TellingGuard(self))
    }

    /// Ends the turn.
    #[inline]
    pub fn give_back(&self) {
        let mut state = self.lock();
        state.taken = false;
        let reserved = state.reserved.is_some();
        drop(state);
        if !self.is_wanted() {
            // A system call less for each operation. Nobody is missed: whoever found the turn taken
            // has counted itself before it took the lock, so before this thread did.
        } else if reserved {
            // Not everybody who waits can make use of it.
            self.free.notify_all();
        } else {
            self.free.notify_one();
        }
    }

    /// Keeps the turns that follow for the COPY that this thread has begun.
    ///
    /// # Errors
    /// What Python raises.
    pub fn reserve(&self, py: Python<'_>) -> PyResult<()> {
        let me = self.me(py)?;
        self.lock().reserved = Some(me);
        Ok(())
    }

    /// Gives everybody their turn again.
    pub fn release(&self) {
        self.lock().reserved = None;
        self.free.notify_all();
    }
}

/// The handlers are called, until it is dropped.
#[derive(Debug)]
pub struct TellingGuard<'a>(&'a Turn);

impl Drop for TellingGuard<'_> {
    fn drop(&mut self) {
        self.0.lock().telling = None;
    }
}

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}
