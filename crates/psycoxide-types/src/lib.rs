//! Values of PostgreSQL's types to bytes and back, in the text and the binary format.
//!
//! Every file is one family of types and holds pure functions: `decode_*` takes the bytes of one
//! value and returns a Rust value that borrows from them where it can, `encode_*` appends one value
//! to a `Vec<u8>`. Scalars that are not SQL NULL only: NULL is a length of -1 on the wire and is
//! dealt with by whoever walks the row, the array or the record.
//!
//! This crate does not know Python, connections, time zones' names or client encodings. Nothing in
//! it panics on bytes from a server: every length, count and dimension is compared with the bytes
//! that remain before anything is allocated, and nesting is bounded.
//!
//! The formats are described in the manual's chapter on
//! [data types](https://www.postgresql.org/docs/current/datatype.html); the binary ones are what
//! each type's `typsend` and `typreceive` functions speak.

pub mod array;
pub mod boolean;
pub mod bytea;
pub mod calendar;
pub mod catalog;
pub mod composite;
pub mod copy;
pub mod date;
mod digits;
mod element;
mod error;
mod extended;
pub mod float;
pub mod hstore;
pub mod integer;
pub mod interval;
pub mod json;
pub mod multirange;
pub mod network;
pub mod numeric;
pub mod range;
pub mod text;
pub mod time;
pub mod timestamp;
pub mod uuid;
pub mod wire;

pub use element::Element;
pub use error::{Error, Excerpt, Reason, Result};
pub use extended::Extended;
pub use psycoxide_protocol::{Format, Oid};
