//! The commands: each queues its messages and notes what will answer them.

use psycoxide_protocol::{Oid, frontend};

use super::{Command, Kind, Stage};
use crate::error::Error;
use crate::machine::Machine;

/// Commands of the simple and the extended query protocol.
///
/// Those of the extended protocol must be followed by [`Machine::sync`], at once or after several.
/// When one fails nothing was queued.
impl Machine {
    /// A simple query: one or more statements without parameters, results in text.
    ///
    /// # Errors
    /// When the text contains a NUL byte, the connection is not ready, or commands of the extended
    /// protocol stand before it without a Sync.
    pub fn query(&mut self, sql: &[u8], chunk: usize) -> Result<(), Error> {
        self.check_command()?;
        if !self.queries.is_synced() {
            return Err(Error::Misuse("a simple query must be preceded by a Sync"));
        }
        frontend::query(self.outgoing.buffer(), sql)?;
        self.queries.push(Kind::Simple { answered: false }, chunk);
        Ok(())
    }

    /// Executes a statement, parsing it first where asked to.
    ///
    /// # Errors
    /// When something cannot be encoded or the connection is not ready.
    pub fn execute(&mut self, command: Command<'_>) -> Result<(), Error> {
        self.check_command()?;
        let buffer = self.outgoing.buffer();
        let before = buffer.len();
        let written = Self::write(buffer, &command);
        if let Err(error) = written {
            buffer.truncate(before);
            return Err(error.into());
        }
        let named_parse = command.parse.is_some() && !command.statement.is_empty();
        let kind = Kind::Execute {
            named_parse,
            stage: match command.parse {
                Some(_) => Stage::Parse,
                None => Stage::Bind,
            },
            fields: command.fields,
        };
        self.queries.push(kind, command.chunk);
        Ok(())
    }

    #[inline]
    fn write(
        buffer: &mut Vec<u8>,
        command: &Command<'_>,
    ) -> Result<(), psycoxide_protocol::EncodeError> {
        if let Some((sql, types)) = command.parse {
            frontend::parse(buffer, command.statement, sql, types)?;
        }
        frontend::bind(
            buffer,
            b"",
            command.statement,
            command.parameter_formats,
            command.parameter_count,
            command.encoded_parameters,
            &[command.result_format],
        )?;
        if command.fields.is_none() {
            frontend::describe_portal(buffer, b"")?;
        }
        frontend::execute(buffer, b"", 0)
    }

    /// Creates a prepared statement.
    ///
    /// # Errors
    /// When something cannot be encoded or the connection is not ready.
    pub fn prepare(&mut self, name: &[u8], sql: &[u8], types: &[Oid]) -> Result<(), Error> {
        self.check_command()?;
        frontend::parse(self.outgoing.buffer(), name, sql, types)?;
        self.queries.push(Kind::Prepare, 0);
        Ok(())
    }

    /// Describes a prepared statement: its parameters and columns.
    ///
    /// # Errors
    /// When the name contains a NUL byte or the connection is not ready.
    pub fn describe_statement(&mut self, name: &[u8]) -> Result<(), Error> {
        self.check_command()?;
        frontend::describe_statement(self.outgoing.buffer(), name)?;
        self.queries.push(Kind::Describe, 0);
        Ok(())
    }

    /// Describes a portal (a cursor): its columns.
    ///
    /// # Errors
    /// When the name contains a NUL byte or the connection is not ready.
    pub fn describe_portal(&mut self, name: &[u8]) -> Result<(), Error> {
        self.check_command()?;
        frontend::describe_portal(self.outgoing.buffer(), name)?;
        self.queries.push(Kind::Describe, 0);
        Ok(())
    }

    /// Forgets a prepared statement; it is no error if there is none of that name.
    ///
    /// # Errors
    /// When the name contains a NUL byte or the connection is not ready.
    pub fn close_statement(&mut self, name: &[u8]) -> Result<(), Error> {
        self.check_command()?;
        frontend::close_statement(self.outgoing.buffer(), name)?;
        self.queries.push(Kind::Close, 0);
        Ok(())
    }

    /// Closes a portal; it is no error if there is none of that name.
    ///
    /// # Errors
    /// When the name contains a NUL byte or the connection is not ready.
    pub fn close_portal(&mut self, name: &[u8]) -> Result<(), Error> {
        self.check_command()?;
        frontend::close_portal(self.outgoing.buffer(), name)?;
        self.queries.push(Kind::Close, 0);
        Ok(())
    }

    /// Ends a sequence of extended commands; answered by [`crate::Event::Ready`].
    ///
    /// # Errors
    /// When the connection is not ready.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.check_ready()?;
        frontend::sync(self.outgoing.buffer());
        self.queries.push(Kind::Sync, 0);
        Ok(())
    }

    /// Asks the server to send what it has, without ending the sequence.
    ///
    /// # Errors
    /// When the connection is not ready.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.check_ready()?;
        frontend::flush(self.outgoing.buffer());
        Ok(())
    }

    /// Has the rows of the command that is being answered handed out in groups of this size, as
    /// [`Command::chunk`] does. `false`: it has none, or they are described already.
    pub fn set_chunk(&mut self, rows: usize) -> bool {
        if self.queries.fields.is_some() || !self.queries.queued.is_empty() {
            return false;
        }
        match self.queries.queue.front_mut() {
            Some(entry) if matches!(entry.kind, Kind::Simple { .. } | Kind::Execute { .. }) => {
                entry.chunk = rows;
                true
            }
            _ => false,
        }
    }

    /// A point to come back to with [`rewind`](Self::rewind).
    #[inline]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            outgoing: self.outgoing.mark(),
            commands: self.queries.queue.len(),
        }
    }

    /// Forgets the commands queued since the checkpoint: when one of several that belong together
    /// cannot be encoded. Nothing may have been sent or handled since.
    pub fn rewind(&mut self, checkpoint: &Checkpoint) {
        self.outgoing.truncate(checkpoint.outgoing);
        self.queries.queue.truncate(checkpoint.commands);
    }
}

/// How much was queued at some point; see [`Machine::checkpoint`].
#[derive(Debug)]
pub struct Checkpoint {
    outgoing: usize,
    commands: usize,
}
