//! Sending commands with libpq's verbs: what is sent, and what keeps it from being sent.
//!
//! <https://www.postgresql.org/docs/current/libpq-async.html>

use std::sync::Arc;

use psycoxide_connection::Command;
use psycoxide_protocol::{Format, Oid, TransactionStatus};

use super::answers::Sent;
use crate::connection::Connection;
use crate::error::Error;
use crate::operations::communicate::PIECE;
use crate::operations::execute::Parameters;
use crate::query::Query;

/// A command as libpq's verbs have it.
#[derive(Debug)]
pub enum SendCommand {
    /// One or more statements by the simple protocol: `PQsendQuery`.
    Query(Arc<Query>),
    /// One statement with parameters: `PQsendQueryParams`.
    QueryParams {
        /// The text.
        query: Arc<Query>,
        /// The parameters.
        parameters: Parameters,
        /// The format of the result.
        result_format: Format,
    },
    /// A prepared statement: `PQsendQueryPrepared`.
    QueryPrepared {
        /// Its name.
        name: Vec<u8>,
        /// The parameters.
        parameters: Parameters,
        /// The format of the result.
        result_format: Format,
    },
    /// `PQsendPrepare`.
    Prepare {
        /// The name of the statement.
        name: Vec<u8>,
        /// Its text.
        query: Arc<Query>,
        /// The types of its parameters, as far as they are to be given.
        types: Vec<Oid>,
    },
    /// `PQsendDescribePrepared`.
    DescribePrepared(Vec<u8>),
    /// `PQsendDescribePortal`.
    DescribePortal(Vec<u8>),
    /// `PQsendClosePrepared`.
    ClosePrepared(Vec<u8>),
    /// `PQsendClosePortal`.
    ClosePortal(Vec<u8>),
}

impl SendCommand {
    /// The text that positions in errors refer to.
    fn query(&self) -> Option<Arc<Query>> {
        match self {
            SendCommand::Query(query)
            | SendCommand::QueryParams { query, .. }
            | SendCommand::Prepare { query, .. } => Some(query.clone()),
            _ => None,
        }
    }
}

/// What was sent in pipelines by cursors and by libpq's verbs cannot be told apart.
const MIXED: &str = "the results of cursors in the pipeline are outstanding";

impl Connection {
    /// Fails unless a command can be sent now.
    fn check_sendable(&mut self) -> Result<(), Error> {
        if !self.pgconn.is_open() {
            return Err(Error::Misuse("no connection to the server"));
        }
        if self.pipeline.is_on() {
            if !self.pipeline.is_drained() {
                return Err(Error::Misuse(MIXED));
            }
            let machine = self.pgconn.machine();
            if machine.is_copying_in() || machine.is_copying_out() {
                return Err(Error::Misuse("cannot queue commands during COPY"));
            }
            return Ok(());
        }
        self.check_idle()
    }

    /// Queues a command, and sends what the socket takes; in pipeline mode when enough has
    /// gathered. Its answers are for [`GetResult`](super::GetResult).
    ///
    /// # Errors
    /// When it cannot be sent now, or cannot be encoded: then nothing of it is sent.
    pub fn send_command(&mut self, command: &SendCommand) -> Result<(), Error> {
        self.check_sendable()?;
        let pipelined = self.pipeline.is_on();
        if pipelined && matches!(command, SendCommand::Query(_)) {
            return Err(Error::Misuse("PQsendQuery not allowed in pipeline mode"));
        }
        if self.pgconn.transaction_status() == TransactionStatus::Unknown {
            return Err(Error::Misuse("no connection to the server"));
        }
        let checkpoint = self.pgconn.machine().checkpoint();
        if let Err(error) = self.queue_messages(command, pipelined) {
            self.pgconn.machine_mut().rewind(&checkpoint);
            return Err(error);
        }
        self.answers.push(match command {
            SendCommand::Query(_) => Sent::Simple(command.query()),
            _ if pipelined => Sent::Pipelined(command.query()),
            _ => Sent::Extended(command.query()),
        });
        if !pipelined || self.pgconn.machine().outgoing().len() >= PIECE {
            self.pgconn.flush()?;
        }
        Ok(())
    }

    fn queue_messages(&mut self, command: &SendCommand, pipelined: bool) -> Result<(), Error> {
        let machine = self.pgconn.machine_mut();
        match command {
            SendCommand::Query(query) => return Ok(machine.query(query.text(), 0)?),
            SendCommand::QueryParams {
                query,
                parameters,
                result_format,
            } => machine.execute(Command {
                statement: b"",
                parse: Some((query.text(), &parameters.types)),
                ..execution(parameters, *result_format)
            })?,
            SendCommand::QueryPrepared {
                name,
                parameters,
                result_format,
            } => machine.execute(Command {
                statement: name,
                ..execution(parameters, *result_format)
            })?,
            SendCommand::Prepare { name, query, types } => {
                machine.prepare(name, query.text(), types)?;
            }
            SendCommand::DescribePrepared(name) => machine.describe_statement(name)?,
            SendCommand::DescribePortal(name) => machine.describe_portal(name)?,
            SendCommand::ClosePrepared(name) => machine.close_statement(name)?,
            SendCommand::ClosePortal(name) => machine.close_portal(name)?,
        }
        if !pipelined {
            machine.sync()?;
        }
        Ok(())
    }
}

fn execution(parameters: &Parameters, result_format: Format) -> Command<'_> {
    Command {
        statement: b"",
        parse: None,
        parameter_formats: &parameters.formats,
        parameter_count: parameters.count,
        encoded_parameters: &parameters.encoded,
        result_format,
        fields: None,
        chunk: 0,
    }
}
