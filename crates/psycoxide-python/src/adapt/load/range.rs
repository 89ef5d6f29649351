//! Ranges and multiranges.

use psycoxide_types::range::{self, Range};
use psycoxide_types::{Element, Format, multirange};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyType};

use super::{LoadContext, Loader};
use crate::adapt::error::Result;

/// A range, or a multirange of such ranges.
#[derive(Debug)]
pub struct RangeLoader {
    /// For the bounds.
    pub bound: Loader,
    /// The format of the value and of its bounds.
    pub format: Format,
}

fn range_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, "psycoxide.types.range", "Range")
}

/// A `Range`, its bounds made by `load`.
fn range_object<'py, T>(
    py: Python<'py>,
    range: Range<T>,
    mut load: impl FnMut(T) -> Result<Bound<'py, PyAny>>,
) -> Result<Bound<'py, PyAny>> {
    let class = range_class(py)?;
    let bounds = match range {
        Range::Empty => {
            let empty = PyDict::new(py);
            empty.set_item(intern!(py, "empty"), true)?;
            return Ok(class.call((), Some(&empty))?);
        }
        Range::Bounded(bounds) => bounds,
    };
    let brackets = match (bounds.lower_inclusive, bounds.upper_inclusive) {
        (true, false) => intern!(py, "[)"),
        (true, true) => intern!(py, "[]"),
        (false, false) => intern!(py, "()"),
        (false, true) => intern!(py, "(]"),
    };
    let lower = bounds.lower.map(&mut load).transpose()?;
    let upper = bounds.upper.map(&mut load).transpose()?;
    Ok(class.call1((lower, upper, brackets))?)
}

impl RangeLoader {
    fn text<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        range: Range<Element<'_>>,
    ) -> Result<Bound<'py, PyAny>> {
        let mut buffer = cx.scratch.take_buffer();
        let object = range_object(cx.py, range, |bound| {
            self.bound.load(cx, bound.unescape(&mut buffer))
        });
        cx.scratch.put_buffer(buffer);
        object
    }

    fn binary<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        range: Range<&[u8]>,
    ) -> Result<Bound<'py, PyAny>> {
        range_object(cx.py, range, |bound| self.bound.load(cx, bound))
    }

    /// The `Range`.
    pub fn load<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        data: &[u8],
    ) -> Result<Bound<'py, PyAny>> {
        match self.format {
            Format::Text => self.text(cx, range::decode_text(data)?),
            Format::Binary => self.binary(cx, range::decode_binary(data)?),
        }
    }

    /// The `Multirange`.
    pub fn load_multirange<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        data: &[u8],
    ) -> Result<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let ranges = PyList::empty(cx.py);
        match self.format {
            Format::Text => {
                for range in multirange::decode_text(data) {
                    ranges.append(self.text(cx, range?)?)?;
                }
            }
            Format::Binary => {
                for range in multirange::decode_binary(data)? {
                    ranges.append(self.binary(cx, range?)?)?;
                }
            }
        }
        let class = CLASS.import(cx.py, "psycoxide.types.multirange", "Multirange")?;
        Ok(class.call1((ranges,))?)
    }
}
