//! The classes that adapt, as the registry holds them: imported, or made, when somebody asks.
//!
//! A program that uses none of the package's adapter classes by name never pays for importing them:
//! the native codec stands beside the reference to the class.

use std::sync::Arc;

use psycoxide_types::{Format, Oid};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use super::codec::{DumpCodec, LoadCodec};
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
pub(super) struct ArrayType {
    /// Its name.
    pub name: Arc<str>,
    /// The type of its elements.
    pub element: Oid,
    /// The type itself.
    pub array: Oid,
    /// What stands between elements.
    pub delimiter: u8,
}

impl ClassRef {
    /// A class that was registered.
    pub(super) fn given(class: &Bound<'_, PyType>) -> ClassRef {
        let known = PyOnceLock::new();
        let _ = known.set(class.py(), class.clone().unbind());
        ClassRef {
            class: known,
            origin: Origin::Given,
        }
    }

    /// An array type's class, which this function of `psycoxide.types.array` makes.
    pub(super) fn array(array: ArrayType, maker: &'static str) -> ClassRef {
        Self::later(Origin::Array(array, maker))
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
    /// A class that was registered.
    pub(super) fn new(class: &Bound<'_, PyType>) -> PyResult<DumperClass> {
        Ok(DumperClass {
            class: ClassRef::given(class),
            native: DumpCodec::of_class(class)?,
        })
    }
}

impl LoaderClass {
    /// A class that was registered.
    pub(super) fn new(class: &Bound<'_, PyType>) -> PyResult<LoaderClass> {
        Ok(LoaderClass {
            class: ClassRef::given(class),
            native: LoadCodec::of_class(class)?,
        })
    }
}

/// The class's `format`, text if it has none.
pub fn class_format(class: &Bound<'_, PyType>) -> PyResult<Format> {
    match class.getattr_opt(intern!(class.py(), "format"))? {
        Some(format) => formats::format_of(&format),
        None => Ok(Format::Text),
    }
}
