//! The machine: buffers, the phase, and what the server told about the session.

use psycoxide_protocol::backend::{ErrorFields, Message};
use psycoxide_protocol::{TransactionStatus, frame, frontend};

use crate::auth::Authenticator;
use crate::buffer::{Incoming, Outgoing};
use crate::error::Error;
use crate::event::{Event, Notification};
use crate::query::Queries;
use crate::startup::{Startup, StartupOptions};

/// What a cancel request has to show: the process and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct BackendKey {
    /// The process id of the backend.
    pub pid: u32,
    /// The secret: 4 bytes in protocol 3.0, up to 256 in 3.2.
    pub secret: Box<[u8]>,
}

impl std::fmt::Debug for BackendKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendKey")
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// Where the connection stands; each phase handles the messages that are legal in it.
#[derive(Debug)]
enum Phase {
    /// Nothing was sent yet.
    New,
    /// From the startup packet to the first `ReadyForQuery`.
    Startup(Box<Startup>),
    /// Commands and their results.
    Queries,
    /// After an error, the end of the input or [`Machine::close`].
    Closed,
}

/// The state machine of one connection. See the crate's documentation for the calling order.
#[derive(Debug)]
pub struct Machine {
    phase: Phase,
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: Outgoing,
    pub(crate) queries: Queries,
    pub(crate) transaction_status: TransactionStatus,
    parameters: Vec<(Box<str>, Box<str>)>,
    backend_key: Option<BackendKey>,
    protocol_minor: u32,
    used_password: bool,
    /// An error that came when no command was waiting: the reason of the end that follows.
    farewell: Option<Box<ErrorFields>>,
}

impl Default for Machine {
    fn default() -> Machine {
        Machine {
            phase: Phase::New,
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
            queries: Queries::default(),
            transaction_status: TransactionStatus::Unknown,
            parameters: Vec::new(),
            backend_key: None,
            protocol_minor: 0,
            used_password: false,
            farewell: None,
        }
    }
}

/// Getters.
impl Machine {
    /// The transaction status, as of the last `ReadyForQuery`; `Active` while a command runs.
    pub fn transaction_status(&self) -> TransactionStatus {
        match self.phase {
            Phase::Queries if self.queries.is_busy() => TransactionStatus::Active,
            Phase::Queries => self.transaction_status,
            _ => TransactionStatus::Unknown,
        }
    }

    /// How many times the server was ready and in no transaction. While that stays the same, so does
    /// the server's session, whatever pooler stands in between.
    #[inline]
    pub fn rests(&self) -> u64 {
        self.queries.rests
    }

    /// A setting that the server reports (`server_version`, `client_encoding`…).
    pub fn parameter_status(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| &**key == name)
            .map(|(_, value)| &**value)
    }

    /// All settings that the server reports.
    pub fn parameter_statuses(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters
            .iter()
            .map(|(name, value)| (&**name, &**value))
    }

    /// What a cancel request has to show, if the server gave it.
    pub fn backend_key(&self) -> Option<&BackendKey> {
        self.backend_key.as_ref()
    }

    /// The minor version of protocol 3 that was agreed on.
    pub fn protocol_minor(&self) -> u32 {
        self.protocol_minor
    }

    /// Whether authentication has sent a password (or a proof of it).
    pub fn used_password(&self) -> bool {
        match &self.phase {
            Phase::Startup(startup) => startup.used_password(),
            _ => self.used_password,
        }
    }

    /// Whether the connection has been authenticated and is not closed.
    pub fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Queries)
    }

    /// Whether the machine has come to its end.
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Whether bytes were received that no event has told of yet.
    #[inline]
    pub fn has_unhandled(&self) -> bool {
        !self.incoming.pending().is_empty()
    }

    /// The bytes received that no event has told of yet.
    pub fn unhandled(&self) -> &[u8] {
        self.incoming.pending()
    }

    /// Whether commands wait for their answer.
    pub fn is_busy(&self) -> bool {
        self.queries.is_busy()
    }

    /// Whether a command of the extended protocol has failed, so that the server skips those
    /// behind it up to the next Sync.
    pub fn is_aborted(&self) -> bool {
        self.queries.is_aborted()
    }
}

/// Input.
impl Machine {
    /// Room to receive bytes into; never empty.
    pub fn room(&mut self) -> &mut [u8] {
        self.incoming.room()
    }

    /// Takes the first `count` bytes of the last [`room`](Self::room).
    pub fn received(&mut self, count: usize) {
        self.incoming.received(count);
    }

    /// The peer has closed the connection: the error to report, which is the last one the server
    /// sent, if it sent one.
    pub fn closed_by_peer(&mut self) -> Error {
        let farewell = self.farewell.take();
        self.close();
        match farewell {
            Some(fields) => Error::Server(fields),
            None => Error::ClosedByPeer,
        }
    }
}

/// Output.
impl Machine {
    /// The bytes to send now.
    #[inline]
    pub fn outgoing(&self) -> &[u8] {
        self.outgoing.pending()
    }

    /// Notes that the first `count` of the outgoing bytes were sent.
    #[inline]
    pub fn sent(&mut self, count: usize) {
        self.outgoing.consume(count);
    }

    /// The next thing that has happened, or `None` when more input is needed.
    ///
    /// # Errors
    /// When the peer breaks the protocol, and in the startup phase when it refuses; the machine is
    /// closed then.
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        let event = self.advance();
        if event.is_err() {
            self.close();
        }
        event
    }

    fn advance(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.queries.take_queued() {
                return Ok(Some(event));
            }
            if matches!(self.phase, Phase::Queries) {
                self.queries.take_rows(&mut self.incoming)?;
                self.queries.take_copy_data(&mut self.incoming)?;
                if let Some(event) = self.queries.take_queued() {
                    return Ok(Some(event));
                }
            }
            let pending = self.incoming.pending();
            let limit = match &self.phase {
                Phase::Startup(startup) => startup.length_limit(),
                _ => u32::MAX,
            };
            let Some(frame) = frame::peek_limited(pending, limit)? else {
                return Ok(None);
            };
            let Some(message) = pending.get(..frame.length) else {
                return Ok(None);
            };
            let body = message.get(5..).unwrap_or_default();
            let message = Message::decode(frame.tag, body)?;
            let event = match message {
                Message::ParameterStatus { name, value } => {
                    set_parameter(&mut self.parameters, name, value);
                    Some(Event::ParameterStatus)
                }
                Message::NoticeResponse(fields) => Some(Event::Notice(Box::new(fields))),
                Message::NotificationResponse {
                    pid,
                    channel,
                    payload,
                } => Some(Event::Notification(Notification {
                    pid,
                    channel: channel.into(),
                    payload: payload.into(),
                })),
                message => match &mut self.phase {
                    Phase::New | Phase::Closed => {
                        return Err(Error::Unexpected {
                            tag: frame.tag,
                            expecting: "nothing was asked",
                        });
                    }
                    Phase::Startup(startup) => {
                        if let Message::BackendKeyData { pid, key } = message {
                            startup.check_authenticated(frame.tag)?;
                            self.backend_key = Some(BackendKey {
                                pid,
                                secret: key.into(),
                            });
                            None
                        } else if let Message::ReadyForQuery(status) = message {
                            startup.check_authenticated(frame.tag)?;
                            self.protocol_minor = startup.protocol_minor();
                            self.used_password = startup.used_password();
                            self.transaction_status = status;
                            self.phase = Phase::Queries;
                            Some(Event::Ready(status))
                        } else {
                            startup.handle(frame.tag, message, self.outgoing.buffer())?;
                            None
                        }
                    }
                    Phase::Queries => {
                        if let Message::ErrorResponse(fields) = message {
                            if self.queries.is_idle() {
                                self.farewell = Some(Box::new(fields));
                            } else {
                                self.queries.end_copy_in(&mut self.outgoing);
                                self.queries.handle_error(fields);
                            }
                            None
                        } else {
                            self.queries
                                .handle(frame.tag, message, &mut self.transaction_status)?
                        }
                    }
                },
            };
            self.incoming.consume(frame.length);
            if event.is_some() {
                return Ok(event);
            }
        }
    }
}

/// Commands that open and end the connection.
impl Machine {
    /// Queues the startup packet.
    ///
    /// # Errors
    /// When a parameter cannot be encoded.
    pub fn start(
        &mut self,
        options: StartupOptions,
        authenticator: Authenticator,
    ) -> Result<(), Error> {
        if !matches!(self.phase, Phase::New) {
            return Err(Error::Misuse("the connection has been started already"));
        }
        let startup = Startup::begin(options, authenticator, self.outgoing.buffer())?;
        self.phase = Phase::Startup(Box::new(startup));
        Ok(())
    }

    /// Queues the message that ends the session in good order.
    pub fn terminate(&mut self) {
        if matches!(self.phase, Phase::Queries) && self.outgoing.pending().is_empty() {
            frontend::terminate(self.outgoing.buffer());
        }
    }

    /// Ends the machine: nothing is sent or understood any more.
    pub fn close(&mut self) {
        self.used_password = self.used_password();
        self.phase = Phase::Closed;
        self.incoming.clear();
        self.outgoing.clear();
        self.queries = Queries::default();
    }

    /// Fails unless a command can be queued now: not in the middle of a COPY.
    pub(crate) fn check_command(&self) -> Result<(), Error> {
        if self.is_copying_in() || self.is_copying_out() {
            return Err(Error::Copying);
        }
        self.check_ready()
    }

    /// Fails unless messages can be queued now.
    pub(crate) fn check_ready(&self) -> Result<(), Error> {
        match self.phase {
            Phase::Queries => Ok(()),
            Phase::Closed => Err(Error::Closed),
            _ => Err(Error::Misuse("the connection is not established yet")),
        }
    }
}

/// Notes a reported setting. Values that are not UTF-8 cannot be settings that we act on; they
/// are kept with replacement characters.
fn set_parameter(parameters: &mut Vec<(Box<str>, Box<str>)>, name: &[u8], value: &[u8]) {
    /// More distinct names than any server reports: a bound on what a peer makes us keep.
    const MOST: usize = 1000;
    let name = String::from_utf8_lossy(name);
    let value = String::from_utf8_lossy(value).into();
    let known = parameters.len();
    match parameters.iter_mut().find(|(key, _)| **key == *name) {
        Some((_, old)) => *old = value,
        None if known < MOST => parameters.push((name.into(), value)),
        None => {}
    }
}
