//! Executing one query for many sets of parameters, in one pipeline with one Sync at its end.
//!
//! The parameters come in batches: when all that was given has been sent, the operation asks for
//! more. Results are read while bytes go out, so neither side can block for ever. The first set
//! goes ahead alone where the columns are not known yet: with their description at hand the others
//! need none.
//!
//! All or nothing: outside of a transaction the Sync at the end commits. So when it is given up in
//! the middle, as for a set of parameters that cannot be encoded, a command goes before the Sync
//! that fails.

use std::collections::VecDeque;
use std::sync::Arc;

use psycoxide_connection::result::no_fields;
use psycoxide_connection::{Command, Event, ExecStatus, QueryResult};
use psycoxide_protocol::backend::Field;
use psycoxide_protocol::{Format, Oid, TransactionStatus};

use super::batch::unprepared;
use super::execute::{Parameters, fixed_fields, known_fields, last_words, refuse_copy, staleness};
use super::{Operation, Step, Wait};
use crate::connection::Connection;
use crate::error::Error;
use crate::pgconn::Polled;
use crate::query::Query;
use crate::statement_cache::Advice;

/// What comes of a step of [`ExecuteMany`].
#[derive(Debug)]
pub enum Progress {
    /// All parameters were sent: [`ExecuteMany::feed`] more, or end with [`ExecuteMany::finish`].
    NeedMore,
    /// All is done.
    Finished(Outcome),
}

/// What the executions gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The results, if they were asked for, in order; in any case those that say that a COPY has
    /// begun, which has no place here.
    pub results: Vec<QueryResult>,
    /// The rows touched, all executions together; `None` if no execution tells.
    pub affected: Option<u64>,
    /// The command tag of the last execution that succeeded.
    pub tag: Option<Box<[u8]>>,
    /// The error that ended it.
    pub error: Option<Box<QueryResult>>,
}

/// How the sets of parameters with one combination of types are executed.
#[derive(Debug)]
struct Statement {
    types: Vec<Oid>,
    name: Box<[u8]>,
    fields: Option<Arc<[Field]>>,
}

/// What waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Close,
    Begin,
    Row,
    /// The end of a COPY, which has no place here.
    Copy,
    /// The failure of what was sent to fail.
    Failure,
}

/// Executes one query for many sets of parameters.
#[derive(Debug)]
pub struct ExecuteMany {
    query: Arc<Query>,
    result_format: Format,
    keep_results: bool,
    batch: VecDeque<Parameters>,
    last: bool,
    begun: bool,
    synced: bool,
    finished: bool,
    statement: Option<Statement>,
    /// The first set of parameters of this statement is on its way and the others wait for the
    /// description of its columns.
    describing: bool,
    preparing: VecDeque<(Box<[u8]>, Vec<Oid>)>,
    awaited: VecDeque<Awaited>,
    outcome: Outcome,
    /// A set of parameters could not be sent: told when the server is at rest.
    unencodable: Option<Error>,
    /// It runs outside of a transaction: its end commits.
    commits: bool,
    /// It was given up: nothing of it is to be committed.
    given_up: bool,
}

/// What the server does not understand; it reports it in its log.
const FAILURE: &[u8] = b"executemany() was given up by the client";

/// How many bytes are queued before they are sent: larger pieces gain nothing.
const PIECE: usize = 64 * 1024;

impl ExecuteMany {
    /// The operation; [`feed`](Self::feed) it before the first step.
    pub fn new(query: Arc<Query>, result_format: Format, keep_results: bool) -> ExecuteMany {
        ExecuteMany {
            query,
            result_format,
            keep_results,
            batch: VecDeque::new(),
            last: false,
            begun: false,
            synced: false,
            finished: false,
            statement: None,
            describing: false,
            preparing: VecDeque::new(),
            awaited: VecDeque::new(),
            outcome: Outcome::default(),
            unencodable: None,
            commits: false,
            given_up: false,
        }
    }

    /// Gives it more sets of parameters.
    pub fn feed(&mut self, batch: impl IntoIterator<Item = Parameters>) {
        self.batch.extend(batch);
    }

    /// No more parameters will come.
    pub fn finish(&mut self) {
        self.last = true;
    }

    /// Whether an execution has failed: more parameters are of no use.
    pub fn failed(&self) -> bool {
        self.outcome.error.is_some() || self.unencodable.is_some()
    }

    /// Queues as much of the batch as makes a piece.
    fn queue(&mut self, connection: &mut Connection) -> Result<(), Error> {
        if !self.begun && !self.batch.is_empty() {
            self.begin(connection)?;
        }
        while connection.pgconn.machine().outgoing().len() < PIECE && !self.describing {
            let Some(parameters) = self.batch.pop_front() else {
                break;
            };
            if self.outcome.error.is_some() {
                continue;
            }
            match self.queue_one(connection, &parameters) {
                Err(Error::Machine(error @ psycoxide_connection::Error::Encode(_))) => {
                    // What was queued before is on its way and has to be answered first.
                    self.unencodable = Some(error.into());
                    self.given_up = true;
                    self.abandon();
                }
                queued => queued?,
            }
        }
        if self.last && self.batch.is_empty() && self.begun && !self.synced && !self.describing {
            if self.given_up && self.commits && self.outcome.error.is_none() {
                self.queue_failure(connection)?;
            }
            connection.pgconn.machine_mut().sync()?;
            self.synced = true;
        }
        Ok(())
    }

    /// Queues a command that fails, and everything before it with it.
    fn queue_failure(&mut self, connection: &mut Connection) -> Result<(), Error> {
        let text = Query::new(FAILURE);
        let parameters = Parameters::default();
        let command = unprepared(&text, &parameters, Format::Text, Some(no_fields()));
        connection.pgconn.machine_mut().execute(command)?;
        self.awaited.push_back(Awaited::Failure);
        Ok(())
    }

    fn begin(&mut self, connection: &mut Connection) -> Result<(), Error> {
        connection.check_idle()?;
        self.begun = true;
        let needs_begin = connection.needs_begin();
        self.commits =
            !needs_begin && connection.pgconn.transaction_status() == TransactionStatus::Idle;
        for name in connection.statements.take_closing() {
            connection.pgconn.machine_mut().close_statement(&name)?;
            self.awaited.push_back(Awaited::Close);
        }
        if needs_begin {
            let begin = connection.begin_statement().clone();
            connection
                .pgconn
                .machine_mut()
                .execute(Command::bare(begin.text()))?;
            self.awaited.push_back(Awaited::Begin);
        }
        Ok(())
    }

    fn queue_one(
        &mut self,
        connection: &mut Connection,
        parameters: &Parameters,
    ) -> Result<(), Error> {
        if let Some(text) = &parameters.text {
            connection.pgconn.machine_mut().execute(Command {
                statement: b"",
                parse: Some((text, &[])),
                parameter_formats: &[],
                parameter_count: 0,
                encoded_parameters: &[],
                result_format: self.result_format,
                fields: None,
                chunk: 0,
            })?;
            self.awaited.push_back(Awaited::Row);
            return Ok(());
        }
        let mut parse = false;
        if self
            .statement
            .as_ref()
            .is_none_or(|statement| statement.types != parameters.types)
        {
            let types = parameters.types.clone();
            let format = self.result_format;
            // A name would be of no use beyond the Sync at the end.
            let advice = if connection.statements.keeps_session() {
                connection
                    .statements
                    .advise(&self.query, &types, format, Some(true))
            } else {
                Advice::Unprepared
            };
            let (name, fields) = match advice {
                Advice::Prepared(name, fields) => (name, fields),
                Advice::Prepare(name) => {
                    let known = self.preparing.iter().find(|(_, known)| *known == types);
                    match known {
                        Some((name, _)) => (name.clone(), None),
                        None => {
                            parse = true;
                            self.preparing.push_back((name.clone(), types.clone()));
                            (name, None)
                        }
                    }
                }
                Advice::Unprepared => {
                    parse = true;
                    (Box::default(), None)
                }
            };
            self.statement = Some(Statement {
                types,
                name,
                fields,
            });
        }
        let Some(statement) = &self.statement else {
            return Ok(());
        };
        let machine = connection.pgconn.machine_mut();
        machine.execute(Command {
            statement: &statement.name,
            parse: parse.then_some((self.query.text(), &statement.types)),
            parameter_formats: &parameters.formats,
            parameter_count: parameters.count,
            encoded_parameters: &parameters.encoded,
            result_format: self.result_format,
            fields: statement.fields.clone(),
            chunk: 0,
        })?;
        self.awaited.push_back(Awaited::Row);
        if statement.fields.is_none() {
            self.describing = true;
            machine.flush()?;
        }
        Ok(())
    }

    /// Takes what happened; `true` at the end.
    fn handle(&mut self, connection: &mut Connection, event: Event) -> Result<bool, Error> {
        match event {
            Event::Ready(_) => return Ok(true),
            Event::StatementParsed => {
                if let Some((name, types)) = self.preparing.pop_front() {
                    connection.statements.prepared(&self.query, &types, name);
                }
            }
            Event::Result(result) => {
                refuse_copy(&mut connection.pgconn, &result)?;
                let awaited = self.awaited.pop_front();
                match result.status {
                    // The result that ends it is still to come.
                    ExecStatus::CopyIn | ExecStatus::CopyOut | ExecStatus::CopyBoth => {
                        self.awaited.push_front(Awaited::Copy);
                        self.outcome.results.push(result);
                    }
                    ExecStatus::PipelineAborted => self.describing = false,
                    ExecStatus::FatalError if awaited == Some(Awaited::Failure) => {}
                    ExecStatus::FatalError => {
                        self.describing = false;
                        // Which of the statements on their way it was is not told.
                        if result.error.as_deref().and_then(staleness).is_some() {
                            connection.statements.clear(true);
                        }
                        self.outcome.error = Some(Box::new(result));
                    }
                    _ => match awaited {
                        Some(Awaited::Row) => self.take_row(connection, result),
                        Some(Awaited::Copy) => self.describing = false,
                        _ => {}
                    },
                }
            }
            _ => {}
        }
        Ok(false)
    }

    fn take_row(&mut self, connection: &mut Connection, result: QueryResult) {
        if std::mem::take(&mut self.describing)
            && let Some(statement) = &mut self.statement
        {
            statement.fields = known_fields(&result).cloned();
            if !statement.name.is_empty()
                && let Some(fields) = fixed_fields(&self.query, &result)
            {
                let types = &statement.types;
                let format = self.result_format;
                connection
                    .statements
                    .described(&self.query, types, format, fields);
            }
        }
        if let Some(count) = result.affected_rows() {
            *self.outcome.affected.get_or_insert(0) += count;
        }
        connection.statements.note_command(&result.command_tag);
        if self.keep_results {
            self.outcome.results.push(result);
        } else {
            self.outcome.tag = Some(result.command_tag);
        }
    }
}

impl Operation for ExecuteMany {
    type Output = Progress;

    fn abandon(&mut self) -> bool {
        // Whoever has given all wants it done.
        self.given_up |= !self.last || !self.batch.is_empty();
        self.batch.clear();
        self.last = true;
        self.begun && !self.finished
    }

    fn step(&mut self, connection: &mut Connection) -> Result<Step<Progress>, Error> {
        loop {
            self.queue(connection)?;
            if self.last && !self.begun {
                return Ok(Step::Done(Progress::Finished(std::mem::take(
                    &mut self.outcome,
                ))));
            }
            let sent = connection.pgconn.flush()?;
            if sent && !self.batch.is_empty() && !self.describing {
                continue;
            }
            let hungry = sent && !self.last && !self.describing;
            match connection.pgconn.poll_event(sent && !hungry) {
                Ok(Polled::Event(event)) => {
                    if self.handle(connection, event)? {
                        self.finished = true;
                        let outcome = std::mem::take(&mut self.outcome);
                        if let (None, Some(error)) = (&outcome.error, self.unencodable.take()) {
                            return Err(error);
                        }
                        return Ok(Step::Done(Progress::Finished(outcome)));
                    }
                }
                Ok(Polled::Pending) if hungry => return Ok(Step::Done(Progress::NeedMore)),
                Ok(Polled::Pending) => {
                    return Ok(Step::Wait(Wait {
                        read: true,
                        write: !sent,
                    }));
                }
                Err(error) => {
                    let mut last = self.outcome.error.take().map(|boxed| *boxed);
                    return last_words(error, &mut last);
                }
            }
        }
    }
}
