//! The members of the enumerations in `psycoxide.pq`, looked up once.

use psycoxide_connection::ExecStatus;
use psycoxide_protocol::TransactionStatus;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The member of this number of an enumeration; the members are looked up once.
fn member<'py>(
    py: Python<'py>,
    cache: &'static PyOnceLock<Vec<Option<Py<PyAny>>>>,
    name: &str,
    number: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let members = cache.get_or_try_init(py, || -> PyResult<_> {
        let class = py.import("psycoxide.pq")?.getattr(name)?;
        Ok((0..32)
            .map(|number| class.call1((number,)).ok().map(Bound::unbind))
            .collect())
    })?;
    match members.get(number) {
        Some(Some(member)) => Ok(member.bind(py).clone()),
        _ => py.import("psycoxide.pq")?.getattr(name)?.call1((number,)),
    }
}

/// A member of `psycoxide.pq.ExecStatus`.
pub fn exec_status(py: Python<'_>, status: ExecStatus) -> PyResult<Bound<'_, PyAny>> {
    static CACHE: PyOnceLock<Vec<Option<Py<PyAny>>>> = PyOnceLock::new();
    member(py, &CACHE, "ExecStatus", status as usize)
}

/// A member of `psycoxide.pq.TransactionStatus`.
pub fn transaction_status(py: Python<'_>, status: TransactionStatus) -> PyResult<Bound<'_, PyAny>> {
    static CACHE: PyOnceLock<Vec<Option<Py<PyAny>>>> = PyOnceLock::new();
    member(py, &CACHE, "TransactionStatus", status as usize)
}

/// A member of `psycoxide.pq.ConnStatus`.
pub fn conn_status(py: Python<'_>, number: usize) -> PyResult<Bound<'_, PyAny>> {
    static CACHE: PyOnceLock<Vec<Option<Py<PyAny>>>> = PyOnceLock::new();
    member(py, &CACHE, "ConnStatus", number)
}

/// A member of `psycoxide.pq.PollingStatus`.
pub fn polling_status(py: Python<'_>, number: usize) -> PyResult<Bound<'_, PyAny>> {
    static CACHE: PyOnceLock<Vec<Option<Py<PyAny>>>> = PyOnceLock::new();
    member(py, &CACHE, "PollingStatus", number)
}

/// A member of `psycoxide.pq.Ping`.
pub fn ping(py: Python<'_>, number: usize) -> PyResult<Bound<'_, PyAny>> {
    static CACHE: PyOnceLock<Vec<Option<Py<PyAny>>>> = PyOnceLock::new();
    member(py, &CACHE, "Ping", number)
}

/// `psycoxide.pq.PipelineStatus.OFF` or another member of that number.
pub fn pipeline_status(py: Python<'_>, number: usize) -> PyResult<Bound<'_, PyAny>> {
    static CACHE: PyOnceLock<Vec<Option<Py<PyAny>>>> = PyOnceLock::new();
    member(py, &CACHE, "PipelineStatus", number)
}
