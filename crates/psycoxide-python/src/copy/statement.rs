//! The text of a COPY: the server takes no parameters there, so they become literals.

use psycoxide_sql::Split;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMapping};

use crate::adapt::transformer::Transformer;
use crate::cursor::CursorBase;
use crate::error::ProgrammingError;
use crate::query;
use crate::shared::Shared;
use crate::template;

/// The statement with its parameters in it.
///
/// # Errors
/// `ProgrammingError` if statement and parameters do not fit each other, `TypeError` for something
/// that is no statement, and what a dumper raises.
pub fn compose<'py>(
    cursor: &Bound<'py, CursorBase>,
    shared: &Shared,
    statement: &Bound<'py, PyAny>,
    parameters: Option<&Bound<'py, PyAny>>,
) -> PyResult<Vec<u8>> {
    if template::is_template(statement) {
        if parameters.is_some() {
            return Err(template::has_its_own_parameters());
        }
        return template::compose(&CursorBase::transformer(cursor)?, statement);
    }
    let encoding = shared.session.load().encoding;
    let text = query::text_of(statement, encoding, cursor.as_any())?;
    let Some(parameters) = parameters else {
        return Ok(text);
    };
    let invalid = |error: psycoxide_sql::Error| ProgrammingError::new_err(error.to_string());
    let split = psycoxide_sql::split(&text).map_err(invalid)?;
    let values = arrange(&split, parameters)?;
    let transformer = CursorBase::transformer(cursor)?;
    let mut composed = Vec::new();
    split.assemble(&mut composed, |index, out| {
        let value = values
            .get(index)
            .ok_or_else(|| ProgrammingError::new_err("the query has more placeholders"))?;
        let literal = literal(&transformer, value)?;
        out.extend_from_slice(literal.as_bytes());
        PyResult::Ok(())
    })?;
    Ok(composed)
}

fn literal<'py>(
    transformer: &Bound<'py, Transformer>,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let literal = transformer.call_method1(pyo3::intern!(value.py(), "as_literal"), (value,))?;
    Ok(literal.cast_into::<PyBytes>()?)
}

/// The values in the order of the statement's parameters.
fn arrange<'py>(split: &Split, parameters: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let invalid = |error: psycoxide_sql::Error| ProgrammingError::new_err(error.to_string());
    let Some(names) = &split.names else {
        let values = query::sequence(parameters, split.parameter_count() == 0)?;
        split.check_sequence(values.len()).map_err(invalid)?;
        return Ok(values);
    };
    if !parameters.is_instance_of::<PyDict>() && parameters.cast::<PyMapping>().is_err() {
        split.check_sequence(0).map_err(invalid)?;
    }
    split
        .check_mapping(|name| parameters.contains(name).unwrap_or(false))
        .map_err(invalid)?;
    names.iter().map(|name| parameters.get_item(name)).collect()
}
