//! Executing a query: with BEGIN where a transaction is to be opened, prepared where that pays.
//!
//! Everything travels in one write: BEGIN, Close messages of statements to forget, Parse, Bind,
//! Describe, Execute, Sync. Only a query that needs the simple protocol (several statements in one
//! text) waits for BEGIN to succeed first: had that failed, the query would run, and commit, by
//! itself.

use std::sync::Arc;

use psycoxide_connection::{Command, Event, ExecStatus, QueryResult};
use psycoxide_protocol::backend::{ErrorFields, Field};
use psycoxide_protocol::{Format, Oid, TransactionStatus};

use super::{Operation, Step, exchange};
use crate::connection::Connection;
use crate::error::Error;
use crate::pgconn::PgConn;
use crate::query::Query;
use crate::statement_cache::{Advice, StatementCache};

/// The parameters of one execution, encoded.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    /// For each its length and bytes, as Bind wants them.
    pub encoded: Vec<u8>,
    /// How many there are.
    pub count: usize,
    /// The format of each.
    pub formats: Vec<Format>,
    /// The type of each; 0: the server decides.
    pub types: Vec<Oid>,
    /// The text to execute in place of the query's, where values have been put into it.
    pub text: Option<Box<[u8]>>,
}

impl Parameters {
    /// Makes room for another set, keeping the memory.
    pub fn clear(&mut self) {
        self.encoded.clear();
        self.count = 0;
        self.formats.clear();
        self.types.clear();
        self.text = None;
    }
}

/// One query to execute.
#[derive(Debug)]
pub struct Request {
    /// The text.
    pub query: Arc<Query>,
    /// Its parameters.
    pub parameters: Parameters,
    /// The format wanted of the result.
    pub result_format: Format,
    /// Whether to prepare it; `None`: as often executed queries are.
    pub prepare: Option<bool>,
    /// Whether the text may hold several statements: it has no parameters and its results come as
    /// text.
    pub simple: bool,
}

/// Where an execution stands.
#[derive(Debug)]
enum State {
    New,
    /// BEGIN was sent by itself.
    Begin,
    /// ROLLBACK was sent: the transaction that was begun for a statement which turned out to be
    /// stale ends, and all is done once more.
    Undoing,
    /// BEGIN has succeeded: now the query, by the simple protocol.
    Begun,
    /// All was sent. `begin`: the first result is that of BEGIN; `begun`: so it was; `syncs`: how
    /// many times the server will say that it is ready.
    Sent {
        begin: bool,
        begun: bool,
        closing: usize,
        syncs: usize,
    },
}

/// How the statement went out, to learn from what comes back.
#[derive(Debug)]
enum Sent {
    Simple,
    Unprepared,
    Preparing(Box<[u8]>),
    Prepared { known_fields: bool },
}

/// Executes one query; its output are the results, of which the last may be an error.
#[derive(Debug)]
pub struct Execute {
    request: Request,
    state: State,
    sent: Sent,
    results: Vec<QueryResult>,
    /// How often it was tried again, after the server had lost the prepared statement or knew
    /// another one of its name.
    retries: u8,
}

impl Execute {
    /// The operation that executes this.
    pub fn new(request: Request) -> Execute {
        Execute {
            request,
            state: State::New,
            sent: Sent::Unprepared,
            results: Vec::new(),
            retries: 0,
        }
    }

    /// What is executed.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The parameters, to use their memory again.
    pub fn into_parameters(self) -> Parameters {
        self.request.parameters
    }

    /// Queues what is to be sent; when something of it cannot be encoded, nothing.
    fn start(&mut self, connection: &mut Connection) -> Result<(), Error> {
        connection.check_idle()?;
        let checkpoint = connection.pgconn.machine().checkpoint();
        let closing = connection.statements.take_closing();
        let queued = self.queue(connection, &closing);
        if queued.is_err() {
            connection.pgconn.machine_mut().rewind(&checkpoint);
        }
        if queued.is_err() || matches!(self.state, State::Begin) {
            connection.statements.close_later(closing);
        }
        queued
    }

    fn queue(&mut self, connection: &mut Connection, closing: &[Box<[u8]>]) -> Result<(), Error> {
        let begun = matches!(self.state, State::Begun);
        let begin = !begun && connection.needs_begin();
        let may_prepare = !begun && connection.may_prepare();
        let request = &self.request;
        let parameters = &request.parameters;
        let advice = if self.retries > 1 || !may_prepare {
            Advice::Unprepared
        } else {
            connection.statements.advise(
                &request.query,
                &parameters.types,
                request.result_format,
                request.prepare,
            )
        };
        let simple = request.simple && advice == Advice::Unprepared;
        let begin_statement = connection.begin_statement().clone();
        let mut syncs = 0;
        let mut closed = closing.len();
        if begin && simple {
            let machine = connection.pgconn.machine_mut();
            if request.query.text().contains(&0) {
                // Fails, and before a transaction is begun for it.
                machine.query(request.query.text(), 0)?;
            }
            machine.query(begin_statement.text(), 0)?;
            self.state = State::Begin;
            return Ok(());
        }
        let machine = connection.pgconn.machine_mut();
        for name in closing {
            machine.close_statement(name)?;
        }
        if simple {
            if !closing.is_empty() {
                machine.sync()?;
                syncs += 1;
            }
            machine.query(request.query.text(), 0)?;
            self.sent = Sent::Simple;
        } else {
            if let Advice::Prepare(name) = &advice
                && connection.statements.closes_first()
            {
                machine.close_statement(name)?;
                closed += 1;
            }
            if begin {
                machine.execute(Command::bare(begin_statement.text()))?;
            }
            let text = request.query.text();
            let (statement, parse, fields): (&[u8], _, _) = match &advice {
                Advice::Unprepared => (b"", Some((text, &parameters.types[..])), None),
                Advice::Prepare(name) => (name, Some((text, &parameters.types[..])), None),
                Advice::Prepared(name, fields) => (name, None, fields.clone()),
            };
            let known_fields = fields.is_some();
            machine.execute(Command {
                statement,
                parse,
                parameter_formats: &parameters.formats,
                parameter_count: parameters.count,
                encoded_parameters: &parameters.encoded,
                result_format: request.result_format,
                fields,
                chunk: 0,
            })?;
            machine.sync()?;
            self.sent = match advice {
                Advice::Unprepared => Sent::Unprepared,
                Advice::Prepare(name) => Sent::Preparing(name),
                Advice::Prepared(..) => Sent::Prepared { known_fields },
            };
        }
        syncs += 1;
        self.state = State::Sent {
            begin: begin && !simple,
            begun: begin && !simple,
            closing: closed,
            syncs,
        };
        Ok(())
    }

    /// After BEGIN, or ROLLBACK, by itself.
    fn begun(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        let results = &mut self.results;
        exchange(&mut connection.pgconn, |pgconn, event| match event {
            Event::Result(result) => {
                refuse_copy(pgconn, &result)?;
                if result.status == ExecStatus::FatalError {
                    results.push(result);
                }
                Ok(None)
            }
            Event::Ready(_) => Ok(Some(())),
            _ => Ok(None),
        })
    }

    /// Learns from how it ended. `true` if the server lost the statement, or it has changed, and
    /// nothing was done: then it is prepared anew and executed once more, and if that is of no use
    /// either, executed without being prepared. A transaction that was begun along with the
    /// statement holds nothing yet; any other has failed, and is the caller's to repeat.
    fn learn(&mut self, statements: &mut StatementCache, status: TransactionStatus) -> bool {
        let (query, types) = (&self.request.query, &self.request.parameters.types);
        let error = self.results.last().and_then(|last| last.error.as_deref());
        let repeatable = match (&self.sent, error) {
            (Sent::Simple, _) if self.results.len() > 1 => {
                statements.exclude(query, types);
                false
            }
            (_, None) => false,
            (Sent::Simple | Sent::Unprepared, Some(_)) => {
                statements.discount(query, types);
                false
            }
            (Sent::Prepared { .. }, Some(error)) => match staleness(error) {
                None => false,
                Some(exists) => {
                    statements.forget(query, types, exists);
                    true
                }
            },
            // The name is taken: left behind by another user of a pooled server connection.
            (Sent::Preparing(_), Some(error)) => error.sqlstate() == Some("42P05"),
        };
        let begun = matches!(self.state, State::Sent { begun: true, .. });
        let untouched = match status {
            TransactionStatus::Idle => true,
            TransactionStatus::InError => begun,
            _ => false,
        };
        let again = repeatable && untouched && self.retries < 2;
        self.retries += u8::from(again);
        again
    }

    /// Ends the transaction that holds nothing but the failure.
    fn undo(&mut self, connection: &mut Connection) -> Result<(), Error> {
        connection.pgconn.machine_mut().query(b"ROLLBACK", 0)?;
        self.state = State::Undoing;
        Ok(())
    }
}

/// Whether the server says that a prepared statement is not there (`Some(false)`), or that it is but
/// no longer fits its tables (`Some(true)`).
pub(crate) fn staleness(error: &ErrorFields) -> Option<bool> {
    match error.sqlstate() {
        Some("26000") => Some(false),
        Some("0A000") if error.get(b'R') == Some(b"RevalidateCachedQuery") => Some(true),
        _ => None,
    }
}

/// The columns, if the next execution in the same pipeline need not ask for them: none when there
/// are no rows. Rows without columns are not told from that.
pub(crate) fn known_fields(result: &QueryResult) -> Option<&Arc<[Field]>> {
    let known = match result.status {
        ExecStatus::CommandOk => true,
        ExecStatus::TuplesOk => !result.fields.is_empty(),
        _ => false,
    };
    known.then_some(&result.fields)
}

/// The columns, if all later executions have the same. What FETCH, EXECUTE and CALL give depends on
/// what they refer to at the time, and the server does not say when that has changed.
pub(crate) fn fixed_fields<'a>(query: &Query, result: &'a QueryResult) -> Option<&'a Arc<[Field]>> {
    let verb = result.command_tag.split(|byte| *byte == b' ').next();
    match verb {
        Some(b"SELECT" | b"INSERT" | b"UPDATE" | b"DELETE" | b"MERGE") if !query.is_execute() => {
            known_fields(result)
        }
        _ => None,
    }
}

/// Ends a COPY that has no place here: there are no data to come, and the server would wait.
pub(crate) fn refuse_copy(pgconn: &mut PgConn, result: &QueryResult) -> Result<(), Error> {
    let machine = pgconn.machine_mut();
    match result.status {
        ExecStatus::CopyIn => machine.copy_fail(b"COPY FROM STDIN needs copy()")?,
        ExecStatus::CopyBoth => machine.copy_done()?,
        _ => {}
    }
    Ok(())
}

/// When the connection breaks after the server has said why, that is the result.
pub(crate) fn last_words<T>(
    error: Error,
    result: &mut Option<QueryResult>,
) -> Result<Step<T>, Error> {
    match result.take().and_then(|result| result.error) {
        Some(fields) => Err(psycoxide_connection::Error::Server(fields).into()),
        None => Err(error),
    }
}

impl Operation for Execute {
    type Output = Vec<QueryResult>;

    fn step(&mut self, connection: &mut Connection) -> Result<Step<Self::Output>, Error> {
        loop {
            match self.state {
                State::New | State::Begun => self.start(connection)?,
                State::Begin => match self.begun(connection) {
                    Ok(Step::Wait(wait)) => return Ok(Step::Wait(wait)),
                    Ok(Step::Done(())) if !self.results.is_empty() => {
                        return Ok(Step::Done(std::mem::take(&mut self.results)));
                    }
                    Ok(Step::Done(())) => self.state = State::Begun,
                    Err(error) => return last_words(error, &mut self.results.pop()),
                },
                State::Undoing => match self.begun(connection) {
                    Ok(Step::Wait(wait)) => return Ok(Step::Wait(wait)),
                    Ok(Step::Done(())) if !self.results.is_empty() => {
                        return Ok(Step::Done(std::mem::take(&mut self.results)));
                    }
                    Ok(Step::Done(())) => self.state = State::New,
                    Err(error) => return last_words(error, &mut self.results.pop()),
                },
                State::Sent { .. } => match self.receive(connection) {
                    Ok(Step::Done(status)) => {
                        if !self.learn(&mut connection.statements, status) {
                            return Ok(Step::Done(std::mem::take(&mut self.results)));
                        }
                        self.results.clear();
                        if status == TransactionStatus::Idle {
                            self.state = State::New;
                        } else {
                            self.undo(connection)?;
                        }
                    }
                    Ok(Step::Wait(wait)) => return Ok(Step::Wait(wait)),
                    Err(error) => return last_words(error, &mut self.results.pop()),
                },
            }
        }
    }
}

impl Execute {
    /// Takes the results until the server is ready.
    fn receive(&mut self, connection: &mut Connection) -> Result<Step<TransactionStatus>, Error> {
        let Connection {
            pgconn, statements, ..
        } = connection;
        let (results, sent, request) = (&mut self.results, &self.sent, &self.request);
        let State::Sent {
            begin,
            closing,
            syncs,
            ..
        } = &mut self.state
        else {
            return Err(Error::Misuse("nothing was sent"));
        };
        exchange(pgconn, |pgconn: &mut PgConn, event| {
            match event {
                Event::Result(result) => {
                    refuse_copy(pgconn, &result)?;
                    let ours = if *closing > 0 {
                        *closing -= 1;
                        false
                    } else {
                        !std::mem::take(begin)
                    };
                    // Also an error that met what was sent along: the connection is at its end.
                    let failed = result.status == ExecStatus::FatalError;
                    if !(ours || failed) || result.status == ExecStatus::PipelineAborted {
                        return Ok(None);
                    }
                    let types = &request.parameters.types;
                    if let Sent::Prepared {
                        known_fields: false,
                    }
                    | Sent::Preparing(_) = sent
                        && let Some(fields) = fixed_fields(&request.query, &result)
                    {
                        statements.described(&request.query, types, request.result_format, fields);
                    }
                    statements.note_command(&result.command_tag);
                    results.push(result);
                }
                Event::StatementParsed => {
                    if let Sent::Preparing(name) = sent {
                        let types = &request.parameters.types;
                        statements.prepared(&request.query, types, name.clone());
                    }
                }
                Event::Ready(status) => {
                    *syncs -= 1;
                    if *syncs == 0 {
                        return Ok(Some(status));
                    }
                }
                _ => {}
            }
            Ok(None)
        })
    }
}
