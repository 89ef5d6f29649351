//! Exceptions: the one place that turns errors of the core into those of the DB-API.

use psycoxide_client::{Attempt, Error};
use psycoxide_connection::{Error as MachineError, QueryResult};
use psycoxide_protocol::EncodeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

use crate::pq::message;
use crate::pq::result::PGresult;
use crate::shared::Shared;

mod classes {
    //! The exception classes of `psycoxide.errors`, imported when one is raised.
    use pyo3::import_exception;

    import_exception!(psycoxide.errors, CancellationTimeout);
    import_exception!(psycoxide.errors, ConnectionTimeout);
    import_exception!(psycoxide.errors, DataError);
    import_exception!(psycoxide.errors, InterfaceError);
    import_exception!(psycoxide.errors, InternalError);
    import_exception!(psycoxide.errors, NotSupportedError);
    import_exception!(psycoxide.errors, OperationalError);
    import_exception!(psycoxide.errors, PipelineAborted);
    import_exception!(psycoxide.errors, ProgrammingError);
}

pub use classes::*;

/// The exception for an error of an operation on a connection.
#[cold]
pub fn exception(py: Python<'_>, error: Error, shared: &Shared) -> PyErr {
    match error {
        Error::Machine(MachineError::Server(fields)) => {
            of_result(py, PGresult::failure(fields, None), shared)
        }
        Error::Closed | Error::Machine(MachineError::Closed) => closed(shared),
        Error::Misuse(text) | Error::Machine(MachineError::Misuse(text)) => misuse(text),
        Error::Machine(MachineError::Encode(error)) => encode(&error),
        error @ Error::Machine(MachineError::ClosedByPeer) => OperationalError::new_err(format!(
            "consuming input failed: {error}\n\tIt may have crashed or been stopped while it \
                 processed the request: connect again and repeat the transaction."
        )),
        Error::Machine(MachineError::Copying) => copying(),
        error => OperationalError::new_err(format!("consuming input failed: {error}")),
    }
}

/// The exception for anything else that is done on a connection in the middle of a COPY, or by a
/// handler in the middle of an operation.
#[cold]
pub fn copying() -> PyErr {
    OperationalError::new_err("sending query failed: another command is already in progress")
}

/// The exception for a value or text that cannot be sent.
fn encode(error: &psycoxide_protocol::EncodeError) -> PyErr {
    match error {
        EncodeError::ContainsNul { .. } => {
            ProgrammingError::new_err("the query or a name in it contains a NUL (0x00) character")
        }
        error => ProgrammingError::new_err(error.to_string()),
    }
}

/// The exception for a failed attempt to connect.
#[cold]
pub fn connecting(py: Python<'_>, error: Error) -> PyErr {
    let attempts = match error {
        Error::Connect(attempts) => attempts,
        Error::Conninfo(error) => return conninfo(&error),
        Error::Misuse(text) => return misuse(text),
        error => return OperationalError::new_err(format!("connection failed: {error}")),
    };
    let Some(last) = attempts.last() else {
        return OperationalError::new_err("connection failed: there is no host to connect to");
    };
    if let Error::Timeout { after, .. } = &last.error {
        let text = format!(
            "connection timeout expired: {}: no connection within {} seconds; \
             if the server needs longer, give a greater connect_timeout{}",
            last.place,
            psycoxide_client::rounded_seconds(*after),
            failures(&attempts)
        );
        return ConnectionTimeout::new_err(text);
    }
    let text = format!(
        "connection failed: {}{}",
        describe(last),
        failures(&attempts)
    );
    match last.error.server_fields() {
        Some(fields) => {
            let result = PGresult::failure(Box::new(fields.clone()), None);
            // Whoever connects catches OperationalError, whatever the server's reason.
            operational(py, server_with_message(py, result, "utf-8", &text))
        }
        None => OperationalError::new_err(text),
    }
}

/// The exception itself if it is an OperationalError, or one with the same report.
fn operational(py: Python<'_>, error: PyErr) -> PyErr {
    if error.is_instance_of::<OperationalError>(py) {
        return error;
    }
    let made = (|| {
        let value = error.value(py);
        let keywords = PyDict::new(py);
        keywords.set_item("info", value.getattr("pgresult")?)?;
        let class = py.get_type::<OperationalError>();
        class.call((value.str()?,), Some(&keywords))
    })();
    made.map_or_else(|error| error, PyErr::from_value)
}

/// Why a connection was not made, a line for each attempt.
pub fn why_not_connected(error: &Error) -> String {
    let Error::Connect(attempts) = error else {
        return error.to_string();
    };
    let lines: Vec<String> = attempts.iter().map(describe).collect();
    lines.join("\n")
}

/// An error of libpq's verbs, in libpq's words where it has words for it.
pub fn verb(error: &Error) -> String {
    const GONE: &str = "server closed the connection unexpectedly\n\
        \tThis probably means the server terminated abnormally\n\
        \tbefore or while processing the request.";
    match error {
        Error::Closed | Error::Machine(MachineError::Closed) => "connection not open".to_owned(),
        Error::Machine(MachineError::ClosedByPeer) => GONE.to_owned(),
        Error::Machine(MachineError::Server(fields)) => {
            let text = message::of_fields(fields, None);
            let severity = fields.severity().map(String::from_utf8_lossy);
            let text = severity
                .and_then(|word| text.strip_prefix(&*word)?.strip_prefix(":  "))
                .unwrap_or(&text);
            format!("{text}\n{GONE}")
        }
        Error::Machine(MachineError::Encode(EncodeError::TooManyParameters { .. })) => {
            "number of parameters must be between 0 and 65535".to_owned()
        }
        Error::Io { source, .. } if is_broken(source) => GONE.to_owned(),
        Error::Io { doing, source } => format!("{doing}: {}", message::io(source)),
        error => error.to_string(),
    }
}

/// Whether the other end is gone.
fn is_broken(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}

/// One attempt, in the words of libpq where it has words for it.
fn describe(attempt: &Attempt) -> String {
    let mut text = format!("{} failed: ", attempt.place);
    match &attempt.error {
        Error::Io { source, doing } => {
            text.push_str(&message::io(source));
            if source.kind() == std::io::ErrorKind::ConnectionRefused {
                text.push_str(
                    "\n\tIs the server running on that host and accepting TCP/IP connections?",
                );
            } else if *doing != "connecting" {
                text.push_str(&format!(" ({doing})"));
            }
        }
        error => match error.server_fields() {
            Some(fields) => text.push_str(&message::of_fields(fields, None)),
            None => text.push_str(&error.to_string()),
        },
    }
    text
}

/// All attempts, when there were several.
fn failures(attempts: &[Attempt]) -> String {
    if attempts.len() < 2 {
        return String::new();
    }
    let mut text = "\nMultiple connection attempts failed. All failures were:".to_owned();
    for attempt in attempts {
        text.push_str("\n- ");
        text.push_str(&describe(attempt));
    }
    text
}

/// The exception for a bad connection string, or what it names.
pub fn conninfo(error: &psycoxide_conninfo::Error) -> PyErr {
    match error.class() {
        psycoxide_conninfo::ErrorClass::Programming => ProgrammingError::new_err(error.to_string()),
        _ => OperationalError::new_err(error.to_string()),
    }
}

/// The exception for a result that is an error.
#[cold]
pub fn of_result(py: Python<'_>, result: PGresult, shared: &Shared) -> PyErr {
    shared.note_error(&result.message());
    server(py, result, &encoding_name(shared))
}

/// The exception for a result of a status that nobody expects there.
#[cold]
pub fn unexpected_result(result: &QueryResult) -> PyErr {
    let status = crate::cursor::fetch::status_name(result.status);
    InternalError::new_err(format!("unexpected result status from query: {status}"))
}

/// The exception class for the SQLSTATE, with the message as libpq lays it out.
fn server(py: Python<'_>, result: PGresult, encoding: &str) -> PyErr {
    let text = result.message_text(encoding);
    server_with_message(py, result, encoding, &text)
}

fn server_with_message(py: Python<'_>, result: PGresult, encoding: &str, text: &str) -> PyErr {
    let made = (|| {
        static LOOKUP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let lookup = LOOKUP.get_or_try_init(py, || {
            py.import("psycoxide.errors")?
                .getattr("class_for_sqlstate")
                .map(Bound::unbind)
        })?;
        let state = result.sqlstate().unwrap_or_default();
        let class = lookup.bind(py).call1((state,))?;
        let keywords = PyDict::new(py);
        keywords.set_item("info", result)?;
        keywords.set_item("encoding", encoding)?;
        class.call((PyString::new(py, text),), Some(&keywords))
    })();
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// The Python codec of the texts that the server sends.
pub fn encoding_name(shared: &Shared) -> String {
    shared
        .session
        .load()
        .encoding
        .python_name()
        .unwrap_or("utf-8")
        .to_owned()
}

/// The exception for anything done on a closed connection. The first time after a loss, what the
/// server said of it.
#[cold]
pub fn closed(shared: &Shared) -> PyErr {
    farewell(shared).unwrap_or_else(|| {
        OperationalError::new_err(if shared.is_closed_by_user() {
            "the connection is closed"
        } else {
            "the connection is lost: open another one and repeat the transaction"
        })
    })
}

/// The exception for a method of a connection which was lost, likewise.
#[cold]
pub fn lost(shared: &Shared) -> PyErr {
    farewell(shared).unwrap_or_else(|| {
        OperationalError::new_err(
            "the connection is closed: it was lost, open another one and repeat the transaction",
        )
    })
}

/// What the server said when it ended the connection, if nobody has been told yet.
fn farewell(shared: &Shared) -> Option<PyErr> {
    match shared.take_farewell().and_then(machine_error)? {
        MachineError::Server(fields) => Some(Python::attach(|py| {
            of_result(py, PGresult::failure(fields, None), shared)
        })),
        _ => None,
    }
}

fn machine_error(error: Error) -> Option<MachineError> {
    match error {
        Error::Machine(error) => Some(error),
        _ => None,
    }
}

/// The exception for a connection that belongs to the parent process.
#[cold]
pub fn forked() -> PyErr {
    InterfaceError::new_err(
        "the connection belongs to the parent process: \
         a forked process has to open connections of its own",
    )
}

/// The exception for a COPY where it has no place.
#[cold]
pub fn needs_copy() -> PyErr {
    ProgrammingError::new_err("COPY cannot be used with this method; use copy() instead")
}

/// The exception for a call that is not possible now.
#[cold]
pub fn misuse(text: &str) -> PyErr {
    ProgrammingError::new_err(text.to_owned())
}

/// The exception for a cancel request that was not delivered.
#[cold]
pub fn cancelling(error: psycoxide_client::Error) -> PyErr {
    match error {
        Error::Timeout { .. } => CancellationTimeout::new_err("cancellation timeout expired"),
        error => OperationalError::new_err(format!("couldn't send the cancel request: {error}")),
    }
}
