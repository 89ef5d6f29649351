//! Where a connection's socket is watched: registered once per connection and loop.

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::{Watcher, lock};
use crate::error;
use crate::shared::Shared;

/// The loop that watches a socket, the descriptor, and whether also for writing.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) event_loop: Py<PyAny>,
    pub(super) fd: i32,
    /// Whether the loop watches for data: not between the operations of a COPY, when nobody would
    /// take them.
    pub(super) reading: bool,
    pub(super) writing: bool,
}

/// The running loop.
pub(super) fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let function = FUNCTION.get_or_try_init(py, || {
        py.import("asyncio")?
            .getattr("get_running_loop")
            .map(Bound::unbind)
    })?;
    function.bind(py).call0()
}

/// Makes the loop watch the socket, once; for writing only as long as that is wanted. A lost
/// connection is taken off the loop.
pub(super) fn register(py: Python<'_>, shared: &Shared, writing: bool) -> PyResult<()> {
    let mut state = lock(shared);
    let Some(registration) = &mut state.registration else {
        return Ok(());
    };
    if shared.fd() != Some(registration.fd) {
        drop(state);
        return unregister(py, shared);
    }
    if registration.writing == writing {
        return Ok(());
    }
    registration.writing = writing;
    let fd = registration.fd;
    let event_loop = registration.event_loop.clone_ref(py);
    drop(state);
    let event_loop = event_loop.bind(py);
    if writing {
        let watcher = watcher_of(shared);
        event_loop.call_method1(pyo3::intern!(py, "add_writer"), (fd, watcher))?;
    } else {
        event_loop.call_method1(pyo3::intern!(py, "remove_writer"), (fd,))?;
    }
    Ok(())
}

/// Data have come that nobody takes now: lets them wait, and with them the server.
pub(super) fn pause_reading(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    let (event_loop, fd) = {
        let mut state = lock(shared);
        match &mut state.registration {
            Some(registration) if registration.reading => {
                registration.reading = false;
                (registration.event_loop.clone_ref(py), registration.fd)
            }
            _ => return Ok(()),
        }
    };
    event_loop.call_method1(py, pyo3::intern!(py, "remove_reader"), (fd,))?;
    Ok(())
}

/// Watches for data again, after [`pause_reading`].
pub(super) fn resume_reading(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    let (event_loop, fd) = {
        let mut state = lock(shared);
        match &mut state.registration {
            Some(registration) if !registration.reading && shared.fd() == Some(registration.fd) => {
                registration.reading = true;
                (registration.event_loop.clone_ref(py), registration.fd)
            }
            _ => return Ok(()),
        }
    };
    let watcher = watcher_of(shared);
    event_loop.call_method1(py, pyo3::intern!(py, "add_reader"), (fd, watcher))?;
    Ok(())
}

fn watcher_of(shared: &Shared) -> Watcher {
    Watcher {
        shared: shared.weak(),
    }
}

/// Registers with the running loop, if that is not done yet.
///
/// # Errors
/// Where no loop runs, or the connection is closed.
pub fn enter_loop<'py>(py: Python<'py>, shared: &Shared) -> PyResult<Bound<'py, PyAny>> {
    let event_loop = running_loop(py)?;
    let fd = shared.fd().ok_or_else(|| error::closed(shared))?;
    let known = lock(shared)
        .registration
        .as_ref()
        .is_some_and(|known| known.fd == fd && known.event_loop.bind(py).is(&event_loop));
    if known {
        return Ok(event_loop);
    }
    leave_dead_loop(py, shared)?;
    unregister(py, shared)?;
    event_loop.call_method1(pyo3::intern!(py, "add_reader"), (fd, watcher_of(shared)))?;
    let registration = Registration {
        event_loop: event_loop.clone().unbind(),
        fd,
        reading: true,
        writing: false,
    };
    lock(shared).registration = Some(registration);
    Ok(event_loop)
}

/// Fails if the connection was in use on a loop that was closed meanwhile: nobody has read the rest.
fn leave_dead_loop(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    let abandoned = {
        let state = lock(shared);
        let registration = state.registration.as_ref();
        let known = registration.filter(|_| state.busy || state.reserved.is_some());
        known.map(|known| known.event_loop.clone_ref(py))
    };
    let Some(event_loop) = abandoned else {
        return Ok(());
    };
    let closed = event_loop
        .bind(py)
        .call_method0(pyo3::intern!(py, "is_closed"))?;
    if !closed.is_truthy()? {
        return Ok(());
    }
    let left = {
        let mut state = lock(shared);
        state.busy = false;
        (
            state.current.take(),
            state.reserved.take(),
            std::mem::take(&mut state.queue),
            std::mem::take(&mut state.queue_of_copy),
        )
    };
    drop(left);
    shared.with(py, |connection| connection.pgconn.lose());
    Err(error::closed(shared))
}

/// Takes the socket off its loop; before it is closed, wherever that can be arranged.
///
/// # Errors
/// What the loop raises.
pub fn unregister(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    let Some(registration) = lock(shared).registration.take() else {
        return Ok(());
    };
    let event_loop = registration.event_loop.clone_ref(py).into_bound(py);
    if event_loop
        .call_method0(pyo3::intern!(py, "is_closed"))?
        .is_truthy()?
    {
        return Ok(());
    }
    let here = running_loop(py).is_ok_and(|running| running.is(&event_loop));
    let running = event_loop
        .call_method0(pyo3::intern!(py, "is_running"))?
        .is_truthy()?;
    if here || !running {
        return registration.remove(py);
    }
    event_loop
        .call_method1("call_soon_threadsafe", (Unwatch { registration },))
        .map(drop)
}

/// What another thread has the loop call to take a socket off it.
#[pyclass(frozen, module = "psycoxide._core")]
struct Unwatch {
    registration: Registration,
}

#[pymethods]
impl Unwatch {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.registration.remove(py)
    }
}

impl Registration {
    /// Takes the socket off the loop. A lost connection has closed it already, which the system's
    /// poller notices by itself, and complains of; the loop forgets it all the same.
    fn remove(&self, py: Python<'_>) -> PyResult<()> {
        for (watched, name) in [
            (self.reading, "remove_reader"),
            (self.writing, "remove_writer"),
        ] {
            if !watched {
                continue;
            }
            match self.event_loop.call_method1(py, name, (self.fd,)) {
                Err(error) if !error.is_instance_of::<PyOSError>(py) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
