//! The connection state machine: bytes in, events and bytes out.
//!
//! This crate does no I/O, reads no clock and draws no randomness: the owner of a [`Machine`]
//! moves bytes between it and a socket. It does not connect, encrypt or resolve anything either.
//!
//! Its methods are of four sorts:
//!
//! - *input*: [`Machine::room`] and [`Machine::received`] take bytes from the peer,
//!   [`Machine::closed_by_peer`] tells that there will be none;
//! - *commands* ([`Machine::query`], [`Machine::execute`], …) queue messages for the peer;
//! - *output*: [`Machine::outgoing`] and [`Machine::sent`] give the bytes to send,
//!   [`Machine::next_event`] what has happened;
//! - *getters*.
//!
//! The calling order is: [`Machine::start`]; then, as long as the connection lives, commands;
//! after each of them send what is outgoing, feed what arrives, and take events until there is
//! none left. Any split of the input gives the same events.

mod buffer;
mod copy_chunk;
mod error;
mod event;
mod machine;
mod query;
mod startup;

pub mod auth;
pub mod result;

pub use copy_chunk::CopyChunk;
pub use error::Error;
pub use event::{Event, Notification};
pub use machine::{BackendKey, Machine};
pub use query::{Checkpoint, Command};
pub use result::{ExecStatus, QueryResult, RowSet};
pub use startup::{EncryptionAnswer, StartupOptions};
