//! Writing: rows and raw data are gathered into pieces; [`super::send`] sends them.

use std::sync::Arc;

use psycoxide_client::operations::copy_in::PIECE;
use psycoxide_types::Format;
use psycoxide_types::copy::binary;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyIterator, PyString};

use super::CopyBase;
use super::encode::Encoder;
use crate::adapt::dump::Dumper;
use crate::adapt::dump::text::append_buffer;
use crate::adapt::error::Failure;
use crate::adapt::registry::Registry;
use crate::adapt::session::Session;
use crate::adapt::transformer::Transformer;
use crate::cursor::not_initialised;
use crate::error::OperationalError;

/// The room for a piece, and the row that overfills it.
const ROOM: usize = PIECE + PIECE / 8;

/// From this size on data are sent from where they are instead of being gathered.
const LARGE: usize = PIECE / 4;

/// What is to be sent: what was gathered, and then what was too large for that.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) bytes: Vec<u8>,
    pub(super) large: Option<PyBackedBytes>,
}

/// Adapters and settings, kept from row to row so that a single row costs little.
#[derive(Debug)]
pub(super) struct Tools {
    registry: Arc<Registry>,
    session: Arc<Session>,
    dumpers: Option<Arc<[Dumper]>>,
}

/// Rows that are encoded behind what was gathered. All they need is taken out meanwhile.
struct Rows<'a, 'py> {
    copy: &'a CopyBase,
    transformer: Bound<'py, Transformer>,
    tools: Tools,
    format: Format,
    columns: Option<usize>,
    before: u64,
    count: u64,
    out: Vec<u8>,
}

impl<'a, 'py> Rows<'a, 'py> {
    /// Takes out what there is, and begins the data if nothing has.
    #[inline]
    fn begin(copy: &'a CopyBase, py: Python<'py>) -> PyResult<Rows<'a, 'py>> {
        let mut inner = copy.lock();
        if inner.unwritable {
            return Err(unwritable());
        }
        let transformer = inner.transformer.as_ref().ok_or_else(not_initialised)?;
        let transformer = transformer.bind(py).clone();
        let mut out = std::mem::take(&mut inner.buffer);
        if !std::mem::replace(&mut inner.started, true) && inner.format == Format::Binary {
            out.extend_from_slice(&binary::HEADER);
        }
        let (format, columns, before) = (inner.format, inner.columns, inner.rows);
        let tools = match inner.tools.take() {
            Some(tools) => tools,
            None => {
                let dumpers = inner.dumpers.clone();
                drop(inner);
                if out.capacity() == 0 {
                    out.reserve_exact(ROOM);
                }
                Tools {
                    registry: transformer.get().registry(),
                    session: transformer.get().session(),
                    dumpers,
                }
            }
        };
        Ok(Rows {
            copy,
            transformer,
            tools,
            format,
            columns,
            before,
            count: 0,
            out,
        })
    }

    /// Encodes rows as long as `next` has some.
    #[inline]
    fn encode(
        &mut self,
        mut next: impl FnMut(&[u8]) -> Option<PyResult<Bound<'py, PyAny>>>,
    ) -> PyResult<()> {
        let tools = &self.tools;
        let encoder = Encoder::new(
            &self.transformer,
            &tools.registry,
            &tools.session,
            self.format,
            tools.dumpers.as_deref(),
        );
        while let Some(row) = next(&self.out) {
            let number = self.before + self.count + 1;
            encoder.row(&row?, number, &mut self.columns, &mut self.out)?;
            self.count += 1;
        }
        Ok(())
    }

    /// Puts everything back; whether enough is gathered to be sent.
    #[inline]
    fn end(self) -> bool {
        let frozen = self.transformer.get().is_frozen();
        let mut inner = self.copy.lock();
        inner.rows += self.count;
        inner.columns = self.columns;
        // What dumpers and iterators have written into the same copy.
        let meanwhile = std::mem::replace(&mut inner.buffer, self.out);
        inner.buffer.extend_from_slice(&meanwhile);
        let full = inner.buffer.len() >= PIECE;
        let same = match (&inner.dumpers, &self.tools.dumpers) {
            (Some(now), Some(then)) => Arc::ptr_eq(now, then),
            (None, None) => true,
            _ => false,
        };
        // A map that can still change is looked at for each row.
        let old = if same && frozen && !inner.unwritable {
            inner.tools.replace(self.tools)
        } else {
            Some(self.tools)
        };
        drop(inner);
        drop(old);
        full
    }
}

impl CopyBase {
    /// Encodes a row; whether enough is gathered to be sent.
    #[inline]
    fn add_row<'py>(slf: &Bound<'py, Self>, row: &Bound<'py, PyAny>) -> PyResult<bool> {
        let mut rows = Rows::begin(slf.get(), slf.py())?;
        let mut once = Some(Ok(row.clone()));
        let encoded = rows.encode(|_| once.take());
        // Of a row that could not be encoded nothing is left, but maybe the header before it.
        let full = rows.end();
        encoded.map(|()| full)
    }

    /// Encodes rows of an iterator; whether there may be more of them.
    pub(super) fn add_rows<'py>(
        slf: &Bound<'py, Self>,
        iterator: &Bound<'py, PyIterator>,
    ) -> PyResult<bool> {
        let mut iterator = iterator.clone();
        let mut exhausted = false;
        let mut rows = Rows::begin(slf.get(), slf.py())?;
        let encoded = rows.encode(|out| {
            if out.len() >= PIECE {
                return None;
            }
            let row = iterator.next();
            exhausted = row.is_none();
            row
        });
        rows.end();
        encoded.map(|()| !exhausted)
    }

    pub(super) fn take_data(&self) -> Data {
        let mut inner = self.lock();
        let data = Data {
            bytes: std::mem::take(&mut inner.buffer),
            large: inner.large.take(),
        };
        let length = data.bytes.len() + data.large.as_ref().map_or(0, |large| large.len());
        inner.bytes += length as u64;
        let tools = inner.tools.take();
        drop(inner);
        drop(tools);
        data
    }

    /// Gathers what comes next in the memory of what was sent.
    pub(super) fn reuse(&self, mut memory: Vec<u8>) {
        memory.clear();
        let mut inner = self.lock();
        if inner.buffer.capacity() == 0 && memory.capacity() <= 2 * ROOM {
            inner.buffer = memory;
        }
    }
}

#[pymethods]
impl CopyBase {
    /// Write a row.
    ///
    /// It is sent when enough have been gathered.
    ///
    /// :param row: the values, in the order of the columns.
    /// :raises DataError: if a value does not suit its type, or there are not as many as types; it
    ///     names the row. Nothing of the row is written then.
    /// :raises ProgrammingError: for a value of a class that has no dumper.
    /// :raises Error: what the server says of rows sent earlier.
    fn write_row<'py>(slf: &Bound<'py, Self>, row: &Bound<'py, PyAny>) -> PyResult<()> {
        if Self::add_row(slf, row)? {
            slf.call_method0(intern!(slf.py(), "_flush"))?;
        }
        Ok(())
    }

    /// Encodes a row; `True` when enough is gathered to be sent.
    fn _add_row<'py>(slf: &Bound<'py, Self>, row: &Bound<'py, PyAny>) -> PyResult<bool> {
        Self::add_row(slf, row)
    }

    /// Encodes rows of an iterator; `True` when enough is gathered, `False` when there are no more.
    fn _add_rows<'py>(slf: &Bound<'py, Self>, rows: &Bound<'py, PyIterator>) -> PyResult<bool> {
        Self::add_rows(slf, rows)
    }

    /// Adds data that are formatted already; `True` when there is something to be sent.
    fn _add_data<'py>(slf: &Bound<'py, Self>, data: &Bound<'py, PyAny>) -> PyResult<bool> {
        let this = slf.get();
        if this.lock().unwritable {
            return Err(unwritable());
        }
        if let Ok(text) = data.cast::<PyString>() {
            if this.lock().format == Format::Binary {
                return Err(PyTypeError::new_err(
                    "cannot copy str data in binary mode: use bytes instead",
                ));
            }
            let session = this.transformer(slf.py())?.get().session();
            let mut bytes = Vec::new();
            session
                .encoding
                .dump(text, &mut bytes)
                .map_err(Failure::into_exception)?;
            let mut inner = this.lock();
            inner.buffer.extend_from_slice(&bytes);
            return Ok(inner.buffer.len() >= PIECE);
        }
        if let Ok(bytes) = data.cast::<PyBytes>() {
            let mut inner = this.lock();
            if bytes.as_bytes().len() < LARGE || inner.large.is_some() {
                inner.buffer.extend_from_slice(bytes.as_bytes());
                return Ok(inner.buffer.len() >= PIECE);
            }
            inner.large = Some(PyBackedBytes::from(bytes.clone()));
            return Ok(true);
        }
        let mut bytes = Vec::new();
        append_buffer(data, &mut bytes).map_err(Failure::into_exception)?;
        let mut inner = this.lock();
        inner.buffer.extend_from_slice(&bytes);
        Ok(inner.buffer.len() >= PIECE)
    }

    /// Adds what ends the data of rows; `True` when there is something to be sent.
    fn _add_end(&self) -> bool {
        let mut inner = self.lock();
        inner.unwritable = true;
        if inner.format == Format::Binary {
            if !inner.started && inner.bytes == 0 && inner.buffer.is_empty() {
                inner.buffer.extend_from_slice(&binary::HEADER);
                inner.started = true;
            }
            // Whoever writes raw binary data ends them as well.
            if inner.started {
                inner.buffer.extend_from_slice(&binary::TRAILER);
            }
        }
        !inner.buffer.is_empty() || inner.large.is_some()
    }

    /// Ends the writing and forgets what was not sent.
    fn _forget(&self) {
        self.lock().unwritable = true;
        let data = self.take_data();
        drop(data);
    }

    /// Takes what is to be sent, for a writer of the user's: `bytes`.
    fn _take<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyBytes>> {
        let py = slf.py();
        let mut data = slf.get().take_data();
        if let Some(large) = data.large {
            data.bytes.extend_from_slice(&large);
        }
        slf.get().report(py)?;
        Ok(PyBytes::new(py, &data.bytes))
    }
}

#[cold]
pub(super) fn unwritable() -> PyErr {
    OperationalError::new_err("sending copy data failed: no COPY in progress")
}
