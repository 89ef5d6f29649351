//! Exceptions of the adaptation layer: DB-API classes by name, texts that say what to change.
//!
//! Codecs fail with [`Failure`], which stays a Rust value until a row or a parameter is given up,
//! so that the place (column, parameter) can be added where it is known.

use psycoxide_types::{Format, Oid};
use pyo3::prelude::*;
use pyo3::types::PyType;

mod classes {
    //! The exception classes of `psycoxide.errors`, imported when one is raised.
    use pyo3::import_exception;

    import_exception!(psycoxide.errors, DataError);
    import_exception!(psycoxide.errors, InterfaceError);
    import_exception!(psycoxide.errors, NotSupportedError);
    import_exception!(psycoxide.errors, OperationalError);
    import_exception!(psycoxide.errors, ProgrammingError);
}

pub use classes::{
    DataError, InterfaceError, NotSupportedError, OperationalError, ProgrammingError,
};

/// Why a value could not be loaded or dumped.
#[derive(Debug)]
pub enum Failure {
    /// The bytes are not what the type's format allows, or a number does not fit.
    Codec(psycoxide_types::Error),
    /// The value is right but Python's type cannot hold it, or the other way round.
    Range(String),
    /// Nobody has registered a dumper for the class of a value.
    Unsupported(String),
    /// Python code failed; its exception travels unchanged.
    Python(PyErr),
}

/// What loaders and dumpers return.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl From<psycoxide_types::Error> for Failure {
    #[cold]
    fn from(error: psycoxide_types::Error) -> Self {
        Failure::Codec(error)
    }
}

impl From<PyErr> for Failure {
    #[cold]
    fn from(error: PyErr) -> Self {
        Failure::Python(error)
    }
}

impl Failure {
    /// The exception, without a place.
    #[cold]
    pub fn into_exception(self) -> PyErr {
        match self {
            Failure::Codec(error) => DataError::new_err(error.to_string()),
            Failure::Range(message) => DataError::new_err(message),
            Failure::Unsupported(message) => ProgrammingError::new_err(message),
            Failure::Python(error) => error,
        }
    }

    /// The exception for a value of this column of a result.
    #[cold]
    pub fn in_column(self, name: &str, type_oid: Oid, format: Format) -> PyErr {
        let place = format!(
            "column {name:?}, type oid {type_oid}, {} format",
            format_name(format)
        );
        match self {
            Failure::Codec(error) => DataError::new_err(format!("{error} ({place})")),
            Failure::Range(message) => DataError::new_err(format!("{message} ({place})")),
            Failure::Unsupported(message) => {
                ProgrammingError::new_err(format!("{message} ({place})"))
            }
            Failure::Python(error) => with_note(error, &place),
        }
    }

    /// The exception for a parameter: its position (from 1) or name, and its Python type.
    #[cold]
    pub fn in_parameter(self, parameter: &str, class: &Bound<'_, PyType>) -> PyErr {
        let class = class_name(class);
        let place = format!("parameter {parameter}, type {class}");
        match self {
            Failure::Codec(error) => DataError::new_err(format!("{} ({place})", error.reason())),
            Failure::Range(message) => DataError::new_err(format!("{message} ({place})")),
            Failure::Unsupported(message) => {
                ProgrammingError::new_err(format!("{message} ({place})"))
            }
            Failure::Python(error) => with_note(error, &place),
        }
    }
}

/// An exception of Python code, with the place as a note where exceptions can have notes (since
/// Python 3.11).
#[cold]
fn with_note(error: PyErr, place: &str) -> PyErr {
    Python::attach(|py| {
        let value = error.value(py);
        if let Ok(Some(add_note)) = value.getattr_opt("add_note") {
            // The exception matters more than a note that it does not take.
            let _ = add_note.call1((place,));
        }
    });
    error
}

/// `text` or `binary`.
pub fn format_name(format: Format) -> &'static str {
    match format {
        Format::Text => "text",
        Format::Binary => "binary",
    }
}

/// The class's `__name__`, for messages.
pub fn class_name(class: &Bound<'_, PyType>) -> String {
    class
        .name()
        .map_or_else(|_| String::from("?"), |name| name.to_string())
}
