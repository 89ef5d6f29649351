//! Whose turn it is among tasks: they wait for futures, in the order they came.
//!
//! A COPY takes several operations: while it lasts, the turns are reserved for what is a part of it.

use pyo3::prelude::*;

use super::lock;
use super::registration::resume_reading;
use crate::shared::Shared;

/// Gives the turn to the next task that waits for it and is still there.
pub(super) fn pass_turn(py: Python<'_>, shared: &Shared) -> PyResult<()> {
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
        state.turns += 1;
        drop(state);
        let next = next.bind(py);
        let gone = next.call_method0(pyo3::intern!(py, "done"))?.is_truthy()?
            || next
                .call_method0(pyo3::intern!(py, "get_loop"))?
                .call_method0(pyo3::intern!(py, "is_closed"))?
                .is_truthy()?;
        if !gone {
            next.call_method1(pyo3::intern!(py, "set_result"), (py.None(),))?;
            return Ok(());
        }
    }
}

/// The task that runs.
pub(super) fn current_task(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
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
