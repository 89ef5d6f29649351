//! `psycoxide.pq.PGnotify`.

use psycoxide_connection::Notification;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// A notification, as the server sent it.
#[pyclass(frozen, module = "psycoxide.pq")]
#[derive(Debug)]
pub struct PGnotify {
    notification: Notification,
}

impl PGnotify {
    /// Wraps a notification.
    pub fn new(notification: Notification) -> PGnotify {
        PGnotify { notification }
    }
}

#[pymethods]
impl PGnotify {
    /// The channel, `bytes` in the connection's encoding.
    #[getter]
    fn relname<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.notification.channel)
    }

    /// The process that notified.
    #[getter]
    fn be_pid(&self) -> u32 {
        self.notification.pid
    }

    /// The payload, `bytes`, maybe empty.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.notification.payload)
    }

    fn __repr__(&self) -> String {
        format!(
            "PGnotify(relname={:?}, be_pid={}, extra={:?})",
            String::from_utf8_lossy(&self.notification.channel),
            self.notification.pid,
            String::from_utf8_lossy(&self.notification.payload)
        )
    }
}
