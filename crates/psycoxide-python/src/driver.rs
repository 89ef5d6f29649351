//! Running operations in the calling thread: the one place that releases the interpreter for I/O.
//!
//! A step sends, and then waits in `recv` for up to the blocking interval, all with the
//! interpreter released once. Between steps signals are looked at: what a handler raises (Ctrl-C)
//! cancels the query on the server, and the connection is usable again or closed.

use std::time::{Duration, Instant};

use psycoxide_client::operations::cancel::{Cancel, CancelTarget};
use psycoxide_client::operations::{Operation, Step, Wait};
use psycoxide_client::{BLOCKING_INTERVAL, Error};
use pyo3::prelude::*;

use crate::cooperative;
use crate::error;
use crate::news;
use crate::shared::Shared;

/// How long a cancelled query may take to end before the connection is given up.
pub const CANCEL_PATIENCE: Duration = Duration::from_secs(5);

/// Runs an operation to its end.
///
/// # Errors
/// What the operation fails with, as a Python exception, or what a signal handler raises.
#[inline]
pub fn run<O>(py: Python<'_>, shared: &Shared, operation: &mut O) -> PyResult<O::Output>
where
    O: Operation + Send,
    O::Output: Send,
{
    let _turn = shared.turn().take(py, false)?;
    run_in_turn(py, shared, operation, None)?.ok_or_else(|| error::misuse("no deadline was set"))
}

/// Runs an operation that has the turn already; `None` if it has not ended at the deadline.
///
/// # Errors
/// As [`run`].
pub fn run_in_turn<O>(
    py: Python<'_>,
    shared: &Shared,
    operation: &mut O,
    deadline: Option<Instant>,
) -> PyResult<Option<O::Output>>
where
    O: Operation + Send,
    O::Output: Send,
{
    check_usable(shared)?;
    attempt(py, shared, operation, deadline)?.map_err(|error| error::exception(py, error, shared))
}

/// Runs an operation to its end; the inner error is what it fails with.
///
/// # Errors
/// What a signal handler raises.
pub fn try_run<O>(
    py: Python<'_>,
    shared: &Shared,
    operation: &mut O,
) -> PyResult<Result<O::Output, Error>>
where
    O: Operation + Send,
    O::Output: Send,
{
    let _turn = shared.turn().take(py, false)?;
    let output = attempt(py, shared, operation, None)?;
    Ok(output.and_then(|output| output.ok_or(Error::Misuse("no deadline was set"))))
}

fn attempt<O>(
    py: Python<'_>,
    shared: &Shared,
    operation: &mut O,
    deadline: Option<Instant>,
) -> PyResult<Result<Option<O::Output>, Error>>
where
    O: Operation + Send,
    O::Output: Send,
{
    loop {
        match py.detach(|| step(shared, operation, deadline)) {
            Ok(Step::Done(output)) => return Ok(Ok(Some(output))),
            Ok(Step::Wait(wait)) => {
                if let Err(raised) = look_around(py, shared, wait, deadline) {
                    interrupt(py, shared, operation);
                    return Err(raised);
                }
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Ok(Ok(None));
                }
            }
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Between two steps: looks for signals and tells the news; among green threads this is where to
/// wait.
fn look_around(
    py: Python<'_>,
    shared: &Shared,
    wait: Wait,
    deadline: Option<Instant>,
) -> PyResult<()> {
    if let (true, Some(fd)) = (shared.turn().is_cooperative(), shared.fd()) {
        let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
        cooperative::wait(py, fd, wait, left)?;
    }
    if shared.take_news() {
        let _telling = shared.turn().tell(py)?;
        news::deliver(py, shared)?;
    }
    py.check_signals()
}

/// Fails where no operation can be run.
///
/// # Errors
/// `OperationalError` if the connection is closed, or belongs to another process.
#[inline]
pub fn check_usable(shared: &Shared) -> PyResult<()> {
    if !shared.is_open() {
        return Err(error::closed(shared));
    }
    if !shared.is_ours() {
        return Err(error::forked());
    }
    Ok(())
}

/// One step, and the wait for room to write if that is what it asks for.
fn step<O: Operation>(
    shared: &Shared,
    operation: &mut O,
    deadline: Option<Instant>,
) -> Result<Step<O::Output>, Error> {
    let mut connection = shared.lock();
    if deadline.is_some() {
        connection.pgconn.set_blocking(false)?;
    }
    let step = operation.step(&mut connection);
    let cooperative = shared.turn().is_cooperative();
    if deadline.is_some() && connection.pgconn.is_open() {
        connection.pgconn.set_blocking(!cooperative)?;
    }
    shared.publish(&connection);
    if let Ok(Step::Wait(wait)) = &step
        && (wait.write || deadline.is_some() || !connection.pgconn.is_blocking())
        && !cooperative
        && connection.pgconn.is_open()
    {
        let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
        let timeout = left.unwrap_or(BLOCKING_INTERVAL).min(BLOCKING_INTERVAL);
        connection.pgconn.wait(*wait, Some(timeout))?;
    }
    step
}

/// Cancels what runs on the server and waits for it to end; a connection that does not come to
/// rest, or whose user interrupts once more, is given up.
fn interrupt<O>(py: Python<'_>, shared: &Shared, operation: &mut O)
where
    O: Operation + Send,
    O::Output: Send,
{
    let end = Instant::now() + CANCEL_PATIENCE;
    let give_up = || shared.with(py, |connection| connection.pgconn.lose());
    operation.abandon();
    let busy = shared.with(py, |connection| connection.pgconn.machine().is_busy());
    if let (true, Some(target)) = (busy, shared.cancel_target()) {
        let cooperative = shared.turn().is_cooperative();
        // Whether it arrived shows in what the query does next.
        if cancel(py, &target, CANCEL_PATIENCE, cooperative).is_err() {
            return give_up();
        }
    }
    loop {
        match py.detach(|| step(shared, operation, None)) {
            Ok(Step::Wait(wait)) => {
                let interrupted = look_around(py, shared, wait, Some(end)).is_err();
                if interrupted || Instant::now() >= end {
                    return give_up();
                }
            }
            Ok(Step::Done(_)) if operation.abandon() => {}
            Ok(Step::Done(_)) | Err(_) => return,
        }
    }
}

/// Sends a cancel request from this thread, and waits until the server has taken it.
///
/// # Errors
/// What a signal handler raises; within, why the server could not be reached in time.
pub fn cancel(
    py: Python<'_>,
    target: &CancelTarget,
    timeout: Duration,
    cooperative: bool,
) -> PyResult<Result<(), Error>> {
    let end = Instant::now() + timeout;
    let mut cancel = Cancel::new(target);
    loop {
        let step = py.detach(|| {
            let step = cancel.step()?;
            if let (Step::Wait(wait), false) = (&step, cooperative) {
                let left = end.saturating_duration_since(Instant::now());
                cancel.wait(*wait, Some(left.min(BLOCKING_INTERVAL)))?;
            }
            Ok(step)
        });
        match step {
            Ok(Step::Done(())) => return Ok(Ok(())),
            Ok(Step::Wait(wait)) => {
                if let (true, Some(fd)) = (cooperative, cancel.fd()) {
                    let left = end.saturating_duration_since(Instant::now());
                    cooperative::wait(py, fd, wait, Some(left))?;
                }
                py.check_signals()?;
            }
            Err(error) => return Ok(Err(error)),
        }
        if Instant::now() >= end {
            return Ok(Err(Error::Timeout {
                doing: "cancelling",
                after: timeout,
            }));
        }
    }
}
