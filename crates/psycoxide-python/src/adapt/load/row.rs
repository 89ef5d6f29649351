//! Rows: from the body of a `DataRow` message to what the cursor's row factory wants.
//!
//! Cells are decoded where they lie in the received bytes. Their lengths were not checked before,
//! so each one is checked here: a row that lies raises `OperationalError`, never a panic. See the
//! manual's [message formats](https://www.postgresql.org/docs/current/protocol-message-formats.html).

use std::ops::Range;
use std::sync::{Arc, Mutex};

use psycoxide_connection::result::RowSet;
use psycoxide_protocol::backend::Field;
use psycoxide_types::{Format, Oid};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::string_cache::StringCache;
use super::{LoadContext, Loader, Scratch};
use crate::adapt::codec::Scalar;
use crate::adapt::encoding::ClientEncoding;
use crate::adapt::error::{Failure, OperationalError, Result};
use crate::adapt::registry::Registry;
use crate::adapt::session::Session;
use crate::adapt::transformer::Transformer;
use crate::raw::gc::GcPause;
use crate::raw::sequence::{ListBuilder, TupleBuilder};

/// What becomes of a row's values.
#[derive(Debug)]
pub enum RowMaker {
    /// A tuple.
    Tuple,
    /// The first value alone.
    Scalar,
    /// A dictionary with these keys, one a column.
    Dict(Arc<[Py<PyString>]>),
    /// A call with the values as positional arguments.
    Args(Py<PyAny>),
    /// A call with the values as keyword arguments of these names.
    Kwargs(Py<PyAny>, Arc<[Py<PyString>]>),
    /// A call with the tuple: any Python row maker.
    Python(Py<PyAny>),
}

impl RowMaker {
    /// The maker that a row factory gives for a result. The factories of `psycoxide.rows` are
    /// recognised and run here; any other is called with the cursor.
    pub fn of_factory(
        factory: &Bound<'_, PyAny>,
        cursor: &Bound<'_, PyAny>,
        fields: &[Field],
    ) -> PyResult<RowMaker> {
        let py = factory.py();
        let known = Factories::get(py)?;
        if factory.is(&known.tuple_row) {
            return Ok(RowMaker::Tuple);
        }
        if factory.is(&known.scalar_row) && !fields.is_empty() {
            return Ok(RowMaker::Scalar);
        }
        if factory.is(&known.dict_row) && !fields.is_empty() {
            return Ok(RowMaker::Dict(names_of(cursor)?));
        }
        let class = factory.get_type();
        if class.is(&known.keywords) && !fields.is_empty() {
            return Ok(RowMaker::Kwargs(
                factory.getattr(intern!(py, "target"))?.unbind(),
                names_of(cursor)?,
            ));
        }
        if class.is(&known.positional) && !fields.is_empty() {
            return Ok(RowMaker::Args(
                factory.getattr(intern!(py, "target"))?.unbind(),
            ));
        }
        let maker = factory.call1((cursor,))?;
        if maker.is(py.get_type::<PyTuple>()) {
            return Ok(RowMaker::Tuple);
        }
        Ok(RowMaker::Python(maker.unbind()))
    }

    /// The same maker once more.
    pub fn clone_ref(&self, py: Python<'_>) -> RowMaker {
        match self {
            RowMaker::Tuple => RowMaker::Tuple,
            RowMaker::Scalar => RowMaker::Scalar,
            RowMaker::Dict(keys) => RowMaker::Dict(Arc::clone(keys)),
            RowMaker::Args(function) => RowMaker::Args(function.clone_ref(py)),
            RowMaker::Kwargs(function, keys) => {
                RowMaker::Kwargs(function.clone_ref(py), Arc::clone(keys))
            }
            RowMaker::Python(function) => RowMaker::Python(function.clone_ref(py)),
        }
    }

    /// Whether Python code runs for each row.
    pub fn runs_python(&self) -> bool {
        !matches!(self, RowMaker::Tuple | RowMaker::Scalar | RowMaker::Dict(_))
    }
}

/// The names of a cursor's columns, as `Cursor.description` shows them.
fn names_of(cursor: &Bound<'_, PyAny>) -> PyResult<Arc<[Py<PyString>]>> {
    let py = cursor.py();
    let description = cursor.getattr(intern!(py, "description"))?;
    description
        .try_iter()?
        .map(|column| {
            let name = column?
                .getattr(intern!(py, "name"))?
                .cast_into::<PyString>()?;
            Ok(PyString::intern(py, name.to_str()?).unbind())
        })
        .collect()
}

/// The row factories that are run here.
struct Factories {
    tuple_row: Py<PyAny>,
    dict_row: Py<PyAny>,
    scalar_row: Py<PyAny>,
    keywords: Py<PyAny>,
    positional: Py<PyAny>,
}

impl Factories {
    fn get(py: Python<'_>) -> PyResult<&Factories> {
        static KNOWN: PyOnceLock<Factories> = PyOnceLock::new();
        KNOWN.get_or_try_init(py, || {
            let module = py.import("psycoxide.rows")?;
            let member = |name: &str| module.getattr(name).map(Bound::unbind);
            Ok(Factories {
                tuple_row: member("tuple_row")?,
                dict_row: member("dict_row")?,
                scalar_row: member("scalar_row")?,
                keywords: member("_KeywordFactory")?,
                positional: member("_PositionalFactory")?,
            })
        })
    }
}

/// A column and its loader.
#[derive(Debug)]
struct Column {
    loader: Loader,
    /// Whether the loader's strings are worth a cache: text in UTF-8.
    is_text: bool,
    name: Box<str>,
    type_oid: Oid,
    format: Format,
}

/// The loaders of a result's columns.
#[derive(Debug)]
pub struct RowLoaders {
    columns: Box<[Column]>,
    session: Arc<Session>,
    /// Whether no value can be part of a reference cycle.
    atomic: bool,
    runs_python: bool,
    memory: Mutex<Memory>,
}

/// What is used again from row to row.
#[derive(Debug, Default)]
struct Memory {
    scratch: Scratch,
    strings: Vec<StringCache>,
}

impl RowLoaders {
    /// The loaders for these columns.
    pub fn for_fields(
        transformer: &Bound<'_, Transformer>,
        registry: &Registry,
        session: Arc<Session>,
        fields: &[Field],
    ) -> PyResult<RowLoaders> {
        let columns = fields.iter().map(|field| {
            Ok(Column {
                loader: Transformer::loader_in(
                    transformer,
                    registry,
                    field.type_oid,
                    field.format,
                    0,
                )?,
                is_text: false,
                name: String::from_utf8_lossy(&field.name).into(),
                type_oid: field.type_oid,
                format: field.format,
            })
        });
        Ok(Self::new(columns.collect::<PyResult<_>>()?, session))
    }

    /// The loaders for values of these types, all in one format.
    pub fn for_types(
        transformer: &Bound<'_, Transformer>,
        registry: &Registry,
        session: Arc<Session>,
        types: &[Oid],
        format: Format,
    ) -> PyResult<RowLoaders> {
        let columns: Vec<_> = types.iter().map(|&oid| (oid, format)).collect();
        Self::for_columns(transformer, registry, session, &columns)
    }

    /// The loaders for values of these types and formats.
    pub fn for_columns(
        transformer: &Bound<'_, Transformer>,
        registry: &Registry,
        session: Arc<Session>,
        columns: &[(Oid, Format)],
    ) -> PyResult<RowLoaders> {
        let columns = columns
            .iter()
            .enumerate()
            .map(|(index, &(type_oid, format))| {
                Ok(Column {
                    loader: Transformer::loader_in(transformer, registry, type_oid, format, 0)?,
                    is_text: false,
                    name: (index + 1).to_string().into(),
                    type_oid,
                    format,
                })
            });
        Ok(Self::new(columns.collect::<PyResult<_>>()?, session))
    }

    fn new(mut columns: Vec<Column>, session: Arc<Session>) -> RowLoaders {
        for column in &mut columns {
            column.is_text = matches!(column.loader, Loader::Scalar(Scalar::Text, _))
                && session.encoding == ClientEncoding::Utf8;
        }
        RowLoaders {
            atomic: columns.iter().all(|column| column.loader.is_atomic()),
            runs_python: columns.iter().any(|column| column.loader.runs_python()),
            columns: columns.into(),
            session,
            memory: Mutex::default(),
        }
    }

    /// The number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether they work for any transformer.
    pub fn are_shareable(&self) -> bool {
        let mut columns = self.columns.iter();
        columns.all(|column| matches!(column.loader, Loader::Scalar(..)))
    }

    /// The settings that the values were written under.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// One row.
    pub fn load_row<'py>(
        &self,
        transformer: &Bound<'py, Transformer>,
        body: &[u8],
        maker: &RowMaker,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.with_context(transformer, |cx, strings| {
            self.row(cx, strings, body, maker)
        })
    }

    /// The rows of a range of a result, as a list. Rows that are not there are left out.
    pub fn load_rows<'py>(
        &self,
        transformer: &Bound<'py, Transformer>,
        rows: &RowSet,
        range: Range<usize>,
        maker: &RowMaker,
    ) -> PyResult<Bound<'py, PyList>> {
        let py = transformer.py();
        let end = range.end.min(rows.len());
        let start = range.start.min(end);
        let _pause = GcPause::for_loading(py, self.runs_python || maker.runs_python());
        let mut list = ListBuilder::new(py, end - start)?;
        self.with_context(transformer, |cx, strings| {
            for index in start..end {
                let body = rows.row(index).ok_or_else(|| malformed("ends too early"))?;
                list.push(self.row(cx, strings, body, maker)?);
            }
            Ok(())
        })?;
        Ok(list.finish())
    }

    /// A sequence of values, None where a value is NULL.
    pub fn load_values<'py, 'd>(
        &self,
        transformer: &Bound<'py, Transformer>,
        values: impl ExactSizeIterator<Item = Option<&'d [u8]>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        self.with_context(transformer, |cx, strings| {
            let mut tuple = TupleBuilder::new(cx.py, self.columns.len())?;
            for ((column, strings), value) in self.columns.iter().zip(strings).zip(values) {
                tuple.push(match value {
                    Some(data) => column.load(cx, strings, data)?,
                    None => cx.py.None().into_bound(cx.py),
                });
            }
            Ok(tuple.finish(self.atomic))
        })
    }

    /// Runs with the memory of the last time, or with new memory if it is in use: by another
    /// thread, or by a row around this one whose Python loader came here.
    fn with_context<'py, R>(
        &self,
        transformer: &Bound<'py, Transformer>,
        run: impl FnOnce(&mut LoadContext<'_, 'py>, &mut [StringCache]) -> PyResult<R>,
    ) -> PyResult<R> {
        let mut new = None;
        let mut kept = self.memory.try_lock();
        let memory = match &mut kept {
            Ok(memory) => &mut **memory,
            Err(_) => new.insert(Memory::default()),
        };
        if memory.strings.len() != self.columns.len() {
            memory
                .strings
                .resize_with(self.columns.len(), StringCache::default);
        }
        let mut cx = LoadContext::new(transformer, &self.session, &mut memory.scratch);
        run(&mut cx, &mut memory.strings)
    }

    #[inline]
    fn row<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        strings: &mut [StringCache],
        body: &[u8],
        maker: &RowMaker,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = cx.py;
        let mut cells = Cells::new(body, self.columns.len())?;
        match maker {
            RowMaker::Tuple => Ok(self.tuple(cx, strings, cells)?.into_any()),
            RowMaker::Scalar => match self.columns.first().zip(strings.first_mut()) {
                Some((column, strings)) => column.cell(cx, strings, cells.next()?),
                None => Ok(py.None().into_bound(py)),
            },
            RowMaker::Dict(names) => Ok(self.dictionary(cx, strings, cells, names)?.into_any()),
            RowMaker::Args(function) => {
                let values = self.tuple(cx, strings, cells)?;
                function.bind(py).call1(values)
            }
            RowMaker::Kwargs(function, names) => {
                let values = self.dictionary(cx, strings, cells, names)?;
                function.bind(py).call((), Some(&values))
            }
            RowMaker::Python(function) => {
                let values = self.tuple(cx, strings, cells)?;
                function.bind(py).call1((values,))
            }
        }
    }

    #[inline]
    fn tuple<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        strings: &mut [StringCache],
        mut cells: Cells<'_>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let mut tuple = TupleBuilder::new(cx.py, self.columns.len())?;
        for (column, strings) in self.columns.iter().zip(strings) {
            tuple.push(column.cell(cx, strings, cells.next()?)?);
        }
        Ok(tuple.finish(self.atomic))
    }

    #[inline]
    fn dictionary<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        strings: &mut [StringCache],
        mut cells: Cells<'_>,
        names: &[Py<PyString>],
    ) -> PyResult<Bound<'py, PyDict>> {
        let dictionary = PyDict::new(cx.py);
        for ((column, strings), name) in self.columns.iter().zip(strings).zip(names) {
            dictionary.set_item(name, column.cell(cx, strings, cells.next()?)?)?;
        }
        Ok(dictionary)
    }
}

impl Column {
    #[inline]
    fn cell<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        strings: &mut StringCache,
        cell: Option<&[u8]>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match cell {
            Some(data) => self.load(cx, strings, data),
            None => Ok(cx.py.None().into_bound(cx.py)),
        }
    }

    #[inline]
    fn load<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        strings: &mut StringCache,
        data: &[u8],
    ) -> PyResult<Bound<'py, PyAny>> {
        let loaded: Result<_> = if self.is_text {
            strings.get(cx.py, data, |data| ClientEncoding::Utf8.load(cx.py, data))
        } else {
            self.loader.load(cx, data)
        };
        loaded.map_err(|failure| self.place(failure))
    }

    #[cold]
    fn place(&self, failure: Failure) -> PyErr {
        failure.in_column(&self.name, self.type_oid, self.format)
    }
}

/// The cells of a row, each length checked when it is reached.
struct Cells<'a> {
    rest: &'a [u8],
}

impl<'a> Cells<'a> {
    #[inline]
    fn new(body: &'a [u8], columns: usize) -> PyResult<Cells<'a>> {
        let (count, rest) = body
            .split_first_chunk::<2>()
            .ok_or_else(|| malformed("has no column count"))?;
        if usize::from(u16::from_be_bytes(*count)) != columns {
            return Err(malformed(
                "has another number of columns than its description",
            ));
        }
        Ok(Cells { rest })
    }

    #[inline]
    fn next(&mut self) -> PyResult<Option<&'a [u8]>> {
        let (length, rest) = self
            .rest
            .split_first_chunk::<4>()
            .ok_or_else(|| malformed("ends before its last column"))?;
        let length = i32::from_be_bytes(*length);
        if length == -1 {
            self.rest = rest;
            return Ok(None);
        }
        let cell = usize::try_from(length)
            .ok()
            .and_then(|length| rest.split_at_checked(length))
            .ok_or_else(|| malformed("has a column that is longer than the row"))?;
        self.rest = cell.1;
        Ok(Some(cell.0))
    }
}

#[cold]
fn malformed(what: &str) -> PyErr {
    OperationalError::new_err(format!("malformed DataRow message: it {what}"))
}
