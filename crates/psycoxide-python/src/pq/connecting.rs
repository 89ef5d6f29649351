//! Making connections with libpq's names: at once, or step by step under the caller's event loop.
//!
//! <https://www.postgresql.org/docs/current/libpq-connect.html>

use std::os::fd::RawFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use psycoxide_client::operations::connect::{Connect, ConnectStep, Steps};
use psycoxide_client::{ConnectOptions, Error, PgConn};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyType;

use super::enums;
use super::pgconn::PGconn;
use crate::cluster::log;
use crate::connect::{random, resolve, run};
use crate::conninfo;
use crate::error::{self, OperationalError};

/// The numbers of libpq's `ConnStatusType`, as far as they occur.
pub(super) mod status {
    pub(crate) const OK: usize = 0;
    pub(crate) const BAD: usize = 1;
    pub(crate) const STARTED: usize = 2;
    pub(crate) const ALLOCATED: usize = 14;
}

/// The numbers of libpq's `PostgresPollingStatusType`.
pub(super) mod polling {
    pub(crate) const FAILED: usize = 0;
    pub(crate) const READING: usize = 1;
    pub(crate) const WRITING: usize = 2;
    pub(crate) const OK: usize = 3;
}

/// The numbers of libpq's `PGPing`.
mod ping {
    pub(super) const OK: usize = 0;
    pub(super) const REJECT: usize = 1;
    pub(super) const NO_RESPONSE: usize = 2;
    pub(super) const NO_ATTEMPT: usize = 3;
}

/// An attempt to connect that somebody polls.
#[derive(Debug)]
pub struct Attempt {
    connect: Connect,
    fd: Option<RawFd>,
    /// What the last step waits for.
    polling: usize,
}

impl Attempt {
    /// The socket to wait for.
    pub fn fd(&self) -> Option<RawFd> {
        self.fd
    }
}

impl PGconn {
    /// A connection from a connection string, not begun yet; without options if the string is
    /// none, for the reason that the connection tells.
    fn from_conninfo(py: Python<'_>, conninfo: &[u8]) -> PyResult<PGconn> {
        match options_of(py, conninfo)? {
            Ok(options) => Ok(PGconn::unconnected(Some(Arc::new(options)))),
            Err(text) => {
                let pgconn = PGconn::unconnected(None);
                pgconn.note_error((text + "\n").as_bytes());
                Ok(pgconn)
            }
        }
    }

    fn new_connect(&self) -> Option<Connect> {
        let options = self.options.as_ref()?;
        let order = options.order(random);
        Some(Connect::new(options.clone(), order))
    }

    /// Connects and waits; the status tells whether it worked.
    fn connect_now(&self, py: Python<'_>) -> PyResult<()> {
        let Some(connect) = self.new_connect() else {
            return Ok(());
        };
        let made = run(py, &Mutex::new(connect))?;
        self.settle(py, made.map(|pgconn| *pgconn));
        Ok(())
    }

    /// Begins to connect.
    fn begin(&self, py: Python<'_>) -> PyResult<()> {
        let Some(connect) = self.new_connect() else {
            return Ok(());
        };
        self.put_attempt(Some(Attempt {
            connect,
            fd: None,
            polling: polling::WRITING,
        }));
        // The socket is wanted at once, to wait for.
        self.go_on(py)?;
        Ok(())
    }

    /// Goes on connecting.
    fn go_on(&self, py: Python<'_>) -> PyResult<usize> {
        let Some(mut attempt) = self.put_attempt(None) else {
            let open = self.shared.is_open();
            return Ok(if open { polling::OK } else { polling::FAILED });
        };
        let mut resolved = None;
        loop {
            match attempt.connect.step(Instant::now(), resolved.take()) {
                Ok(ConnectStep::Done(pgconn)) => {
                    self.settle(py, Ok(*pgconn));
                    return Ok(polling::OK);
                }
                Ok(ConnectStep::Io(fd, wait, _)) => {
                    attempt.fd = Some(fd);
                    attempt.polling = if wait.write {
                        polling::WRITING
                    } else {
                        polling::READING
                    };
                    let polling = attempt.polling;
                    self.put_attempt(Some(attempt));
                    return Ok(polling);
                }
                // As in libpq this may wait: who does not want that gives addresses.
                Ok(ConnectStep::Resolve {
                    host,
                    port,
                    deadline,
                }) => resolved = resolve(py, host, port, deadline)?,
                Err(error) => {
                    self.settle(py, Err(error));
                    return Ok(polling::FAILED);
                }
            }
        }
    }

    /// Takes what connecting came to.
    fn settle(&self, py: Python<'_>, made: Result<PgConn, Error>) {
        let made = made.and_then(|mut pgconn| {
            pgconn.set_blocking(!self.shared.is_asynchronous())?;
            Ok(pgconn)
        });
        log::write(py);
        match made {
            Ok(pgconn) => {
                self.forget_errors();
                self.shared.replace(py, pgconn);
                if let Some(options) = &self.options {
                    let mode = options.prepare_mode;
                    self.shared
                        .with(py, |connection| connection.statements.set_mode(mode));
                }
            }
            Err(error) => self.note_failure(&error),
        }
    }

    /// A connection that could not be made.
    pub fn not_made(options: Arc<ConnectOptions>, error: &Error) -> PGconn {
        let pgconn = PGconn::unconnected(Some(options));
        pgconn.note_failure(error);
        pgconn
    }

    fn note_failure(&self, error: &Error) {
        self.lacks_password
            .store(is_no_password(error), Ordering::Release);
        self.note_error((error::why_not_connected(error) + "\n").as_bytes());
    }

    /// Closes, to connect again.
    fn disconnect(&self, py: Python<'_>) {
        self.put_attempt(None);
        self.shared.with(py, |connection| connection.pgconn.close());
        self.shared.replace(py, PgConn::unconnected());
    }

    fn put_attempt(&self, attempt: Option<Attempt>) -> Option<Attempt> {
        let mut slot = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *slot, attempt)
    }

    /// Gives the attempt to connect up, if there is one.
    pub(super) fn give_up_attempt(&self) {
        self.put_attempt(None);
    }

    /// Looks at the attempt to connect, if there is one.
    pub(super) fn with_attempt<T>(&self, look: impl FnOnce(&Attempt) -> T) -> Option<T> {
        let slot = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().map(look)
    }

    /// The number of the status, of libpq's `ConnStatusType`.
    pub(super) fn status_number(&self) -> usize {
        if self.shared.is_open() {
            status::OK
        } else if self.with_attempt(|_| ()).is_some() {
            status::STARTED
        } else {
            status::BAD
        }
    }
}

#[pymethods]
impl PGconn {
    /// Connects and waits for it; `status` tells whether it worked.
    #[classmethod]
    fn connect(
        _cls: &Bound<'_, PyType>,
        py: Python<'_>,
        conninfo: PyBackedBytes,
    ) -> PyResult<PGconn> {
        let pgconn = PGconn::from_conninfo(py, &conninfo)?;
        pgconn.connect_now(py)?;
        Ok(pgconn)
    }

    /// Begins to connect, to go on with `connect_poll()`.
    #[classmethod]
    fn connect_start(
        _cls: &Bound<'_, PyType>,
        py: Python<'_>,
        conninfo: PyBackedBytes,
    ) -> PyResult<PGconn> {
        let pgconn = PGconn::from_conninfo(py, &conninfo)?;
        pgconn.begin(py)?;
        Ok(pgconn)
    }

    /// Goes on connecting; a `PollingStatus` tells what to wait for.
    fn connect_poll<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.check_open()?;
        enums::polling_status(py, self.go_on(py)?)
    }

    /// Closes, and connects as before.
    fn reset(&self, py: Python<'_>) -> PyResult<()> {
        self.check_open()?;
        self.forget_errors();
        self.disconnect(py);
        self.connect_now(py)
    }

    /// Begins to do so, to go on with `reset_poll()`.
    fn reset_start(&self, py: Python<'_>) -> PyResult<()> {
        if self.check_open().is_err() || self.options.is_none() {
            return Err(OperationalError::new_err("couldn't reset connection"));
        }
        self.forget_errors();
        self.disconnect(py);
        self.begin(py)
    }

    /// Goes on with it; a `PollingStatus` tells what to wait for.
    fn reset_poll<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.connect_poll(py)
    }

    /// Whether a server answers, a `Ping`. User, password and database need not be right.
    #[classmethod]
    #[pyo3(name = "ping")]
    fn ping_server<'py>(
        _cls: &Bound<'py, PyType>,
        py: Python<'py>,
        conninfo: PyBackedBytes,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Ok(options) = options_of(py, &conninfo)? else {
            return enums::ping(py, ping::NO_ATTEMPT);
        };
        let options = Arc::new(options);
        let order = options.order(random);
        let connect = Mutex::new(Connect::new(options, order));
        let number = match run(py, &connect)? {
            Ok(mut pgconn) => {
                pgconn.close();
                ping::OK
            }
            Err(error) => ping_of(&error),
        };
        enums::ping(py, number)
    }
}

/// Whether connecting has failed because there was no password.
fn is_no_password(error: &Error) -> bool {
    use psycoxide_connection::Error as MachineError;
    use psycoxide_connection::auth::AuthError;
    match error {
        Error::Connect(attempts) => attempts
            .last()
            .is_some_and(|attempt| is_no_password(&attempt.error)),
        Error::Machine(MachineError::Auth(AuthError::NoPassword)) => true,
        _ => false,
    }
}

/// What a failed attempt to connect says about the server.
fn ping_of(error: &Error) -> usize {
    let Error::Connect(attempts) = error else {
        return ping::NO_ATTEMPT;
    };
    let Some(last) = attempts.last() else {
        return ping::NO_ATTEMPT;
    };
    match &last.error {
        Error::Machine(psycoxide_connection::Error::Auth(_)) => ping::OK,
        error => match error.server_fields().and_then(|fields| fields.sqlstate()) {
            // Starting up, shutting down, recovering.
            Some("57P03") => ping::REJECT,
            Some(_) => ping::OK,
            None => ping::NO_RESPONSE,
        },
    }
}

/// The options that a connection string comes to, or the text that says why it comes to none.
fn options_of(py: Python<'_>, conninfo: &[u8]) -> PyResult<Result<ConnectOptions, String>> {
    let Ok(text) = std::str::from_utf8(conninfo) else {
        return Ok(Err("the connection string is not valid UTF-8".to_owned()));
    };
    let config = match conninfo::resolve_text(text) {
        Ok(config) => config,
        Err(error) => return Ok(Err(error.to_string())),
    };
    for warning in &config.warnings {
        conninfo::warn(py, &warning.to_string())?;
    }
    Ok(ConnectOptions::new(&config).map_err(|error| error.to_string()))
}
