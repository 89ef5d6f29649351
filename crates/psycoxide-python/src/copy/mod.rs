//! The core of `Copy` and `AsyncCopy`: rows to data and back, and the operations that move data.
//!
//! [`CopyBase`] gathers what is written into pieces and takes what is read apart; what has to wait
//! for the server it returns as an operation, run at once on a synchronous connection and awaited on
//! the other. The statement that begins a COPY and its end belong to the cursor
//! (`crate::cursor::copy`).
//!
//! What it knows stands under a lock that is never held while Python runs: what dumpers, loaders
//! and iterators need is taken out and put back.

pub mod read;

mod decode;
mod encode;
mod send;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psycoxide_connection::CopyChunk;
use psycoxide_types::{Format, Oid};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::adapt::dump::Dumper;
use crate::adapt::dump::python::PythonDumper;
use crate::adapt::transformer::Transformer;
use crate::cursor::{CursorBase, not_initialised};
use crate::shared::Shared;
use decode::Decoder;
use write::Tools;

/// The base of `Copy` and `AsyncCopy`.
#[pyclass(subclass, frozen, weakref, module = "psycoxide._core")]
#[derive(Debug, Default)]
pub struct CopyBase {
    inner: Mutex<Inner>,
}

/// What a copy knows. Python is never called while it is locked.
#[derive(Debug, Default)]
struct Inner {
    cursor: Option<Py<CursorBase>>,
    shared: Option<Arc<Shared>>,
    transformer: Option<Py<Transformer>>,
    format: Format,
    progress: Option<Py<PyAny>>,
    /// The data so far, and the rows as far as they were counted.
    bytes: u64,
    rows: u64,

    /// What was written and not sent yet.
    buffer: Vec<u8>,
    /// Data that were too large to be gathered: they go behind the buffer.
    large: Option<PyBackedBytes>,
    /// What rows are encoded with, until there is a reason to look anew.
    tools: Option<Tools>,
    /// The dumpers that `set_types` has fixed, one a column.
    dumpers: Option<Arc<[Dumper]>>,
    /// Whether rows were written, and so the header of binary data.
    started: bool,
    /// How many columns the rows have: in binary format the server counts too late.
    columns: Option<usize>,
    /// Nothing can be written: the data come from the server, or have ended.
    unwritable: bool,

    /// Whoever read has been told why the server has ended it.
    told: bool,
    /// What was received and not read yet.
    chunk: CopyChunk,
    decoder: Option<Decoder>,
}

impl CopyBase {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> PyResult<Arc<Shared>> {
        self.lock().shared.clone().ok_or_else(not_initialised)
    }

    fn cursor(&self, py: Python<'_>) -> PyResult<Py<CursorBase>> {
        let inner = self.lock();
        let cursor = inner.cursor.as_ref().ok_or_else(not_initialised)?;
        Ok(cursor.clone_ref(py))
    }

    /// The cursor's transformer.
    fn transformer<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Transformer>> {
        let inner = self.lock();
        let transformer = inner.transformer.as_ref().ok_or_else(not_initialised)?;
        Ok(transformer.bind(py).clone())
    }

    /// Tells how far it has got.
    fn report(&self, py: Python<'_>) -> PyResult<()> {
        let (progress, bytes, rows) = {
            let inner = self.lock();
            let Some(progress) = &inner.progress else {
                return Ok(());
            };
            (progress.clone_ref(py), inner.bytes, inner.rows)
        };
        progress.call1(py, (bytes, rows))?;
        Ok(())
    }
}

#[pymethods]
impl CopyBase {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(args: &Bound<'_, PyAny>, kwargs: Option<&Bound<'_, PyAny>>) -> CopyBase {
        // Subclasses may take whatever they like; _set_up gets what matters.
        let _ = (args, kwargs);
        CopyBase::default()
    }

    /// Begins to work for a cursor.
    fn _set_up(
        &self,
        cursor: &Bound<'_, CursorBase>,
        binary: bool,
        no_columns: bool,
        unwritable: bool,
    ) -> PyResult<()> {
        let shared = cursor.get().shared()?;
        let transformer = CursorBase::transformer(cursor)?;
        let mut inner = self.lock();
        inner.format = if binary { Format::Binary } else { Format::Text };
        inner.cursor = Some(cursor.clone().unbind());
        inner.unwritable = unwritable;
        inner.shared = Some(shared);
        inner.transformer = Some(transformer.unbind());
        inner.decoder = Some(Decoder::new(inner.format, no_columns));
        Ok(())
    }

    /// Sets what is called with the bytes and the rows so far.
    fn _set_progress(&self, progress: Option<Py<PyAny>>) {
        let old = std::mem::replace(&mut self.lock().progress, progress);
        drop(old);
    }

    /// Fixes the types of the columns.
    fn _set_types(&self, py: Python<'_>, types: Vec<Oid>) -> PyResult<()> {
        let format = self.lock().format;
        let transformer = self.transformer(py)?;
        let writable = !self.lock().unwritable;
        let mut dumpers = Vec::with_capacity(types.len());
        for oid in types.iter().filter(|_| writable) {
            let adapters = transformer.get().adapters().get();
            let class = adapters.find_dumper_by_oid(py, *oid, format)?;
            dumpers.push(match class.native {
                Some(codec) => Dumper::Native(codec),
                None => {
                    let class = class.class.get(py)?;
                    let instance = class.call1((py.None(), &transformer))?;
                    Dumper::Python(Arc::new(PythonDumper::of_instance(instance)))
                }
            });
        }
        let replaced = {
            let mut inner = self.lock();
            if let Some(decoder) = &mut inner.decoder {
                decoder.set_types(types.into());
            }
            (inner.dumpers.replace(dumpers.into()), inner.tools.take())
        };
        drop(replaced);
        Ok(())
    }

    /// Whether a read has raised what the server has ended the COPY with: its end does not say it
    /// once more.
    #[getter]
    fn _told(&self) -> bool {
        self.lock().told
    }

    /// The cursor that performs the COPY.
    #[getter(cursor)]
    fn cursor_object(&self, py: Python<'_>) -> PyResult<Py<CursorBase>> {
        self.cursor(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(inner) = self.inner.try_lock() {
            visit.call(&inner.cursor)?;
            visit.call(&inner.transformer)?;
            visit.call(&inner.progress)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let inner = std::mem::take(&mut *self.lock());
        drop(inner);
    }
}
