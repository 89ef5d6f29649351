//! Opening a stream to one address: the socket, and TLS where it is wanted.
//!
//! Shared by everything that connects: sessions and cancel requests.
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>

use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use psycoxide_connection::EncryptionAnswer;
use psycoxide_protocol::frontend;
use psycoxide_transport::{Handshake, Stream, TlsConnector};

use super::{Step, Wait};
use crate::error::Error;
use crate::pgconn::wait_for;
use crate::place::Place;

/// How much TLS an attempt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// None.
    Plain,
    /// If the server does it.
    IfOffered,
    /// Nothing else will do.
    Required,
}

#[derive(Debug)]
enum State {
    Start,
    Connecting,
    /// How much of the request has been sent.
    Asking(usize),
    AwaitingAnswer,
    Handshaking,
    Taken,
}

/// Opens a stream.
#[derive(Debug)]
pub struct Open {
    place: Place,
    encryption: Encryption,
    stream: Option<Stream>,
    state: State,
}

impl Open {
    /// The operation that opens a stream to this address.
    pub fn new(place: Place, encryption: Encryption) -> Open {
        let encryption = if place.is_unix() || place.connector.is_none() {
            Encryption::Plain
        } else {
            encryption
        };
        Open {
            place,
            encryption,
            stream: None,
            state: State::Start,
        }
    }

    /// The socket to wait for.
    pub fn fd(&self) -> Option<RawFd> {
        Some(self.stream.as_ref()?.as_fd().as_raw_fd())
    }

    /// The address.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether the attempt has come to talk TLS.
    pub fn is_encrypting(&self) -> bool {
        matches!(self.state, State::Handshaking)
    }

    /// Waits for the socket; see [`crate::PgConn::wait`].
    ///
    /// # Errors
    /// When there is no socket.
    pub fn wait(&self, wait: Wait, timeout: Option<Duration>) -> Result<(), Error> {
        wait_for(self.stream.as_ref(), wait, timeout)
    }

    /// Does all that can be done now.
    ///
    /// # Errors
    /// Why there will be no stream.
    pub fn step(&mut self) -> Result<Step<Stream>, Error> {
        loop {
            match self.state {
                State::Start => {
                    let stream = Stream::connect_start(&self.place.target, &self.place.socket)
                        .map_err(Error::io("connecting"))?;
                    self.stream = Some(stream);
                    self.state = State::Connecting;
                }
                State::Connecting => {
                    if !self
                        .stream()?
                        .connect_finish()
                        .map_err(Error::io("connecting"))?
                    {
                        return Ok(Step::Wait(Wait {
                            read: false,
                            write: true,
                        }));
                    }
                    match self.encryption {
                        Encryption::Plain => return self.take(),
                        _ if self.place.direct_tls => self.begin_tls()?,
                        _ => self.state = State::Asking(0),
                    }
                }
                State::Asking(sent) => {
                    let mut request = Vec::new();
                    frontend::ssl_request(&mut request);
                    let rest = request.get(sent..).unwrap_or_default();
                    match self.stream()?.write(rest) {
                        Ok(count) if sent + count >= request.len() => {
                            self.state = State::AwaitingAnswer;
                        }
                        Ok(count) => self.state = State::Asking(sent + count),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            return Ok(Step::Wait(Wait {
                                read: false,
                                write: true,
                            }));
                        }
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(error) => return Err(Error::io("asking for TLS")(error)),
                    }
                }
                State::AwaitingAnswer => {
                    // One byte and no more: what follows must come through the TLS session.
                    let mut answer = [0u8; 1];
                    match self.stream()?.read_now(&mut answer) {
                        Ok(0) => return Err(psycoxide_connection::Error::ClosedByPeer.into()),
                        Ok(_) => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            return Ok(Step::Wait(Wait {
                                read: true,
                                write: false,
                            }));
                        }
                        Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                        Err(error) => return Err(Error::io("asking for TLS")(error)),
                    }
                    match EncryptionAnswer::decode(answer[0])? {
                        EncryptionAnswer::Accepted => self.begin_tls()?,
                        EncryptionAnswer::Refused if self.encryption == Encryption::IfOffered => {
                            return self.take();
                        }
                        EncryptionAnswer::Refused => return Err(Error::TlsRefused),
                        EncryptionAnswer::Failed => return Err(Error::TlsFailed),
                    }
                }
                State::Handshaking => match self.stream()?.handshake()? {
                    Handshake::Done => return self.take(),
                    Handshake::WantRead => {
                        return Ok(Step::Wait(Wait {
                            read: true,
                            write: false,
                        }));
                    }
                    Handshake::WantWrite => {
                        return Ok(Step::Wait(Wait {
                            read: false,
                            write: true,
                        }));
                    }
                },
                State::Taken => return Err(Error::Closed),
            }
        }
    }

    fn stream(&mut self) -> Result<&mut Stream, Error> {
        self.stream.as_mut().ok_or(Error::Closed)
    }

    fn begin_tls(&mut self) -> Result<(), Error> {
        let connector: TlsConnector = self.place.connector.clone().ok_or(Error::TlsRefused)?;
        let name = self.place.server_name().to_owned();
        self.stream()?.start_tls(&connector, &name)?;
        self.state = State::Handshaking;
        Ok(())
    }

    fn take(&mut self) -> Result<Step<Stream>, Error> {
        self.state = State::Taken;
        self.stream.take().map(Step::Done).ok_or(Error::Closed)
    }
}
