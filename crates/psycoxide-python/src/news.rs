//! Notices and notifications: what the server sends unasked goes to whoever wants it.

use std::sync::PoisonError;

use psycoxide_protocol::backend::ErrorFields;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::pq::notify::PGnotify;
use crate::pq::result::PGresult;
use crate::pq::tracing;
use crate::shared::Shared;

/// How many notifications are kept for a later `notifies()` when nobody listens: the oldest go
/// first, so that a forgotten LISTEN does not eat the memory.
const BACKLOG: usize = 100_000;

/// Calls the handlers with what has come.
///
/// # Errors
/// What a handler raises.
#[cold]
pub fn deliver(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    tracing::write(py, shared)?;
    let (notices, notifications) = shared.with(py, |connection| {
        (
            connection.pgconn.take_notices(),
            connection.pgconn.take_notifications(),
        )
    });
    let (on_notice, on_notify) = {
        let handlers = shared
            .handlers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let clone = |handler: &Option<Py<PyAny>>| handler.as_ref().map(|h| h.clone_ref(py));
        (clone(&handlers.notice), clone(&handlers.notify))
    };
    give_notices(py, on_notice, notices)?;
    match on_notify {
        Some(handler) => {
            for notification in notifications {
                handler.call1(py, (PGnotify::new(notification),))?;
            }
        }
        None => {
            let mut handlers = shared
                .handlers
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            handlers.backlog.extend(notifications);
            let excess = handlers.backlog.len().saturating_sub(BACKLOG);
            handlers.backlog.drain(..excess);
        }
    }
    Ok(())
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
