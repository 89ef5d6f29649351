//! Records and composite types to tuples, or to what their class makes of the values.
//!
//! The text of a record does not say what its fields are: they stay strings. A binary one does,
//! and a composite type that was registered is known. See the manual's
//! [composite types](https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX).

use std::sync::Arc;

use psycoxide_types::catalog::oid;
use psycoxide_types::{Format, composite};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyTuple};

use super::{LoadContext, Loader};
use crate::adapt::codec::{Composite, Enumeration, MakerCall};
use crate::adapt::error::{Failure, Result};
use crate::raw::sequence::TupleBuilder;

/// A record.
#[derive(Clone, Copy, Debug)]
pub struct RecordLoader {
    /// Its format.
    pub format: Format,
}

impl RecordLoader {
    /// The tuple.
    pub fn load<'py>(
        self,
        cx: &mut LoadContext<'_, 'py>,
        data: &[u8],
    ) -> Result<Bound<'py, PyAny>> {
        match self.format {
            Format::Text => {
                let text = cx.element_loader(oid::TEXT, Format::Text)?;
                let values = text_fields(cx, data, |_| Some(&text))?;
                Ok(PyTuple::new(cx.py, values)?.into_any())
            }
            Format::Binary => {
                let fields = composite::decode_binary(data)?;
                let mut tuple = TupleBuilder::new(cx.py, fields.remaining())?;
                for field in fields {
                    let (oid, value) = field?;
                    tuple.push(match value {
                        Some(value) => {
                            let loader = cx.element_loader(oid, Format::Binary)?;
                            loader.load(cx, value)?
                        }
                        None => cx.py.None().into_bound(cx.py),
                    });
                }
                Ok(tuple.finish(false).into_any())
            }
        }
    }
}

/// The fields of a text record; None stands for a field that there should not be.
fn text_fields<'a, 'py>(
    cx: &mut LoadContext<'_, 'py>,
    data: &[u8],
    loader: impl Fn(usize) -> Option<&'a Loader>,
) -> Result<Vec<Bound<'py, PyAny>>> {
    let mut buffer = cx.scratch.take_buffer();
    let mut values = Vec::new();
    for field in composite::decode_text(data) {
        let loader = loader(values.len()).ok_or_else(too_many)?;
        values.push(match field? {
            Some(value) => loader.load(cx, value.unescape(&mut buffer))?,
            None => cx.py.None().into_bound(cx.py),
        });
    }
    cx.scratch.put_buffer(buffer);
    Ok(values)
}

#[cold]
fn too_many() -> Failure {
    Failure::Range(String::from(
        "the composite value has other fields than its type had when it was registered",
    ))
}

/// A composite type that was registered.
#[derive(Debug)]
pub struct CompositeLoader {
    /// For each field.
    pub fields: Vec<Loader>,
    /// What becomes of the values.
    pub composite: Arc<Composite>,
    /// Its format.
    pub format: Format,
}

impl CompositeLoader {
    /// What the class makes of the values.
    pub fn load<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        data: &[u8],
    ) -> Result<Bound<'py, PyAny>> {
        if let Some(mismatched) = &self.composite.mismatched
            && !self.suits(data)
        {
            mismatched.bind(cx.py).call0()?;
            return match self.format {
                Format::Text => cx.session.encoding.load(cx.py, data),
                Format::Binary => Ok(PyBytes::new(cx.py, data).into_any()),
            };
        }
        let values = match self.format {
            Format::Text => text_fields(cx, data, |index| self.fields.get(index))?,
            Format::Binary => {
                let mut values = Vec::with_capacity(self.fields.len());
                for field in composite::decode_binary(data)? {
                    let (_, value) = field?;
                    let loader = self.fields.get(values.len()).ok_or_else(too_many)?;
                    values.push(match value {
                        Some(value) => loader.load(cx, value)?,
                        None => cx.py.None().into_bound(cx.py),
                    });
                }
                values
            }
        };
        // The text of a composite without fields is that of one whose only field is NULL.
        if values.len() != self.fields.len() && !(values.is_empty() && self.fields.len() == 1) {
            return Err(too_many());
        }
        let values = if values.is_empty() && self.fields.len() == 1 {
            PyTuple::new(cx.py, [cx.py.None()])?
        } else {
            PyTuple::new(cx.py, values)?
        };
        let make = self.composite.make.bind(cx.py);
        Ok(match self.composite.call {
            MakerCall::Values => make.call1((values,))?,
            MakerCall::Arguments => make.call1(values)?,
            MakerCall::Tuple => tuple_new(cx.py)?.call1((make, values))?,
        })
    }

    /// Whether a value has the fields that the type had when it was registered: their types in
    /// binary format, their number in text.
    fn suits(&self, data: &[u8]) -> bool {
        match self.format {
            Format::Text => {
                let count = composite::decode_text(data).count();
                count == self.fields.len() || (count == 0 && self.fields.len() == 1)
            }
            Format::Binary => composite::decode_binary(data).is_ok_and(|fields| {
                let types = fields.map_while(|field| field.ok().map(|(oid, _)| oid));
                types.eq(self.composite.types.iter().copied())
            }),
        }
    }
}

/// `tuple.__new__`.
fn tuple_new(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static NEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let new = NEW.get_or_try_init(py, || {
        let new = py.get_type::<PyTuple>().getattr("__new__")?;
        PyResult::Ok(new.unbind())
    })?;
    Ok(new.bind(py))
}

/// A member of an enumeration by its label.
pub fn load_enum<'py>(
    cx: &mut LoadContext<'_, 'py>,
    enumeration: &Enumeration,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let label = cx.session.encoding.load_str(cx.py, data)?;
    if let Some(member) = enumeration.members.bind(cx.py).get_item(&label)? {
        return Ok(member);
    }
    if let Some(mismatched) = &enumeration.mismatched {
        mismatched.bind(cx.py).call0()?;
        return Ok(label.into_any());
    }
    Err(Failure::Range(format!(
        "bad member for the enum: {:?}",
        label.to_string_lossy()
    )))
}
