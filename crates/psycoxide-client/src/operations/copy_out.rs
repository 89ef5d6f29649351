//! COPY from the server: receiving data.
//!
//! Data are received when somebody asks for them, so a slow reader holds the server back.

use psycoxide_connection::{CopyChunk, Event};

use super::copy::run_to_ready;
use super::{Operation, Step, exchange};
use crate::connection::Connection;
use crate::error::Error;

/// Receives the next data; its output is `None` after the last ones, when the results stand in the
/// connection's [`CopySession`](super::copy::CopySession).
#[derive(Debug, Default)]
pub struct ReceiveCopy {
    abandoned: bool,
    /// Whether the server is ready for the next command.
    at_rest: bool,
}

impl Operation for ReceiveCopy {
    type Output = Option<CopyChunk>;

    fn step(&mut self, connection: &mut Connection) -> Result<Step<Option<CopyChunk>>, Error> {
        let Connection { pgconn, copy, .. } = connection;
        let Some(session) = copy else {
            self.at_rest = true;
            return Ok(Step::Done(None));
        };
        if session.is_ready() {
            self.at_rest = true;
            return Ok(Step::Done(None));
        }
        if self.abandoned || session.is_discarding() {
            return Ok(match run_to_ready(pgconn, session)? {
                Step::Wait(wait) => Step::Wait(wait),
                Step::Done(()) => {
                    self.at_rest = true;
                    Step::Done(None)
                }
            });
        }
        if pgconn.machine().is_copying_in() {
            return Err(Error::Misuse("no COPY in progress"));
        }
        let step = exchange(pgconn, |pgconn, event| match event {
            Event::CopyData(chunk) => Ok(Some(Some(chunk))),
            event => {
                session.note(pgconn, event)?;
                Ok(session.is_ready().then_some(None))
            }
        });
        step.or_else(|error| super::copy::last_words(error, session))
    }

    fn abandon(&mut self) -> bool {
        // What was received for nobody is missing from the data: the rest is of no use.
        self.abandoned = true;
        !self.at_rest
    }
}
