//! Notices and notifications: what the server sends unasked goes to whoever wants it.
//!
//! A notification goes to the handlers; if there are none, or while somebody listens, it is kept
//! for `notifies()`. None is lost, whatever a handler raises.
//! <https://www.postgresql.org/docs/current/libpq-notify.html>

use std::sync::{MutexGuard, PoisonError};

use psycoxide_protocol::backend::ErrorFields;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::event_loop;
use crate::pq::notify::PGnotify;
use crate::pq::result::PGresult;
use crate::pq::tracing;
use crate::shared::{Handlers, Shared};

/// How many notifications are kept for a later `notifies()` when nobody listens: the oldest go
/// first, so that a forgotten LISTEN does not eat the memory.
const BACKLOG: usize = 100_000;

/// The handlers, for a moment: Python is not called while they are locked.
pub fn handlers(shared: &Shared) -> MutexGuard<'_, Handlers> {
    shared
        .handlers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Calls the handlers with what has come.
///
/// # Errors
/// What the first handler raises that raises anything.
#[cold]
pub fn deliver(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    tracing::write(py, shared)?;
    let (notices, notifications) = shared.with(py, |connection| {
        (
            connection.pgconn.take_notices(),
            connection.pgconn.take_notifications(),
        )
    });
    let (on_notice, on_notify, keep) = {
        let handlers = handlers(shared);
        let clone = |handler: &Option<Py<PyAny>>| handler.as_ref().map(|h| h.clone_ref(py));
        let keep = handlers.notify.is_none() || handlers.listening > 0;
        (clone(&handlers.notice), clone(&handlers.notify), keep)
    };
    if keep && !notifications.is_empty() {
        let listeners = {
            let mut handlers = handlers(shared);
            handlers.backlog.extend(notifications.iter().cloned());
            let excess = handlers.backlog.len().saturating_sub(BACKLOG);
            handlers.backlog.drain(..excess);
            std::mem::take(&mut handlers.listeners)
        };
        event_loop::wake(py, &listeners)?;
    }
    give_notices(py, on_notice, notices)?;
    let mut result = Ok(());
    if let Some(handler) = on_notify {
        for notification in notifications {
            let called = handler.call1(py, (PGnotify::new(notification),));
            result = result.and(called.map(drop));
        }
    }
    result
}

/// The same for libpq's verbs: notices go to their handler and traced messages to their file;
/// notifications wait for `notifies()`, or for the next operation of a cursor.
///
/// # Errors
/// What a handler raises that is no `Exception`, or the file.
#[inline]
pub fn deliver_low_level(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    if shared.has_news() {
        return deliver_notices(py, shared);
    }
    Ok(())
}

#[cold]
fn deliver_notices(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    tracing::write(py, shared)?;
    let notices = shared.with(py, |connection| connection.pgconn.take_notices());
    if notices.is_empty() {
        return Ok(());
    }
    let handler = shared
        .handlers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .notice
        .as_ref()
        .map(|handler| handler.clone_ref(py));
    give_notices(py, handler, notices)
}

/// Calls the handler with each notice. Its exceptions go to the log, as in psycopg: they must not
/// take the place of the result of what the notices are about.
fn give_notices(
    py: Python<'_>,
    handler: Option<Py<PyAny>>,
    notices: impl IntoIterator<Item = Box<ErrorFields>>,
) -> PyResult<()> {
    let Some(handler) = handler else {
        return Ok(());
    };
    for fields in notices {
        let Err(error) = handler.call1(py, (PGresult::notice(fields),)) else {
            continue;
        };
        if !error.is_instance_of::<PyException>(py) {
            return Err(error);
        }
        let logger = py
            .import("logging")?
            .call_method1("getLogger", ("psycopg",))?;
        let details = PyDict::new(py);
        details.set_item("exc_info", error.value(py))?;
        logger.call_method(
            "error",
            ("error in notice receiver: %s", error.value(py)),
            Some(&details),
        )?;
    }
    Ok(())
}
