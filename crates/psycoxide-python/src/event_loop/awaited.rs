//! What is awaited: an operation that is its own iterator, and what becomes of it when its task is
//! cancelled.
//!
//! A task is cancelled by an exception thrown into what it awaits. The operation then asks the server
//! to cancel (see [`Cancelling`]), and goes on until the server is ready again: only then is the
//! turn passed on and the exception raised. What does not come to rest in time closes the
//! connection.

use std::sync::{Arc, PoisonError};

use psycoxide_client::operations::{Step, Wait};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::cancel::Cancelling;
use super::registration::{enter_loop, register, resume_reading, unregister};
use super::turns::{current_task, pass_turn};
use super::{LoopState, Running, lock, step};
use crate::driver;
use crate::error;
use crate::news;
use crate::operation::{Finish, PyOperation};
use crate::shared::Shared;

/// Where an awaited operation stands.
enum Stage {
    /// Nobody has awaited it yet.
    New(Box<dyn PyOperation>),
    /// It waits for its turn.
    Queued(Box<dyn PyOperation>, Py<PyAny>),
    /// It is [`LoopState::current`].
    Running,
    /// As before, but its task was cancelled.
    Cancelling(Box<Cancelling>),
    Finished,
}

/// An operation to await: `await` runs it, and returns what it gives.
#[pyclass(frozen, module = "psycoxide._core")]
pub struct AsyncOperation {
    shared: Arc<Shared>,
    stage: std::sync::Mutex<Stage>,
}

impl AsyncOperation {
    /// Wraps an operation; nothing happens before it is awaited.
    pub fn new(shared: Arc<Shared>, operation: Box<dyn PyOperation>) -> AsyncOperation {
        AsyncOperation {
            shared,
            stage: std::sync::Mutex::new(Stage::New(operation)),
        }
    }

    fn take_stage(&self) -> Stage {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *stage, Stage::Finished)
    }

    fn set_stage(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// Goes on; `Some` is a future to wait for, `None` the end.
    fn advance(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match self.take_stage() {
            Stage::New(operation) => {
                driver::check_usable(&self.shared)?;
                let event_loop = enter_loop(py, &self.shared)?;
                let has_reservation = operation.has_reservation();
                let copier = {
                    let mut state = lock(&self.shared);
                    if state.is_free(has_reservation) {
                        state.busy = true;
                        state.turns += 1;
                        drop(state);
                        return self.start(py, operation);
                    }
                    let copier = state.reserved.as_ref().filter(|_| !has_reservation);
                    copier.map(|task| task.clone_ref(py))
                };
                if let Some(copier) = copier
                    && copier.bind(py).is(&current_task(py)?)
                {
                    // It would wait for itself.
                    return Err(error::copying());
                }
                let future = new_future(py, &event_loop)?;
                lock(&self.shared)
                    .queue(has_reservation)
                    .push_back(future.clone_ref(py));
                self.set_stage(Stage::Queued(operation, future.clone_ref(py)));
                Ok(Some(future))
            }
            Stage::Queued(operation, _) => {
                let usable = driver::check_usable(&self.shared);
                if let Err(error) = usable.and_then(|()| enter_loop(py, &self.shared).map(drop)) {
                    pass_turn(py, &self.shared)?;
                    return Err(error);
                }
                self.start(py, operation)
            }
            Stage::Running => self.resume(py),
            Stage::Cancelling(cancelling) => self.cancelled(py, cancelling),
            Stage::Finished => Err(PyRuntimeError::new_err(
                "cannot reuse an operation that was awaited already",
            )),
        }
    }

    /// The first step, and as many as need no waiting.
    fn start(
        &self,
        py: Python<'_>,
        mut operation: Box<dyn PyOperation>,
    ) -> PyResult<Option<Py<PyAny>>> {
        loop {
            match step(&self.shared, &mut *operation) {
                Ok(Step::Wait(wait)) => {
                    return match self.wait(py, operation, wait) {
                        Ok(future) => Ok(Some(future)),
                        Err(error) => self.end(py, Err(error)),
                    };
                }
                Ok(Step::Done(())) => match operation.finish(py, &self.shared) {
                    Ok(Finish::Done(value)) => return self.end(py, Ok(value)),
                    Ok(Finish::Again) => {}
                    Err(error) => return self.end(py, Err(error)),
                },
                Err(error) => {
                    let exception = error::exception(py, error, &self.shared);
                    return self.end(py, Err(exception));
                }
            }
        }
    }

    /// Leaves the operation to the watcher and gives the future to wait for.
    fn wait(
        &self,
        py: Python<'_>,
        operation: Box<dyn PyOperation>,
        wait: Wait,
    ) -> PyResult<Py<PyAny>> {
        let future = new_future(py, self.event_loop(py)?.bind(py))?;
        let waiter = Some(future.clone_ref(py));
        lock(&self.shared).current = Some(Running {
            operation,
            waiter,
            outcome: None,
        });
        self.set_stage(Stage::Running);
        resume_reading(py, &self.shared)?;
        if wait.write {
            register(py, &self.shared, true)?;
        }
        Ok(future)
    }

    /// The future is resolved: takes the outcome.
    fn resume(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let mut state = lock(&self.shared);
        let Some(running) = state.current.take() else {
            drop(state);
            let gone = error::closed(&self.shared);
            return self.end(py, Err(gone));
        };
        drop(state);
        let Running {
            mut operation,
            outcome,
            ..
        } = running;
        match outcome {
            Some(Ok(())) => match operation.finish(py, &self.shared) {
                Ok(Finish::Done(value)) => self.end(py, Ok(value)),
                Ok(Finish::Again) => self.start(py, operation),
                Err(error) => self.end(py, Err(error)),
            },
            Some(Err(error)) => {
                let exception = error::exception(py, error, &self.shared);
                self.end(py, Err(exception))
            }
            None => {
                // Woken without an outcome: the connection was closed meanwhile.
                let gone = error::closed(&self.shared);
                self.give_up(py)?;
                self.end(py, Err(gone))
            }
        }
    }

    /// Ends the turn and hands out the result.
    fn end(
        &self,
        py: Python<'_>,
        result: PyResult<Option<Py<PyAny>>>,
    ) -> PyResult<Option<Py<PyAny>>> {
        self.close_turn(py)?;
        match result? {
            None => Ok(None),
            Some(value) => Err(pyo3::exceptions::PyStopIteration::new_err((value,))),
        }
    }

    /// Ends the turn, and does what was put off meanwhile.
    fn close_turn(&self, py: Python<'_>) -> PyResult<()> {
        self.set_stage(Stage::Finished);
        if !self.shared.is_open() {
            unregister(py, &self.shared)?;
        }
        if lock(&self.shared).reserved.is_none() {
            resume_reading(py, &self.shared)?;
        }
        pass_turn(py, &self.shared)?;
        if self.shared.take_news() {
            news::deliver(py, &self.shared)?;
        }
        Ok(())
    }

    /// The task was cancelled: asks the server to cancel, and gives the future to wait for. What
    /// has come to rest already needs no request: it might meet what comes next.
    fn cancel(&self, py: Python<'_>, exception: Py<PyAny>) -> PyResult<Py<PyAny>> {
        if self.settle(py)? {
            return Err(self.end_cancelled(py, exception)?);
        }
        let Ok(event_loop) = self.event_loop(py) else {
            // The connection was closed meanwhile: nothing is left to wait for.
            self.give_up(py)?;
            return Err(self.end_cancelled(py, exception)?);
        };
        let cancelling = Cancelling::start(py, &self.shared, event_loop, exception)?;
        self.wait_for_rest(py, Box::new(cancelling))
    }

    /// The loop has called back after a cancellation: whether the operation has come to rest.
    fn cancelled(
        &self,
        py: Python<'_>,
        cancelling: Box<Cancelling>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let at_rest = self.settle(py)?;
        if at_rest && cancelling.is_delivered(py) {
            return Err(self.end_cancelled(py, cancelling.stop(py)?)?);
        }
        if cancelling.is_over() || !self.shared.is_open() {
            self.give_up(py)?;
            return Err(self.end_cancelled(py, cancelling.stop(py)?)?);
        }
        self.wait_for_rest(py, cancelling).map(Some)
    }

    /// Brings the operation as near to rest as it comes without waiting.
    fn settle(&self, py: Python<'_>) -> PyResult<bool> {
        let mut state = lock(&self.shared);
        let Some(running) = &mut state.current else {
            return Ok(true);
        };
        let unfinished = running.operation.abandon();
        match running.outcome {
            None => {}
            // It has ended a part of its work only.
            Some(Ok(())) if unfinished => {}
            Some(_) => return Ok(true),
        }
        let wait = loop {
            match step(&self.shared, &mut *running.operation) {
                Ok(Step::Wait(wait)) => break Some(wait),
                Ok(Step::Done(())) if !running.operation.abandon() => break None,
                Ok(Step::Done(())) => {}
                Err(_) => break None,
            }
        };
        running.outcome = wait.is_none().then_some(Ok(()));
        drop(state);
        register(py, &self.shared, wait.is_some_and(|wait| wait.write))?;
        Ok(wait.is_none())
    }

    /// Gives a future that is resolved when anything changes after a cancellation.
    fn wait_for_rest(&self, py: Python<'_>, cancelling: Box<Cancelling>) -> PyResult<Py<PyAny>> {
        let future = new_future(py, self.event_loop(py)?.bind(py))?;
        if let Some(running) = &mut lock(&self.shared).current {
            running.waiter = Some(future.clone_ref(py));
        }
        self.set_stage(Stage::Cancelling(cancelling));
        Ok(future)
    }

    /// Drops the operation. What that frees may call Python, so nothing may be locked.
    fn forget_running(&self) {
        let running = lock(&self.shared).current.take();
        drop(running);
    }

    /// Ends a cancelled operation: the exception that cancelled it.
    fn end_cancelled(&self, py: Python<'_>, exception: Py<PyAny>) -> PyResult<PyErr> {
        self.forget_running();
        self.close_turn(py)?;
        Ok(PyErr::from_value(exception.into_bound(py)))
    }

    /// The loop that the connection is registered with.
    fn event_loop(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let event_loop = {
            let state = lock(&self.shared);
            let registration = state.registration.as_ref();
            registration.map(|known| known.event_loop.clone_ref(py))
        };
        event_loop.ok_or_else(|| error::closed(&self.shared))
    }

    /// Gives up waiting for the turn, which may have been passed to us in this very moment.
    fn leave_queue(&self, py: Python<'_>, future: &Py<PyAny>) -> PyResult<()> {
        let mine = {
            let mut state = lock(&self.shared);
            let waiting = |state: &LoopState| state.queue.len() + state.queue_of_copy.len();
            let before = waiting(&state);
            state.queue.retain(|waiting| !waiting.is(future));
            state.queue_of_copy.retain(|waiting| !waiting.is(future));
            waiting(&state) == before
        };
        let cancelled = future.bind(py).call_method0("cancelled")?.is_truthy()?;
        if mine && !cancelled {
            pass_turn(py, &self.shared)?;
        }
        Ok(())
    }

    /// Closes a connection that cannot be brought to rest.
    fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        unregister(py, &self.shared)?;
        self.shared.with(py, |connection| connection.pgconn.lose());
        Ok(())
    }
}

/// A future of the loop, marked as being awaited.
fn new_future(py: Python<'_>, event_loop: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let future = event_loop.call_method0(pyo3::intern!(py, "create_future"))?;
    future.setattr(pyo3::intern!(py, "_asyncio_future_blocking"), true)?;
    Ok(future.unbind())
}

#[pymethods]
impl AsyncOperation {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.advance(py)
    }

    fn send(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let _ = value;
        match self.advance(py)? {
            Some(future) => Ok(future),
            None => Err(pyo3::exceptions::PyStopIteration::new_err(())),
        }
    }

    #[pyo3(signature = (exception, value=None, traceback=None))]
    fn throw(
        &self,
        py: Python<'_>,
        exception: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let _ = traceback;
        let exception = match value {
            Some(value) if value.is_instance_of::<pyo3::exceptions::PyBaseException>() => value,
            Some(value) => exception.call1((value,))?,
            None if exception.is_instance_of::<pyo3::exceptions::PyBaseException>() => exception,
            None => exception.call0()?,
        };
        match self.take_stage() {
            Stage::Running => self.cancel(py, exception.unbind()),
            Stage::Cancelling(cancelling) => {
                // Cancelled once more: no patience left.
                cancelling.stop(py)?;
                self.give_up(py)?;
                Err(self.end_cancelled(py, exception.unbind())?)
            }
            Stage::Queued(_, future) => {
                self.leave_queue(py, &future)?;
                Err(PyErr::from_value(exception))
            }
            Stage::New(_) | Stage::Finished => Err(PyErr::from_value(exception)),
        }
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.take_stage() {
            Stage::Running => {}
            Stage::Cancelling(cancelling) => drop(cancelling.stop(py)?),
            Stage::Queued(_, future) => return self.leave_queue(py, &future),
            Stage::New(_) | Stage::Finished => return Ok(()),
        }
        // Nobody will read the rest.
        self.give_up(py)?;
        self.forget_running();
        self.close_turn(py)
    }
}

impl Drop for AsyncOperation {
    fn drop(&mut self) {
        // A task that was thrown away in the middle of an operation: nobody will read the rest.
        if !matches!(self.take_stage(), Stage::Running | Stage::Cancelling(_)) {
            return;
        }
        self.forget_running();
        // Without an interpreter there is no loop either that could still know the socket.
        let told = Python::try_attach(|py| {
            self.give_up(py)?;
            pass_turn(py, &self.shared)
        });
        if told.is_none_or(|told| told.is_err()) {
            self.shared.lock().pgconn.lose();
        }
    }
}
