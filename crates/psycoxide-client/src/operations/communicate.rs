//! Sending what a pipeline has queued, and receiving its results, as far as a caller wants it.
//!
//! It reads while it cannot write, so that neither side can block for ever.

use super::execute::last_words;
use super::{Operation, Step, Wait};
use crate::connection::Connection;
use crate::error::Error;
use crate::pgconn::Polled;
use crate::pipeline::{Arrived, Pipeline};

/// How many bytes are queued before they are sent: larger pieces gain nothing.
pub const PIECE: usize = 64 * 1024;

/// How far to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Everything queued is sent. Results that are there are taken; none is waited for.
    Sent,
    /// The command of this number is answered, or there is nothing to wait for.
    Answered(u64),
    /// A Sync is sent, and everything before it answered.
    Synced,
    /// Everything is answered, and a Sync stands behind the last command.
    Settled,
    /// As `Settled`; then the connection leaves pipeline mode.
    Left,
    /// These commands, and whatever stands before them, are answered.
    Commands {
        /// The commands.
        commands: Vec<Vec<u8>>,
        /// Whether they stand behind a Sync of their own, so that an error before them does not
        /// keep the server from executing them.
        apart: bool,
    },
}

/// Works towards a [`Goal`]; its output are the answers for those who asked, in order.
#[derive(Debug)]
pub struct Communicate {
    goal: Goal,
    /// The number of the command whose answer ends it, once it is started.
    last: Option<u64>,
    /// What was in the pipeline of a connection that is lost. Its owners must not be dropped while
    /// the connection is locked: what that calls may want the connection.
    lost: Pipeline,
}

impl Communicate {
    /// The operation.
    pub fn new(goal: Goal) -> Communicate {
        Communicate {
            goal,
            last: None,
            lost: Pipeline::default(),
        }
    }

    /// Queues what belongs to the goal.
    fn start(&mut self, connection: &mut Connection) -> Result<u64, Error> {
        match &self.goal {
            Goal::Sent => return Ok(0),
            Goal::Answered(number) => {
                if !connection.pipeline.is_answered(*number) {
                    connection.queue_flush()?;
                }
                return Ok(*number);
            }
            Goal::Synced => {}
            Goal::Settled | Goal::Left => {
                if connection.pipeline.is_synced() {
                    return Ok(connection.pipeline.last());
                }
            }
            Goal::Commands { commands, apart } => {
                if *apart && !connection.pipeline.is_synced() {
                    connection.queue_sync()?;
                }
                for command in commands {
                    connection.queue_command(command)?;
                }
            }
        }
        connection.queue_sync()?;
        Ok(connection.pipeline.last())
    }

    fn is_done(&self, connection: &Connection, last: u64, sent: bool) -> bool {
        match self.goal {
            Goal::Sent => sent,
            _ => connection.pipeline.is_answered(last) || connection.pipeline.is_drained(),
        }
    }

    fn advance(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        let last = match self.last {
            Some(last) => last,
            None => {
                let last = self.start(connection)?;
                *self.last.insert(last)
            }
        };
        loop {
            let sent = connection.pgconn.flush()?;
            let wait = sent && !self.is_done(connection, last, sent);
            match connection.pgconn.poll_event(wait)? {
                Polled::Event(event) => connection.absorb(event)?,
                Polled::Pending if self.is_done(connection, last, sent) => {
                    if self.goal == Goal::Left {
                        connection.leave_pipeline()?;
                    }
                    return Ok(Step::Done(()));
                }
                Polled::Pending => {
                    return Ok(Step::Wait(Wait {
                        read: true,
                        write: !sent,
                    }));
                }
            }
        }
    }
}

impl Operation for Communicate {
    type Output = Vec<Arrived>;

    fn step(&mut self, connection: &mut Connection) -> Result<Step<Vec<Arrived>>, Error> {
        match self.advance(connection) {
            Ok(Step::Done(())) => Ok(Step::Done(connection.pipeline.take_arrived())),
            Ok(Step::Wait(wait)) => Ok(Step::Wait(wait)),
            Err(error) if connection.pgconn.is_open() => Err(error),
            Err(error) => {
                self.lost = std::mem::take(&mut connection.pipeline);
                // The server may have said why.
                let mut reason = self.lost.take_failure();
                last_words(error, &mut reason)
            }
        }
    }
}
