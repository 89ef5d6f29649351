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
use psycoxide_protocol::TransactionStatus;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::connection::ConnectionBase;
use crate::driver;
use crate::error;
use crate::operation::{Finish, PyOperation, submit};
use crate::pipeline::{self, CommunicateOperation};
use crate::pq::result::PGresult;
use crate::shared::Shared;

/// Runs commands: at once, or as something to await. They are `bytes`, a sequence of them, or a
/// function that is called when their turn has come and returns such a sequence. `apart`: even if a
/// query in the pipeline before them has failed.
///
/// # Errors
/// What the server says of them, or of what stands before them in the pipeline.
pub fn run<'py>(
    shared: &Arc<Shared>,
    commands: &Bound<'py, PyAny>,
    apart: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = commands.py();
    let mut operation = CommandOperation {
        commands: Vec::new(),
        maker: None,
        apart,
        running: None,
        came: None,
    };
    if let Ok(command) = commands.cast::<PyBytes>() {
        operation.commands = vec![command.as_bytes().to_vec()];
    } else if commands.is_callable() {
        operation.maker = Some(commands.clone().unbind());
    } else {
        operation.commands = commands.extract()?;
    }
    driver::check_usable(shared)?;
    submit(py, shared, operation)
}

/// Ends the transaction in progress, if there is one when this has its turn.
pub struct EndOperation {
    command: CommandOperation,
    /// It ends also a pipeline that has failed.
    is_rollback: bool,
    settle: Option<CommunicateOperation>,
    checked: bool,
}

impl EndOperation {
    /// The operation that commits, or rolls back.
    pub fn new(is_rollback: bool) -> EndOperation {
        let command: &[u8] = if is_rollback { b"ROLLBACK" } else { b"COMMIT" };
        EndOperation {
            command: CommandOperation {
                commands: vec![command.to_vec()],
                maker: None,
                apart: is_rollback,
                running: None,
                came: None,
            },
            is_rollback,
            settle: None,
            checked: false,
        }
    }
}

impl Operation for EndOperation {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        if let Some(settle) = &mut self.settle {
            return settle.step(connection);
        }
        if !self.checked {
            self.checked = true;
            let idle = connection.pgconn.transaction_status() == TransactionStatus::Idle;
            // Outside of a transaction there may be queries that were not synchronised.
            let settle = connection.autocommit() || (self.is_rollback && idle);
            if connection.pipeline.is_on() && settle {
                let settle = self.settle.insert(CommunicateOperation::new(Goal::Settled));
                return settle.step(connection);
            }
            if idle {
                self.command.came = Some(Came::Nothing);
            }
        }
        match self.command.came {
            Some(Came::Nothing) => Ok(Step::Done(())),
            _ => self.command.step(connection),
        }
    }
}

impl PyOperation for EndOperation {
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish> {
        let Some(mut settle) = self.settle.take() else {
            return self.command.finish(py, shared);
        };
        settle.finish(py, shared)?;
        if shared.transaction_status() == TransactionStatus::Idle {
            return Ok(Finish::Done(None));
        }
        Ok(Finish::Again)
    }
}

#[pymethods]
impl ConnectionBase {
    /// Commits the transaction in progress, if there is one, or rolls it back: at once, or as
    /// something to await.
    fn _end_transaction<'py>(
        &self,
        py: Python<'py>,
        is_rollback: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let shared = self.shared()?;
        driver::check_usable(shared)?;
        submit(py, shared, EndOperation::new(is_rollback))
    }
}

/// Commands for their effect; in which way is decided when their turn has come.
struct CommandOperation {
    commands: Vec<Vec<u8>>,
    /// What makes the commands, until it has been called.
    maker: Option<Py<PyAny>>,
    apart: bool,
    running: Option<Running>,
    came: Option<Came>,
}

enum Running {
    Simple(RunCommand),
    Piped(Communicate),
}

enum Came {
    Nothing,
    Result(Box<QueryResult>),
    Answers(Vec<Arrived>),
}

impl Operation for CommandOperation {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        if self.maker.is_some() {
            return Ok(Step::Done(()));
        }
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
        if let Some(maker) = self.maker.take() {
            self.commands = maker.call0(py)?.extract(py)?;
            return Ok(Finish::Again);
        }
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
