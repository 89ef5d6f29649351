//! Adaptation: Python values to the server, the server's values to Python.
//!
//! ```text
//! parameters ──▶ Transformer ──▶ registry ──▶ dump::Dumper ──▶ Bind
//! DataRow    ──▶ RowLoaders  ◀── registry ──▶ load::Loader ──▶ objects ──▶ row maker
//! ```
//!
//! The [`registry`] holds Python classes ([`class`]); a built-in class names a native codec
//! ([`codec`]) and is never called, a user's class is. Settings of the session that values depend
//! on are in [`session`].

pub mod adapters_map;
mod builtin;
pub mod class;
pub mod codec;
pub mod dump;
pub mod encoding;
pub mod error;
pub mod formats;
pub mod load;
pub mod python_api;
pub mod registry;
pub mod session;
pub mod timezone;
pub mod transformer;

use pyo3::prelude::*;
use pyo3::types::PyModule;

/// Adds the classes and functions to `psycoxide._core`.
///
/// # Errors
/// If a class cannot be made.
pub fn register(_py: Python<'_>, module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<adapters_map::AdaptersMap>()?;
    module.add_class::<transformer::Transformer>()?;
    module.add_class::<session::SessionRef>()?;
    module.add_function(wrap_pyfunction!(builtin::builtin_types, module)?)?;
    module.add_function(wrap_pyfunction!(python_api::dump, module)?)?;
    module.add_function(wrap_pyfunction!(python_api::dump_composite, module)?)?;
    module.add_function(wrap_pyfunction!(python_api::load, module)?)?;
    module.add_function(wrap_pyfunction!(python_api::quote, module)?)?;
    module.add_function(wrap_pyfunction!(load::json::set_json_loads, module)?)?;
    module.add_function(wrap_pyfunction!(dump::json::set_json_dumps, module)?)?;
    Ok(())
}
