//! When the list of nodes is fetched next, and why.
//!
//! | reason | when |
//! |---|---|
//! | [`Reason::Interval`] | `yb_servers_refresh_interval` after the last list, ±10 % |
//! | [`Reason::NodesDown`] | `failed_host_reconnect_delay_secs` after the last try, while a node is down |
//! | [`Reason::NodeFault`], [`Reason::ConnectionLost`] | at once, at most one a second |
//! | [`Reason::Connect`], [`Reason::Asked`] | at once |
//! | [`Reason::Retry`] | after a failure: 1 s, 2 s, 4 s … 60 s, ±20 % |
//! | [`Reason::Recovered`] | a connection came about although the last try failed: at once |
//!
//! The rule it guards: one refresh at a time, and thousands of processes do not ask together.

use std::time::{Duration, Instant};

use crate::Options;
use crate::random::Random;

/// Faults come in swarms; one refresh answers all of them.
const DEBOUNCE: Duration = Duration::from_secs(1);

/// The longest wait after failures.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// Why a refresh is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It is time.
    Interval,
    /// Some node is down; its return should be seen soon.
    NodesDown,
    /// A node could not be reached.
    NodeFault,
    /// An open connection broke.
    ConnectionLost,
    /// A connect wants the newest list (`yb_servers_refresh_interval=0`).
    Connect,
    /// The application asked.
    Asked,
    /// The last try failed.
    Retry,
    /// Refreshing failed, and now a connection came about.
    Recovered,
}

impl Reason {
    /// Whether it may be put off because the last try was a moment ago.
    fn is_patient(self) -> bool {
        !matches!(self, Reason::Connect | Reason::Asked)
    }

    /// Which of two wishes is the stronger.
    fn rank(self) -> u8 {
        match self {
            Reason::Connect | Reason::Asked => 2,
            Reason::Recovered => 1,
            _ => 0,
        }
    }
}

/// A refresh to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub at: Instant,
    /// Why.
    pub reason: Reason,
}

#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// The shortest any caller wants; none: only when asked.
    interval: Option<Duration>,
    delay: Option<Duration>,
    last_try: Option<Instant>,
    last_success: Option<Instant>,
    last_duration: Option<Duration>,
    failures: u32,
    requested: Option<Due>,
    /// When the refresh that is under way began.
    running: Option<Instant>,
    /// How many ended, either way.
    ended: u64,
    interval_factor: f64,
    backoff: Duration,
}

impl Schedule {
    /// Takes over a caller's timers. Whether something is due earlier because of it.
    pub(crate) fn note(&mut self, options: &Options) -> bool {
        let shorter = |mine: &mut Option<Duration>, wanted: Duration| {
            let is_shorter = mine.is_none_or(|mine| wanted < mine);
            if is_shorter {
                *mine = Some(wanted);
            }
            is_shorter
        };
        let delay = options.failed_host_reconnect_delay;
        let mut changed = shorter(&mut self.delay, delay);
        if !options.refresh_interval.is_zero() {
            changed |= shorter(&mut self.interval, options.refresh_interval);
        }
        changed
    }

    pub(crate) fn due(&self, any_down: bool) -> Option<Due> {
        if self.running.is_some() {
            return None;
        }
        let after = |then: Option<Instant>, pause: Duration, reason| {
            then.map(|then| Due {
                at: then + pause,
                reason,
            })
        };
        let requested = self.requested.map(|due| match self.last_try {
            Some(last) if due.reason.is_patient() => Due {
                at: due.at.max(last + DEBOUNCE),
                ..due
            },
            _ => due,
        });
        let by_itself = if self.failures > 0 {
            after(self.last_try, self.backoff, Reason::Retry)
        } else {
            let interval = self.interval.and_then(|interval| {
                let pause = interval.mul_f64(self.interval_factor);
                after(self.last_success, pause, Reason::Interval)
            });
            let fast = self
                .delay
                .filter(|_| any_down)
                .and_then(|delay| after(self.last_try, delay.max(DEBOUNCE), Reason::NodesDown));
            [interval, fast]
                .into_iter()
                .flatten()
                .min_by_key(|due| due.at)
        };
        // A fault is no news while the list cannot be had at all.
        let requested = requested.filter(|due| {
            self.failures == 0 || !matches!(due.reason, Reason::NodeFault | Reason::ConnectionLost)
        });
        [requested, by_itself]
            .into_iter()
            .flatten()
            .min_by_key(|due| due.at)
    }

    /// Wishes for a refresh. Whether that is news.
    pub(crate) fn request(&mut self, reason: Reason, now: Instant) -> bool {
        if reason == Reason::Recovered && self.failures == 0 {
            return false;
        }
        // The one under way is as good for somebody who only wants to connect; after a fault it
        // may know too little.
        if self.running.is_some() && !reason.is_patient() {
            return false;
        }
        if self
            .requested
            .is_none_or(|known| known.reason.rank() < reason.rank())
        {
            self.requested = Some(Due { at: now, reason });
            return true;
        }
        false
    }

    /// Begins a refresh if none is under way.
    pub(crate) fn begin(&mut self, now: Instant) -> bool {
        if self.running.is_some() {
            return false;
        }
        self.running = Some(now);
        self.requested = None;
        true
    }

    pub(crate) fn succeed(&mut self, now: Instant, random: &mut Random) {
        if let Some(began) = self.running {
            self.last_duration = Some(now.saturating_duration_since(began));
        }
        self.end(now);
        self.last_success = Some(now);
        self.failures = 0;
        self.interval_factor = random.around_one(0.1);
    }

    pub(crate) fn fail(&mut self, now: Instant, random: &mut Random) {
        self.end(now);
        self.backoff = backoff(self.failures, random);
        self.failures = self.failures.saturating_add(1);
    }

    /// The refresh was given up; the next may begin as if it had not been.
    pub(crate) fn cancel(&mut self) {
        if let Some(began) = self.running.take() {
            self.ended += 1;
            let at = began;
            let reason = Reason::Asked;
            self.requested.get_or_insert(Due { at, reason });
        }
    }

    /// The number of refreshes that must have ended so that one asked for now is among them.
    pub(crate) fn ticket(&self) -> u64 {
        self.ended + 1
    }

    pub(crate) fn ended(&self) -> u64 {
        self.ended
    }

    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        self.last_success
            .map(|then| now.saturating_duration_since(then))
    }

    pub(crate) fn duration(&self) -> Option<Duration> {
        self.last_duration
    }

    fn end(&mut self, now: Instant) {
        self.running = None;
        self.ended += 1;
        self.last_try = Some(now);
    }
}

/// The pause after so many failures in a row before this one.
pub(crate) fn backoff(failures: u32, random: &mut Random) -> Duration {
    let pause = Duration::from_secs(1 << failures.min(6));
    pause
        .min(LONGEST_BACKOFF)
        .mul_f64(random.around_one(0.2))
        .min(LONGEST_BACKOFF)
}

#[cfg(test)]
#[path = "schedule/tests.rs"]
mod tests;
