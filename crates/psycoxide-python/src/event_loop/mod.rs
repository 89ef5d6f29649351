//! Running operations on an event loop of asyncio (or uvloop).
//!
//! The core owns the socket and registers it once per connection and loop; what the loop calls
//! when it can be read is [`Watcher`], which resumes the operation in progress and, when that is
//! done, resolves the future that the task awaits. An operation is awaited through
//! [`AsyncOperation`], which is its own iterator, so that no coroutine of Python stands between.
//!
//! Operations of several tasks queue up. A cancelled one asks the server to cancel, and goes on
//! until the server is ready again: the connection is usable afterwards, or closed.

mod awaited;
mod cancel;
mod registration;
mod turns;

use std::collections::VecDeque;
use std::sync::{MutexGuard, PoisonError, Weak};

use psycoxide_client::Error;
use psycoxide_client::operations::Step;
use pyo3::prelude::*;

use crate::news::{self, handlers};
use crate::operation::PyOperation;
use crate::shared::Shared;

pub use awaited::AsyncOperation;
use registration::{Registration, pause_reading, register, running_loop};
pub use registration::{enter_loop, unregister};
pub use turns::{release, reserve};

/// A connection's side of its event loop.
#[derive(Debug, Default)]
pub struct LoopState {
    /// The loop, the descriptor registered there and whether also for writing.
    registration: Option<Registration>,
    /// An operation has the turn (it runs, or its task is about to be resumed).
    busy: bool,
    /// How many operations have had the turn.
    turns: u64,
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
    fn is_free(&self, has_reservation: bool) -> bool {
        !self.busy && (has_reservation || self.reserved.is_none())
    }

    fn queue(&mut self, has_reservation: bool) -> &mut VecDeque<Py<PyAny>> {
        if has_reservation {
            &mut self.queue_of_copy
        } else {
            &mut self.queue
        }
    }
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

/// Whether an operation has the turn, and how many have had it so far.
pub fn progress(shared: &Shared) -> (bool, u64) {
    let state = lock(shared);
    (state.busy, state.turns)
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
    if state.registration.is_none() {
        // Closed by a thread, and the loop will be told: whoever waited for it knows already.
        return Ok(());
    }
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
    tell_listeners(py, shared)?;
    register(py, shared, wait.is_some_and(|wait| wait.write))?;
    // What comes with the end is told when the task goes on.
    if wait.is_some() && shared.take_news() {
        news::deliver(py, shared)?;
    }
    Ok(())
}

/// Takes what has come by itself, if no operation is in progress.
///
/// # Errors
/// What a handler raises.
pub fn look(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    let busy = lock(shared).busy;
    if busy { Ok(()) } else { on_idle(py, shared) }
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
    tell_listeners(py, shared)?;
    if shared.take_news() {
        news::deliver(py, shared)?;
    }
    Ok(())
}

/// Whoever waits for a notification has to hear that none will come any more.
fn tell_listeners(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    if shared.is_open() {
        return Ok(());
    }
    let listeners = std::mem::take(&mut handlers(shared).listeners);
    wake(py, &listeners)
}

fn step(shared: &Shared, operation: &mut dyn PyOperation) -> Result<Step<()>, Error> {
    let mut connection = shared.lock();
    let step = operation.step(&mut connection);
    shared.publish(&connection);
    step
}

/// Resolves a future of the running loop, unless its task was cancelled.
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

/// What a loop calls to resolve a future on behalf of another thread.
#[pyclass(frozen, module = "psycoxide._core")]
struct Resolver {
    future: Py<PyAny>,
}

#[pymethods]
impl Resolver {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        resolve(py, &self.future)
    }
}

/// Resolves futures, whichever loop they belong to. Those of a loop that is closed are forgotten:
/// nobody waits there any more.
///
/// # Errors
/// What a loop raises.
pub fn wake(py: Python<'_>, futures: &[Py<PyAny>]) -> PyResult<()> {
    for future in futures {
        let event_loop = future.bind(py).call_method0("get_loop")?;
        let closed = event_loop.call_method0(pyo3::intern!(py, "is_closed"))?;
        if closed.is_truthy()? {
            continue;
        }
        if running_loop(py).is_ok_and(|running| running.is(&event_loop)) {
            resolve(py, future)?;
        } else {
            let resolver = Resolver {
                future: future.clone_ref(py),
            };
            event_loop.call_method1("call_soon_threadsafe", (resolver,))?;
        }
    }
    Ok(())
}

/// Takes a connection that nobody has closed off its loop: there is nothing left to call.
pub fn abandon(shared: &Shared) {
    if lock(shared).registration.is_none() {
        return;
    }
    // Without an interpreter there is no loop either that could still know the socket.
    Python::try_attach(|py| {
        if let Err(error) = unregister(py, shared) {
            error.write_unraisable(py, None);
        }
    });
}

/// Closes the connection, from any thread: it is taken off its loop first, and whoever waits for it
/// is told.
///
/// # Errors
/// What the loop raises.
pub fn close(py: Python<'_>, shared: &Shared, close: impl FnOnce()) -> PyResult<()> {
    let unregistered = unregister(py, shared);
    close();
    unregistered?;
    let mut waiting = std::mem::take(&mut handlers(shared).listeners);
    if let Some(running) = &mut lock(shared).current {
        waiting.extend(running.waiter.take());
    }
    wake(py, &waiting)
}
