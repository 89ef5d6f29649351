//! A few commands in one exchange: all are sent at once, with one Sync at their end.
//!
//! Made for what belongs together, as declaring a cursor and describing it: one round trip, and
//! when a command fails those behind it are skipped.

use std::sync::Arc;

use psycoxide_connection::result::no_fields;
use psycoxide_connection::{Command, Event, ExecStatus, QueryResult};
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
        connection.check_idle()?;
        let begin =
            (self.begin && connection.needs_begin()).then(|| connection.begin_statement().clone());
        let closing = connection.statements.take_closing();
        let machine = connection.pgconn.machine_mut();
        for name in &closing {
            machine.close_statement(name)?;
        }
        self.ahead = closing.len() + usize::from(begin.is_some());
        if let Some(begin) = begin {
            let fields = Some(no_fields());
            machine.execute(unprepared(
                &begin,
                &Parameters::default(),
                Format::Text,
                fields,
            ))?;
        }
        for task in &self.tasks {
            match task {
                Task::Execute {
                    query,
                    parameters,
                    result_format,
                    fields,
                } => {
                    let fields = fields.clone();
                    machine.execute(unprepared(query, parameters, *result_format, fields))?;
                }
                Task::DescribePortal(name) => machine.describe_portal(name)?,
                Task::ClosePortal(name) => machine.close_portal(name)?,
            }
        }
        machine.sync()?;
        self.sent = true;
        Ok(())
    }
}

fn unprepared<'a>(
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
