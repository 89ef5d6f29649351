//! Queries as users write them, converted once and kept.
//!
//! A query with parameters is converted for the server (`%s` to `$1`) the first time it is seen;
//! the result is found again through a dictionary keyed by the very string object, whose hash
//! Python has computed already.

use std::sync::Arc;

use psycoxide_client::Query;
use psycoxide_sql::{Converted, ParameterFormat};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyMapping, PySequence, PyString, PyTuple};

use crate::adapt::encoding::ClientEncoding;
use crate::error::ProgrammingError;

/// A query ready to be executed.
#[pyclass(frozen, module = "psycoxide._core")]
#[derive(Debug)]
pub struct PreparedQuery {
    /// The text for the server.
    pub query: Arc<Query>,
    /// The format asked for each parameter; empty for a query without parameters.
    pub formats: Vec<ParameterFormat>,
    /// The names of the parameters, if they have names.
    names: Option<Vec<Py<PyString>>>,
    converted: Option<Converted>,
}

/// Longer queries are converted each time: their texts are mostly made up, and seen once.
const LONGEST: usize = 4096;
/// How many queries are kept; then all are forgotten, which costs one conversion each.
const MOST: usize = 2048;

/// The query for these parameters.
///
/// # Errors
/// `ProgrammingError` for a bad placeholder, `TypeError` for a query of a wrong type, or what the
/// composition of a query raises.
#[inline]
pub fn prepare<'py>(
    query: &Bound<'py, PyAny>,
    with_parameters: bool,
    encoding: ClientEncoding,
    context: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PreparedQuery>> {
    let py = query.py();
    let utf8 = matches!(encoding, ClientEncoding::Utf8);
    let cacheable = utf8 && query.is_exact_instance_of::<PyString>();
    if cacheable && let Some(found) = cache(py, with_parameters).get_item(query)? {
        return Ok(found.cast_into::<PreparedQuery>()?);
    }
    let text = text_of(query, encoding, context)?;
    let prepared = Bound::new(py, convert(py, &text, with_parameters, encoding)?)?;
    if cacheable && text.len() <= LONGEST {
        let cache = cache(py, with_parameters);
        if cache.len() >= MOST {
            cache.clear();
        }
        cache.set_item(query, &prepared)?;
    }
    Ok(prepared)
}

fn cache<'py>(py: Python<'py>, with_parameters: bool) -> &'py Bound<'py, PyDict> {
    static PLAIN: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    static WITH_PARAMETERS: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let cache = if with_parameters {
        &WITH_PARAMETERS
    } else {
        &PLAIN
    };
    cache.get_or_init(py, || PyDict::new(py).unbind()).bind(py)
}

/// The query's text in the connection's encoding.
///
/// # Errors
/// As [`prepare`].
pub fn text_of<'py>(
    query: &Bound<'py, PyAny>,
    encoding: ClientEncoding,
    context: &Bound<'py, PyAny>,
) -> PyResult<Vec<u8>> {
    if let Ok(text) = query.cast::<PyString>() {
        let mut out = Vec::new();
        encoding
            .dump(text, &mut out)
            .map_err(crate::adapt::error::Failure::into_exception)?;
        return Ok(out);
    }
    if let Ok(bytes) = query.cast::<PyBytes>() {
        return Ok(bytes.as_bytes().to_vec());
    }
    let sql = query.py().import("psycoxide.sql")?;
    let composable = query.is_instance(&sql.getattr("Composable")?)?;
    if !composable && !sql.call_method1("_is_template", (query,))?.is_truthy()? {
        let class = query.get_type().name()?.to_string();
        return Err(pyo3::exceptions::PyTypeError::new_err(format!(
            "the query should be str, bytes, a sql.Composable or a template string, got {class}"
        )));
    }
    sql.call_method1("as_bytes", (query, context))?
        .extract::<Vec<u8>>()
}

fn convert(
    py: Python<'_>,
    text: &[u8],
    with_parameters: bool,
    encoding: ClientEncoding,
) -> PyResult<PreparedQuery> {
    let _ = encoding;
    if let Some(position) = text.iter().position(|byte| *byte == 0) {
        // Said before anything is sent: a BEGIN must not be left behind.
        return Err(ProgrammingError::new_err(format!(
            "the query contains a NUL (0x00) character, at byte {position}: \
             pass such data as a parameter of type bytes"
        )));
    }
    if !with_parameters {
        let query = Arc::new(Query::new(text));
        return Ok(PreparedQuery {
            query,
            formats: Vec::new(),
            names: None,
            converted: None,
        });
    }
    let mut converted = psycoxide_sql::convert(text)
        .map_err(|error| ProgrammingError::new_err(error.to_string()))?;
    let query = Arc::new(Query::new(std::mem::take(&mut converted.template)));
    let intern = |name: &String| PyString::intern(py, name).unbind();
    let names = converted
        .names
        .as_ref()
        .map(|names| names.iter().map(intern).collect());
    Ok(PreparedQuery {
        query,
        formats: converted.formats.clone(),
        names,
        converted: Some(converted),
    })
}

impl PreparedQuery {
    /// The names of the parameters, in the order of the placeholders.
    pub fn parameter_names(&self) -> Option<&[Py<PyString>]> {
        self.names.as_deref()
    }

    /// The parameters in the order of the placeholders.
    ///
    /// # Errors
    /// `ProgrammingError` if they are too many, too few or of the wrong kind; `TypeError` if they
    /// are no parameters at all.
    #[inline]
    pub fn arrange<'py>(&self, parameters: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let Some(converted) = &self.converted else {
            return Ok(Vec::new());
        };
        match &self.names {
            None => {
                let values = sequence(parameters, self.formats.is_empty())?;
                converted
                    .check_sequence(values.len())
                    .map_err(|error| ProgrammingError::new_err(error.to_string()))?;
                Ok(values)
            }
            Some(names) => self.arrange_mapping(converted, names, parameters),
        }
    }

    fn arrange_mapping<'py>(
        &self,
        converted: &Converted,
        names: &[Py<PyString>],
        parameters: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let py = parameters.py();
        if let Ok(mapping) = parameters.cast::<PyDict>() {
            let mut values = Vec::with_capacity(names.len());
            for name in names {
                match mapping.get_item(name)? {
                    Some(value) => values.push(value),
                    None => break,
                }
            }
            if values.len() == names.len() {
                return Ok(values);
            }
        }
        let Ok(mapping) = parameters.cast::<PyMapping>() else {
            if parameters.cast::<PySequence>().is_ok() && !parameters.is_instance_of::<PyString>() {
                return Err(PyErr::new::<pyo3::exceptions::PyTypeError, _>(
                    "named placeholders require a mapping of parameters",
                ));
            }
            return Err(not_parameters(parameters));
        };
        converted
            .check_mapping(|name| mapping.contains(name).unwrap_or(false))
            .map_err(|error| ProgrammingError::new_err(error.to_string()))?;
        names
            .iter()
            .map(|name| mapping.as_any().get_item(name.bind(py)))
            .collect()
    }

    /// Whether it may hold several statements, as far as parameters are concerned.
    pub fn is_plain(&self) -> bool {
        self.formats.is_empty()
    }
}

/// The items of a sequence of parameters.
#[inline]
pub(crate) fn sequence<'py>(
    parameters: &Bound<'py, PyAny>,
    none_wanted: bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if let Ok(tuple) = parameters.cast::<PyTuple>() {
        return Ok(tuple.iter().collect());
    }
    if let Ok(list) = parameters.cast::<pyo3::types::PyList>() {
        return Ok(list.iter().collect());
    }
    if parameters.cast::<PyMapping>().is_ok() {
        if none_wanted {
            return Ok(Vec::new());
        }
        return Err(PyErr::new::<pyo3::exceptions::PyTypeError, _>(
            "positional placeholders (%s) require a sequence of parameters",
        ));
    }
    let text = parameters.is_instance_of::<PyString>() || parameters.is_instance_of::<PyBytes>();
    if text || parameters.cast::<PySequence>().is_err() {
        return Err(not_parameters(parameters));
    }
    parameters.try_iter()?.collect()
}

fn not_parameters(parameters: &Bound<'_, PyAny>) -> PyErr {
    let class = parameters
        .get_type()
        .name()
        .map_or_else(|_| "?".to_owned(), |n| n.to_string());
    PyErr::new::<pyo3::exceptions::PyTypeError, _>(format!(
        "query parameters should be a sequence or a mapping, got {class}"
    ))
}
