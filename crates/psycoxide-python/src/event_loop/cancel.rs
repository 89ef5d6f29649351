//! Cancel requests on an event loop, without a thread.
//!
//! The request travels on a connection of its own, which the loop watches as it does any socket. The
//! turn is not passed on before the server has taken the request: it might meet the next query.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use psycoxide_client::operations::cancel::Cancel;
use psycoxide_client::operations::{Step, Wait};
use pyo3::prelude::*;

use super::{lock, resolve};
use crate::driver::CANCEL_PATIENCE;
use crate::shared::Shared;

/// A cancelled operation that has not come to rest yet.
pub(super) struct Cancelling {
    /// What cancelled it, to raise in the end.
    exception: Py<PyAny>,
    request: Option<Py<AsyncCancel>>,
    timer: Py<PyAny>,
    nudge: Py<Nudge>,
}

impl Cancelling {
    /// Sends the request, as far as it goes without waiting.
    pub(super) fn start(
        py: Python<'_>,
        shared: &Arc<Shared>,
        event_loop: Py<PyAny>,
        exception: Py<PyAny>,
    ) -> PyResult<Cancelling> {
        let nudge = Nudge {
            shared: shared.weak(),
            over: AtomicBool::new(false),
        };
        let nudge = Py::new(py, nudge)?;
        let patience = (CANCEL_PATIENCE.as_secs_f64(), nudge.clone_ref(py));
        let timer = event_loop.call_method1(py, "call_later", patience)?;
        let request = shared.cancel_target().map(|target| AsyncCancel {
            shared: shared.weak(),
            event_loop,
            inner: Mutex::new(Inner {
                cancel: Some(Cancel::new(&target)),
                watched: None,
            }),
        });
        let request = request.map(|request| Bound::new(py, request)).transpose()?;
        if let Some(request) = &request {
            AsyncCancel::advance(request)?;
        }
        Ok(Cancelling {
            exception,
            request: request.map(Bound::unbind),
            timer,
            nudge,
        })
    }

    /// Whether the server has taken the request, or it cannot be reached.
    pub(super) fn is_delivered(&self, py: Python<'_>) -> bool {
        let request = self.request.as_ref().map(|request| request.bind(py).get());
        request.is_none_or(|request| request.lock().cancel.is_none())
    }

    /// Whether the patience is at its end.
    pub(super) fn is_over(&self) -> bool {
        self.nudge.get().over.load(Ordering::Acquire)
    }

    /// Takes everything off the loop: what cancelled the operation.
    pub(super) fn stop(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.timer.call_method0(py, "cancel")?;
        if let Some(request) = &self.request {
            request.bind(py).get().stop(py)?;
        }
        Ok(self.exception)
    }
}

/// A cancel request in progress; the loop calls it when its socket is ready.
#[pyclass(frozen, module = "psycoxide._core")]
pub(super) struct AsyncCancel {
    shared: Weak<Shared>,
    event_loop: Py<PyAny>,
    inner: Mutex<Inner>,
}

struct Inner {
    /// `None` once it is over.
    cancel: Option<Cancel>,
    /// What the loop watches: the descriptor and for what.
    watched: Option<(i32, Wait)>,
}

impl AsyncCancel {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on, and has the loop watch what it waits for.
    fn advance(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        let wanted = {
            let mut inner = this.lock();
            let Some(cancel) = &mut inner.cancel else {
                return Ok(());
            };
            match cancel.step() {
                Ok(Step::Wait(wait)) => cancel.fd().map(|fd| (fd, wait)),
                // Whether it has arrived shows in what the query does next.
                Ok(Step::Done(())) | Err(_) => None,
            }
        };
        let Some((fd, wait)) = wanted else {
            this.stop(slf.py())?;
            return nudge(slf.py(), &this.shared);
        };
        let watched = this.lock().watched;
        if watched == Some((fd, wait)) {
            return Ok(());
        }
        this.unwatch(slf.py())?;
        for (wanted, name) in [(wait.read, "add_reader"), (wait.write, "add_writer")] {
            if wanted {
                this.event_loop.call_method1(slf.py(), name, (fd, slf))?;
            }
        }
        this.lock().watched = Some((fd, wait));
        Ok(())
    }

    fn unwatch(&self, py: Python<'_>) -> PyResult<()> {
        let watched = self.lock().watched.take();
        let Some((fd, wait)) = watched else {
            return Ok(());
        };
        for (wanted, name) in [(wait.read, "remove_reader"), (wait.write, "remove_writer")] {
            if wanted {
                self.event_loop.call_method1(py, name, (fd,))?;
            }
        }
        Ok(())
    }

    /// Ends it, wherever it stands.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        self.unwatch(py)?;
        let cancel = self.lock().cancel.take();
        drop(cancel);
        Ok(())
    }
}

#[pymethods]
impl AsyncCancel {
    fn __call__(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::advance(slf)
    }
}

/// What the loop calls when the patience is at its end.
#[pyclass(frozen, module = "psycoxide._core")]
struct Nudge {
    shared: Weak<Shared>,
    over: AtomicBool,
}

#[pymethods]
impl Nudge {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.over.store(true, Ordering::Release);
        nudge(py, &self.shared)
    }
}

/// Resumes the task of the operation in progress.
fn nudge(py: Python<'_>, shared: &Weak<Shared>) -> PyResult<()> {
    let waiter = shared.upgrade().and_then(|shared| {
        let mut state = lock(&shared);
        let running = state.current.as_mut();
        running.and_then(|running| running.waiter.take())
    });
    match waiter {
        Some(waiter) => resolve(py, &waiter),
        None => Ok(()),
    }
}
