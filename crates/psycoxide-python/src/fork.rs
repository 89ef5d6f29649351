//! Counting forks: a child process must not use its parent's connections.
//!
//! `os.register_at_fork` counts, so that telling costs one read of memory and no system call.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// How many forks lie between this process and the one that imported the module.
#[inline]
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Called in the child after a fork.
#[pyfunction]
pub fn _after_fork_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// Has Python call us after each fork.
///
/// # Errors
/// What `os.register_at_fork` raises.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_after_fork_in_child, module)?)?;
    let keywords = pyo3::types::PyDict::new(module.py());
    keywords.set_item("after_in_child", module.getattr("_after_fork_in_child")?)?;
    module.py().import("os")?.call_method("register_at_fork", (), Some(&keywords))?;
    Ok(())
}
