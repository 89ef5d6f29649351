//! Booleans, integers, floats and decimals.

use psycoxide_types::catalog::oid;
use psycoxide_types::{Format, boolean, float, integer, numeric};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};

use super::Dumped;
use crate::adapt::codec::{DumpCodec, DumpKind};
use crate::adapt::error::{Failure, Result};

/// Anything, as true or false.
pub fn dump_bool(codec: &DumpCodec, value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<Dumped> {
    let value = value.is_truthy()?;
    match codec.format {
        Format::Text => boolean::encode_text(value, out),
        Format::Binary => boolean::encode_binary(value, out),
    }
    Ok(codec.wrote())
}

/// An int as 64 bits; None if it needs more.
#[inline]
pub fn small_int(value: &Bound<'_, PyAny>) -> Result<Option<i64>> {
    match value.extract::<i64>() {
        Ok(number) => Ok(Some(number)),
        Err(error) if error.is_instance_of::<PyOverflowError>(value.py()) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The kind of the smallest type that holds a number.
#[inline]
pub fn kind_of(number: i64) -> DumpKind {
    if i16::try_from(number).is_ok() {
        DumpKind::Int2
    } else if i32::try_from(number).is_ok() {
        DumpKind::Int4
    } else {
        DumpKind::Int8
    }
}

/// An int as the smallest type that holds it.
#[inline]
pub fn dump_int(codec: &DumpCodec, value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<Dumped> {
    let Some(number) = small_int(value)? else {
        return dump_big_int(codec, value, out);
    };
    let kind = kind_of(number);
    let oid = match kind {
        DumpKind::Int2 => oid::INT2,
        DumpKind::Int4 => oid::INT4,
        _ => oid::INT8,
    };
    match codec.format {
        Format::Text => integer::encode_text(number, out),
        Format::Binary => encode_binary(kind, number, out)?,
    }
    Ok(codec.wrote_as(oid))
}

fn encode_binary(kind: DumpKind, number: i64, out: &mut Vec<u8>) -> Result<()> {
    match kind {
        DumpKind::Int2 => {
            integer::encode_int2_binary(i16::try_from(number).map_err(|_| too_large("int2"))?, out)
        }
        DumpKind::Int4 => {
            integer::encode_int4_binary(i32::try_from(number).map_err(|_| too_large("int4"))?, out)
        }
        DumpKind::ObjectId => {
            integer::encode_oid_binary(u32::try_from(number).map_err(|_| too_large("oid"))?, out)
        }
        _ => integer::encode_int8_binary(number, out),
    }
    Ok(())
}

#[cold]
fn too_large(type_name: &str) -> Failure {
    Failure::Range(format!("integer out of range for type {type_name}"))
}

/// An int as a type that was chosen before.
pub fn dump_sized_int(
    codec: &DumpCodec,
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let number = small_int(value)?;
    match codec.format {
        Format::Text => match number {
            Some(number) => integer::encode_text(number, out),
            // The server will say that it is out of range, with the type's name.
            None => out.extend_from_slice(digits_of(value)?.to_str()?.as_bytes()),
        },
        Format::Binary => {
            let number = number.ok_or_else(|| {
                too_large(match codec.kind {
                    DumpKind::Int2 => "int2",
                    DumpKind::Int4 => "int4",
                    DumpKind::ObjectId => "oid",
                    _ => "int8",
                })
            })?;
            encode_binary(codec.kind, number, out)?;
        }
    }
    Ok(codec.wrote())
}

/// The decimal digits of an int, whatever its class makes of `str()`.
fn digits_of<'py>(value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyString>> {
    let py = value.py();
    let int = value.call_method0(intern!(py, "__index__"))?;
    let class = py.get_type::<PyInt>();
    let digits = match class.call_method1(intern!(py, "__repr__"), (&int,)) {
        // Python writes 4300 digits unless told otherwise; a numeric has up to 131072.
        Err(error) if error.is_instance_of::<PyValueError>(py) => {
            let decimal = py.import("decimal")?.getattr("Decimal")?;
            decimal.call1((int,))?.str()?.into_any()
        }
        digits => digits?,
    };
    digits
        .cast_into()
        .map_err(|error| Failure::Python(error.into()))
}

/// An int as `numeric`.
pub fn dump_int_numeric(
    codec: &DumpCodec,
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    encode_numeric(codec, digits_of(value)?.to_str()?, out)?;
    Ok(codec.wrote())
}

#[cold]
fn dump_big_int(codec: &DumpCodec, value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> Result<Dumped> {
    encode_numeric(codec, digits_of(value)?.to_str()?, out)?;
    Ok(codec.wrote_as(oid::NUMERIC))
}

fn encode_numeric(codec: &DumpCodec, decimal: &str, out: &mut Vec<u8>) -> Result<()> {
    match codec.format {
        Format::Text => numeric::encode_text(decimal, out)?,
        Format::Binary => numeric::encode_binary(decimal, out)?,
    }
    Ok(())
}

/// A Decimal or an int as `numeric`.
pub fn dump_numeric(
    codec: &DumpCodec,
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    if value.is_instance_of::<PyInt>() {
        return dump_int_numeric(codec, value, out);
    }
    encode_numeric(codec, value.str()?.to_str()?, out)?;
    Ok(codec.wrote())
}

/// A float as `float8`.
#[inline]
pub fn dump_float8(
    codec: &DumpCodec,
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let number: f64 = value.extract()?;
    match codec.format {
        Format::Text => float::encode_text(number, out),
        Format::Binary => float::encode_float8_binary(number, out),
    }
    Ok(codec.wrote())
}

/// A float as `float4`.
pub fn dump_float4(
    codec: &DumpCodec,
    value: &Bound<'_, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let number: f64 = value.extract()?;
    match codec.format {
        Format::Text => float::encode_text(number, out),
        Format::Binary => {
            // To the nearest; beyond the largest float4 that is infinity.
            let single = number as f32;
            if single.is_infinite() && number.is_finite() {
                return Err(Failure::Range(String::from(
                    "number out of range for type float4",
                )));
            }
            float::encode_float4_binary(single, out);
        }
    }
    Ok(codec.wrote())
}
