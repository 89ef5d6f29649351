//! `psycoxide._core`: the only crate that knows Python.
//!
//! - `connection`, `cursor`, `copy`, `connect`, `query`: what the classes of the package inherit and call;
//! - `operation`, `driver`, `event_loop`, `cooperative`: who runs operations, in a thread or on an
//!   event loop, and how it waits;
//! - `pipeline`, `command`, `notifications`: operations of connections;
//! - `shared`, `turn`, `fork`, `news`: one connection and the objects that share it;
//! - `cluster`: what is known of the nodes connected to;
//! - `adapt`: values; `pq`: the low level with libpq's names; `conninfo`; `sql`;
//! - `error`: the one place that makes the package's exceptions;
//! - `raw`: the only unsafe code.

pub mod adapt;
pub mod auto;
pub mod cluster;
pub mod command;
pub mod connect;
pub mod connection;
pub mod conninfo;
pub mod cooperative;
pub mod copy;
pub mod cursor;
pub mod driver;
pub mod error;
pub mod event_loop;
pub mod fork;
pub mod news;
pub mod notifications;
pub mod operation;
pub mod pipeline;
pub mod pq;
pub mod query;
pub mod raw;
pub mod shared;
pub mod sql;
pub mod template;
pub mod turn;

use std::sync::OnceLock;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// The core of psycoxide, in Rust.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    refuse_second_interpreter(module.py())?;
    adapt::register(module.py(), module)?;
    cluster::register(module)?;
    conninfo::register(module)?;
    fork::register(module)?;
    sql::register(module)?;
    module.add_class::<auto::Auto>()?;
    module.add_class::<connect::Connector>()?;
    module.add_class::<connection::ConnectionBase>()?;
    module.add_class::<copy::CopyBase>()?;
    module.add_class::<copy::read::CopyIterator>()?;
    module.add_class::<cursor::CursorBase>()?;
    module.add_class::<cursor::stream::Stream>()?;
    module.add_class::<pq::cancel::PGcancel>()?;
    module.add_class::<pq::cancel::PGcancelConn>()?;
    module.add_class::<pq::escaping::Escaping>()?;
    module.add_class::<pq::pgconn::PGconn>()?;
    module.add_class::<pq::result::PGresult>()?;
    Ok(())
}

/// Classes and exceptions are looked up once a process: in another interpreter of it they would be
/// those of the first, and no `except` clause would know them.
fn refuse_second_interpreter(py: Python<'_>) -> PyResult<()> {
    /// The module `sys` of the first interpreter: each has its own.
    static FIRST: OnceLock<usize> = OnceLock::new();
    let ours = py.import("sys")?.as_ptr() as usize;
    if *FIRST.get_or_init(|| ours) == ours {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "psycoxide is in use in another interpreter of this process, and cannot be shared between \
         them: import it in one interpreter only (with mod_wsgi: \
         WSGIApplicationGroup %{GLOBAL})",
    ))
}
