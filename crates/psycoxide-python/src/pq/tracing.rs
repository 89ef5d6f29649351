//! The trace of a connection, with libpq's names: every message becomes a line in a file.
//!
//! Lines are written when the call that caused them is over, with the times of the messages.
//! <https://www.postgresql.org/docs/current/libpq-control.html#LIBPQ-PQTRACE>

use std::time::UNIX_EPOCH;

use psycoxide_client::Traced;
use psycoxide_protocol::trace;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::pgconn::PGconn;
use crate::news;
use crate::shared::Shared;

/// Where the lines go, and what they leave out.
#[derive(Clone, Copy, Debug)]
pub struct TraceFile {
    fd: i32,
    flags: u32,
}

/// The bits of `pq.Trace`.
const SUPPRESS_TIMESTAMPS: u32 = 1;
const REGRESS_MODE: u32 = 2;

#[pymethods]
impl PGconn {
    /// Writes all messages to a file from now on. It must stay open until `untrace()`.
    fn trace(&self, py: Python<'_>, fileno: i32) {
        let file = TraceFile {
            fd: fileno,
            flags: 0,
        };
        put(&self.shared, Some(file));
        self.shared.with(py, |connection| connection.pgconn.trace());
    }

    /// Chooses what the trace leaves out, `Trace` members; to be called after `trace()`.
    fn set_trace_flags(&self, flags: u32) {
        let mut handlers = news::handlers(&self.shared);
        if let Some(file) = &mut handlers.trace {
            file.flags = flags;
        }
    }

    /// Writes no more.
    fn untrace(&self, py: Python<'_>) -> PyResult<()> {
        news::deliver_low_level(py, &self.shared)?;
        put(&self.shared, None);
        self.shared
            .with(py, |connection| connection.pgconn.untrace());
        Ok(())
    }
}

fn put(shared: &Shared, file: Option<TraceFile>) {
    news::handlers(shared).trace = file;
}

/// Writes what was traced since the last call.
///
/// # Errors
/// When the file cannot be written to: nothing more is traced then.
pub fn write(py: Python<'_>, shared: &Shared) -> PyResult<()> {
    let file = news::handlers(shared).trace;
    let Some(file) = file else {
        return Ok(());
    };
    let messages = shared.with(py, |connection| connection.pgconn.take_traced());
    if messages.is_empty() {
        return Ok(());
    }
    let mut lines = Vec::new();
    for traced in &messages {
        if file.flags & SUPPRESS_TIMESTAMPS == 0 {
            lines.extend_from_slice(timestamp(py, traced)?.as_bytes());
            lines.push(b'\t');
        }
        let regress = file.flags & REGRESS_MODE != 0;
        trace::write_line(&mut lines, traced.sender, &traced.message, regress);
    }
    let written = write_all(py, file.fd, &lines);
    if written.is_err() {
        put(shared, None);
        shared.with(py, |connection| connection.pgconn.untrace());
    }
    written
}

/// The local time, to the microsecond.
fn timestamp(py: Python<'_>, traced: &Traced) -> PyResult<String> {
    let seconds = traced
        .time
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |time| time.as_secs_f64());
    py.import("datetime")?
        .getattr("datetime")?
        .call_method1("fromtimestamp", (seconds,))?
        .call_method1("strftime", ("%Y-%m-%d %H:%M:%S.%f",))?
        .extract()
}

fn write_all(py: Python<'_>, fd: i32, mut lines: &[u8]) -> PyResult<()> {
    let write = py.import("os")?.getattr("write")?;
    while !lines.is_empty() {
        let count: usize = write.call1((fd, PyBytes::new(py, lines)))?.extract()?;
        lines = lines.get(count..).unwrap_or_default();
    }
    Ok(())
}
