//! `psycoxide.pq.PGconn`: a connection with libpq's names.
//!
//! It shares its state with the `Connection` made of it, so both may be used side by side.
//! <https://www.postgresql.org/docs/current/libpq-status.html>

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use psycoxide_client::{ConnectOptions, Connection, Error, PgConn, Place};
use psycoxide_protocol::TransactionStatus;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict};

use super::connecting::Attempt;
use super::enums;
use super::message;
use crate::adapt::session::SessionRef;
use crate::cluster::handle::{ClusterHandle, NodeTuple, node_tuple};
use crate::cluster::log;
use crate::command;
use crate::conninfo;
use crate::driver;
use crate::error;
use crate::event_loop;
use crate::news;
use crate::shared::Shared;

/// A connection.
#[pyclass(subclass, frozen, weakref, dict, module = "psycoxide.pq")]
#[derive(Debug)]
pub struct PGconn {
    pub(super) shared: Arc<Shared>,
    /// What it is made from; `None` if the connection string is none.
    pub(super) options: Option<Arc<ConnectOptions>>,
    /// The attempt to connect, between `connect_start()` and the last `connect_poll()`.
    pub(super) attempt: Mutex<Option<Attempt>>,
    /// Connecting has failed because there was no password.
    pub(super) lacks_password: AtomicBool,
}

impl PGconn {
    /// A connection, and what it was made from.
    pub fn new(shared: Arc<Shared>, options: Arc<ConnectOptions>) -> PGconn {
        PGconn {
            shared,
            options: Some(options),
            attempt: Mutex::default(),
            lacks_password: AtomicBool::new(false),
        }
    }

    /// A connection that is still to be made.
    pub(super) fn unconnected(options: Option<Arc<ConnectOptions>>) -> PGconn {
        PGconn {
            shared: Shared::new(Connection::new(PgConn::unconnected()), false),
            options,
            attempt: Mutex::default(),
            lacks_password: AtomicBool::new(false),
        }
    }

    /// Where the connection leads, or was to lead.
    fn place(&self, py: Python<'_>) -> Place {
        let place = self.shared.with(py, |c| c.pgconn.place().clone());
        if place.is_nowhere()
            && let Some(options) = &self.options
        {
            return options.first_place();
        }
        place
    }

    /// Notes an error for `error_message`, after those of the same command.
    pub(super) fn note_error(&self, text: &[u8]) {
        self.shared.note_error(text);
    }

    /// Forgets the errors noted: a new command begins.
    pub(super) fn forget_errors(&self) {
        self.shared.forget_errors();
    }

    /// Notes an error of libpq's verbs, and makes the exception.
    #[cold]
    pub(super) fn failed(&self, doing: &str, error: &Error) -> PyErr {
        self.failed_with(doing, &error::verb(error))
    }

    /// The same, with a text.
    #[cold]
    pub(super) fn failed_with(&self, doing: &str, text: &str) -> PyErr {
        self.note_error(text.as_bytes());
        self.note_error(b"\n");
        error::OperationalError::new_err(format!("{doing} failed: {text}"))
    }

    /// An error of a call that is not possible now, in its own words.
    #[cold]
    pub(super) fn misused(&self, error: &Error) -> PyErr {
        let text = error::verb(error);
        self.note_error(text.as_bytes());
        self.note_error(b"\n");
        error::OperationalError::new_err(text)
    }

    /// The errors noted.
    pub(super) fn errors(&self) -> Vec<u8> {
        self.shared.noted_errors()
    }

    /// The codec of the connection's texts.
    pub(super) fn codec(&self) -> String {
        error::encoding_name(&self.shared)
    }

    /// What the connection's objects share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Bytes, as libpq's getters give them.
    fn bytes<'py>(py: Python<'py>, text: &str) -> Bound<'py, PyBytes> {
        PyBytes::new(py, text.as_bytes())
    }

    /// libpq's getters fail on a connection that was closed.
    pub(super) fn check_open(&self) -> PyResult<()> {
        if self.shared.is_closed_by_user() {
            return Err(error::OperationalError::new_err("the connection is closed"));
        }
        Ok(())
    }
}

#[pymethods]
impl PGconn {
    /// The state of the connection, a `ConnStatus`.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        enums::conn_status(py, self.status_number())
    }

    /// The state of the transaction, a `TransactionStatus`.
    #[getter]
    fn transaction_status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        enums::transaction_status(py, self.shared.transaction_status())
    }

    /// The state of the pipeline, a `PipelineStatus`.
    #[getter]
    fn pipeline_status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        enums::pipeline_status(py, self.shared.pipeline_status().into())
    }

    /// The process id of the backend.
    #[getter]
    fn backend_pid(&self, py: Python<'_>) -> PyResult<u32> {
        self.check_open()?;
        Ok(self.shared.with(py, |connection| {
            connection
                .pgconn
                .machine()
                .backend_key()
                .map_or(0, |key| key.pid)
        }))
    }

    /// The server's version as a number: 150004 for 15.4.
    #[getter]
    fn server_version(&self, py: Python<'_>) -> PyResult<i32> {
        self.check_open()?;
        let text = self.shared.with(py, |connection| {
            connection
                .pgconn
                .machine()
                .parameter_status("server_version")
                .map(str::to_owned)
        });
        Ok(text.map_or(0, |text| version_number(&text)))
    }

    /// The version of the protocol: 3.
    #[getter]
    fn protocol_version(&self) -> PyResult<i32> {
        self.check_open()?;
        Ok(if self.shared.is_open() { 3 } else { 0 })
    }

    /// The version of the protocol with its minor: 30000 for 3.0.
    #[getter]
    fn full_protocol_version(&self, py: Python<'_>) -> PyResult<i64> {
        self.check_open()?;
        if !self.shared.is_open() {
            return Ok(0);
        }
        let minor = self
            .shared
            .with(py, |c| c.pgconn.machine().protocol_minor());
        Ok(30_000 + i64::from(minor))
    }

    /// A setting that the server reports, `bytes`, or `None`.
    fn parameter_status<'py>(
        &self,
        py: Python<'py>,
        name: &[u8],
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.check_open()?;
        let name = String::from_utf8_lossy(name);
        let value = self.shared.with(py, |connection| {
            connection
                .pgconn
                .machine()
                .parameter_status(&name)
                .map(str::to_owned)
        });
        Ok(value.map(|value| Self::bytes(py, &value)))
    }

    /// The name of the database.
    #[getter]
    fn db<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.check_open()?;
        let options = self.options.as_ref();
        Ok(Self::bytes(py, options.map_or("", |o| &o.dbname)))
    }

    /// The user.
    #[getter]
    fn user<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.check_open()?;
        let options = self.options.as_ref();
        Ok(Self::bytes(py, options.map_or("", |o| &o.user)))
    }

    /// The password, empty if none was needed or given.
    #[getter]
    fn password<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.check_open()?;
        let Place { host, port, .. } = self.place(py);
        let options = self.options.as_ref();
        let password = options.and_then(|options| options.password_of(&host, port));
        let revealed = password.as_ref().map(|password| password.reveal());
        Ok(PyBytes::new(py, revealed.unwrap_or_default()))
    }

    /// The host connected to: its name, address, or the directory of its unix socket.
    #[getter]
    fn host<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.check_open()?;
        let place = self.place(py);
        let host = match (&place.address, place.host.is_empty()) {
            (Some(address), true) => address.to_string(),
            _ => place.host,
        };
        Ok(Self::bytes(py, &host))
    }

    /// The node of the cluster that the connection was spread to, a tuple; also after the end.
    #[getter]
    fn _node(&self, py: Python<'_>) -> Option<NodeTuple> {
        self.shared.with(py, |connection| {
            let member = connection.pgconn.member()?;
            Some(node_tuple(member.node()))
        })
    }

    /// The cluster of that node.
    #[getter]
    fn _cluster(&self, py: Python<'_>) -> Option<ClusterHandle> {
        let cluster = self.shared.with(py, |connection| {
            let member = connection.pgconn.member()?;
            member.cluster()
        });
        cluster.map(ClusterHandle::new)
    }

    /// Whether that node has gone down, or was drained, since the connection was made.
    #[getter]
    fn _is_node_doubtful(&self, py: Python<'_>) -> bool {
        self.shared.with(py, |connection| {
            let member = connection.pgconn.member();
            member.is_some_and(|member| member.is_doubtful())
        })
    }

    /// The address connected to; empty for a unix socket.
    #[getter]
    fn hostaddr<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.check_open()?;
        let address = self.place(py).address;
        Ok(Self::bytes(
            py,
            &address.map_or_else(String::new, |address| address.to_string()),
        ))
    }

    /// The port connected to.
    #[getter]
    fn port<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.check_open()?;
        Ok(Self::bytes(py, &self.place(py).port.to_string()))
    }

    /// Nothing: the option is ignored by all servers.
    #[getter]
    fn tty<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.check_open()?;
        Ok(Self::bytes(py, ""))
    }

    /// The `options` of the connection string.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.check_open()?;
        let options = self.options.as_ref();
        Ok(Self::bytes(py, options.map_or("", |o| &o.options)))
    }

    /// The options in use, a list of `ConninfoOption`; the password is among them.
    #[getter]
    fn info<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.check_open()?;
        let settings = self.options.as_ref().map(|options| &options.settings);
        let options = conninfo::options_in_use(py, settings)?;
        if let Some(known) = &self.options {
            // What is known only now, such as the default user.
            for option in &options {
                let keyword = option.get_item("keyword")?;
                match keyword.map(|keyword| keyword.to_string()).as_deref() {
                    Some("user") => option.set_item("val", &known.user)?,
                    Some("dbname") => option.set_item("val", &known.dbname)?,
                    _ => {}
                }
            }
        }
        static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let make = MAKE.import(py, "psycoxide.pq._conninfo", "_options")?;
        make.call1((options,))
    }

    /// The parameters of the connection without the password: keyword to value.
    #[getter]
    fn _parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let parameters = PyDict::new(py);
        for (keyword, value) in self.options.iter().flat_map(|o| o.parameters()) {
            parameters.set_item(keyword, value)?;
        }
        Ok(parameters)
    }

    /// The descriptor of the socket.
    ///
    /// Raises `OperationalError` if the connection is closed.
    #[getter]
    fn socket(&self) -> PyResult<i32> {
        let gone = || error::OperationalError::new_err("the connection is lost");
        self.check_open()?;
        let connecting = || self.with_attempt(|attempt| attempt.fd()).flatten();
        self.shared.fd().or_else(connecting).ok_or_else(gone)
    }

    /// Whether authentication used a password.
    #[getter]
    fn used_password(&self, py: Python<'_>) -> bool {
        !self.shared.is_closed_by_user()
            && self
                .shared
                .with(py, |connection| connection.pgconn.machine().used_password())
    }

    /// Whether a password was needed and not given.
    #[getter]
    fn needs_password(&self) -> bool {
        self.lacks_password.load(Ordering::Acquire)
    }

    /// Whether GSSAPI was used: it never is.
    #[getter]
    fn used_gssapi(&self) -> bool {
        false
    }

    /// Whether the connection is encrypted.
    #[getter]
    fn ssl_in_use(&self, py: Python<'_>) -> PyResult<bool> {
        self.check_open()?;
        Ok(self
            .shared
            .with(py, |connection| connection.pgconn.tls_info().is_some()))
    }

    /// The text of the last error, `bytes`.
    #[getter(error_message)]
    fn message_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        if self.shared.is_closed_by_user() {
            // libpq's words for it.
            return PyBytes::new(py, b"connection pointer is NULL\n");
        }
        PyBytes::new(py, &self.shared.noted_errors())
    }

    /// The text of the last error without its severity, `str`.
    #[pyo3(signature = (encoding=""))]
    #[pyo3(name = "get_error_message")]
    fn error_text(&self, py: Python<'_>, encoding: &str) -> PyResult<String> {
        let bytes = self.message_bytes(py);
        let codec = match encoding {
            "" => self.codec(),
            encoding => encoding.to_owned(),
        };
        let text = message::decode(bytes.as_bytes(), &codec);
        if text.is_empty() {
            return Ok(message::NO_DETAILS.to_owned());
        }
        static STRIP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let strip = STRIP.import(py, "psycoxide.pq.misc", "strip_severity")?;
        strip.call1((text,))?.extract()
    }

    /// Called with a `PGresult` for each notice; `None`: nobody is.
    #[getter]
    fn notice_handler(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let handlers = news::handlers(&self.shared);
        handlers
            .notice
            .as_ref()
            .map(|handler| handler.clone_ref(py))
    }

    #[setter]
    fn set_notice_handler(&self, handler: Option<Py<PyAny>>) {
        news::handlers(&self.shared).notice = handler;
    }

    /// Called with a `PGnotify` for each notification; `None`: they wait for `notifies()`.
    #[getter]
    fn notify_handler(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let handlers = news::handlers(&self.shared);
        handlers
            .notify
            .as_ref()
            .map(|handler| handler.clone_ref(py))
    }

    #[setter]
    fn set_notify_handler(&self, handler: Option<Py<PyAny>>) {
        news::handlers(&self.shared).notify = handler;
    }

    /// Runs commands for their effect, `bytes` or a list of them, at once or as something to
    /// await. Raises what the server says. `apart`: also if a query of the pipeline before them
    /// has failed.
    #[pyo3(signature = (commands, apart=false))]
    fn _command<'py>(
        &self,
        commands: &Bound<'py, PyAny>,
        apart: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        command::run(&self.shared, commands, apart)
    }

    /// Closes the connection.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        self.give_up_attempt();
        let closed = event_loop::close(py, &self.shared, || self.shared.close(py));
        log::write(py);
        closed
    }

    /// Gives the connection up without a word to the server.
    fn _lose(&self, py: Python<'_>) -> PyResult<()> {
        event_loop::close(py, &self.shared, || {
            self.shared.with(py, |connection| connection.pgconn.lose());
        })
    }

    /// Whether the connection was made by this process.
    fn _is_ours(&self) -> bool {
        self.shared.is_ours()
    }

    /// The number of the operation that runs here, or has left something running; `None`: nothing
    /// runs.
    fn _running(&self) -> Option<u64> {
        let (taken, turns) = self.shared.turn().progress();
        let (busy, turns_of_tasks) = event_loop::progress(&self.shared);
        // A thread's operation shows in the status only a while after it has begun.
        let active = self.shared.transaction_status() == TransactionStatus::Active;
        (taken || busy || active).then_some(turns + turns_of_tasks)
    }

    /// Asks the server to cancel what runs here, from any thread; waits until it has taken the
    /// request, at most `timeout` seconds.
    #[pyo3(signature = (timeout=30.0))]
    fn _cancel(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        let Some(target) = self.shared.cancel_target() else {
            let text = "the server gave no key to cancel with";
            return Err(error::OperationalError::new_err(text));
        };
        let timeout = std::time::Duration::try_from_secs_f64(timeout)
            .unwrap_or(std::time::Duration::from_secs(30));
        let cooperative = self.shared.turn().is_cooperative();
        driver::cancel(py, &target, timeout, cooperative)?.map_err(error::cancelling)
    }

    /// There is no such pointer: the connection is not libpq's.
    #[getter]
    fn pgconn_ptr(&self) -> Option<usize> {
        None
    }

    /// The settings of the session, for transformers.
    fn _session(&self) -> SessionRef {
        SessionRef {
            handle: self.shared.session.clone(),
        }
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let py = slf.py();
        let shared = &slf.get().shared;
        let state = if shared.is_open() {
            enums::transaction_status(py, shared.transaction_status())?
        } else {
            enums::conn_status(py, slf.get().status_number())?
        };
        let (name, address) = (state.getattr("name")?, slf.as_ptr() as usize);
        Ok(format!("<psycoxide.pq.PGconn [{name}] at 0x{address:x}>"))
    }
}

/// The number of a version as libpq makes it: `15.4` is 150004, `9.6.24` is 90624; what follows
/// (`-YB-2025.2`, `beta1`) does not count.
fn version_number(text: &str) -> i32 {
    let numbers: Vec<i32> = text
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()
        .unwrap_or_default()
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect();
    match numbers[..] {
        [major, minor, patch, ..] if major < 10 => major * 10_000 + minor * 100 + patch,
        [major, minor, ..] if major < 10 => major * 10_000 + minor * 100,
        [major, minor, ..] => major * 10_000 + minor,
        [major] => major * 10_000,
        [] => 0,
    }
}
