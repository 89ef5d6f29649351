//! Running operations in the calling thread: the one place that releases the interpreter for I/O.
//!
//! A step sends, and then waits in `recv` for up to the blocking interval, all with the
//! interpreter released once. Between steps signals are looked at: what a handler raises (Ctrl-C)
//! cancels the query on the server, and the connection is usable again or closed.

use std::time::{Duration, Instant};

use psycoxide_client::operations::cancel::{Cancel, CancelTarget};
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{BLOCKING_INTERVAL, Error};
use pyo3::prelude::*;

use crate::error;
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
            Ok(Step::Wait(_)) => {
                if let Err(raised) = py.check_signals() {
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
    if deadline.is_some() && connection.pgconn.is_open() {
        connection.pgconn.set_blocking(true)?;
    }
    shared.publish(&connection);
    if let Ok(Step::Wait(wait)) = &step
        && (wait.write || deadline.is_some() || !connection.pgconn.is_blocking())
        && connection.pgconn.is_open()
    {
        let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
        let timeout = left.unwrap_or(BLOCKING_INTERVAL).min(BLOCKING_INTERVAL);
        connection.pgconn.wait(*wait, Some(timeout))?;
    }
    step
}

/// Cancels what runs on the server and waits for it to end; a connection that does not come to
/// rest is given up.
fn interrupt<O>(py: Python<'_>, shared: &Shared, operation: &mut O)
where
    O: Operation + Send,
    O::Output: Send,
{
    operation.abandon();
    py.detach(|| {
        let end = Instant::now() + CANCEL_PATIENCE;
        if let Some(target) = shared.cancel_target() {
            // Whether it arrived shows in what the query does next.
            let _ = cancel_blocking(&target, CANCEL_PATIENCE);
        }
        loop {
            match step(shared, operation, None) {
                Ok(Step::Wait(_)) if Instant::now() < end => {}
                Ok(Step::Wait(_)) => {
                    let mut connection = shared.lock();
                    connection.pgconn.lose();
                    shared.publish(&connection);
                    return;
                }
                Ok(Step::Done(_)) | Err(_) => return,
            }
        }
    });
}

/// Sends a cancel request, in this thread, without the interpreter.
///
/// # Errors
/// When the server could not be reached in time.
pub fn cancel_blocking(target: &CancelTarget, timeout: Duration) -> Result<(), Error> {
    let end = Instant::now() + timeout;
    let mut cancel = Cancel::new(target);
    loop {
        match cancel.step()? {
            Step::Done(()) => return Ok(()),
            Step::Wait(wait) => {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(Error::Timeout {
                        doing: "cancelling",
                        after: timeout,
                    });
                }
                cancel.wait(wait, Some(left))?;
            }
        }
    }
}
