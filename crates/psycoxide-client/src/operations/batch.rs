//! A few commands in one exchange: all are sent at once, with one Sync at their end.
//!
//! Made for what belongs together, as declaring a cursor and describing it: one round trip, and
//! when a command fails those behind it are skipped.

use std::sync::Arc;

use psycoxide_connection::result::no_fields;
use psycoxide_connection::{Command, Event, ExecStatus, Machine, QueryResult};
use psycoxide_protocol::Format;
use psycoxide_protocol::backend::Field;

use super::execute::{Parameters, last_words};
use super::{Operation, Step, exchange};
use crate::connection::Connection;
use crate::error::Error;
use crate::query::Query;

/// One command of a [`Batch`].
#[derive(Debug)]
pub enum Task {
    /// Executes a query, which is not prepared.
    Execute {
        /// The text.
        query: Arc<Query>,
        /// Its parameters.
        parameters: Parameters,
        /// The format wanted of the result.
        result_format: Format,
        /// The columns, where they are known: the server is not asked then.
        fields: Option<Arc<[Field]>>,
    },
    /// Describes a portal: the columns of a cursor.
    DescribePortal(Box<[u8]>),
    /// Closes a portal; it is no error if there is none of that name. A cursor is a portal, so
    /// this closes cursors.
    ClosePortal(Box<[u8]>),
}

/// Runs some commands; the output has a result for each, up to the first that failed.
#[derive(Debug)]
pub struct Batch {
    tasks: Vec<Task>,
    /// Whether to open a transaction first where one is needed.
    begin: bool,
    sent: bool,
    /// How many results of no interest stand before those of the tasks.
    ahead: usize,
    results: Vec<QueryResult>,
}

impl Batch {
    /// The operation that runs these. `begin`: in a transaction, opening it where that is needed.
    pub fn new(tasks: Vec<Task>, begin: bool) -> Batch {
        Batch {
            tasks,
            begin,
            sent: false,
            ahead: 0,
            results: Vec::new(),
        }
    }

    fn send(&mut self, connection: &mut Connection) -> Result<(), Error> {
        let tasks = &self.tasks;
        self.ahead = send(connection, self.begin, |machine| {
            tasks.iter().try_for_each(|task| match task {
                Task::Execute {
                    query,
                    parameters,
                    result_format,
                    fields,
                } => {
                    let fields = fields.clone();
                    machine.execute(unprepared(query, parameters, *result_format, fields))
                }
                Task::DescribePortal(name) => machine.describe_portal(name),
                Task::ClosePortal(name) => machine.close_portal(name),
            })
        })?;
        self.sent = true;
        Ok(())
    }
}

/// Queues what `queue` does, with a Sync behind it, and before it what is due: Close messages of
/// statements, and BEGIN if that is wanted and needed. When something of it cannot be encoded,
/// nothing is queued. Returns how many results will come before the first of interest.
pub(crate) fn send(
    connection: &mut Connection,
    begin: bool,
    queue: impl FnOnce(&mut Machine) -> Result<(), psycoxide_connection::Error>,
) -> Result<usize, Error> {
    connection.check_idle()?;
    let begin = (begin && connection.needs_begin()).then(|| connection.begin_statement().clone());
    let closing = connection.statements.take_closing();
    let machine = connection.pgconn.machine_mut();
    let checkpoint = machine.checkpoint();
    let queued = closing
        .iter()
        .try_for_each(|name| machine.close_statement(name))
        .and_then(|()| {
            let Some(begin) = &begin else { return Ok(()) };
            let parameters = Parameters::default();
            machine.execute(unprepared(
                begin,
                &parameters,
                Format::Text,
                Some(no_fields()),
            ))
        })
        .and_then(|()| queue(machine))
        .and_then(|()| machine.sync());
    if let Err(error) = queued {
        machine.rewind(&checkpoint);
        connection.statements.close_later(closing);
        return Err(error.into());
    }
    Ok(closing.len() + usize::from(begin.is_some()))
}

/// The command that executes a query by the unnamed statement.
pub(crate) fn unprepared<'a>(
    query: &'a Query,
    parameters: &'a Parameters,
    result_format: Format,
    fields: Option<Arc<[Field]>>,
) -> Command<'a> {
    Command {
        statement: b"",
        parse: Some((query.text(), &parameters.types)),
        parameter_formats: &parameters.formats,
        parameter_count: parameters.count,
        encoded_parameters: &parameters.encoded,
        result_format,
        fields,
        chunk: 0,
    }
}

impl Operation for Batch {
    type Output = Vec<QueryResult>;

    fn step(&mut self, connection: &mut Connection) -> Result<Step<Self::Output>, Error> {
        if !self.sent {
            self.send(connection)?;
        }
        let (results, ahead) = (&mut self.results, &mut self.ahead);
        let step = exchange(&mut connection.pgconn, |_, event| {
            match event {
                Event::Result(result) => match result.status {
                    ExecStatus::PipelineAborted => {}
                    ExecStatus::FatalError => results.push(result),
                    _ if *ahead > 0 => *ahead -= 1,
                    _ => results.push(result),
                },
                Event::Ready(_) => return Ok(Some(())),
                _ => {}
            }
            Ok(None)
        });
        match step {
            Ok(Step::Done(())) => Ok(Step::Done(std::mem::take(results))),
            Ok(Step::Wait(wait)) => Ok(Step::Wait(wait)),
            Err(error) => {
                let mut last = results
                    .pop()
                    .filter(|result| result.status == ExecStatus::FatalError);
                last_words(error, &mut last)
            }
        }
    }
}
