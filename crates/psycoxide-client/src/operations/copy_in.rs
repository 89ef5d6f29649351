//! COPY to the server: sending data.
//!
//! Data are queued piece by piece, as the socket takes them: what is on its way is bounded by a
//! piece, however much the caller has, and a server that reads slowly holds the caller back. What
//! the server says meanwhile is read, so that its error ends the sending early.

use super::copy::run_to_ready;
use super::{Operation, Step, Wait};
use crate::connection::Connection;
use crate::error::Error;
use crate::pgconn::Polled;

/// The size of the messages that data are sent in: larger ones were measured and gain nothing.
pub const PIECE: usize = 64 * 1024;

/// After so many bytes it is time to hear whether the server has said something.
const UNHEARD: usize = 256 * 1024;

/// After so many bytes without waiting, others on the event loop get a chance, and signals.
const UNINTERRUPTED: usize = 1024 * 1024;

/// Sends data, and is done when the socket has taken them or the server has ended the COPY: which
/// of them shows in the connection's [`CopySession`](super::copy::CopySession).
#[derive(Debug)]
pub struct SendCopy<D> {
    data: D,
    /// How much of them was queued.
    queued: usize,
    since_wait: usize,
    abandoned: bool,
    /// After it was abandoned: whether the server is ready for the next command.
    at_rest: bool,
}

impl<D: AsRef<[u8]>> SendCopy<D> {
    /// The operation that sends these data.
    pub fn new(data: D) -> SendCopy<D> {
        SendCopy {
            data,
            queued: 0,
            since_wait: 0,
            abandoned: false,
            at_rest: false,
        }
    }

    /// Gives it other data, after it was done; the old ones come back.
    pub fn replace(&mut self, data: D) -> D {
        self.queued = 0;
        std::mem::replace(&mut self.data, data)
    }

    /// Queues the next piece; `false` if there is none.
    fn queue(&mut self, connection: &mut Connection) -> Result<bool, Error> {
        let data = self.data.as_ref();
        let rest = data.get(self.queued..).unwrap_or_default();
        let piece = rest.get(..PIECE).unwrap_or(rest);
        if piece.is_empty() {
            return Ok(false);
        }
        connection.pgconn.copy_data(piece)?;
        self.queued += piece.len();
        self.since_wait += piece.len();
        if let Some(session) = &mut connection.copy {
            session.unheard += piece.len();
        }
        Ok(true)
    }
}

impl<D: AsRef<[u8]>> Operation for SendCopy<D> {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        if self.abandoned && connection.pgconn.machine().is_copying_in() {
            // The server looks for cancel requests only between rows.
            connection.pgconn.machine_mut().copy_fail(b"cancelled")?;
        }
        loop {
            let Some(session) = &mut connection.copy else {
                self.at_rest = true;
                return Ok(Step::Done(()));
            };
            if self.abandoned || session.has_ended() {
                // Nobody reads the rest of the data.
                let step = run_to_ready(&mut connection.pgconn, session);
                self.at_rest = matches!(step, Ok(Step::Done(())));
                return step;
            }
            let sent = connection.pgconn.flush()?;
            let pgconn = &connection.pgconn;
            let due = session.unheard >= UNHEARD
                || pgconn.is_send_broken()
                || pgconn.machine().has_unhandled();
            let polled = if !sent || due {
                session.unheard = 0;
                connection.pgconn.poll_event(false)
            } else {
                Ok(Polled::Pending)
            };
            let Some(session) = &mut connection.copy else {
                return Err(Error::Misuse("no COPY in progress"));
            };
            match polled {
                Ok(Polled::Event(event)) => session.note(&mut connection.pgconn, event)?,
                Ok(Polled::Pending) if !sent => {
                    self.since_wait = 0;
                    return Ok(Step::Wait(Wait {
                        read: true,
                        write: true,
                    }));
                }
                Ok(Polled::Pending) => {
                    if !self.queue(connection)? {
                        return Ok(Step::Done(()));
                    }
                    if self.since_wait >= UNINTERRUPTED {
                        self.since_wait = 0;
                        return Ok(Step::Wait(Wait {
                            read: true,
                            write: true,
                        }));
                    }
                }
                Err(error) => return super::copy::last_words(error, session),
            }
        }
    }

    fn abandon(&mut self) -> bool {
        self.abandoned = true;
        !self.at_rest
    }
}
