//! Waiting for notifications: what `notifies()` of connections of both kinds is made of.
//!
//! A thread waits in slices, and others have their turn between them. A task does not take a turn
//! at all: it waits for a future, which is resolved when a notification comes, whatever the
//! connection does meanwhile.

use std::time::{Duration, Instant};

use psycoxide_client::operations::{Operation, Step, Wait};
use psycoxide_client::{BLOCKING_INTERVAL, Connection, Error};
use pyo3::prelude::*;

use crate::cooperative;
use crate::driver;
use crate::event_loop;
use crate::news::{self, handlers};
use crate::pq::notify::PGnotify;
use crate::pq::pgconn::PGconn;
use crate::shared::Shared;

/// Reads what is there until something has come unasked.
#[derive(Default)]
struct Listen {
    abandoned: bool,
}

impl Operation for Listen {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        connection.absorb_idle()?;
        if self.abandoned || connection.pgconn.has_news() {
            return Ok(Step::Done(()));
        }
        Ok(Step::Wait(Wait {
            read: true,
            write: false,
        }))
    }

    fn abandon(&mut self) -> bool {
        self.abandoned = true;
        false
    }
}

/// Lets whoever waits for the turn have it.
fn yield_turn(py: Python<'_>, shared: &Shared, end: Option<Instant>) -> PyResult<()> {
    const PAUSE: Duration = Duration::from_millis(1);
    while shared.turn().is_wanted() && end.is_none_or(|end| Instant::now() < end) {
        if shared.turn().is_cooperative() {
            cooperative::pause(py)?;
        } else {
            py.detach(|| std::thread::sleep(PAUSE));
        }
        py.check_signals()?;
    }
    Ok(())
}

#[pymethods]
impl PGconn {
    /// Waits for a notification, in this thread, at most `seconds`.
    fn _wait_notification(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<()> {
        let shared = self.shared();
        let limit = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            let now = Instant::now();
            let slice = now + BLOCKING_INTERVAL;
            let until = end.map_or(slice, |end| end.min(slice));
            {
                let _turn = shared.turn().take(py, false)?;
                driver::run_in_turn(py, shared, &mut Listen::default(), Some(until))?;
            }
            if shared.take_news() {
                news::deliver(py, shared)?;
            }
            let over = end.is_some_and(|end| Instant::now() >= end);
            if over || !handlers(shared).backlog.is_empty() {
                return Ok(());
            }
            py.check_signals()?;
            yield_turn(py, shared, end)?;
        }
    }

    /// Has a future of the running loop resolved when a notification comes; `False` if there is one
    /// already.
    fn _add_listener(&self, py: Python<'_>, future: Py<PyAny>) -> PyResult<bool> {
        let shared = self.shared();
        driver::check_usable(shared)?;
        event_loop::enter_loop(py, shared)?;
        event_loop::look(py, shared)?;
        let mut handlers = handlers(shared);
        if handlers.backlog.is_empty() {
            handlers.listeners.push(future);
            return Ok(true);
        }
        Ok(false)
    }

    /// Forgets a future.
    fn _remove_listener(&self, future: &Bound<'_, PyAny>) {
        let forgotten: Vec<_> = {
            let mut handlers = handlers(self.shared());
            let (gone, left) = std::mem::take(&mut handlers.listeners)
                .into_iter()
                .partition(|listener| listener.is(future));
            handlers.listeners = left;
            gone
        };
        drop(forgotten);
    }

    /// Begins (1) or ends (-1) to keep notifications also where handlers get them. Returns whether
    /// there are handlers.
    fn _listen(&self, change: isize) -> bool {
        let mut handlers = handlers(self.shared());
        handlers.listening = handlers.listening.saturating_add_signed(change);
        handlers.notify.is_some()
    }

    /// The notifications that have come and nobody has taken.
    fn _take_notifications(&self) -> Vec<PGnotify> {
        let taken = std::mem::take(&mut handlers(self.shared()).backlog);
        taken.into_iter().map(PGnotify::new).collect()
    }
}
