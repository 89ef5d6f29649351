//! `yb_address_map` as a function of the program: `(host, port)` to another address, or to `None`.
//!
//! The rule it guards: the thread behind attaches to the interpreter for the call alone, and holds no
//! lock meanwhile; an interpreter that is on its way out is not asked. What the function raises, or
//! returns in error, never ends a connect: it goes to the log.

use std::cell::Cell;
use std::sync::Arc;

use psycoxide_client::ConnectOptions;
use psycoxide_client::cluster::AddressMapper;
use pyo3::exceptions::{PyKeyboardInterrupt, PyTypeError};
use pyo3::prelude::*;

thread_local! {
    /// A step of an operation runs in this thread that raises what Ctrl-C leaves behind.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    /// Ctrl-C has interrupted the function in that step.
    static INTERRUPTED: Cell<bool> = const { Cell::new(false) };
}

/// Takes a step of an operation that may ask the function.
///
/// # Errors
/// `KeyboardInterrupt`, if that was raised in the function.
pub fn interruptible<T>(step: impl FnOnce() -> T) -> PyResult<T> {
    let outer = WATCHED.replace(true);
    let taken = step();
    WATCHED.set(outer);
    if INTERRUPTED.take() {
        return Err(PyKeyboardInterrupt::new_err(()));
    }
    Ok(taken)
}

/// The function.
#[derive(Debug)]
struct Function(Py<PyAny>);

/// The options, with the function if there is one.
///
/// # Errors
/// `TypeError` if it cannot be called.
pub fn with_function(
    options: ConnectOptions,
    function: Option<&Bound<'_, PyAny>>,
) -> PyResult<ConnectOptions> {
    let Some(function) = function else {
        return Ok(options);
    };
    if !function.is_callable() {
        let text = "yb_address_map is a str, or is called with a host and a port";
        return Err(PyTypeError::new_err(text));
    }
    let program = Arc::new(Function(function.clone().unbind()));
    Ok(options.with_address_mapper(program))
}

impl AddressMapper for Function {
    fn map(&self, host: &str, port: u16) -> Result<Option<(String, u16)>, String> {
        if INTERRUPTED.get() {
            return Ok(None);
        }
        let asked = Python::try_attach(|py| match self.call(py, host, port) {
            Err(raised) if WATCHED.get() && raised.is_instance_of::<PyKeyboardInterrupt>(py) => {
                INTERRUPTED.set(true);
                Ok(None)
            }
            answer => answer.map_err(|raised| raised.to_string()),
        });
        // Nobody is there to answer: the process ends.
        asked.unwrap_or(Ok(None))
    }
}

impl Function {
    fn call(&self, py: Python<'_>, host: &str, port: u16) -> PyResult<Option<(String, u16)>> {
        let answer = self.0.bind(py).call1((host, port))?;
        if answer.is_none() {
            return Ok(None);
        }
        let address: Option<(String, u16)> = answer.extract().ok();
        match address {
            Some((host, port)) if port > 0 && !host.is_empty() && !host.contains('\0') => {
                Ok(Some((host, port)))
            }
            _ => {
                let text = format!(
                    "{} was returned, which is neither None nor a tuple of a host (str) and a port \
                     (int, 1 to 65535)",
                    answer.repr()?
                );
                Err(PyTypeError::new_err(text))
            }
        }
    }
}
