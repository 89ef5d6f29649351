//! Operations: what a caller wants done, as a value that can be resumed.
//!
//! An operation never blocks for longer than the connection's blocking interval. Each call of
//! [`Operation::step`] does all it can, sends what fits and reads what is there, and answers either
//! that it is done or what it waits for. Who waits, and how, is the driver's business: one polls
//! with the interpreter's lock released, another lets an event loop call back. Both run the same
//! operations.

pub mod batch;
pub mod cancel;
pub mod command;
pub mod communicate;
pub mod connect;
pub mod copy;
pub mod copy_in;
pub mod copy_out;
pub mod execute;
pub mod execute_many;
pub mod open;
pub mod session_attrs;
pub mod stream;

use psycoxide_connection::Event;

use crate::connection::Connection;
use crate::error::Error;
use crate::pgconn::{PgConn, Polled};

/// What an operation waits for on its connection's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Data to read.
    pub read: bool,
    /// Room to write.
    pub write: bool,
}

/// What came of a step.
#[derive(Debug)]
pub enum Step<T> {
    /// Call again when this has happened.
    Wait(Wait),
    /// The operation is finished.
    Done(T),
}

/// Something that is done on a connection.
pub trait Operation {
    /// What comes of it.
    type Output;

    /// Does all that can be done now.
    ///
    /// # Errors
    /// The operation has failed; the connection says itself whether it can still be used.
    fn step(&mut self, connection: &mut Connection) -> Result<Step<Self::Output>, Error>;

    /// Nobody wants the output any more: what was not sent stays unsent, and the steps that follow
    /// only bring the connection to rest. Returns whether there are any to follow when the last one
    /// was [`Step::Done`]: it may be asked again after each.
    fn abandon(&mut self) -> bool {
        false
    }
}

/// Sends and reads until `handle` says that it is done, or the socket lets us wait: the loop of
/// every operation. It reads while it cannot write, so that neither side can block for ever.
#[inline]
pub(crate) fn exchange<T>(
    pgconn: &mut PgConn,
    mut handle: impl FnMut(&mut PgConn, Event) -> Result<Option<T>, Error>,
) -> Result<Step<T>, Error> {
    loop {
        let sent = pgconn.flush()?;
        match pgconn.poll_event(sent)? {
            Polled::Event(event) => {
                if let Some(output) = handle(pgconn, event)? {
                    return Ok(Step::Done(output));
                }
            }
            Polled::Pending => {
                return Ok(Step::Wait(Wait {
                    read: true,
                    write: !pgconn.is_flushed(),
                }));
            }
        }
    }
}
