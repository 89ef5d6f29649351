//! Pipeline mode with libpq's names.
//!
//! <https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>

use pyo3::prelude::*;

use super::pgconn::PGconn;
use crate::error::{self, OperationalError};
use crate::news;

#[pymethods]
impl PGconn {
    /// Queues commands from now on.
    fn enter_pipeline_mode(&self, py: Python<'_>) -> PyResult<()> {
        let entered = match self.check_ours() {
            Ok(()) => self
                .shared
                .with(py, |connection| connection.enter_pipeline_mode())
                .is_ok(),
            Err(_) => false,
        };
        if entered {
            return Ok(());
        }
        Err(OperationalError::new_err("failed to enter pipeline mode"))
    }

    /// Queues no more; nothing may be left in the queue.
    fn exit_pipeline_mode(&self, py: Python<'_>) -> PyResult<()> {
        self.check_ours()?;
        let left = self
            .shared
            .with(py, |connection| connection.exit_pipeline_mode());
        news::deliver_low_level(py, &self.shared)?;
        left.map_err(|error| OperationalError::new_err(error::verb(&error)))
    }

    /// Marks where commands after a failed one are run again, and sends the queue.
    fn pipeline_sync(&self, py: Python<'_>) -> PyResult<()> {
        self.check_ours()?;
        let synced = self.shared.with(py, |connection| {
            connection.pipeline_sync()?;
            Ok(!connection.pgconn.is_flushed() && !connection.answers.is_nonblocking())
        });
        match synced {
            Ok(true) => self.send_all(py, "sending the pipeline"),
            Ok(false) => Ok(()),
            Err(error) => Err(self.misused(&error)),
        }
    }

    /// Asks the server for the answers that it has.
    fn send_flush_request(&self, py: Python<'_>) -> PyResult<()> {
        const DOING: &str = "flush request";
        if self.check_ours().is_err() {
            return Err(self.failed_with(DOING, "the connection is closed"));
        }
        self.shared
            .with(py, |connection| connection.send_flush_request())
            .map_err(|error| self.failed(DOING, &error))
    }
}
