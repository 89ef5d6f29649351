//! Streaming: the rows of a query handed out while the server still produces them.
//!
//! `Cursor.stream()` is a generator over a [`Stream`]. Between two pieces of the result the
//! connection is busy, so it is reserved for the stream from the first piece to the end. A stream
//! that is left early throws the rest away: what has arrived already at once, and if there is more the
//! query is cancelled, so that the connection can be used again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psycoxide_client::operations::execute::Request;
use psycoxide_client::operations::{self, Operation, Step};
use psycoxide_client::{Connection, Error, Query};
use psycoxide_connection::{ExecStatus, QueryResult};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::results::Results;
use super::{CursorBase, copy};
use crate::auto;
use crate::driver;
use crate::error::{self, InterfaceError, ProgrammingError};
use crate::event_loop;
use crate::operation::{Finish, PyOperation, submit};
use crate::pq::result::PGresult;
use crate::shared::Shared;

/// A query whose rows are handed out as they arrive.
#[pyclass(frozen, module = "psycoxide._core")]
#[derive(Debug)]
pub struct Stream {
    shared: Arc<Shared>,
    cursor: Py<CursorBase>,
    query: Arc<Query>,
    state: Arc<State>,
}

/// What the object and its operations share.
#[derive(Debug)]
struct State {
    exchange: Mutex<operations::stream::Stream>,
    /// The connection is reserved for the stream.
    reserved: AtomicBool,
}

impl State {
    fn exchange(&self) -> MutexGuard<'_, operations::stream::Stream> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_reserved(&self) -> bool {
        self.reserved.load(Ordering::Acquire)
    }

    /// Lets others use the connection again.
    fn release(&self, py: Python<'_>, shared: &Shared) -> PyResult<()> {
        if !self.reserved.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        if shared.is_asynchronous() {
            return event_loop::release(py, shared);
        }
        shared.turn().release();
        Ok(())
    }
}

#[pymethods]
impl CursorBase {
    /// A stream of the rows of a query, `size` at a time; nothing is sent yet.
    fn _stream<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        params: Option<&Bound<'py, PyAny>>,
        binary: Option<bool>,
        size: i64,
    ) -> PyResult<Stream> {
        let shared = slf.get().shared()?;
        driver::check_usable(&shared)?;
        if shared.in_pipeline() {
            return Err(ProgrammingError::new_err(
                "stream() cannot be used in pipeline mode",
            ));
        }
        let chunk = usize::try_from(size)
            .ok()
            .filter(|size| *size >= 1)
            .ok_or_else(|| PyValueError::new_err("size must be >= 1"))?;
        slf.get().reset();
        let binding = Self::binding(slf)?;
        let result_format = slf.get().result_format(binding, binary)?;
        let (query, parameters) = Self::bind(slf, &shared, binding, query, params)?;
        let request = Request {
            query: query.clone(),
            parameters,
            result_format,
            prepare: Some(false),
            simple: false,
        };
        Ok(Stream {
            shared,
            cursor: slf.clone().unbind(),
            query,
            state: Arc::new(State {
                exchange: Mutex::new(operations::stream::Stream::new(request, chunk)),
                reserved: AtomicBool::new(false),
            }),
        })
    }
}

#[pymethods]
impl Stream {
    /// Whether there is nothing more to come.
    #[getter]
    fn finished(&self) -> bool {
        self.state.exchange().is_over()
    }

    /// The next rows: a list, at once or as something to await.
    fn fetch<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        submit(py, &self.shared, self.operation(py))
    }

    /// Nobody wants the rest: throws away what has arrived. Whether there is more, so that the
    /// query is to be cancelled, and `finish()` needed.
    fn leave(&self, py: Python<'_>) -> PyResult<bool> {
        self.state.exchange().discard();
        let usable = self.shared.is_open() && self.shared.is_ours();
        if self.state.is_reserved() && usable && !self.drain_now() {
            return Ok(true);
        }
        self.state.release(py, &self.shared)?;
        Ok(false)
    }

    /// Waits for the end of a query that has been cancelled: at once, or as something to await.
    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        submit(py, &self.shared, self.operation(py))
    }
}

impl Stream {
    fn operation(&self, py: Python<'_>) -> StreamOperation {
        StreamOperation {
            state: self.state.clone(),
            cursor: self.cursor.clone_ref(py),
            query: self.query.clone(),
            result: None,
        }
    }

    /// Throws away what has arrived; whether that was all.
    fn drain_now(&self) -> bool {
        let mut connection = self.shared.lock();
        let blocking = !self.shared.is_asynchronous();
        if blocking && connection.pgconn.set_blocking(false).is_err() {
            return false;
        }
        let step = self.state.exchange().step(&mut connection);
        if blocking && connection.pgconn.is_open() {
            // A socket that refuses shows in the operation that follows.
            let _ = connection.pgconn.set_blocking(true);
        }
        self.shared.publish(&connection);
        // An error has ended it; that of an abandoned query is of no interest.
        !matches!(step, Ok(Step::Wait(_)))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // The generator was never closed: an event loop was stopped in the middle of it.
        if !self.state.is_reserved() {
            return;
        }
        if !self.state.exchange().is_over() && self.shared.is_ours() {
            let mut connection = self.shared.lock();
            connection.pgconn.lose();
            self.shared.publish(&connection);
        }
        Python::attach(|py| {
            if let Err(error) = self.state.release(py, &self.shared) {
                error.write_unraisable(py, None);
            }
        });
    }
}

/// Fetches one piece of a stream, or its end.
struct StreamOperation {
    state: Arc<State>,
    cursor: Py<CursorBase>,
    query: Arc<Query>,
    result: Option<QueryResult>,
}

impl Operation for StreamOperation {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        match self.state.exchange().step(connection)? {
            Step::Wait(wait) => Ok(Step::Wait(wait)),
            Step::Done(result) => {
                self.result = result;
                Ok(Step::Done(()))
            }
        }
    }

    fn abandon(&mut self) -> bool {
        self.result = None;
        self.state.exchange().abandon()
    }
}

impl PyOperation for StreamOperation {
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish> {
        if self.state.exchange().is_over() {
            self.state.release(py, shared)?;
        } else if !self.state.is_reserved() {
            copy::reserve(py, shared)?;
            self.state.reserved.store(true, Ordering::Release);
        }
        let rows = match self.result.take() {
            Some(result) => self.take(py, shared, result)?,
            None => PyList::empty(py),
        };
        Ok(Finish::Done(Some(rows.into_any().unbind())))
    }

    fn has_reservation(&self) -> bool {
        self.state.is_reserved()
    }
}

impl StreamOperation {
    /// Makes rows of a piece of the result.
    fn take<'py>(
        &self,
        py: Python<'py>,
        shared: &Shared,
        mut result: QueryResult,
    ) -> PyResult<Bound<'py, PyList>> {
        let cursor = self.cursor.bind(py);
        match result.status {
            ExecStatus::SingleTuple | ExecStatus::TuplesChunk => {}
            ExecStatus::TuplesOk if result.rows.is_empty() => return Ok(PyList::empty(py)),
            // The last piece; to those who look at it, it is one like the others.
            ExecStatus::TuplesOk => result.status = ExecStatus::TuplesChunk,
            ExecStatus::FatalError => {
                let result = PGresult::new(Arc::new(result), Some(self.query.clone()));
                return Err(error::of_result(py, result, shared));
            }
            ExecStatus::CommandOk => {
                return Err(ProgrammingError::new_err(
                    "the operation in stream() didn't produce a result",
                ));
            }
            ExecStatus::CopyIn | ExecStatus::CopyOut | ExecStatus::CopyBoth => {
                return Err(error::needs_copy());
            }
            _ => return Err(error::unexpected_result(&result)),
        }
        CursorBase::stream_rows(cursor, shared, result, &self.query)
    }
}

impl CursorBase {
    /// Makes a piece of a result the current one, and rows of it. What is known about its columns
    /// is kept from piece to piece.
    fn stream_rows<'py>(
        slf: &Bound<'py, Self>,
        shared: &Shared,
        result: QueryResult,
        query: &Arc<Query>,
    ) -> PyResult<Bound<'py, PyList>> {
        let rows = result.rows.len();
        auto::register_known(shared, slf, &result.fields)?;
        let old = {
            let mut inner = slf.get().lock();
            if inner.closed {
                return Err(InterfaceError::new_err("the cursor is closed"));
            }
            inner.query = Some(query.clone());
            std::mem::replace(&mut inner.results, Results::new(vec![Arc::new(result)]))
        };
        drop(old);
        let source = Self::source_of_current(slf)?;
        source.load(0..rows)
    }
}
