//! Python values to bytes for the server.
//!
//! A [`Dumper`] is found by the value's class. Native ones append to the Bind message's buffer and
//! say which type and format they have written: several choose by the value (the size of an int,
//! a time zone). A user's class is an instance whose `dump` is called. None never reaches a
//! dumper.

pub mod datetime;
pub mod extended;
pub mod json;
pub mod list;
pub mod literal;
pub mod network;
pub mod number;
pub mod parameters;
pub mod python;
pub mod range;
pub mod record;
pub mod text;

use std::cell::Cell;
use std::sync::Arc;

use psycoxide_sql::ParameterFormat;
use psycoxide_types::{Format, Oid};
use pyo3::intern;
use pyo3::prelude::*;

use super::codec::{DumpCodec, DumpKind};
use super::error::{Failure, Result};
use super::registry::Registry;
use super::session::Session;
use super::transformer::Transformer;
use python::PythonDumper;

/// A dumper ready to run.
#[derive(Clone, Debug)]
pub enum Dumper {
    /// A native codec.
    Native(DumpCodec),
    /// An instance of a Python class.
    Python(Arc<PythonDumper>),
}

/// What a dumper has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dumped {
    /// The type; 0 lets the server decide.
    pub oid: Oid,
    /// The format.
    pub format: Format,
    /// Whether it is NULL, and nothing was written.
    pub is_null: bool,
}

/// What a dumper may use besides the value.
pub struct DumpContext<'a, 'py> {
    /// The interpreter.
    pub py: Python<'py>,
    /// Where the dumpers of elements come from.
    pub transformer: &'a Bound<'py, Transformer>,
    /// The registry's contents.
    pub registry: &'a Registry,
    /// The settings under which the server reads the values.
    pub session: &'a Session,
    /// How many tuples, lists and ranges are around the value that is dumped.
    depth: Cell<usize>,
}

/// Values nested deeper than this are refused: they would exhaust the stack.
const MAX_DEPTH: usize = 64;

impl<'a, 'py> DumpContext<'a, 'py> {
    /// For values dumped with these dumpers, under these settings.
    pub fn new(
        transformer: &'a Bound<'py, Transformer>,
        registry: &'a Registry,
        session: &'a Session,
    ) -> Self {
        DumpContext {
            py: transformer.py(),
            transformer,
            registry,
            session,
            depth: Cell::new(0),
        }
    }

    /// Dumps a value that contains others.
    fn nested<R>(&self, dump: impl FnOnce() -> Result<R>) -> Result<R> {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH {
            return Err(Failure::Range(format!(
                "values nested more than {MAX_DEPTH} levels deep"
            )));
        }
        self.depth.set(depth + 1);
        let dumped = dump();
        self.depth.set(depth);
        dumped
    }

    /// The dumper for a value.
    #[inline]
    pub fn dumper(&self, value: &Bound<'py, PyAny>, format: ParameterFormat) -> Result<Dumper> {
        let class = value.get_type();
        let found;
        let dumper = match self.registry.dumper_of(&class, format) {
            Some(dumper) => dumper,
            None => {
                found = self.transformer.get().find_dumper(&class, format)?;
                &found
            }
        };
        match dumper.native {
            Some(codec) => Ok(Dumper::Native(codec)),
            None => {
                let registry = self.registry;
                let dumper =
                    Transformer::python_dumper(self.transformer, registry, &class, format, dumper)?;
                Ok(Dumper::Python(dumper))
            }
        }
    }
}

impl Dumper {
    /// Appends a value that is not None.
    #[inline]
    pub fn dump<'py>(
        &self,
        cx: &DumpContext<'_, 'py>,
        value: &Bound<'py, PyAny>,
        out: &mut Vec<u8>,
    ) -> Result<Dumped> {
        match self {
            Dumper::Native(codec) => codec.dump(cx, value, out),
            Dumper::Python(dumper) => dumper.dump(cx.py, value, out),
        }
    }
}

impl DumpCodec {
    /// What it writes unless the value chooses otherwise.
    #[inline]
    fn wrote(&self) -> Dumped {
        self.wrote_as(self.oid)
    }

    /// Another type in its format.
    #[inline]
    fn wrote_as(&self, oid: Oid) -> Dumped {
        Dumped {
            oid,
            format: self.format,
            is_null: false,
        }
    }

    /// Appends a value that is not None.
    #[inline]
    pub fn dump<'py>(
        &self,
        cx: &DumpContext<'_, 'py>,
        value: &Bound<'py, PyAny>,
        out: &mut Vec<u8>,
    ) -> Result<Dumped> {
        match self.kind {
            DumpKind::Int => number::dump_int(self, value, out),
            DumpKind::Str => text::dump_str(self, cx, value, out),
            DumpKind::Float8 => number::dump_float8(self, value, out),
            DumpKind::Bool => number::dump_bool(self, value, out),
            DumpKind::Int2 | DumpKind::Int4 | DumpKind::Int8 | DumpKind::ObjectId => {
                number::dump_sized_int(self, value, out)
            }
            DumpKind::IntNumeric => number::dump_int_numeric(self, value, out),
            DumpKind::Float4 => number::dump_float4(self, value, out),
            DumpKind::Decimal | DumpKind::Numeric => number::dump_numeric(self, value, out),
            DumpKind::Bytes => text::dump_bytes(self, value, out),
            DumpKind::Date => datetime::dump_date(self, value, out),
            DumpKind::Time | DumpKind::TimeTz => datetime::dump_time(self, value, out),
            DumpKind::Datetime | DumpKind::DatetimeNoTz => {
                datetime::dump_datetime(self, value, out)
            }
            DumpKind::Timedelta => datetime::dump_timedelta(self, value, out),
            DumpKind::Uuid => {
                let number: u128 = value.getattr(intern!(cx.py, "int"))?.extract()?;
                let bytes = number.to_be_bytes();
                match self.format {
                    Format::Text => psycoxide_types::uuid::encode_text(&bytes, out),
                    Format::Binary => psycoxide_types::uuid::encode_binary(&bytes, out),
                }
                Ok(self.wrote())
            }
            DumpKind::Json | DumpKind::Jsonb => json::dump_json(self, cx, value, out),
            DumpKind::List { element, delimiter } => {
                cx.nested(|| list::dump_list(self, element, delimiter, cx, value, out))
            }
            DumpKind::Tuple => cx.nested(|| record::dump_tuple(self, cx, value, out)),
            DumpKind::Hstore => record::dump_hstore(self, cx, value, out),
            DumpKind::Inet | DumpKind::Network => network::dump_network(self, value, out),
            DumpKind::Range { subtype } => {
                cx.nested(|| range::dump_range(self, subtype, cx, value, out))
            }
            DumpKind::Multirange { subtype } => {
                cx.nested(|| range::dump_multirange(self, subtype, cx, value, out))
            }
            DumpKind::BinaryWrapper => {
                let wrapped = value.getattr(intern!(cx.py, "obj"))?;
                text::dump_bytes(self, &wrapped, out)
            }
            DumpKind::Enum => {
                let name = value.getattr(intern!(cx.py, "name"))?;
                text::dump_str(self, cx, &name, out)
            }
            DumpKind::None => Err(Failure::Python(
                pyo3::exceptions::PyNotImplementedError::new_err(
                    "NULL is passed to Postgres in other ways",
                ),
            )),
        }
    }
}
