//! `AdaptersMap`, the Python side of a registry.
//!
//! Three levels hold one each: the package, a connection, a cursor.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psycoxide_sql::ParameterFormat;
use psycoxide_types::{Format, Oid};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

use super::builtin;
use super::class::{DumperClass, LoaderClass, class_format};
use super::error::{Failure, ProgrammingError, Result};
use super::formats;
use super::registry::{Registry, parameter_format};

/// The base of `psycoxide.adapt.AdaptersMap`.
#[pyclass(subclass, frozen, module = "psycoxide._core")]
#[derive(Debug)]
pub struct AdaptersMap {
    registry: Mutex<Arc<Registry>>,
    types: Py<PyAny>,
}

impl AdaptersMap {
    fn lock(&self) -> MutexGuard<'_, Arc<Registry>> {
        // The registry is consistent whatever happened in another thread: each change is one call.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The contents now; later changes are not seen through it.
    #[inline]
    pub fn snapshot(&self) -> Arc<Registry> {
        Arc::clone(&self.lock())
    }

    /// The version now.
    #[inline]
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// The package's map, `psycoxide.adapters`.
    pub fn global(py: Python<'_>) -> PyResult<Bound<'_, AdaptersMap>> {
        static GLOBAL: PyOnceLock<Py<AdaptersMap>> = PyOnceLock::new();
        let adapters = GLOBAL.get_or_try_init(py, || {
            let adapters = py.import("psycoxide.postgres")?.getattr("adapters")?;
            PyResult::Ok(adapters.cast_into::<AdaptersMap>()?.unbind())
        })?;
        Ok(adapters.bind(py).clone())
    }

    /// A `psycoxide.adapt.AdaptersMap` with the contents of this one.
    pub fn copy<'py>(template: &Bound<'py, AdaptersMap>) -> PyResult<Bound<'py, AdaptersMap>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let class = CLASS.import(template.py(), "psycoxide.adapt", "AdaptersMap")?;
        Ok(class.call1((template,))?.cast_into()?)
    }

    /// The TypesRegistry.
    pub fn types_registry<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.types.bind(py)
    }

    /// Changes the contents. What `change` returns is dropped after the lock is released, because
    /// dropping a Python object may run code.
    fn change<R>(&self, change: impl FnOnce(&mut Registry) -> R) {
        let replaced = {
            let mut registry = self.lock();
            let registry = Arc::make_mut(&mut registry);
            registry.renew();
            change(registry)
        };
        drop(replaced);
    }

    /// The dumper for a class: its own, or that of the first base that has one, where a base may
    /// be registered by the name of its class.
    pub fn find_dumper(
        &self,
        class: &Bound<'_, PyType>,
        format: ParameterFormat,
    ) -> Result<Arc<DumperClass>> {
        let registry = self.snapshot();
        let (dumper, by_name) = registry.find_dumper(class, format)?;
        if let Some(base) = by_name {
            self.remember(&registry, &base, format, &dumper);
        }
        Ok(dumper)
    }

    /// Lets a class be found by itself that was found by its name in `seen`; the contents then.
    /// Nothing if the contents are others by now.
    pub(super) fn remember(
        &self,
        seen: &Registry,
        class: &Bound<'_, PyType>,
        format: ParameterFormat,
        dumper: &Arc<DumperClass>,
    ) -> Option<Arc<Registry>> {
        let mut registry = self.lock();
        if registry.version != seen.version {
            return None;
        }
        // Nothing is replaced, hence nothing dropped under the lock.
        Arc::make_mut(&mut registry).remember(class, format, dumper);
        Some(Arc::clone(&registry))
    }

    /// The dumper that produces this PostgreSQL type.
    pub fn find_dumper_by_oid(
        &self,
        py: Python<'_>,
        oid: Oid,
        format: Format,
    ) -> PyResult<Arc<DumperClass>> {
        let found = self.snapshot().dumper_by_oid(oid, format).cloned();
        found.ok_or_else(|| self.no_dumper_for_oid(py, oid, format))
    }

    #[cold]
    fn no_dumper_for_oid(&self, py: Python<'_>, oid: Oid, format: Format) -> PyErr {
        let info = self.types.bind(py).call_method1(intern!(py, "get"), (oid,));
        let name = info.and_then(|info| info.getattr(intern!(py, "name")));
        let what = match name {
            Ok(name) => format!("type {name} (oid {oid})"),
            Err(_) => format!("unknown type with oid {oid}"),
        };
        let format = match format {
            Format::Text => "TEXT",
            Format::Binary => "BINARY",
        };
        ProgrammingError::new_err(format!("cannot find a dumper for {what} format {format}"))
    }
}

#[pymethods]
impl AdaptersMap {
    #[new]
    #[pyo3(signature = (template=None, types=None))]
    fn new(
        py: Python<'_>,
        template: Option<Bound<'_, AdaptersMap>>,
        types: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        static TYPES: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let (registry, types) = match (template, types) {
            (Some(template), _) => {
                let template = template.get();
                let class = TYPES.import(py, "psycoxide.types", "TypesRegistry")?;
                (template.snapshot(), class.call1((&template.types,))?)
            }
            (None, Some(types)) => (Arc::default(), types),
            (None, None) => {
                let class = TYPES.import(py, "psycoxide.types", "TypesRegistry")?;
                (Arc::default(), class.call0()?)
            }
        };
        Ok(AdaptersMap {
            registry: Mutex::new(registry),
            types: types.unbind(),
        })
    }

    /// The types known here, by name and OID.
    #[getter]
    fn types(&self, py: Python<'_>) -> Py<PyAny> {
        self.types.clone_ref(py)
    }

    /// The map itself: a map is a context for adaptation.
    #[getter]
    fn adapters(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// None: a map belongs to no connection by itself.
    #[getter]
    fn connection(&self) -> Option<Py<PyAny>> {
        None
    }

    /// Registers a dumper class for a Python type (a class, or its name `module.Class`), for the
    /// format that it writes and for automatic choice. With None it is found by its OID only.
    fn register_dumper(&self, cls: &Bound<'_, PyAny>, dumper: &Bound<'_, PyType>) -> PyResult<()> {
        let py = cls.py();
        let format = class_format(dumper)?;
        let oid: Oid = match dumper.getattr_opt(intern!(py, "oid"))? {
            Some(oid) => oid.extract()?,
            None => 0,
        };
        let entry = Arc::new(DumperClass::new(dumper)?);
        let formats = [ParameterFormat::Auto, parameter_format(format)];
        let by_oid = |registry: &mut Registry| {
            (oid != 0).then(|| registry.set_dumper_by_oid(oid, format, Arc::clone(&entry)))
        };
        if cls.is_none() {
            self.change(by_oid);
        } else if let Ok(class) = cls.cast::<PyType>() {
            self.change(|registry| {
                (
                    formats.map(|format| registry.set_dumper(format, class, Arc::clone(&entry))),
                    by_oid(registry),
                )
            });
        } else if let Ok(name) = cls.cast::<PyString>() {
            let name = name.to_str()?;
            self.change(|registry| {
                (
                    formats.map(|format| registry.set_named(format, name, Arc::clone(&entry))),
                    by_oid(registry),
                )
            });
        } else {
            return Err(PyTypeError::new_err(format!(
                "dumpers should be registered on classes, got {cls} instead"
            )));
        }
        Ok(())
    }

    /// Registers a loader class for a PostgreSQL type (its OID or its name), for the format that
    /// it reads.
    fn register_loader(&self, oid: &Bound<'_, PyAny>, loader: &Bound<'_, PyType>) -> PyResult<()> {
        let py = oid.py();
        let oid: Oid = if oid.is_instance_of::<PyString>() {
            self.types
                .bind(py)
                .get_item(oid)?
                .getattr(intern!(py, "oid"))?
                .extract()?
        } else {
            oid.extract().map_err(|_| {
                PyTypeError::new_err(format!(
                    "loaders should be registered on oid, got {oid} instead"
                ))
            })?
        };
        let format = class_format(loader)?;
        let entry = Arc::new(LoaderClass::new(loader)?);
        self.change(|registry| registry.set_loader(oid, format, entry));
        Ok(())
    }

    /// The dumper class for a Python type: its own, or that of its nearest base.
    fn get_dumper<'py>(
        &self,
        py: Python<'py>,
        cls: &Bound<'py, PyType>,
        format: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyType>> {
        let format = formats::parameter_format_of(format)?;
        let dumper = self
            .find_dumper(cls, format)
            .map_err(Failure::into_exception)?;
        dumper.class.get(py)
    }

    /// The dumper class that writes this PostgreSQL type in this format.
    fn get_dumper_by_oid<'py>(
        &self,
        py: Python<'py>,
        oid: Oid,
        format: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyType>> {
        let dumper = self.find_dumper_by_oid(py, oid, formats::format_of(format)?)?;
        dumper.class.get(py)
    }

    /// The loader class for a PostgreSQL type in this format, or None.
    fn get_loader<'py>(
        &self,
        py: Python<'py>,
        oid: Oid,
        format: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyType>>> {
        let loader = self
            .snapshot()
            .loader_of(oid, formats::format_of(format)?)
            .cloned();
        loader.map(|loader| loader.class.get(py)).transpose()
    }

    /// Registers an array type whose classes are made when they are asked for.
    #[pyo3(name = "_register_array")]
    fn register_array(
        &self,
        name: &str,
        array: Oid,
        element: Oid,
        delimiter: &[u8],
    ) -> PyResult<()> {
        let [delimiter] = *delimiter else {
            return Err(PyValueError::new_err("an array's delimiter is one byte"));
        };
        self.change(|registry| registry.add_array(name, array, element, delimiter));
        Ok(())
    }

    /// What is registered, for looking at: for each format the dumpers by class or name, and the
    /// loaders by OID.
    #[pyo3(name = "_registered")]
    fn registered<'py>(&self, py: Python<'py>) -> PyResult<[Vec<Bound<'py, PyDict>>; 2]> {
        let registry = self.snapshot();
        Ok([registry.dumpers(py)?, registry.loaders(py)?])
    }

    /// Has the contents that another map has now, and its types.
    #[pyo3(name = "_restore")]
    fn restore(&self, py: Python<'_>, other: &Bound<'_, AdaptersMap>) -> PyResult<()> {
        let contents = other.get().snapshot();
        self.change(|registry| {
            let version = registry.version;
            let old = std::mem::replace(registry, Registry::clone(&contents));
            registry.version = version;
            old
        });
        let types = other.get().types.bind(py);
        self.types
            .bind(py)
            .call_method1(intern!(py, "_restore"), (types,))?;
        Ok(())
    }

    /// Registers the adapters of the package.
    #[pyo3(name = "_register_builtins")]
    fn register_builtins(&self, py: Python<'_>) {
        self.change(|registry| builtin::register(py, registry));
    }
}
