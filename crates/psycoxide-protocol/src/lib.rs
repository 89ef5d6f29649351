//! Messages of the PostgreSQL frontend/backend protocol, version 3: bytes and nothing else.
//!
//! - [`frontend`] appends messages to send to a buffer; nothing is appended when one cannot be encoded.
//! - [`frame`] finds the next message in the bytes received.
//! - [`backend`] decodes its body, borrowing from the buffer; [`data_row`] walks the cells of a row.
//! - [`sqlstate`] names the error codes.
//! - [`trace`] shows messages as libpq's `PQtrace` does.
//!
//! The crate keeps no state and does no I/O: which message is legal when is the business of the
//! connection machine, and values in cells are the business of the type codecs.
//!
//! The rule of the crate: bytes from the network never cause a panic, an unbounded allocation or a
//! read outside the message. Every length is checked before use.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol.html>

pub mod backend;
pub mod frame;
pub mod frontend;
pub mod sqlstate;
pub mod trace;

mod error;
mod format;
mod oid;
mod reader;
mod transaction_status;
mod version;

pub use backend::data_row;
pub use error::{DecodeError, EncodeError};
pub use format::Format;
pub use oid::Oid;
pub use transaction_status::TransactionStatus;
pub use version::ProtocolVersion;
