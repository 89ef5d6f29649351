//! The adapters that the package has from the start, as a table.
//!
//! Registering them from Python would import every module of `psycoxide.types` and make some 300
//! classes, which hardly any program looks at. Here an entry is a codec and the *name* of its
//! class; the class is imported when somebody asks for it. A test compares the table with what
//! the modules' own `register_default_adapters` do.

use psycoxide_types::catalog::{self, oid};
use psycoxide_types::{Format, Oid};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyFloat, PyInt, PyList, PyMemoryView, PyString, PyTuple, PyType,
};

use super::class::{ClassRef, DumperClass, LoaderClass};
use super::codec::{DumpCodec, DumpKind, LoadCodec, LoadKind, OutOfRange, Scalar};
use super::registry::Registry;

use Format::{Binary, Text};

/// A dumper for values of a Python class: the class, the module of the dumpers, their names in
/// text and in binary (empty for none), their codec, what each writes, and the automatic choice.
type DumperRow = (
    &'static str,
    &'static str,
    [&'static str; 2],
    DumpKind,
    [Oid; 2],
    Format,
);
/// A loader for a type: the type, the module of the loaders, and for text and binary their name
/// and codec.
type LoaderRow = (Oid, &'static str, [(&'static str, LoadKind); 2]);

const LIST: DumpKind = DumpKind::List {
    element: 0,
    delimiter: b',',
};

const fn range(subtype: Oid) -> DumpKind {
    DumpKind::Range { subtype }
}

const fn multirange(subtype: Oid) -> DumpKind {
    DumpKind::Multirange { subtype }
}

const fn scalar(scalar: Scalar) -> LoadKind {
    LoadKind::Scalar(scalar)
}

/// Where several write the same type, the last one is found by it.
#[rustfmt::skip]
const DUMPERS: &[DumperRow] = &[
    ("psycoxide.types.range.Range", "range", ["RangeDumper", "RangeBinaryDumper"], range(0), [0, 0], Text),
    ("psycoxide.types.range.Int4Range", "range", ["Int4RangeDumper", "Int4RangeBinaryDumper"], range(oid::INT4), [oid::INT4RANGE, oid::INT4RANGE], Binary),
    ("psycoxide.types.range.Int8Range", "range", ["Int8RangeDumper", "Int8RangeBinaryDumper"], range(oid::INT8), [oid::INT8RANGE, oid::INT8RANGE], Binary),
    ("psycoxide.types.range.NumericRange", "range", ["NumericRangeDumper", "NumericRangeBinaryDumper"], range(oid::NUMERIC), [oid::NUMRANGE, oid::NUMRANGE], Binary),
    ("psycoxide.types.range.DateRange", "range", ["DateRangeDumper", "DateRangeBinaryDumper"], range(oid::DATE), [oid::DATERANGE, oid::DATERANGE], Binary),
    ("psycoxide.types.range.TimestampRange", "range", ["TimestampRangeDumper", "TimestampRangeBinaryDumper"], range(oid::TIMESTAMP), [oid::TSRANGE, oid::TSRANGE], Binary),
    ("psycoxide.types.range.TimestamptzRange", "range", ["TimestamptzRangeDumper", "TimestamptzRangeBinaryDumper"], range(oid::TIMESTAMPTZ), [oid::TSTZRANGE, oid::TSTZRANGE], Binary),
    ("psycoxide.types.multirange.Multirange", "multirange", ["MultirangeDumper", "MultirangeBinaryDumper"], multirange(0), [0, 0], Text),
    ("psycoxide.types.multirange.Int4Multirange", "multirange", ["Int4MultirangeDumper", "Int4MultirangeBinaryDumper"], multirange(oid::INT4), [oid::INT4MULTIRANGE, oid::INT4MULTIRANGE], Binary),
    ("psycoxide.types.multirange.Int8Multirange", "multirange", ["Int8MultirangeDumper", "Int8MultirangeBinaryDumper"], multirange(oid::INT8), [oid::INT8MULTIRANGE, oid::INT8MULTIRANGE], Binary),
    ("psycoxide.types.multirange.NumericMultirange", "multirange", ["NumericMultirangeDumper", "NumericMultirangeBinaryDumper"], multirange(oid::NUMERIC), [oid::NUMMULTIRANGE, oid::NUMMULTIRANGE], Binary),
    ("psycoxide.types.multirange.DateMultirange", "multirange", ["DateMultirangeDumper", "DateMultirangeBinaryDumper"], multirange(oid::DATE), [oid::DATEMULTIRANGE, oid::DATEMULTIRANGE], Binary),
    ("psycoxide.types.multirange.TimestampMultirange", "multirange", ["TimestampMultirangeDumper", "TimestampMultirangeBinaryDumper"], multirange(oid::TIMESTAMP), [oid::TSMULTIRANGE, oid::TSMULTIRANGE], Binary),
    ("psycoxide.types.multirange.TimestamptzMultirange", "multirange", ["TimestamptzMultirangeDumper", "TimestamptzMultirangeBinaryDumper"], multirange(oid::TIMESTAMPTZ), [oid::TSTZMULTIRANGE, oid::TSTZMULTIRANGE], Binary),
    ("ipaddress.IPv4Address", "net", ["InterfaceDumper", "AddressBinaryDumper"], DumpKind::Inet, [oid::INET, oid::INET], Binary),
    ("ipaddress.IPv4Interface", "net", ["InterfaceDumper", "InterfaceBinaryDumper"], DumpKind::Inet, [oid::INET, oid::INET], Binary),
    ("ipaddress.IPv4Network", "net", ["NetworkDumper", "NetworkBinaryDumper"], DumpKind::Network, [oid::CIDR, oid::CIDR], Binary),
    ("ipaddress.IPv6Address", "net", ["InterfaceDumper", "AddressBinaryDumper"], DumpKind::Inet, [oid::INET, oid::INET], Binary),
    ("ipaddress.IPv6Interface", "net", ["InterfaceDumper", "InterfaceBinaryDumper"], DumpKind::Inet, [oid::INET, oid::INET], Binary),
    ("ipaddress.IPv6Network", "net", ["NetworkDumper", "NetworkBinaryDumper"], DumpKind::Network, [oid::CIDR, oid::CIDR], Binary),
    ("builtins.tuple", "composite", ["TupleDumper", ""], DumpKind::Tuple, [0, 0], Text),
    ("psycoxide.dbapi20.Binary", "..dbapi20", ["BinaryTextDumper", "BinaryBinaryDumper"], DumpKind::BinaryWrapper, [oid::BYTEA, oid::BYTEA], Binary),
    ("numpy.int8", "numpy", ["NPInt16Dumper", "NPInt16BinaryDumper"], DumpKind::Int2, [oid::INT2, oid::INT2], Binary),
    ("numpy.int16", "numpy", ["NPInt16Dumper", "NPInt16BinaryDumper"], DumpKind::Int2, [oid::INT2, oid::INT2], Binary),
    ("numpy.uint8", "numpy", ["NPInt16Dumper", "NPInt16BinaryDumper"], DumpKind::Int2, [oid::INT2, oid::INT2], Binary),
    ("numpy.int32", "numpy", ["NPInt32Dumper", "NPInt32BinaryDumper"], DumpKind::Int4, [oid::INT4, oid::INT4], Binary),
    ("numpy.uint16", "numpy", ["NPInt32Dumper", "NPInt32BinaryDumper"], DumpKind::Int4, [oid::INT4, oid::INT4], Binary),
    ("numpy.int64", "numpy", ["NPInt64Dumper", "NPInt64BinaryDumper"], DumpKind::Int8, [oid::INT8, oid::INT8], Binary),
    ("numpy.longlong", "numpy", ["NPInt64Dumper", "NPInt64BinaryDumper"], DumpKind::Int8, [oid::INT8, oid::INT8], Binary),
    ("numpy.uint32", "numpy", ["NPInt64Dumper", "NPInt64BinaryDumper"], DumpKind::Int8, [oid::INT8, oid::INT8], Binary),
    ("numpy.uint64", "numpy", ["NPNumericDumper", "NPNumericBinaryDumper"], DumpKind::IntNumeric, [oid::NUMERIC, oid::NUMERIC], Binary),
    ("numpy.ulonglong", "numpy", ["NPNumericDumper", "NPNumericBinaryDumper"], DumpKind::IntNumeric, [oid::NUMERIC, oid::NUMERIC], Binary),
    ("numpy.bool", "bool", ["BoolDumper", "BoolBinaryDumper"], DumpKind::Bool, [oid::BOOL, oid::BOOL], Binary),
    ("numpy.bool_", "bool", ["BoolDumper", "BoolBinaryDumper"], DumpKind::Bool, [oid::BOOL, oid::BOOL], Binary),
    ("numpy.float16", "numeric", ["Float4Dumper", "Float4BinaryDumper"], DumpKind::Float4, [oid::FLOAT4, oid::FLOAT4], Binary),
    ("numpy.float32", "numeric", ["Float4Dumper", "Float4BinaryDumper"], DumpKind::Float4, [oid::FLOAT4, oid::FLOAT4], Binary),
    ("numpy.float64", "numeric", ["FloatDumper", "FloatBinaryDumper"], DumpKind::Float8, [oid::FLOAT8, oid::FLOAT8], Binary),
    ("builtins.NoneType", "none", ["NoneDumper", ""], DumpKind::None, [0, 0], Text),
    ("builtins.bool", "bool", ["BoolDumper", "BoolBinaryDumper"], DumpKind::Bool, [oid::BOOL, oid::BOOL], Binary),
    ("builtins.int", "numeric", ["IntDumper", "IntBinaryDumper"], DumpKind::Int, [0, 0], Binary),
    ("builtins.float", "numeric", ["FloatDumper", "FloatBinaryDumper"], DumpKind::Float8, [oid::FLOAT8, oid::FLOAT8], Binary),
    ("builtins.str", "string", ["StrDumperUnknown", "StrBinaryDumper"], DumpKind::Str, [0, oid::TEXT], Text),
    ("builtins.bytes", "string", ["BytesDumper", "BytesBinaryDumper"], DumpKind::Bytes, [oid::BYTEA, oid::BYTEA], Binary),
    ("builtins.bytearray", "string", ["BytesDumper", "BytesBinaryDumper"], DumpKind::Bytes, [oid::BYTEA, oid::BYTEA], Binary),
    ("builtins.memoryview", "string", ["BytesDumper", "BytesBinaryDumper"], DumpKind::Bytes, [oid::BYTEA, oid::BYTEA], Binary),
    ("builtins.list", "array", ["ListDumper", "ListBinaryDumper"], LIST, [0, 0], Text),
    ("datetime.date", "datetime", ["DateDumper", "DateBinaryDumper"], DumpKind::Date, [oid::DATE, oid::DATE], Binary),
    ("datetime.time", "datetime", ["TimeDumper", "TimeBinaryDumper"], DumpKind::Time, [oid::TIME, oid::TIME], Binary),
    ("datetime.datetime", "datetime", ["DatetimeDumper", "DatetimeBinaryDumper"], DumpKind::Datetime, [oid::TIMESTAMPTZ, oid::TIMESTAMPTZ], Binary),
    ("datetime.timedelta", "datetime", ["TimedeltaDumper", "TimedeltaBinaryDumper"], DumpKind::Timedelta, [oid::INTERVAL, oid::INTERVAL], Binary),
    ("decimal.Decimal", "numeric", ["DecimalDumper", "DecimalBinaryDumper"], DumpKind::Decimal, [oid::NUMERIC, oid::NUMERIC], Text),
    ("uuid.UUID", "uuid", ["UUIDDumper", "UUIDBinaryDumper"], DumpKind::Uuid, [oid::UUID, oid::UUID], Binary),
    ("enum.Enum", "enum", ["EnumDumper", "EnumBinaryDumper"], DumpKind::Enum, [0, 0], Text),
    ("psycoxide.types.json.Json", "json", ["JsonDumper", "JsonBinaryDumper"], DumpKind::Json, [oid::JSON, oid::JSON], Text),
    ("psycoxide.types.json.Jsonb", "json", ["JsonbDumper", "JsonbBinaryDumper"], DumpKind::Jsonb, [oid::JSONB, oid::JSONB], Text),
    ("psycoxide.types.numeric.Int2", "numeric", ["Int2Dumper", "Int2BinaryDumper"], DumpKind::Int2, [oid::INT2, oid::INT2], Binary),
    ("psycoxide.types.numeric.Int4", "numeric", ["Int4Dumper", "Int4BinaryDumper"], DumpKind::Int4, [oid::INT4, oid::INT4], Binary),
    ("psycoxide.types.numeric.Int8", "numeric", ["Int8Dumper", "Int8BinaryDumper"], DumpKind::Int8, [oid::INT8, oid::INT8], Binary),
    ("psycoxide.types.numeric.IntNumeric", "numeric", ["IntNumericDumper", ""], DumpKind::IntNumeric, [oid::NUMERIC, oid::NUMERIC], Text),
    ("psycoxide.types.numeric.Oid", "numeric", ["OidDumper", "OidBinaryDumper"], DumpKind::ObjectId, [oid::OID, oid::OID], Binary),
    ("psycoxide.types.numeric.Float4", "numeric", ["Float4Dumper", "Float4BinaryDumper"], DumpKind::Float4, [oid::FLOAT4, oid::FLOAT4], Binary),
    ("psycoxide.types.numeric.Float8", "numeric", ["FloatDumper", "FloatBinaryDumper"], DumpKind::Float8, [oid::FLOAT8, oid::FLOAT8], Binary),
];

/// Dumpers that are found by what they write, besides those above.
#[rustfmt::skip]
const DUMPERS_BY_OID: &[(&str, &str, DumpKind, Format, Oid)] = &[
    ("net", "InetBinaryDumper", DumpKind::Inet, Binary, oid::INET),
    ("string", "StrDumper", DumpKind::Str, Text, oid::TEXT),
    ("string", "StrDumperVarchar", DumpKind::Str, Text, oid::VARCHAR),
    ("string", "StrBinaryDumperVarchar", DumpKind::Str, Binary, oid::VARCHAR),
    ("string", "StrDumperName", DumpKind::Str, Text, oid::NAME),
    ("string", "StrBinaryDumperName", DumpKind::Str, Binary, oid::NAME),
    ("datetime", "TimeTzDumper", DumpKind::TimeTz, Text, oid::TIMETZ),
    ("datetime", "TimeTzBinaryDumper", DumpKind::TimeTz, Binary, oid::TIMETZ),
    ("datetime", "DatetimeNoTzDumper", DumpKind::DatetimeNoTz, Text, oid::TIMESTAMP),
    ("datetime", "DatetimeNoTzBinaryDumper", DumpKind::DatetimeNoTz, Binary, oid::TIMESTAMP),
    ("numeric", "NumericDumper", DumpKind::Numeric, Text, oid::NUMERIC),
    ("numeric", "NumericBinaryDumper", DumpKind::Numeric, Binary, oid::NUMERIC),
];

#[rustfmt::skip]
const LOADERS: &[LoaderRow] = &[
    (0, "string", [
        ("TextLoader", scalar(Scalar::Text)),
        ("ByteaBinaryLoader", scalar(Scalar::Bytea)),
    ]),
    (oid::BPCHAR, "string", [
        ("TextLoader", scalar(Scalar::Text)),
        ("TextBinaryLoader", scalar(Scalar::Text)),
    ]),
    (oid::NAME, "string", [
        ("TextLoader", scalar(Scalar::Text)),
        ("TextBinaryLoader", scalar(Scalar::Text)),
    ]),
    (oid::TEXT, "string", [
        ("TextLoader", scalar(Scalar::Text)),
        ("TextBinaryLoader", scalar(Scalar::Text)),
    ]),
    (oid::VARCHAR, "string", [
        ("TextLoader", scalar(Scalar::Text)),
        ("TextBinaryLoader", scalar(Scalar::Text)),
    ]),
    (oid::CHAR, "string", [
        ("TextLoader", scalar(Scalar::Text)),
        ("TextBinaryLoader", scalar(Scalar::Text)),
    ]),
    (oid::BYTEA, "string", [
        ("ByteaLoader", scalar(Scalar::Bytea)),
        ("ByteaBinaryLoader", scalar(Scalar::Bytea)),
    ]),
    (oid::BOOL, "bool", [
        ("BoolLoader", scalar(Scalar::Bool)),
        ("BoolBinaryLoader", scalar(Scalar::Bool)),
    ]),
    (oid::INT2, "numeric", [
        ("IntLoader", scalar(Scalar::Integer)),
        ("Int2BinaryLoader", scalar(Scalar::Int2)),
    ]),
    (oid::INT4, "numeric", [
        ("IntLoader", scalar(Scalar::Integer)),
        ("Int4BinaryLoader", scalar(Scalar::Int4)),
    ]),
    (oid::INT8, "numeric", [
        ("IntLoader", scalar(Scalar::Integer)),
        ("Int8BinaryLoader", scalar(Scalar::Int8)),
    ]),
    (oid::OID, "numeric", [
        ("IntLoader", scalar(Scalar::Integer)),
        ("OidBinaryLoader", scalar(Scalar::ObjectId)),
    ]),
    (oid::FLOAT4, "numeric", [
        ("FloatLoader", scalar(Scalar::Float)),
        ("Float4BinaryLoader", scalar(Scalar::Float4)),
    ]),
    (oid::FLOAT8, "numeric", [
        ("FloatLoader", scalar(Scalar::Float)),
        ("Float8BinaryLoader", scalar(Scalar::Float8)),
    ]),
    (oid::NUMERIC, "numeric", [
        ("NumericLoader", scalar(Scalar::Numeric)),
        ("NumericBinaryLoader", scalar(Scalar::Numeric)),
    ]),
    (oid::DATE, "datetime", [
        ("DateLoader", scalar(Scalar::Date(OutOfRange::Raise))),
        ("DateBinaryLoader", scalar(Scalar::Date(OutOfRange::Raise))),
    ]),
    (oid::TIME, "datetime", [
        ("TimeLoader", scalar(Scalar::Time)),
        ("TimeBinaryLoader", scalar(Scalar::Time)),
    ]),
    (oid::TIMETZ, "datetime", [
        ("TimetzLoader", scalar(Scalar::Timetz)),
        ("TimetzBinaryLoader", scalar(Scalar::Timetz)),
    ]),
    (oid::TIMESTAMP, "datetime", [
        ("TimestampLoader", scalar(Scalar::Timestamp(OutOfRange::Raise))),
        ("TimestampBinaryLoader", scalar(Scalar::Timestamp(OutOfRange::Raise))),
    ]),
    (oid::TIMESTAMPTZ, "datetime", [
        ("TimestamptzLoader", scalar(Scalar::Timestamptz(OutOfRange::Raise))),
        ("TimestamptzBinaryLoader", scalar(Scalar::Timestamptz(OutOfRange::Raise))),
    ]),
    (oid::INTERVAL, "datetime", [
        ("IntervalLoader", scalar(Scalar::Interval(OutOfRange::Raise))),
        ("IntervalBinaryLoader", scalar(Scalar::Interval(OutOfRange::Raise))),
    ]),
    (oid::UUID, "uuid", [
        ("UUIDLoader", scalar(Scalar::Uuid)),
        ("UUIDBinaryLoader", scalar(Scalar::Uuid)),
    ]),
    (oid::JSON, "json", [
        ("JsonLoader", scalar(Scalar::Json)),
        ("JsonBinaryLoader", scalar(Scalar::Json)),
    ]),
    (oid::JSONB, "json", [
        ("JsonbLoader", scalar(Scalar::Jsonb)),
        ("JsonbBinaryLoader", scalar(Scalar::Jsonb)),
    ]),
    (oid::INET, "net", [
        ("InetLoader", scalar(Scalar::Inet)),
        ("InetBinaryLoader", scalar(Scalar::Inet)),
    ]),
    (oid::CIDR, "net", [
        ("CidrLoader", scalar(Scalar::Cidr)),
        ("CidrBinaryLoader", scalar(Scalar::Cidr)),
    ]),
    (oid::RECORD, "composite", [
        ("RecordLoader", LoadKind::Record),
        ("RecordBinaryLoader", LoadKind::Record),
    ]),
    (oid::INT4RANGE, "range", [
        ("Int4RangeLoader", LoadKind::Range { subtype: oid::INT4 }),
        ("Int4RangeBinaryLoader", LoadKind::Range { subtype: oid::INT4 }),
    ]),
    (oid::INT4MULTIRANGE, "multirange", [
        ("Int4MultirangeLoader", LoadKind::Multirange { subtype: oid::INT4 }),
        ("Int4MultirangeBinaryLoader", LoadKind::Multirange { subtype: oid::INT4 }),
    ]),
    (oid::INT8RANGE, "range", [
        ("Int8RangeLoader", LoadKind::Range { subtype: oid::INT8 }),
        ("Int8RangeBinaryLoader", LoadKind::Range { subtype: oid::INT8 }),
    ]),
    (oid::INT8MULTIRANGE, "multirange", [
        ("Int8MultirangeLoader", LoadKind::Multirange { subtype: oid::INT8 }),
        ("Int8MultirangeBinaryLoader", LoadKind::Multirange { subtype: oid::INT8 }),
    ]),
    (oid::NUMRANGE, "range", [
        ("NumericRangeLoader", LoadKind::Range { subtype: oid::NUMERIC }),
        ("NumericRangeBinaryLoader", LoadKind::Range { subtype: oid::NUMERIC }),
    ]),
    (oid::NUMMULTIRANGE, "multirange", [
        ("NumericMultirangeLoader", LoadKind::Multirange { subtype: oid::NUMERIC }),
        ("NumericMultirangeBinaryLoader", LoadKind::Multirange { subtype: oid::NUMERIC }),
    ]),
    (oid::DATERANGE, "range", [
        ("DateRangeLoader", LoadKind::Range { subtype: oid::DATE }),
        ("DateRangeBinaryLoader", LoadKind::Range { subtype: oid::DATE }),
    ]),
    (oid::DATEMULTIRANGE, "multirange", [
        ("DateMultirangeLoader", LoadKind::Multirange { subtype: oid::DATE }),
        ("DateMultirangeBinaryLoader", LoadKind::Multirange { subtype: oid::DATE }),
    ]),
    (oid::TSRANGE, "range", [
        ("TimestampRangeLoader", LoadKind::Range { subtype: oid::TIMESTAMP }),
        ("TimestampRangeBinaryLoader", LoadKind::Range { subtype: oid::TIMESTAMP }),
    ]),
    (oid::TSMULTIRANGE, "multirange", [
        ("TimestampMultirangeLoader", LoadKind::Multirange { subtype: oid::TIMESTAMP }),
        ("TimestampMultirangeBinaryLoader", LoadKind::Multirange { subtype: oid::TIMESTAMP }),
    ]),
    (oid::TSTZRANGE, "range", [
        ("TimestampTZRangeLoader", LoadKind::Range { subtype: oid::TIMESTAMPTZ }),
        ("TimestampTZRangeBinaryLoader", LoadKind::Range { subtype: oid::TIMESTAMPTZ }),
    ]),
    (oid::TSTZMULTIRANGE, "multirange", [
        ("TimestampTZMultirangeLoader", LoadKind::Multirange { subtype: oid::TIMESTAMPTZ }),
        ("TimestampTZMultirangeBinaryLoader", LoadKind::Multirange { subtype: oid::TIMESTAMPTZ }),
    ]),
];

/// Registers all of them.
pub fn register(py: Python<'_>, registry: &mut Registry) {
    for &(class, module, names, kind, oids, auto) in DUMPERS {
        let known = builtin_class(py, class);
        // The automatic choice is what is registered last.
        let formats = match auto {
            Text => [Binary, Text],
            Binary => [Text, Binary],
        };
        for format in formats {
            let name = names[format as usize];
            if !name.is_empty() {
                let codec = DumpCodec {
                    kind,
                    format,
                    oid: oids[format as usize],
                };
                let dumper = DumperClass {
                    class: ClassRef::builtin(module, name),
                    native: Some(codec),
                };
                registry.add_builtin_dumper(class, known.as_ref(), dumper);
            }
        }
    }
    for &(module, name, kind, format, oid) in DUMPERS_BY_OID {
        let dumper = DumperClass {
            class: ClassRef::builtin(module, name),
            native: Some(DumpCodec { kind, format, oid }),
        };
        registry.add_builtin_dumper("", None, dumper);
    }
    for (oid, module, loaders) in LOADERS {
        for (format, (name, kind)) in [Text, Binary].into_iter().zip(loaders) {
            let loader = LoaderClass {
                class: ClassRef::builtin(module, name),
                native: Some(LoadCodec {
                    kind: kind.clone(),
                    format,
                }),
            };
            registry.add_builtin_loader(*oid, format, loader);
        }
    }
    for known in catalog::types() {
        registry.add_array(known.name, known.array_oid, known.oid, known.delimiter);
    }
}

/// The classes that are there without importing anything.
fn builtin_class<'py>(py: Python<'py>, name: &str) -> Option<Bound<'py, PyType>> {
    Some(match name {
        "builtins.NoneType" => py.None().bind(py).get_type(),
        "builtins.bool" => py.get_type::<PyBool>(),
        "builtins.int" => py.get_type::<PyInt>(),
        "builtins.float" => py.get_type::<PyFloat>(),
        "builtins.str" => py.get_type::<PyString>(),
        "builtins.bytes" => py.get_type::<PyBytes>(),
        "builtins.bytearray" => py.get_type::<PyByteArray>(),
        "builtins.memoryview" => py.get_type::<PyMemoryView>(),
        "builtins.list" => py.get_type::<PyList>(),
        "builtins.tuple" => py.get_type::<PyTuple>(),
        _ => return None,
    })
}

/// What [`builtin_types`] says of a type.
type TypeRow<'py> = (
    &'static str,
    Oid,
    Oid,
    &'static str,
    char,
    Bound<'py, PyTuple>,
);

/// The types that every server has: name, OID, array OID, name in SQL, delimiter, and for a range
/// the type of its bounds, for a multirange that and the range.
#[pyfunction]
#[pyo3(name = "_builtin_types")]
pub fn builtin_types(py: Python<'_>) -> PyResult<Vec<TypeRow<'_>>> {
    catalog::types()
        .iter()
        .map(|known| {
            let parts = match known.kind {
                catalog::Kind::Range { subtype } => PyTuple::new(py, [subtype])?,
                catalog::Kind::Multirange { range, subtype } => PyTuple::new(py, [range, subtype])?,
                _ => PyTuple::empty(py),
            };
            let delimiter = char::from(known.delimiter);
            Ok((
                known.name,
                known.oid,
                known.array_oid,
                known.regtype,
                delimiter,
                parts,
            ))
        })
        .collect()
}
