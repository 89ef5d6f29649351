//! Where a connection's socket is watched: registered once per connection and loop.
//!
//! A loop knows a socket by the number of its descriptor, and only its own thread may tell it to
//! forget one. Until it has, the number is kept ([`Descriptor`]), whoever closes the connection and
//! wherever: the next socket of that number would be taken for this one, and nobody be woken.

use std::os::fd::AsRawFd;
use std::sync::{Mutex, PoisonError};

use psycoxide_client::Descriptor;
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
    descriptor: Descriptor,
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
    if shared.fd() != Some(registration.fd()) {
        drop(state);
        return unregister(py, shared);
    }
    if registration.writing == writing {
        return Ok(());
    }
    registration.writing = writing;
    let fd = registration.fd();
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
                (registration.event_loop.clone_ref(py), registration.fd())
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
            Some(registration)
                if !registration.reading && shared.fd() == Some(registration.fd()) =>
            {
                registration.reading = true;
                (registration.event_loop.clone_ref(py), registration.fd())
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
        .is_some_and(|known| known.fd() == fd && known.event_loop.bind(py).is(&event_loop));
    if known {
        return Ok(event_loop);
    }
    leave_dead_loop(py, shared)?;
    unregister(py, shared)?;
    let descriptor = shared.with(py, |connection| connection.pgconn.descriptor());
    let registration = Registration {
        event_loop: event_loop.clone().unbind(),
        descriptor: descriptor.ok_or_else(|| error::closed(shared))?,
        reading: true,
        writing: false,
    };
    let watched = (registration.fd(), watcher_of(shared));
    event_loop.call_method1(pyo3::intern!(py, "add_reader"), watched)?;
    lock(shared).registration = Some(registration);
    if !shared.is_open() {
        // A thread has closed it meanwhile, and has found nothing to take off the loop.
        unregister(py, shared)?;
        return Err(error::closed(shared));
    }
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
    if !is_closed(event_loop.bind(py))? {
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
    let registration = lock(shared).registration.take();
    match registration {
        // In a process that was forked off the loop is the parent's, and so is what it watches.
        Some(registration) if shared.is_ours() => registration.leave(py),
        _ => Ok(()),
    }
}

/// What another thread has the loop call to take a socket off it.
///
/// A loop that is stopped before, and never runs again, drops this when it is closed.
#[pyclass(frozen, module = "psycoxide._core")]
struct Unwatch {
    registration: Mutex<Option<Registration>>,
}

#[pymethods]
impl Unwatch {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let registration = {
            let mut kept = self
                .registration
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            kept.take()
        };
        registration.map_or(Ok(()), |registration| registration.remove(py))
    }
}

impl Registration {
    fn fd(&self) -> i32 {
        self.descriptor.as_raw_fd()
    }

    /// Takes the socket off the loop, from any thread.
    fn leave(self, py: Python<'_>) -> PyResult<()> {
        let event_loop = self.event_loop.clone_ref(py).into_bound(py);
        if is_closed(&event_loop)? {
            return Ok(());
        }
        let here = running_loop(py).is_ok_and(|running| running.is(&event_loop));
        let running = event_loop
            .call_method0(pyo3::intern!(py, "is_running"))?
            .is_truthy()?;
        if here || !running {
            return self.remove(py);
        }
        let unwatch = Unwatch {
            registration: Mutex::new(Some(self)),
        };
        match event_loop.call_method1("call_soon_threadsafe", (unwatch,)) {
            // It may have been closed just now.
            Err(error) if !is_closed(&event_loop)? => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes the socket off the loop, in the loop's thread. What the system's poller has noticed
    /// by itself, and complains of, the loop forgets all the same.
    fn remove(&self, py: Python<'_>) -> PyResult<()> {
        for (watched, name) in [
            (self.reading, "remove_reader"),
            (self.writing, "remove_writer"),
        ] {
            if !watched {
                continue;
            }
            match self.event_loop.call_method1(py, name, (self.fd(),)) {
                Err(error) if !error.is_instance_of::<PyOSError>(py) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_closed(event_loop: &Bound<'_, PyAny>) -> PyResult<bool> {
    event_loop
        .call_method0(pyo3::intern!(event_loop.py(), "is_closed"))?
        .is_truthy()
}
