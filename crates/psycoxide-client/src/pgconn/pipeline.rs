//! Pipeline mode with libpq's verbs.
//!
//! The mode itself is the connection's, see [`crate::Pipeline`].
//! <https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>

use super::answers::Sent;
use crate::connection::Connection;
use crate::error::Error;

impl Connection {
    /// Enters pipeline mode: `PQenterPipelineMode`.
    ///
    /// # Errors
    /// When a command is in progress.
    pub fn enter_pipeline_mode(&mut self) -> Result<(), Error> {
        if self.pipeline.is_on() {
            return Ok(());
        }
        if self.answers.is_outstanding() {
            return Err(Error::Misuse(
                "cannot enter pipeline mode, connection not idle",
            ));
        }
        self.answers.clear();
        self.enter_pipeline()
    }

    /// Leaves pipeline mode: `PQexitPipelineMode`.
    ///
    /// # Errors
    /// When results are outstanding.
    pub fn exit_pipeline_mode(&mut self) -> Result<(), Error> {
        if !self.pipeline.is_on() {
            return Ok(());
        }
        self.look()?;
        if self.answers.has_received() {
            return Err(Error::Misuse(
                "cannot exit pipeline mode with uncollected results",
            ));
        }
        if self.answers.is_outstanding() {
            return Err(Error::Misuse("cannot exit pipeline mode while busy"));
        }
        self.leave_pipeline()?;
        self.answers.clear();
        Ok(())
    }

    /// Queues a Sync and sends everything: `PQpipelineSync`.
    ///
    /// # Errors
    /// Outside of pipeline mode.
    pub fn pipeline_sync(&mut self) -> Result<(), Error> {
        if !self.pipeline.is_on() {
            return Err(Error::Misuse("connection not in pipeline mode"));
        }
        if self.pipeline.is_drained() {
            self.pgconn.machine_mut().sync()?;
            self.answers.push(Sent::Sync);
        } else {
            self.queue_sync()?;
        }
        self.pgconn.flush()?;
        Ok(())
    }

    /// Asks the server to send the answers that it has: `PQsendFlushRequest`.
    ///
    /// # Errors
    /// When the connection is closed.
    pub fn send_flush_request(&mut self) -> Result<(), Error> {
        self.pgconn.machine_mut().flush()?;
        Ok(())
    }
}
