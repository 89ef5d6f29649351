//! Connection strings, from Python; and the one switch between two sets of defaults.

use std::sync::atomic::{AtomicBool, Ordering};

use psycoxide_conninfo::{Config, Parameters, Profile, Settings, default_options, environment};
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error;

/// Which defaults apply to what nobody sets: YugabyteDB's, or libpq's. Process-wide.
static LIBPQ_DEFAULTS: AtomicBool = AtomicBool::new(false);

fn profile() -> Profile {
    if LIBPQ_DEFAULTS.load(Ordering::Relaxed) {
        Profile::Libpq
    } else {
        Profile::Yugabyte
    }
}

/// Chooses the defaults: `"yugabyte"` or `"libpq"`.
#[pyfunction]
fn set_default_profile(name: &str) -> PyResult<()> {
    let libpq = match name {
        "yugabyte" => false,
        "libpq" => true,
        other => {
            return Err(error::ProgrammingError::new_err(format!(
                "there is no set of defaults {other:?}: it is \"yugabyte\" or \"libpq\""
            )));
        }
    };
    LIBPQ_DEFAULTS.store(libpq, Ordering::Relaxed);
    Ok(())
}

/// The defaults chosen: `"yugabyte"` or `"libpq"`.
#[pyfunction]
fn default_profile() -> &'static str {
    match profile() {
        Profile::Libpq => "libpq",
        _ => "yugabyte",
    }
}

/// The parameters that a connection string sets, keyword to value.
#[pyfunction]
fn parse_conninfo<'py>(py: Python<'py>, conninfo: &str) -> PyResult<Bound<'py, PyDict>> {
    let parameters = Parameters::parse(conninfo).map_err(|error| error::conninfo(&error))?;
    let dict = PyDict::new(py);
    for (keyword, value) in parameters.iter() {
        dict.set_item(keyword, value)?;
    }
    Ok(dict)
}

/// A connection string with these keywords (values `str` or `None`) put over those of another.
#[pyfunction]
fn merge_conninfo(conninfo: &str, keywords: &Bound<'_, PyDict>) -> PyResult<String> {
    let mut arguments: Vec<(String, Option<String>)> = Vec::with_capacity(keywords.len());
    for (keyword, value) in keywords {
        arguments.push((keyword.extract()?, value.extract()?));
    }
    let borrowed: Vec<(&str, Option<&str>)> = arguments
        .iter()
        .map(|(keyword, value)| (keyword.as_str(), value.as_deref()))
        .collect();
    psycoxide_conninfo::make_conninfo(conninfo, &borrowed).map_err(|error| error::conninfo(&error))
}

/// All options with the values that apply if nothing is given: dictionaries of `keyword`,
/// `envvar`, `compiled`, `val`, `label`, `dispchar`, `dispsize`.
#[pyfunction]
fn conninfo_defaults(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let options = default_options(&environment::Process, profile())
        .map_err(|error| error::conninfo(&error))?;
    options
        .into_iter()
        .map(|option| option_dict(py, &option))
        .collect()
}

/// All options with the values that a connection string sets, as [`conninfo_defaults`].
#[pyfunction]
fn conninfo_options<'py>(py: Python<'py>, conninfo: &str) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let parameters = Parameters::parse(conninfo).map_err(|error| error::conninfo(&error))?;
    let options = psycoxide_conninfo::parsed_options(&parameters, profile());
    options
        .into_iter()
        .map(|option| option_dict(py, &option))
        .collect()
}

/// All options with the values in use, as `conninfo_defaults`; without settings none has one.
///
/// # Errors
/// When there is no memory for them.
pub fn options_in_use<'py>(
    py: Python<'py>,
    settings: Option<&Settings>,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let options = match settings {
        Some(settings) => psycoxide_conninfo::options_of(settings, profile()),
        None => psycoxide_conninfo::parsed_options(&Parameters::new(), profile()),
    };
    options
        .iter()
        .map(|option| option_dict(py, option))
        .collect()
}

fn option_dict<'py>(
    py: Python<'py>,
    option: &psycoxide_conninfo::ConninfoOption,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("keyword", option.keyword)?;
    dict.set_item("envvar", option.envvar)?;
    dict.set_item("compiled", option.compiled)?;
    dict.set_item("val", option.value.as_deref())?;
    dict.set_item("label", option.label)?;
    dict.set_item("dispchar", option.dispchar)?;
    dict.set_item("dispsize", option.dispsize)?;
    Ok(dict)
}

/// The configuration that these parameters (keyword to value; `None` is not given) come to.
///
/// # Errors
/// `ProgrammingError` or `OperationalError`, before anything is connected.
pub fn resolve(parameters: &Bound<'_, PyDict>) -> PyResult<Config> {
    let mut given = Parameters::new();
    for (keyword, value) in parameters {
        if value.is_none() {
            continue;
        }
        let keyword: String = keyword.extract()?;
        let value = value.str()?;
        given
            .set(&keyword, value.to_str()?)
            .map_err(|error| error::conninfo(&error))?;
    }
    psycoxide_conninfo::resolve(&given, &environment::Process, profile())
        .map_err(|error| error::conninfo(&error))
}

/// The configuration that a connection string comes to.
///
/// # Errors
/// Why it comes to none.
pub fn resolve_text(conninfo: &str) -> Result<Config, psycoxide_conninfo::Error> {
    let parameters = Parameters::parse(conninfo)?;
    psycoxide_conninfo::resolve(&parameters, &environment::Process, profile())
}

/// Warns the user of something odd.
///
/// # Errors
/// What a filter turns the warning into.
pub fn warn(py: Python<'_>, text: &str) -> PyResult<()> {
    let text = std::ffi::CString::new(text).unwrap_or_default();
    PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 2)
}

/// Registers this module's functions.
///
/// # Errors
/// When Python refuses.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(set_default_profile, module)?)?;
    module.add_function(wrap_pyfunction!(default_profile, module)?)?;
    module.add_function(wrap_pyfunction!(parse_conninfo, module)?)?;
    module.add_function(wrap_pyfunction!(merge_conninfo, module)?)?;
    module.add_function(wrap_pyfunction!(conninfo_defaults, module)?)?;
    module.add_function(wrap_pyfunction!(conninfo_options, module)?)
}
