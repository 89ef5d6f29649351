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

use super::codec::{DumpCodec, DumpKind, LoadCodec, LoadKind, Scalar};
use super::registry::{ClassRef, DumperClass, LoaderClass, Registry};

use Format::{Binary, Text};

/// A dumper: its class's module and name, its codec.
type Dumper = (&'static str, &'static str, DumpKind, Format, Oid);
/// A loader: the type, the class's module and name, its codec.
type LoaderEntry = (Oid, &'static str, &'static str, Scalar, Format);

const LIST: DumpKind = DumpKind::List {
    element: 0,
    delimiter: b',',
};

/// For each Python class its dumpers; the last one is the automatic choice.
const DUMPERS: &[(&str, &[Dumper])] = &[
    (
        "builtins.NoneType",
        &[("none", "NoneDumper", DumpKind::None, Text, 0)],
    ),
    (
        "builtins.bool",
        &[
            ("bool", "BoolDumper", DumpKind::Bool, Text, oid::BOOL),
            (
                "bool",
                "BoolBinaryDumper",
                DumpKind::Bool,
                Binary,
                oid::BOOL,
            ),
        ],
    ),
    (
        "builtins.int",
        &[
            ("numeric", "IntDumper", DumpKind::Int, Text, 0),
            ("numeric", "IntBinaryDumper", DumpKind::Int, Binary, 0),
        ],
    ),
    (
        "builtins.float",
        &[
            (
                "numeric",
                "FloatDumper",
                DumpKind::Float8,
                Text,
                oid::FLOAT8,
            ),
            (
                "numeric",
                "FloatBinaryDumper",
                DumpKind::Float8,
                Binary,
                oid::FLOAT8,
            ),
        ],
    ),
    (
        "builtins.str",
        &[
            (
                "string",
                "StrBinaryDumper",
                DumpKind::Str,
                Binary,
                oid::TEXT,
            ),
            ("string", "StrDumperUnknown", DumpKind::Str, Text, 0),
        ],
    ),
    ("builtins.bytes", BYTES),
    ("builtins.bytearray", BYTES),
    ("builtins.memoryview", BYTES),
    (
        "builtins.list",
        &[
            ("array", "ListBinaryDumper", LIST, Binary, 0),
            ("array", "ListDumper", LIST, Text, 0),
        ],
    ),
    (
        "datetime.date",
        &[
            ("datetime", "DateDumper", DumpKind::Date, Text, oid::DATE),
            (
                "datetime",
                "DateBinaryDumper",
                DumpKind::Date,
                Binary,
                oid::DATE,
            ),
        ],
    ),
    (
        "datetime.time",
        &[
            ("datetime", "TimeDumper", DumpKind::Time, Text, oid::TIME),
            (
                "datetime",
                "TimeBinaryDumper",
                DumpKind::Time,
                Binary,
                oid::TIME,
            ),
        ],
    ),
    (
        "datetime.datetime",
        &[
            (
                "datetime",
                "DatetimeDumper",
                DumpKind::Datetime,
                Text,
                oid::TIMESTAMPTZ,
            ),
            (
                "datetime",
                "DatetimeBinaryDumper",
                DumpKind::Datetime,
                Binary,
                oid::TIMESTAMPTZ,
            ),
        ],
    ),
    (
        "datetime.timedelta",
        &[
            (
                "datetime",
                "TimedeltaDumper",
                DumpKind::Timedelta,
                Text,
                oid::INTERVAL,
            ),
            (
                "datetime",
                "TimedeltaBinaryDumper",
                DumpKind::Timedelta,
                Binary,
                oid::INTERVAL,
            ),
        ],
    ),
    (
        "decimal.Decimal",
        &[
            (
                "numeric",
                "DecimalBinaryDumper",
                DumpKind::Decimal,
                Binary,
                oid::NUMERIC,
            ),
            (
                "numeric",
                "DecimalDumper",
                DumpKind::Decimal,
                Text,
                oid::NUMERIC,
            ),
        ],
    ),
    (
        "uuid.UUID",
        &[
            ("uuid", "UUIDDumper", DumpKind::Uuid, Text, oid::UUID),
            (
                "uuid",
                "UUIDBinaryDumper",
                DumpKind::Uuid,
                Binary,
                oid::UUID,
            ),
        ],
    ),
    (
        "enum.Enum",
        &[
            ("enum", "EnumBinaryDumper", DumpKind::Enum, Binary, 0),
            ("enum", "EnumDumper", DumpKind::Enum, Text, 0),
        ],
    ),
    (
        "psycoxide.types.json.Json",
        &[
            (
                "json",
                "JsonBinaryDumper",
                DumpKind::Json,
                Binary,
                oid::JSON,
            ),
            ("json", "JsonDumper", DumpKind::Json, Text, oid::JSON),
        ],
    ),
    (
        "psycoxide.types.json.Jsonb",
        &[
            (
                "json",
                "JsonbBinaryDumper",
                DumpKind::Jsonb,
                Binary,
                oid::JSONB,
            ),
            ("json", "JsonbDumper", DumpKind::Jsonb, Text, oid::JSONB),
        ],
    ),
    (
        "psycoxide.types.numeric.Int2",
        &[
            ("numeric", "Int2Dumper", DumpKind::Int2, Text, oid::INT2),
            (
                "numeric",
                "Int2BinaryDumper",
                DumpKind::Int2,
                Binary,
                oid::INT2,
            ),
        ],
    ),
    (
        "psycoxide.types.numeric.Int4",
        &[
            ("numeric", "Int4Dumper", DumpKind::Int4, Text, oid::INT4),
            (
                "numeric",
                "Int4BinaryDumper",
                DumpKind::Int4,
                Binary,
                oid::INT4,
            ),
        ],
    ),
    (
        "psycoxide.types.numeric.Int8",
        &[
            ("numeric", "Int8Dumper", DumpKind::Int8, Text, oid::INT8),
            (
                "numeric",
                "Int8BinaryDumper",
                DumpKind::Int8,
                Binary,
                oid::INT8,
            ),
        ],
    ),
    (
        "psycoxide.types.numeric.IntNumeric",
        &[(
            "numeric",
            "IntNumericDumper",
            DumpKind::IntNumeric,
            Text,
            oid::NUMERIC,
        )],
    ),
    (
        "psycoxide.types.numeric.Oid",
        &[
            ("numeric", "OidDumper", DumpKind::ObjectId, Text, oid::OID),
            (
                "numeric",
                "OidBinaryDumper",
                DumpKind::ObjectId,
                Binary,
                oid::OID,
            ),
        ],
    ),
    (
        "psycoxide.types.numeric.Float4",
        &[
            (
                "numeric",
                "Float4Dumper",
                DumpKind::Float4,
                Text,
                oid::FLOAT4,
            ),
            (
                "numeric",
                "Float4BinaryDumper",
                DumpKind::Float4,
                Binary,
                oid::FLOAT4,
            ),
        ],
    ),
    (
        "psycoxide.types.numeric.Float8",
        &[
            (
                "numeric",
                "FloatDumper",
                DumpKind::Float8,
                Text,
                oid::FLOAT8,
            ),
            (
                "numeric",
                "FloatBinaryDumper",
                DumpKind::Float8,
                Binary,
                oid::FLOAT8,
            ),
        ],
    ),
];

const BYTES: &[Dumper] = &[
    ("string", "BytesDumper", DumpKind::Bytes, Text, oid::BYTEA),
    (
        "string",
        "BytesBinaryDumper",
        DumpKind::Bytes,
        Binary,
        oid::BYTEA,
    ),
];

/// Dumpers that are found by what they write, besides those above.
const DUMPERS_BY_OID: &[Dumper] = &[
    ("string", "StrDumper", DumpKind::Str, Text, oid::TEXT),
    (
        "string",
        "StrDumperVarchar",
        DumpKind::Str,
        Text,
        oid::VARCHAR,
    ),
    (
        "string",
        "StrBinaryDumperVarchar",
        DumpKind::Str,
        Binary,
        oid::VARCHAR,
    ),
    ("string", "StrDumperName", DumpKind::Str, Text, oid::NAME),
    (
        "string",
        "StrBinaryDumperName",
        DumpKind::Str,
        Binary,
        oid::NAME,
    ),
    (
        "datetime",
        "TimeTzDumper",
        DumpKind::TimeTz,
        Text,
        oid::TIMETZ,
    ),
    (
        "datetime",
        "TimeTzBinaryDumper",
        DumpKind::TimeTz,
        Binary,
        oid::TIMETZ,
    ),
    (
        "datetime",
        "DatetimeNoTzDumper",
        DumpKind::DatetimeNoTz,
        Text,
        oid::TIMESTAMP,
    ),
    (
        "datetime",
        "DatetimeNoTzBinaryDumper",
        DumpKind::DatetimeNoTz,
        Binary,
        oid::TIMESTAMP,
    ),
    (
        "numeric",
        "NumericDumper",
        DumpKind::Numeric,
        Text,
        oid::NUMERIC,
    ),
    (
        "numeric",
        "NumericBinaryDumper",
        DumpKind::Numeric,
        Binary,
        oid::NUMERIC,
    ),
];

const LOADERS: &[LoaderEntry] = &[
    (0, "string", "TextLoader", Scalar::Text, Text),
    (0, "string", "ByteaBinaryLoader", Scalar::Bytea, Binary),
    (oid::BPCHAR, "string", "TextLoader", Scalar::Text, Text),
    (
        oid::BPCHAR,
        "string",
        "TextBinaryLoader",
        Scalar::Text,
        Binary,
    ),
    (oid::NAME, "string", "TextLoader", Scalar::Text, Text),
    (
        oid::NAME,
        "string",
        "TextBinaryLoader",
        Scalar::Text,
        Binary,
    ),
    (oid::TEXT, "string", "TextLoader", Scalar::Text, Text),
    (
        oid::TEXT,
        "string",
        "TextBinaryLoader",
        Scalar::Text,
        Binary,
    ),
    (oid::VARCHAR, "string", "TextLoader", Scalar::Text, Text),
    (
        oid::VARCHAR,
        "string",
        "TextBinaryLoader",
        Scalar::Text,
        Binary,
    ),
    (oid::CHAR, "string", "TextLoader", Scalar::Text, Text),
    (
        oid::CHAR,
        "string",
        "TextBinaryLoader",
        Scalar::Text,
        Binary,
    ),
    (oid::BYTEA, "string", "ByteaLoader", Scalar::Bytea, Text),
    (
        oid::BYTEA,
        "string",
        "ByteaBinaryLoader",
        Scalar::Bytea,
        Binary,
    ),
    (oid::BOOL, "bool", "BoolLoader", Scalar::Bool, Text),
    (oid::BOOL, "bool", "BoolBinaryLoader", Scalar::Bool, Binary),
    (oid::INT2, "numeric", "IntLoader", Scalar::Integer, Text),
    (
        oid::INT2,
        "numeric",
        "Int2BinaryLoader",
        Scalar::Int2,
        Binary,
    ),
    (oid::INT4, "numeric", "IntLoader", Scalar::Integer, Text),
    (
        oid::INT4,
        "numeric",
        "Int4BinaryLoader",
        Scalar::Int4,
        Binary,
    ),
    (oid::INT8, "numeric", "IntLoader", Scalar::Integer, Text),
    (
        oid::INT8,
        "numeric",
        "Int8BinaryLoader",
        Scalar::Int8,
        Binary,
    ),
    (oid::OID, "numeric", "IntLoader", Scalar::Integer, Text),
    (
        oid::OID,
        "numeric",
        "OidBinaryLoader",
        Scalar::ObjectId,
        Binary,
    ),
    (oid::FLOAT4, "numeric", "FloatLoader", Scalar::Float, Text),
    (
        oid::FLOAT4,
        "numeric",
        "Float4BinaryLoader",
        Scalar::Float4,
        Binary,
    ),
    (oid::FLOAT8, "numeric", "FloatLoader", Scalar::Float, Text),
    (
        oid::FLOAT8,
        "numeric",
        "Float8BinaryLoader",
        Scalar::Float8,
        Binary,
    ),
    (
        oid::NUMERIC,
        "numeric",
        "NumericLoader",
        Scalar::Numeric,
        Text,
    ),
    (
        oid::NUMERIC,
        "numeric",
        "NumericBinaryLoader",
        Scalar::Numeric,
        Binary,
    ),
    (oid::DATE, "datetime", "DateLoader", Scalar::Date, Text),
    (
        oid::DATE,
        "datetime",
        "DateBinaryLoader",
        Scalar::Date,
        Binary,
    ),
    (oid::TIME, "datetime", "TimeLoader", Scalar::Time, Text),
    (
        oid::TIME,
        "datetime",
        "TimeBinaryLoader",
        Scalar::Time,
        Binary,
    ),
    (
        oid::TIMETZ,
        "datetime",
        "TimetzLoader",
        Scalar::Timetz,
        Text,
    ),
    (
        oid::TIMETZ,
        "datetime",
        "TimetzBinaryLoader",
        Scalar::Timetz,
        Binary,
    ),
    (
        oid::TIMESTAMP,
        "datetime",
        "TimestampLoader",
        Scalar::Timestamp,
        Text,
    ),
    (
        oid::TIMESTAMP,
        "datetime",
        "TimestampBinaryLoader",
        Scalar::Timestamp,
        Binary,
    ),
    (
        oid::TIMESTAMPTZ,
        "datetime",
        "TimestamptzLoader",
        Scalar::Timestamptz,
        Text,
    ),
    (
        oid::TIMESTAMPTZ,
        "datetime",
        "TimestamptzBinaryLoader",
        Scalar::Timestamptz,
        Binary,
    ),
    (
        oid::INTERVAL,
        "datetime",
        "IntervalLoader",
        Scalar::Interval,
        Text,
    ),
    (
        oid::INTERVAL,
        "datetime",
        "IntervalBinaryLoader",
        Scalar::Interval,
        Binary,
    ),
    (oid::UUID, "uuid", "UUIDLoader", Scalar::Uuid, Text),
    (oid::UUID, "uuid", "UUIDBinaryLoader", Scalar::Uuid, Binary),
    (oid::JSON, "json", "JsonLoader", Scalar::Json, Text),
    (oid::JSON, "json", "JsonBinaryLoader", Scalar::Json, Binary),
    (oid::JSONB, "json", "JsonbLoader", Scalar::Jsonb, Text),
    (
        oid::JSONB,
        "json",
        "JsonbBinaryLoader",
        Scalar::Jsonb,
        Binary,
    ),
];

/// Registers all of them.
pub fn register(py: Python<'_>, registry: &mut Registry) {
    for (class, dumpers) in DUMPERS {
        let known = builtin_class(py, class);
        for dumper in *dumpers {
            registry.add_builtin_dumper(class, known.as_ref(), dumper_class(dumper));
        }
    }
    for dumper in DUMPERS_BY_OID {
        registry.add_builtin_dumper("", None, dumper_class(dumper));
    }
    for &(oid, module, name, scalar, format) in LOADERS {
        let class = LoaderClass {
            class: ClassRef::builtin(module, name),
            native: Some(LoadCodec {
                kind: LoadKind::Scalar(scalar),
                format,
            }),
        };
        registry.add_builtin_loader(oid, format, class);
    }
    for known in catalog::types() {
        registry.add_array(known.name, known.array_oid, known.oid, known.delimiter);
    }
}

fn dumper_class(&(module, name, kind, format, oid): &Dumper) -> DumperClass {
    DumperClass {
        class: ClassRef::builtin(module, name),
        native: Some(DumpCodec { kind, format, oid }),
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
        _ => return None,
    })
}

/// The types that every server has: name, OID, array OID, name in SQL, delimiter, and for a range
/// the type of its bounds, for a multirange that and the range.
#[pyfunction]
#[pyo3(name = "_builtin_types")]
pub fn builtin_types(
    py: Python<'_>,
) -> PyResult<Vec<(&'static str, Oid, Oid, &'static str, char, Bound<'_, PyTuple>)>> {
    catalog::types()
        .iter()
        .map(|known| {
            let parts = match known.kind {
                catalog::Kind::Range { subtype } => PyTuple::new(py, [subtype])?,
                catalog::Kind::Multirange { range, subtype } => PyTuple::new(py, [range, subtype])?,
                _ => PyTuple::empty(py),
            };
            let delimiter = char::from(known.delimiter);
            Ok((known.name, known.oid, known.array_oid, known.regtype, delimiter, parts))
        })
        .collect()
}
