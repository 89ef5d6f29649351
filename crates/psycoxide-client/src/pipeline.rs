//! The pipeline of a connection: queries that were sent, or are about to be, and whose results
//! nobody waits for yet.
//!
//! In pipeline mode an execution only queues its messages, see [`Connection::queue`]; an operation
//! ([`crate::operations::communicate`]) sends them when there is enough, or when somebody asks for
//! results. Every command in the queue has one answer, and answers come in the order of the
//! commands: [`Connection::absorb`] gives each to its owner, which is whatever the caller gave.
//! <https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use psycoxide_connection::{Command, Event, ExecStatus, QueryResult};
use psycoxide_protocol::{Format, Oid};

use crate::connection::Connection;
use crate::error::Error;
use crate::operations::execute::{Request, fixed_fields, refuse_copy, staleness};
use crate::pgconn::Polled;
use crate::query::Query;
use crate::statement_cache::Advice;

/// Whom a result is for: the caller's own business.
pub type Owner = Box<dyn Any + Send>;

/// The state of a pipeline; the numbers are those of libpq's `PGpipelineStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PipelineStatus {
    /// The connection is not in pipeline mode.
    Off = 0,
    /// The connection is in pipeline mode.
    On = 1,
    /// A query in the pipeline has failed, and the server skips those behind it up to the next Sync.
    Aborted = 2,
}

/// An answer that has come in.
#[derive(Debug)]
pub struct Arrived {
    /// Whom it is for; `None` for BEGIN and its like, and for an error at a Sync.
    pub owner: Option<Owner>,
    /// The answer.
    pub result: QueryResult,
}

/// The queue. Invariant: `answered + pending.len() == queued`.
#[derive(Debug, Default)]
pub struct Pipeline {
    on: bool,
    pending: VecDeque<Pending>,
    arrived: Vec<Arrived>,
    queued: u64,
    answered: u64,
    /// Commands were queued after the last Sync or Flush.
    unflushed: bool,
    /// Commands were queued after the last Sync.
    unsynced: bool,
}

#[derive(Debug)]
struct Pending {
    kind: Kind,
    owner: Option<Owner>,
}

/// What a command is, as far as something is learned from its answer.
#[derive(Debug)]
enum Kind {
    Sync,
    Close,
    /// BEGIN and its like.
    Command,
    /// A query that was not prepared, and is not to be.
    Query,
    /// A query that was not prepared, but counted.
    Counted(Box<(Arc<Query>, Box<[Oid]>)>),
    /// A query that was prepared before; its columns were known.
    Prepared(Box<[u8]>),
    /// A query whose columns are to be learned.
    Described(Box<Described>),
    /// A COPY to the client, of which nothing is kept but the result that announced it.
    Copy(Box<QueryResult>),
}

#[derive(Debug)]
struct Described {
    query: Arc<Query>,
    types: Box<[Oid]>,
    format: Format,
    name: Box<[u8]>,
    /// Whether the server has the statement: it was sent before, or has been parsed.
    parsed: bool,
}

impl Pipeline {
    /// Whether the connection is in pipeline mode.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// The number of the command queued last, for [`is_answered`](Self::is_answered).
    #[inline]
    pub fn last(&self) -> u64 {
        self.queued
    }

    /// Whether the answer to the command of this number has come.
    #[inline]
    pub fn is_answered(&self, number: u64) -> bool {
        self.answered >= number
    }

    /// Whether no command was queued after the last Sync.
    #[inline]
    pub fn is_synced(&self) -> bool {
        !self.unsynced
    }

    /// How many queries are not answered yet.
    pub fn pending(&self) -> usize {
        let queries = self.pending.iter().filter(|entry| entry.owner.is_some());
        queries.count()
    }

    /// Whether all answers have come.
    #[inline]
    pub fn is_drained(&self) -> bool {
        self.pending.is_empty()
    }

    /// The answers that have come in since the last call.
    #[inline]
    pub fn take_arrived(&mut self) -> Vec<Arrived> {
        std::mem::take(&mut self.arrived)
    }

    /// The last answer that has come in, if it is an error.
    pub(crate) fn take_failure(&mut self) -> Option<QueryResult> {
        let last = self.arrived.pop()?;
        last.result.error.is_some().then_some(last.result)
    }

    #[inline]
    fn push(&mut self, kind: Kind, owner: Option<Owner>) {
        self.pending.push_back(Pending { kind, owner });
        self.queued += 1;
        self.unflushed = true;
        self.unsynced = true;
    }
}

/// Commands of pipeline mode. They only queue: an operation sends.
impl Connection {
    /// The state of the pipeline.
    #[inline]
    pub fn pipeline_status(&self) -> PipelineStatus {
        if !self.pipeline.on || !self.pgconn.is_open() {
            PipelineStatus::Off
        } else if self.pgconn.machine().is_aborted() {
            PipelineStatus::Aborted
        } else {
            PipelineStatus::On
        }
    }

    /// Enters pipeline mode.
    ///
    /// # Errors
    /// When a command is in progress.
    pub fn enter_pipeline(&mut self) -> Result<(), Error> {
        if self.pgconn.machine().is_busy() {
            return Err(Error::Misuse(
                "cannot enter pipeline mode, connection not idle",
            ));
        }
        self.pipeline.on = true;
        Ok(())
    }

    /// Leaves pipeline mode.
    ///
    /// # Errors
    /// When results are outstanding.
    pub fn leave_pipeline(&mut self) -> Result<(), Error> {
        if !self.pipeline.is_drained() {
            return Err(Error::Misuse("cannot exit pipeline mode while busy"));
        }
        self.pipeline.on = false;
        Ok(())
    }

    /// Queues a query, preceded by BEGIN where a transaction is to be opened.
    ///
    /// # Errors
    /// When it cannot be encoded, or the connection is closed.
    #[inline]
    pub fn queue(&mut self, request: &Request, owner: Owner) -> Result<(), Error> {
        let needs_begin = self.needs_begin();
        self.may_prepare();
        if self.statements.has_closing() {
            self.queue_closing()?;
        }
        if !needs_begin {
            return self.queue_query(request, owner);
        }
        let checkpoint = self.pgconn.machine().checkpoint();
        let begin = self.begin_statement().clone();
        self.queue_command(begin.text())?;
        let queued = self.queue_query(request, owner);
        if queued.is_err() {
            // No transaction is begun for what cannot be sent.
            self.pgconn.machine_mut().rewind(&checkpoint);
            self.pipeline.pending.pop_back();
            self.pipeline.queued -= 1;
        }
        queued
    }

    fn queue_query(&mut self, request: &Request, owner: Owner) -> Result<(), Error> {
        let Request {
            query,
            parameters,
            result_format,
            prepare,
            ..
        } = request;
        let types = &parameters.types;
        let advice = self
            .statements
            .advise(query, types, *result_format, *prepare);
        let (statement, parse, fields): (&[u8], bool, _) = match &advice {
            Advice::Unprepared => (b"", true, None),
            Advice::Prepare(name) => (name, true, None),
            Advice::Prepared(name, fields) => (name, false, fields.clone()),
        };
        let known = fields.is_some();
        let closes = matches!(advice, Advice::Prepare(_)) && self.statements.closes_first();
        let checkpoint = closes.then(|| self.pgconn.machine().checkpoint());
        if closes {
            self.pgconn.machine_mut().close_statement(statement)?;
        }
        let queued = self.pgconn.machine_mut().execute(Command {
            statement,
            parse: parse.then_some((query.text(), &types[..])),
            parameter_formats: &parameters.formats,
            parameter_count: parameters.count,
            encoded_parameters: &parameters.encoded,
            result_format: *result_format,
            fields,
            chunk: 0,
        });
        if let Err(error) = queued {
            if let Some(checkpoint) = checkpoint {
                self.pgconn.machine_mut().rewind(&checkpoint);
            }
            return Err(error.into());
        }
        if closes {
            self.pipeline.push(Kind::Close, None);
        }
        let kind = match advice {
            Advice::Unprepared if *prepare == Some(false) => Kind::Query,
            Advice::Unprepared => Kind::Counted(Box::new((query.clone(), types[..].into()))),
            Advice::Prepared(name, _) if known => Kind::Prepared(name),
            Advice::Prepare(name) | Advice::Prepared(name, _) => {
                if parse {
                    // Those that follow it in the pipeline use it already.
                    self.statements.prepared(query, types, name.clone());
                }
                Kind::Described(Box::new(Described {
                    query: query.clone(),
                    types: types[..].into(),
                    format: *result_format,
                    name,
                    parsed: !parse,
                }))
            }
        };
        self.pipeline.push(kind, Some(owner));
        Ok(())
    }

    /// Queues a command without parameters and result.
    ///
    /// # Errors
    /// As [`queue`](Self::queue).
    pub fn queue_command(&mut self, sql: &[u8]) -> Result<(), Error> {
        self.pgconn.machine_mut().execute(Command::bare(sql))?;
        self.pipeline.push(Kind::Command, None);
        Ok(())
    }

    /// Queues a Sync.
    ///
    /// # Errors
    /// When the connection is closed.
    pub fn queue_sync(&mut self) -> Result<(), Error> {
        self.pgconn.machine_mut().sync()?;
        self.statements.end_span();
        self.pipeline.push(Kind::Sync, None);
        self.pipeline.unflushed = false;
        self.pipeline.unsynced = false;
        Ok(())
    }

    /// Has the server send what it holds back, if there can be any.
    ///
    /// # Errors
    /// When the connection is closed.
    pub fn queue_flush(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.pipeline.unflushed) {
            self.pgconn.machine_mut().flush()?;
        }
        Ok(())
    }

    fn queue_closing(&mut self) -> Result<(), Error> {
        for name in self.statements.take_closing() {
            self.pgconn.machine_mut().close_statement(&name)?;
            self.pipeline.push(Kind::Close, None);
        }
        Ok(())
    }

    /// Takes what has come by itself: in pipeline mode results, which wait for their owners.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn absorb_idle(&mut self) -> Result<(), Error> {
        if self.answers.is_outstanding() {
            // It is for whoever sent that, who has not come to fetch it yet.
            return self.pgconn.receive();
        }
        while let Polled::Event(event) = self.pgconn.poll_event(false)? {
            if self.pipeline.on {
                self.absorb(event)?;
            }
        }
        Ok(())
    }

    /// Takes an event in pipeline mode.
    ///
    /// # Errors
    /// When the connection is closed.
    pub fn absorb(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Result(result) => self.absorb_result(result),
            Event::StatementParsed => {
                if let Some(Pending {
                    kind: Kind::Described(described),
                    ..
                }) = self.pipeline.pending.front_mut()
                {
                    described.parsed = true;
                }
                Ok(())
            }
            Event::Ready(_) => {
                self.pipeline.pending.pop_front();
                self.pipeline.answered += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn absorb_result(&mut self, mut result: QueryResult) -> Result<(), Error> {
        let pipeline = &mut self.pipeline;
        let Some(front) = pipeline.pending.front_mut() else {
            return Ok(());
        };
        match result.status {
            ExecStatus::CopyIn | ExecStatus::CopyBoth => {
                return refuse_copy(&mut self.pgconn, &result);
            }
            ExecStatus::CopyOut => {
                // Its end comes after the data.
                front.kind = Kind::Copy(Box::new(result));
                return Ok(());
            }
            // An error of the commit at a Sync; ReadyForQuery follows.
            ExecStatus::FatalError if matches!(front.kind, Kind::Sync) => {
                pipeline.arrived.push(Arrived {
                    owner: None,
                    result,
                });
                return Ok(());
            }
            _ => {}
        }
        let Some(Pending { kind, owner }) = pipeline.pending.pop_front() else {
            return Ok(());
        };
        pipeline.answered += 1;
        match kind {
            Kind::Sync | Kind::Command | Kind::Query => {}
            Kind::Close if result.error.is_none() => return Ok(()),
            Kind::Close => {}
            Kind::Counted(statement) => {
                if result.error.is_some() || result.status == ExecStatus::PipelineAborted {
                    self.statements.discount(&statement.0, &statement.1);
                }
            }
            Kind::Prepared(name) => {
                if let Some(exists) = result.error.as_deref().and_then(staleness) {
                    self.statements.forget_name(&name, exists);
                }
            }
            Kind::Described(described) => {
                let Described {
                    query,
                    types,
                    format,
                    name,
                    parsed,
                } = *described;
                let stale = result.error.as_deref().and_then(staleness);
                if !parsed || stale.is_some() {
                    self.statements.forget_name(&name, stale == Some(true));
                } else if let Some(fields) = fixed_fields(&query, &result) {
                    self.statements.described(&query, &types, format, fields);
                }
            }
            Kind::Copy(announced) if result.error.is_none() => result = *announced,
            Kind::Copy(_) => {}
        }
        self.statements.note_command(&result.command_tag);
        if owner.is_some() || result.error.is_some() {
            self.pipeline.arrived.push(Arrived { owner, result });
        }
        Ok(())
    }
}
