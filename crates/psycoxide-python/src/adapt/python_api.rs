//! What `Transformer` and the adapter classes do when Python code calls them.
//!
//! Cursors do not come through here: they use the transformer's Rust side.

use std::sync::Arc;

use psycoxide_sql::ParameterFormat;
use psycoxide_types::{Format, Oid, catalog};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::codec::{DumpCodec, DumpKind, LoadCodec, LoadKind};
use super::dump::python::PythonDumper;
use super::dump::text::append_buffer;
use super::dump::{DumpContext, Dumper, record};
use super::error::{DataError, Failure, InterfaceError, ProgrammingError};
use super::formats;
use super::load::row::RowLoaders;
use super::load::{LoadContext, Loader, Scratch};
use super::session::SessionRef;
use super::transformer::Transformer;

/// A `bytes` of any buffer; for bytes the object itself.
fn bytes_of(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let mut bytes = Vec::new();
    append_buffer(value, &mut bytes).map_err(Failure::into_exception)?;
    Ok(bytes)
}

/// The transformer of an adapter instance: its own (`_tx`) if it keeps one, else one of its
/// connection.
fn transformer_of<'py>(adapter: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Transformer>> {
    let py = adapter.py();
    if let Some(own) = adapter.getattr_opt(intern!(py, "_tx"))?
        && let Ok(own) = own.cast_into::<Transformer>()
    {
        return Ok(own);
    }
    let connection = adapter.getattr_opt(intern!(py, "connection"))?;
    Transformer::of_context(
        py,
        connection
            .filter(|connection| !connection.is_none())
            .as_ref(),
    )
}

/// Runs a native dumper for an instance of a Dumper class.
#[pyfunction]
#[pyo3(name = "_dump")]
pub fn dump<'py>(
    codec: &str,
    format: u8,
    dumper: &Bound<'py, PyAny>,
    obj: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let py = dumper.py();
    let codec = DumpCodec {
        kind: DumpKind::named(dumper, codec)?,
        format: if format == 0 {
            Format::Text
        } else {
            Format::Binary
        },
        oid: dumper.getattr(intern!(py, "oid"))?.extract()?,
    };
    let transformer = transformer_of(dumper)?;
    let registry = transformer.get().registry();
    let session = transformer.get().session();
    let cx = DumpContext::new(&transformer, &registry, &session);
    let mut out = Vec::new();
    let dumped = codec
        .dump(&cx, obj, &mut out)
        .map_err(Failure::into_exception)?;
    Ok((!dumped.is_null).then(|| PyBytes::new(py, &out)))
}

/// Runs a native loader for an instance of a Loader class.
#[pyfunction]
#[pyo3(name = "_load")]
pub fn load<'py>(
    codec: &str,
    format: u8,
    loader: &Bound<'py, PyAny>,
    data: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let codec = LoadCodec {
        kind: LoadKind::named(loader, codec)?,
        format: if format == 0 {
            Format::Text
        } else {
            Format::Binary
        },
    };
    let transformer = transformer_of(loader)?;
    let registry = transformer.get().registry();
    let session = transformer.get().session();
    let native = Loader::native(&transformer, &registry, codec, 0)?;
    let mut scratch = Scratch::default();
    let mut cx = LoadContext::new(&transformer, &session, &mut scratch);
    native
        .load(&mut cx, &bytes_of(data)?)
        .map_err(Failure::into_exception)
}

/// The values of a composite type's fields as one value, for an instance of its Dumper class.
#[pyfunction]
#[pyo3(name = "_dump_composite")]
pub fn dump_composite<'py>(
    transformer: &Bound<'py, Transformer>,
    values: Vec<Bound<'py, PyAny>>,
    types: Vec<Oid>,
    format: u8,
) -> PyResult<Bound<'py, PyBytes>> {
    let py = transformer.py();
    let registry = transformer.get().registry();
    let session = transformer.get().session();
    let cx = DumpContext::new(transformer, &registry, &session);
    let mut out = Vec::new();
    if format == 0 {
        record::write_text(&cx, &values, &mut out)
    } else {
        record::write_binary(&cx, &values, &types, &mut out)
    }
    .map_err(Failure::into_exception)?;
    Ok(PyBytes::new(py, &out))
}

/// A text as a string literal, for an instance of a Dumper class.
#[pyfunction]
#[pyo3(name = "_quote")]
pub fn quote<'py>(
    dumper: &Bound<'py, PyAny>,
    text: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let py = dumper.py();
    let connection = dumper.getattr_opt(intern!(py, "connection"))?;
    let connection = connection.filter(|connection| !connection.is_none());
    let session = SessionRef::of_connection(connection.as_ref())?.load();
    let mut out = Vec::new();
    psycoxide_sql::quote::quote_literal(&mut out, &bytes_of(text)?, session.quote_encoding)
        .map_err(|error| DataError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &out))
}

/// `pq.Format` members.
pub fn format_list<'py>(py: Python<'py>, formats: &[Format]) -> PyResult<Bound<'py, PyList>> {
    let members: PyResult<Vec<_>> = formats
        .iter()
        .map(|&format| formats::to_python(py, format))
        .collect();
    PyList::new(py, members?)
}

/// `Transformer.get_dumper`.
pub fn get_dumper<'py>(
    tx: &Bound<'py, Transformer>,
    obj: &Bound<'py, PyAny>,
    format: ParameterFormat,
) -> PyResult<Bound<'py, PyAny>> {
    let class = obj.get_type();
    let found = tx
        .get()
        .find_dumper(&class, format)
        .map_err(Failure::into_exception)?;
    let registry = tx.get().registry();
    let dumper = Transformer::python_dumper(tx, &registry, &class, format, &found)?;
    dumper.instance_for(tx.py(), obj)
}

/// `Transformer.get_loader`.
pub fn get_loader<'py>(
    tx: &Bound<'py, Transformer>,
    oid: Oid,
    format: Format,
) -> PyResult<Bound<'py, PyAny>> {
    let registry = tx.get().registry();
    let class = registry
        .loader_of(oid, format)
        .or_else(|| registry.loader_of(0, format))
        .ok_or_else(|| InterfaceError::new_err("unknown oid loader not found"))?;
    let loader = Transformer::python_loader(tx, &registry, oid, format, class)?;
    Ok(loader.instance(tx.py()))
}

/// `Transformer.as_literal`.
pub fn as_literal<'py>(tx: &Bound<'py, Transformer>, obj: &Bound<'py, PyAny>) -> PyResult<Vec<u8>> {
    let py = tx.py();
    let dumper = get_dumper(tx, obj, ParameterFormat::Text)?;
    let mut literal = bytes_of(&dumper.call_method1(intern!(py, "quote"), (obj,))?)?;
    append_cast(
        tx,
        dumper.getattr(intern!(py, "oid"))?.extract()?,
        &mut literal,
    )?;
    Ok(literal)
}

/// Appends a cast where the literal does not tell its type: a number is its own type and a string
/// is text; what else is in quotes needs to be told.
pub(super) fn append_cast(
    tx: &Bound<'_, Transformer>,
    oid: Oid,
    literal: &mut Vec<u8>,
) -> PyResult<()> {
    if oid != 0
        && oid != catalog::oid::TEXT
        && literal.last() == Some(&b'\'')
        && let Some(name) = type_name(tx, oid)?
    {
        literal.extend_from_slice(b"::");
        literal.extend_from_slice(name.as_bytes());
    }
    Ok(())
}

/// The name of a type for a cast.
fn type_name(tx: &Bound<'_, Transformer>, oid: Oid) -> PyResult<Option<String>> {
    if let Some(known) = catalog::by_oid(oid) {
        return Ok(Some(known.name.to_owned()));
    }
    if let Some(element) = catalog::by_array_oid(oid) {
        return Ok(Some(format!("{}[]", element.name)));
    }
    let py = tx.py();
    let types = tx.get().adapters().get().types_registry(py);
    let info = types.call_method1(intern!(py, "get"), (oid,))?;
    if info.is_none() {
        return Ok(None);
    }
    // As SQL knows it: with its schema where that is not on the search path.
    let name: String = info.getattr(intern!(py, "regtype"))?.extract()?;
    let array_oid: Oid = info.getattr(intern!(py, "array_oid"))?.extract()?;
    Ok(Some(if oid == array_oid {
        format!("{name}[]")
    } else {
        name
    }))
}

/// `Transformer.set_dumper_types`.
pub fn set_dumper_types(
    tx: &Bound<'_, Transformer>,
    types: Vec<Oid>,
    format: Format,
) -> PyResult<()> {
    let py = tx.py();
    let adapters = tx.get().adapters().get();
    let dumpers: PyResult<Vec<_>> = types
        .iter()
        .map(|&oid| {
            let class = adapters.find_dumper_by_oid(py, oid, format)?;
            Ok(match class.native {
                Some(codec) => Dumper::Native(codec),
                None => {
                    let instance = class.class.get(py)?.call1((py.None(), tx))?;
                    Dumper::Python(Arc::new(PythonDumper::of_instance(instance)))
                }
            })
        })
        .collect();
    let dumpers = dumpers?;
    let replaced = {
        let mut state = tx.get().state();
        state.python.formats = Some(vec![format; types.len()]);
        state.python.types = Some(types);
        state.python.row_dumpers.replace(dumpers.into())
    };
    drop(replaced);
    Ok(())
}

/// `Transformer.set_loader_types`.
pub fn set_loader_types(
    tx: &Bound<'_, Transformer>,
    types: &[Oid],
    format: Format,
) -> PyResult<()> {
    let registry = tx.get().registry();
    let session = tx.get().session();
    let loaders = RowLoaders::for_types(tx, &registry, session, types, format)?;
    let replaced = tx
        .get()
        .state()
        .python
        .row_loaders
        .replace(Arc::new(loaders));
    drop(replaced);
    Ok(())
}

/// `Transformer.set_pgresult`.
pub fn set_pgresult(
    tx: &Bound<'_, Transformer>,
    result: Option<Bound<'_, PyAny>>,
    set_loaders: bool,
    format: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let py = tx.py();
    let mut loaders = None;
    if set_loaders && let Some(result) = &result {
        let columns: usize = result.getattr(intern!(py, "nfields"))?.extract()?;
        let fixed = format.map(formats::format_of).transpose()?;
        let types: PyResult<Vec<_>> = (0..columns)
            .map(|column| {
                let oid: Oid = result
                    .call_method1(intern!(py, "ftype"), (column,))?
                    .extract()?;
                let format = match fixed {
                    Some(format) => format,
                    None => formats::format_of(
                        &result.call_method1(intern!(py, "fformat"), (column,))?,
                    )?,
                };
                Ok((oid, format))
            })
            .collect();
        let registry = tx.get().registry();
        loaders = Some(Arc::new(RowLoaders::for_columns(
            tx,
            &registry,
            tx.get().session(),
            &types?,
        )?));
    }
    let replaced = {
        let mut state = tx.get().state();
        let old = std::mem::replace(&mut state.python.pgresult, result.map(Bound::unbind));
        (
            old,
            std::mem::replace(&mut state.python.row_loaders, loaders),
        )
    };
    drop(replaced);
    Ok(())
}

/// `Transformer.dump_sequence`.
pub fn dump_sequence<'py>(
    tx: &Bound<'py, Transformer>,
    params: &Bound<'py, PyAny>,
    formats: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    let py = tx.py();
    let registry = tx.get().registry();
    let session = tx.get().session();
    let cx = DumpContext::new(tx, &registry, &session);
    let values: Vec<_> = params.try_iter()?.collect::<PyResult<_>>()?;
    let row_dumpers = tx.get().state().python.row_dumpers.clone();
    if let Some(dumpers) = &row_dumpers
        && dumpers.len() != values.len()
    {
        return Err(DataError::new_err(format!(
            "expected {} values in row, got {}",
            dumpers.len(),
            values.len()
        )));
    }
    let wanted: Vec<ParameterFormat> = formats
        .try_iter()?
        .map(|format| formats::parameter_format_of(&format?))
        .collect::<PyResult<_>>()?;
    let list = PyList::empty(py);
    let mut types = Vec::with_capacity(values.len());
    let mut written = Vec::with_capacity(values.len());
    let mut out = Vec::new();
    for (index, value) in values.iter().enumerate() {
        if value.is_none() {
            list.append(py.None())?;
            types.push(0);
            written.push(Format::Text);
            continue;
        }
        out.clear();
        let dumper = match row_dumpers.as_ref().and_then(|dumpers| dumpers.get(index)) {
            Some(dumper) => dumper.clone(),
            None => {
                let format = wanted.get(index).copied().unwrap_or_default();
                cx.dumper(value, format).map_err(Failure::into_exception)?
            }
        };
        let dumped = dumper
            .dump(&cx, value, &mut out)
            .map_err(Failure::into_exception)?;
        if dumped.is_null {
            list.append(py.None())?;
        } else {
            list.append(PyBytes::new(py, &out))?;
        }
        types.push(dumped.oid);
        written.push(dumped.format);
    }
    if row_dumpers.is_none() {
        let mut state = tx.get().state();
        state.python.types = Some(types);
        state.python.formats = Some(written);
    }
    Ok(list)
}

/// `Transformer.load_sequence`.
pub fn load_sequence<'py>(
    tx: &Bound<'py, Transformer>,
    record: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyTuple>> {
    let loaders = tx.get().state().python.row_loaders.clone();
    let registered = loaders.as_ref().map_or(0, |loaders| loaders.len());
    let values = record
        .try_iter()?
        .map(|value| {
            let value = value?;
            if value.is_none() {
                Ok(None)
            } else {
                bytes_of(&value).map(Some)
            }
        })
        .collect::<PyResult<Vec<_>>>()?;
    match loaders {
        Some(loaders) if registered == values.len() => {
            loaders.load_values(tx, values.iter().map(|value| value.as_deref()))
        }
        None if values.is_empty() => Ok(PyTuple::empty(tx.py())),
        _ => Err(ProgrammingError::new_err(format!(
            "cannot load sequence of {} items: {registered} loaders registered",
            values.len()
        ))),
    }
}

fn current_result<'py>(
    tx: &Bound<'py, Transformer>,
) -> PyResult<(Bound<'py, PyAny>, Arc<RowLoaders>)> {
    let py = tx.py();
    let state = tx.get().state();
    let result = state
        .python
        .pgresult
        .as_ref()
        .map(|result| result.bind(py).clone());
    let loaders = state.python.row_loaders.clone();
    result
        .zip(loaders)
        .ok_or_else(|| InterfaceError::new_err("result not set"))
}

fn result_row<'py>(
    tx: &Bound<'py, Transformer>,
    result: &Bound<'py, PyAny>,
    loaders: &RowLoaders,
    row: usize,
    make_row: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = tx.py();
    let values = (0..loaders.len())
        .map(|column| {
            let value = result.call_method1(intern!(py, "get_value"), (row, column))?;
            if value.is_none() {
                Ok(None)
            } else {
                bytes_of(&value).map(Some)
            }
        })
        .collect::<PyResult<Vec<_>>>()?;
    let values = loaders.load_values(tx, values.iter().map(|value| value.as_deref()))?;
    make_row.call1((values,))
}

/// `Transformer.load_rows`.
pub fn load_rows<'py>(
    tx: &Bound<'py, Transformer>,
    row0: usize,
    row1: usize,
    make_row: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    let py = tx.py();
    let (result, loaders) = current_result(tx)?;
    let count: usize = result.getattr(intern!(py, "ntuples"))?.extract()?;
    if row0 > count || row1 > count {
        return Err(InterfaceError::new_err(format!(
            "rows must be included between 0 and {count}"
        )));
    }
    let list = PyList::empty(py);
    for row in row0..row1 {
        list.append(result_row(tx, &result, &loaders, row, make_row)?)?;
    }
    Ok(list)
}

/// `Transformer.load_row`.
pub fn load_row<'py>(
    tx: &Bound<'py, Transformer>,
    row: usize,
    make_row: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = tx.py();
    let (result, loaders) = current_result(tx)?;
    let count: usize = result.getattr(intern!(py, "ntuples"))?.extract()?;
    if row >= count {
        return Ok(None);
    }
    result_row(tx, &result, &loaders, row, make_row).map(Some)
}
