//! The core of cursors: parameters in, results and rows out.
//!
//! `psycoxide.Cursor` and its relatives inherit [`CursorBase`]. What executes a query returns at
//! once on a synchronous connection, and something to await on an asynchronous one; what fetches
//! never waits: the results are here.

pub(crate) mod copy;
pub(crate) mod execute;
pub(crate) mod fetch;
mod pending;
mod results;
mod server;
pub(crate) mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psycoxide_client::Query;
use psycoxide_protocol::Format;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::adapt::adapters_map::AdaptersMap;
use crate::adapt::load::row::{RowLoaders, RowMaker};
use crate::adapt::transformer::Transformer;
use crate::connection::ConnectionBase;
use crate::error::InterfaceError;
use crate::pq::result::PGresult;
use crate::shared::Shared;
use results::Results;

/// The base of all cursors.
#[pyclass(subclass, frozen, weakref, module = "psycoxide._core")]
#[derive(Debug, Default)]
pub struct CursorBase {
    inner: Mutex<Inner>,
}

/// What a cursor knows. Python is never called while it is locked.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    connection: Option<Py<ConnectionBase>>,
    shared: Option<Arc<Shared>>,
    row_factory: Option<Py<PyAny>>,
    /// The cursor's own adapters, once somebody has asked for them.
    adapters: Option<Py<AdaptersMap>>,
    transformer: Option<Py<Transformer>>,
    pub(crate) results: Results,
    /// How to load the rows of the current result, once that is known.
    loaders: Option<Arc<RowLoaders>>,
    maker: Option<RowMaker>,
    /// What was executed last.
    query: Option<Arc<Query>>,
    /// What is on its way in a pipeline.
    pending: pending::Pending,
    closed: bool,
    arraysize: usize,
    format: Format,
    /// Set for a cursor on the server.
    server: Option<Box<server::Server>>,
}

impl CursorBase {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the connection's objects share.
    ///
    /// # Errors
    /// `InterfaceError` if the cursor is closed, or was never initialised.
    pub(crate) fn shared(&self) -> PyResult<Arc<Shared>> {
        let inner = self.lock();
        if inner.closed {
            return Err(InterfaceError::new_err("the cursor is closed"));
        }
        inner.shared.clone().ok_or_else(not_initialised)
    }

    /// The cursor's transformer, made when first needed.
    pub(crate) fn transformer<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Transformer>> {
        let py = slf.py();
        let (connection, shared, adapters) = {
            let inner = slf.get().lock();
            if let Some(transformer) = &inner.transformer {
                return Ok(transformer.bind(py).clone());
            }
            let connection = inner.connection.as_ref().ok_or_else(not_initialised)?;
            let shared = inner.shared.clone().ok_or_else(not_initialised)?;
            let adapters = inner
                .adapters
                .as_ref()
                .map(|adapters| adapters.clone_ref(py));
            (connection.clone_ref(py), shared, adapters)
        };
        let session = shared.session.clone();
        let transformer = match adapters {
            Some(adapters) => Transformer::create(adapters, Some(connection.into_any()), session),
            None => {
                let adapters = connection.bind(py).get().adapters_in_use(py)?;
                Transformer::create_frozen(adapters, Some(connection.into_any()), session)
            }
        };
        let transformer = Bound::new(py, transformer)?;
        slf.get().lock().transformer = Some(transformer.clone().unbind());
        Ok(transformer)
    }
}

impl CursorBase {
    /// The cursor's own adapters, if somebody has asked for them.
    pub(crate) fn adapters_of_its_own(&self, py: Python<'_>) -> Option<Py<AdaptersMap>> {
        let inner = self.lock();
        inner
            .adapters
            .as_ref()
            .map(|adapters| adapters.clone_ref(py))
    }

    /// Lets the cursor take over what has been registered on its connection meanwhile.
    pub(crate) fn forget_transformer(&self) {
        let old = {
            let mut inner = self.lock();
            (inner.transformer.take(), inner.loaders.take())
        };
        drop(old);
    }
}

pub(crate) fn not_initialised() -> PyErr {
    InterfaceError::new_err("the cursor was not initialised: call super().__init__()")
}

#[pymethods]
impl CursorBase {
    // What Python shows as the signature of the classes is that of __init__.
    #[new]
    #[pyo3(
        signature = (*args, **kwargs),
        text_signature = "(connection, *, row_factory=None)"
    )]
    fn new(args: &Bound<'_, PyAny>, kwargs: Option<&Bound<'_, PyAny>>) -> CursorBase {
        // Subclasses may take whatever they like; __init__ gets what matters.
        let _ = (args, kwargs);
        CursorBase::default()
    }

    /// What the classes have as `__init__`: as a slot it could not show its signature.
    #[pyo3(signature = (connection, *, row_factory=None))]
    fn _initialise(
        slf: &Bound<'_, Self>,
        connection: &Bound<'_, ConnectionBase>,
        row_factory: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let row_factory = match row_factory {
            Some(row_factory) => row_factory,
            None => connection.getattr(pyo3::intern!(py, "row_factory"))?,
        };
        let shared = connection.get().shared()?.clone();
        let mut inner = slf.get().lock();
        inner.connection = Some(connection.clone().unbind());
        inner.shared = Some(shared);
        inner.row_factory = Some(row_factory.unbind());
        inner.arraysize = 1;
        Ok(())
    }

    /// The connection this cursor is using.
    #[getter]
    fn connection<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, ConnectionBase>> {
        let inner = self.lock();
        Ok(inner
            .connection
            .as_ref()
            .ok_or_else(not_initialised)?
            .bind(py)
            .clone())
    }

    /// The adapters of this cursor: changes affect only values it sends and loads.
    #[getter]
    fn adapters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, AdaptersMap>> {
        let connection = {
            let mut inner = self.lock();
            if let Some(adapters) = &inner.adapters {
                let adapters = adapters.bind(py).clone();
                // Who asks may change them, also for rows that are here already.
                let old = inner.loaders.take();
                drop(inner);
                drop(old);
                return Ok(adapters);
            }
            inner
                .connection
                .as_ref()
                .ok_or_else(not_initialised)?
                .clone_ref(py)
        };
        let template = connection.bind(py).get().own_adapters(py)?;
        let adapters = AdaptersMap::copy(&template)?;
        let mut inner = self.lock();
        inner.adapters = Some(adapters.clone().unbind());
        let (old, _) = (inner.transformer.take(), inner.loaders.take());
        drop(inner);
        drop(old);
        Ok(adapters)
    }

    /// Makes rows out of values: a row factory. Setting it affects the rows fetched from then on.
    #[getter]
    fn row_factory<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let inner = self.lock();
        Ok(inner
            .row_factory
            .as_ref()
            .ok_or_else(not_initialised)?
            .bind(py)
            .clone())
    }

    #[setter]
    fn set_row_factory(slf: &Bound<'_, Self>, row_factory: Bound<'_, PyAny>) -> PyResult<()> {
        let has_result = {
            let mut inner = slf.get().lock();
            inner.row_factory = Some(row_factory.unbind());
            inner.maker = None;
            inner.results.current().is_some()
        };
        if has_result {
            Self::prepare_maker(slf)
        } else {
            Ok(())
        }
    }

    /// The format of the data returned: `TEXT` (0) or `BINARY` (1).
    #[getter]
    fn format<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let format = self.lock().format;
        crate::adapt::formats::to_python(py, format)
    }

    #[setter]
    fn set_format(&self, format: &Bound<'_, PyAny>) -> PyResult<()> {
        let format = crate::adapt::formats::format_of(format)?;
        self.lock().format = format;
        Ok(())
    }

    /// The number of rows that `fetchmany()` fetches if it is not told.
    #[getter]
    fn arraysize(&self) -> usize {
        self.lock().arraysize
    }

    #[setter]
    fn set_arraysize(&self, size: usize) {
        self.lock().arraysize = size;
    }

    /// Whether the cursor is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.lock().closed
    }

    /// Ends the cursor's life and forgets its results.
    fn _close(&self) {
        let results = {
            let mut inner = self.lock();
            inner.closed = true;
            inner.loaders = None;
            inner.maker = None;
            std::mem::take(&mut inner.results)
        };
        drop(results);
    }

    /// The Python codec of the connection.
    #[getter]
    fn _encoding(&self) -> PyResult<String> {
        let shared = self.lock().shared.clone().ok_or_else(not_initialised)?;
        Ok(crate::error::encoding_name(&shared))
    }

    /// The transformer that dumps and loads this cursor's values.
    #[getter]
    fn _tx<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Transformer>> {
        Self::transformer(slf)
    }

    /// The current result, as the low level has it; `None` without one.
    #[getter]
    fn pgresult(&self) -> Option<PGresult> {
        let inner = self.lock();
        let result = inner.results.current()?.clone();
        Some(PGresult::new(result, inner.query.clone()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(inner) = self.inner.try_lock() {
            visit.call(&inner.connection)?;
            visit.call(&inner.row_factory)?;
            visit.call(&inner.adapters)?;
            visit.call(&inner.transformer)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let inner = std::mem::take(&mut *self.lock());
        drop(inner);
    }
}
