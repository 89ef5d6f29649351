//! COPY: data in either direction in the middle of a command.
//!
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY>

use std::sync::Arc;

use psycoxide_protocol::backend::{CopyResponse, Field};
use psycoxide_protocol::frontend;

use super::{CopyState, Kind, Queries};
use crate::buffer::Outgoing;
use crate::error::Error;
use crate::event::Event;
use crate::machine::Machine;
use crate::result::{ExecStatus, QueryResult};

impl Queries {
    /// The result that announces a COPY: columns without names, of which only the format is known.
    pub(super) fn begin_copy(
        &mut self,
        state: CopyState,
        simple: bool,
        response: &CopyResponse,
    ) -> Event {
        self.copy = state;
        self.extended_copy = !simple && state != CopyState::Out;
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

    /// After the last message of a COPY to the server, or its error.
    ///
    /// The server ignores a Sync while it takes data. So the one sent behind the command is lost
    /// and is sent again; unless the server failed before it came to read it (a trigger, a target
    /// that cannot be written to). From here the two cannot be told apart: after an error it may
    /// say once more that it is ready.
    pub(crate) fn end_copy_in(&mut self, outgoing: &mut Outgoing) {
        let synced = || {
            self.queue
                .iter()
                .any(|entry| matches!(entry.kind, Kind::Sync))
        };
        if self.extended_copy && synced() {
            frontend::sync(outgoing.buffer());
            self.resent_sync = true;
        }
        self.extended_copy = false;
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

    /// Queues a piece of the data, of which a part may be sent at once from where it is: `send` gets
    /// what has to go out before it and the piece, and says how many bytes of the two it has sent.
    /// What is left is queued.
    ///
    /// # Errors
    /// When no such COPY is going on.
    pub fn copy_data_with(
        &mut self,
        data: &[u8],
        send: impl FnOnce(&[u8], &[u8]) -> usize,
    ) -> Result<(), Error> {
        self.check_copy_in()?;
        frontend::copy_data_header(self.outgoing.buffer(), data.len())?;
        let before = self.outgoing.pending();
        let sent = send(before, data);
        let (sent_before, sent_data) = match sent.checked_sub(before.len()) {
            Some(beyond) => (before.len(), beyond),
            None => (sent, 0),
        };
        self.outgoing.consume(sent_before);
        let rest = data.get(sent_data..).unwrap_or_default();
        self.outgoing.buffer().extend_from_slice(rest);
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
        self.queries.end_copy_in(&mut self.outgoing);
    }
}
