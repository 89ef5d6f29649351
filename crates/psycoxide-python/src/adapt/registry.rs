//! `AdaptersMap`: which class dumps a Python type, and which loads a PostgreSQL type.
//!
//! Three levels hold one each: the package, a connection, a cursor. A copy shares everything with
//! its template until one of the two is changed, so making a connection or a cursor copies a
//! pointer. An entry holds the Python class and, if the class names a native codec in its *own*
//! dictionary (`_native`), that codec: a user's subclass of a built-in has none and is called.
//!
//! Every change gives the map a new version, by which transformers notice that what they have
//! cached is out of date.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psycoxide_sql::ParameterFormat;
use psycoxide_types::{Format, Oid};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};
use rustc_hash::FxHashMap;

use super::builtin;
use super::codec::{DumpCodec, DumpKind, LoadCodec};
use super::error::{Failure, ProgrammingError, Result, class_name};
use super::formats;

/// A dumper class and what is known about it.
#[derive(Debug)]
pub struct DumperClass {
    /// The Python class.
    pub class: ClassRef,
    /// How to dump without calling the class.
    pub native: Option<DumpCodec>,
}

/// A loader class and what is known about it.
#[derive(Debug)]
pub struct LoaderClass {
    /// The Python class.
    pub class: ClassRef,
    /// How to load without calling the class.
    pub native: Option<LoadCodec>,
}

/// A Python class that may still have to be imported or made.
pub struct ClassRef {
    class: PyOnceLock<Py<PyType>>,
    origin: Origin,
}

/// Where a class comes from.
#[derive(Clone, Debug)]
enum Origin {
    /// It was registered.
    Given,
    /// A module of `psycoxide.types` (of `psycoxide` with `..` in front), and a name in it.
    Builtin(&'static str, &'static str),
    /// A function of `psycoxide.types.array` makes it.
    Array(ArrayType, &'static str),
}

/// An array type whose adapter classes are made when somebody asks for them: there are 76 of
/// them, and nearly no program looks at one.
#[derive(Clone, Debug)]
struct ArrayType {
    name: Arc<str>,
    element: Oid,
    array: Oid,
    delimiter: u8,
}

impl ClassRef {
    fn given(class: &Bound<'_, PyType>) -> ClassRef {
        let known = PyOnceLock::new();
        let _ = known.set(class.py(), class.clone().unbind());
        ClassRef {
            class: known,
            origin: Origin::Given,
        }
    }

    fn later(origin: Origin) -> ClassRef {
        ClassRef {
            class: PyOnceLock::new(),
            origin,
        }
    }

    /// A class of `psycoxide.types`, imported when it is asked for.
    pub fn builtin(module: &'static str, name: &'static str) -> ClassRef {
        Self::later(Origin::Builtin(module, name))
    }

    /// The class.
    pub fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyType>> {
        let class = self.class.get_or_try_init(py, || {
            let class = match &self.origin {
                Origin::Given => return Err(PyValueError::new_err("an adapter without a class")),
                Origin::Builtin(module, name) => {
                    let path = match module.strip_prefix("..") {
                        Some(module) => format!("psycoxide.{module}"),
                        None => format!("psycoxide.types.{module}"),
                    };
                    py.import(path)?.getattr(*name)?
                }
                Origin::Array(array, maker) => {
                    let delimiter = [array.delimiter];
                    let arguments = (
                        &*array.name,
                        array.array,
                        array.element,
                        delimiter.as_slice(),
                    );
                    py.import("psycoxide.types.array")?
                        .getattr(*maker)?
                        .call1(arguments)?
                }
            };
            Ok(class.cast_into::<PyType>()?.unbind())
        })?;
        Ok(class.bind(py).clone())
    }
}

impl std::fmt::Debug for ClassRef {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("ClassRef")
            .field(&self.origin)
            .finish()
    }
}

impl DumperClass {
    fn new(class: &Bound<'_, PyType>) -> PyResult<DumperClass> {
        Ok(DumperClass {
            class: ClassRef::given(class),
            native: DumpCodec::of_class(class)?,
        })
    }
}

impl LoaderClass {
    fn new(class: &Bound<'_, PyType>) -> PyResult<LoaderClass> {
        Ok(LoaderClass {
            class: ClassRef::given(class),
            native: LoadCodec::of_class(class)?,
        })
    }
}

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
            let by_oid = &mut self.by_oid[codec.format as usize];
            Arc::make_mut(by_oid).insert(codec.oid, Arc::clone(&dumper));
        }
        for format in [ParameterFormat::Auto, parameter_format(codec.format)] {
            if let Some(class) = class {
                self.set_dumper(format, class, Arc::clone(&dumper));
            } else if !name.is_empty() {
                let names = &mut self.by_name[format_index(format)];
                Arc::make_mut(names).insert(name.to_owned(), Arc::clone(&dumper));
            }
        }
    }

    /// Registers a loader of the package.
    pub(super) fn add_builtin_loader(&mut self, oid: Oid, format: Format, loader: LoaderClass) {
        Arc::make_mut(&mut self.loaders[format as usize]).insert(oid, Arc::new(loader));
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
                ClassRef::later(Origin::Array(array_type.clone(), "_make_loader")),
                LoadCodec::array(element, delimiter, Format::Text),
            ),
            (
                ClassRef::builtin("array", "ArrayBinaryLoader"),
                LoadCodec::array(element, delimiter, Format::Binary),
            ),
        ];
        let replaced_loaders = loaders.map(|(class, native)| {
            let loaders = &mut self.loaders[native.format as usize];
            let loader = LoaderClass {
                class,
                native: Some(native),
            };
            Arc::make_mut(loaders).insert(array, Arc::new(loader))
        });
        let dumpers = [
            (Format::Text, "_make_dumper"),
            (Format::Binary, "_make_binary_dumper"),
        ];
        let replaced_dumpers = dumpers.map(|(format, maker)| {
            let dumper = DumperClass {
                class: ClassRef::later(Origin::Array(array_type.clone(), maker)),
                native: Some(DumpCodec {
                    kind: DumpKind::List { element, delimiter },
                    format,
                    oid: array,
                }),
            };
            Arc::make_mut(&mut self.by_oid[format as usize]).insert(array, Arc::new(dumper))
        });
        (replaced_loaders, replaced_dumpers)
    }

    fn set_dumper(
        &mut self,
        format: ParameterFormat,
        class: &Bound<'_, PyType>,
        dumper: Arc<DumperClass>,
    ) -> Option<TypeEntry> {
        let entry = TypeEntry {
            key: Arc::new(class.clone().unbind()),
            dumper,
        };
        let key = class.as_type_ptr() as usize;
        Arc::make_mut(&mut self.by_type[format_index(format)]).insert(key, entry)
    }
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

/// The base of `psycoxide.adapt.AdaptersMap`.
#[pyclass(subclass, frozen, module = "psycoxide._core")]
#[derive(Debug)]
pub struct AdaptersMap {
    registry: Mutex<Arc<Registry>>,
    types: Py<PyAny>,
}

impl AdaptersMap {
    fn lock(&self) -> MutexGuard<'_, Arc<Registry>> {
        // The registry is consistent whatever happened in another thread: each change is one call.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The contents now; later changes are not seen through it.
    #[inline]
    pub fn snapshot(&self) -> Arc<Registry> {
        Arc::clone(&self.lock())
    }

    /// The version now.
    #[inline]
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// The package's map, `psycoxide.adapters`.
    pub fn global(py: Python<'_>) -> PyResult<Bound<'_, AdaptersMap>> {
        static GLOBAL: PyOnceLock<Py<AdaptersMap>> = PyOnceLock::new();
        let adapters = GLOBAL.get_or_try_init(py, || {
            let adapters = py.import("psycoxide.postgres")?.getattr("adapters")?;
            PyResult::Ok(adapters.cast_into::<AdaptersMap>()?.unbind())
        })?;
        Ok(adapters.bind(py).clone())
    }

    /// A `psycoxide.adapt.AdaptersMap` with the contents of this one.
    pub fn copy<'py>(template: &Bound<'py, AdaptersMap>) -> PyResult<Bound<'py, AdaptersMap>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let class = CLASS.import(template.py(), "psycoxide.adapt", "AdaptersMap")?;
        Ok(class.call1((template,))?.cast_into()?)
    }

    /// The TypesRegistry.
    pub fn types_registry<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.types.bind(py)
    }

    /// Changes the contents. What `change` returns is dropped after the lock is released, because
    /// dropping a Python object may run code.
    fn change<R>(&self, change: impl FnOnce(&mut Registry) -> R) {
        let replaced = {
            let mut registry = self.lock();
            let registry = Arc::make_mut(&mut registry);
            registry.version = next_version();
            change(registry)
        };
        drop(replaced);
    }

    /// The dumper for a class: its own, or that of the first base that has one, where a base may
    /// be registered by the name of its class.
    pub fn find_dumper(
        &self,
        class: &Bound<'_, PyType>,
        format: ParameterFormat,
    ) -> Result<Arc<DumperClass>> {
        let registry = self.snapshot();
        let (dumper, by_name) = registry.find_dumper(class, format)?;
        if let Some(base) = by_name {
            self.remember(&registry, &base, format, &dumper);
        }
        Ok(dumper)
    }

    /// Lets a class be found by itself that was found by its name in `seen`; the contents then.
    /// Nothing if the contents are others by now.
    pub(super) fn remember(
        &self,
        seen: &Registry,
        class: &Bound<'_, PyType>,
        format: ParameterFormat,
        dumper: &Arc<DumperClass>,
    ) -> Option<Arc<Registry>> {
        let mut registry = self.lock();
        if registry.version != seen.version {
            return None;
        }
        // Nothing is replaced, hence nothing dropped under the lock.
        Arc::make_mut(&mut registry).remember(class, format, dumper);
        Some(Arc::clone(&registry))
    }

    /// The dumper that produces this PostgreSQL type.
    pub fn find_dumper_by_oid(
        &self,
        py: Python<'_>,
        oid: Oid,
        format: Format,
    ) -> PyResult<Arc<DumperClass>> {
        let found = self.snapshot().by_oid[format as usize].get(&oid).cloned();
        found.ok_or_else(|| self.no_dumper_for_oid(py, oid, format))
    }

    #[cold]
    fn no_dumper_for_oid(&self, py: Python<'_>, oid: Oid, format: Format) -> PyErr {
        let info = self.types.bind(py).call_method1(intern!(py, "get"), (oid,));
        let name = info.and_then(|info| info.getattr(intern!(py, "name")));
        let what = match name {
            Ok(name) => format!("type {name} (oid {oid})"),
            Err(_) => format!("unknown type with oid {oid}"),
        };
        let format = match format {
            Format::Text => "TEXT",
            Format::Binary => "BINARY",
        };
        ProgrammingError::new_err(format!("cannot find a dumper for {what} format {format}"))
    }
}

/// `module.Class`, the form in which a class can be registered before it is imported.
fn qualified_name(py: Python<'_>, class: &Bound<'_, PyType>) -> Option<String> {
    let module = class.getattr(intern!(py, "__module__")).ok()?;
    let name = class.getattr(intern!(py, "__qualname__")).ok()?;
    Some(format!("{module}.{name}"))
}

#[pymethods]
impl AdaptersMap {
    #[new]
    #[pyo3(signature = (template=None, types=None))]
    fn new(
        py: Python<'_>,
        template: Option<Bound<'_, AdaptersMap>>,
        types: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        static TYPES: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let (registry, types) = match (template, types) {
            (Some(template), _) => {
                let template = template.get();
                let class = TYPES.import(py, "psycoxide.types", "TypesRegistry")?;
                (template.snapshot(), class.call1((&template.types,))?)
            }
            (None, Some(types)) => (Arc::default(), types),
            (None, None) => {
                let class = TYPES.import(py, "psycoxide.types", "TypesRegistry")?;
                (Arc::default(), class.call0()?)
            }
        };
        Ok(AdaptersMap {
            registry: Mutex::new(registry),
            types: types.unbind(),
        })
    }

    /// The types known here, by name and OID.
    #[getter]
    fn types(&self, py: Python<'_>) -> Py<PyAny> {
        self.types.clone_ref(py)
    }

    /// The map itself: a map is a context for adaptation.
    #[getter]
    fn adapters(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// None: a map belongs to no connection by itself.
    #[getter]
    fn connection(&self) -> Option<Py<PyAny>> {
        None
    }

    /// Registers a dumper class for a Python type (a class, or its name `module.Class`), for the
    /// format that it writes and for automatic choice. With None it is found by its OID only.
    fn register_dumper(&self, cls: &Bound<'_, PyAny>, dumper: &Bound<'_, PyType>) -> PyResult<()> {
        let py = cls.py();
        let format = class_format(dumper)?;
        let oid: Oid = match dumper.getattr_opt(intern!(py, "oid"))? {
            Some(oid) => oid.extract()?,
            None => 0,
        };
        let entry = Arc::new(DumperClass::new(dumper)?);
        let formats = [ParameterFormat::Auto, parameter_format(format)];
        let by_oid = |registry: &mut Registry| {
            (oid != 0).then(|| {
                let by_oid = &mut registry.by_oid[format as usize];
                Arc::make_mut(by_oid).insert(oid, Arc::clone(&entry))
            })
        };
        if cls.is_none() {
            self.change(by_oid);
        } else if let Ok(class) = cls.cast::<PyType>() {
            self.change(|registry| {
                (
                    formats.map(|format| registry.set_dumper(format, class, Arc::clone(&entry))),
                    by_oid(registry),
                )
            });
        } else if let Ok(name) = cls.cast::<PyString>() {
            let name = name.to_str()?;
            self.change(|registry| {
                (
                    formats.map(|format| {
                        let names = &mut registry.by_name[format_index(format)];
                        Arc::make_mut(names).insert(name.to_owned(), Arc::clone(&entry))
                    }),
                    by_oid(registry),
                )
            });
        } else {
            return Err(PyTypeError::new_err(format!(
                "dumpers should be registered on classes, got {cls} instead"
            )));
        }
        Ok(())
    }

    /// Registers a loader class for a PostgreSQL type (its OID or its name), for the format that
    /// it reads.
    fn register_loader(&self, oid: &Bound<'_, PyAny>, loader: &Bound<'_, PyType>) -> PyResult<()> {
        let py = oid.py();
        let oid: Oid = if oid.is_instance_of::<PyString>() {
            self.types
                .bind(py)
                .get_item(oid)?
                .getattr(intern!(py, "oid"))?
                .extract()?
        } else {
            oid.extract().map_err(|_| {
                PyTypeError::new_err(format!(
                    "loaders should be registered on oid, got {oid} instead"
                ))
            })?
        };
        let format = class_format(loader)?;
        let entry = Arc::new(LoaderClass::new(loader)?);
        self.change(|registry| {
            Arc::make_mut(&mut registry.loaders[format as usize]).insert(oid, entry)
        });
        Ok(())
    }

    /// The dumper class for a Python type: its own, or that of its nearest base.
    fn get_dumper<'py>(
        &self,
        py: Python<'py>,
        cls: &Bound<'py, PyType>,
        format: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyType>> {
        let format = formats::parameter_format_of(format)?;
        let dumper = self
            .find_dumper(cls, format)
            .map_err(Failure::into_exception)?;
        dumper.class.get(py)
    }

    /// The dumper class that writes this PostgreSQL type in this format.
    fn get_dumper_by_oid<'py>(
        &self,
        py: Python<'py>,
        oid: Oid,
        format: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyType>> {
        let dumper = self.find_dumper_by_oid(py, oid, formats::format_of(format)?)?;
        dumper.class.get(py)
    }

    /// The loader class for a PostgreSQL type in this format, or None.
    fn get_loader<'py>(
        &self,
        py: Python<'py>,
        oid: Oid,
        format: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyType>>> {
        let loader = self
            .snapshot()
            .loader_of(oid, formats::format_of(format)?)
            .cloned();
        loader.map(|loader| loader.class.get(py)).transpose()
    }

    /// Registers an array type whose classes are made when they are asked for.
    #[pyo3(name = "_register_array")]
    fn register_array(
        &self,
        name: &str,
        array: Oid,
        element: Oid,
        delimiter: &[u8],
    ) -> PyResult<()> {
        let [delimiter] = *delimiter else {
            return Err(PyValueError::new_err("an array's delimiter is one byte"));
        };
        self.change(|registry| registry.add_array(name, array, element, delimiter));
        Ok(())
    }

    /// What is registered, for looking at: for each format the dumpers by class or name, and the
    /// loaders by OID.
    #[pyo3(name = "_registered")]
    fn registered<'py>(&self, py: Python<'py>) -> PyResult<[Vec<Bound<'py, PyDict>>; 2]> {
        let registry = self.snapshot();
        let mut dumpers = Vec::new();
        for (by_type, by_name) in registry.by_type.iter().zip(&registry.by_name) {
            let all = PyDict::new(py);
            for (name, dumper) in by_name.iter() {
                all.set_item(name, dumper.class.get(py)?)?;
            }
            for entry in by_type.values() {
                all.set_item(&*entry.key, entry.dumper.class.get(py)?)?;
            }
            dumpers.push(all);
        }
        let mut loaders = Vec::new();
        for by_oid in &registry.loaders {
            let all = PyDict::new(py);
            for (oid, loader) in by_oid.iter() {
                all.set_item(oid, loader.class.get(py)?)?;
            }
            loaders.push(all);
        }
        Ok([dumpers, loaders])
    }

    /// Has the contents that another map has now, and its types.
    #[pyo3(name = "_restore")]
    fn restore(&self, py: Python<'_>, other: &Bound<'_, AdaptersMap>) -> PyResult<()> {
        let contents = other.get().snapshot();
        self.change(|registry| {
            let version = registry.version;
            let old = std::mem::replace(registry, Registry::clone(&contents));
            registry.version = version;
            old
        });
        let types = other.get().types.bind(py);
        self.types
            .bind(py)
            .call_method1(intern!(py, "_restore"), (types,))?;
        Ok(())
    }

    /// Registers the adapters of the package.
    #[pyo3(name = "_register_builtins")]
    fn register_builtins(&self, py: Python<'_>) {
        self.change(|registry| builtin::register(py, registry));
    }
}

/// The class's `format`, text if it has none.
pub fn class_format(class: &Bound<'_, PyType>) -> PyResult<Format> {
    match class.getattr_opt(intern!(class.py(), "format"))? {
        Some(format) => formats::format_of(&format),
        None => Ok(Format::Text),
    }
}
