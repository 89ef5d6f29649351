//! Commands and their results, after the connection is established.
//!
//! Commands are answered in the order they were sent, so they stand in a queue; the message that
//! comes next belongs to the first of them. What may come for each sort of command:
//!
//! | command | messages | ends with |
//! |---|---|---|
//! | simple query | results, at least one, each ending in CommandComplete, EmptyQueryResponse or ErrorResponse | ReadyForQuery |
//! | execute | ParseComplete?, BindComplete, RowDescription or NoData (unless known), DataRow…, CommandComplete | any of the last, or ErrorResponse |
//! | prepare | ParseComplete | that, or ErrorResponse |
//! | describe | ParameterDescription?, RowDescription or NoData | the last, or ErrorResponse |
//! | close | CloseComplete | that, or ErrorResponse |
//! | sync | ReadyForQuery | that |
//!
//! After an error in the extended protocol the server skips everything up to the next Sync: each
//! command skipped gets a result of status `PipelineAborted`.
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY>

mod commands;
mod copy;
mod handle;

use std::collections::VecDeque;
use std::sync::Arc;

use psycoxide_protocol::Format;
use psycoxide_protocol::Oid;
use psycoxide_protocol::backend::{ErrorFields, Field};

use crate::event::Event;
use crate::result::{ExecStatus, QueryResult, RowSet, no_fields};

pub use commands::Checkpoint;

/// One execution of a statement: what goes into Parse, Bind, Describe and Execute.
#[derive(Clone, Debug)]
pub struct Command<'a> {
    /// The statement's name; empty for the unnamed one.
    pub statement: &'a [u8],
    /// The text and the parameter types to parse first, unless the statement exists already.
    pub parse: Option<(&'a [u8], &'a [Oid])>,
    /// The format of each parameter.
    pub parameter_formats: &'a [Format],
    /// The number of parameters.
    pub parameter_count: usize,
    /// The parameters as Bind wants them: for each its length and bytes.
    pub encoded_parameters: &'a [u8],
    /// The format wanted of all columns.
    pub result_format: Format,
    /// The description of the columns, where it is known from an earlier execution; else the
    /// server is asked for it. An empty one: there are no rows.
    pub fields: Option<Arc<[Field]>>,
    /// How many rows a result may hold before it is handed out; 0: all.
    pub chunk: usize,
}

impl<'a> Command<'a> {
    /// A statement without a name, parameters and rows, such as `BEGIN`.
    pub fn bare(sql: &'a [u8]) -> Self {
        Self {
            statement: b"",
            parse: Some((sql, &[])),
            parameter_formats: &[],
            parameter_count: 0,
            encoded_parameters: &[],
            result_format: Format::Text,
            fields: Some(no_fields()),
            chunk: 0,
        }
    }
}

/// What a command in the queue is, as far as its answers differ.
#[derive(Debug)]
enum Kind {
    Simple {
        /// A result has come: without any, the server may not say that it is ready.
        answered: bool,
    },
    Prepare,
    Execute {
        named_parse: bool,
        stage: Stage,
        fields: Option<Arc<[Field]>>,
    },
    Describe,
    Close,
    Sync,
}

/// The message that an execution waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Parse,
    Bind,
    Description,
    Completion,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    chunk: usize,
}

/// Whether a COPY is going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CopyState {
    #[default]
    None,
    In,
    Out,
    Both,
}

/// The queue of commands and the result that is coming in.
#[derive(Debug, Default)]
pub(crate) struct Queries {
    queue: VecDeque<Entry>,
    /// Events that stand before whatever comes next from the server.
    queued: VecDeque<Event>,
    /// An error came and the server skips commands up to the next Sync.
    aborted: bool,
    /// The description of the result that is coming in, once it is known.
    fields: Option<Arc<[Field]>>,
    rows: RowSet,
    parameter_types: Vec<Oid>,
    copy: CopyState,
    /// The command in COPY is one of the extended protocol and takes data still.
    extended_copy: bool,
    /// A Sync was sent again for the command in COPY, see [`Queries::end_copy_in`].
    resent_sync: bool,
    /// The server may say once more that it is ready than there are commands to be ready after.
    spare_ready: bool,
    /// How many times the server was ready and in no transaction.
    pub(crate) rests: u64,
}

impl Queries {
    /// Whether commands wait for their answer.
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        !self.queue.is_empty() || !self.queued.is_empty()
    }

    /// Whether the next message belongs to no command.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the server skips commands up to the next Sync.
    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted
    }

    pub(crate) fn copy_state(&self) -> CopyState {
        self.copy
    }

    /// The next event that needs no message.
    #[inline]
    pub(crate) fn take_queued(&mut self) -> Option<Event> {
        if let Some(event) = self.queued.pop_front() {
            return Some(event);
        }
        if self.aborted {
            match self.queue.front() {
                Some(Entry {
                    kind: Kind::Sync | Kind::Simple { .. },
                    ..
                })
                | None => None,
                Some(_) => {
                    self.queue.pop_front();
                    Some(Event::Result(QueryResult::empty(
                        ExecStatus::PipelineAborted,
                    )))
                }
            }
        } else {
            None
        }
    }

    fn push(&mut self, kind: Kind, chunk: usize) {
        self.queue.push_back(Entry { kind, chunk });
    }

    /// Whether a simple query may follow: after an error the server would skip it, and never
    /// answer, if no Sync stood before it.
    fn is_synced(&self) -> bool {
        match self.queue.back() {
            Some(entry) => matches!(entry.kind, Kind::Sync | Kind::Simple { .. }),
            None => !self.aborted,
        }
    }

    /// Takes the result that has come in.
    fn take_result(&mut self, status: ExecStatus, command_tag: &[u8]) -> QueryResult {
        QueryResult {
            status,
            fields: self.fields.take().unwrap_or_else(no_fields),
            rows: std::mem::take(&mut self.rows),
            command_tag: command_tag.into(),
            parameter_types: std::mem::take(&mut self.parameter_types),
            error: None,
        }
    }

    /// Takes the rows so far, as part of a result that goes on.
    fn take_chunk(&mut self, chunk: usize) -> QueryResult {
        let status = if chunk == 1 {
            ExecStatus::SingleTuple
        } else {
            ExecStatus::TuplesChunk
        };
        QueryResult {
            fields: self.fields.clone().unwrap_or_else(no_fields),
            rows: std::mem::take(&mut self.rows),
            ..QueryResult::empty(status)
        }
    }

    /// Ends the first command with an error.
    pub(crate) fn handle_error(&mut self, fields: ErrorFields) {
        self.fields = None;
        self.rows = RowSet::default();
        self.parameter_types = Vec::new();
        self.copy = CopyState::None;
        match self.queue.front_mut().map(|entry| &mut entry.kind) {
            // The end of a simple query is its ReadyForQuery, also after an error; an error at a
            // Sync (its implicit commit failed) is answered by ReadyForQuery as well.
            Some(Kind::Simple { answered }) => *answered = true,
            Some(Kind::Sync) | None => {}
            Some(_) => {
                self.queue.pop_front();
                self.aborted = true;
                self.spare_ready = std::mem::take(&mut self.resent_sync);
            }
        }
        self.queued.push_back(Event::Result(QueryResult {
            error: Some(Box::new(fields)),
            ..QueryResult::empty(ExecStatus::FatalError)
        }));
    }
}
