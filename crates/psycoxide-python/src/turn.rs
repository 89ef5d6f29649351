//! Whose turn it is on a connection: operations of several threads run one after the other.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;

/// How long to wait before looking for signals.
const INTERVAL: Duration = Duration::from_millis(100);

/// A lock that is waited for with the interpreter released, and held while attached.
#[derive(Debug, Default)]
pub struct Turn {
    taken: Mutex<bool>,
    free: Condvar,
}

/// The turn, until it is dropped.
#[derive(Debug)]
pub struct TurnGuard<'a>(&'a Turn);

impl Turn {
    /// Takes the turn, waiting for it where needed.
    ///
    /// # Errors
    /// What a signal handler raises meanwhile.
    #[inline]
    pub fn take(&self, py: Python<'_>) -> PyResult<TurnGuard<'_>> {
        if self.try_take() {
            return Ok(TurnGuard(self));
        }
        loop {
            let got = py.detach(|| {
                let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
                let (mut taken, _) = self
                    .free
                    .wait_timeout_while(taken, INTERVAL, |taken| *taken)
                    .unwrap_or_else(PoisonError::into_inner);
                !std::mem::replace(&mut *taken, true)
            });
            if got {
                return Ok(TurnGuard(self));
            }
            py.check_signals()?;
        }
    }

    /// Takes the turn if it is free; give it back with [`give_back`](Self::give_back).
    #[inline]
    pub fn try_take(&self) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        !std::mem::replace(&mut *taken, true)
    }

    /// Ends the turn.
    #[inline]
    pub fn give_back(&self) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.free.notify_one();
    }
}

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}
