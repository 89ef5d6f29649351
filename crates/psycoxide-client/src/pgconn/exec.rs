//! The verbs that wait: a command and its last result, and sending everything.
//!
//! <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQEXEC>

use psycoxide_connection::ExecStatus;

use super::answers::Answer;
use super::send::SendCommand;
use crate::connection::Connection;
use crate::error::Error;
use crate::operations::{Operation, Step, Wait};

/// Runs a command: `PQexec` and its like. Results that nobody fetched before are thrown away, and a
/// COPY is ended. Its output are the answers, of which the last is what libpq returns: the result
/// of the last statement, or of the COPY that it has begun.
#[derive(Debug)]
pub struct Exec {
    command: SendCommand,
    sent: bool,
    answers: Vec<Answer>,
}

impl Exec {
    /// The operation that runs this.
    pub fn new(command: SendCommand) -> Exec {
        Exec {
            command,
            sent: false,
            answers: Vec::new(),
        }
    }

    /// Throws away what stands before the command; what to wait for, if there is more of it.
    fn clear_the_way(&self, connection: &mut Connection) -> Result<Option<Wait>, Error> {
        if connection.pipeline.is_on() {
            return Err(Error::Misuse(
                "synchronous command execution functions are not allowed in pipeline mode",
            ));
        }
        while connection.answers.is_outstanding() {
            if connection.pgconn.machine().is_copying_in() {
                let machine = connection.pgconn.machine_mut();
                machine.copy_fail(b"COPY terminated by new PQexec")?;
            }
            connection.answers.copied.clear();
            connection.answers.copying_out = false;
            if connection.result_at_hand()?.is_none()
                && let Some(wait) = connection.receive_more()?
            {
                return Ok(Some(wait));
            }
        }
        Ok(None)
    }
}

impl Operation for Exec {
    type Output = Vec<Answer>;

    fn step(&mut self, connection: &mut Connection) -> Result<Step<Vec<Answer>>, Error> {
        if !self.sent {
            if let Some(wait) = self.clear_the_way(connection)? {
                return Ok(Step::Wait(wait));
            }
            connection.send_command(&self.command)?;
            self.sent = true;
        }
        loop {
            match connection.result_at_hand()? {
                Some(None) => return Ok(Step::Done(std::mem::take(&mut self.answers))),
                Some(Some(answer)) => {
                    let copying = matches!(
                        &answer,
                        Answer::Result(result, _) if matches!(
                            result.status,
                            ExecStatus::CopyIn | ExecStatus::CopyOut | ExecStatus::CopyBoth
                        )
                    );
                    self.answers.push(answer);
                    if copying {
                        return Ok(Step::Done(std::mem::take(&mut self.answers)));
                    }
                }
                None => {
                    if let Some(wait) = connection.receive_more()? {
                        return Ok(Step::Wait(wait));
                    }
                }
            }
        }
    }
}

/// Waits until everything is sent. What comes meanwhile is received, so that neither side can block
/// for ever.
#[derive(Debug, Default)]
pub struct Flush(());

impl Operation for Flush {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        if connection.pgconn.flush()? && connection.pgconn.is_flushed() {
            return Ok(Step::Done(()));
        }
        connection.pgconn.receive()?;
        Ok(Step::Wait(Wait {
            read: true,
            write: true,
        }))
    }
}
