//! Queries as users write them, converted once and kept.
//!
//! A query with parameters is made ready the first time it is seen: converted for the server (`%s`
//! to `$1`), or cut where literals go if the cursor binds on the client. The result is found again
//! through a dictionary keyed by the very string object, whose hash Python has computed already.

use std::sync::Arc;

use psycoxide_client::Query;
use psycoxide_sql::{Converted, Error as SqlError, ParameterFormat, Split};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyMapping, PySequence, PyString, PyTuple};

use crate::adapt::encoding::ClientEncoding;
use crate::error::ProgrammingError;
use crate::template;

/// Who puts the parameters into a query; each class of cursors has its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// The server: placeholders are converted to its own.
    #[default]
    Server,
    /// This side: placeholders become literals.
    Client,
    /// The server, and the query has its placeholders already.
    Raw,
}

/// What is known of a query's parameters.
#[derive(Debug)]
enum Form {
    /// There are none.
    Plain,
    Converted(Converted),
    Split(Split),
    Raw,
    /// A template string, which has them in itself.
    Template(Vec<Py<PyAny>>),
}

/// A query ready to be executed.
#[pyclass(frozen, module = "psycoxide._core")]
#[derive(Debug)]
pub struct PreparedQuery {
    /// The text for the server; empty if the parameters are yet to be put in.
    pub query: Arc<Query>,
    /// The format asked for each parameter; empty for a query without parameters.
    pub formats: Vec<ParameterFormat>,
    /// The names of the parameters, if they have names.
    names: Option<Vec<Py<PyString>>>,
    form: Form,
}

/// Longer queries are converted each time: their texts are mostly made up, and seen once.
const LONGEST: usize = 4096;
/// How many queries are kept; then all are forgotten, which costs one conversion each.
const MOST: usize = 2048;

/// The query for these parameters; `binding` is `None` if there are none.
///
/// # Errors
/// `ProgrammingError` for a bad placeholder, `TypeError` for a query of a wrong type, or what the
/// composition of a query raises.
#[inline]
pub fn prepare<'py>(
    query: &Bound<'py, PyAny>,
    binding: Option<Binding>,
    encoding: ClientEncoding,
    context: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PreparedQuery>> {
    let py = query.py();
    let utf8 = matches!(encoding, ClientEncoding::Utf8);
    let cacheable = utf8 && query.is_exact_instance_of::<PyString>();
    if cacheable && let Some(found) = cache(py, binding).get_item(query)? {
        return Ok(found.cast_into::<PreparedQuery>()?);
    }
    let text = text_of(query, encoding, context)?;
    let prepared = Bound::new(py, convert(py, &text, binding, encoding)?)?;
    if cacheable && text.len() <= LONGEST {
        let cache = cache(py, binding);
        if cache.len() >= MOST {
            cache.clear();
        }
        cache.set_item(query, &prepared)?;
    }
    Ok(prepared)
}

fn cache<'py>(py: Python<'py>, binding: Option<Binding>) -> &'py Bound<'py, PyDict> {
    static PLAIN: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    static SERVER: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    static CLIENT: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    static RAW: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let cache = match binding {
        None => &PLAIN,
        Some(Binding::Server) => &SERVER,
        Some(Binding::Client) => &CLIENT,
        Some(Binding::Raw) => &RAW,
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
    binding: Option<Binding>,
    encoding: ClientEncoding,
) -> PyResult<PreparedQuery> {
    check_text(text)?;
    let decode = |name: &[u8]| match encoding {
        ClientEncoding::Utf8 => String::from_utf8(name.to_vec()).ok(),
        _ => Some(encoding.load_str(py, name).ok()?.to_string()),
    };
    let (query, formats, names, form) = match binding {
        None => (Query::new(text), Vec::new(), None, Form::Plain),
        Some(Binding::Raw) => (Query::new(text), Vec::new(), None, Form::Raw),
        Some(Binding::Server) => {
            let mut converted = psycoxide_sql::convert_with(text, decode).map_err(refused)?;
            let query = Query::new(std::mem::take(&mut converted.template));
            let names = intern(py, converted.names.as_deref());
            let formats = converted.formats.clone();
            (query, formats, names, Form::Converted(converted))
        }
        Some(Binding::Client) => {
            let split = psycoxide_sql::split_with(text, decode).map_err(refused)?;
            let names = intern(py, split.names.as_deref());
            let formats = split.formats.clone();
            (Query::new(&b""[..]), formats, names, Form::Split(split))
        }
    };
    Ok(PreparedQuery {
        query: Arc::new(query),
        formats,
        names,
        form,
    })
}

/// Fails for what no query can contain.
///
/// # Errors
/// `ProgrammingError` for a NUL.
pub fn check_text(text: &[u8]) -> PyResult<()> {
    match text.iter().position(|byte| *byte == 0) {
        None => Ok(()),
        // Said before anything is sent: a BEGIN must not be left behind.
        Some(position) => Err(ProgrammingError::new_err(format!(
            "the query contains a NUL (0x00) character, at byte {position}: \
             pass such data as a parameter of type bytes"
        ))),
    }
}

fn intern(py: Python<'_>, names: Option<&[String]>) -> Option<Vec<Py<PyString>>> {
    let intern = |name: &String| PyString::intern(py, name).unbind();
    Some(names?.iter().map(intern).collect())
}

#[cold]
fn refused(error: SqlError) -> PyErr {
    ProgrammingError::new_err(error.to_string())
}

impl PreparedQuery {
    /// The query of a template string, and what stood in it.
    ///
    /// # Errors
    /// `ProgrammingError` for a text that no query can have.
    pub fn of_template(
        text: &[u8],
        formats: Vec<ParameterFormat>,
        values: Vec<Py<PyAny>>,
    ) -> PyResult<PreparedQuery> {
        check_text(text)?;
        Ok(PreparedQuery {
            query: Arc::new(Query::new(text)),
            formats,
            names: None,
            form: Form::Template(values),
        })
    }

    /// Whether it has its parameters in itself.
    #[inline]
    pub fn is_template(&self) -> bool {
        matches!(self.form, Form::Template(_))
    }

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
        match (&self.form, &self.names) {
            (Form::Converted(converted), None) => {
                let values = sequence(parameters, self.formats.is_empty())?;
                converted.check_sequence(values.len()).map_err(refused)?;
                Ok(values)
            }
            (Form::Converted(converted), Some(names)) => {
                arrange_mapping(names, parameters, |has| converted.check_mapping(has))
            }
            (Form::Split(split), None) => {
                let values = sequence(parameters, self.formats.is_empty())?;
                split.check_sequence(values.len()).map_err(refused)?;
                Ok(values)
            }
            (Form::Split(split), Some(names)) => {
                arrange_mapping(names, parameters, |has| split.check_mapping(has))
            }
            (Form::Raw, _) => raw_sequence(parameters),
            (Form::Plain, _) => Ok(Vec::new()),
            (Form::Template(values), _) => {
                if !parameters.is_none() {
                    return Err(template::has_its_own_parameters());
                }
                let py = parameters.py();
                Ok(values.iter().map(|value| value.bind(py).clone()).collect())
            }
        }
    }

    /// The query with literals in place of its parameters, for a cursor that binds on the client;
    /// `None` for the others, and for a query without parameters.
    pub fn assemble(&self, literals: &[Vec<u8>]) -> Option<Vec<u8>> {
        let Form::Split(split) = &self.form else {
            return None;
        };
        let mut out = Vec::new();
        let filled = split.assemble(&mut out, |index, out| {
            out.extend_from_slice(literals.get(index).ok_or(())?);
            Ok::<(), ()>(())
        });
        filled.ok().map(|()| out)
    }

    /// Whether its parameters become literals.
    #[inline]
    pub fn binds_here(&self) -> bool {
        matches!(self.form, Form::Split(_))
    }

    /// Whether it may hold several statements, as far as parameters are concerned.
    pub fn is_plain(&self) -> bool {
        self.formats.is_empty()
    }
}

/// The values that a mapping has for these names; `check` says what is wrong with it.
fn arrange_mapping<'py>(
    names: &[Py<PyString>],
    parameters: &Bound<'py, PyAny>,
    check: impl FnOnce(&mut dyn FnMut(&str) -> bool) -> Result<(), SqlError>,
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
            return Err(PyTypeError::new_err(
                "named placeholders require a mapping of parameters",
            ));
        }
        return Err(not_parameters(parameters));
    };
    check(&mut |name| mapping.contains(name).unwrap_or(false)).map_err(refused)?;
    names
        .iter()
        .map(|name| mapping.as_any().get_item(name.bind(py)))
        .collect()
}

/// The parameters of a query with the server's own placeholders.
fn raw_sequence<'py>(parameters: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let known = parameters.is_instance_of::<PyTuple>() || parameters.is_instance_of::<PyList>();
    if !known && parameters.cast::<PyMapping>().is_ok() {
        return Err(PyTypeError::new_err(
            "raw queries require a sequence of parameters",
        ));
    }
    sequence(parameters, false)
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
    if let Ok(list) = parameters.cast::<PyList>() {
        return Ok(list.iter().collect());
    }
    if parameters.cast::<PyMapping>().is_ok() {
        if none_wanted {
            return Ok(Vec::new());
        }
        return Err(PyTypeError::new_err(
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
    PyTypeError::new_err(format!(
        "query parameters should be a sequence or a mapping, got {class}"
    ))
}
