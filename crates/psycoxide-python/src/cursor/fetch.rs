//! Fetching: rows of the current result, from its bytes to Python objects.

use std::ops::Range;
use std::sync::Arc;

use psycoxide_connection::{ExecStatus, QueryResult};
use pyo3::exceptions::{PyIndexError, PyStopIteration, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::{CursorBase, not_initialised};
use crate::adapt::load::row::{RowLoaders, RowMaker};
use crate::adapt::transformer::Transformer;
use crate::error::{InterfaceError, ProgrammingError};

/// What is needed to make rows: taken out of the cursor, so that nothing is locked meanwhile.
pub(crate) struct Source<'py> {
    transformer: Bound<'py, Transformer>,
    result: Arc<QueryResult>,
    loaders: Arc<RowLoaders>,
    maker: RowMaker,
}

impl<'py> Source<'py> {
    /// The first row of a range; `None` if that is empty.
    #[inline]
    pub(crate) fn load_one(&self, range: Range<usize>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let row = self.result.rows.row(range.start);
        let Some(body) = row.filter(|_| !range.is_empty()) else {
            return Ok(None);
        };
        self.loaders
            .load_row(&self.transformer, body, &self.maker)
            .map(Some)
    }

    /// Some of the rows.
    pub(crate) fn load(&self, range: Range<usize>) -> PyResult<Bound<'py, PyList>> {
        self.loaders
            .load_rows(&self.transformer, &self.result.rows, range, &self.maker)
    }
}

impl CursorBase {
    /// Finds out how to make rows of the current result. It is done when a result arrives, so that
    /// a row factory that does not suit it complains at once.
    pub(crate) fn prepare_maker(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let (factory, result) = {
            let inner = slf.get().lock();
            let factory = inner
                .row_factory
                .as_ref()
                .ok_or_else(not_initialised)?
                .clone_ref(py);
            (factory, inner.results.current().cloned())
        };
        let Some(result) = result else { return Ok(()) };
        let maker = RowMaker::of_factory(factory.bind(py), slf.as_any(), &result.fields)?;
        slf.get().lock().maker = Some(maker);
        Ok(())
    }

    /// Fails unless the current result has rows to fetch.
    fn check_fetchable(&self) -> PyResult<()> {
        let inner = self.lock();
        if inner.closed {
            return Err(InterfaceError::new_err("the cursor is closed"));
        }
        let Some(result) = inner.results.current() else {
            return Err(ProgrammingError::new_err("no result available"));
        };
        match result.status {
            ExecStatus::TuplesOk => Ok(()),
            ExecStatus::FatalError => Err(ProgrammingError::new_err("no result available")),
            status => {
                let tag = String::from_utf8_lossy(&result.command_tag);
                let how = if tag.is_empty() {
                    format!("result status: {}", status_name(status))
                } else {
                    format!("command status: {tag}")
                };
                Err(ProgrammingError::new_err(format!(
                    "the last operation didn't produce records ({how})"
                )))
            }
        }
    }

    #[inline]
    fn source<'py>(slf: &Bound<'py, Self>) -> PyResult<Source<'py>> {
        slf.get().check_fetchable()?;
        Self::source_of_current(slf)
    }

    /// What is needed to make rows of the current result, whatever it is.
    #[inline]
    pub(crate) fn source_of_current<'py>(slf: &Bound<'py, Self>) -> PyResult<Source<'py>> {
        let py = slf.py();
        let transformer = Self::transformer(slf)?;
        {
            let inner = slf.get().lock();
            if let (Some(result), Some(loaders), Some(maker)) =
                (inner.results.current(), &inner.loaders, &inner.maker)
            {
                return Ok(Source {
                    transformer,
                    result: result.clone(),
                    loaders: loaders.clone(),
                    maker: maker.clone_ref(py),
                });
            }
        }
        let (result, has_maker) = {
            let inner = slf.get().lock();
            let result = inner.results.current().cloned();
            (result.ok_or_else(not_initialised)?, inner.maker.is_some())
        };
        let loaders =
            crate::adapt::transformer::Transformer::row_loaders(&transformer, &result.fields)?;
        if !has_maker {
            Self::prepare_maker(slf)?;
        }
        let mut inner = slf.get().lock();
        inner.loaders = Some(loaders.clone());
        let maker = inner.maker.as_ref().map(|maker| maker.clone_ref(py));
        Ok(Source {
            transformer,
            result,
            loaders,
            maker: maker.ok_or_else(not_initialised)?,
        })
    }

    /// Claims the next row, and finds what is needed to make it, in one look: `None` where anything
    /// else has to be done than to make one more row of the same result.
    #[inline]
    pub(crate) fn claim_next<'py>(slf: &Bound<'py, Self>) -> Option<(Source<'py>, Range<usize>)> {
        let py = slf.py();
        let mut inner = slf.get().lock();
        if inner.closed || inner.pending.count > 0 {
            return None;
        }
        let source = Source {
            transformer: inner.transformer.as_ref()?.bind(py).clone(),
            result: Arc::clone(inner.results.current()?),
            loaders: Arc::clone(inner.loaders.as_ref()?),
            maker: inner.maker.as_ref()?.clone_ref(py),
        };
        let start = inner.results.position();
        if source.result.status != ExecStatus::TuplesOk || start >= source.result.rows.len() {
            return None;
        }
        inner.results.set_position(start + 1);
        if let Some(server) = inner.server.as_deref_mut() {
            server.advance(1);
        }
        Some((source, start..start + 1))
    }

    /// Claims up to `count` rows: nobody else gets them.
    pub(crate) fn claim(&self, count: usize) -> Range<usize> {
        let mut inner = self.lock();
        let rows = inner
            .results
            .current()
            .map_or(0, |result| result.rows.len());
        let start = inner.results.position().min(rows);
        let end = start.saturating_add(count).min(rows);
        inner.results.set_position(end);
        start..end
    }
}

#[pymethods]
impl CursorBase {
    /// The next row, or `None` when there is none left.
    fn _fetchone<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Some((source, range)) = Self::claim_next(slf) {
            return source.load_one(range);
        }
        let source = Self::source(slf)?;
        source.load_one(slf.get().claim(1))
    }

    /// The next row of the iteration, on a synchronous connection.
    fn _next_row<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if let Some((source, range)) = Self::claim_next(slf)
            && let Some(row) = source.load_one(range)?
        {
            return Ok(row);
        }
        if slf.get().is_pending() {
            slf.call_method0(intern!(slf.py(), "_receive"))?;
        }
        let row = Self::_fetchone(slf)?;
        row.ok_or_else(|| PyStopIteration::new_err("no more records to return"))
    }

    /// Whether there are rows left. Fails where there is nothing to fetch from.
    fn _has_more(&self) -> PyResult<bool> {
        self.check_fetchable()?;
        let inner = self.lock();
        let rows = inner
            .results
            .current()
            .map_or(0, |result| result.rows.len());
        Ok(inner.results.position() < rows)
    }

    /// The next `size` rows, fewer at the end.
    fn _fetchmany<'py>(slf: &Bound<'py, Self>, size: usize) -> PyResult<Bound<'py, PyList>> {
        let source = Self::source(slf)?;
        let size = if size == 0 {
            slf.get().lock().arraysize
        } else {
            size
        };
        source.load(slf.get().claim(size))
    }

    /// All rows that are left.
    fn _fetchall<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        let source = Self::source(slf)?;
        source.load(slf.get().claim(usize::MAX))
    }

    /// Moves to another row of the current result.
    fn _scroll(&self, value: i64, mode: &str) -> PyResult<()> {
        self.check_fetchable()?;
        let mut inner = self.lock();
        let rows = inner
            .results
            .current()
            .map_or(0, |result| result.rows.len());
        let target = match mode {
            "relative" => i64::try_from(inner.results.position())
                .unwrap_or(i64::MAX)
                .checked_add(value),
            "absolute" => Some(value),
            _ => {
                return Err(PyValueError::new_err(format!(
                    "bad mode: {mode}. It should be 'relative' or 'absolute'"
                )));
            }
        };
        let target = target.and_then(|target| usize::try_from(target).ok());
        let Some(target) = target.filter(|target| *target < rows) else {
            return Err(PyIndexError::new_err("position out of bound"));
        };
        inner.results.set_position(target);
        Ok(())
    }

    /// Goes to the next result: `True`, or `None` if there is none.
    fn _nextset(slf: &Bound<'_, Self>) -> PyResult<Option<bool>> {
        let index = slf.get().lock().results.index() + 1;
        if slf.get().select(index) {
            Self::prepare_maker(slf)?;
            return Ok(Some(true));
        }
        Ok(None)
    }

    /// Goes to a result by its number; negative numbers count from the end.
    fn _set_result(slf: &Bound<'_, Self>, index: i64) -> PyResult<()> {
        let count = slf.get().lock().results.len();
        let signed = i64::try_from(count).unwrap_or(i64::MAX);
        let absolute = if index < 0 { index + signed } else { index };
        let found = usize::try_from(absolute).is_ok_and(|absolute| slf.get().select(absolute));
        if !found {
            return Err(PyIndexError::new_err(format!(
                "index {index} out of range: {count} result(s) available"
            )));
        }
        Self::prepare_maker(slf)
    }

    /// How many results there are.
    fn _result_count(&self) -> usize {
        self.lock().results.len()
    }

    /// The number of the row that would be fetched next; `None` without a result of rows.
    #[getter]
    fn rownumber(&self) -> Option<usize> {
        if let Some(position) = self.server_position() {
            return usize::try_from(position?).ok();
        }
        let inner = self.lock();
        let result = inner.results.current()?;
        (result.status == ExecStatus::TuplesOk).then(|| inner.results.position())
    }

    /// The number of rows that the last command returned or touched; -1 if it does not say.
    #[getter]
    fn rowcount(&self) -> i64 {
        let inner = self.lock();
        if inner.server.is_some() {
            return -1;
        }
        inner.results.rowcount()
    }

    /// What the server said of the last command (`INSERT 0 1`); `None` without a command.
    #[getter]
    fn statusmessage(&self) -> Option<String> {
        let inner = self.lock();
        if inner.server.is_some() {
            return None;
        }
        inner
            .results
            .tag()
            .map(|tag| String::from_utf8_lossy(tag).into_owned())
    }

    /// Whether the current result has columns.
    fn _has_columns(&self) -> bool {
        let inner = self.lock();
        inner.results.current().is_some_and(|result| {
            !result.fields.is_empty() || result.status == ExecStatus::TuplesOk
        })
    }
}

impl CursorBase {
    fn select(&self, index: usize) -> bool {
        let mut inner = self.lock();
        let found = inner.results.select(index);
        if found {
            inner.loaders = None;
            inner.maker = None;
        }
        found
    }
}

/// libpq's name of a status, without its prefix.
pub(crate) fn status_name(status: ExecStatus) -> &'static str {
    match status {
        ExecStatus::EmptyQuery => "EMPTY_QUERY",
        ExecStatus::CommandOk => "COMMAND_OK",
        ExecStatus::TuplesOk => "TUPLES_OK",
        ExecStatus::CopyOut => "COPY_OUT",
        ExecStatus::CopyIn => "COPY_IN",
        ExecStatus::BadResponse => "BAD_RESPONSE",
        ExecStatus::NonfatalError => "NONFATAL_ERROR",
        ExecStatus::FatalError => "FATAL_ERROR",
        ExecStatus::CopyBoth => "COPY_BOTH",
        ExecStatus::SingleTuple => "SINGLE_TUPLE",
        ExecStatus::PipelineSync => "PIPELINE_SYNC",
        ExecStatus::PipelineAborted => "PIPELINE_ABORTED",
        ExecStatus::TuplesChunk => "TUPLES_CHUNK",
    }
}
