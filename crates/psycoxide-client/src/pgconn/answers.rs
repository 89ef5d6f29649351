//! The answers to commands that were sent with libpq's verbs, in libpq's order.
//!
//! The machine tells what happens; libpq's callers want to be told the same in other terms: a
//! result at a time, and *nothing* behind the last result of each command. What has been received
//! is looked at no further than to the next answer, so that status and notices change when libpq's
//! would.
//! <https://www.postgresql.org/docs/current/libpq-async.html#LIBPQ-PQGETRESULT>

use std::collections::VecDeque;
use std::sync::Arc;

use psycoxide_connection::{Event, ExecStatus, QueryResult, RowSet};

use super::{PgConn, Polled};
use crate::connection::Connection;
use crate::error::Error;
use crate::operations::{Operation, Step, Wait};
use crate::query::Query;

/// What [`GetResult`] gives.
#[derive(Debug)]
pub enum Answer {
    /// A result, and the text that the positions of its error refer to.
    Result(QueryResult, Option<Arc<Query>>),
    /// There is no result, and there will be none: the connection is lost.
    Lost(Error),
}

/// A command that was sent, as far as its answers differ.
#[derive(Debug)]
pub(super) enum Sent {
    /// Any number of results; it ends when the server is ready.
    Simple(Option<Arc<Query>>),
    /// One result, and a Sync of its own.
    Extended(Option<Arc<Query>>),
    /// One result; the Sync is a command by itself.
    Pipelined(Option<Arc<Query>>),
    /// A Sync in a pipeline.
    Sync,
}

/// What was sent and is not fetched yet. Invariant: `ready` and `copied` together belong to the
/// first command in `sent`, or to the one before it.
#[derive(Debug, Default)]
pub struct Answers {
    sent: VecDeque<Sent>,
    /// What comes next; `None` is the end of a command.
    ready: VecDeque<Option<Answer>>,
    /// The data of a COPY that have been received.
    pub(super) copied: VecDeque<Vec<u8>>,
    /// A COPY from the server was announced, and nobody has been told of its end.
    pub(super) copying_out: bool,
    /// Rows come in groups of this size; 0: all together.
    chunk: usize,
    nonblocking: bool,
}

impl Answers {
    /// Whether there are results to fetch, or to wait for: that a command has ended, and nobody has
    /// been told, keeps none from being sent.
    #[inline]
    pub fn is_outstanding(&self) -> bool {
        !self.sent.is_empty() || self.has_received()
    }

    /// Whether a result has been received.
    pub(super) fn has_received(&self) -> bool {
        self.ready.iter().any(Option::is_some)
    }

    /// Whether sending never waits.
    pub fn is_nonblocking(&self) -> bool {
        self.nonblocking
    }

    /// Sets [`is_nonblocking`](Self::is_nonblocking).
    pub fn set_nonblocking(&mut self, nonblocking: bool) {
        self.nonblocking = nonblocking;
    }

    pub(super) fn push(&mut self, sent: Sent) {
        if matches!(sent, Sent::Simple(_) | Sent::Extended(_)) {
            self.ready.clear();
        }
        self.sent.push_back(sent);
    }

    /// Forgets everything that was sent.
    pub(crate) fn clear(&mut self) {
        let nonblocking = self.nonblocking;
        *self = Answers {
            nonblocking,
            ..Answers::default()
        };
    }

    /// The connection is lost: whoever waits for results hears why.
    fn lost(&mut self, error: Error) {
        if !self.sent.is_empty() {
            self.sent.clear();
            self.ready.push_back(Some(Answer::Lost(error)));
            self.ready.push_back(None);
        }
        self.copying_out = false;
    }

    /// Takes an event that answers the first command.
    fn take(&mut self, event: Event) {
        match event {
            Event::Result(result) => self.take_result(result),
            Event::Ready(_) => {
                self.chunk = 0;
                let end = match self.sent.pop_front() {
                    Some(Sent::Sync) => {
                        let sync = QueryResult::empty(ExecStatus::PipelineSync);
                        Some(Answer::Result(sync, None))
                    }
                    _ => None,
                };
                self.ready.push_back(end);
            }
            Event::CopyData(mut chunk) => {
                while let Some(message) = chunk.next_message() {
                    self.copied.push_back(message.to_vec());
                }
            }
            _ => {}
        }
    }

    fn take_result(&mut self, mut result: QueryResult) {
        let query = match self.sent.front() {
            Some(Sent::Simple(query) | Sent::Extended(query) | Sent::Pipelined(query)) => {
                query.clone()
            }
            Some(Sent::Sync) | None => None,
        };
        let goes_on = match result.status {
            ExecStatus::CopyOut | ExecStatus::CopyBoth => {
                self.copying_out = true;
                true
            }
            ExecStatus::CopyIn | ExecStatus::SingleTuple | ExecStatus::TuplesChunk => true,
            _ => false,
        };
        if self.chunk > 0 && result.status == ExecStatus::TuplesOk && !result.rows.is_empty() {
            // The last group is smaller; the result that ends them has no rows.
            let rows = QueryResult {
                status: ExecStatus::TuplesChunk,
                rows: std::mem::take(&mut result.rows),
                command_tag: Box::default(),
                ..result.clone()
            };
            self.ready
                .push_back(Some(Answer::Result(rows, query.clone())));
            result.rows = RowSet::default();
        }
        self.ready.push_back(Some(Answer::Result(result, query)));
        if goes_on {
            return;
        }
        match self.sent.front() {
            Some(Sent::Pipelined(_)) => {
                self.chunk = 0;
                self.sent.pop_front();
                self.ready.push_back(None);
            }
            // The commit at a Sync has failed.
            Some(Sent::Sync) => self.ready.push_back(None),
            _ => {}
        }
    }
}

/// Fetching, without waiting.
impl Connection {
    /// Receives what is there: `PQconsumeInput`.
    ///
    /// # Errors
    /// When the connection is lost and nothing was received any more.
    pub fn consume_input(&mut self) -> Result<(), Error> {
        let received = self.pgconn.receive();
        if self.pgconn.is_open() && !self.pgconn.is_flushed() {
            self.pgconn.flush()?;
        }
        received
    }

    /// Looks at what was received, up to the next answer.
    ///
    /// # Errors
    /// When the connection is lost and nobody waits for a result.
    pub fn look(&mut self) -> Result<(), Error> {
        let waited_for = !self.answers.sent.is_empty();
        if !waited_for && self.pgconn.machine().is_busy() {
            // What comes is for somebody else.
            return Ok(());
        }
        while self.answers.ready.is_empty() && self.answers.copied.is_empty() {
            match self.pgconn.received_event() {
                Ok(Some(event)) => self.take_event(event),
                Ok(None) if waited_for && !self.pgconn.is_open() => {
                    self.answers
                        .lost(psycoxide_connection::Error::ClosedByPeer.into());
                }
                Ok(None) => break,
                Err(error) if waited_for => self.answers.lost(error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn take_event(&mut self, event: Event) {
        if let Event::Result(result) = &event {
            self.statements.note_command(&result.command_tag);
        }
        self.answers.take(event);
    }

    /// Whether [`GetResult`] would wait: `PQisBusy`.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn is_busy(&mut self) -> Result<bool, Error> {
        self.look()?;
        Ok(self.answers.ready.is_empty()
            && !self.answers.sent.is_empty()
            && self.copy_result().is_none())
    }

    /// What [`GetResult`] gives if it need not wait; the inner `None` is the end of a command, or
    /// of everything.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn result_at_hand(&mut self) -> Result<Option<Option<Answer>>, Error> {
        if let Some(copying) = self.copy_result() {
            return Ok(Some(Some(Answer::Result(copying, None))));
        }
        self.look()?;
        if let Some(answer) = self.answers.ready.pop_front() {
            return Ok(Some(answer));
        }
        if let Some(copying) = self.copy_result() {
            return Ok(Some(Some(Answer::Result(copying, None))));
        }
        Ok(self.answers.sent.is_empty().then_some(None))
    }

    /// In the middle of a COPY there is only one thing to say.
    fn copy_result(&self) -> Option<QueryResult> {
        if !self.answers.ready.is_empty() || self.answers.sent.is_empty() {
            return None;
        }
        let machine = self.pgconn.machine();
        let out = self.answers.copying_out
            && (machine.is_copying_out() || !self.answers.copied.is_empty());
        let status = match (machine.is_copying_in(), out) {
            (true, true) => ExecStatus::CopyBoth,
            (true, false) => ExecStatus::CopyIn,
            (false, true) => ExecStatus::CopyOut,
            (false, false) => return None,
        };
        Some(QueryResult::empty(status))
    }

    /// Has the rows of the command being answered come in groups of this size: one,
    /// `PQsetSingleRowMode`, or more, `PQsetChunkedRowsMode`. `false`: it is not possible any more,
    /// or there is no such command.
    pub fn set_chunked_rows(&mut self, rows: usize) -> bool {
        if rows == 0 || !self.answers.ready.is_empty() || self.answers.sent.is_empty() {
            return false;
        }
        let set = self.pgconn.machine_mut().set_chunk(rows);
        if set {
            self.answers.chunk = rows;
        }
        set
    }
}

/// Waits for the next result: `PQgetResult`. `None`: there are no more of this command.
#[derive(Debug, Default)]
pub struct GetResult(());

impl Operation for GetResult {
    type Output = Option<Answer>;

    fn step(&mut self, connection: &mut Connection) -> Result<Step<Option<Answer>>, Error> {
        loop {
            if let Some(answer) = connection.result_at_hand()? {
                return Ok(Step::Done(answer));
            }
            if let Some(wait) = connection.receive_more()? {
                return Ok(Step::Wait(wait));
            }
        }
    }
}

impl Connection {
    /// Sends and receives until there is something new to look at; otherwise what to wait for. A
    /// connection that is lost here is found so by [`look`](Self::look).
    pub(super) fn receive_more(&mut self) -> Result<Option<Wait>, Error> {
        let Connection {
            pgconn, answers, ..
        } = self;
        match exchange_once(pgconn) {
            Ok(Polled::Event(event)) => self.take_event(event),
            Ok(Polled::Pending) => {
                return Ok(Some(Wait {
                    read: true,
                    write: !self.pgconn.is_flushed(),
                }));
            }
            Err(error) if answers.sent.is_empty() => return Err(error),
            Err(error) => answers.lost(error),
        }
        Ok(None)
    }
}

fn exchange_once(pgconn: &mut PgConn) -> Result<Polled, Error> {
    if !pgconn.is_open() {
        // What was received before the end has been looked at.
        return Err(Error::Closed);
    }
    let sent = pgconn.flush()?;
    pgconn.poll_event(sent)
}
