//! When a node that failed is tried again.
//!
//! ```text
//!              fault                       delay over, or listed again
//!   Closed ───────────▶ Open(until) ────────────────▶ half-open: one trial at a time
//!     ▲                   ▲                                │           │
//!     └───────────────────┼──────────── success ───────────┘           │
//!                         └───────── fault, delay doubled ─────────────┘
//! ```
//!
//! The rule it guards: one outage counts once. Each change starts a new *epoch*, and a fault found
//! by an attempt that began in an earlier epoch says nothing new, so thirty connections that fail
//! together do not make the node's absence thirty times as long. Nor do trials made in despair,
//! before the pause is over because no other node is left: when such a one fails, the pause goes on.

use std::time::{Duration, Instant};

use crate::Options;
use crate::random::Random;

/// How long a node is left alone that cannot take a connection now.
pub const SOFT_PENALTY: Duration = Duration::from_secs(1);

/// A trial that lasted this long before it failed would make a caller wait.
const COSTLY: Duration = Duration::from_millis(200);

/// How long such trials are left to the background task before a caller makes one all the same.
const GRACE: Duration = Duration::from_secs(30);

/// The background task tries a node no more often than this, whatever pause the application wants.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Delays are spread by this share, so that processes do not come back together.
const JITTER: f64 = 0.2;

/// The doubling stops here; the cap is reached long before.
const LAST_EXPONENT: u32 = 16;

/// A node's state as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Used as usual.
    Closed,
    /// Left alone.
    Open,
    /// One connection may try, or is trying.
    HalfOpen,
}

/// Who wants to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Somebody who waits for the connection.
    Caller,
    /// The background task, which only wants to know.
    Probe,
}

/// Whether a connection may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Yes,
    /// Yes, as the one trial.
    Trial,
    No,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Open {
        until: Instant,
    },
    HalfOpen {
        trying: bool,
        /// The end of the pause, for a trial made before it.
        pause: Option<Instant>,
    },
}

/// A trial would be in order.
const WAITING: State = State::HalfOpen {
    trying: false,
    pause: None,
};

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    state: State,
    exponent: u32,
    epoch: u64,
    /// The end of the pause after a soft fault.
    penalty: Option<Instant>,
    last_fault: Option<Instant>,
    last_trial: Option<Instant>,
    was_costly: bool,
    /// When it closed after having been open; slow start counts from here.
    recovered: Option<Instant>,
}

impl Breaker {
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            State::Open { .. } | State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub(crate) fn is_trying(&self) -> bool {
        matches!(self.state, State::HalfOpen { trying: true, .. })
    }

    /// Whether the last failure took long to show.
    pub(crate) fn was_costly(&self) -> bool {
        self.was_costly
    }

    /// Whether a trial is under way of which the outcome can be expected soon.
    pub(crate) fn is_in_quick_trial(&self) -> bool {
        self.is_trying() && !self.was_costly
    }

    /// Whether some attempt failed since then, whoever made it.
    pub(crate) fn has_failed_since(&self, then: Instant) -> bool {
        self.last_fault.is_some_and(|at| at >= then)
    }

    /// When the present pause ends; in the past when there is none.
    pub(crate) fn expiry(&self) -> Option<Instant> {
        match self.state {
            State::Open { until } => Some(until),
            State::Closed | State::HalfOpen { .. } => self.penalty,
        }
    }

    /// When the background task should make the trial, if nobody did before.
    pub(crate) fn probe_at(&self) -> Option<Instant> {
        let wanted = match self.state {
            State::Open { until } => Some(until),
            State::HalfOpen { trying: false, .. } => self.penalty.or(self.last_fault),
            State::Closed | State::HalfOpen { trying: true, .. } => None,
        };
        wanted.map(|at| self.next_probe().map_or(at, |next| next.max(at)))
    }

    fn next_probe(&self) -> Option<Instant> {
        self.last_trial.map(|at| at + PROBE_INTERVAL)
    }

    pub(crate) fn admits(&self, now: Instant, by: By) -> Admission {
        if self.penalty.is_some_and(|end| now < end) {
            return Admission::No;
        }
        if by == By::Probe && self.next_probe().is_some_and(|next| now < next) {
            return Admission::No;
        }
        match self.state {
            State::Closed => Admission::Yes,
            State::HalfOpen { trying: false, .. } => Admission::Trial,
            State::HalfOpen { trying: true, .. } => Admission::No,
            State::Open { until } => {
                let grace = match by {
                    By::Caller if self.was_costly => GRACE,
                    By::Caller | By::Probe => Duration::ZERO,
                };
                if now >= until + grace {
                    Admission::Trial
                } else {
                    Admission::No
                }
            }
        }
    }

    /// How much of the slow start is left, from 1 to 0.
    pub(crate) fn slow_start_left(&self, now: Instant, window: Duration) -> f64 {
        let Some(recovered) = self.recovered else {
            return 0.0;
        };
        let passed = now.saturating_duration_since(recovered);
        if passed >= window {
            return 0.0;
        }
        1.0 - passed.as_secs_f64() / window.as_secs_f64()
    }

    /// Makes the coming attempt the trial, unless the breaker is closed.
    pub(crate) fn begin_attempt(&mut self, now: Instant) {
        let pause = match self.state {
            State::Closed => return,
            State::Open { until } => Some(until).filter(|until| now < *until),
            State::HalfOpen { pause, .. } => pause,
        };
        self.last_trial = Some(now);
        let trying = true;
        self.change(State::HalfOpen { trying, pause });
    }

    /// A node fault. Whether the node has gone down by it, as far as we knew.
    pub(crate) fn fault(
        &mut self,
        epoch: u64,
        cost: Duration,
        options: &Options,
        now: Instant,
        random: &mut Random,
    ) -> bool {
        if epoch != self.epoch {
            return false;
        }
        self.last_fault = Some(now);
        self.penalty = None;
        self.recovered = None;
        if let State::HalfOpen {
            pause: Some(until), ..
        } = self.state
        {
            self.change(State::Open {
                until: until.max(now),
            });
            return false;
        }
        let was_closed = self.state == State::Closed;
        self.exponent = match was_closed {
            true => 0,
            false => (self.exponent + 1).min(LAST_EXPONENT),
        };
        let delay = options.failed_host_reconnect_delay;
        let longest = options.backoff_max.max(delay);
        let pause = delay
            .saturating_mul(1 << self.exponent)
            .min(longest)
            .mul_f64(random.around_one(JITTER))
            .min(longest);
        self.was_costly = cost >= COSTLY;
        self.change(State::Open { until: now + pause });
        was_closed
    }

    /// The node is there but did not take the connection.
    pub(crate) fn soft_fault(&mut self, epoch: u64, now: Instant) {
        self.last_fault = Some(now);
        self.penalty = Some(now + SOFT_PENALTY);
        self.cancelled(epoch);
    }

    /// A connection was made, or at least refused by a server in good health. Whether the node has
    /// come up by it.
    pub(crate) fn success(&mut self, now: Instant) -> bool {
        self.penalty = None;
        if self.state == State::Closed {
            return false;
        }
        self.exponent = 0;
        self.was_costly = false;
        self.recovered = Some(now);
        self.change(State::Closed);
        true
    }

    /// The attempt of that epoch ended without an answer; if it was the trial, the next may try.
    pub(crate) fn cancelled(&mut self, epoch: u64) {
        if epoch != self.epoch {
            return;
        }
        match self.state {
            State::Closed | State::Open { .. } => {}
            State::HalfOpen { pause: None, .. } => self.change(WAITING),
            State::HalfOpen {
                pause: Some(until), ..
            } => self.change(State::Open { until }),
        }
    }

    /// Another address is used from now on: whatever the faults and trials at the old one say.
    pub(crate) fn restart(&mut self) {
        if self.state != State::Closed {
            self.was_costly = false;
            self.change(WAITING);
        }
    }

    /// There is reason to think that the node is back: it is listed again, or its peers are back.
    pub(crate) fn relist(&mut self) {
        if matches!(self.state, State::Open { .. }) {
            self.was_costly = false;
            self.change(WAITING);
        }
    }

    fn change(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
    }
}

#[cfg(test)]
#[path = "breaker/tests.rs"]
mod tests;
