//! `psycoxide.pq`: the connection and its results with libpq's names.

pub mod connecting;
pub mod enums;
pub mod escaping;
pub mod message;
pub mod notify;
pub mod pgconn;
pub mod result;
