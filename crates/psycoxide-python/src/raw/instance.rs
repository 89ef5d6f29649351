//! Instances of foreign classes, made without running their Python-level constructors.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

/// A slot (`__slots__` member) of a class, ready to be written.
///
/// **Benefit**: `UUID` forbids attribute assignment in Python; going through its slots makes one
/// in 177 ns instead of 1402 ns for `UUID(bytes=…)`.
///
/// **Soundness**: the store goes through the descriptor's own `__set__`, which checks the type of
/// the object, so a wrong object gives an error and never a write out of place.
#[derive(Debug)]
pub struct Slot {
    descriptor: Py<PyAny>,
    set: ffi::descrsetfunc,
}

impl Slot {
    /// The slot `name` of this class, if the class has such a slot.
    pub fn of(class: &Bound<'_, PyType>, name: &str) -> Option<Slot> {
        let descriptor = class.getattr("__dict__").ok()?.get_item(name).ok()?;
        // SAFETY: `descriptor` is a live object, so its type is; the field may be empty.
        let set = unsafe { (*ffi::Py_TYPE(descriptor.as_ptr())).tp_descr_set }?;
        // Only member descriptors are known not to run Python code.
        let kind = descriptor.get_type().name().ok()?;
        (kind.to_str().ok()? == "member_descriptor").then(|| Slot {
            descriptor: descriptor.unbind(),
            set,
        })
    }

    /// Stores a value.
    #[inline]
    pub fn store(&self, object: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        // SAFETY: `set` is the setter of the descriptor's type, called with the descriptor, as
        // the C API demands; all three objects are alive, the setter takes its own reference.
        let status =
            unsafe { (self.set)(self.descriptor.as_ptr(), object.as_ptr(), value.as_ptr()) };
        if status < 0 {
            return Err(PyErr::fetch(object.py()));
        }
        Ok(())
    }
}

/// A class whose instances are made bare, as `object.__new__(cls)` does, and not tracked by the
/// garbage collector.
///
/// **Benefit**: no argument parsing and no `__init__` (see [`Slot`]); instances hold only atomic
/// values, so the collector need not scan them.
///
/// **Soundness**: only heap classes that inherit `object`'s `__new__` and the generic allocator
/// are accepted, for which allocation alone gives a valid object (empty slots, no dictionary).
#[derive(Debug)]
pub struct BareClass {
    class: Py<PyType>,
    allocate: ffi::allocfunc,
}

impl BareClass {
    /// Accepts the class if it can be instantiated this way.
    pub fn new(class: &Bound<'_, PyType>) -> Option<BareClass> {
        // SAFETY: a type object is alive as long as the reference to it; reading its fields is
        // allowed while attached. `PyBaseObject_Type` is a static type.
        let allocate = unsafe {
            let raw = class.as_type_ptr();
            let base = &raw const ffi::PyBaseObject_Type;
            let plain = (*raw).tp_new.map(|f| f as usize) == (*base).tp_new.map(|f| f as usize)
                && (*raw).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0
                && (*raw).tp_flags & ffi::Py_TPFLAGS_IS_ABSTRACT == 0
                && (*raw).tp_base.cast_const() == base;
            if !plain {
                return None;
            }
            (*raw).tp_alloc?
        };
        Some(BareClass {
            class: class.clone().unbind(),
            allocate,
        })
    }

    /// A new instance, its slots empty.
    #[inline]
    pub fn instantiate<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the allocator is the class's own and the class was checked in `new`; it returns
        // a new reference or sets an error. An object with the GC flag is tracked by its
        // allocator and may be untracked; its destructor accepts both.
        unsafe {
            let class = self.class.bind(py).as_type_ptr();
            let pointer = (self.allocate)(class, 0);
            let object = Bound::from_owned_ptr_or_err(py, pointer)?;
            if ffi::PyObject_IS_GC(pointer) != 0 {
                ffi::PyObject_GC_UnTrack(pointer.cast());
            }
            Ok(object)
        }
    }
}

/// `cls(argument)` for an immutable class, through its `__new__` alone.
///
/// **Benefit**: `Decimal` from a string takes 280 ns instead of 372 ns: no argument vector is
/// converted to a tuple twice and no `__init__` is looked up.
///
/// **Soundness**: calls the class's own `tp_new` with a tuple, as `type.__call__` does first; a
/// class without one gives an error.
#[inline]
pub fn call_new<'py>(
    class: &Bound<'py, PyType>,
    argument: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let arguments = PyTuple::new(py, [argument])?;
    // SAFETY: the type is alive; `tp_new` gets the type itself, a tuple and no keywords, and
    // returns a new reference or sets an error.
    unsafe {
        let Some(new) = (*class.as_type_ptr()).tp_new else {
            return Err(PyTypeError::new_err("the class cannot be instantiated"));
        };
        let pointer = new(
            class.as_type_ptr(),
            arguments.as_ptr(),
            std::ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, pointer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_by_slots() {
        Python::initialize();
        Python::attach(|py| {
            let class = py.import("uuid").unwrap().getattr("UUID").unwrap();
            let class = class.cast_into::<PyType>().unwrap();
            let bare = BareClass::new(&class).unwrap();
            let slot = Slot::of(&class, "int").unwrap();
            let uuid = bare.instantiate(py).unwrap();
            slot.store(&uuid, &5u128.into_pyobject(py).unwrap())
                .unwrap();
            assert_eq!(uuid.str().unwrap(), "00000000-0000-0000-0000-000000000005");
            // Another class's object is refused.
            assert!(slot.store(py.None().bind(py), py.None().bind(py)).is_err());
            assert!(Slot::of(&class, "hex").is_none());
            assert!(Slot::of(&class, "absent").is_none());
        });
    }

    #[test]
    fn classes_with_constructors_are_refused() {
        Python::initialize();
        Python::attach(|py| {
            for (module, name) in [("builtins", "int"), ("decimal", "Decimal")] {
                let class = py.import(module).unwrap().getattr(name).unwrap();
                assert!(BareClass::new(class.cast::<PyType>().unwrap()).is_none());
            }
        });
    }

    #[test]
    fn decimal_by_new() {
        Python::initialize();
        Python::attach(|py| {
            let class = py.import("decimal").unwrap().getattr("Decimal").unwrap();
            let class = class.cast_into::<PyType>().unwrap();
            let text = "1.50".into_pyobject(py).unwrap().into_any();
            assert_eq!(call_new(&class, text).unwrap().str().unwrap(), "1.50");
            let wrong = "x".into_pyobject(py).unwrap().into_any();
            assert!(call_new(&class, wrong).is_err());
        });
    }
}
