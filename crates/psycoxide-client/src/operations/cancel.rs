//! Asking a server to cancel what runs on a connection.
//!
//! The request travels on a connection of its own, encrypted if the session is, and names the
//! session by its process and secret. The server answers nothing: it closes the connection when it
//! has passed the request on, which says nothing about whether anything was cancelled.
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS>

use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use psycoxide_connection::BackendKey;
use psycoxide_protocol::frontend;
use psycoxide_transport::Stream;

use super::open::{Encryption, Open};
use super::{Step, Wait};
use crate::error::Error;
use crate::pgconn::wait_for;
use crate::place::Place;

/// Which session to cancel, and where; made while the session lives, of use from any thread.
#[derive(Clone, Debug)]
pub struct CancelTarget {
    place: Place,
    encrypted: bool,
    key: BackendKey,
}

impl CancelTarget {
    pub(crate) fn new(place: Place, encrypted: bool, key: BackendKey) -> CancelTarget {
        CancelTarget {
            place,
            encrypted,
            key,
        }
    }

    /// Where the server is.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

/// Sends a cancel request and waits until the server has taken it.
#[derive(Debug)]
pub struct Cancel {
    open: Open,
    request: Vec<u8>,
    sent: usize,
    stream: Option<Stream>,
}

impl Cancel {
    /// The operation that cancels what runs in this session.
    pub fn new(target: &CancelTarget) -> Cancel {
        let encryption = if target.encrypted {
            Encryption::Required
        } else {
            Encryption::Plain
        };
        let mut request = Vec::new();
        frontend::cancel_request(&mut request, target.key.pid, &target.key.secret);
        Cancel {
            open: Open::new(target.place.clone(), encryption),
            request,
            sent: 0,
            stream: None,
        }
    }

    /// The socket to wait for.
    pub fn fd(&self) -> Option<RawFd> {
        match &self.stream {
            Some(stream) => Some(stream.as_fd().as_raw_fd()),
            None => self.open.fd(),
        }
    }

    /// Waits for the socket; see [`crate::PgConn::wait`].
    ///
    /// # Errors
    /// When there is no socket.
    pub fn wait(&self, wait: Wait, timeout: Option<Duration>) -> Result<(), Error> {
        match &self.stream {
            Some(stream) => wait_for(Some(stream), wait, timeout),
            None => self.open.wait(wait, timeout),
        }
    }

    /// Does all that can be done now.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn step(&mut self) -> Result<Step<()>, Error> {
        if self.stream.is_none() {
            match self.open.step()? {
                Step::Wait(wait) => return Ok(Step::Wait(wait)),
                Step::Done(stream) => self.stream = Some(stream),
            }
        }
        let stream = self.stream.as_mut().ok_or(Error::Closed)?;
        while let Some(rest) = self
            .request
            .get(self.sent..)
            .filter(|rest| !rest.is_empty())
        {
            match stream.write(rest) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Step::Wait(Wait {
                        read: false,
                        write: true,
                    }));
                }
                Err(error) => return Err(Error::io("sending the cancel request")(error)),
            }
        }
        if stream.wants_write() && !stream.flush_tls().map_err(Error::io("sending"))? {
            return Ok(Step::Wait(Wait {
                read: false,
                write: true,
            }));
        }
        // The server closes the connection when it is done; how it does so is of no interest.
        let mut answer = [0u8; 64];
        match stream.read_now(&mut answer) {
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(Step::Wait(Wait {
                    read: true,
                    write: false,
                }))
            }
            _ => Ok(Step::Done(())),
        }
    }
}
