//! COPY: data in either direction in the middle of a command.
//!
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY>

use std::sync::Arc;

use psycoxide_protocol::backend::{CopyResponse, Field};
use psycoxide_protocol::frontend;

use super::{CopyState, Queries};
use crate::error::Error;
use crate::event::Event;
use crate::machine::Machine;
use crate::result::{ExecStatus, QueryResult};

impl Queries {
    /// The result that announces a COPY: columns without names, of which only the format is known.
    pub(super) fn begin_copy(&mut self, state: CopyState, response: &CopyResponse) -> Event {
        self.copy = state;
        let status = match state {
            CopyState::In => ExecStatus::CopyIn,
            CopyState::Out => ExecStatus::CopyOut,
            CopyState::Both | CopyState::None => ExecStatus::CopyBoth,
        };
        let column = |format| Field {
            name: Vec::new(),
            table: 0,
            column: 0,
            type_oid: 0,
            size: 0,
            modifier: 0,
            format,
        };
        let fields: Vec<Field> = response
            .column_formats
            .iter()
            .copied()
            .map(column)
            .collect();
        Event::Result(QueryResult {
            fields: Arc::from(fields),
            ..QueryResult::empty(status)
        })
    }
}

/// Commands of COPY.
impl Machine {
    /// Queues a piece of the data of a COPY to the server.
    ///
    /// # Errors
    /// When no such COPY is going on.
    pub fn copy_data(&mut self, data: &[u8]) -> Result<(), Error> {
        self.check_copy_in()?;
        frontend::copy_data(self.outgoing.buffer(), data)?;
        Ok(())
    }

    /// Queues the end of the data.
    ///
    /// # Errors
    /// When no such COPY is going on.
    pub fn copy_done(&mut self) -> Result<(), Error> {
        self.check_copy_in()?;
        frontend::copy_done(self.outgoing.buffer());
        self.end_copy_in();
        Ok(())
    }

    /// Queues the news that the COPY is given up: the server answers with an error.
    ///
    /// # Errors
    /// When no such COPY is going on.
    pub fn copy_fail(&mut self, reason: &[u8]) -> Result<(), Error> {
        self.check_copy_in()?;
        frontend::copy_fail(self.outgoing.buffer(), reason)?;
        self.end_copy_in();
        Ok(())
    }

    /// Whether a COPY to the server is going on and takes data.
    pub fn is_copying_in(&self) -> bool {
        matches!(self.queries.copy_state(), CopyState::In | CopyState::Both)
    }

    /// Whether a COPY from the server is going on.
    pub fn is_copying_out(&self) -> bool {
        matches!(self.queries.copy_state(), CopyState::Out | CopyState::Both)
    }

    fn check_copy_in(&self) -> Result<(), Error> {
        self.check_ready()?;
        if self.is_copying_in() {
            return Ok(());
        }
        Err(Error::Misuse("no COPY to the server is in progress"))
    }

    fn end_copy_in(&mut self) {
        self.queries.copy = match self.queries.copy {
            CopyState::Both => CopyState::Out,
            _ => CopyState::None,
        };
        self.queries.sync_after_copy(&mut self.outgoing);
    }
}
