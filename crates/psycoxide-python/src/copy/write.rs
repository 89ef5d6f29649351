//! Writing: rows and raw data are gathered into pieces, and pieces are sent.

use std::sync::Arc;

use psycoxide_client::operations::copy_in::{PIECE, SendCopy};
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{Connection, Error};
use psycoxide_connection::{ExecStatus, QueryResult};
use psycoxide_types::Format;
use psycoxide_types::copy::binary;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyIterator, PyString};

use super::CopyBase;
use super::encode::Encoder;
use crate::adapt::dump::text::append_buffer;
use crate::adapt::error::Failure;
use crate::cursor::CursorBase;
use crate::error::OperationalError;
use crate::operation::{Finish, PyOperation, submit};
use crate::shared::Shared;

/// From this size on data are sent from where they are instead of being gathered.
const LARGE: usize = PIECE / 4;

/// What is to be sent: what was gathered, and then what was too large for that.
#[derive(Debug, Default)]
struct Data {
    bytes: Vec<u8>,
    large: Option<PyBackedBytes>,
}

impl CopyBase {
    /// Encodes rows into `out` until it is full or `next` has no more of them.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        out: &mut Vec<u8>,
        mut next: impl FnMut() -> Option<PyResult<Bound<'py, PyAny>>>,
    ) -> PyResult<(u64, bool)> {
        let transformer = self.transformer(py)?;
        let registry = transformer.get().registry();
        let session = transformer.get().session();
        let (format, dumpers, before, mut columns) = {
            let mut inner = self.lock();
            if inner.unwritable {
                return Err(unwritable());
            }
            let header = inner.format == Format::Binary && !inner.started;
            inner.started = true;
            if header {
                out.extend_from_slice(&binary::HEADER);
            }
            (
                inner.format,
                inner.dumpers.clone(),
                inner.rows,
                inner.columns,
            )
        };
        let encoder = Encoder::new(
            &transformer,
            &registry,
            &session,
            format,
            dumpers.as_deref(),
        );
        let mut count = 0;
        while out.len() < PIECE {
            let Some(row) = next() else {
                return Ok((count, true));
            };
            encoder.row(&row?, before + count + 1, &mut columns, out)?;
            count += 1;
            let mut inner = self.lock();
            inner.rows += 1;
            inner.columns = columns;
        }
        Ok((count, false))
    }

    fn take_data(&self) -> Data {
        let mut inner = self.lock();
        let data = Data {
            bytes: std::mem::take(&mut inner.buffer),
            large: inner.large.take(),
        };
        let length = data.bytes.len() + data.large.as_ref().map_or(0, |large| large.len());
        inner.bytes += length as u64;
        data
    }
}

#[pymethods]
impl CopyBase {
    /// Encodes a row; `True` when enough is gathered to be sent.
    fn _add_row<'py>(slf: &Bound<'py, Self>, row: &Bound<'py, PyAny>) -> PyResult<bool> {
        let this = slf.get();
        let mut out = std::mem::take(&mut this.lock().scratch);
        out.clear();
        let mut once = Some(Ok(row.clone()));
        let encoded = this.encode(slf.py(), &mut out, || once.take());
        let mut inner = this.lock();
        // Of a row that could not be encoded nothing is left, but maybe the header before it.
        inner.buffer.extend_from_slice(&out);
        inner.scratch = out;
        let full = inner.buffer.len() >= PIECE;
        drop(inner);
        encoded.map(|_| full)
    }

    /// Encodes rows of an iterator; `True` when enough is gathered, `False` when there are no more.
    fn _add_rows<'py>(slf: &Bound<'py, Self>, rows: &Bound<'py, PyIterator>) -> PyResult<bool> {
        let this = slf.get();
        let mut rows = rows.clone();
        let mut out = std::mem::take(&mut this.lock().buffer);
        let encoded = this.encode(slf.py(), &mut out, || rows.next());
        let mut inner = this.lock();
        let meanwhile = std::mem::replace(&mut inner.buffer, out);
        inner.buffer.extend_from_slice(&meanwhile);
        drop(inner);
        encoded.map(|(_, exhausted)| !exhausted)
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

    /// Sends what was gathered.
    fn _send<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let shared = slf.get().shared()?;
        let operation = SendOperation {
            sender: Sender::default(),
            source: Source::Gathered,
            copy: Some(slf.clone().unbind()),
            cursor: slf.get().cursor(py)?,
        };
        operation.start(py, &shared)
    }

    /// Encodes and sends the rows of an iterator.
    fn _send_rows<'py>(
        slf: &Bound<'py, Self>,
        rows: &Bound<'py, PyIterator>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let shared = slf.get().shared()?;
        let operation = SendOperation {
            sender: Sender::default(),
            source: Source::Rows(rows.clone().unbind()),
            copy: Some(slf.clone().unbind()),
            cursor: slf.get().cursor(py)?,
        };
        operation.start(py, &shared)
    }
}

#[pymethods]
impl CursorBase {
    /// Sends data to the COPY that goes on.
    fn _copy_send<'py>(
        slf: &Bound<'py, Self>,
        data: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let shared = slf.get().shared()?;
        let bytes = match data.cast::<PyBytes>() {
            Ok(bytes) => PyBackedBytes::from(bytes.clone()),
            Err(_) => match data.cast::<PyByteArray>() {
                Ok(bytes) => PyBackedBytes::from(bytes.clone()),
                Err(_) => {
                    let mut bytes = Vec::new();
                    append_buffer(data, &mut bytes).map_err(Failure::into_exception)?;
                    PyBackedBytes::from(PyBytes::new(slf.py(), &bytes))
                }
            },
        };
        let operation = SendOperation {
            sender: Sender::new(Data {
                bytes: Vec::new(),
                large: Some(bytes),
            }),
            source: Source::Given,
            copy: None,
            cursor: slf.clone().unbind(),
        };
        submit(slf.py(), &shared, operation)
    }
}

/// Sends one part of [`Data`] after the other.
#[derive(Debug)]
struct Sender {
    bytes: SendCopy<Vec<u8>>,
    large: Option<SendCopy<PyBackedBytes>>,
    bytes_sent: bool,
}

impl Default for Sender {
    fn default() -> Sender {
        Sender::new(Data::default())
    }
}

impl Sender {
    fn new(data: Data) -> Sender {
        Sender {
            bytes: SendCopy::new(data.bytes),
            large: data.large.map(SendCopy::new),
            bytes_sent: false,
        }
    }

    /// Gives it other data; the memory of the old ones comes back.
    fn replace(&mut self, data: Data) -> Vec<u8> {
        self.large = data.large.map(SendCopy::new);
        self.bytes_sent = false;
        self.bytes.replace(data.bytes)
    }
}

impl Operation for Sender {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        if !self.bytes_sent {
            if let Step::Wait(wait) = self.bytes.step(connection)? {
                return Ok(Step::Wait(wait));
            }
            self.bytes_sent = true;
        }
        match &mut self.large {
            Some(large) => large.step(connection),
            None => Ok(Step::Done(())),
        }
    }

    fn abandon(&mut self) -> bool {
        self.large = None;
        self.bytes_sent = false;
        self.bytes.abandon()
    }
}

/// Where the data come from.
#[derive(Debug)]
enum Source {
    /// The caller has given them.
    Given,
    /// What the copy has gathered.
    Gathered,
    /// Rows to be encoded.
    Rows(Py<PyIterator>),
}

/// Sends what there is, and goes on as long as there is more.
struct SendOperation {
    sender: Sender,
    source: Source,
    copy: Option<Py<CopyBase>>,
    cursor: Py<CursorBase>,
}

impl SendOperation {
    /// Takes the first data and submits it.
    fn start<'py>(mut self, py: Python<'py>, shared: &Arc<Shared>) -> PyResult<Bound<'py, PyAny>> {
        self.load(py)?;
        submit(py, shared, self)
    }

    /// Takes the next data; `false` if there are none.
    fn load(&mut self, py: Python<'_>) -> PyResult<bool> {
        let Some(copy) = &self.copy else {
            return Ok(false);
        };
        let copy = copy.bind(py);
        let more = match &self.source {
            Source::Rows(rows) => CopyBase::_add_rows(copy, rows.bind(py))?,
            Source::Gathered | Source::Given => true,
        };
        // Rows that do not fill a piece are gathered with what comes later.
        if !more {
            return Ok(false);
        }
        let data = copy.get().take_data();
        if data.bytes.is_empty() && data.large.is_none() {
            return Ok(false);
        }
        let mut memory = self.sender.replace(data);
        memory.clear();
        let mut inner = copy.get().lock();
        if inner.buffer.capacity() == 0 {
            inner.buffer = memory;
        }
        Ok(true)
    }
}

impl Operation for SendOperation {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        if !connection.pgconn.is_open() {
            return Err(Error::Closed);
        }
        if !connection.pgconn.machine().is_copying_in()
            && connection.copy.as_ref().is_none_or(|copy| copy.is_ready())
        {
            return Ok(Step::Done(()));
        }
        self.sender.step(connection)
    }

    fn abandon(&mut self) -> bool {
        self.sender.abandon()
    }
}

impl PyOperation for SendOperation {
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish> {
        check_taking(py, shared, self.cursor.bind(py))?;
        if let Some(copy) = &self.copy {
            copy.bind(py).get().report(py)?;
        }
        if matches!(self.source, Source::Rows(_)) && self.load(py)? {
            return Ok(Finish::Again);
        }
        Ok(Finish::Done(None))
    }

    fn is_part_of_copy(&self) -> bool {
        true
    }
}

/// Fails if the COPY does not take data any more, or never did.
fn check_taking(py: Python<'_>, shared: &Shared, cursor: &Bound<'_, CursorBase>) -> PyResult<()> {
    let (taking, error) = shared.with(py, |connection| {
        let failed = |result: &&QueryResult| result.status == ExecStatus::FatalError;
        let copy = connection.copy.as_ref();
        let error = copy.and_then(|copy| copy.results().iter().find(failed).cloned());
        (connection.pgconn.machine().is_copying_in(), error)
    });
    match error {
        Some(error) => CursorBase::note_copied(cursor, shared, &[error]),
        None if taking => Ok(()),
        None => Err(unwritable()),
    }
}

#[cold]
fn unwritable() -> PyErr {
    OperationalError::new_err("sending copy data failed: no COPY in progress")
}
