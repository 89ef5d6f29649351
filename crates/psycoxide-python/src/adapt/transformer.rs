//! `Transformer`: the registry and the session's settings, applied to one cursor's values.
//!
//! What is found natively in the registry runs without a Python frame; instances of users'
//! dumpers and loaders are made here, once per class, with the transformer as their context.
//! Nothing is locked while Python code runs, because that code may come back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psycoxide_protocol::backend::Field;
use psycoxide_sql::ParameterFormat;
use psycoxide_types::{Format, Oid};
use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple, PyType};
use rustc_hash::FxHashMap;

use super::adapters_map::AdaptersMap;
use super::class::{DumperClass, LoaderClass};
use super::dump::Dumper;
use super::dump::python::PythonDumper;
use super::error::Result;
use super::load::Loader;
use super::load::python::PythonLoader;
use super::load::row::RowLoaders;
use super::python_api;
use super::registry::Registry;
use super::session::{Session, SessionHandle, SessionRef};

/// The base and the whole of `psycoxide.adapt.Transformer`.
#[pyclass(subclass, frozen, weakref, module = "psycoxide.adapt")]
#[derive(Debug)]
pub struct Transformer {
    adapters: Py<AdaptersMap>,
    connection: Option<Py<PyAny>>,
    session: SessionHandle,
    /// The contents of the adapters at some moment, for cursors that have none of their own: later
    /// changes of the connection's adapters do not affect them.
    frozen: Option<Mutex<Arc<Registry>>>,
    pub(super) state: Mutex<State>,
}

/// What a transformer remembers.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The registry's version that the caches were made from.
    version: u64,
    /// Users' dumpers, by the class's address and the format asked for.
    dumpers: FxHashMap<(usize, ParameterFormat), Arc<PythonDumper>>,
    /// Users' loaders, by type and format.
    loaders: FxHashMap<(Oid, Format), Arc<PythonLoader>>,
    /// The loaders of the last result's columns.
    row_loaders: Option<(Arc<[Field]>, Arc<RowLoaders>)>,
    /// What the Python API has set or found out.
    pub(super) python: PythonState,
}

/// The part of the state that only the Python API uses.
#[derive(Debug, Default)]
pub(super) struct PythonState {
    pub(super) pgresult: Option<Py<PyAny>>,
    pub(super) types: Option<Vec<Oid>>,
    pub(super) formats: Option<Vec<Format>>,
    /// The dumpers that `set_dumper_types` has fixed, one a column.
    pub(super) row_dumpers: Option<Arc<[Dumper]>>,
    /// The loaders that `set_loader_types` or `set_pgresult` has fixed, one a column.
    pub(super) row_loaders: Option<Arc<RowLoaders>>,
}

impl Transformer {
    /// A transformer for a cursor: its adapters, its connection's settings.
    pub fn create(
        adapters: Py<AdaptersMap>,
        connection: Option<Py<PyAny>>,
        session: SessionHandle,
    ) -> Transformer {
        Transformer {
            adapters,
            connection,
            session,
            frozen: None,
            state: Mutex::default(),
        }
    }

    /// A transformer for a cursor without adapters of its own: it works with those of its
    /// connection as they are now.
    pub fn create_frozen(
        adapters: Py<AdaptersMap>,
        connection: Option<Py<PyAny>>,
        session: SessionHandle,
    ) -> Transformer {
        let frozen = Some(Mutex::new(adapters.get().snapshot()));
        Transformer {
            frozen,
            ..Self::create(adapters, connection, session)
        }
    }

    /// The transformer of a context: the context itself if it is one, else a new one with its
    /// adapters and its connection; without a context, with the package's adapters.
    pub fn of_context<'py>(
        py: Python<'py>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Transformer>> {
        if let Some(transformer) = context.and_then(|context| context.cast::<Transformer>().ok()) {
            return Ok(transformer.clone());
        }
        Bound::new(py, Transformer::new(py, context)?)
    }

    /// The adapters.
    pub fn adapters(&self) -> &Py<AdaptersMap> {
        &self.adapters
    }

    /// The connection, if there is one.
    pub fn connection(&self) -> Option<&Py<PyAny>> {
        self.connection.as_ref()
    }

    /// Whether its registry means the same for as long as it lives.
    #[inline]
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// The session's settings now.
    #[inline]
    pub fn session(&self) -> Arc<Session> {
        self.session.load()
    }

    /// The registry's contents now.
    #[inline]
    pub fn registry(&self) -> Arc<Registry> {
        match &self.frozen {
            Some(frozen) => Arc::clone(&frozen.lock().unwrap_or_else(PoisonError::into_inner)),
            None => self.adapters.get().snapshot(),
        }
    }

    /// The dumper for a class that the registry does not know as it is: by a base, or by its name.
    pub(super) fn find_dumper(
        &self,
        class: &Bound<'_, PyType>,
        format: ParameterFormat,
    ) -> Result<Arc<DumperClass>> {
        let registry = self.registry();
        let (dumper, by_name) = registry.find_dumper(class, format)?;
        if let Some(base) = by_name {
            // The next look-up shall find the class itself.
            let live = self
                .adapters
                .get()
                .remember(&registry, &base, format, &dumper);
            if let Some(frozen) = &self.frozen {
                let mut registry = frozen.lock().unwrap_or_else(PoisonError::into_inner);
                let replaced = match live {
                    Some(live) => std::mem::replace(&mut *registry, live),
                    None => {
                        let mut own = Registry::clone(&registry);
                        own.remember(&base, format, &dumper);
                        std::mem::replace(&mut *registry, Arc::new(own))
                    }
                };
                drop(registry);
                drop(replaced);
            }
        }
        Ok(dumper)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, after what was cached from older contents of the registry is forgotten. The
    /// forgotten objects come back to be dropped when the lock is released.
    fn current_state(&self, version: u64) -> (MutexGuard<'_, State>, Option<State>) {
        let mut state = self.state();
        if state.version == version {
            return (state, None);
        }
        let stale = std::mem::take(&mut *state);
        state.version = version;
        let mut stale = stale;
        state.python = std::mem::take(&mut stale.python);
        (state, Some(stale))
    }

    /// The user's dumper for a class that is not dumped natively.
    pub(super) fn python_dumper<'py>(
        slf: &Bound<'py, Self>,
        registry: &Registry,
        class: &Bound<'py, PyType>,
        format: ParameterFormat,
        dumper_class: &DumperClass,
    ) -> PyResult<Arc<PythonDumper>> {
        let this = slf.get();
        let key = (class.as_type_ptr() as usize, format);
        {
            let (state, stale) = this.current_state(registry.version);
            let found = state.dumpers.get(&key).cloned();
            drop(state);
            drop(stale);
            if let Some(dumper) = found {
                return Ok(dumper);
            }
        }
        let dumper = PythonDumper::new(&dumper_class.class.get(slf.py())?, class, slf, format)?;
        let dumper = Arc::new(dumper);
        let replaced = this.state().dumpers.insert(key, Arc::clone(&dumper));
        drop(replaced);
        Ok(dumper)
    }

    /// The loader for a type: native, or an instance of the user's class; the loader of type 0
    /// for types that nobody registered.
    pub fn loader<'py>(slf: &Bound<'py, Self>, oid: Oid, format: Format) -> PyResult<Loader> {
        let registry = slf.get().registry();
        Self::loader_in(slf, &registry, oid, format, 0)
    }

    pub(super) fn loader_in<'py>(
        slf: &Bound<'py, Self>,
        registry: &Registry,
        oid: Oid,
        format: Format,
        depth: usize,
    ) -> PyResult<Loader> {
        let class = registry
            .loader_of(oid, format)
            .or_else(|| registry.loader_of(0, format))
            .ok_or_else(|| no_loader(format))?;
        match &class.native {
            Some(codec) => Loader::native(slf, registry, codec.clone(), depth),
            None => {
                let loader = Self::python_loader(slf, registry, oid, format, class)?;
                Ok(Loader::Python(loader))
            }
        }
    }

    pub(super) fn python_loader<'py>(
        slf: &Bound<'py, Self>,
        registry: &Registry,
        oid: Oid,
        format: Format,
        class: &LoaderClass,
    ) -> PyResult<Arc<PythonLoader>> {
        let this = slf.get();
        {
            let (state, stale) = this.current_state(registry.version);
            let found = state.loaders.get(&(oid, format)).cloned();
            drop(state);
            drop(stale);
            if let Some(loader) = found {
                return Ok(loader);
            }
        }
        let loader = Arc::new(PythonLoader::new(&class.class.get(slf.py())?, oid, slf)?);
        let replaced = this
            .state()
            .loaders
            .insert((oid, format), Arc::clone(&loader));
        drop(replaced);
        Ok(loader)
    }

    /// The loaders for the columns of a result. The last ones are kept: they are right as long as
    /// the description is the same object, and neither adapters nor settings have changed.
    pub fn row_loaders<'py>(
        slf: &Bound<'py, Self>,
        fields: &Arc<[Field]>,
    ) -> PyResult<Arc<RowLoaders>> {
        let this = slf.get();
        let registry = this.registry();
        let session = this.session();
        {
            let (state, stale) = this.current_state(registry.version);
            let found = state
                .row_loaders
                .as_ref()
                .and_then(|(for_fields, loaders)| {
                    (Arc::ptr_eq(for_fields, fields) && Arc::ptr_eq(loaders.session(), &session))
                        .then(|| Arc::clone(loaders))
                });
            drop(state);
            drop(stale);
            if let Some(loaders) = found {
                return Ok(loaders);
            }
        }
        let recent = this.session.recent_loaders();
        let loaders = match recent.find(fields, registry.version, &session) {
            Some(loaders) => loaders,
            None => {
                let loaders = RowLoaders::for_fields(slf, &registry, session, fields)?;
                let loaders = Arc::new(loaders);
                recent.keep(fields, registry.version, &loaders);
                loaders
            }
        };
        let replaced = this
            .state()
            .row_loaders
            .replace((Arc::clone(fields), Arc::clone(&loaders)));
        drop(replaced);
        Ok(loaders)
    }

    fn new(py: Python<'_>, context: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Some(context) = context else {
            let adapters = AdaptersMap::global(py)?.unbind();
            return Ok(Self::create(adapters, None, SessionHandle::default()));
        };
        let adapters = context
            .getattr(intern!(py, "adapters"))?
            .cast_into::<AdaptersMap>()?;
        let connection = context.getattr(intern!(py, "connection"))?;
        let connection = (!connection.is_none()).then_some(connection);
        let session = match context.cast::<Transformer>() {
            Ok(other) => other.get().session.clone(),
            Err(_) => SessionRef::of_connection(connection.as_ref())?,
        };
        Ok(Self::create(
            adapters.unbind(),
            connection.map(Bound::unbind),
            session,
        ))
    }
}

#[cold]
fn no_loader(format: Format) -> PyErr {
    super::error::InterfaceError::new_err(format!(
        "no loader is registered for unknown types in {} format",
        super::error::format_name(format)
    ))
}

#[pymethods]
impl Transformer {
    #[new]
    #[pyo3(signature = (context=None))]
    fn __new__(py: Python<'_>, context: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        Self::new(py, context.as_ref())
    }

    /// The transformer of a context: itself if it is one.
    #[staticmethod]
    fn from_context<'py>(
        py: Python<'py>,
        context: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        Self::of_context(py, context.as_ref())
    }

    /// The connection, or None.
    #[getter(connection)]
    fn connection_object(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.connection
            .as_ref()
            .map(|connection| connection.clone_ref(py))
    }

    /// The adapters.
    #[getter(adapters)]
    fn adapters_object(&self, py: Python<'_>) -> Py<AdaptersMap> {
        self.adapters.clone_ref(py)
    }

    /// The name of Python's codec for the client encoding.
    #[getter]
    fn encoding(&self) -> &'static str {
        self.session().encoding.python_name().unwrap_or("utf-8")
    }

    /// The result whose rows are loaded, or None.
    #[getter]
    fn pgresult(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.state()
            .python
            .pgresult
            .as_ref()
            .map(|result| result.clone_ref(py))
    }

    /// The types of the last sequence that was dumped, or None.
    #[getter]
    fn types<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let types = self.state().python.types.clone();
        types.map(|types| PyTuple::new(py, types)).transpose()
    }

    /// The formats of the last sequence that was dumped, or None.
    #[getter]
    fn formats<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let formats = self.state().python.formats.clone();
        formats
            .map(|formats| python_api::format_list(py, &formats))
            .transpose()
    }

    /// Sets the result whose rows are to be loaded; None forgets it.
    #[pyo3(signature = (result, *, set_loaders=true, format=None))]
    fn set_pgresult(
        slf: &Bound<'_, Self>,
        result: Option<Bound<'_, PyAny>>,
        set_loaders: bool,
        format: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        python_api::set_pgresult(slf, result, set_loaders, format.as_ref())
    }

    /// Fixes the types that sequences are dumped as, instead of finding out by their values.
    fn set_dumper_types(
        slf: &Bound<'_, Self>,
        types: Vec<Oid>,
        format: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        python_api::set_dumper_types(slf, types, super::formats::format_of(format)?)
    }

    /// Fixes the types that sequences are loaded from.
    fn set_loader_types(
        slf: &Bound<'_, Self>,
        types: Vec<Oid>,
        format: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        python_api::set_loader_types(slf, &types, super::formats::format_of(format)?)
    }

    /// The values as bytes, None for NULL. `types` and `formats` tell what became of them.
    fn dump_sequence<'py>(
        slf: &Bound<'py, Self>,
        params: &Bound<'py, PyAny>,
        formats: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        python_api::dump_sequence(slf, params, formats)
    }

    /// The value as a literal in SQL, with a cast where its type would be lost.
    fn as_literal<'py>(
        slf: &Bound<'py, Self>,
        obj: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(slf.py(), &python_api::as_literal(slf, obj)?))
    }

    /// The dumper instance for a value.
    fn get_dumper<'py>(
        slf: &Bound<'py, Self>,
        obj: &Bound<'py, PyAny>,
        format: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        python_api::get_dumper(slf, obj, super::formats::parameter_format_of(format)?)
    }

    /// The loader instance for a type.
    fn get_loader<'py>(
        slf: &Bound<'py, Self>,
        oid: Oid,
        format: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        python_api::get_loader(slf, oid, super::formats::format_of(format)?)
    }

    /// The rows `row0` to `row1` (not included) of the result.
    fn load_rows<'py>(
        slf: &Bound<'py, Self>,
        row0: usize,
        row1: usize,
        make_row: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        python_api::load_rows(slf, row0, row1, make_row)
    }

    /// A row of the result, None if it has no such row.
    fn load_row<'py>(
        slf: &Bound<'py, Self>,
        row: usize,
        make_row: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        python_api::load_row(slf, row, make_row)
    }

    /// The objects for a sequence of values.
    fn load_sequence<'py>(
        slf: &Bound<'py, Self>,
        record: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        python_api::load_sequence(slf, record)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.adapters)?;
        visit.call(&self.connection)?;
        // A state that is locked is in use; the collector will come again.
        if let Ok(state) = self.state.try_lock() {
            for dumper in state.dumpers.values() {
                dumper.traverse(&visit)?;
            }
            for loader in state.loaders.values() {
                loader.traverse(&visit)?;
            }
            visit.call(&state.python.pgresult)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let state = self
            .state
            .try_lock()
            .map(|mut state| std::mem::take(&mut *state));
        drop(state);
    }
}
