//! Users' loaders: one instance per type and transformer, called for each value.

use psycoxide_types::Oid;
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

use crate::adapt::error::Result;
use crate::adapt::transformer::Transformer;

/// An instance of a Loader class.
#[derive(Debug)]
pub struct PythonLoader {
    instance: Py<PyAny>,
    /// Its bound `load`.
    load: Py<PyAny>,
}

impl PythonLoader {
    /// `cls(oid, context)`.
    pub fn new(
        class: &Bound<'_, PyType>,
        oid: Oid,
        context: &Bound<'_, Transformer>,
    ) -> PyResult<PythonLoader> {
        let instance = class.call1((oid, context))?;
        let load = instance.getattr(intern!(class.py(), "load"))?;
        Ok(PythonLoader {
            instance: instance.unbind(),
            load: load.unbind(),
        })
    }

    /// The instance.
    pub fn instance<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.instance.bind(py).clone()
    }

    /// The Python object for a value.
    #[inline]
    pub fn load<'py>(&self, py: Python<'py>, data: &[u8]) -> Result<Bound<'py, PyAny>> {
        Ok(self.load.bind(py).call1((PyBytes::new(py, data),))?)
    }

    /// For the garbage collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.instance)?;
        visit.call(&self.load)
    }
}
