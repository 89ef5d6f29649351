//! Sending what was gathered: operations of the COPY that goes on.

use psycoxide_client::operations::copy_in::SendCopy;
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{Connection, Error};
use psycoxide_connection::{ExecStatus, QueryResult};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyIterator};

use super::CopyBase;
use super::write::{Data, unwritable};
use crate::adapt::dump::text::append_buffer;
use crate::adapt::error::Failure;
use crate::cursor::CursorBase;
use crate::operation::{Finish, PyOperation, submit};
use crate::shared::Shared;

#[pymethods]
impl CopyBase {
    /// Sends what was gathered.
    fn _send<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        SendOperation::start(slf, None)
    }

    /// Encodes and sends the rows of an iterator.
    fn _send_rows<'py>(
        slf: &Bound<'py, Self>,
        rows: &Bound<'py, PyIterator>,
    ) -> PyResult<Bound<'py, PyAny>> {
        SendOperation::start(slf, Some(rows))
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
            copy: None,
            rows: None,
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

/// Sends what there is, and goes on as long as there is more.
struct SendOperation {
    sender: Sender,
    /// What has gathered the data, unless the caller has given them.
    copy: Option<Py<CopyBase>>,
    /// The rows that it gathers next.
    rows: Option<Py<PyIterator>>,
    cursor: Py<CursorBase>,
}

impl SendOperation {
    /// Sends what a copy has gathered, and then these rows.
    fn start<'py>(
        copy: &Bound<'py, CopyBase>,
        rows: Option<&Bound<'py, PyIterator>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = copy.py();
        let shared = copy.get().shared()?;
        let mut operation = SendOperation {
            sender: Sender::default(),
            copy: Some(copy.clone().unbind()),
            rows: rows.map(|rows| rows.clone().unbind()),
            cursor: copy.get().cursor(py)?,
        };
        operation.load(py)?;
        submit(py, &shared, operation)
    }

    /// Takes the next data; `false` if there are none.
    fn load(&mut self, py: Python<'_>) -> PyResult<bool> {
        let Some(copy) = &self.copy else {
            return Ok(false);
        };
        let copy = copy.bind(py);
        let more = match &self.rows {
            Some(rows) => CopyBase::add_rows(copy, rows.bind(py))?,
            None => true,
        };
        // Rows that do not fill a piece are gathered with what comes later.
        if !more {
            return Ok(false);
        }
        let data = copy.get().take_data();
        if data.bytes.is_empty() && data.large.is_none() {
            return Ok(false);
        }
        let memory = self.sender.replace(data);
        copy.get().reuse(memory);
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
        if self.rows.is_some() && self.load(py)? {
            return Ok(Finish::Again);
        }
        if let Some(copy) = &self.copy {
            let memory = self.sender.replace(Data::default());
            copy.get().reuse(memory);
        }
        Ok(Finish::Done(None))
    }

    fn has_reservation(&self) -> bool {
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
