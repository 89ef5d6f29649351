//! Moving bytes between the machine and the stream.

use std::io::ErrorKind;
use std::time::Duration;

use psycoxide_connection::Event;
use psycoxide_transport::{Stream, poll};

use super::{ALLOWANCE, PgConn, READ_COST};
use crate::error::Error;
use crate::operations::Wait;

/// What came of asking for an event.
#[derive(Debug)]
pub enum Polled {
    /// Something happened.
    Event(Event),
    /// Nothing yet: wait for the socket.
    Pending,
}

impl PgConn {
    /// Sends what is outgoing; `false` when the socket takes no more now.
    ///
    /// A connection that breaks here is not reported yet: the server's last words may be waiting
    /// to be read, and say why.
    ///
    /// # Errors
    /// When the connection is closed.
    #[inline]
    pub fn flush(&mut self) -> Result<bool, Error> {
        if self.tracer.is_some() {
            self.trace_outgoing();
        }
        let Some(stream) = &mut self.stream else {
            return Err(Error::Closed);
        };
        loop {
            let bytes = self.machine.outgoing();
            if bytes.is_empty() {
                break;
            }
            match stream.write(bytes) {
                Ok(count) => {
                    if let Some(tracer) = &mut self.tracer {
                        tracer.sent(count);
                    }
                    self.machine.sent(count);
                    self.allowance = ALLOWANCE;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let count = bytes.len();
                    self.machine.sent(count);
                    self.send_error = Some(error);
                    break;
                }
            }
        }
        if stream.wants_write() {
            match stream.flush_tls() {
                Ok(sent) => return Ok(sent),
                Err(error) => self.send_error = Some(error),
            }
        }
        Ok(true)
    }

    /// Sends a piece of the data of a COPY from where it is; what the socket does not take now is
    /// copied, to be [flushed](Self::flush). As there, a connection that breaks is not reported yet.
    ///
    /// # Errors
    /// When no such COPY is going on.
    pub(crate) fn copy_data(&mut self, data: &[u8]) -> Result<(), Error> {
        let (Some(stream), None) = (&mut self.stream, &self.tracer) else {
            return Ok(self.machine.copy_data(data)?);
        };
        let mut broken = None;
        self.machine.copy_data_with(data, |before, data| {
            match stream.write_both(before, data) {
                Ok(count) => count,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::Interrupted => 0,
                    _ => {
                        broken = Some(error);
                        before.len() + data.len()
                    }
                },
            }
        })?;
        if broken.is_some() {
            self.send_error = broken;
        } else {
            self.allowance = ALLOWANCE;
        }
        Ok(())
    }

    /// Whether sending has failed, of which reading may bring the reason.
    pub(crate) fn is_send_broken(&self) -> bool {
        self.send_error.is_some()
    }

    /// Whether everything outgoing has been sent.
    #[inline]
    pub fn is_flushed(&self) -> bool {
        self.machine.outgoing().is_empty()
            && !self
                .stream
                .as_ref()
                .is_some_and(|stream| stream.wants_write())
    }

    /// The next event, reading from the socket where needed. `wait`: in blocking mode a read may
    /// last up to the blocking interval.
    ///
    /// # Errors
    /// When the connection breaks or the peer breaks the protocol; the connection is lost then.
    #[inline]
    pub fn poll_event(&mut self, wait: bool) -> Result<Polled, Error> {
        loop {
            match self.machine.next_event() {
                Ok(Some(Event::Notice(fields))) => self.notices.push(fields),
                Ok(Some(Event::Notification(notification))) => {
                    self.notifications.push(notification);
                }
                Ok(Some(Event::ParameterStatus)) => self.settings_version += 1,
                Ok(Some(event)) => return Ok(Polled::Event(event)),
                Ok(None) => {
                    if self.allowance == 0 && !self.has_buffered() {
                        self.allowance = ALLOWANCE;
                        return Ok(Polled::Pending);
                    }
                    // A message may have called for an answer, in authentication for one.
                    let sent = self.machine.outgoing().is_empty() || self.flush()?;
                    if !self.fill(wait && sent)? {
                        return Ok(Polled::Pending);
                    }
                }
                Err(error) => {
                    self.lose();
                    return Err(error.into());
                }
            }
        }
    }

    /// Handles what has been received while no command runs: what the server may say at any time,
    /// and nothing else. It must not be taken for the answer to the next command.
    ///
    /// # Errors
    /// When the peer breaks the protocol; the connection is lost then.
    #[cold]
    pub(crate) fn handle_unasked(&mut self) -> Result<(), Error> {
        self.drained = true;
        self.poll_event(false).map(drop)
    }

    /// The next event of what has been received; it reads nothing.
    ///
    /// # Errors
    /// When the peer breaks the protocol or, once all that it has sent is used, when it is gone.
    pub(crate) fn received_event(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.machine.next_event() {
                Ok(Some(Event::Notice(fields))) => self.notices.push(fields),
                Ok(Some(Event::Notification(notification))) => {
                    self.notifications.push(notification);
                }
                Ok(Some(Event::ParameterStatus)) => self.settings_version += 1,
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) if self.stream.is_some() || self.machine.is_closed() => return Ok(None),
                Ok(None) => return Err(self.gone()),
                Err(error) => {
                    self.lose();
                    return Err(error.into());
                }
            }
        }
    }

    /// Receives what is there, without waiting and without looking at it. When the peer is gone the
    /// connection is closed, but what came before can still be used.
    ///
    /// # Errors
    /// When nothing has come but the end.
    pub(crate) fn receive(&mut self) -> Result<(), Error> {
        let mut received = 0;
        while received < ALLOWANCE {
            let Some(stream) = &mut self.stream else {
                return Err(Error::Closed);
            };
            let room = self.machine.room();
            match stream.read_now(room) {
                Ok(count) if count > 0 => {
                    if let Some(tracer) = &mut self.tracer {
                        tracer.received(room.get(..count).unwrap_or_default());
                    }
                    self.machine.received(count);
                    received += count;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The next call tells, if there is one.
                Ok(_) | Err(_) if received > 0 => break,
                end => {
                    self.stream = None;
                    if let Some(member) = &mut self.member {
                        member.lost();
                    }
                    self.hangup = self.send_error.take().or(end.err());
                    // What is left are results, and maybe the server's last words: they come first.
                    return Err(
                        match self.machine.has_unhandled() || self.machine.is_busy() {
                            true => psycoxide_connection::Error::ClosedByPeer.into(),
                            false => self.gone(),
                        },
                    );
                }
            }
        }
        self.drained = false;
        Ok(())
    }

    /// The error for a connection whose peer is gone; it is lost now.
    fn gone(&mut self) -> Error {
        let error = match (self.machine.closed_by_peer(), self.hangup.take()) {
            (psycoxide_connection::Error::ClosedByPeer, Some(source)) => Error::Io {
                doing: "receiving from the server",
                source,
            },
            (error, _) => error.into(),
        };
        self.lose();
        error
    }

    /// Waits until the socket is ready for one of the directions asked for, or a signal came, or
    /// the time is over: which of them shows in what the next step does.
    ///
    /// # Errors
    /// When the connection is closed.
    pub fn wait(&self, wait: Wait, timeout: Option<Duration>) -> Result<(), Error> {
        wait_for(self.stream.as_ref(), wait, timeout)
    }

    /// Whether there may be something to read that no poll announces.
    fn has_buffered(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::has_buffered)
    }

    /// Reads once; `false` when there is nothing to read now.
    fn fill(&mut self, wait: bool) -> Result<bool, Error> {
        let Some(stream) = &mut self.stream else {
            return Err(Error::Closed);
        };
        let blocking = self.blocking && wait;
        if std::mem::take(&mut self.drained) && !blocking {
            return Ok(false);
        }
        let room = self.machine.room();
        let read = if blocking {
            stream.read(room)
        } else {
            stream.read_now(room)
        };
        match read {
            Ok(0) => {
                let error = self.machine.closed_by_peer();
                self.lose();
                Err(error.into())
            }
            Ok(count) => {
                self.drained = count < room.len() && !stream.has_buffered();
                self.allowance = self.allowance.saturating_sub(count + READ_COST);
                if let Some(tracer) = &mut self.tracer {
                    tracer.received(room.get(..count).unwrap_or_default());
                }
                self.machine.received(count);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(false),
            Err(error) if error.kind() == ErrorKind::WouldBlock => match self.send_error.take() {
                None => Ok(false),
                // No last words, and no answer either to what was not sent.
                Some(source) => {
                    self.lose();
                    Err(Error::io("sending to the server")(source))
                }
            },
            Err(source) => {
                let error = match self.machine.closed_by_peer() {
                    psycoxide_connection::Error::ClosedByPeer => Error::Io {
                        doing: "receiving from the server",
                        source: self.send_error.take().unwrap_or(source),
                    },
                    farewell => farewell.into(),
                };
                self.lose();
                Err(error)
            }
        }
    }
}

/// Waits for a stream, if there is one; see [`PgConn::wait`].
pub(crate) fn wait_for(
    stream: Option<&Stream>,
    wait: Wait,
    timeout: Option<Duration>,
) -> Result<(), Error> {
    let stream = stream.ok_or(Error::Closed)?;
    match poll::wait(stream, wait.read, wait.write, timeout) {
        Err(error) if error.kind() != ErrorKind::Interrupted => {
            Err(Error::io("waiting for the server")(error))
        }
        _ => Ok(()),
    }
}
