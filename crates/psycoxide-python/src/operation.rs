//! Operations that end in Python: run at once on a synchronous connection, awaited on the other.

use psycoxide_client::operations::Operation;
use pyo3::prelude::*;

use crate::driver;
use crate::event_loop::AsyncOperation;
use crate::news;
use crate::shared::Shared;
use std::sync::Arc;

/// What is to be done after an operation has come to rest.
#[derive(Debug)]
pub enum Finish {
    /// It is finished; the value that the caller gets, `None` for Python's.
    Done(Option<Py<PyAny>>),
    /// It has been given more to do.
    Again,
}

/// An operation with a part that needs the interpreter, after the exchange with the server.
pub trait PyOperation: Operation<Output = ()> + Send {
    /// Turns what came into what the caller gets.
    ///
    /// # Errors
    /// What the caller gets instead.
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish>;

    /// Whether it is a part of what the connection is reserved for, a COPY or a stream that goes on:
    /// meanwhile all others have to wait.
    fn has_reservation(&self) -> bool {
        false
    }
}

/// Runs an operation: on a synchronous connection to its end, on an asynchronous one as far as an
/// object to await.
///
/// # Errors
/// What the operation fails with, on a synchronous connection.
#[inline]
pub fn submit<'py, O>(
    py: Python<'py>,
    shared: &Arc<Shared>,
    mut operation: O,
) -> PyResult<Bound<'py, PyAny>>
where
    O: PyOperation + 'static,
{
    shared.forget_errors();
    if shared.is_asynchronous() {
        let operation = AsyncOperation::new(shared.clone(), Box::new(operation));
        return Ok(Bound::new(py, operation)?.into_any());
    }
    let value = run(py, shared, &mut operation)?;
    Ok(value.map_or_else(|| py.None().into_bound(py), |value| value.into_bound(py)))
}

/// Runs an operation in this thread, whatever the connection is.
///
/// # Errors
/// What the operation fails with.
#[inline]
pub fn run<O: PyOperation>(
    py: Python<'_>,
    shared: &Shared,
    operation: &mut O,
) -> PyResult<Option<Py<PyAny>>> {
    let turn = shared.turn().take(py, operation.has_reservation())?;
    let result = loop {
        let output = driver::run_in_turn(py, shared, operation, None);
        match output.and_then(|_| operation.finish(py, shared)) {
            Ok(Finish::Done(value)) => break Ok(value),
            Ok(Finish::Again) => {}
            Err(error) => break Err(error),
        }
    };
    drop(turn);
    if shared.take_news() {
        news::deliver(py, shared)?;
    }
    result
}
