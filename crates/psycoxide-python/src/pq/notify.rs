//! Notifications as `psycoxide.pq.PGnotify`, which is a named tuple in Python.

use psycoxide_connection::Notification;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyType};

/// A notification, as the server sent it.
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

impl<'py> IntoPyObject<'py> for PGnotify {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let Notification {
            channel,
            pid,
            payload,
            ..
        } = self.notification;
        CLASS.import(py, "psycoxide.pq", "PGnotify")?.call1((
            PyBytes::new(py, &channel),
            pid,
            PyBytes::new(py, &payload),
        ))
    }
}
