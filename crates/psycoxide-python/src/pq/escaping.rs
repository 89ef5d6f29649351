//! `psycoxide.pq.Escaping`: values as parts of SQL, by libpq's rules.
//!
//! Unlike libpq, which stops at a NUL, these refuse what has one: the value would be cut silently.
//! <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-EXEC-ESCAPE-STRING>

use std::fmt::Display;
use std::sync::Arc;

use psycoxide_sql::{Encoding, QuoteError, quote};
use psycoxide_types::bytea;
use pyo3::PyTraverseError;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::pgconn::PGconn;
use crate::adapt::session::Session;
use crate::error::{self, OperationalError};

/// Escapes values for SQL as a connection needs it, in its encoding.
///
/// All arguments and results are bytes. Without a connection, `escape_literal` and
/// `escape_identifier` are not possible, and the others do not know what the session will be like:
/// `escape_string` then takes the text for UTF-8 and doubles backslashes, which is safe in any
/// session but right only where `standard_conforming_strings` is off, and `escape_bytea` writes the
/// form that is right where it is on, as it is by default.
#[pyclass(frozen, subclass, module = "psycoxide.pq")]
#[derive(Debug)]
pub struct Escaping {
    connection: Option<Py<PGconn>>,
}

impl Escaping {
    /// The settings of the session, if there is a connection.
    fn session(&self) -> PyResult<Option<Arc<Session>>> {
        let Some(connection) = &self.connection else {
            return Ok(None);
        };
        let shared = connection.get().shared();
        if shared.is_closed_by_user() {
            return Err(error::closed(shared));
        }
        Ok(Some(shared.session.load()))
    }

    /// The settings of the session, which `doing` cannot do without.
    fn session_for(&self, doing: &str) -> PyResult<Arc<Session>> {
        self.session()?
            .ok_or_else(|| failed(doing, "no connection provided"))
    }
}

#[pymethods]
impl Escaping {
    #[new]
    #[pyo3(signature = (conn=None))]
    fn new(conn: Option<Py<PGconn>>) -> Escaping {
        Escaping { connection: conn }
    }

    /// The text as a literal with its quotes, right whatever `standard_conforming_strings` is.
    fn escape_literal<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let session = self.session_for("escape_literal")?;
        let text = bytes_of(data)?;
        quoted(data.py(), "escape_literal", |out| {
            quote::quote_literal(out, &text, session.quote_encoding)
        })
    }

    /// The text as an identifier with its quotes.
    fn escape_identifier<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let session = self.session_for("escape_identifier")?;
        let text = bytes_of(data)?;
        quoted(data.py(), "escape_identifier", |out| {
            quote::quote_identifier(out, &text, session.quote_encoding)
        })
    }

    /// The text so that it may stand between single quotes, which are not added.
    fn escape_string<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let (encoding, conforming) = match self.session()? {
            Some(session) => (session.quote_encoding, session.standard_conforming_strings),
            None => (Encoding::Utf8, false),
        };
        let text = bytes_of(data)?;
        quoted(data.py(), "escape_string", |out| {
            quote::escape_string(out, &text, encoding, conforming)
        })
    }

    /// The bytes as the text of a `bytea`, so that it may stand between single quotes.
    fn escape_bytea<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let conforming = self
            .session()?
            .is_none_or(|session| session.standard_conforming_strings);
        let bytes = bytes_of(data)?;
        let mut out = Vec::with_capacity(bytes.len() * 2 + 3);
        if !conforming {
            out.push(b'\\');
        }
        bytea::encode_text(&bytes, &mut out);
        Ok(PyBytes::new(data.py(), &out))
    }

    /// The bytes that the text of a `bytea` stands for, in either of the server's forms.
    fn unescape_bytea<'py>(&self, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        self.session()?;
        let text = bytes_of(data)?;
        let bytes = bytea::decode_text(&text).map_err(|error| failed("unescape_bytea", error))?;
        Ok(PyBytes::new(data.py(), &bytes))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.connection)
    }
}

/// The contents of `bytes`, `bytearray`, `memoryview` and their like.
fn bytes_of(data: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(bytes) = data.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    let buffer = PyBuffer::<u8>::get(data).map_err(|_| {
        let class = data.get_type();
        PyTypeError::new_err(format!("bytes or a buffer of bytes expected, got {class}"))
    })?;
    buffer.to_vec(data.py())
}

fn quoted<'py>(
    py: Python<'py>,
    doing: &str,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), QuoteError>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::new();
    write(&mut out).map_err(|error| failed(doing, error))?;
    Ok(PyBytes::new(py, &out))
}

#[cold]
fn failed(doing: &str, why: impl Display) -> PyErr {
    OperationalError::new_err(format!("{doing} failed: {why}"))
}
