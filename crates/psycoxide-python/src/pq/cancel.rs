//! Cancelling with libpq's names: at once (`PGcancel`), or under the caller's event loop
//! (`PGcancelConn`). Either way the request is encrypted where the connection is.
//!
//! <https://www.postgresql.org/docs/current/libpq-cancel.html>

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use psycoxide_client::operations::Step;
use psycoxide_client::operations::cancel::{Cancel, CancelTarget};
use psycoxide_client::{BLOCKING_INTERVAL, Error};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::connecting::{polling, status};
use super::pgconn::PGconn;
use super::{enums, message};
use crate::driver;
use crate::error::{self, OperationalError};

/// How long the server may take to accept a request.
const PATIENCE: Duration = Duration::from_secs(30);

#[pymethods]
impl PGconn {
    /// An object that cancels what the connection runs.
    fn get_cancel(&self) -> PyResult<PGcancel> {
        let target = match self.check_ours() {
            Ok(()) if self.shared.is_open() => self.shared.cancel_target(),
            _ => None,
        };
        match target {
            Some(target) => Ok(PGcancel(Mutex::new(Some(target)))),
            None => Err(OperationalError::new_err("couldn't create cancel object")),
        }
    }

    /// An object that does so without waiting. Of a closed connection it fails when it is started.
    fn cancel_conn(&self) -> PGcancelConn {
        let target = match self.check_ours() {
            Ok(()) if self.shared.is_open() => self.shared.cancel_target(),
            _ => None,
        };
        let (state, message) = match &target {
            Some(_) => (State::Allocated, String::new()),
            None => (State::Bad, "the connection is closed".to_owned()),
        };
        PGcancelConn {
            inner: Mutex::new(Inner {
                target,
                state,
                message,
            }),
        }
    }
}

/// What cancels a connection's command.
#[pyclass(frozen, weakref, module = "psycoxide.pq")]
#[derive(Debug)]
pub struct PGcancel(Mutex<Option<CancelTarget>>);

#[pymethods]
impl PGcancel {
    /// Frees its memory: it cancels nothing any more.
    fn free(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Cancels, and waits until the request is delivered; whether anything was cancelled shows in
    /// the command's result.
    ///
    /// Raises `OperationalError` if it cannot be delivered.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        let target = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let target = target
            .ok_or_else(|| OperationalError::new_err("cancel failed: no cancel object supplied"))?;
        driver::cancel(py, &target, PATIENCE, false)?.map_err(|error| {
            OperationalError::new_err(format!("cancel failed: {}", error::verb(&error)))
        })
    }
}

/// A connection that cancels what another one runs.
#[pyclass(frozen, weakref, module = "psycoxide.pq")]
#[derive(Debug)]
pub struct PGcancelConn {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    target: Option<CancelTarget>,
    state: State,
    /// The last error.
    message: String,
}

#[derive(Debug)]
enum State {
    Allocated,
    Started(Box<Cancel>),
    Delivered,
    Bad,
    Finished,
}

const IN_USE: &str = "the cancel connection was started already: reset it first";
const FINISHED: &str = "the cancel connection is closed";

impl Inner {
    fn begin(&mut self) -> Result<(), String> {
        match (&self.state, &self.target) {
            (State::Allocated, Some(target)) => {
                self.state = State::Started(Box::new(Cancel::new(target)));
                Ok(())
            }
            (State::Finished, _) => Err(FINISHED.to_owned()),
            (State::Bad, _) if !self.message.is_empty() => Err(self.message.clone()),
            _ => {
                self.fail(IN_USE.to_owned());
                Err(IN_USE.to_owned())
            }
        }
    }

    /// Goes on; the number of a `PollingStatus`.
    fn advance(&mut self) -> usize {
        let step = match &mut self.state {
            State::Started(cancel) => cancel.step(),
            State::Delivered => return polling::OK,
            _ => return polling::FAILED,
        };
        match step {
            Ok(Step::Wait(wait)) if wait.write => polling::WRITING,
            Ok(Step::Wait(_)) => polling::READING,
            Ok(Step::Done(())) => {
                self.state = State::Delivered;
                polling::OK
            }
            Err(error) => {
                self.fail(error::verb(&error));
                polling::FAILED
            }
        }
    }

    fn wait(&self, polled: usize) -> Result<(), Error> {
        let State::Started(cancel) = &self.state else {
            return Ok(());
        };
        let wait = psycoxide_client::operations::Wait {
            read: polled == polling::READING,
            write: polled == polling::WRITING,
        };
        cancel.wait(wait, Some(BLOCKING_INTERVAL))
    }

    fn fail(&mut self, message: String) {
        self.state = State::Bad;
        self.message = message;
    }
}

impl PGcancelConn {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_sent(text: &str) -> PyErr {
        OperationalError::new_err(format!("couldn't send cancellation: {text}"))
    }

    fn check_unfinished(&self) -> PyResult<()> {
        match self.lock().state {
            State::Finished => Err(OperationalError::new_err(FINISHED)),
            _ => Ok(()),
        }
    }
}

#[pymethods]
impl PGcancelConn {
    /// Begins, to go on with `poll()`.
    ///
    /// Raises `OperationalError` if it was started before, or the server cannot be reached.
    fn start(&self) -> PyResult<()> {
        let mut inner = self.lock();
        inner.begin().map_err(|text| Self::not_sent(&text))?;
        // The socket is wanted at once, to wait for.
        if inner.advance() == polling::FAILED {
            return Err(Self::not_sent(&inner.message));
        }
        Ok(())
    }

    /// Cancels, and waits until the request is delivered.
    ///
    /// Raises `OperationalError` if it was started before, or cannot be delivered.
    fn blocking(&self, py: Python<'_>) -> PyResult<()> {
        self.lock().begin().map_err(|text| Self::not_sent(&text))?;
        loop {
            let polled = py.detach(|| {
                let mut inner = self.lock();
                let polled = inner.advance();
                if let Err(error) = inner.wait(polled) {
                    inner.fail(error::verb(&error));
                }
                polled
            });
            match polled {
                polling::OK => return Ok(()),
                polling::FAILED => return Err(Self::not_sent(&self.lock().message)),
                _ => py.check_signals()?,
            }
        }
    }

    /// Goes on; a `PollingStatus` tells what to wait for.
    fn poll<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.check_unfinished()?;
        let polled = self.lock().advance();
        enums::polling_status(py, polled)
    }

    /// The state of it, a `ConnStatus`.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let number = match self.lock().state {
            State::Allocated => status::ALLOCATED,
            State::Started(_) => status::STARTED,
            State::Delivered => status::OK,
            State::Bad | State::Finished => status::BAD,
        };
        enums::conn_status(py, number)
    }

    /// The descriptor of the socket.
    ///
    /// Raises `OperationalError` if there is none.
    #[getter]
    fn socket(&self) -> PyResult<i32> {
        let fd = match &self.lock().state {
            State::Started(cancel) => cancel.fd(),
            _ => None,
        };
        fd.ok_or_else(|| OperationalError::new_err("cancel connection not opened"))
    }

    /// The last error, `bytes`.
    #[getter(error_message)]
    fn message_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let inner = self.lock();
        let mut text = match inner.state {
            // libpq's words for it.
            State::Finished => "connection pointer is NULL".to_owned(),
            _ => inner.message.clone(),
        };
        if !text.is_empty() {
            text.push('\n');
        }
        PyBytes::new(py, text.as_bytes())
    }

    /// The last error, `str`.
    #[pyo3(signature = (encoding="utf-8"), name = "get_error_message")]
    fn message_text(&self, py: Python<'_>, encoding: &str) -> String {
        let bytes = self.message_bytes(py);
        match message::decode(bytes.as_bytes().trim_ascii_end(), encoding) {
            text if text.is_empty() => message::NO_DETAILS.to_owned(),
            text => text,
        }
    }

    /// Makes it ready to cancel again.
    ///
    /// Raises `OperationalError` if it is finished.
    fn reset(&self) -> PyResult<()> {
        self.check_unfinished()?;
        let mut inner = self.lock();
        if inner.target.is_some() {
            inner.state = State::Allocated;
            inner.message.clear();
        }
        Ok(())
    }

    /// Closes it.
    fn finish(&self) {
        let mut inner = self.lock();
        inner.state = State::Finished;
        inner.target = None;
    }
}
