//! The wrappers `Json` and `Jsonb`: their object, serialised by a Python function.

use std::sync::{Mutex, PoisonError};

use psycoxide_types::Format;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};

use super::{DumpContext, Dumped, text};
use crate::adapt::codec::{DumpCodec, DumpKind};
use crate::adapt::error::Result;

/// The function that programs have set to serialise JSON, if any.
static DUMPS: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

/// Sets the function that serialises JSON in the whole process; None for `json.dumps`.
#[pyfunction]
#[pyo3(name = "_set_json_dumps")]
pub fn set_json_dumps(dumps: Option<Py<PyAny>>) {
    let replaced = std::mem::replace(
        &mut *DUMPS.lock().unwrap_or_else(PoisonError::into_inner),
        dumps,
    );
    drop(replaced);
}

fn serialiser<'py>(py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    static JSON_DUMPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let hook = {
        let dumps = DUMPS.lock().unwrap_or_else(PoisonError::into_inner);
        dumps.as_ref().map(|dumps| dumps.clone_ref(py))
    };
    if let Some(hook) = hook {
        return Ok(hook.into_bound(py));
    }
    let dumps = JSON_DUMPS.get_or_try_init(py, || {
        PyResult::Ok(py.import("json")?.getattr("dumps")?.unbind())
    })?;
    Ok(dumps.bind(py).clone())
}

/// The base of `Json` and `Jsonb`.
fn wrapper(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "psycoxide.types.json", "_JsonWrapper")
}

/// A wrapper's object as JSON.
pub fn dump_json(
    codec: &DumpCodec,
    cx: &DumpContext<'_, '_>,
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let py = cx.py;
    let (object, own) = if value.is_instance(wrapper(py)?)? {
        let own = value.getattr(intern!(py, "dumps"))?;
        (
            value.getattr(intern!(py, "obj"))?,
            (!own.is_none()).then_some(own),
        )
    } else {
        // The dumper was registered for another class, say dict.
        (value.clone(), None)
    };
    let dumps = match own {
        Some(own) => own,
        None => serialiser(py)?,
    };
    let json = dumps.call1((object,))?;
    if codec.kind == DumpKind::Jsonb && codec.format == Format::Binary {
        // The version of jsonb's binary format.
        out.push(1);
    }
    if let Ok(json) = json.cast::<PyString>() {
        // JSON is UTF-8 whatever the client encoding is, if Python's escapes are not used.
        cx.session.encoding.dump(json, out)?;
    } else {
        text::append_buffer(&json, out)?;
    }
    Ok(codec.wrote())
}
