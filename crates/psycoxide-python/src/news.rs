//! Notices and notifications: what the server sends unasked goes to whoever wants it.

use std::sync::PoisonError;

use pyo3::prelude::*;

use crate::pq::notify::PGnotify;
use crate::pq::result::PGresult;
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
    if let Some(handler) = on_notice {
        for fields in notices {
            handler.call1(py, (PGresult::notice(fields),))?;
        }
    }
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
