//! Values from the server to Python objects.
//!
//! A [`Loader`] is resolved once per column (or per element type of an array): native codecs are
//! values of this enum, a user's class is an instance whose `load` is called with `bytes`. NULL
//! never reaches a loader.

pub mod array;
pub mod beyond;
pub mod datetime;
pub mod hstore;
pub mod json;
pub mod network;
pub mod objects;
pub mod python;
pub mod range;
pub mod recent;
pub mod record;
pub mod row;
pub mod scalar;
pub mod string_cache;

use std::sync::Arc;

use psycoxide_types::{Format, Oid};
use pyo3::prelude::*;

use super::codec::{Enumeration, LoadCodec, LoadKind, Scalar};
use super::error::{Failure, Result};
use super::registry::Registry;
use super::session::Session;
use super::timezone::OffsetCache;
use super::transformer::Transformer;
use array::{ArrayLoader, BinaryArrayLoader};
use json::{JsonLoader, KeyCache};
use python::PythonLoader;
use range::RangeLoader;
use record::{CompositeLoader, RecordLoader};

/// How deep loaders may contain loaders; PostgreSQL's own types nest three deep (array of
/// multirange of range).
const MAX_DEPTH: usize = 16;

/// A loader ready to run.
#[derive(Clone, Debug)]
pub enum Loader {
    /// A value without parts.
    Scalar(Scalar, Format),
    /// The text of an array.
    Array(Arc<ArrayLoader>),
    /// A binary array, which says itself what its elements are.
    BinaryArray(BinaryArrayLoader),
    /// A range.
    Range(Arc<RangeLoader>),
    /// A multirange.
    Multirange(Arc<RangeLoader>),
    /// A record.
    Record(RecordLoader),
    /// A composite type that was registered.
    Composite(Arc<CompositeLoader>),
    /// A member of an enumeration.
    Enum(Arc<Enumeration>),
    /// A JSON document, other than by default.
    Json(Arc<JsonLoader>),
    /// An instance of a Python class.
    Python(Arc<PythonLoader>),
}

/// What a loader may use besides the value.
pub struct LoadContext<'a, 'py> {
    /// The interpreter.
    pub py: Python<'py>,
    /// Where the loaders of elements come from.
    pub transformer: &'a Bound<'py, Transformer>,
    /// The settings that the values were written under.
    pub session: &'a Session,
    /// Memory that is used again.
    pub scratch: &'a mut Scratch,
    /// How many values that name the types of their parts are around the current one.
    depth: usize,
}

/// A type that is known contains a known number of others; a value that names the types of its
/// parts could go on, to the end of the stack.
const MAX_VALUE_DEPTH: usize = 64;

/// Caches and buffers that loaders use from value to value.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Keys of JSON objects.
    pub keys: KeyCache,
    /// Offsets of the session's time zone.
    pub offsets: OffsetCache,
    /// Loaders of binary elements, by type; the version is the registry's.
    elements: Vec<(Oid, Format, Loader)>,
    elements_version: u64,
    /// A buffer that a loader takes and puts back.
    buffer: Vec<u8>,
}

impl Scratch {
    /// An empty buffer; give it back with [`Scratch::put_buffer`].
    #[inline]
    pub fn take_buffer(&mut self) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        buffer
    }

    /// Keeps a buffer for its memory.
    #[inline]
    pub fn put_buffer(&mut self, buffer: Vec<u8>) {
        self.buffer = buffer;
    }
}

impl<'a, 'py> LoadContext<'a, 'py> {
    /// For values written under these settings.
    pub fn new(
        transformer: &'a Bound<'py, Transformer>,
        session: &'a Session,
        scratch: &'a mut Scratch,
    ) -> Self {
        LoadContext {
            py: transformer.py(),
            transformer,
            session,
            scratch,
            depth: 0,
        }
    }

    /// Loads a value that names the types of its parts.
    fn nested<R>(&mut self, load: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        if self.depth >= MAX_VALUE_DEPTH {
            return Err(Failure::Range(format!(
                "values nested more than {MAX_VALUE_DEPTH} levels deep"
            )));
        }
        self.depth += 1;
        let loaded = load(self);
        self.depth -= 1;
        loaded
    }

    /// The loader for a type that only the value names.
    pub fn element_loader(&mut self, oid: Oid, format: Format) -> Result<Loader> {
        let version = self.transformer.get().adapters().get().version();
        if self.scratch.elements_version != version {
            self.scratch.elements.clear();
            self.scratch.elements_version = version;
        }
        let known = self
            .scratch
            .elements
            .iter()
            .find(|entry| (entry.0, entry.1) == (oid, format));
        if let Some((_, _, loader)) = known {
            return Ok(loader.clone());
        }
        let loader = Transformer::loader(self.transformer, oid, format)?;
        // A server has thousands of types, but one result has few; start over when it gets long.
        if self.scratch.elements.len() >= 64 {
            self.scratch.elements.clear();
        }
        self.scratch.elements.push((oid, format, loader.clone()));
        Ok(loader)
    }
}

impl Loader {
    /// The loader for a native codec. `depth` counts the loaders around it.
    pub fn native(
        transformer: &Bound<'_, Transformer>,
        registry: &Registry,
        codec: LoadCodec,
        depth: usize,
    ) -> PyResult<Loader> {
        let LoadCodec { kind, format } = codec;
        let part = |oid| {
            if depth >= MAX_DEPTH {
                return Err(super::error::ProgrammingError::new_err(format!(
                    "the loader of type oid {oid} contains itself"
                )));
            }
            Transformer::loader_in(transformer, registry, oid, format, depth + 1)
        };
        Ok(match kind {
            LoadKind::Record => Loader::Record(RecordLoader { format }),
            LoadKind::Composite(composite) => Loader::Composite(Arc::new(CompositeLoader {
                fields: composite
                    .types
                    .iter()
                    .map(|&oid| part(oid))
                    .collect::<PyResult<_>>()?,
                composite,
                format,
            })),
            LoadKind::Enum(enumeration) => Loader::Enum(enumeration),
            LoadKind::Range { subtype } => Loader::Range(Arc::new(RangeLoader {
                bound: part(subtype)?,
                format,
            })),
            LoadKind::Multirange { subtype } => Loader::Multirange(Arc::new(RangeLoader {
                bound: part(subtype)?,
                format,
            })),
            LoadKind::Scalar(scalar) => Loader::Scalar(scalar, format),
            LoadKind::Json { is_jsonb, mode } => Loader::Json(Arc::new(JsonLoader {
                has_version: is_jsonb && format == Format::Binary,
                mode,
            })),
            LoadKind::Array { element, delimiter } => match format {
                Format::Text => Loader::Array(Arc::new(ArrayLoader {
                    element: part(element)?,
                    delimiter,
                })),
                Format::Binary => Loader::BinaryArray(BinaryArrayLoader),
            },
        })
    }

    /// Whether what it makes can never be part of a reference cycle.
    pub fn is_atomic(&self) -> bool {
        matches!(self, Loader::Scalar(scalar, _) if scalar.is_atomic())
    }

    /// Whether Python code runs for each value.
    pub fn runs_python(&self) -> bool {
        match self {
            Loader::Scalar(scalar, _) => matches!(scalar, Scalar::Inet | Scalar::Cidr),
            Loader::Array(array) => array.element.runs_python(),
            // Range and Multirange are Python classes, and the others may hold anything.
            _ => true,
        }
    }

    /// The Python object for a value.
    #[inline]
    pub fn load<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        data: &[u8],
    ) -> Result<Bound<'py, PyAny>> {
        match self {
            Loader::Scalar(scalar, format) => scalar::load(*scalar, *format, cx, data),
            Loader::Array(array) => array.load(cx, data),
            Loader::BinaryArray(array) => cx.nested(|cx| array.load(cx, data)),
            Loader::Range(range) => range.load(cx, data),
            Loader::Multirange(range) => range.load_multirange(cx, data),
            Loader::Record(record) => cx.nested(|cx| record.load(cx, data)),
            Loader::Composite(composite) => composite.load(cx, data),
            Loader::Json(json) => json.load(cx, data),
            Loader::Enum(enumeration) => record::load_enum(cx, enumeration, data),
            Loader::Python(loader) => loader.load(cx.py, data),
        }
    }
}
