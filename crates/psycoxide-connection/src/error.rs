//! What can go wrong in the state machine. The machine that returned an error is closed.

use psycoxide_protocol::backend::ErrorFields;

use crate::auth::AuthError;

/// An error of the connection's state machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A message could not be decoded.
    #[error("the server sent a message that cannot be understood: {0}")]
    Decode(#[from] psycoxide_protocol::DecodeError),
    /// A message could not be encoded; nothing was queued.
    #[error(transparent)]
    Encode(#[from] psycoxide_protocol::EncodeError),
    /// A message that is not legal at this point.
    #[error("the server sent an unexpected message {:?} while {expecting}", *tag as char)]
    Unexpected {
        /// The message's tag.
        tag: u8,
        /// What was going on.
        expecting: &'static str,
    },
    /// The authentication exchange failed on our side.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// A row has another number of columns than its description.
    #[error("the server sent a row of {found} columns where {expected} were described")]
    ColumnCount {
        /// As described.
        expected: usize,
        /// As sent.
        found: usize,
    },
    /// The server refused the connection or ended it.
    #[error("{}", String::from_utf8_lossy(.0.message()))]
    Server(Box<ErrorFields>),
    /// The server answered the request for encryption with something else.
    #[error(
        "the server's answer to the request for encryption is not understood: 0x{answer:02x}; \
         is it a PostgreSQL server?"
    )]
    EncryptionAnswer {
        /// The byte received.
        answer: u8,
    },
    /// The server speaks no version of the protocol that we accept.
    #[error("the server offers protocol version 3.{offered}, but at least 3.{minimum} is required")]
    ProtocolVersion {
        /// The newest minor version that the server speaks.
        offered: u32,
        /// The oldest one that we accept.
        minimum: u32,
    },
    /// The peer closed the connection.
    #[error("server closed the connection unexpectedly")]
    ClosedByPeer,
    /// The machine has been closed.
    #[error("the connection is closed")]
    Closed,
    /// A command in the middle of a COPY.
    #[error("another command is already in progress")]
    Copying,
    /// A command that is not possible in the present state.
    #[error("{0}")]
    Misuse(&'static str),
}
