//! The first list of nodes: one caller fetches it, the others wait.
//!
//! ```text
//!            begin                    list, or "no such function"
//!   Idle ───────────▶ Leading ─────────────────────────────▶ Ready(cluster)
//!    ▲  ▲                │ │
//!    │  └── turn dropped ┘ └── failed ──▶ Failed(retry_at) ─┐
//!    └────────────────────────────────────── time over ─────┘
//! ```
//!
//! The rule it guards: thirty threads that start together make one control connection, nobody waits
//! for a leader who hangs longer than the limit, and a leader's cancellation or wrong password is
//! not the others' fate.

use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::Endpoint;
use crate::cluster::Cluster;
use crate::fork_local::{ForkLocal, ProcessId};
use crate::random::Random;
use crate::schedule::backoff;
use crate::wakers::{Topic, Wakers};

/// What a caller does about the first list.
#[derive(Debug)]
pub enum Bootstrap {
    /// It is there.
    Ready(Arc<Cluster>),
    /// Fetch it: connect to the configured hosts, call `yb_servers()`, tell the
    /// [`Registry`](crate::Registry).
    Lead(BootstrapTurn),
    /// Somebody fetches it. Ask again when woken, at the latest then.
    Wait {
        /// Until when.
        until: Instant,
    },
    /// It could not be had a moment ago. Connect to the configured hosts if `bootstrap_fallback`
    /// allows; [`Entry::begin_anyway`] tries again at once.
    Failed {
        /// When it is tried again.
        retry_at: Instant,
    },
}

/// A list of configured hosts, on the way to the cluster behind them.
#[derive(Debug)]
pub struct Entry {
    process: ProcessId,
    contacts: Vec<Endpoint>,
    state: ForkLocal<EntryState>,
}

#[derive(Debug, Default)]
struct EntryState {
    phase: Phase,
    /// Turns given so far; the last one is the leader's.
    turns: u64,
    failures: u32,
    wakers: Wakers,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Leading {
        until: Instant,
    },
    Ready(Arc<Cluster>),
    Failed {
        retry_at: Instant,
    },
}

/// The right, and the duty, to fetch the first list. Dropping it passes both on.
#[must_use = "others wait until the outcome is told"]
#[derive(Debug)]
pub struct BootstrapTurn {
    entry: Arc<Entry>,
    process: u32,
    number: u64,
    is_open: bool,
}

impl Entry {
    pub(crate) fn new(process: ProcessId, contacts: Vec<Endpoint>) -> Self {
        Self {
            process,
            contacts,
            state: ForkLocal::new(),
        }
    }

    /// The configured hosts.
    pub fn contacts(&self) -> &[Endpoint] {
        &self.contacts
    }

    /// What to do now. `limit`: how long a leader may take before another takes over.
    pub fn begin(self: &Arc<Self>, now: Instant, limit: Duration) -> Bootstrap {
        self.start(now, limit, false)
    }

    /// The same, but a recent failure does not count.
    pub fn begin_anyway(self: &Arc<Self>, now: Instant, limit: Duration) -> Bootstrap {
        self.start(now, limit, true)
    }

    /// Has the waker called when there is an outcome. Register, then ask again, then sleep.
    pub fn wake_on_outcome(&self, waker: &Waker) {
        self.with(|state| match state.phase {
            Phase::Leading { .. } => state.wakers.add(Topic::Refresh, waker),
            // There is one; nobody would ever call a waker that is kept now.
            _ => state.wakers.wake(vec![waker.clone()]),
        });
    }

    pub(crate) fn leads_to(&self, cluster: &Arc<Cluster>) -> bool {
        self.with(|state| match &state.phase {
            Phase::Ready(known) => Arc::ptr_eq(known, cluster),
            _ => false,
        })
    }

    pub(crate) fn reset(&self) {
        self.with(|state| {
            state.phase = Phase::Idle;
            state.failures = 0;
            state.wakers.mark(Topic::Refresh);
        });
    }

    fn start(self: &Arc<Self>, now: Instant, limit: Duration, anyway: bool) -> Bootstrap {
        let turn = self.with(|state| {
            match &state.phase {
                Phase::Ready(cluster) => return Err(Bootstrap::Ready(cluster.clone())),
                Phase::Leading { until } if now < *until => {
                    return Err(Bootstrap::Wait { until: *until });
                }
                Phase::Failed { retry_at } if now < *retry_at && !anyway => {
                    return Err(Bootstrap::Failed {
                        retry_at: *retry_at,
                    });
                }
                Phase::Idle | Phase::Leading { .. } | Phase::Failed { .. } => {}
            }
            state.phase = Phase::Leading { until: now + limit };
            state.turns += 1;
            Ok(state.turns)
        });
        match turn {
            Err(other) => other,
            Ok(number) => Bootstrap::Lead(BootstrapTurn {
                process: (self.process)(),
                entry: self.clone(),
                number,
                is_open: true,
            }),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut EntryState) -> T) -> T {
        let mut state = self.state.lock((self.process)(), EntryState::default);
        let result = act(&mut state);
        let wakers = state.wakers.take();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        result
    }
}

impl BootstrapTurn {
    /// Whose hosts are to be asked.
    pub fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// No host could be reached. For a failure that is the caller's own (a wrong password), drop
    /// the turn instead: others may know better.
    pub fn fail(mut self, now: Instant, random: &mut Random) {
        self.end(|state| {
            let pause = backoff(state.failures, random);
            state.failures = state.failures.saturating_add(1);
            state.phase = Phase::Failed {
                retry_at: now + pause,
            };
        });
    }

    pub(crate) fn succeed(mut self, cluster: Arc<Cluster>) {
        // Also when another has taken over: the answer is good whoever brings it.
        self.is_open = false;
        if (self.entry.process)() == self.process {
            self.entry.with(|state| {
                if !matches!(state.phase, Phase::Ready(_)) {
                    state.phase = Phase::Ready(cluster);
                }
                state.failures = 0;
                state.wakers.mark(Topic::Refresh);
            });
        }
    }

    fn end(&mut self, change: impl FnOnce(&mut EntryState)) {
        if !std::mem::take(&mut self.is_open) || (self.entry.process)() != self.process {
            return;
        }
        self.entry.with(|state| {
            // A leader who was overtaken has no say.
            if matches!(state.phase, Phase::Leading { .. }) && state.turns == self.number {
                change(state);
                state.wakers.mark(Topic::Refresh);
            }
        });
    }
}

impl Drop for BootstrapTurn {
    fn drop(&mut self) {
        self.end(|state| state.phase = Phase::Idle);
    }
}
