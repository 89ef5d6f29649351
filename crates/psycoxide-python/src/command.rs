//! Commands for their effect: BEGIN, COMMIT, SAVEPOINT and their like.
//!
//! Outside of a pipeline they travel as one simple query; in a pipeline they queue up behind what
//! stands there, with a Sync, and everything is waited for.

use std::sync::Arc;

use psycoxide_client::operations::command::RunCommand;
use psycoxide_client::operations::communicate::{Communicate, Goal};
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{Arrived, Connection, Error, Query};
use psycoxide_connection::QueryResult;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::driver;
use crate::error;
use crate::operation::{Finish, PyOperation, submit};
use crate::pipeline;
use crate::pq::result::PGresult;
use crate::shared::Shared;

/// Runs commands, `bytes` or a sequence of them: at once, or as something to await. `apart`: even
/// if a query in the pipeline before them has failed.
///
/// # Errors
/// What the server says of them, or of what stands before them in the pipeline.
pub fn run<'py>(
    shared: &Arc<Shared>,
    commands: &Bound<'py, PyAny>,
    apart: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = commands.py();
    let commands = match commands.cast::<PyBytes>() {
        Ok(command) => vec![command.as_bytes().to_vec()],
        Err(_) => commands.extract::<Vec<Vec<u8>>>()?,
    };
    driver::check_usable(shared)?;
    let operation = CommandOperation {
        commands,
        apart,
        running: None,
        came: None,
    };
    submit(py, shared, operation)
}

/// Commands for their effect; in which way is decided when their turn has come.
struct CommandOperation {
    commands: Vec<Vec<u8>>,
    apart: bool,
    running: Option<Running>,
    came: Option<Came>,
}

enum Running {
    Simple(RunCommand),
    Piped(Communicate),
}

enum Came {
    Result(Box<QueryResult>),
    Answers(Vec<Arrived>),
}

impl Operation for CommandOperation {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        let running = self.running.get_or_insert_with(|| {
            if connection.pipeline.is_on() {
                Running::Piped(Communicate::new(Goal::Commands {
                    commands: self.commands.clone(),
                    apart: self.apart,
                }))
            } else {
                Running::Simple(RunCommand::new(self.commands.join(&b"; "[..])))
            }
        });
        let came = match running {
            Running::Simple(operation) => match operation.step(connection)? {
                Step::Wait(wait) => return Ok(Step::Wait(wait)),
                Step::Done(result) => Came::Result(Box::new(result)),
            },
            Running::Piped(operation) => match operation.step(connection)? {
                Step::Wait(wait) => return Ok(Step::Wait(wait)),
                Step::Done(answers) => Came::Answers(answers),
            },
        };
        self.came = Some(came);
        Ok(Step::Done(()))
    }
}

impl PyOperation for CommandOperation {
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish> {
        match self.came.take() {
            Some(Came::Result(result)) if result.error.is_some() => {
                let query = Arc::new(Query::new(self.commands.join(&b"; "[..])));
                let result = PGresult::new(Arc::new(*result), Some(query));
                Err(error::of_result(py, result, shared))
            }
            Some(Came::Answers(answers)) => {
                pipeline::hand_out(py, shared, answers, self.apart)?;
                Ok(Finish::Done(None))
            }
            _ => Ok(Finish::Done(None)),
        }
    }
}
