//! Arrays of any type: `{{1,2},{3,NULL}}`, and a header with elements that carry their length.
//!
//! Neither format is turned into a tree here. Text is read as a flat sequence of [`Token`]s, binary
//! as the dimensions and an iterator of elements; both borrow from the value, and whoever builds the
//! lists does so while reading. What is guarded: at most six dimensions, as in PostgreSQL, all lists
//! of a dimension equally long, and no more elements than the value has bytes for.
//! <https://www.postgresql.org/docs/current/arrays.html>

mod binary;
mod text;

pub use binary::{BinaryArray, BinaryElements, Dimension, decode_binary, encode_binary_header};
pub use text::{Token, Tokens, decode_text, encode_text_element, quote_text_element};

/// PostgreSQL's limit on dimensions (`MAXDIM`).
pub const MAX_DIMENSIONS: usize = 6;

#[cfg(test)]
mod tests;
