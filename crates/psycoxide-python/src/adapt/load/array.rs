//! Arrays to lists, nested as deep as the array has dimensions.
//!
//! Lower bounds are not kept, as a list has none. See the manual's
//! [array input and output](https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO).

use psycoxide_types::array::{self, Dimension, Token};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::{LoadContext, Loader};
use crate::adapt::error::Result;
use crate::raw::sequence::ListBuilder;

/// The text of an array.
#[derive(Debug)]
pub struct ArrayLoader {
    /// For the elements.
    pub element: Loader,
    /// What separates them.
    pub delimiter: u8,
}

impl ArrayLoader {
    /// The list.
    pub fn load<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        data: &[u8],
    ) -> Result<Bound<'py, PyAny>> {
        let py = cx.py;
        // The lists that are open, the outermost first. Filled lists are few; a list of unknown
        // length grows by appending.
        let mut open: Vec<Bound<'py, PyList>> = Vec::new();
        let mut whole = None;
        let mut buffer = cx.scratch.take_buffer();
        for token in array::decode_text(data, self.delimiter)? {
            let item = match token? {
                Token::Begin => {
                    open.push(PyList::empty(py));
                    continue;
                }
                Token::End => match open.pop() {
                    Some(list) if open.is_empty() => {
                        whole = Some(list);
                        continue;
                    }
                    Some(list) => list.into_any(),
                    None => continue,
                },
                Token::Null => py.None().into_bound(py),
                Token::Element(element) => self.element.load(cx, element.unescape(&mut buffer))?,
            };
            if let Some(list) = open.last() {
                list.append(item)?;
            }
        }
        cx.scratch.put_buffer(buffer);
        Ok(whole.unwrap_or_else(|| PyList::empty(py)).into_any())
    }
}

/// A binary array: its header names the type of its elements.
#[derive(Clone, Copy, Debug)]
pub struct BinaryArrayLoader;

impl BinaryArrayLoader {
    /// The list.
    pub fn load<'py>(
        self,
        cx: &mut LoadContext<'_, 'py>,
        data: &[u8],
    ) -> Result<Bound<'py, PyAny>> {
        let array = array::decode_binary(data)?;
        let mut elements = array.elements();
        if array.dimensions().is_empty() {
            // Bytes behind an empty array are an error, too.
            if let Some(extra) = elements.next() {
                extra?;
            }
            return Ok(PyList::empty(cx.py).into_any());
        }
        let loader = cx.element_loader(array.element_oid, psycoxide_types::Format::Binary)?;
        let list = load_dimension(cx, &loader, array.dimensions(), &mut elements)?;
        if let Some(extra) = elements.next() {
            extra?;
        }
        Ok(list.into_any())
    }
}

/// The list of the first of these dimensions. The number of dimensions was checked to be at most
/// six, and their product against the bytes that are there.
fn load_dimension<'a, 'py>(
    cx: &mut LoadContext<'_, 'py>,
    loader: &Loader,
    dimensions: &[Dimension],
    elements: &mut array::BinaryElements<'a>,
) -> Result<Bound<'py, PyList>> {
    let Some((dimension, inner)) = dimensions.split_first() else {
        return Ok(PyList::empty(cx.py));
    };
    let length = dimension.length;
    let mut list = ListBuilder::new(cx.py, length)?;
    for _ in 0..length {
        let item = if inner.is_empty() {
            match elements.next().transpose()?.flatten() {
                Some(value) => loader.load(cx, value)?,
                None => cx.py.None().into_bound(cx.py),
            }
        } else {
            load_dimension(cx, loader, inner, elements)?.into_any()
        };
        list.push(item);
    }
    Ok(list.finish())
}
