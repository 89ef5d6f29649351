//! COPY: how it begins and how it ends; between the two data go [in](super::copy_in) or
//! [out](super::copy_out).
//!
//! What is known of a COPY stands in [`CopySession`] on the connection, not in an operation: it
//! takes several of them, and one that is thrown away in the middle must not take it along.
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY>

use std::sync::Arc;

use psycoxide_connection::{Event, ExecStatus, QueryResult};

use super::{Operation, Step, exchange};
use crate::connection::Connection;
use crate::error::Error;
use crate::pgconn::PgConn;
use crate::query::Query;

/// A COPY that is going on, or has ended and its results have not been taken yet.
#[derive(Debug, Default)]
pub struct CopySession {
    /// Whether data come from the server.
    outgoing: bool,
    /// What came after the beginning: the result of COPY, or an error; those of other statements
    /// of the same text.
    results: Vec<QueryResult>,
    /// The server is ready for the next command.
    ready: bool,
    /// Data were thrown away: there is nothing more to be had of them.
    discarding: bool,
    /// How many bytes were sent since it was heard whether the server has said something.
    pub(super) unheard: usize,
}

impl CopySession {
    /// Whether data come from the server.
    pub fn is_out(&self) -> bool {
        self.outgoing
    }

    /// Whether the server has ended it.
    pub fn has_ended(&self) -> bool {
        self.ready || !self.results.is_empty()
    }

    /// Whether everything has been received.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether somebody has given it up in the middle.
    pub fn is_discarding(&self) -> bool {
        self.discarding
    }

    /// What came after the beginning.
    pub fn results(&self) -> &[QueryResult] {
        &self.results
    }

    /// From now on data that come are thrown away.
    pub(crate) fn discard(&mut self) {
        self.discarding = true;
    }

    /// Takes what is no data.
    pub(crate) fn note(&mut self, pgconn: &mut PgConn, event: Event) -> Result<(), Error> {
        match event {
            Event::Result(result) => {
                if result.status == ExecStatus::CopyIn {
                    // A second COPY in the same text: nobody has data for it.
                    pgconn.machine_mut().copy_fail(b"one COPY at a time")?;
                }
                self.results.push(result);
            }
            Event::Ready(_) => self.ready = true,
            _ => {}
        }
        Ok(())
    }
}

/// What came of the attempt to begin a COPY.
#[derive(Debug)]
pub enum Begun {
    /// Data may flow; the result says in which direction and format.
    Copying(QueryResult),
    /// The query was something else, or an error.
    Ended(Vec<QueryResult>),
    /// A COPY among other statements, which has been given up.
    Mixed,
}

/// Where a [`BeginCopy`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Begin,
    Sent,
    /// The COPY has begun.
    Copying,
    /// It is not wanted: until the server is ready.
    GivingUp,
}

/// Sends a query that should be a COPY, after BEGIN where a transaction is to be opened.
#[derive(Debug)]
pub struct BeginCopy {
    query: Arc<Query>,
    stage: Stage,
    results: Vec<QueryResult>,
    mixed: bool,
    abandoned: bool,
}

impl BeginCopy {
    /// The operation that begins it.
    pub fn new(query: Arc<Query>) -> BeginCopy {
        BeginCopy {
            query,
            stage: Stage::New,
            results: Vec::new(),
            mixed: false,
            abandoned: false,
        }
    }

    /// The text.
    pub fn query(&self) -> &Arc<Query> {
        &self.query
    }

    fn send(&mut self, connection: &mut Connection) -> Result<(), Error> {
        if connection.copy.is_some() {
            return Err(psycoxide_connection::Error::Copying.into());
        }
        if self.stage == Stage::New && connection.needs_begin() {
            let begin = connection.begin_statement().clone();
            connection.pgconn.machine_mut().query(begin.text(), 0)?;
            self.stage = Stage::Begin;
        } else {
            let machine = connection.pgconn.machine_mut();
            machine.query(self.query.text(), 0)?;
            self.stage = Stage::Sent;
        }
        Ok(())
    }

    /// Makes it end where the connection is at rest, instead of in the middle of a COPY.
    fn give_up(&mut self, connection: &mut Connection) -> Result<(), Error> {
        self.mixed = true;
        if self.stage == Stage::Copying {
            self.stage = Stage::GivingUp;
            connection.copy = None;
            let machine = connection.pgconn.machine_mut();
            if machine.is_copying_in() {
                // The server looks for cancel requests only between rows.
                machine.copy_fail(b"cancelled")?;
            }
        }
        Ok(())
    }

    /// Takes what comes; `Some` at the end, which is before the data of a COPY.
    fn take(&mut self, pgconn: &mut PgConn, event: Event) -> Result<Option<()>, Error> {
        match event {
            Event::Result(result) => match result.status {
                ExecStatus::CopyIn | ExecStatus::CopyOut
                    if self.stage == Stage::Sent && self.results.is_empty() && !self.mixed =>
                {
                    self.stage = Stage::Copying;
                    self.results.push(result);
                    return Ok(Some(()));
                }
                ExecStatus::CopyIn | ExecStatus::CopyOut | ExecStatus::CopyBoth => {
                    super::execute::refuse_copy(pgconn, &result)?;
                    self.mixed = true;
                }
                // That of BEGIN says nothing.
                ExecStatus::CommandOk if self.stage == Stage::Begin => {}
                _ => self.results.push(result),
            },
            Event::Ready(_) => return Ok(Some(())),
            _ => {}
        }
        Ok(None)
    }
}

impl Operation for BeginCopy {
    type Output = Begun;

    fn step(&mut self, connection: &mut Connection) -> Result<Step<Begun>, Error> {
        if std::mem::take(&mut self.abandoned) {
            self.give_up(connection)?;
        }
        loop {
            if self.stage == Stage::New {
                self.send(connection)?;
            }
            let step = exchange(&mut connection.pgconn, |pgconn, event| {
                self.take(pgconn, event)
            });
            match step {
                Ok(Step::Wait(wait)) => return Ok(Step::Wait(wait)),
                Err(error) => return super::execute::last_words(error, &mut self.results.pop()),
                Ok(Step::Done(())) => {}
            }
            match self.stage {
                Stage::Begin if self.results.is_empty() => self.send(connection)?,
                Stage::Copying => {
                    let result = self.results.pop();
                    let out = |result: &QueryResult| result.status == ExecStatus::CopyOut;
                    connection.copy = Some(CopySession {
                        outgoing: result.as_ref().is_some_and(out),
                        ..CopySession::default()
                    });
                    return result
                        .map(|result| Step::Done(Begun::Copying(result)))
                        .ok_or(Error::Misuse("COPY has begun already"));
                }
                _ if self.mixed => return Ok(Step::Done(Begun::Mixed)),
                _ => {
                    for result in &self.results {
                        connection.statements.note_command(&result.command_tag);
                    }
                    return Ok(Step::Done(Begun::Ended(std::mem::take(&mut self.results))));
                }
            }
        }
    }

    fn abandon(&mut self) -> bool {
        self.abandoned = true;
        self.stage == Stage::Copying
    }
}

/// Ends a COPY; data that still come are thrown away.
///
/// Its output are the results, or `None` if more data have come than the caller has patience for:
/// then the COPY goes on, and should be cancelled before it is ended again.
#[derive(Debug)]
pub struct EndCopy {
    /// Why the data are not to be taken; of no use to a COPY from the server.
    failure: Option<Vec<u8>>,
    /// Data to send before the end.
    last: Vec<u8>,
    patience: usize,
    told: bool,
}

impl EndCopy {
    /// The operation that ends it: the data are complete, unless there is a reason to take none of
    /// them. `patience`: how many bytes may come and be thrown away.
    pub fn new(failure: Option<Vec<u8>>, patience: usize) -> EndCopy {
        EndCopy {
            failure,
            last: Vec::new(),
            patience,
            told: false,
        }
    }

    /// The same, with data to send before the end.
    pub fn with_last(mut self, last: Vec<u8>) -> EndCopy {
        self.last = last;
        self
    }
}

impl Operation for EndCopy {
    type Output = Option<Vec<QueryResult>>;

    fn step(&mut self, connection: &mut Connection) -> Result<Step<Self::Output>, Error> {
        let Connection { pgconn, copy, .. } = connection;
        let Some(session) = copy else {
            return Ok(Step::Done(Some(Vec::new())));
        };
        if !std::mem::replace(&mut self.told, true) && pgconn.machine().is_copying_in() {
            match self.failure.take() {
                None => {
                    if !self.last.is_empty() {
                        pgconn.machine_mut().copy_data(&self.last)?;
                    }
                    pgconn.machine_mut().copy_done()?;
                }
                Some(reason) => pgconn.machine_mut().copy_fail(&reason)?,
            }
        }
        match discard(pgconn, session, &mut self.patience)? {
            Step::Wait(wait) => Ok(Step::Wait(wait)),
            Step::Done(false) => Ok(Step::Done(None)),
            Step::Done(true) => {
                let session = copy.take().unwrap_or_default();
                Ok(Step::Done(Some(session.results)))
            }
        }
    }
}

/// Takes what comes until the server is ready for the next command.
pub(crate) fn run_to_ready(
    pgconn: &mut PgConn,
    session: &mut CopySession,
) -> Result<Step<()>, Error> {
    Ok(match discard(pgconn, session, &mut { usize::MAX })? {
        Step::Wait(wait) => Step::Wait(wait),
        Step::Done(_) => Step::Done(()),
    })
}

/// Throws away up to `patience` bytes of data; whether the server has become ready.
fn discard(
    pgconn: &mut PgConn,
    session: &mut CopySession,
    patience: &mut usize,
) -> Result<Step<bool>, Error> {
    if session.ready {
        return Ok(Step::Done(true));
    }
    session.discard();
    let step = exchange(pgconn, |pgconn, event| {
        if let Event::CopyData(chunk) = &event {
            *patience = patience.saturating_sub(chunk.size());
            return Ok((*patience == 0).then_some(false));
        }
        session.note(pgconn, event)?;
        Ok(session.ready.then_some(true))
    });
    step.or_else(|error| last_words(error, session))
}

/// When the connection breaks after the server has said why, that is the error.
pub(crate) fn last_words<T>(error: Error, session: &mut CopySession) -> Result<Step<T>, Error> {
    super::execute::last_words(error, &mut session.results.pop())
}
