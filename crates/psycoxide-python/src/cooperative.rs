//! Waiting through Python's `select`, where that has been replaced by one that lets other green
//! threads run (gevent, eventlet).
//!
//! A wait in Rust would hold up all of them: they are one thread.
//! <https://www.gevent.org/api/gevent.monkey.html>

use std::time::Duration;

use psycoxide_client::operations::Wait;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// How long to wait where nothing tells the end of it.
const PAUSE: Duration = Duration::from_millis(5);

/// Whether `select.select` is not Python's own.
///
/// # Errors
/// When Python's modules cannot be looked at.
pub fn is_wanted(py: Python<'_>) -> PyResult<bool> {
    let modules = py.import("sys")?.getattr("modules")?;
    let Ok(select) = modules.get_item("select") else {
        return Ok(false);
    };
    let owner = select.getattr("select")?.getattr("__module__")?;
    Ok(!owner.eq("select")?)
}

/// Waits for a descriptor.
///
/// # Errors
/// What `select` raises.
pub fn wait(py: Python<'_>, fd: i32, wait: Wait, timeout: Option<Duration>) -> PyResult<()> {
    let list = |wanted: bool| PyList::new(py, wanted.then_some(fd));
    let nothing = PyList::empty(py);
    let seconds = timeout.map(|timeout| timeout.as_secs_f64());
    let select = py.import("select")?.getattr("select")?;
    select.call1((list(wait.read)?, list(wait.write)?, nothing, seconds))?;
    Ok(())
}

/// Which green thread this is.
///
/// # Errors
/// What Python raises.
pub fn identity(py: Python<'_>) -> PyResult<u64> {
    py.import("_thread")?.call_method0("get_ident")?.extract()
}

/// Lets the others run for a moment.
///
/// # Errors
/// What `select` raises.
pub fn pause(py: Python<'_>) -> PyResult<()> {
    let nothing = || PyList::empty(py);
    let select = py.import("select")?.getattr("select")?;
    select.call1((nothing(), nothing(), nothing(), PAUSE.as_secs_f64()))?;
    Ok(())
}
