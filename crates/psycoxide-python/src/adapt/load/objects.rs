//! Objects of the standard library that have no C API: Decimal, UUID.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyType};

use crate::raw::instance::{BareClass, Slot, call_new};

/// A `Decimal` of a decimal number, `NaN` or an infinity, exactly.
#[inline]
pub fn decimal<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    call_new(decimal_class(py)?, PyString::new(py, text).into_any())
}

/// `decimal.Decimal`.
#[inline]
pub fn decimal_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "decimal", "Decimal")
}

/// How to make UUIDs in this interpreter.
enum UuidMaker {
    /// By the two slots of the class, with the value that `is_safe` has by default.
    Slots {
        class: BareClass,
        int: Slot,
        is_safe: Slot,
        unknown: Py<PyAny>,
    },
    /// `UUID(bytes=…)`, for a class that is laid out otherwise.
    Call(Py<PyType>),
}

impl UuidMaker {
    fn new(py: Python<'_>) -> PyResult<UuidMaker> {
        let module = py.import("uuid")?;
        let class = module.getattr("UUID")?.cast_into::<PyType>()?;
        let parts = BareClass::new(&class)
            .zip(Slot::of(&class, "int"))
            .zip(Slot::of(&class, "is_safe"));
        let unknown = module
            .getattr("SafeUUID")
            .and_then(|safe| safe.getattr("unknown"));
        Ok(match (parts, unknown) {
            (Some(((bare, int), is_safe)), Ok(unknown)) => UuidMaker::Slots {
                class: bare,
                int,
                is_safe,
                unknown: unknown.unbind(),
            },
            _ => UuidMaker::Call(class.unbind()),
        })
    }
}

/// A `UUID` of its 16 bytes.
#[inline]
pub fn uuid(py: Python<'_>, bytes: [u8; 16]) -> PyResult<Bound<'_, PyAny>> {
    static MAKER: PyOnceLock<UuidMaker> = PyOnceLock::new();
    match MAKER.get_or_try_init(py, || UuidMaker::new(py))? {
        UuidMaker::Slots {
            class,
            int,
            is_safe,
            unknown,
        } => {
            let uuid = class.instantiate(py)?;
            let number = u128::from_be_bytes(bytes).into_pyobject(py)?;
            int.store(&uuid, &number)?;
            is_safe.store(&uuid, unknown.bind(py))?;
            Ok(uuid)
        }
        UuidMaker::Call(class) => {
            let arguments = PyDict::new(py);
            arguments.set_item("bytes", PyBytes::new(py, &bytes))?;
            class.bind(py).call((), Some(&arguments))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_is_like_one_made_by_its_class() {
        Python::initialize();
        Python::attach(|py| {
            let bytes = *b"\x12\x34\x56\x78\x9a\xbc\xde\xf0\x00\x01\x02\x03\x04\x05\x06\x07";
            let made = uuid(py, bytes).unwrap();
            let class = py.import("uuid").unwrap().getattr("UUID").unwrap();
            let expected = class
                .call1(("12345678-9abc-def0-0001-020304050607",))
                .unwrap();
            assert!(made.eq(&expected).unwrap());
            assert_eq!(made.hash().unwrap(), expected.hash().unwrap());
            assert!(
                made.getattr("is_safe")
                    .unwrap()
                    .is(expected.getattr("is_safe").unwrap())
            );
            let copy = py
                .import("copy")
                .unwrap()
                .call_method1("copy", (&made,))
                .unwrap();
            assert!(copy.eq(&expected).unwrap());
        });
    }

    #[test]
    fn decimals_keep_their_scale() {
        Python::initialize();
        Python::attach(|py| {
            for text in [
                "1.50",
                "-0.00",
                "NaN",
                "Infinity",
                "-Infinity",
                "123456789012345678901234567890.1",
            ] {
                assert_eq!(decimal(py, text).unwrap().str().unwrap(), text);
            }
        });
    }
}
