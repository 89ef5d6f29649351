//! Python strings from bytes that are mostly ASCII.

use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// A `str` of these bytes, or nothing if they are not UTF-8.
///
/// **Benefit**: ASCII text is checked and copied once, instead of being scanned for its widest
/// character by the general decoder (text of 5 columns: 91 ns against 98 ns a value, and
/// 158 ns against 186 ns for non-ASCII text, which is checked with SIMD).
///
/// **Soundness**: see `from_ascii`; what is not ASCII goes through PyO3.
#[inline]
pub fn from_utf8<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Option<Bound<'py, PyString>>> {
    if text.is_ascii() {
        return from_ascii(py, text).map(Some);
    }
    match simdutf8::basic::from_utf8(text) {
        Ok(text) => Ok(Some(PyString::new(py, text))),
        Err(_) => Ok(None),
    }
}

/// A `str` of ASCII bytes.
///
/// **Benefit**: one allocation and one copy.
///
/// **Soundness**: private to this module, whose one caller has checked that all bytes are below
/// 128, which is what a compact ASCII string's contents must be; the new string is written before
/// anybody else can see it.
#[inline]
fn from_ascii<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyString>> {
    debug_assert!(text.is_ascii());
    if text.len() <= 1 {
        // The empty string and one-character strings are shared: they must not be written to.
        // The contents were checked, so the conversion cannot fail.
        return Ok(PyString::new(
            py,
            std::str::from_utf8(text).unwrap_or_default(),
        ));
    }
    let length = ffi::Py_ssize_t::try_from(text.len())?;
    // SAFETY: a string of `length` code points with maximum 127 is a compact ASCII string: its
    // data are `length` bytes and a NUL that PyUnicode_New has written. It is new (longer than 1,
    // hence not shared), so writing its data is allowed.
    unsafe {
        let pointer = ffi::PyUnicode_New(length, 127);
        if pointer.is_null() {
            return Err(PyErr::take(py).unwrap_or_else(|| PyMemoryError::new_err(())));
        }
        std::ptr::copy_nonoverlapping(
            text.as_ptr(),
            ffi::PyUnicode_DATA(pointer).cast::<u8>(),
            text.len(),
        );
        Ok(Bound::from_owned_ptr(py, pointer).cast_into_unchecked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width() {
        Python::initialize();
        Python::attach(|py| {
            for text in [
                "",
                "a",
                "ab",
                "é",
                "naïve",
                "日本",
                "a😀b",
                &"x".repeat(5000),
            ] {
                let made = from_utf8(py, text.as_bytes()).unwrap().unwrap();
                assert_eq!(made.to_str().unwrap(), text);
                assert!(made == *text);
            }
            assert!(from_utf8(py, b"\xff").unwrap().is_none());
            assert!(from_utf8(py, b"abc\xc3").unwrap().is_none());
        });
    }
}
