//! Query text: placeholders, conversion to server-side parameters, quoting.
//!
//! A driver's user writes `%s`, `%(name)s`, `%b` or `%t`; the server wants `$1`. This crate stands
//! between the two:
//!
//! - [`convert`] rewrites a query for server-side binding: a template with `$n`, and per parameter
//!   its name and the format the user asked for;
//! - [`split`] cuts a query for client-side binding: the text between the placeholders, into which
//!   [`Split::assemble`] puts literals;
//! - [`quote`] writes string literals and identifiers, for every client encoding.
//!
//! It works on bytes, keeps no state, knows no connection and no value types: what a parameter's
//! literal looks like is decided by those who call it. It does not parse SQL: a placeholder inside a
//! string literal or a comment is a placeholder too, and a `%` there is written `%%`.
//!
//! ```
//! use psycoxide_sql::{ParameterFormat, convert};
//!
//! let query = convert(b"SELECT * FROM account WHERE id = %(id)s AND tag = %(tag)b").unwrap();
//! assert_eq!(query.template, b"SELECT * FROM account WHERE id = $1 AND tag = $2");
//! assert_eq!(query.names.as_deref(), Some(&["id".to_owned(), "tag".to_owned()][..]));
//! assert_eq!(query.formats, [ParameterFormat::Auto, ParameterFormat::Binary]);
//! ```

mod convert;
mod encoding;
mod error;
pub mod quote;
mod scan;
mod split;

pub use convert::{Converted, MAX_PARAMETERS, convert, convert_with};
pub use encoding::{Encoding, InvalidCharacter};
pub use error::Error;
pub use quote::QuoteError;
pub use scan::{ParameterFormat, has_placeholders};
pub use split::{Split, split, split_with};
