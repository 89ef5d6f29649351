//! `pq.Format` and `PyFormat` to Rust and back.

use psycoxide_sql::ParameterFormat;
use psycoxide_types::Format;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

/// The wire format of a `pq.Format` or a plain 0 or 1.
pub fn format_of(format: &Bound<'_, PyAny>) -> PyResult<Format> {
    format_of_code(format.extract()?)
}

/// The wire format of this number.
pub fn format_of_code(code: i16) -> PyResult<Format> {
    Format::from_code(code).ok_or_else(|| PyValueError::new_err(format!("{code} is not a format")))
}

/// The format of a `PyFormat`, whose values are the placeholders' letters.
pub fn parameter_format_of(format: &Bound<'_, PyAny>) -> PyResult<ParameterFormat> {
    let text = format
        .cast::<PyString>()
        .map_err(|_| PyValueError::new_err(format!("{format} is not a PyFormat")))?;
    match text.to_str()? {
        "s" => Ok(ParameterFormat::Auto),
        "t" => Ok(ParameterFormat::Text),
        "b" => Ok(ParameterFormat::Binary),
        other => Err(PyValueError::new_err(format!(
            "{other:?} is not a PyFormat"
        ))),
    }
}

/// The `pq.Format` member of a wire format.
pub fn to_python(py: Python<'_>, format: Format) -> PyResult<Bound<'_, PyAny>> {
    static MEMBERS: PyOnceLock<[Py<PyAny>; 2]> = PyOnceLock::new();
    let members = MEMBERS.get_or_try_init(py, || {
        let class = py.import("psycoxide.pq")?.getattr("Format")?;
        PyResult::Ok([
            class.getattr("TEXT")?.unbind(),
            class.getattr("BINARY")?.unbind(),
        ])
    })?;
    Ok(members[format as usize].bind(py).clone())
}

/// The `PyFormat` member of a parameter format.
pub fn parameter_format_to_python(
    py: Python<'_>,
    format: ParameterFormat,
) -> PyResult<Bound<'_, PyAny>> {
    static MEMBERS: PyOnceLock<[Py<PyAny>; 3]> = PyOnceLock::new();
    let members = MEMBERS.get_or_try_init(py, || {
        let class = py.import("psycoxide.adapt")?.getattr("PyFormat")?;
        PyResult::Ok([
            class.getattr("AUTO")?.unbind(),
            class.getattr("TEXT")?.unbind(),
            class.getattr("BINARY")?.unbind(),
        ])
    })?;
    let index = match format {
        ParameterFormat::Auto => 0,
        ParameterFormat::Text => 1,
        ParameterFormat::Binary => 2,
    };
    Ok(members[index].bind(py).clone())
}
