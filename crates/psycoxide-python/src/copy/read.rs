//! Reading: messages as they come, and the rows in them.

use psycoxide_client::operations::copy_out::ReceiveCopy;
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{Connection, Error};
use psycoxide_connection::{CopyChunk, QueryResult};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView};

use super::CopyBase;
use super::decode::Decoder;
use crate::cursor::CursorBase;
use crate::error::OperationalError;
use crate::operation::{Finish, PyOperation, submit};
use crate::raw::gc::GcPause;
use crate::shared::Shared;

/// What was received, taken out to be decoded: nothing is locked meanwhile.
struct Reader<'a> {
    copy: &'a CopyBase,
    chunk: CopyChunk,
    decoder: Decoder,
}

impl<'a> Reader<'a> {
    fn new(copy: &'a CopyBase) -> Reader<'a> {
        let mut inner = copy.lock();
        Reader {
            copy,
            chunk: std::mem::take(&mut inner.chunk),
            decoder: inner.decoder.take().unwrap_or_default(),
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let chunk = std::mem::take(&mut self.chunk);
        let decoder = std::mem::take(&mut self.decoder);
        let mut inner = self.copy.lock();
        inner.chunk = chunk;
        inner.decoder = Some(decoder);
    }
}

impl CopyBase {
    /// The next message that was received already.
    #[inline]
    fn next_message<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let mut inner = self.lock();
        loop {
            let range = inner.chunk.next_range()?;
            let message = inner.chunk.bytes().get(range)?;
            if message.is_empty() {
                continue;
            }
            let message = PyBytes::new(py, message);
            if let Some(decoder) = &mut inner.decoder {
                decoder.skipped();
            }
            return Some(message);
        }
    }

    /// The next row that was received already.
    #[inline]
    fn next_row<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let this = slf.get();
        if this.lock().chunk.is_empty() {
            return Ok(None);
        }
        let transformer = this.transformer(slf.py())?;
        let mut reader = Reader::new(this);
        let Reader { chunk, decoder, .. } = &mut reader;
        while let Some(message) = chunk.next_message() {
            if let Some(row) = decoder.row(&transformer, message)? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}

/// The message as Python gets it: what psycopg gives.
#[inline]
fn view<'py>(message: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyMemoryView::from(message)?.into_any())
}

#[pymethods]
impl CopyBase {
    /// The next message that was received already, or `None`.
    fn _next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.next_message(py).as_ref().map(view).transpose()
    }

    /// The next row that was received already, or `None`.
    fn _next_row<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Self::next_row(slf)
    }

    /// Appends rows that were received already to a list, until it holds `size`; whether it does.
    fn _next_rows<'py>(
        slf: &Bound<'py, Self>,
        rows: &Bound<'py, PyList>,
        size: usize,
    ) -> PyResult<bool> {
        let py = slf.py();
        let this = slf.get();
        let transformer = this.transformer(py)?;
        let _pause = GcPause::for_loading(py, false);
        let mut reader = Reader::new(this);
        let Reader { chunk, decoder, .. } = &mut reader;
        while rows.len() < size {
            let Some(message) = chunk.next_message() else {
                return Ok(false);
            };
            if let Some(row) = decoder.row(&transformer, message)? {
                rows.append(row)?;
            }
        }
        Ok(true)
    }

    /// Receives more; its value is whether there is more.
    fn _receive<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let shared = slf.get().shared()?;
        let operation = ReceiveOperation {
            receive: ReceiveCopy::default(),
            chunk: None,
            results: Vec::new(),
            ended: false,
            discarded: false,
            misdirected: false,
            copy: slf.clone().unbind(),
        };
        submit(slf.py(), &shared, operation)
    }

    /// What gives message after message, or row after row, on a synchronous connection.
    fn _iterator(slf: Py<Self>, rows: bool) -> CopyIterator {
        CopyIterator { copy: slf, rows }
    }
}

/// Messages or rows, received as they are needed.
#[pyclass(frozen, module = "psycoxide._core")]
#[derive(Debug)]
pub struct CopyIterator {
    copy: Py<CopyBase>,
    rows: bool,
}

#[pymethods]
impl CopyIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let copy = self.copy.bind(py);
        loop {
            let found = if self.rows {
                CopyBase::next_row(copy)?
            } else {
                copy.get().next_message(py).as_ref().map(view).transpose()?
            };
            if found.is_some() || !CopyBase::_receive(copy)?.is_truthy()? {
                return Ok(found);
            }
        }
    }
}

/// Receives the next data.
struct ReceiveOperation {
    receive: ReceiveCopy,
    chunk: Option<CopyChunk>,
    results: Vec<QueryResult>,
    ended: bool,
    discarded: bool,
    /// It is a COPY to the server.
    misdirected: bool,
    copy: Py<CopyBase>,
}

impl Operation for ReceiveOperation {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        if !connection.pgconn.is_open() {
            return Err(Error::Closed);
        }
        self.misdirected = connection.pgconn.machine().is_copying_in();
        if self.misdirected {
            return Ok(Step::Done(()));
        }
        match self.receive.step(connection)? {
            Step::Wait(wait) => return Ok(Step::Wait(wait)),
            Step::Done(chunk) => self.chunk = chunk,
        }
        if self.chunk.is_none()
            && let Some(copy) = &connection.copy
        {
            self.ended = copy.is_out();
            self.discarded = copy.is_discarding();
            self.results = copy.results().to_vec();
        }
        Ok(Step::Done(()))
    }

    fn abandon(&mut self) -> bool {
        self.receive.abandon()
    }
}

impl PyOperation for ReceiveOperation {
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish> {
        let copy = self.copy.bind(py);
        if self.misdirected {
            return Err(OperationalError::new_err(
                "receiving copy data failed: no COPY in progress",
            ));
        }
        let more = self.chunk.is_some();
        if let Some(chunk) = self.chunk.take() {
            let mut inner = copy.get().lock();
            inner.bytes += chunk.size() as u64;
            inner.rows += chunk.len() as u64;
            inner.chunk = chunk;
            drop(inner);
            copy.get().report(py)?;
        } else if self.ended {
            let cursor = copy.get().cursor(py)?;
            let noted = CursorBase::note_copied(cursor.bind(py), shared, &self.results);
            copy.get().lock().told |= noted.is_err();
            noted?;
            if self.discarded {
                return Err(OperationalError::new_err(
                    "receiving copy data failed: the COPY was cancelled",
                ));
            }
        }
        let more = more.into_pyobject(py)?.to_owned().into_any().unbind();
        Ok(Finish::Done(Some(more)))
    }

    fn has_reservation(&self) -> bool {
        true
    }
}
