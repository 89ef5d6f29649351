//! `psycoxide.pq`: the connection and its results with libpq's names.
//!
//! One class may be written in several files: `PGconn` stands in `pgconn` (what is known of it),
//! `connecting`, `commands`, `answers`, `copy`, `pipeline`, `password`, `tracing`. Each method is a
//! call of a verb of the client crate, with the arguments and errors that Python wants.

mod answers;
mod arguments;
pub mod cancel;
mod commands;
pub mod connecting;
mod copy;
pub mod enums;
pub mod escaping;
pub mod message;
pub mod notify;
mod password;
pub mod pgconn;
mod pipeline;
pub mod result;
pub mod tracing;
