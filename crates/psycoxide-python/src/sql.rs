//! What `psycoxide.sql` asks of the core: identifiers with their quotes.

use psycoxide_sql::{Encoding, QuoteError, quote};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::error::ProgrammingError;

/// A name with its qualifiers, `str` each, quoted and joined: `"schema"."table"`.
///
/// The result is text, to be encoded by whoever sends it: in no client encoding is a quote part of
/// another character, so quoting first is right in all of them.
#[pyfunction]
#[pyo3(signature = (parts, /))]
fn quote_identifier<'py>(
    py: Python<'py>,
    parts: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyString>> {
    let mut out = Vec::with_capacity(32);
    for part in parts {
        if !out.is_empty() {
            out.push(b'.');
        }
        let part = part.cast::<PyString>()?.to_str()?;
        quote::quote_identifier(&mut out, part.as_bytes(), Encoding::Utf8).map_err(refused)?;
    }
    PyString::from_bytes(py, &out)
}

#[cold]
fn refused(error: QuoteError) -> PyErr {
    ProgrammingError::new_err(match error {
        QuoteError::ContainsNul => "an identifier cannot contain NUL (0x00) characters".to_owned(),
        error => format!("this cannot be an identifier: {error}"),
    })
}

/// Registers this module's functions.
///
/// # Errors
/// When Python refuses.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(quote_identifier, module)?)
}
