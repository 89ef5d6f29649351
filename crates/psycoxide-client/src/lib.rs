//! Joins the state machine, the transport and the configuration: [`PgConn`], the operations on it,
//! and their results.
//!
//! The crate decides what is done on a connection and in which order; it does not decide who waits
//! for it. An [`operations::Operation`] is resumed by its driver, in a thread or on an event loop,
//! until it is done; see [`operations`].
//!
//! It knows no values: parameters come encoded and rows go out as they came.

pub mod cluster;
pub mod operations;

mod connection;
mod error;
mod options;
mod pgconn;
mod pipeline;
mod place;
mod query;
mod statement_cache;

pub use connection::{Connection, IsolationLevel, TransactionCharacteristics};
pub use error::{Attempt, Error, rounded_seconds};
pub use options::{ConnectOptions, HostAddress, HostOptions};
pub use pgconn::{
    Answer, Answers, BLOCKING_INTERVAL, CopyOut, Exec, Flush, GetCopyData, GetResult,
    PasswordAlgorithm, PgConn, Polled, SendCommand, Traced, encrypt_password,
};
pub use pipeline::{Arrived, Owner, Pipeline, PipelineStatus};
pub use place::Place;
pub use psycoxide_transport::Descriptor;
pub use query::Query;
pub use statement_cache::{Advice, PrepareMode, StatementCache};
