//! Strings and bytes.

use psycoxide_types::{Format, bytea, text};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};

use super::{DumpContext, Dumped};
use crate::adapt::codec::DumpCodec;
use crate::adapt::error::{Failure, Result};

/// A str in the client encoding.
#[inline]
pub fn dump_str(
    codec: &DumpCodec,
    cx: &DumpContext<'_, '_>,
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let string = value
        .cast::<PyString>()
        .map_err(|error| Failure::Python(error.into()))?;
    let start = out.len();
    cx.session.encoding.dump(string, out)?;
    let written = out.get(start..).unwrap_or_default();
    if text::check_no_nul(written).is_err() {
        return Err(Failure::Range(String::from(
            "PostgreSQL text fields cannot contain NUL (0x00) bytes",
        )));
    }
    Ok(codec.wrote())
}

/// Bytes, a bytearray, a memoryview, or anything else with the buffer protocol.
pub fn dump_bytes(
    codec: &DumpCodec,
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    match codec.format {
        Format::Binary => append_buffer(value, out)?,
        Format::Text => match value.cast::<PyBytes>() {
            Ok(bytes) => bytea::encode_text(bytes.as_bytes(), out),
            Err(_) => {
                let mut bytes = Vec::new();
                append_buffer(value, &mut bytes)?;
                bytea::encode_text(&bytes, out);
            }
        },
    }
    Ok(codec.wrote())
}

/// Appends the bytes of an object with the buffer protocol.
#[inline]
pub fn append_buffer(value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<()> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        out.extend_from_slice(bytes.as_bytes());
        return Ok(());
    }
    let py = value.py();
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        out.extend_from_slice(&bytes.to_vec());
        return Ok(());
    }
    let Ok(view) = PyMemoryView::from(value) else {
        let binary = py.import("psycoxide.dbapi20")?.getattr("Binary")?;
        if value.is_instance(&binary)? {
            // Where the type of a column decides, as in a COPY, the wrapper means what it wraps.
            return append_buffer(&value.getattr(intern!(py, "obj"))?, out);
        }
        let class = value.get_type();
        let class = crate::adapt::error::class_name(&class);
        let text = format!("bytes or another buffer expected, got {class}");
        return Err(PyTypeError::new_err(text).into());
    };
    let bytes = view.call_method0(intern!(py, "tobytes"))?;
    let bytes = bytes
        .cast::<PyBytes>()
        .map_err(|error| Failure::Python(error.into()))?;
    out.extend_from_slice(bytes.as_bytes());
    Ok(())
}
