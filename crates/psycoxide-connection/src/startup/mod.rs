//! From the startup packet to the first `ReadyForQuery`.
//!
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>

mod encryption;

use psycoxide_protocol::backend::{Authentication, Message};
use psycoxide_protocol::{ProtocolVersion, frame, frontend};

use crate::auth::{Authenticator, Progress};
use crate::error::Error;

pub use encryption::EncryptionAnswer;

/// What the startup packet says.
#[derive(Clone, Debug)]
pub struct StartupOptions {
    /// `user`, `database` and settings, in this order.
    pub parameters: Vec<(Vec<u8>, Vec<u8>)>,
    /// The minor version of protocol 3 to ask for.
    pub protocol_minor: u32,
    /// The oldest minor version to accept.
    pub minimum_protocol_minor: u32,
}

/// The phase: which messages may come next is the authenticator's business until it is done.
#[derive(Debug)]
pub(crate) struct Startup {
    authenticator: Authenticator,
    authenticated: bool,
    protocol_minor: u32,
    minimum_protocol_minor: u32,
}

impl Startup {
    /// Queues the startup packet.
    pub(crate) fn begin(
        options: StartupOptions,
        authenticator: Authenticator,
        outgoing: &mut Vec<u8>,
    ) -> Result<Startup, Error> {
        let parameters: Vec<(&[u8], &[u8])> = options
            .parameters
            .iter()
            .map(|(name, value)| (&name[..], &value[..]))
            .collect();
        let version = ProtocolVersion {
            major: 3,
            minor: options.protocol_minor as u16,
        };
        frontend::startup(outgoing, version, &parameters)?;
        Ok(Startup {
            authenticator,
            authenticated: false,
            protocol_minor: options.protocol_minor,
            minimum_protocol_minor: options.minimum_protocol_minor,
        })
    }

    /// Handles a message other than `BackendKeyData`, `ReadyForQuery` and the asynchronous ones.
    pub(crate) fn handle(
        &mut self,
        tag: u8,
        message: Message<'_>,
        outgoing: &mut Vec<u8>,
    ) -> Result<(), Error> {
        match message {
            Message::ErrorResponse(fields) => Err(Error::Server(Box::new(fields))),
            Message::Authentication(request) if !self.authenticated => {
                self.authenticate(request, outgoing)
            }
            // It can only offer less than was asked for.
            Message::NegotiateProtocolVersion { newest_minor, .. }
                if !self.authenticated && newest_minor <= self.protocol_minor =>
            {
                if newest_minor < self.minimum_protocol_minor {
                    return Err(Error::ProtocolVersion {
                        offered: newest_minor,
                        minimum: self.minimum_protocol_minor,
                    });
                }
                self.protocol_minor = newest_minor;
                Ok(())
            }
            _ => Err(Error::Unexpected {
                tag,
                expecting: "the connection is being established",
            }),
        }
    }

    fn authenticate(
        &mut self,
        request: Authentication<'_>,
        outgoing: &mut Vec<u8>,
    ) -> Result<(), Error> {
        match self.authenticator.handle(request, outgoing)? {
            Progress::Continue => Ok(()),
            Progress::Done => {
                self.authenticated = true;
                Ok(())
            }
        }
    }

    /// Checks that the server may say what it says only to a client that it has let in.
    pub(crate) fn check_authenticated(&self, tag: u8) -> Result<(), Error> {
        if self.authenticated {
            return Ok(());
        }
        Err(Error::Unexpected {
            tag,
            expecting: "the client is being authenticated",
        })
    }

    /// The greatest length of a message: not every peer that can be reached is a server.
    pub(crate) fn length_limit(&self) -> u32 {
        if self.authenticated {
            u32::MAX
        } else {
            frame::UNAUTHENTICATED_LIMIT
        }
    }

    pub(crate) fn protocol_minor(&self) -> u32 {
        self.protocol_minor
    }

    pub(crate) fn used_password(&self) -> bool {
        self.authenticator.used_password()
    }
}
