//! Users' dumpers: an instance per class of values, called for each value.

use std::sync::{Arc, Mutex, PoisonError};

use psycoxide_sql::ParameterFormat;
use psycoxide_types::Oid;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::{Dumped, text};
use crate::adapt::error::Result;
use crate::adapt::formats;
use crate::adapt::transformer::Transformer;

/// An instance of a Dumper class.
#[derive(Debug)]
pub struct PythonDumper {
    /// The class of the values: the key that means "this dumper".
    class: Py<PyAny>,
    instance: Py<PyAny>,
    /// The `PyFormat` asked for, if the class wants to choose by the value (`get_key`, `upgrade`).
    choice: Option<Py<PyAny>>,
    /// The dumpers chosen so far, by the key that the instance gave.
    chosen: Mutex<Vec<(Py<PyAny>, Arc<PythonDumper>)>>,
}

/// Whether a dumper class has a `get_key` of its own, instead of the base's.
fn chooses(class: &Bound<'_, PyType>) -> PyResult<bool> {
    static BASE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = class.py();
    let name = intern!(py, "get_key");
    let base = BASE.get_or_try_init(py, || {
        PyResult::Ok(
            py.import("psycoxide.adapt")?
                .getattr("Dumper")?
                .getattr(name)?
                .unbind(),
        )
    })?;
    Ok(match class.getattr_opt(name)? {
        Some(own) => !own.is(base),
        None => false,
    })
}

impl PythonDumper {
    /// `dumper(class, context)`.
    pub fn new(
        dumper: &Bound<'_, PyType>,
        class: &Bound<'_, PyType>,
        context: &Bound<'_, Transformer>,
        format: ParameterFormat,
    ) -> PyResult<PythonDumper> {
        let py = class.py();
        let instance = dumper.call1((class, context))?;
        let choice = if chooses(dumper)? {
            Some(formats::parameter_format_to_python(py, format)?.unbind())
        } else {
            None
        };
        Ok(PythonDumper {
            class: class.clone().into_any().unbind(),
            instance: instance.unbind(),
            choice,
            chosen: Mutex::default(),
        })
    }

    /// An instance that is there already and makes no further choice.
    pub fn of_instance(instance: Bound<'_, PyAny>) -> PythonDumper {
        PythonDumper {
            class: instance.py().None(),
            instance: instance.unbind(),
            choice: None,
            chosen: Mutex::default(),
        }
    }

    /// The instance for a value: this one, or the one that it chooses.
    pub fn instance_for<'py>(
        &self,
        py: Python<'py>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let instance = self.instance.bind(py);
        let Some(format) = &self.choice else {
            return Ok(instance.clone());
        };
        let key = instance.call_method1(intern!(py, "get_key"), (value, format))?;
        if key.is(&self.class) {
            return Ok(instance.clone());
        }
        let known: Vec<_> = {
            let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
            chosen
                .iter()
                .map(|(key, dumper)| (key.clone_ref(py), Arc::clone(dumper)))
                .collect()
        };
        for (known, dumper) in &known {
            if known.bind(py).eq(&key)? {
                return Ok(dumper.instance.bind(py).clone());
            }
        }
        let upgraded = instance.call_method1(intern!(py, "upgrade"), (value, format))?;
        let dumper = Arc::new(Self::of_instance(upgraded.clone()));
        let mut chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        chosen.push((key.unbind(), dumper));
        Ok(upgraded)
    }

    /// Appends a value.
    pub fn dump<'py>(
        &self,
        py: Python<'py>,
        value: &Bound<'py, PyAny>,
        out: &mut Vec<u8>,
    ) -> Result<Dumped> {
        let instance = self.instance_for(py, value)?;
        let dumped = instance.call_method1(intern!(py, "dump"), (value,))?;
        // After the call: `dump` may change them.
        let oid: Oid = instance.getattr(intern!(py, "oid"))?.extract()?;
        let format = formats::format_of(&instance.getattr(intern!(py, "format"))?)?;
        let is_null = dumped.is_none();
        if !is_null {
            text::append_buffer(&dumped, out)?;
        }
        Ok(Dumped {
            oid,
            format,
            is_null,
        })
    }

    /// For the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.class)?;
        visit.call(&self.instance)?;
        visit.call(&self.choice)?;
        if let Ok(chosen) = self.chosen.try_lock() {
            for (key, dumper) in chosen.iter() {
                visit.call(key)?;
                dumper.traverse(visit)?;
            }
        }
        Ok(())
    }
}
