//! Running operations on an event loop of asyncio (or uvloop).
//!
//! The core owns the socket and registers it once per connection and loop; what the loop calls
//! when it can be read is [`Watcher`], which resumes the operation in progress and, when that is
//! done, resolves the future that the task awaits. An operation is awaited through
//! [`AsyncOperation`], which is its own iterator, so that no coroutine of Python stands between.
//!
//! Operations of several tasks queue up. A cancelled one asks the server to cancel, and goes on
//! until the server is ready again: the connection is usable afterwards, or closed.

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};

use psycoxide_client::Error;
use psycoxide_client::operations::{Step, Wait};
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::driver::{self, CANCEL_PATIENCE};
use crate::error;
use crate::news;
use crate::operation::{Finish, PyOperation};
use crate::shared::Shared;

/// A connection's side of its event loop.
#[derive(Debug, Default)]
pub struct LoopState {
    /// The loop, the descriptor registered there and whether also for writing.
    registration: Option<Registration>,
    /// An operation has the turn (it runs, or its task is about to be resumed).
    busy: bool,
    current: Option<Running>,
    /// The futures of the tasks that wait for their turn.
    queue: VecDeque<Py<PyAny>>,
    /// The task that copies: until its COPY is over, the turns are for what is a part of that.
    reserved: Option<Py<PyAny>>,
    /// The futures of those who wait for a turn within the COPY.
    queue_of_copy: VecDeque<Py<PyAny>>,
}

impl LoopState {
    /// Whether an operation can have the turn now.
    fn is_free(&self, part_of_copy: bool) -> bool {
        !self.busy && (part_of_copy || self.reserved.is_none())
    }

    fn queue(&mut self, part_of_copy: bool) -> &mut VecDeque<Py<PyAny>> {
        if part_of_copy {
            &mut self.queue_of_copy
        } else {
            &mut self.queue
        }
    }
}

#[derive(Debug)]
struct Registration {
    event_loop: Py<PyAny>,
    fd: i32,
    /// Whether the loop watches for data: not between the operations of a COPY, when nobody would
    /// take them.
    reading: bool,
    writing: bool,
}

/// The operation in progress.
struct Running {
    operation: Box<dyn PyOperation>,
    /// What the task awaits; taken when it is resolved.
    waiter: Option<Py<PyAny>>,
    outcome: Option<Result<(), Error>>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, LoopState> {
    shared
        .loop_state
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// What the loop calls when the socket can be read or written. It does not keep the connection
/// alive.
#[pyclass(frozen, module = "psycoxide._core")]
#[derive(Debug)]
pub struct Watcher {
    shared: Weak<Shared>,
}

#[pymethods]
impl Watcher {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        match self.shared.upgrade() {
            Some(shared) => on_ready(py, &shared),
            None => Ok(()),
        }
    }
}

/// The socket is ready: goes on with the operation in progress, or looks at what came unasked.
fn on_ready(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    let mut state = lock(shared);
    let Some(running) = state
        .current
        .as_mut()
        .filter(|running| running.outcome.is_none())
    else {
        drop(state);
        return on_idle(py, shared);
    };
    let step = step(shared, &mut *running.operation);
    let wait = match step {
        Ok(Step::Wait(wait)) => Some(wait),
        Ok(Step::Done(())) => {
            running.outcome = Some(Ok(()));
            None
        }
        Err(error) => {
            running.outcome = Some(Err(error));
            None
        }
    };
    let waiter = if wait.is_none() {
        running.waiter.take()
    } else {
        None
    };
    drop(state);
    // Whatever the loop says, nobody waits for what has happened already.
    if let Some(waiter) = waiter {
        resolve(py, &waiter)?;
    }
    register(py, shared, wait.is_some_and(|wait| wait.write))
}

/// Something came while no operation runs: notices, notifications, settings, or the end.
fn on_idle(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    {
        let mut connection = shared.lock();
        if connection.is_mid_exchange() && connection.pgconn.is_open() {
            drop(connection);
            return pause_reading(py, shared);
        }
        if let Err(error) = connection.absorb_idle() {
            shared.set_farewell(error);
        }
        shared.publish(&connection);
    }
    register(py, shared, false)?;
    if shared.take_news() {
        news::deliver(py, shared)?;
    }
    Ok(())
}

fn step(shared: &Shared, operation: &mut dyn PyOperation) -> Result<Step<()>, Error> {
    let mut connection = shared.lock();
    let step = operation.step(&mut connection);
    shared.publish(&connection);
    step
}

/// Resolves a future, unless its task was cancelled.
fn resolve(py: Python<'_>, future: &Py<PyAny>) -> PyResult<()> {
    let future = future.bind(py);
    if !future
        .call_method0(pyo3::intern!(py, "done"))?
        .is_truthy()?
    {
        future.call_method1(pyo3::intern!(py, "set_result"), (py.None(),))?;
    }
    Ok(())
}

/// The running loop.
fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
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
fn register(py: Python<'_>, shared: &Shared, writing: bool) -> PyResult<()> {
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
fn pause_reading(py: Python<'_>, shared: &Shared) -> PyResult<()> {
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
fn resume_reading(py: Python<'_>, shared: &Shared) -> PyResult<()> {
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
fn enter_loop<'py>(py: Python<'py>, shared: &Shared) -> PyResult<Bound<'py, PyAny>> {
    let event_loop = running_loop(py)?;
    let fd = shared.fd().ok_or_else(|| error::closed(shared))?;
    let known = lock(shared)
        .registration
        .as_ref()
        .is_some_and(|known| known.fd == fd && known.event_loop.bind(py).is(&event_loop));
    if known {
        return Ok(event_loop);
    }
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

/// Closes the connection, from any thread: it is taken off its loop first, and the task that waits
/// for an operation is told.
///
/// # Errors
/// What the loop raises.
pub fn close(py: Python<'_>, shared: &Shared, close: impl FnOnce()) -> PyResult<()> {
    let (event_loop, waiter) = {
        let mut state = lock(shared);
        let registration = state.registration.as_ref();
        let event_loop = registration.map(|known| known.event_loop.clone_ref(py));
        let waiter = state.current.as_mut().and_then(|now| now.waiter.take());
        (event_loop, waiter)
    };
    unregister(py, shared)?;
    close();
    let (Some(event_loop), Some(future)) = (event_loop, waiter) else {
        return Ok(());
    };
    let event_loop = event_loop.bind(py);
    if !event_loop
        .call_method0(pyo3::intern!(py, "is_closed"))?
        .is_truthy()?
    {
        let wake = Wake { future };
        event_loop.call_method1(pyo3::intern!(py, "call_soon_threadsafe"), (wake,))?;
    }
    Ok(())
}

/// Where an awaited operation stands.
enum Stage {
    /// Nobody has awaited it yet.
    New(Box<dyn PyOperation>),
    /// It waits for its turn.
    Queued(Box<dyn PyOperation>, Py<PyAny>),
    /// It is [`LoopState::current`].
    Running,
    /// As before, but its task was cancelled.
    Cancelling(Cancellation),
    /// It is over, but a cancel request is on its way, and must not meet what comes next.
    Cancelled(Cancellation),
    Finished,
}

/// The end of a task whose operation was running.
struct Cancellation {
    /// What ends the task.
    exception: Py<PyAny>,
    /// Resolved when the server has taken the cancel request; `None` if there is none.
    answered: Option<Py<PyAny>>,
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
                let part_of_copy = operation.is_part_of_copy();
                let copier = {
                    let mut state = lock(&self.shared);
                    if state.is_free(part_of_copy) {
                        state.busy = true;
                        drop(state);
                        return self.start(py, operation);
                    }
                    let copier = state.reserved.as_ref().filter(|_| !part_of_copy);
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
                    .queue(part_of_copy)
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
            Stage::Cancelling(cancellation) => self.cancelled(py, cancellation),
            Stage::Cancelled(cancellation) => self.end_cancelled(py, cancellation),
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
                Ok(Step::Wait(wait)) => return self.wait(py, operation, wait).map(Some),
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
        let event_loop = {
            let state = lock(&self.shared);
            let registration = state.registration.as_ref();
            registration.map(|known| known.event_loop.clone_ref(py))
        };
        let event_loop = event_loop.ok_or_else(|| error::closed(&self.shared))?;
        let future = new_future(py, event_loop.bind(py))?;
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
        self.set_stage(Stage::Finished);
        if lock(&self.shared).reserved.is_none() {
            resume_reading(py, &self.shared)?;
        }
        pass_turn(py, &self.shared)?;
        if self.shared.take_news() {
            news::deliver(py, &self.shared)?;
        }
        match result? {
            None => Ok(None),
            Some(value) => Err(pyo3::exceptions::PyStopIteration::new_err((value,))),
        }
    }

    /// The task was cancelled: asks the server to cancel and goes on waiting for it.
    fn cancel(&self, py: Python<'_>, exception: Py<PyAny>) -> PyResult<Py<PyAny>> {
        let event_loop = {
            let state = lock(&self.shared);
            let registration = state.registration.as_ref();
            registration.map(|known| known.event_loop.clone_ref(py))
        };
        let Some(event_loop) = event_loop else {
            // The connection was closed meanwhile: nothing is left to wait for.
            lock(&self.shared).current = None;
            self.give_up(py)?;
            self.end(py, Err(PyErr::from_value(exception.into_bound(py))))?;
            return Err(error::closed(&self.shared));
        };
        let event_loop = event_loop.bind(py);
        let answered = self.request_cancel(event_loop)?;
        let future = new_future(py, event_loop)?;
        let mut state = lock(&self.shared);
        if let Some(running) = &mut state.current {
            running.waiter = Some(future.clone_ref(py));
            let unfinished = running.operation.abandon();
            if unfinished && matches!(running.outcome, Some(Ok(()))) {
                running.outcome = None;
            }
            let finished = running.outcome.is_some();
            drop(state);
            if finished {
                resolve(py, &future)?;
            } else {
                resume_reading(py, &self.shared)?;
                on_ready(py, &self.shared)?;
            }
        } else {
            drop(state);
        }
        let wake = Wake {
            future: future.clone_ref(py),
        };
        let patience = CANCEL_PATIENCE.as_secs_f64();
        event_loop.call_method1(pyo3::intern!(py, "call_later"), (patience, wake))?;
        self.set_stage(Stage::Cancelling(Cancellation {
            exception,
            answered,
        }));
        Ok(future)
    }

    /// Sends a cancel request, in a thread; the future is resolved when the server has taken it.
    fn request_cancel(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let Some(target) = self.shared.cancel_target() else {
            return Ok(None);
        };
        let py = event_loop.py();
        let answered = new_future(py, event_loop)?;
        let call = event_loop.getattr(pyo3::intern!(py, "call_soon_threadsafe"))?;
        let call = call.unbind();
        let resolver = Wake {
            future: answered.clone_ref(py),
        };
        std::thread::spawn(move || {
            // Whether it arrived shows in what the query does next.
            let _ = driver::cancel_blocking(&target, CANCEL_PATIENCE);
            // A loop that is closed needs to hear no more, nor an interpreter that ends.
            let _ = Python::try_attach(|py| call.call1(py, (resolver,)).map(drop));
        });
        Ok(Some(answered))
    }

    /// The cancelled operation has come to rest, or the patience is at its end.
    fn cancelled(&self, py: Python<'_>, cancellation: Cancellation) -> PyResult<Option<Py<PyAny>>> {
        let running = lock(&self.shared).current.take();
        if running.is_some_and(|running| running.outcome.is_none()) {
            self.give_up(py)?;
            return self.end_cancelled(py, cancellation);
        }
        if let Some(answered) = &cancellation.answered
            && !answered
                .call_method0(py, pyo3::intern!(py, "done"))?
                .is_truthy(py)?
        {
            let answered = answered.clone_ref(py);
            self.set_stage(Stage::Cancelled(cancellation));
            return Ok(Some(answered));
        }
        self.end_cancelled(py, cancellation)
    }

    fn end_cancelled(
        &self,
        py: Python<'_>,
        cancellation: Cancellation,
    ) -> PyResult<Option<Py<PyAny>>> {
        let exception = cancellation.exception.into_bound(py);
        self.end(py, Err(PyErr::from_value(exception)))
    }

    /// Closes a connection that cannot be brought to rest.
    fn give_up(&self, py: Python<'_>) -> PyResult<()> {
        unregister(py, &self.shared)?;
        let mut connection = self.shared.lock();
        connection.pgconn.lose();
        self.shared.publish(&connection);
        Ok(())
    }
}

/// What the loop calls to wake the task that waits for an operation, whether that is done or not.
#[pyclass(frozen, module = "psycoxide._core")]
struct Wake {
    future: Py<PyAny>,
}

#[pymethods]
impl Wake {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        resolve(py, &self.future)
    }
}

/// A future of the loop, marked as being awaited.
fn new_future(py: Python<'_>, event_loop: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let future = event_loop.call_method0(pyo3::intern!(py, "create_future"))?;
    future.setattr(pyo3::intern!(py, "_asyncio_future_blocking"), true)?;
    Ok(future.unbind())
}

/// Gives the turn to the next task that waits for it and is still there.
fn pass_turn(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    loop {
        let mut state = lock(shared);
        let next = match state.queue_of_copy.pop_front() {
            None if state.reserved.is_none() => state.queue.pop_front(),
            next => next,
        };
        let Some(next) = next else {
            state.busy = false;
            return Ok(());
        };
        drop(state);
        let next = next.bind(py);
        if !next.call_method0(pyo3::intern!(py, "done"))?.is_truthy()? {
            next.call_method1(pyo3::intern!(py, "set_result"), (py.None(),))?;
            return Ok(());
        }
    }
}

/// The task that runs.
fn current_task(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    py.import("asyncio")?.call_method0("current_task")
}

/// Keeps the turns that follow for the COPY that the running task has begun.
///
/// # Errors
/// When no loop runs.
pub fn reserve(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    let task = current_task(py)?.unbind();
    lock(shared).reserved = Some(task);
    Ok(())
}

/// Gives everybody their turn again.
///
/// # Errors
/// What a future raises.
pub fn release(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    let mut state = lock(shared);
    let released = state.reserved.take();
    let idle = released.is_some() && !state.busy;
    state.busy |= idle;
    drop(state);
    drop(released);
    if idle {
        resume_reading(py, shared)?;
        pass_turn(py, shared)?;
    }
    Ok(())
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
            Stage::Cancelling(_) | Stage::Cancelled(_) => {
                // Cancelled once more: no patience left.
                lock(&self.shared).current = None;
                self.give_up(py)?;
                self.end(py, Err(PyErr::from_value(exception)))?;
                Err(error::closed(&self.shared))
            }
            Stage::Queued(_, future) => {
                // The turn may have been passed to us in this very moment.
                let mine = {
                    let mut state = lock(&self.shared);
                    let waiting = |state: &LoopState| state.queue.len() + state.queue_of_copy.len();
                    let before = waiting(&state);
                    state.queue.retain(|waiting| !waiting.is(&future));
                    state.queue_of_copy.retain(|waiting| !waiting.is(&future));
                    waiting(&state) == before
                };
                let resolved = future.bind(py).call_method0("cancelled")?.is_truthy()?;
                if mine && !resolved {
                    pass_turn(py, &self.shared)?;
                }
                Err(PyErr::from_value(exception))
            }
            Stage::New(_) | Stage::Finished => Err(PyErr::from_value(exception)),
        }
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.take_stage() {
            Stage::Running | Stage::Cancelling(_) | Stage::Cancelled(_) => {
                lock(&self.shared).current = None;
                self.give_up(py)?;
                pass_turn(py, &self.shared)
            }
            _ => Ok(()),
        }
    }
}

impl Drop for AsyncOperation {
    fn drop(&mut self) {
        // A task that was thrown away in the middle of an operation: nobody will read the rest.
        let stage = self.take_stage();
        if !matches!(
            stage,
            Stage::Running | Stage::Cancelling(_) | Stage::Cancelled(_)
        ) {
            return;
        }
        lock(&self.shared).current = None;
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
