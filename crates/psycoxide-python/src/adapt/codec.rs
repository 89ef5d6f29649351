//! The names by which Python classes choose their native codec.
//!
//! A class says `_native = "int4"`; the format is its `format`, the OID its `oid`. What a codec
//! needs besides (the element type of an array, the subtype of a range) are class attributes too,
//! so that reading the class is enough to know what it does.

use std::sync::Arc;

use psycoxide_types::{Format, Oid};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

use super::class::class_format;

/// How to write a Python value, without calling a Python class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DumpCodec {
    /// Which values, and what of them.
    pub kind: DumpKind,
    /// The format to write.
    pub format: Format,
    /// The PostgreSQL type; 0 lets the server decide, or the value chooses.
    pub oid: Oid,
}

/// The native dumpers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpKind {
    /// None: refused, NULL is not a value.
    None,
    /// Booleans, numpy's too.
    Bool,
    /// Any int, as the smallest type that holds it.
    Int,
    /// An int as `int2`.
    Int2,
    /// An int as `int4`.
    Int4,
    /// An int as `int8`.
    Int8,
    /// An int as `oid`.
    ObjectId,
    /// An int as `numeric`.
    IntNumeric,
    /// A float as `float4`.
    Float4,
    /// A float as `float8`.
    Float8,
    /// A Decimal as `numeric`.
    Decimal,
    /// A Decimal or an int as `numeric`.
    Numeric,
    /// A str.
    Str,
    /// Anything with the buffer protocol.
    Bytes,
    /// A date.
    Date,
    /// A time, with or without a time zone.
    Time,
    /// A time with a time zone.
    TimeTz,
    /// A datetime, with or without a time zone.
    Datetime,
    /// A datetime without a time zone.
    DatetimeNoTz,
    /// A timedelta.
    Timedelta,
    /// A UUID.
    Uuid,
    /// A Json or Jsonb wrapper as `json`.
    Json,
    /// A Json or Jsonb wrapper as `jsonb`.
    Jsonb,
    /// A list; `element` is the elements' type if the class fixes it.
    List {
        /// The type of the elements, 0 if they decide.
        element: Oid,
        /// What separates the elements in text.
        delimiter: u8,
    },
    /// A member of an Enum, by its name.
    Enum,
    /// A tuple, as a record.
    Tuple,
    /// An IPv4 or IPv6 address or interface.
    Inet,
    /// An IPv4 or IPv6 network.
    Network,
    /// A Range; `subtype` is the bounds' type if the class fixes it.
    Range {
        /// The type of the bounds, 0 if they decide.
        subtype: Oid,
    },
    /// A Multirange.
    Multirange {
        /// The type of the bounds, 0 if they decide.
        subtype: Oid,
    },
    /// A dictionary of strings.
    Hstore,
    /// The DB-API's Binary around a buffer.
    BinaryWrapper,
}

/// How to read a value, without calling a Python class.
#[derive(Clone, Debug)]
pub struct LoadCodec {
    /// Which values, and what becomes of them.
    pub kind: LoadKind,
    /// The format to read.
    pub format: Format,
}

/// The native loaders.
#[derive(Clone, Debug)]
pub enum LoadKind {
    /// A value without parts.
    Scalar(Scalar),
    /// A list; in text the element type and the delimiter are the class's.
    Array {
        /// The type of the elements; in binary the value says it.
        element: Oid,
        /// What separates the elements in text.
        delimiter: u8,
    },
    /// A tuple of values whose types the value says (binary) or that are strings (text).
    Record,
    /// A composite type that was registered.
    Composite(Arc<Composite>),
    /// An enumeration that was registered.
    Enum(Arc<Enumeration>),
    /// A Range.
    Range {
        /// The type of the bounds.
        subtype: Oid,
    },
    /// A Multirange.
    Multirange {
        /// The type of the bounds.
        subtype: Oid,
    },
    /// `json` or `jsonb`, other than by default.
    Json {
        /// Whether the binary form begins with a version.
        is_jsonb: bool,
        /// What becomes of the text.
        mode: JsonMode,
    },
}

/// A composite type and what becomes of its values.
#[derive(Debug)]
pub struct Composite {
    /// The types of the fields.
    pub types: Vec<Oid>,
    /// What makes an object of the values.
    pub make: Py<PyAny>,
    /// How it is called.
    pub call: MakerCall,
    /// Called for a value with other fields, which is loaded as if the type were not known.
    pub mismatched: Option<Py<PyAny>>,
}

/// How the maker of a composite type is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MakerCall {
    /// With the tuple of the values.
    Values,
    /// With the values as arguments.
    Arguments,
    /// Not at all: it is a subclass of tuple that is made as tuples are.
    Tuple,
}

/// An enumeration and what becomes of its values.
#[derive(Debug)]
pub struct Enumeration {
    /// The members by their labels.
    pub members: Py<PyDict>,
    /// Called for another label, which is loaded as a string.
    pub mismatched: Option<Py<PyAny>>,
}

/// Types whose values have no parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the PostgreSQL type of that name")]
pub enum Scalar {
    Bool,
    /// The text of any integer type.
    Integer,
    Int2,
    Int4,
    Int8,
    ObjectId,
    /// The text of either floating-point type.
    Float,
    Float4,
    Float8,
    Numeric,
    Text,
    Bytea,
    Date(OutOfRange),
    Time,
    Timetz,
    Timestamp(OutOfRange),
    Timestamptz(OutOfRange),
    Interval(OutOfRange),
    Uuid,
    Json,
    Jsonb,
    Inet,
    Cidr,
    Hstore,
}

/// What becomes of a date, a timestamp or an interval that Python cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutOfRange {
    /// `DataError`.
    #[default]
    Raise,
    /// The nearest value that Python can hold.
    Clamp,
    /// An object of the package for an infinity; `DataError` for others.
    Infinity,
    /// An object of the package that holds the exact value.
    Lossless,
}

impl OutOfRange {
    /// What a loader class, or an instance of one, says.
    fn of(owner: &Bound<'_, PyAny>) -> PyResult<OutOfRange> {
        let Some(policy) = owner.getattr_opt(intern!(owner.py(), "_out_of_range"))? else {
            return Ok(OutOfRange::Raise);
        };
        match policy.cast::<PyString>()?.to_str()? {
            "raise" => Ok(OutOfRange::Raise),
            "clamp" => Ok(OutOfRange::Clamp),
            "infinity" => Ok(OutOfRange::Infinity),
            "lossless" => Ok(OutOfRange::Lossless),
            other => Err(PyValueError::new_err(format!("bad policy: {other:?}"))),
        }
    }
}

/// What becomes of a JSON document, where it is not what `json.loads` makes of it.
#[derive(Clone, Debug)]
pub enum JsonMode {
    /// As `json.loads`, with a `Decimal` for a number with a fraction or an exponent.
    Decimals,
    /// Its text, as bytes.
    Raw,
    /// What this function makes of its text.
    Hook(Arc<Py<PyAny>>),
}

impl JsonMode {
    /// What a loader class, or an instance of one, says.
    fn of(owner: &Bound<'_, PyAny>) -> PyResult<Option<JsonMode>> {
        let py = owner.py();
        let hook = owner.getattr_opt(intern!(py, "_loads"))?;
        if let Some(hook) = hook.filter(|hook| !hook.is_none()) {
            return Ok(Some(JsonMode::Hook(Arc::new(hook.unbind()))));
        }
        let Some(mode) = owner.getattr_opt(intern!(py, "_mode"))? else {
            return Ok(None);
        };
        match mode.cast::<PyString>()?.to_str()? {
            "" => Ok(None),
            "decimals" => Ok(Some(JsonMode::Decimals)),
            "raw" => Ok(Some(JsonMode::Raw)),
            other => Err(PyValueError::new_err(format!("bad mode: {other:?}"))),
        }
    }
}

/// The class's own `_native`, not one that it inherits.
fn native_name<'py>(class: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyString>>> {
    let py = class.py();
    let dictionary = class.getattr(intern!(py, "__dict__"))?;
    if !dictionary.contains(intern!(py, "_native"))? {
        return Ok(None);
    }
    Ok(Some(
        dictionary.get_item(intern!(py, "_native"))?.cast_into()?,
    ))
}

fn oid_attribute(owner: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) -> PyResult<Oid> {
    match owner.getattr_opt(name)? {
        Some(oid) => oid.extract(),
        None => Ok(0),
    }
}

fn delimiter_of(owner: &Bound<'_, PyAny>) -> PyResult<u8> {
    let delimiter = owner.getattr_opt(intern!(owner.py(), "delimiter"))?;
    match delimiter
        .map(|bytes| bytes.extract::<Vec<u8>>())
        .transpose()?
        .as_deref()
    {
        None => Ok(b','),
        Some(&[byte]) => Ok(byte),
        Some(_) => Err(PyValueError::new_err("an array's delimiter is one byte")),
    }
}

fn mismatched_of(owner: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
    let mismatched = owner.getattr_opt(intern!(owner.py(), "_mismatched"))?;
    Ok(mismatched.map(Bound::unbind))
}

impl DumpKind {
    /// The kind of this name; what it needs besides are attributes of the class or the instance.
    pub fn named(owner: &Bound<'_, PyAny>, name: &str) -> PyResult<DumpKind> {
        let py = owner.py();
        match name {
            "array" => Ok(DumpKind::List {
                element: oid_attribute(owner, intern!(py, "element_oid"))?,
                delimiter: delimiter_of(owner)?,
            }),
            "range" => Ok(DumpKind::Range {
                subtype: oid_attribute(owner, intern!(py, "subtype_oid"))?,
            }),
            "multirange" => Ok(DumpKind::Multirange {
                subtype: oid_attribute(owner, intern!(py, "subtype_oid"))?,
            }),
            _ => Self::simple(name).ok_or_else(|| unknown_codec(name)),
        }
    }

    fn simple(name: &str) -> Option<DumpKind> {
        Some(match name {
            "none" => DumpKind::None,
            "bool" => DumpKind::Bool,
            "int" => DumpKind::Int,
            "int2" => DumpKind::Int2,
            "int4" => DumpKind::Int4,
            "int8" => DumpKind::Int8,
            "oid" => DumpKind::ObjectId,
            "int_numeric" => DumpKind::IntNumeric,
            "float4" => DumpKind::Float4,
            "float8" => DumpKind::Float8,
            "decimal" => DumpKind::Decimal,
            "numeric" => DumpKind::Numeric,
            "str" => DumpKind::Str,
            "bytes" => DumpKind::Bytes,
            "date" => DumpKind::Date,
            "time" => DumpKind::Time,
            "timetz" => DumpKind::TimeTz,
            "datetime" => DumpKind::Datetime,
            "timestamp" => DumpKind::DatetimeNoTz,
            "interval" => DumpKind::Timedelta,
            "uuid" => DumpKind::Uuid,
            "json" => DumpKind::Json,
            "jsonb" => DumpKind::Jsonb,
            "enum" => DumpKind::Enum,
            "tuple" => DumpKind::Tuple,
            "inet" => DumpKind::Inet,
            "cidr" => DumpKind::Network,
            "hstore" => DumpKind::Hstore,
            "binary" => DumpKind::BinaryWrapper,
            _ => return None,
        })
    }
}

impl DumpCodec {
    /// The codec that a dumper class names, if it does.
    pub fn of_class(class: &Bound<'_, PyType>) -> PyResult<Option<DumpCodec>> {
        let Some(name) = native_name(class)? else {
            return Ok(None);
        };
        Ok(Some(DumpCodec {
            kind: DumpKind::named(class, name.to_str()?)?,
            format: class_format(class)?,
            oid: oid_attribute(class, intern!(class.py(), "oid"))?,
        }))
    }
}

impl Scalar {
    /// The type of this name.
    pub fn named(name: &str) -> Option<Scalar> {
        Some(match name {
            "bool" => Scalar::Bool,
            "integer" => Scalar::Integer,
            "int2" => Scalar::Int2,
            "int4" => Scalar::Int4,
            "int8" => Scalar::Int8,
            "oid" => Scalar::ObjectId,
            "float" => Scalar::Float,
            "float4" => Scalar::Float4,
            "float8" => Scalar::Float8,
            "numeric" => Scalar::Numeric,
            "text" => Scalar::Text,
            "bytea" => Scalar::Bytea,
            "date" => Scalar::Date(OutOfRange::Raise),
            "time" => Scalar::Time,
            "timetz" => Scalar::Timetz,
            "timestamp" => Scalar::Timestamp(OutOfRange::Raise),
            "timestamptz" => Scalar::Timestamptz(OutOfRange::Raise),
            "interval" => Scalar::Interval(OutOfRange::Raise),
            "uuid" => Scalar::Uuid,
            "json" => Scalar::Json,
            "jsonb" => Scalar::Jsonb,
            "inet" => Scalar::Inet,
            "cidr" => Scalar::Cidr,
            "hstore" => Scalar::Hstore,
            _ => return None,
        })
    }

    /// The same type with another way for what Python cannot hold.
    fn with_policy(self, policy: OutOfRange) -> Scalar {
        match self {
            Scalar::Date(_) => Scalar::Date(policy),
            Scalar::Timestamp(_) => Scalar::Timestamp(policy),
            Scalar::Timestamptz(_) => Scalar::Timestamptz(policy),
            Scalar::Interval(_) => Scalar::Interval(policy),
            other => other,
        }
    }

    /// Whether the objects made can never be part of a reference cycle.
    pub fn is_atomic(self) -> bool {
        !matches!(
            self,
            Scalar::Json | Scalar::Jsonb | Scalar::Inet | Scalar::Cidr | Scalar::Hstore
        )
    }
}

impl LoadKind {
    /// The kind of this name; what it needs besides are attributes of the class or the instance.
    pub fn named(owner: &Bound<'_, PyAny>, name: &str) -> PyResult<LoadKind> {
        let py = owner.py();
        Ok(match name {
            "array" => LoadKind::Array {
                element: oid_attribute(owner, intern!(py, "base_oid"))?,
                delimiter: delimiter_of(owner)?,
            },
            "record" => LoadKind::Record,
            "composite" => LoadKind::Composite(Arc::new(Composite {
                types: owner.getattr(intern!(py, "_field_types"))?.extract()?,
                make: owner.getattr(intern!(py, "_make"))?.unbind(),
                call: match owner.getattr(intern!(py, "_call"))?.extract::<&str>()? {
                    "arguments" => MakerCall::Arguments,
                    "tuple" => MakerCall::Tuple,
                    _ => MakerCall::Values,
                },
                mismatched: mismatched_of(owner)?,
            })),
            "enum" => {
                let members = owner.getattr(intern!(py, "_members"))?;
                LoadKind::Enum(Arc::new(Enumeration {
                    members: members.cast_into::<PyDict>()?.unbind(),
                    mismatched: mismatched_of(owner)?,
                }))
            }
            "range" => LoadKind::Range {
                subtype: oid_attribute(owner, intern!(py, "subtype_oid"))?,
            },
            "multirange" => LoadKind::Multirange {
                subtype: oid_attribute(owner, intern!(py, "subtype_oid"))?,
            },
            "json" | "jsonb" => {
                let is_jsonb = name == "jsonb";
                match JsonMode::of(owner)? {
                    Some(mode) => LoadKind::Json { is_jsonb, mode },
                    None if is_jsonb => LoadKind::Scalar(Scalar::Jsonb),
                    None => LoadKind::Scalar(Scalar::Json),
                }
            }
            _ => {
                let scalar = Scalar::named(name).ok_or_else(|| unknown_codec(name))?;
                LoadKind::Scalar(scalar.with_policy(OutOfRange::of(owner)?))
            }
        })
    }
}

impl LoadCodec {
    /// The codec that a loader class names, if it does.
    pub fn of_class(class: &Bound<'_, PyType>) -> PyResult<Option<LoadCodec>> {
        let Some(name) = native_name(class)? else {
            return Ok(None);
        };
        Ok(Some(LoadCodec {
            kind: LoadKind::named(class, name.to_str()?)?,
            format: class_format(class)?,
        }))
    }

    /// The codec for an array type.
    pub fn array(element: Oid, delimiter: u8, format: Format) -> LoadCodec {
        LoadCodec {
            kind: LoadKind::Array { element, delimiter },
            format,
        }
    }
}

#[cold]
fn unknown_codec(name: &str) -> PyErr {
    PyValueError::new_err(format!("there is no native codec {name:?}"))
}
