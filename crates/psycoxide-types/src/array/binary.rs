//! The binary form: number of dimensions, a flag for NULLs, the elements' type, then length and
//! lower bound of each dimension, then the elements in row-major order.

use super::MAX_DIMENSIONS;
use crate::Oid;
use crate::error::{Error, Reason, Result};
use crate::wire::{Counted, Reader, count_prefix};

/// Length and lower bound of one dimension.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dimension {
    /// How many items each list of the dimension has; never 0.
    pub length: usize,
    /// The index of the first one, 1 unless the array says otherwise.
    pub lower_bound: i32,
}

/// The header of a binary array, and its elements still as bytes.
#[derive(Clone, Debug)]
pub struct BinaryArray<'a> {
    /// The type of the elements.
    pub element_oid: Oid,
    /// Whether the server saw a NULL among the elements.
    pub has_nulls: bool,
    dimensions: [Dimension; MAX_DIMENSIONS],
    dimension_count: usize,
    element_count: usize,
    elements: Reader<'a>,
}

/// Decodes the header of the binary form.
pub fn decode_binary(value: &[u8]) -> Result<BinaryArray<'_>> {
    let mut reader = Reader::new(value, "array");
    let count = reader.i32()?;
    let flags = reader.u32()?;
    let element_oid = reader.u32()?;
    if flags > 1 {
        let what = "array flags";
        let reason = Reason::UnknownCode { what, found: flags };
        return Err(Error::binary("array", reason));
    }
    let Ok(dimension_count) = usize::try_from(count) else {
        let what = "number of dimensions";
        let found = count;
        return Err(Error::binary("array", Reason::Negative { what, found }));
    };
    let mut dimensions = [Dimension::default(); MAX_DIMENSIONS];
    let Some(used) = dimensions.get_mut(..dimension_count) else {
        let limit = MAX_DIMENSIONS;
        return Err(Error::binary("array", Reason::TooDeep { limit }));
    };
    let mut product = usize::from(dimension_count > 0);
    for dimension in used {
        let length = reader.i32()?;
        let lower_bound = reader.i32()?;
        let Ok(length) = usize::try_from(length) else {
            let what = "length of a dimension";
            let found = length;
            return Err(Error::binary("array", Reason::Negative { what, found }));
        };
        product = product.saturating_mul(length);
        *dimension = Dimension {
            length,
            lower_bound,
        };
    }
    // An element takes at least the four bytes of its length.
    let remaining = reader.remaining();
    if product.saturating_mul(4) > remaining {
        return Err(Error::binary(
            "array",
            Reason::TooMany {
                what: "elements",
                claimed: product as u64,
                remaining,
            },
        ));
    }
    Ok(BinaryArray {
        element_oid,
        has_nulls: flags == 1,
        dimensions,
        // Without elements the other dimensions mean nothing, and could ask for endless lists.
        dimension_count: if product == 0 { 0 } else { dimension_count },
        element_count: product,
        elements: reader,
    })
}

impl<'a> BinaryArray<'a> {
    /// The dimensions from the outermost in; none when the array is empty.
    pub fn dimensions(&self) -> &[Dimension] {
        self.dimensions
            .get(..self.dimension_count)
            .unwrap_or_default()
    }

    /// How many elements there are in all.
    pub fn element_count(&self) -> usize {
        self.element_count
    }

    /// The elements in row-major order; `None` is NULL.
    pub fn elements(&self) -> BinaryElements<'a> {
        BinaryElements {
            items: Counted::new(self.elements.clone(), self.element_count),
        }
    }
}

/// The elements of a binary array.
///
/// After an error there are no more. Bytes behind the last element are an error too, which takes
/// the place of the end.
#[derive(Clone, Debug)]
pub struct BinaryElements<'a> {
    items: Counted<'a>,
}

impl<'a> Iterator for BinaryElements<'a> {
    type Item = Result<Option<&'a [u8]>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.items.next(Reader::nullable)
    }
}

/// Appends the header of the binary form; the elements follow as values with their length.
///
/// An empty array has no dimensions.
pub fn encode_binary_header(
    dimensions: &[Dimension],
    has_nulls: bool,
    element_oid: Oid,
    out: &mut Vec<u8>,
) -> Result<()> {
    if dimensions.len() > MAX_DIMENSIONS {
        let limit = MAX_DIMENSIONS;
        return Err(Error::binary("array", Reason::TooDeep { limit }));
    }
    let start = out.len();
    out.extend_from_slice(&count_prefix(dimensions.len(), "array")?);
    out.extend_from_slice(&i32::from(has_nulls).to_be_bytes());
    out.extend_from_slice(&element_oid.to_be_bytes());
    for dimension in dimensions {
        match count_prefix(dimension.length, "array") {
            Ok(length) => out.extend_from_slice(&length),
            Err(error) => {
                out.truncate(start);
                return Err(error);
            }
        }
        out.extend_from_slice(&dimension.lower_bound.to_be_bytes());
    }
    Ok(())
}
