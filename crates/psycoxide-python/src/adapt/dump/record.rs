//! Tuples to records, sequences to composite types, dictionaries to `hstore`.

use psycoxide_sql::ParameterFormat;
use psycoxide_types::{Format, Oid, composite, hstore, wire};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::{DumpContext, Dumped, Dumper, parameters};
use crate::adapt::codec::DumpCodec;
use crate::adapt::error::{Failure, Result};
use crate::adapt::transformer::Transformer;

/// A tuple as the text of a record, whose type the server finds out.
pub fn dump_tuple<'py>(
    codec: &DumpCodec,
    cx: &DumpContext<'_, 'py>,
    value: &Bound<'py, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let tuple = value.cast::<PyTuple>().map_err(PyErr::from)?;
    let values: Vec<_> = tuple.iter().collect();
    write_text(cx, &values, out)?;
    Ok(codec.wrote())
}

/// Appends the text of a composite value.
pub fn write_text<'py>(
    cx: &DumpContext<'_, 'py>,
    values: &[Bound<'py, PyAny>],
    out: &mut Vec<u8>,
) -> Result<()> {
    out.push(b'(');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if value.is_none() {
            continue;
        }
        let start = out.len();
        let dumper = cx.dumper(value, ParameterFormat::Text)?;
        if !dumper.dump(cx, value, out)?.is_null {
            composite::quote_text_field(out, start);
        }
    }
    out.push(b')');
    Ok(())
}

/// Appends the binary form of a composite value with fields of these types.
pub fn write_binary<'py>(
    cx: &DumpContext<'_, 'py>,
    values: &[Bound<'py, PyAny>],
    types: &[Oid],
    out: &mut Vec<u8>,
) -> Result<()> {
    if values.len() != types.len() {
        return Err(Failure::Range(format!(
            "expected a sequence of {} values, got {}",
            types.len(),
            values.len()
        )));
    }
    composite::encode_binary_header(values.len(), out)?;
    for (value, &oid) in values.iter().zip(types) {
        out.extend_from_slice(&oid.to_be_bytes());
        if value.is_none() {
            wire::write_null(out);
            continue;
        }
        let adapters = cx.transformer.get().adapters().get();
        let class = adapters.find_dumper_by_oid(cx.py, oid, Format::Binary)?;
        let dumper = match class.native {
            Some(codec) => Dumper::Native(codec),
            None => {
                let of = value.get_type();
                let format = ParameterFormat::Binary;
                let (tx, registry) = (cx.transformer, cx.registry);
                Dumper::Python(Transformer::python_dumper(
                    tx, registry, &of, format, &class,
                )?)
            }
        };
        parameters::append(cx, &dumper, value, out)?;
    }
    Ok(())
}

/// A dictionary of strings as `hstore`.
pub fn dump_hstore(
    codec: &DumpCodec,
    cx: &DumpContext<'_, '_>,
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let pairs = value.cast::<PyDict>().map_err(PyErr::from)?;
    if codec.format == Format::Binary {
        hstore::encode_binary_header(pairs.len(), out)?;
    }
    let (mut key_buffer, mut value_buffer) = (Vec::new(), Vec::new());
    for (index, (key, value)) in pairs.iter().enumerate() {
        let key = key
            .cast::<PyString>()
            .map_err(|_| Failure::Range(String::from("hstore keys can only be strings")))?;
        key_buffer.clear();
        cx.session.encoding.dump(key, &mut key_buffer)?;
        let value = if value.is_none() {
            None
        } else {
            let value = value
                .cast::<PyString>()
                .map_err(|_| Failure::Range(String::from("hstore values can only be strings")))?;
            value_buffer.clear();
            cx.session.encoding.dump(value, &mut value_buffer)?;
            Some(value_buffer.as_slice())
        };
        match codec.format {
            Format::Text => hstore::encode_text_pair(&key_buffer, value, index == 0, out),
            Format::Binary => hstore::encode_binary_pair(&key_buffer, value, out)?,
        }
    }
    Ok(codec.wrote())
}
