//! What Python sees of clusters: handles to look at them, and what finds them.
//!
//! `psycoxide.cluster` makes its objects of the tuples given here.

pub mod address_map;
pub mod handle;
pub mod log;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use psycoxide_client::ConnectOptions;
use psycoxide_client::cluster::{FindCluster, REGISTRY};
use psycoxide_client::operations::connect::Steps;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::connect::{addresses, run, to_python};
use crate::conninfo;
use crate::error;
use handle::{ClusterHandle, ClusterRefresh};

/// Finds the cluster that parameters lead to, and asks for its nodes if they are not known:
/// `ClusterFinder(parameters, address_map)`.
#[pyclass(frozen, module = "psycoxide._core")]
#[derive(Debug)]
pub struct ClusterFinder {
    options: Arc<ConnectOptions>,
    find: Mutex<FindCluster>,
}

#[pymethods]
impl ClusterFinder {
    /// Checks the parameters (keyword to value); nothing is connected yet. `address_map`: called
    /// in place of the text of `yb_address_map`.
    #[new]
    #[pyo3(signature = (parameters, address_map=None))]
    fn new(
        parameters: &Bound<'_, PyDict>,
        address_map: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<ClusterFinder> {
        let py = parameters.py();
        let config = conninfo::resolve(parameters)?;
        for warning in &config.warnings {
            conninfo::warn(py, &warning.to_string())?;
        }
        let options =
            ConnectOptions::for_cluster(&config).map_err(|error| error::connecting(py, error))?;
        let options = Arc::new(address_map::with_function(options, address_map)?);
        let find = Mutex::new(FindCluster::new(options.clone()));
        Ok(ClusterFinder { options, find })
    }

    /// Gives up: what was begun ends now, not when the last reference goes.
    fn abandon(&self) {
        let mut find = self.find.lock().unwrap_or_else(PoisonError::into_inner);
        *find = FindCluster::new(self.options.clone());
    }

    /// Finds it in this thread, with the interpreter released while waiting.
    fn run(&self, py: Python<'_>) -> PyResult<ClusterHandle> {
        let found = run(py, &self.find)?;
        log::write(py);
        found
            .map(ClusterHandle::new)
            .map_err(|error| error::connecting(py, error))
    }

    /// One step, for an event loop; see `Connector.step`.
    #[pyo3(signature = (resolved=None))]
    fn step<'py>(
        &self,
        py: Python<'py>,
        resolved: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let resolved = resolved.map(addresses).transpose()?;
        let mut find = self.find.lock().unwrap_or_else(PoisonError::into_inner);
        let step = address_map::interruptible(|| find.step(Instant::now(), resolved))?;
        drop(find);
        log::write(py);
        to_python(py, step, |cluster| Ok(ClusterHandle::new(cluster)))
    }
}

/// The clusters of this process.
#[pyfunction]
fn known_clusters(py: Python<'_>) -> Vec<ClusterHandle> {
    log::write(py);
    let clusters = REGISTRY.clusters();
    clusters.into_iter().map(ClusterHandle::new).collect()
}

/// Called before a fork: threads that have nothing to do end, until somebody connects.
#[pyfunction]
fn _before_fork() {
    psycoxide_client::cluster::rest();
}

/// Forgets every cluster of this process. What is told of them meanwhile is told first.
#[pyfunction]
fn forget_clusters(py: Python<'_>) {
    log::write(py);
    REGISTRY.clear();
}

/// Registers this module's classes and functions.
///
/// # Errors
/// When Python refuses.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ClusterFinder>()?;
    module.add_class::<ClusterHandle>()?;
    module.add_class::<ClusterRefresh>()?;
    module.add_function(wrap_pyfunction!(_before_fork, module)?)?;
    module.add_function(wrap_pyfunction!(known_clusters, module)?)?;
    module.add_function(wrap_pyfunction!(forget_clusters, module)?)
}
