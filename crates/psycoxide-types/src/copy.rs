//! Rows of `COPY` in its text and binary formats.
//!
//! CSV is not here: it is the user's text on both sides.
//! <https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9>

pub mod binary;
pub mod text;
