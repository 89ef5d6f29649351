//! A command without parameters whose rows nobody wants: BEGIN, COMMIT, SAVEPOINT…

use psycoxide_connection::{Event, ExecStatus, QueryResult};

use super::execute::{last_words, refuse_copy};
use super::{Operation, Step, exchange};
use crate::connection::Connection;
use crate::error::Error;

/// Runs one or more commands in one simple query; its output is the last result, or the one that
/// failed.
#[derive(Debug)]
pub struct RunCommand {
    sql: Vec<u8>,
    started: bool,
    result: Option<QueryResult>,
}

impl RunCommand {
    /// The operation that runs these commands.
    pub fn new(sql: impl Into<Vec<u8>>) -> RunCommand {
        RunCommand {
            sql: sql.into(),
            started: false,
            result: None,
        }
    }
}

impl Operation for RunCommand {
    type Output = QueryResult;

    fn step(&mut self, connection: &mut Connection) -> Result<Step<QueryResult>, Error> {
        if !self.started {
            connection.check_idle()?;
            connection.pgconn.machine_mut().query(&self.sql, 0)?;
            self.started = true;
        }
        let result = &mut self.result;
        let statements = &mut connection.statements;
        exchange(&mut connection.pgconn, |pgconn, event| match event {
            Event::Result(new) => {
                refuse_copy(pgconn, &new)?;
                statements.note_command(&new.command_tag);
                let failed = |r: &QueryResult| r.status == ExecStatus::FatalError;
                if !result.as_ref().is_some_and(failed) {
                    *result = Some(new);
                }
                Ok(None)
            }
            Event::Ready(_) => {
                let empty = || QueryResult::empty(ExecStatus::EmptyQuery);
                Ok(Some(result.take().unwrap_or_else(empty)))
            }
            _ => Ok(None),
        })
        .or_else(|error| last_words(error, &mut self.result))
    }
}
