//! Ranges and multiranges.
//!
//! The classes that name a range (`Int4Range`) fix the type of the bounds. A plain `Range` leaves
//! it to them: if there is exactly one range of their type, it is that; ints are dumped as text of
//! unknown type, because the server does not convert an `int4range` to an `int8range`.

use psycoxide_types::catalog::{self, Kind, oid};
use psycoxide_types::{Format, Oid, multirange, range, wire};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};

use super::{DumpContext, Dumped, Dumper};
use crate::adapt::codec::{DumpCodec, DumpKind};
use crate::adapt::error::{Failure, Result};
use crate::adapt::registry::parameter_format;
use crate::adapt::transformer::Transformer;

/// A range's bounds and brackets, taken from the Python object.
struct Parts<'py> {
    lower: Option<Bound<'py, PyAny>>,
    upper: Option<Bound<'py, PyAny>>,
    lower_inclusive: bool,
    upper_inclusive: bool,
    is_empty: bool,
}

impl<'py> Parts<'py> {
    fn of(value: &Bound<'py, PyAny>) -> Result<Parts<'py>> {
        let py = value.py();
        let brackets = value.getattr(intern!(py, "bounds"))?;
        let brackets = brackets
            .cast::<PyString>()
            .map_err(PyErr::from)?
            .to_str()?
            .as_bytes();
        let bound = |name| -> PyResult<_> {
            let bound = value.getattr(name)?;
            Ok((!bound.is_none()).then_some(bound))
        };
        Ok(Parts {
            lower: bound(intern!(py, "lower"))?,
            upper: bound(intern!(py, "upper"))?,
            lower_inclusive: brackets.first() == Some(&b'['),
            upper_inclusive: brackets.get(1) == Some(&b']'),
            is_empty: brackets.is_empty(),
        })
    }

    fn bounds(&self) -> impl Iterator<Item = &Bound<'py, PyAny>> {
        self.lower.iter().chain(&self.upper)
    }
}

/// How to write the bounds, and as which type the whole.
struct Plan {
    format: Format,
    oid: Oid,
    /// The type of the bounds if the class fixes it.
    subtype: Oid,
}

impl Plan {
    fn of<'py>(
        codec: &DumpCodec,
        subtype: Oid,
        cx: &DumpContext<'_, 'py>,
        example: Option<&Bound<'py, PyAny>>,
        find: fn(&DumpContext<'_, '_>, Oid) -> Result<Oid>,
    ) -> Result<Plan> {
        let mut plan = Plan {
            format: codec.format,
            oid: codec.oid,
            subtype,
        };
        if let Some(example) = example
            && codec.oid == 0
            && subtype == 0
        {
            if example.is_exact_instance_of::<PyInt>() {
                plan.format = Format::Text;
            } else {
                let bound = plan
                    .dumper(cx, example)?
                    .dump(cx, example, &mut Vec::new())?;
                plan.oid = find(cx, bound.oid)?;
            }
        }
        Ok(plan)
    }

    fn dumper<'py>(&self, cx: &DumpContext<'_, 'py>, bound: &Bound<'py, PyAny>) -> Result<Dumper> {
        let format = parameter_format(self.format);
        if self.subtype == 0 {
            return cx.dumper(bound, format);
        }
        let adapters = cx.transformer.get().adapters().get();
        let class = adapters.find_dumper_by_oid(cx.py, self.subtype, self.format)?;
        match class.native {
            Some(codec) => Ok(Dumper::Native(codec)),
            None => {
                let of = bound.get_type();
                let dumper =
                    Transformer::python_dumper(cx.transformer, cx.registry, &of, format, &class)?;
                Ok(Dumper::Python(dumper))
            }
        }
    }

    fn wrote(&self) -> Dumped {
        Dumped {
            oid: self.oid,
            format: self.format,
            is_null: false,
        }
    }

    fn write<'py>(
        &self,
        cx: &DumpContext<'_, 'py>,
        parts: &Parts<'py>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match self.format {
            Format::Text => self.write_text(cx, parts, out),
            Format::Binary => self.write_binary(cx, parts, out),
        }
    }

    fn write_text<'py>(
        &self,
        cx: &DumpContext<'_, 'py>,
        parts: &Parts<'py>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if parts.is_empty {
            out.extend_from_slice(b"empty");
            return Ok(());
        }
        out.push(if parts.lower_inclusive { b'[' } else { b'(' });
        self.write_text_bound(cx, parts.lower.as_ref(), out)?;
        out.push(b',');
        self.write_text_bound(cx, parts.upper.as_ref(), out)?;
        out.push(if parts.upper_inclusive { b']' } else { b')' });
        Ok(())
    }

    fn write_text_bound<'py>(
        &self,
        cx: &DumpContext<'_, 'py>,
        bound: Option<&Bound<'py, PyAny>>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(bound) = bound else {
            return Ok(());
        };
        let start = out.len();
        if !self.dumper(cx, bound)?.dump(cx, bound, out)?.is_null {
            range::quote_text_bound(out, start);
        }
        Ok(())
    }

    fn write_binary<'py>(
        &self,
        cx: &DumpContext<'_, 'py>,
        parts: &Parts<'py>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if parts.is_empty {
            out.push(range::FLAG_EMPTY);
            return Ok(());
        }
        let flags_at = out.len();
        out.push(0);
        let lower = self.write_binary_bound(cx, parts.lower.as_ref(), out)?;
        let upper = self.write_binary_bound(cx, parts.upper.as_ref(), out)?;
        if let (Some(lower), Some(upper)) = (lower, upper)
            && lower != upper
        {
            return Err(Failure::Range(String::from(
                "the bounds of a range are of two types",
            )));
        }
        let flag = |on, flag| if on { flag } else { 0 };
        let flags = flag(
            parts.lower_inclusive && lower.is_some(),
            range::FLAG_LOWER_INCLUSIVE,
        ) | flag(
            parts.upper_inclusive && upper.is_some(),
            range::FLAG_UPPER_INCLUSIVE,
        ) | flag(lower.is_none(), range::FLAG_LOWER_INFINITE)
            | flag(upper.is_none(), range::FLAG_UPPER_INFINITE);
        if let Some(place) = out.get_mut(flags_at) {
            *place = flags;
        }
        Ok(())
    }

    /// Appends a bound and says its type; nothing for one that does not exist or is NULL.
    fn write_binary_bound<'py>(
        &self,
        cx: &DumpContext<'_, 'py>,
        bound: Option<&Bound<'py, PyAny>>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Oid>> {
        let Some(bound) = bound else {
            return Ok(None);
        };
        let start = out.len();
        let place = wire::begin_value(out);
        let dumped = self.dumper(cx, bound)?.dump(cx, bound, out)?;
        if dumped.is_null {
            out.truncate(start);
            return Ok(None);
        }
        wire::end_value(out, place, "range")?;
        Ok(Some(dumped.oid))
    }
}

/// Whether it is the dumper of ranges whose type their bounds decide.
pub fn is_open(codec: &DumpCodec) -> bool {
    let (DumpKind::Range { subtype } | DumpKind::Multirange { subtype }) = codec.kind else {
        return false;
    };
    codec.oid == 0 && subtype == 0
}

/// The dumper for all elements of a binary array: text, where one of them has no other form, or
/// none says its type. The server casts an array of texts to what is wanted.
pub fn for_array<'py>(
    codec: DumpCodec,
    cx: &DumpContext<'_, 'py>,
    elements: &[Bound<'py, PyAny>],
) -> Result<DumpCodec> {
    let text = DumpCodec {
        format: Format::Text,
        ..codec
    };
    let is_multirange = matches!(codec.kind, DumpKind::Multirange { .. });
    let find = if is_multirange {
        multirange_of
    } else {
        range_of
    };
    let mut typed = false;
    for element in elements {
        let example = if is_multirange {
            let mut bound = None;
            for range in element.try_iter()? {
                bound = Parts::of(&range?)?.bounds().next().cloned();
                if bound.is_some() {
                    break;
                }
            }
            bound
        } else {
            Parts::of(element)?.bounds().next().cloned()
        };
        let Some(example) = example else { continue };
        if example.is_exact_instance_of::<PyInt>() {
            return Ok(text);
        }
        if !typed {
            if Plan::of(&codec, 0, cx, Some(&example), find)?.oid == 0 {
                return Ok(text);
            }
            typed = true;
        }
    }
    Ok(if typed { codec } else { text })
}

/// A range.
pub fn dump_range<'py>(
    codec: &DumpCodec,
    subtype: Oid,
    cx: &DumpContext<'_, 'py>,
    value: &Bound<'py, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let parts = Parts::of(value)?;
    let plan = Plan::of(codec, subtype, cx, parts.bounds().next(), range_of)?;
    plan.write(cx, &parts, out)?;
    Ok(plan.wrote())
}

/// A multirange: any number of ranges of one type.
pub fn dump_multirange<'py>(
    codec: &DumpCodec,
    subtype: Oid,
    cx: &DumpContext<'_, 'py>,
    value: &Bound<'py, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let mut ranges = Vec::new();
    for range in value.try_iter()? {
        ranges.push(Parts::of(&range?)?);
    }
    let example = ranges.iter().find_map(|parts| parts.bounds().next());
    let plan = Plan::of(codec, subtype, cx, example, multirange_of)?;
    match plan.format {
        Format::Text => {
            out.push(b'{');
            for (index, parts) in ranges.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                plan.write_text(cx, parts, out)?;
            }
            out.push(b'}');
        }
        Format::Binary => {
            multirange::encode_binary_header(ranges.len(), out)?;
            for parts in &ranges {
                let place = wire::begin_value(out);
                plan.write_binary(cx, parts, out)?;
                wire::end_value(out, place, "multirange")?;
            }
        }
    }
    Ok(plan.wrote())
}

/// The range over a type, 0 if it is not known.
fn range_of(cx: &DumpContext<'_, '_>, subtype: Oid) -> Result<Oid> {
    let known = catalog::types()
        .iter()
        .find(|known| matches!(known.kind, Kind::Range { subtype: of } if of == subtype));
    match known {
        Some(known) => Ok(known.oid),
        None => registered(cx, "psycoxide.types.range", "RangeInfo", subtype),
    }
}

/// The multirange over a type, 0 if it is not known.
fn multirange_of(cx: &DumpContext<'_, '_>, subtype: Oid) -> Result<Oid> {
    let known = catalog::types()
        .iter()
        .find(|known| matches!(known.kind, Kind::Multirange { subtype: of, .. } if of == subtype));
    match known {
        Some(known) => Ok(known.oid),
        None => registered(cx, "psycoxide.types.multirange", "MultirangeInfo", subtype),
    }
}

fn registered(cx: &DumpContext<'_, '_>, module: &str, class: &str, subtype: Oid) -> Result<Oid> {
    let py = cx.py;
    // Strings are dumped as of unknown type: a range of them is one over text.
    let subtype = if subtype == 0 { oid::TEXT } else { subtype };
    let class = py.import(module)?.getattr(class)?;
    let types = cx.transformer.get().adapters().get().types_registry(py);
    let info = types.call_method1(intern!(py, "get_by_subtype"), (class, subtype))?;
    if info.is_none() {
        return Ok(0);
    }
    Ok(info.getattr(intern!(py, "oid"))?.extract()?)
}
