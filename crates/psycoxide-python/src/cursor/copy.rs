//! The cursor's part of COPY: the statement that begins it, and its end.
//!
//! While a COPY goes on its connection is reserved: what others do waits, in the same thread or
//! task it fails. The cursor's `_copy_release` gives the connection free, whatever has happened.

use std::sync::Arc;

use psycoxide_client::operations::copy::{BeginCopy, Begun, EndCopy};
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{Connection, Error, Query};
use psycoxide_connection::{ExecStatus, QueryResult};
use pyo3::prelude::*;

use super::CursorBase;
use super::fetch::status_name;
use super::results::Results;
use crate::error::{self, ProgrammingError};
use crate::event_loop;
use crate::operation::{Finish, PyOperation, submit};
use crate::pq::result::PGresult;
use crate::query::Binding;
use crate::shared::Shared;

/// Reserves the connection for the COPY that has begun.
pub(crate) fn reserve(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    if shared.is_asynchronous() {
        event_loop::reserve(py, shared)
    } else {
        shared.turn().reserve(py)
    }
}

/// Gives the connection free; one that is still in the middle of a COPY cannot be used by anybody
/// and is closed.
pub(crate) fn release(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    shared.with(py, |connection| {
        if connection.copy.take().is_some() {
            connection.pgconn.lose();
        }
    });
    if shared.is_asynchronous() {
        event_loop::release(py, shared)
    } else {
        shared.turn().release();
        Ok(())
    }
}

#[cold]
fn mixed() -> PyErr {
    ProgrammingError::new_err("COPY cannot be mixed with other operations")
}

impl CursorBase {
    fn last_query(&self) -> Arc<Query> {
        let query = self.lock().query.clone();
        query.unwrap_or_else(|| Arc::new(Query::new([])))
    }

    /// The first error among results, as an exception.
    fn check_results(
        py: Python<'_>,
        shared: &Shared,
        results: &[QueryResult],
        query: &Arc<Query>,
    ) -> PyResult<()> {
        let failed = |result: &&QueryResult| result.status == ExecStatus::FatalError;
        match results.iter().find(failed) {
            Some(result) => {
                let result = PGresult::new(Arc::new(result.clone()), Some(query.clone()));
                Err(error::of_result(py, result, shared))
            }
            None => Ok(()),
        }
    }

    /// Takes what came after the data, for a COPY from the server: the number of its rows.
    pub(crate) fn note_copied(
        slf: &Bound<'_, Self>,
        shared: &Shared,
        results: &[QueryResult],
    ) -> PyResult<()> {
        let query = slf.get().last_query();
        Self::check_results(slf.py(), shared, results, &query)?;
        match results {
            [] => {}
            [result] => slf
                .get()
                .lock()
                .results
                .set_rowcount(result.affected_rows()),
            _ => return Err(mixed()),
        }
        Ok(())
    }
}

#[pymethods]
impl CursorBase {
    /// Begins a COPY: at once, or as something to await.
    fn _copy_begin<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        params: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let shared = slf.get().shared()?;
        crate::driver::check_usable(&shared)?;
        // The server takes no parameters here, so they become literals.
        let (query, _) = Self::bind(slf, &shared, Binding::Client, query, params)?;
        slf.get().reset();
        let operation = BeginOperation {
            begin: BeginCopy::new(query),
            begun: None,
            cursor: slf.clone().unbind(),
        };
        submit(slf.py(), &shared, operation)
    }

    /// Ends a COPY: `True`, or `False` if more than `patience` bytes have come that nobody wants.
    ///
    /// `failure`: why the server shall not take the data that were sent; `last`: data to send before
    /// the end. Errors of the server are raised unless it is `quiet` or there is a failure anyway.
    #[pyo3(signature = (failure=None, *, last=None, patience=None, quiet=false))]
    fn _copy_end<'py>(
        slf: &Bound<'py, Self>,
        failure: Option<Vec<u8>>,
        last: Option<Vec<u8>>,
        patience: Option<usize>,
        quiet: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let shared = slf.get().shared()?;
        let raising = failure.is_none() && !quiet;
        let end = EndCopy::new(failure, patience.unwrap_or(usize::MAX));
        let operation = EndOperation {
            end: end.with_last(last.unwrap_or_default()),
            ended: None,
            is_out: false,
            raising,
            cursor: slf.clone().unbind(),
        };
        submit(slf.py(), &shared, operation)
    }

    /// Lets others use the connection again.
    fn _copy_release(&self, py: Python<'_>) -> PyResult<()> {
        let shared = self.lock().shared.clone();
        shared.map_or(Ok(()), |shared| release(py, &shared))
    }
}

/// The beginning.
struct BeginOperation {
    begin: BeginCopy,
    begun: Option<Begun>,
    cursor: Py<CursorBase>,
}

impl Operation for BeginOperation {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        Ok(match self.begin.step(connection)? {
            Step::Wait(wait) => Step::Wait(wait),
            Step::Done(begun) => {
                self.begun = Some(begun);
                Step::Done(())
            }
        })
    }

    fn abandon(&mut self) -> bool {
        self.begin.abandon()
    }
}

impl PyOperation for BeginOperation {
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish> {
        let results = match self.begun.take() {
            Some(Begun::Copying(result)) => {
                reserve(py, shared)?;
                let mut inner = self.cursor.bind(py).get().lock();
                inner.results = Results::new(vec![Arc::new(result)]);
                inner.query = Some(self.begin.query().clone());
                return Ok(Finish::Done(None));
            }
            Some(Begun::Ended(results)) => results,
            Some(Begun::Mixed) | None => return Err(mixed()),
        };
        CursorBase::check_results(py, shared, &results, self.begin.query())?;
        let [result] = results.as_slice() else {
            return Err(mixed());
        };
        Err(ProgrammingError::new_err(format!(
            "copy() should be used only with COPY ... TO STDOUT or COPY ... FROM STDIN \
             statements, got {}",
            status_name(result.status)
        )))
    }
}

/// The end.
struct EndOperation {
    end: EndCopy,
    ended: Option<Option<Vec<QueryResult>>>,
    is_out: bool,
    raising: bool,
    cursor: Py<CursorBase>,
}

impl Operation for EndOperation {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        if let Some(copy) = &connection.copy {
            self.is_out = copy.is_out();
        }
        Ok(match self.end.step(connection)? {
            Step::Wait(wait) => Step::Wait(wait),
            Step::Done(ended) => {
                self.ended = Some(ended);
                Step::Done(())
            }
        })
    }
}

impl PyOperation for EndOperation {
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish> {
        let Some(results) = self.ended.take().flatten() else {
            return Ok(Finish::Done(Some(
                false.into_pyobject(py)?.to_owned().into_any().unbind(),
            )));
        };
        let cursor = self.cursor.bind(py);
        if self.raising {
            let query = cursor.get().last_query();
            CursorBase::check_results(py, shared, &results, &query)?;
            if results.len() > 1 {
                return Err(mixed());
            }
            if !self.is_out && !results.is_empty() {
                let results = results.into_iter().map(Arc::new).collect();
                cursor.get().lock().results = Results::new(results);
            }
        }
        Ok(Finish::Done(Some(
            true.into_pyobject(py)?.to_owned().into_any().unbind(),
        )))
    }

    fn has_reservation(&self) -> bool {
        true
    }
}
