//! Which class dumps a Python type, and which loads a PostgreSQL type.
//!
//! A copy shares everything with its template until one of the two is changed, so making a
//! connection or a cursor copies a pointer. An entry holds the Python class and, if the class names a native codec in its *own*
//! dictionary (`_native`), that codec: a user's subclass of a built-in has none and is called.
//!
//! Every change gives the map a new version, by which transformers notice that what they have
//! cached is out of date.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use psycoxide_sql::ParameterFormat;
use psycoxide_types::{Format, Oid};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};
use rustc_hash::FxHashMap;

use super::class::{ArrayType, ClassRef, DumperClass, LoaderClass};
use super::codec::{DumpCodec, DumpKind, LoadCodec};
use super::error::{Failure, Result, class_name};

/// A type's entry holds the type too: a map keyed by address must keep the address taken.
#[derive(Clone, Debug)]
struct TypeEntry {
    key: Arc<Py<PyType>>,
    dumper: Arc<DumperClass>,
}

type Shared<K, V> = Arc<FxHashMap<K, V>>;

/// The contents of a map; cloning it copies seven pointers.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    by_type: [Shared<usize, TypeEntry>; 3],
    by_name: [Shared<String, Arc<DumperClass>>; 3],
    by_oid: [Shared<Oid, Arc<DumperClass>>; 2],
    loaders: [Shared<Oid, Arc<LoaderClass>>; 2],
    /// Differs from that of every registry with other contents.
    pub version: u64,
}

/// The next version; never given twice in a process.
fn next_version() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Registry {
    /// The contents are about to be others.
    pub(super) fn renew(&mut self) {
        self.version = next_version();
    }

    /// The dumper registered for exactly this class.
    #[inline]
    pub fn dumper_of(
        &self,
        class: &Bound<'_, PyType>,
        format: ParameterFormat,
    ) -> Option<&Arc<DumperClass>> {
        let key = class.as_type_ptr() as usize;
        Some(&self.by_type[format_index(format)].get(&key)?.dumper)
    }

    /// The dumper for a class, and the class that it was found for if that was by its name.
    pub fn find_dumper<'py>(
        &self,
        class: &Bound<'py, PyType>,
        format: ParameterFormat,
    ) -> Result<(Arc<DumperClass>, Option<Bound<'py, PyType>>)> {
        if let Some(dumper) = self.dumper_of(class, format) {
            return Ok((Arc::clone(dumper), None));
        }
        let names = &self.by_name[format_index(format)];
        for base in class.mro().iter() {
            let Ok(base) = base.cast_into::<PyType>() else {
                continue;
            };
            if let Some(dumper) = self.dumper_of(&base, format) {
                return Ok((Arc::clone(dumper), None));
            }
            if names.is_empty() {
                continue;
            }
            let named = qualified_name(class.py(), &base).and_then(|name| names.get(&name));
            if let Some(dumper) = named {
                return Ok((Arc::clone(dumper), Some(base)));
            }
        }
        let (placeholder, format_name) = match format {
            ParameterFormat::Auto => ("%s", "AUTO"),
            ParameterFormat::Text => ("%t", "TEXT"),
            ParameterFormat::Binary => ("%b", "BINARY"),
        };
        Err(Failure::Unsupported(format!(
            "cannot adapt type '{}' using placeholder '{placeholder}' (format: {format_name})",
            class_name(class)
        )))
    }

    /// Registers for a class what was registered for its name. The contents mean the same as
    /// before, so the version stays.
    pub(super) fn remember(
        &mut self,
        class: &Bound<'_, PyType>,
        format: ParameterFormat,
        dumper: &Arc<DumperClass>,
    ) {
        self.set_dumper(format, class, Arc::clone(dumper));
    }

    /// The loader registered for exactly this type.
    #[inline]
    pub fn loader_of(&self, oid: Oid, format: Format) -> Option<&Arc<LoaderClass>> {
        self.loaders[format as usize].get(&oid)
    }

    /// The dumper that writes this PostgreSQL type.
    pub fn dumper_by_oid(&self, oid: Oid, format: Format) -> Option<&Arc<DumperClass>> {
        self.by_oid[format as usize].get(&oid)
    }

    /// The dumper classes of each format, by class or name.
    pub(super) fn dumpers<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let formats = self.by_type.iter().zip(&self.by_name);
        let classes = formats.map(|(by_type, by_name)| {
            let all = PyDict::new(py);
            for (name, dumper) in by_name.iter() {
                all.set_item(name, dumper.class.get(py)?)?;
            }
            for entry in by_type.values() {
                all.set_item(&*entry.key, entry.dumper.class.get(py)?)?;
            }
            Ok(all)
        });
        classes.collect()
    }

    /// The loader classes of each format, by OID.
    pub(super) fn loaders<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let classes = self.loaders.iter().map(|by_oid| {
            let all = PyDict::new(py);
            for (oid, loader) in by_oid.iter() {
                all.set_item(oid, loader.class.get(py)?)?;
            }
            Ok(all)
        });
        classes.collect()
    }

    /// Registers a dumper of the package for a class that may not be imported yet; for none, by
    /// what it writes only.
    pub(super) fn add_builtin_dumper(
        &mut self,
        name: &str,
        class: Option<&Bound<'_, PyType>>,
        dumper: DumperClass,
    ) {
        let dumper = Arc::new(dumper);
        let Some(codec) = dumper.native else {
            return;
        };
        if codec.oid != 0 {
            self.set_dumper_by_oid(codec.oid, codec.format, Arc::clone(&dumper));
        }
        for format in [ParameterFormat::Auto, parameter_format(codec.format)] {
            if let Some(class) = class {
                self.set_dumper(format, class, Arc::clone(&dumper));
            } else if !name.is_empty() {
                self.set_named(format, name, Arc::clone(&dumper));
            }
        }
    }

    /// Registers a loader of the package.
    pub(super) fn add_builtin_loader(&mut self, oid: Oid, format: Format, loader: LoaderClass) {
        self.set_loader(oid, format, Arc::new(loader));
    }

    /// Registers an array type. What it replaces comes back.
    pub(super) fn add_array(
        &mut self,
        name: &str,
        array: Oid,
        element: Oid,
        delimiter: u8,
    ) -> impl Sized + use<> {
        let array_type = ArrayType {
            name: name.into(),
            element,
            array,
            delimiter,
        };
        let loaders = [
            (
                ClassRef::array(array_type.clone(), "_make_loader"),
                LoadCodec::array(element, delimiter, Format::Text),
            ),
            (
                ClassRef::builtin("array", "ArrayBinaryLoader"),
                LoadCodec::array(element, delimiter, Format::Binary),
            ),
        ];
        let replaced_loaders = loaders.map(|(class, native)| {
            let format = native.format;
            let native = Some(native);
            self.set_loader(array, format, Arc::new(LoaderClass { class, native }))
        });
        let dumpers = [
            (Format::Text, "_make_dumper"),
            (Format::Binary, "_make_binary_dumper"),
        ];
        let replaced_dumpers = dumpers.map(|(format, maker)| {
            let dumper = DumperClass {
                class: ClassRef::array(array_type.clone(), maker),
                native: Some(DumpCodec {
                    kind: DumpKind::List { element, delimiter },
                    format,
                    oid: array,
                }),
            };
            self.set_dumper_by_oid(array, format, Arc::new(dumper))
        });
        (replaced_loaders, replaced_dumpers)
    }

    /// Registers a loader. What it replaces comes back, here and below.
    pub(super) fn set_loader(
        &mut self,
        oid: Oid,
        format: Format,
        loader: Arc<LoaderClass>,
    ) -> Option<Arc<LoaderClass>> {
        Arc::make_mut(&mut self.loaders[format as usize]).insert(oid, loader)
    }

    /// Registers a dumper for what it writes.
    pub(super) fn set_dumper_by_oid(
        &mut self,
        oid: Oid,
        format: Format,
        dumper: Arc<DumperClass>,
    ) -> Option<Arc<DumperClass>> {
        Arc::make_mut(&mut self.by_oid[format as usize]).insert(oid, dumper)
    }

    /// Registers a dumper for the name of a class, `module.Class`.
    pub(super) fn set_named(
        &mut self,
        format: ParameterFormat,
        name: &str,
        dumper: Arc<DumperClass>,
    ) -> Option<Arc<DumperClass>> {
        Arc::make_mut(&mut self.by_name[format_index(format)]).insert(name.to_owned(), dumper)
    }

    /// Registers a dumper for a class.
    pub(super) fn set_dumper(
        &mut self,
        format: ParameterFormat,
        class: &Bound<'_, PyType>,
        dumper: Arc<DumperClass>,
    ) -> Option<impl Sized + use<>> {
        let entry = TypeEntry {
            key: Arc::new(class.clone().unbind()),
            dumper,
        };
        let key = class.as_type_ptr() as usize;
        Arc::make_mut(&mut self.by_type[format_index(format)]).insert(key, entry)
    }
}

/// `module.Class`, the form in which a class can be registered before it is imported.
fn qualified_name(py: Python<'_>, class: &Bound<'_, PyType>) -> Option<String> {
    let module = class.getattr(intern!(py, "__module__")).ok()?;
    let name = class.getattr(intern!(py, "__qualname__")).ok()?;
    Some(format!("{module}.{name}"))
}

/// The place of a format in a [`Registry`].
#[inline]
fn format_index(format: ParameterFormat) -> usize {
    match format {
        ParameterFormat::Auto => 0,
        ParameterFormat::Text => 1,
        ParameterFormat::Binary => 2,
    }
}

/// `PyFormat` of a wire format.
pub fn parameter_format(format: Format) -> ParameterFormat {
    match format {
        Format::Text => ParameterFormat::Text,
        Format::Binary => ParameterFormat::Binary,
    }
}
