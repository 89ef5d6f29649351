//! Values without parts: one Python object each.

use psycoxide_types::json::decode_jsonb_binary;
use psycoxide_types::{Format, boolean, bytea, float, integer, numeric, uuid};
use pyo3::exceptions::PyArithmeticError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat};

use super::LoadContext;
use super::{datetime, hstore, json, network, objects};
use crate::adapt::codec::Scalar;
use crate::adapt::error::{Failure, Result};

#[inline]
fn int<'py, T>(py: Python<'py>, value: T) -> Result<Bound<'py, PyAny>>
where
    T: IntoPyObject<'py>,
    PyErr: From<T::Error>,
    T::Output: Into<Bound<'py, T::Target>>,
{
    let object: Bound<'py, T::Target> = value
        .into_pyobject(py)
        .map_err(|error| Failure::Python(error.into()))?
        .into();
    Ok(object.into_any())
}

/// The Python object for a value of this type in this format.
#[inline]
pub fn load<'py>(
    scalar: Scalar,
    format: Format,
    cx: &mut LoadContext<'_, 'py>,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let py = cx.py;
    match (scalar, format) {
        (Scalar::Text, _) => cx.session.encoding.load(py, data),
        (Scalar::Integer, _) => int(py, integer::decode_i64_text(data)?),
        (Scalar::Int2, _) => int(py, integer::decode_int2_binary(data)?),
        (Scalar::Int4, _) => int(py, integer::decode_int4_binary(data)?),
        (Scalar::Int8, _) => int(py, integer::decode_int8_binary(data)?),
        (Scalar::ObjectId, _) => int(py, integer::decode_oid_binary(data)?),
        (Scalar::Bool, Format::Text) => boolean_object(py, boolean::decode_text(data)?),
        (Scalar::Bool, Format::Binary) => boolean_object(py, boolean::decode_binary(data)?),
        (Scalar::Float, _) => float_object(py, float::decode_text(data)?),
        (Scalar::Float4, _) => float_object(py, f64::from(float::decode_float4_binary(data)?)),
        (Scalar::Float8, _) => float_object(py, float::decode_float8_binary(data)?),
        (Scalar::Numeric, Format::Text) => decimal_object(py, numeric::decode_text(data)?),
        (Scalar::Numeric, Format::Binary) => {
            let number = numeric::decode_binary(data)?;
            let mut buffer = cx.scratch.take_buffer();
            number.write_text(&mut buffer);
            let decimal = decimal_object(py, std::str::from_utf8(&buffer).unwrap_or_default());
            cx.scratch.put_buffer(buffer);
            decimal
        }
        (Scalar::Bytea, Format::Binary) => Ok(PyBytes::new(py, data).into_any()),
        (Scalar::Bytea, Format::Text) => {
            let length = bytea::decoded_length(data)?;
            let mut failure = None;
            let bytes = PyBytes::new_with(py, length, |target| {
                failure = bytea::decode_text_into(data, target).err();
                Ok(())
            })?;
            match failure {
                Some(error) => Err(error.into()),
                None => Ok(bytes.into_any()),
            }
        }
        (Scalar::Uuid, Format::Text) => Ok(objects::uuid(py, uuid::decode_text(data)?)?),
        (Scalar::Uuid, Format::Binary) => Ok(objects::uuid(py, uuid::decode_binary(data)?)?),
        (Scalar::Date(policy), _) => datetime::load_date(cx, policy, format, data),
        (Scalar::Time, _) => datetime::load_time(cx, format, data),
        (Scalar::Timetz, _) => datetime::load_timetz(cx, format, data),
        (Scalar::Timestamp(policy), _) => datetime::load_timestamp(cx, policy, format, data),
        (Scalar::Timestamptz(policy), _) => datetime::load_timestamptz(cx, policy, format, data),
        (Scalar::Interval(policy), _) => datetime::load_interval(cx, policy, format, data),
        (Scalar::Json, _) | (Scalar::Jsonb, Format::Text) => json::load(cx, data),
        (Scalar::Jsonb, Format::Binary) => json::load(cx, decode_jsonb_binary(data)?),
        (Scalar::Inet, _) => network::load_inet(cx, format, data),
        (Scalar::Cidr, _) => network::load_cidr(cx, format, data),
        (Scalar::Hstore, _) => hstore::load(cx, format, data),
    }
}

#[inline]
fn boolean_object(py: Python<'_>, value: bool) -> Result<Bound<'_, PyAny>> {
    Ok(PyBool::new(py, value).to_owned().into_any())
}

#[inline]
fn float_object(py: Python<'_>, value: f64) -> Result<Bound<'_, PyAny>> {
    Ok(PyFloat::new(py, value).into_any())
}

#[inline]
fn decimal_object<'py>(py: Python<'py>, text: &str) -> Result<Bound<'py, PyAny>> {
    objects::decimal(py, text).map_err(|error| {
        if error.is_instance_of::<PyArithmeticError>(py) {
            Failure::Range(format!("not a number that Decimal can hold: {text:?}"))
        } else {
            Failure::Python(error)
        }
    })
}
