//! The core of connections: what their cursors share, how transactions begin, what is prepared.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use psycoxide_client::{IsolationLevel, PrepareMode, TransactionCharacteristics};
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::adapt::adapters_map::AdaptersMap;
use crate::auto::Auto;
use crate::error::{self, InterfaceError};
use crate::pq::pgconn::PGconn;
use crate::shared::Shared;

/// The base of `Connection` and `AsyncConnection`.
#[pyclass(subclass, frozen, weakref, module = "psycoxide._core")]
#[derive(Debug, Default)]
pub struct ConnectionBase {
    pgconn: OnceLock<Py<PGconn>>,
    shared: OnceLock<Arc<Shared>>,
    /// The connection's own adapters, once somebody has asked for them.
    adapters: Mutex<Option<Py<AdaptersMap>>>,
}

impl ConnectionBase {
    /// What the connection's objects share.
    ///
    /// # Errors
    /// `InterfaceError` if the object was never initialised.
    pub fn shared(&self) -> PyResult<&Arc<Shared>> {
        self.shared.get().ok_or_else(|| {
            InterfaceError::new_err("the connection was not initialised: use connect()")
        })
    }

    fn adapters_now(&self, py: Python<'_>) -> Option<Py<AdaptersMap>> {
        let adapters = self.adapters.lock().unwrap_or_else(PoisonError::into_inner);
        adapters.as_ref().map(|adapters| adapters.clone_ref(py))
    }

    /// The adapters that apply: the connection's own, or the package's.
    ///
    /// # Errors
    /// What importing the package's adapters raises.
    pub fn adapters_in_use(&self, py: Python<'_>) -> PyResult<Py<AdaptersMap>> {
        match self.adapters_now(py) {
            Some(adapters) => Ok(adapters),
            None => Ok(AdaptersMap::global(py)?.clone().unbind()),
        }
    }

    /// The connection's own adapters, made when first asked for.
    ///
    /// # Errors
    /// As [`adapters_in_use`](Self::adapters_in_use).
    pub fn own_adapters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, AdaptersMap>> {
        if let Some(adapters) = self.adapters_now(py) {
            return Ok(adapters.into_bound(py));
        }
        let adapters = AdaptersMap::copy(&AdaptersMap::global(py)?)?;
        let mut own = self.adapters.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = own.get_or_insert_with(|| adapters.unbind());
        Ok(kept.bind(py).clone())
    }
}

#[pymethods]
impl ConnectionBase {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(args: &Bound<'_, PyAny>, kwargs: Option<&Bound<'_, PyAny>>) -> ConnectionBase {
        // Subclasses may take whatever they like; _init gets what matters.
        let _ = (args, kwargs);
        ConnectionBase::default()
    }

    /// Takes over an established connection.
    fn _init(&self, pgconn: &Bound<'_, PGconn>) {
        let _ = self.shared.set(pgconn.get().shared().clone());
        let _ = self.pgconn.set(pgconn.clone().unbind());
    }

    /// The connection as the low level has it, with libpq's names.
    #[getter]
    fn pgconn<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PGconn>> {
        self.shared()?;
        let pgconn = self.pgconn.get().map(|pgconn| pgconn.bind(py).clone());
        pgconn.ok_or_else(|| InterfaceError::new_err("the connection was not initialised"))
    }

    /// The adapters of this connection: changes affect the cursors made from then on.
    #[getter]
    fn adapters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, AdaptersMap>> {
        self.own_adapters(py)
    }

    /// Takes the adapters of a context.
    fn _set_adapters(&self, adapters: &Bound<'_, AdaptersMap>) -> PyResult<()> {
        let copy = AdaptersMap::copy(adapters)?.unbind();
        *self.adapters.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
        Ok(())
    }

    /// Has types that nobody has registered looked up from now on.
    fn _set_auto_types(&self, auto: Py<Auto>) -> PyResult<()> {
        self.shared()?.set_auto(auto);
        Ok(())
    }

    /// Whether the connection is closed, or lost.
    #[getter]
    fn closed(&self) -> PyResult<bool> {
        Ok(!self.shared()?.is_open())
    }

    /// Whether the connection was lost: closed, and not by `close()`.
    #[getter]
    fn broken(&self) -> PyResult<bool> {
        let shared = self.shared()?;
        Ok(shared.is_lost())
    }

    /// The descriptor of the socket.
    ///
    /// Raises `OperationalError` if the connection is closed.
    fn fileno(&self) -> PyResult<i32> {
        let shared = self.shared()?;
        shared.fd().ok_or_else(|| error::closed(shared))
    }

    /// Fails unless the connection can be used.
    fn _check_connection_ok(&self) -> PyResult<()> {
        let shared = self.shared()?;
        if shared.is_open() {
            return Ok(());
        }
        if shared.is_closed_by_user() {
            return Err(error::OperationalError::new_err("the connection is closed"));
        }
        Err(error::lost(shared))
    }

    /// The number of the transaction status: of `psycoxide.pq.TransactionStatus`.
    #[getter]
    fn _transaction_status(&self) -> PyResult<u8> {
        Ok(self.shared()?.transaction_status() as u8)
    }

    #[getter]
    fn _autocommit(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self
            .shared()?
            .with(py, |connection| connection.autocommit()))
    }

    #[setter(_autocommit)]
    fn set_autocommit(&self, py: Python<'_>, value: bool) -> PyResult<()> {
        self.shared()?
            .with(py, |connection| connection.set_autocommit(value));
        Ok(())
    }

    /// `(isolation level's number, read only, deferrable)`, each maybe `None`.
    #[getter]
    fn _characteristics(
        &self,
        py: Python<'_>,
    ) -> PyResult<(Option<u8>, Option<bool>, Option<bool>)> {
        let now = self
            .shared()?
            .with(py, |connection| connection.characteristics());
        Ok((
            now.isolation_level.map(|level| level as u8),
            now.read_only,
            now.deferrable,
        ))
    }

    #[setter(_characteristics)]
    fn set_characteristics(
        &self,
        py: Python<'_>,
        value: (Option<u8>, Option<bool>, Option<bool>),
    ) -> PyResult<()> {
        let isolation_level = match value.0 {
            None => None,
            Some(1) => Some(IsolationLevel::ReadUncommitted),
            Some(2) => Some(IsolationLevel::ReadCommitted),
            Some(3) => Some(IsolationLevel::RepeatableRead),
            Some(4) => Some(IsolationLevel::Serializable),
            Some(_) => return Err(error::misuse("there is no such isolation level")),
        };
        let characteristics = TransactionCharacteristics {
            isolation_level,
            read_only: value.1,
            deferrable: value.2,
        };
        self.shared()?.with(py, |connection| {
            connection.set_characteristics(characteristics)
        });
        Ok(())
    }

    /// The statement that opens a transaction, `bytes`.
    fn _begin_statement(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        Ok(self.shared()?.with(py, |connection| {
            connection.begin_statement().text().to_vec()
        }))
    }

    /// After how many executions a query is prepared; `None`: never. 5 by default.
    #[getter]
    fn prepare_threshold(&self, py: Python<'_>) -> PyResult<Option<u32>> {
        Ok(self
            .shared()?
            .with(py, |connection| connection.statements.threshold()))
    }

    #[setter]
    fn set_prepare_threshold(&self, py: Python<'_>, value: Option<u32>) -> PyResult<()> {
        self.shared()?
            .with(py, |connection| connection.statements.set_threshold(value));
        Ok(())
    }

    /// How many statements are kept prepared; `None`: any number. 100 by default.
    #[getter]
    fn prepared_max(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        Ok(self
            .shared()?
            .with(py, |connection| connection.statements.capacity()))
    }

    #[setter]
    fn set_prepared_max(&self, py: Python<'_>, value: Option<usize>) -> PyResult<()> {
        self.shared()?
            .with(py, |connection| connection.statements.set_capacity(value));
        Ok(())
    }

    /// How long a prepared statement is relied on: "session", "transaction" or "statement", by the
    /// pooling mode of what stands between the driver and the server. What was prepared before it
    /// is changed is forgotten.
    #[getter]
    fn prepare_mode(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self
            .shared()?
            .with(py, |connection| connection.statements.mode().as_str()))
    }

    #[setter]
    fn set_prepare_mode(&self, py: Python<'_>, value: &str) -> PyResult<()> {
        let mode = PrepareMode::from_name(value).ok_or_else(|| {
            PyValueError::new_err(format!(
                "there is no prepare_mode {value:?}: it is session, transaction or statement"
            ))
        })?;
        self.shared()?
            .with(py, |connection| connection.statements.set_mode(mode));
        Ok(())
    }

    /// The Python codec of the connection.
    #[getter]
    fn _encoding(&self) -> PyResult<String> {
        Ok(error::encoding_name(self.shared()?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(adapters) = self.adapters.try_lock() {
            visit.call(&*adapters)?;
        }
        Ok(())
    }
}
