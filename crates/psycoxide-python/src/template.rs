//! Template strings as queries: the values that stand in them become parameters.
//!
//! What stands where is found out in Python (`psycoxide._tstrings`), which knows the formats of the
//! interpolations; here the values are bound as those of any other query are. Template strings
//! exist since Python 3.14, see [PEP 750](https://peps.python.org/pep-0750/).

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::adapt::formats::parameter_format_of;
use crate::adapt::transformer::Transformer;
use crate::error::NotSupportedError;
use crate::query::{Binding, PreparedQuery};

/// Whether it is a template string; found out without loading the module that defines them.
#[inline]
pub fn is_template(query: &Bound<'_, PyAny>) -> bool {
    if query.is_instance_of::<PyString>() || query.is_exact_instance_of::<PyBytes>() {
        return false;
    }
    let class = query.get_type();
    let is = |text: PyResult<Bound<'_, PyString>>, wanted: &str| {
        text.is_ok_and(|text| text.to_str().is_ok_and(|text| text == wanted))
    };
    is(class.name(), "Template") && is(class.module(), "string.templatelib")
}

/// The error for parameters besides a template's own.
#[cold]
pub fn has_its_own_parameters() -> PyErr {
    PyTypeError::new_err("'execute()' with string template query doesn't support parameters")
}

/// The query that a template stands for, with its values as parameters; for a cursor that binds on
/// the client, as literals in it.
///
/// # Errors
/// `NotSupportedError` for a cursor of raw queries; what the formats and dumpers raise.
pub fn prepare<'py>(
    transformer: &Bound<'py, Transformer>,
    binding: Binding,
    template: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PreparedQuery>> {
    let py = template.py();
    let mut formats = Vec::new();
    let mut values = Vec::new();
    let text: Vec<u8> = match binding {
        Binding::Raw => {
            return Err(NotSupportedError::new_err(
                "raw queries, which have placeholders of their own, cannot be template strings",
            ));
        }
        Binding::Client => compose(transformer, template)?,
        Binding::Server => {
            let text;
            let names: Vec<Bound<'py, PyAny>>;
            (text, values, names) = py
                .import("psycoxide._tstrings")?
                .call_method1(intern!(py, "convert"), (template, transformer))?
                .extract()?;
            for name in &names {
                formats.push(parameter_format_of(name)?);
            }
            text
        }
    };
    Bound::new(py, PreparedQuery::of_template(&text, formats, values)?)
}

/// The text of a template, its values being literals in it.
///
/// # Errors
/// What the formats and dumpers raise.
pub fn compose<'py>(
    transformer: &Bound<'py, Transformer>,
    template: &Bound<'py, PyAny>,
) -> PyResult<Vec<u8>> {
    let py = template.py();
    py.import("psycoxide._tstrings")?
        .call_method1(intern!(py, "compose"), (template, transformer))?
        .extract()
}
