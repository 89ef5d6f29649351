//! Arguments of libpq's verbs: parameters as Bind wants them.

use psycoxide_client::operations::execute::Parameters;
use psycoxide_protocol::{Format, Oid};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::adapt::formats;

/// The parameters of a command.
///
/// # Errors
/// `ValueError` if there are not as many types or formats as values, `TypeError` for values that
/// are no bytes.
pub fn parameters(
    values: Option<&Bound<'_, PyAny>>,
    types: Option<&Bound<'_, PyAny>>,
    formats: Option<&Bound<'_, PyAny>>,
) -> PyResult<Parameters> {
    let mut parameters = Parameters::default();
    if let Some(values) = values {
        for value in values.try_iter()? {
            push_value(&mut parameters.encoded, &value?)?;
            parameters.count += 1;
        }
    }
    let count = parameters.count;
    if let Some(types) = types {
        parameters.types = oids(types)?;
        check_count(count, parameters.types.len(), "param_types")?;
    }
    if let Some(formats) = formats {
        let given: Vec<Bound<'_, PyAny>> = formats.try_iter()?.collect::<PyResult<_>>()?;
        check_count(count, given.len(), "param_formats")?;
        parameters.formats = given
            .iter()
            .map(formats::format_of)
            .collect::<PyResult<Vec<Format>>>()?;
    }
    Ok(parameters)
}

/// The types of parameters.
///
/// # Errors
/// `TypeError` or `OverflowError` for what is no OID.
pub fn oids(types: &Bound<'_, PyAny>) -> PyResult<Vec<Oid>> {
    types.try_iter()?.map(|oid| oid?.extract()).collect()
}

fn check_count(values: usize, found: usize, what: &str) -> PyResult<()> {
    if values == found {
        return Ok(());
    }
    Err(PyValueError::new_err(format!(
        "got {values} param_values but {found} {what}"
    )))
}

fn push_value(encoded: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    if value.is_none() {
        encoded.extend_from_slice(&(-1i32).to_be_bytes());
        return Ok(());
    }
    let copied;
    let bytes = match value.cast::<PyBytes>() {
        Ok(bytes) => bytes.as_bytes(),
        Err(_) => {
            copied = copy_of(value)?;
            &copied
        }
    };
    let length = i32::try_from(bytes.len())
        .map_err(|_| PyOverflowError::new_err("a parameter is larger than 2 GiB"))?;
    encoded.extend_from_slice(&length.to_be_bytes());
    encoded.extend_from_slice(bytes);
    Ok(())
}

/// The contents of a buffer.
///
/// # Errors
/// `TypeError` if it is none.
pub fn copy_of(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let buffer = PyBuffer::<u8>::get(value).map_err(|_| {
        let class = value.get_type();
        PyTypeError::new_err(format!("bytes or buffer expected, got {class}"))
    })?;
    buffer.to_vec(value.py())
}
