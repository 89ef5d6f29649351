//! What can go wrong between a caller and a server.

use std::io;
use std::time::Duration;

use psycoxide_protocol::backend::ErrorFields;

/// An error of a connection or an operation on it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The state machine: protocol violations, authentication, errors from the server.
    #[error(transparent)]
    Machine(#[from] psycoxide_connection::Error),
    /// A connection string, an environment variable or a file it names.
    #[error(transparent)]
    Conninfo(#[from] psycoxide_conninfo::Error),
    /// A system call on the connection's socket.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// TLS could not be set up, or it broke.
    #[error(transparent)]
    Tls(#[from] psycoxide_transport::TlsError),
    /// The server does not do TLS and the configuration requires it.
    #[error("server does not support SSL, but SSL was required")]
    TlsRefused,
    /// The server failed when it was asked for TLS.
    #[error("server sent an error response during SSL exchange")]
    TlsFailed,
    /// The server was reached and is not of the kind that was asked for.
    #[error("{reason}")]
    SessionAttrs {
        /// What it is, or is not.
        reason: &'static str,
    },
    /// No time left.
    #[error("timeout expired after {} seconds while {doing}", rounded_seconds(*after))]
    Timeout {
        /// What was being done.
        doing: &'static str,
        /// The time that was allowed.
        after: Duration,
    },
    /// None of the hosts could be connected to: what happened at each.
    #[error("{}", describe_attempts(.0))]
    Connect(Vec<Attempt>),
    /// There is no node of a cluster to connect to.
    #[error(transparent)]
    Cluster(#[from] psycoxide_cluster::Error),
    /// The connection was closed by us.
    #[error("the connection is closed")]
    Closed,
    /// The connection has been lost and can no longer be used.
    #[error("the connection is lost")]
    Lost,
    /// An operation that is not possible in the present state.
    #[error("{0}")]
    Misuse(&'static str),
}

impl Error {
    /// The error that the server sent, if this is one.
    pub fn server_fields(&self) -> Option<&ErrorFields> {
        match self {
            Error::Machine(psycoxide_connection::Error::Server(fields)) => Some(fields),
            Error::Connect(attempts) => attempts.last()?.error.server_fields(),
            _ => None,
        }
    }

    /// An I/O error while doing something.
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { doing, source }
    }
}

/// One attempt to connect, and why it failed.
#[derive(Debug)]
pub struct Attempt {
    /// The host as configured, the address it resolved to and the port, for the message.
    pub place: String,
    /// Why it failed.
    pub error: Error,
}

/// One line an attempt.
fn describe_attempts(attempts: &[Attempt]) -> String {
    let mut text = String::new();
    for attempt in attempts {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&attempt.place);
        text.push_str(" failed: ");
        match attempt.error.server_fields() {
            Some(fields) => describe_server(&mut text, fields),
            None => text.push_str(&attempt.error.to_string()),
        }
    }
    text
}

/// The server's message with its severity, as psql shows it.
fn describe_server(text: &mut String, fields: &ErrorFields) {
    if let Some(severity) = fields.severity() {
        text.push_str(&String::from_utf8_lossy(severity));
        text.push_str(":  ");
    }
    text.push_str(&String::from_utf8_lossy(fields.message()));
    for (code, label) in [(b'D', "\nDETAIL:  "), (b'H', "\nHINT:  ")] {
        if let Some(value) = fields.get(code) {
            text.push_str(label);
            text.push_str(&String::from_utf8_lossy(value));
        }
    }
}

/// The seconds, for people: to a tenth.
pub fn rounded_seconds(duration: Duration) -> f32 {
    (duration.as_secs_f32() * 10.0).round() / 10.0
}
