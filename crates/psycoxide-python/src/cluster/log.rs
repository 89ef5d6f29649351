//! Notes of the cluster layer become records of Python's `logging`, when Python runs anyway.
//!
//! The rule it guards: no thread of ours waits for the interpreter to write a line.

use psycoxide_client::cluster::notes::{self, Level};
use pyo3::prelude::*;

/// The name of the logger.
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
        let logger = py.import("logging")?.call_method1("getLogger", (LOGGER,))?;
        let log = logger.getattr("log")?;
        if lost > 0 {
            log.call1((30, "%s records are lost: too many came up at once", lost))?;
        }
        for note in notes {
            // The numbers of `logging`.
            let level = match note.level {
                Level::Debug => 10,
                Level::Info => 20,
                Level::Warning => 30,
            };
            log.call1((level, "%s", note.text))?;
        }
        PyResult::Ok(())
    })();
    if let Err(raised) = written {
        // A handler's trouble is not that of whoever connects.
        raised.write_unraisable(py, None);
    }
}
