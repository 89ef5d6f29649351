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
type LoaderEntry = (Oid, &'static str, &'static str, LoadKind, Format);

const LIST: DumpKind = DumpKind::List {
    element: 0,
    delimiter: b',',
};

/// For each Python class its dumpers; the last one is the automatic choice.
const DUMPERS: &[(&str, &[Dumper])] = &[
    (
        "psycoxide.types.range.Range",
        &[
            (
                "range",
                "RangeBinaryDumper",
                DumpKind::Range { subtype: 0 },
                Binary,
                0,
            ),
            (
                "range",
                "RangeDumper",
                DumpKind::Range { subtype: 0 },
                Text,
                0,
            ),
        ],
    ),
    (
        "psycoxide.types.range.Int4Range",
        &[
            (
                "range",
                "Int4RangeDumper",
                DumpKind::Range { subtype: oid::INT4 },
                Text,
                oid::INT4RANGE,
            ),
            (
                "range",
                "Int4RangeBinaryDumper",
                DumpKind::Range { subtype: oid::INT4 },
                Binary,
                oid::INT4RANGE,
            ),
        ],
    ),
    (
        "psycoxide.types.range.Int8Range",
        &[
            (
                "range",
                "Int8RangeDumper",
                DumpKind::Range { subtype: oid::INT8 },
                Text,
                oid::INT8RANGE,
            ),
            (
                "range",
                "Int8RangeBinaryDumper",
                DumpKind::Range { subtype: oid::INT8 },
                Binary,
                oid::INT8RANGE,
            ),
        ],
    ),
    (
        "psycoxide.types.range.NumericRange",
        &[
            (
                "range",
                "NumericRangeDumper",
                DumpKind::Range {
                    subtype: oid::NUMERIC,
                },
                Text,
                oid::NUMRANGE,
            ),
            (
                "range",
                "NumericRangeBinaryDumper",
                DumpKind::Range {
                    subtype: oid::NUMERIC,
                },
                Binary,
                oid::NUMRANGE,
            ),
        ],
    ),
    (
        "psycoxide.types.range.DateRange",
        &[
            (
                "range",
                "DateRangeDumper",
                DumpKind::Range { subtype: oid::DATE },
                Text,
                oid::DATERANGE,
            ),
            (
                "range",
                "DateRangeBinaryDumper",
                DumpKind::Range { subtype: oid::DATE },
                Binary,
                oid::DATERANGE,
            ),
        ],
    ),
    (
        "psycoxide.types.range.TimestampRange",
        &[
            (
                "range",
                "TimestampRangeDumper",
                DumpKind::Range {
                    subtype: oid::TIMESTAMP,
                },
                Text,
                oid::TSRANGE,
            ),
            (
                "range",
                "TimestampRangeBinaryDumper",
                DumpKind::Range {
                    subtype: oid::TIMESTAMP,
                },
                Binary,
                oid::TSRANGE,
            ),
        ],
    ),
    (
        "psycoxide.types.range.TimestamptzRange",
        &[
            (
                "range",
                "TimestamptzRangeDumper",
                DumpKind::Range {
                    subtype: oid::TIMESTAMPTZ,
                },
                Text,
                oid::TSTZRANGE,
            ),
            (
                "range",
                "TimestamptzRangeBinaryDumper",
                DumpKind::Range {
                    subtype: oid::TIMESTAMPTZ,
                },
                Binary,
                oid::TSTZRANGE,
            ),
        ],
    ),
    (
        "psycoxide.types.multirange.Multirange",
        &[
            (
                "multirange",
                "MultirangeBinaryDumper",
                DumpKind::Multirange { subtype: 0 },
                Binary,
                0,
            ),
            (
                "multirange",
                "MultirangeDumper",
                DumpKind::Multirange { subtype: 0 },
                Text,
                0,
            ),
        ],
    ),
    (
        "psycoxide.types.multirange.Int4Multirange",
        &[
            (
                "multirange",
                "Int4MultirangeDumper",
                DumpKind::Multirange { subtype: oid::INT4 },
                Text,
                oid::INT4MULTIRANGE,
            ),
            (
                "multirange",
                "Int4MultirangeBinaryDumper",
                DumpKind::Multirange { subtype: oid::INT4 },
                Binary,
                oid::INT4MULTIRANGE,
            ),
        ],
    ),
    (
        "psycoxide.types.multirange.Int8Multirange",
        &[
            (
                "multirange",
                "Int8MultirangeDumper",
                DumpKind::Multirange { subtype: oid::INT8 },
                Text,
                oid::INT8MULTIRANGE,
            ),
            (
                "multirange",
                "Int8MultirangeBinaryDumper",
                DumpKind::Multirange { subtype: oid::INT8 },
                Binary,
                oid::INT8MULTIRANGE,
            ),
        ],
    ),
    (
        "psycoxide.types.multirange.NumericMultirange",
        &[
            (
                "multirange",
                "NumericMultirangeDumper",
                DumpKind::Multirange {
                    subtype: oid::NUMERIC,
                },
                Text,
                oid::NUMMULTIRANGE,
            ),
            (
                "multirange",
                "NumericMultirangeBinaryDumper",
                DumpKind::Multirange {
                    subtype: oid::NUMERIC,
                },
                Binary,
                oid::NUMMULTIRANGE,
            ),
        ],
    ),
    (
        "psycoxide.types.multirange.DateMultirange",
        &[
            (
                "multirange",
                "DateMultirangeDumper",
                DumpKind::Multirange { subtype: oid::DATE },
                Text,
                oid::DATEMULTIRANGE,
            ),
            (
                "multirange",
                "DateMultirangeBinaryDumper",
                DumpKind::Multirange { subtype: oid::DATE },
                Binary,
                oid::DATEMULTIRANGE,
            ),
        ],
    ),
    (
        "psycoxide.types.multirange.TimestampMultirange",
        &[
            (
                "multirange",
                "TimestampMultirangeDumper",
                DumpKind::Multirange {
                    subtype: oid::TIMESTAMP,
                },
                Text,
                oid::TSMULTIRANGE,
            ),
            (
                "multirange",
                "TimestampMultirangeBinaryDumper",
                DumpKind::Multirange {
                    subtype: oid::TIMESTAMP,
                },
                Binary,
                oid::TSMULTIRANGE,
            ),
        ],
    ),
    (
        "psycoxide.types.multirange.TimestamptzMultirange",
        &[
            (
                "multirange",
                "TimestamptzMultirangeDumper",
                DumpKind::Multirange {
                    subtype: oid::TIMESTAMPTZ,
                },
                Text,
                oid::TSTZMULTIRANGE,
            ),
            (
                "multirange",
                "TimestamptzMultirangeBinaryDumper",
                DumpKind::Multirange {
                    subtype: oid::TIMESTAMPTZ,
                },
                Binary,
                oid::TSTZMULTIRANGE,
            ),
        ],
    ),
    (
        "ipaddress.IPv4Address",
        &[
            ("net", "InterfaceDumper", DumpKind::Inet, Text, oid::INET),
            (
                "net",
                "AddressBinaryDumper",
                DumpKind::Inet,
                Binary,
                oid::INET,
            ),
        ],
    ),
    (
        "ipaddress.IPv4Interface",
        &[
            ("net", "InterfaceDumper", DumpKind::Inet, Text, oid::INET),
            (
                "net",
                "InterfaceBinaryDumper",
                DumpKind::Inet,
                Binary,
                oid::INET,
            ),
        ],
    ),
    (
        "ipaddress.IPv4Network",
        &[
            ("net", "NetworkDumper", DumpKind::Network, Text, oid::CIDR),
            (
                "net",
                "NetworkBinaryDumper",
                DumpKind::Network,
                Binary,
                oid::CIDR,
            ),
        ],
    ),
    (
        "ipaddress.IPv6Address",
        &[
            ("net", "InterfaceDumper", DumpKind::Inet, Text, oid::INET),
            (
                "net",
                "AddressBinaryDumper",
                DumpKind::Inet,
                Binary,
                oid::INET,
            ),
        ],
    ),
    (
        "ipaddress.IPv6Interface",
        &[
            ("net", "InterfaceDumper", DumpKind::Inet, Text, oid::INET),
            (
                "net",
                "InterfaceBinaryDumper",
                DumpKind::Inet,
                Binary,
                oid::INET,
            ),
        ],
    ),
    (
        "ipaddress.IPv6Network",
        &[
            ("net", "NetworkDumper", DumpKind::Network, Text, oid::CIDR),
            (
                "net",
                "NetworkBinaryDumper",
                DumpKind::Network,
                Binary,
                oid::CIDR,
            ),
        ],
    ),
    (
        "builtins.tuple",
        &[("composite", "TupleDumper", DumpKind::Tuple, Text, 0)],
    ),
    (
        "psycoxide.dbapi20.Binary",
        &[
            (
                "..dbapi20",
                "BinaryTextDumper",
                DumpKind::BinaryWrapper,
                Text,
                oid::BYTEA,
            ),
            (
                "..dbapi20",
                "BinaryBinaryDumper",
                DumpKind::BinaryWrapper,
                Binary,
                oid::BYTEA,
            ),
        ],
    ),
    (
        "numpy.int8",
        &[
            ("numpy", "NPInt16Dumper", DumpKind::Int2, Text, oid::INT2),
            (
                "numpy",
                "NPInt16BinaryDumper",
                DumpKind::Int2,
                Binary,
                oid::INT2,
            ),
        ],
    ),
    (
        "numpy.int16",
        &[
            ("numpy", "NPInt16Dumper", DumpKind::Int2, Text, oid::INT2),
            (
                "numpy",
                "NPInt16BinaryDumper",
                DumpKind::Int2,
                Binary,
                oid::INT2,
            ),
        ],
    ),
    (
        "numpy.uint8",
        &[
            ("numpy", "NPInt16Dumper", DumpKind::Int2, Text, oid::INT2),
            (
                "numpy",
                "NPInt16BinaryDumper",
                DumpKind::Int2,
                Binary,
                oid::INT2,
            ),
        ],
    ),
    (
        "numpy.int32",
        &[
            ("numpy", "NPInt32Dumper", DumpKind::Int4, Text, oid::INT4),
            (
                "numpy",
                "NPInt32BinaryDumper",
                DumpKind::Int4,
                Binary,
                oid::INT4,
            ),
        ],
    ),
    (
        "numpy.uint16",
        &[
            ("numpy", "NPInt32Dumper", DumpKind::Int4, Text, oid::INT4),
            (
                "numpy",
                "NPInt32BinaryDumper",
                DumpKind::Int4,
                Binary,
                oid::INT4,
            ),
        ],
    ),
    (
        "numpy.int64",
        &[
            ("numpy", "NPInt64Dumper", DumpKind::Int8, Text, oid::INT8),
            (
                "numpy",
                "NPInt64BinaryDumper",
                DumpKind::Int8,
                Binary,
                oid::INT8,
            ),
        ],
    ),
    (
        "numpy.longlong",
        &[
            ("numpy", "NPInt64Dumper", DumpKind::Int8, Text, oid::INT8),
            (
                "numpy",
                "NPInt64BinaryDumper",
                DumpKind::Int8,
                Binary,
                oid::INT8,
            ),
        ],
    ),
    (
        "numpy.uint32",
        &[
            ("numpy", "NPInt64Dumper", DumpKind::Int8, Text, oid::INT8),
            (
                "numpy",
                "NPInt64BinaryDumper",
                DumpKind::Int8,
                Binary,
                oid::INT8,
            ),
        ],
    ),
    (
        "numpy.uint64",
        &[
            (
                "numpy",
                "NPNumericDumper",
                DumpKind::IntNumeric,
                Text,
                oid::NUMERIC,
            ),
            (
                "numpy",
                "NPNumericBinaryDumper",
                DumpKind::IntNumeric,
                Binary,
                oid::NUMERIC,
            ),
        ],
    ),
    (
        "numpy.ulonglong",
        &[
            (
                "numpy",
                "NPNumericDumper",
                DumpKind::IntNumeric,
                Text,
                oid::NUMERIC,
            ),
            (
                "numpy",
                "NPNumericBinaryDumper",
                DumpKind::IntNumeric,
                Binary,
                oid::NUMERIC,
            ),
        ],
    ),
    (
        "numpy.bool",
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
        "numpy.bool_",
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
        "numpy.float16",
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
        "numpy.float32",
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
        "numpy.float64",
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
    ("net", "InetBinaryDumper", DumpKind::Inet, Binary, oid::INET),
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
    (
        0,
        "string",
        "TextLoader",
        LoadKind::Scalar(Scalar::Text),
        Text,
    ),
    (
        0,
        "string",
        "ByteaBinaryLoader",
        LoadKind::Scalar(Scalar::Bytea),
        Binary,
    ),
    (
        oid::BPCHAR,
        "string",
        "TextLoader",
        LoadKind::Scalar(Scalar::Text),
        Text,
    ),
    (
        oid::BPCHAR,
        "string",
        "TextBinaryLoader",
        LoadKind::Scalar(Scalar::Text),
        Binary,
    ),
    (
        oid::NAME,
        "string",
        "TextLoader",
        LoadKind::Scalar(Scalar::Text),
        Text,
    ),
    (
        oid::NAME,
        "string",
        "TextBinaryLoader",
        LoadKind::Scalar(Scalar::Text),
        Binary,
    ),
    (
        oid::TEXT,
        "string",
        "TextLoader",
        LoadKind::Scalar(Scalar::Text),
        Text,
    ),
    (
        oid::TEXT,
        "string",
        "TextBinaryLoader",
        LoadKind::Scalar(Scalar::Text),
        Binary,
    ),
    (
        oid::VARCHAR,
        "string",
        "TextLoader",
        LoadKind::Scalar(Scalar::Text),
        Text,
    ),
    (
        oid::VARCHAR,
        "string",
        "TextBinaryLoader",
        LoadKind::Scalar(Scalar::Text),
        Binary,
    ),
    (
        oid::CHAR,
        "string",
        "TextLoader",
        LoadKind::Scalar(Scalar::Text),
        Text,
    ),
    (
        oid::CHAR,
        "string",
        "TextBinaryLoader",
        LoadKind::Scalar(Scalar::Text),
        Binary,
    ),
    (
        oid::BYTEA,
        "string",
        "ByteaLoader",
        LoadKind::Scalar(Scalar::Bytea),
        Text,
    ),
    (
        oid::BYTEA,
        "string",
        "ByteaBinaryLoader",
        LoadKind::Scalar(Scalar::Bytea),
        Binary,
    ),
    (
        oid::BOOL,
        "bool",
        "BoolLoader",
        LoadKind::Scalar(Scalar::Bool),
        Text,
    ),
    (
        oid::BOOL,
        "bool",
        "BoolBinaryLoader",
        LoadKind::Scalar(Scalar::Bool),
        Binary,
    ),
    (
        oid::INT2,
        "numeric",
        "IntLoader",
        LoadKind::Scalar(Scalar::Integer),
        Text,
    ),
    (
        oid::INT2,
        "numeric",
        "Int2BinaryLoader",
        LoadKind::Scalar(Scalar::Int2),
        Binary,
    ),
    (
        oid::INT4,
        "numeric",
        "IntLoader",
        LoadKind::Scalar(Scalar::Integer),
        Text,
    ),
    (
        oid::INT4,
        "numeric",
        "Int4BinaryLoader",
        LoadKind::Scalar(Scalar::Int4),
        Binary,
    ),
    (
        oid::INT8,
        "numeric",
        "IntLoader",
        LoadKind::Scalar(Scalar::Integer),
        Text,
    ),
    (
        oid::INT8,
        "numeric",
        "Int8BinaryLoader",
        LoadKind::Scalar(Scalar::Int8),
        Binary,
    ),
    (
        oid::OID,
        "numeric",
        "IntLoader",
        LoadKind::Scalar(Scalar::Integer),
        Text,
    ),
    (
        oid::OID,
        "numeric",
        "OidBinaryLoader",
        LoadKind::Scalar(Scalar::ObjectId),
        Binary,
    ),
    (
        oid::FLOAT4,
        "numeric",
        "FloatLoader",
        LoadKind::Scalar(Scalar::Float),
        Text,
    ),
    (
        oid::FLOAT4,
        "numeric",
        "Float4BinaryLoader",
        LoadKind::Scalar(Scalar::Float4),
        Binary,
    ),
    (
        oid::FLOAT8,
        "numeric",
        "FloatLoader",
        LoadKind::Scalar(Scalar::Float),
        Text,
    ),
    (
        oid::FLOAT8,
        "numeric",
        "Float8BinaryLoader",
        LoadKind::Scalar(Scalar::Float8),
        Binary,
    ),
    (
        oid::NUMERIC,
        "numeric",
        "NumericLoader",
        LoadKind::Scalar(Scalar::Numeric),
        Text,
    ),
    (
        oid::NUMERIC,
        "numeric",
        "NumericBinaryLoader",
        LoadKind::Scalar(Scalar::Numeric),
        Binary,
    ),
    (
        oid::DATE,
        "datetime",
        "DateLoader",
        LoadKind::Scalar(Scalar::Date),
        Text,
    ),
    (
        oid::DATE,
        "datetime",
        "DateBinaryLoader",
        LoadKind::Scalar(Scalar::Date),
        Binary,
    ),
    (
        oid::TIME,
        "datetime",
        "TimeLoader",
        LoadKind::Scalar(Scalar::Time),
        Text,
    ),
    (
        oid::TIME,
        "datetime",
        "TimeBinaryLoader",
        LoadKind::Scalar(Scalar::Time),
        Binary,
    ),
    (
        oid::TIMETZ,
        "datetime",
        "TimetzLoader",
        LoadKind::Scalar(Scalar::Timetz),
        Text,
    ),
    (
        oid::TIMETZ,
        "datetime",
        "TimetzBinaryLoader",
        LoadKind::Scalar(Scalar::Timetz),
        Binary,
    ),
    (
        oid::TIMESTAMP,
        "datetime",
        "TimestampLoader",
        LoadKind::Scalar(Scalar::Timestamp),
        Text,
    ),
    (
        oid::TIMESTAMP,
        "datetime",
        "TimestampBinaryLoader",
        LoadKind::Scalar(Scalar::Timestamp),
        Binary,
    ),
    (
        oid::TIMESTAMPTZ,
        "datetime",
        "TimestamptzLoader",
        LoadKind::Scalar(Scalar::Timestamptz),
        Text,
    ),
    (
        oid::TIMESTAMPTZ,
        "datetime",
        "TimestamptzBinaryLoader",
        LoadKind::Scalar(Scalar::Timestamptz),
        Binary,
    ),
    (
        oid::INTERVAL,
        "datetime",
        "IntervalLoader",
        LoadKind::Scalar(Scalar::Interval),
        Text,
    ),
    (
        oid::INTERVAL,
        "datetime",
        "IntervalBinaryLoader",
        LoadKind::Scalar(Scalar::Interval),
        Binary,
    ),
    (
        oid::UUID,
        "uuid",
        "UUIDLoader",
        LoadKind::Scalar(Scalar::Uuid),
        Text,
    ),
    (
        oid::UUID,
        "uuid",
        "UUIDBinaryLoader",
        LoadKind::Scalar(Scalar::Uuid),
        Binary,
    ),
    (
        oid::JSON,
        "json",
        "JsonLoader",
        LoadKind::Scalar(Scalar::Json),
        Text,
    ),
    (
        oid::JSON,
        "json",
        "JsonBinaryLoader",
        LoadKind::Scalar(Scalar::Json),
        Binary,
    ),
    (
        oid::JSONB,
        "json",
        "JsonbLoader",
        LoadKind::Scalar(Scalar::Jsonb),
        Text,
    ),
    (
        oid::JSONB,
        "json",
        "JsonbBinaryLoader",
        LoadKind::Scalar(Scalar::Jsonb),
        Binary,
    ),
    (
        oid::INET,
        "net",
        "InetLoader",
        LoadKind::Scalar(Scalar::Inet),
        Text,
    ),
    (
        oid::INET,
        "net",
        "InetBinaryLoader",
        LoadKind::Scalar(Scalar::Inet),
        Binary,
    ),
    (
        oid::CIDR,
        "net",
        "CidrLoader",
        LoadKind::Scalar(Scalar::Cidr),
        Text,
    ),
    (
        oid::CIDR,
        "net",
        "CidrBinaryLoader",
        LoadKind::Scalar(Scalar::Cidr),
        Binary,
    ),
    (
        oid::RECORD,
        "composite",
        "RecordLoader",
        LoadKind::Record,
        Text,
    ),
    (
        oid::RECORD,
        "composite",
        "RecordBinaryLoader",
        LoadKind::Record,
        Binary,
    ),
    (
        oid::INT4RANGE,
        "range",
        "Int4RangeLoader",
        LoadKind::Range { subtype: oid::INT4 },
        Text,
    ),
    (
        oid::INT4RANGE,
        "range",
        "Int4RangeBinaryLoader",
        LoadKind::Range { subtype: oid::INT4 },
        Binary,
    ),
    (
        oid::INT4MULTIRANGE,
        "multirange",
        "Int4MultirangeLoader",
        LoadKind::Multirange { subtype: oid::INT4 },
        Text,
    ),
    (
        oid::INT4MULTIRANGE,
        "multirange",
        "Int4MultirangeBinaryLoader",
        LoadKind::Multirange { subtype: oid::INT4 },
        Binary,
    ),
    (
        oid::INT8RANGE,
        "range",
        "Int8RangeLoader",
        LoadKind::Range { subtype: oid::INT8 },
        Text,
    ),
    (
        oid::INT8RANGE,
        "range",
        "Int8RangeBinaryLoader",
        LoadKind::Range { subtype: oid::INT8 },
        Binary,
    ),
    (
        oid::INT8MULTIRANGE,
        "multirange",
        "Int8MultirangeLoader",
        LoadKind::Multirange { subtype: oid::INT8 },
        Text,
    ),
    (
        oid::INT8MULTIRANGE,
        "multirange",
        "Int8MultirangeBinaryLoader",
        LoadKind::Multirange { subtype: oid::INT8 },
        Binary,
    ),
    (
        oid::NUMRANGE,
        "range",
        "NumericRangeLoader",
        LoadKind::Range {
            subtype: oid::NUMERIC,
        },
        Text,
    ),
    (
        oid::NUMRANGE,
        "range",
        "NumericRangeBinaryLoader",
        LoadKind::Range {
            subtype: oid::NUMERIC,
        },
        Binary,
    ),
    (
        oid::NUMMULTIRANGE,
        "multirange",
        "NumericMultirangeLoader",
        LoadKind::Multirange {
            subtype: oid::NUMERIC,
        },
        Text,
    ),
    (
        oid::NUMMULTIRANGE,
        "multirange",
        "NumericMultirangeBinaryLoader",
        LoadKind::Multirange {
            subtype: oid::NUMERIC,
        },
        Binary,
    ),
    (
        oid::DATERANGE,
        "range",
        "DateRangeLoader",
        LoadKind::Range { subtype: oid::DATE },
        Text,
    ),
    (
        oid::DATERANGE,
        "range",
        "DateRangeBinaryLoader",
        LoadKind::Range { subtype: oid::DATE },
        Binary,
    ),
    (
        oid::DATEMULTIRANGE,
        "multirange",
        "DateMultirangeLoader",
        LoadKind::Multirange { subtype: oid::DATE },
        Text,
    ),
    (
        oid::DATEMULTIRANGE,
        "multirange",
        "DateMultirangeBinaryLoader",
        LoadKind::Multirange { subtype: oid::DATE },
        Binary,
    ),
    (
        oid::TSRANGE,
        "range",
        "TimestampRangeLoader",
        LoadKind::Range {
            subtype: oid::TIMESTAMP,
        },
        Text,
    ),
    (
        oid::TSRANGE,
        "range",
        "TimestampRangeBinaryLoader",
        LoadKind::Range {
            subtype: oid::TIMESTAMP,
        },
        Binary,
    ),
    (
        oid::TSMULTIRANGE,
        "multirange",
        "TimestampMultirangeLoader",
        LoadKind::Multirange {
            subtype: oid::TIMESTAMP,
        },
        Text,
    ),
    (
        oid::TSMULTIRANGE,
        "multirange",
        "TimestampMultirangeBinaryLoader",
        LoadKind::Multirange {
            subtype: oid::TIMESTAMP,
        },
        Binary,
    ),
    (
        oid::TSTZRANGE,
        "range",
        "TimestampTZRangeLoader",
        LoadKind::Range {
            subtype: oid::TIMESTAMPTZ,
        },
        Text,
    ),
    (
        oid::TSTZRANGE,
        "range",
        "TimestampTZRangeBinaryLoader",
        LoadKind::Range {
            subtype: oid::TIMESTAMPTZ,
        },
        Binary,
    ),
    (
        oid::TSTZMULTIRANGE,
        "multirange",
        "TimestampTZMultirangeLoader",
        LoadKind::Multirange {
            subtype: oid::TIMESTAMPTZ,
        },
        Text,
    ),
    (
        oid::TSTZMULTIRANGE,
        "multirange",
        "TimestampTZMultirangeBinaryLoader",
        LoadKind::Multirange {
            subtype: oid::TIMESTAMPTZ,
        },
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
    for (oid, module, name, kind, format) in LOADERS {
        let class = LoaderClass {
            class: ClassRef::builtin(module, name),
            native: Some(LoadCodec {
                kind: kind.clone(),
                format: *format,
            }),
        };
        registry.add_builtin_loader(*oid, *format, class);
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
        "builtins.tuple" => py.get_type::<PyTuple>(),
        _ => return None,
    })
}

/// The types that every server has: name, OID, array OID, name in SQL, delimiter, and for a range
/// the type of its bounds, for a multirange that and the range.
#[pyfunction]
#[pyo3(name = "_builtin_types")]
pub fn builtin_types(
    py: Python<'_>,
) -> PyResult<
    Vec<(
        &'static str,
        Oid,
        Oid,
        &'static str,
        char,
        Bound<'_, PyTuple>,
    )>,
> {
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
