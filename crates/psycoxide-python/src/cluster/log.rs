//! Notes of the cluster layer become records of Python's `logging`, when Python runs anyway.
//!
//! The rule it guards: no thread of ours waits for the interpreter to write a line.

use psycoxide_client::cluster::notes::{self, Level, Subject};
use pyo3::prelude::*;

/// The logger above those of the subjects.
const LOGGER: &str = "psycoxide.cluster";

/// Writes what has come up since the last call, if anything has.
#[inline]
pub fn write(py: Python<'_>) {
    if notes::is_pending() {
        write_now(py);
    }
}

#[cold]
fn write_now(py: Python<'_>) {
    let (notes, lost) = notes::take();
    if notes.is_empty() && lost == 0 {
        return;
    }
    let written = (|| {
        let get = py.import("logging")?.getattr("getLogger")?;
        if lost > 0 {
            let text = "%s records are lost: too many came up at once";
            get.call1((LOGGER,))?
                .call_method1("warning", (text, lost))?;
        }
        for note in notes {
            let logger = get.call1((logger_of(note.subject),))?;
            let method = match note.level {
                Level::Debug => "debug",
                Level::Info => "info",
                Level::Warning => "warning",
            };
            logger.call_method1(method, ("%s", note.text))?;
        }
        PyResult::Ok(())
    })();
    if let Err(raised) = written {
        // A handler's trouble is not that of whoever connects.
        raised.write_unraisable(py, None);
    }
}

fn logger_of(subject: Subject) -> &'static str {
    match subject {
        Subject::Connect => "psycoxide.cluster.connect",
        Subject::Nodes => "psycoxide.cluster.nodes",
        Subject::Refresh => "psycoxide.cluster.refresh",
    }
}
