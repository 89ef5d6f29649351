//! Lists to arrays.
//!
//! The elements decide the type: all have to be of one, None aside; ints take the widest that is
//! needed. A text array is `unknown` where its elements are, and the server finds out. See the
//! manual's [arrays](https://www.postgresql.org/docs/current/arrays.html).

use psycoxide_sql::ParameterFormat;
use psycoxide_types::array::{self, Dimension};
use psycoxide_types::catalog::{self, oid};
use psycoxide_types::{Format, Oid, wire};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyType};

use super::number::{kind_of, small_int};
use super::{DumpContext, Dumped, Dumper, range};
use crate::adapt::codec::{DumpCodec, DumpKind};
use crate::adapt::error::{Failure, Result, class_name};
use crate::adapt::registry::parameter_format;

/// PostgreSQL has six dimensions; deeper lists are refused before they are walked.
const MAX_DEPTH: usize = 64;

/// A list as an array. `element` is the elements' type if it is known before.
pub fn dump_list<'py>(
    codec: &DumpCodec,
    element: Oid,
    delimiter: u8,
    cx: &DumpContext<'_, 'py>,
    value: &Bound<'py, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let list = value
        .cast::<PyList>()
        .map_err(|error| Failure::Python(error.into()))?;
    let mut elements = Elements {
        element_class: None,
        example: None,
        others: Vec::new(),
        path: Vec::new(),
    };
    elements.scan(list)?;
    let format = codec.format;
    let Some(example) = elements.example.take() else {
        // Without any element only a text can stand for an array of whatever type is wanted.
        let oid = codec.oid;
        if format == Format::Binary && oid != 0 && list.is_empty() {
            array::encode_binary_header(&[], false, element, out)?;
            return Ok(codec.wrote());
        }
        if format == Format::Binary && oid != 0 && element != 0 {
            let dumper = fixed_dumper(cx, element, format, list.as_any())?;
            return write_binary(codec, element, cx, &dumper, list, out);
        }
        write_text(cx, None, delimiter, list, out)?;
        return Ok(Dumped {
            oid,
            format: Format::Text,
            is_null: false,
        });
    };
    let dumper = if element == 0 {
        let dumper = elements.dumper(cx, &example, parameter_format(format))?;
        match dumper {
            Dumper::Native(native) if format == Format::Binary && range::is_open(&native) => {
                Dumper::Native(range::for_array(native, cx, &leaves(list))?)
            }
            other => other,
        }
    } else {
        fixed_dumper(cx, element, format, &example)?
    };
    match format {
        Format::Text => {
            let delimiter = match &dumper {
                Dumper::Native(_) => delimiter,
                Dumper::Python(dumper) => {
                    let of = dumper.dump(cx.py, &example, &mut Vec::new())?.oid;
                    delimiter_of(cx, of)?.unwrap_or(delimiter)
                }
            };
            let found = write_text(cx, Some(&dumper), delimiter, list, out)?;
            let found = if element == 0 { found } else { element };
            Ok(codec.wrote_as(if codec.oid == 0 {
                array_of(cx, found)?.unwrap_or(0)
            } else {
                codec.oid
            }))
        }
        Format::Binary => write_binary(codec, element, cx, &dumper, list, out),
    }
}

/// The values in a list and in the lists in it, None aside.
fn leaves<'py>(list: &Bound<'py, PyList>) -> Vec<Bound<'py, PyAny>> {
    let mut found = Vec::with_capacity(list.len());
    for item in list.iter() {
        if let Ok(inner) = item.cast::<PyList>() {
            found.extend(leaves(inner));
        } else if !item.is_none() {
            found.push(item);
        }
    }
    found
}

/// The dumper that a class has fixed by its `element_oid`.
fn fixed_dumper<'py>(
    cx: &DumpContext<'_, 'py>,
    element: Oid,
    format: Format,
    example: &Bound<'py, PyAny>,
) -> Result<Dumper> {
    use crate::adapt::transformer::Transformer;
    let class = cx
        .transformer
        .get()
        .adapters()
        .get()
        .find_dumper_by_oid(cx.py, element, format)?;
    match class.native {
        Some(codec) => Ok(Dumper::Native(codec)),
        None => {
            let format = parameter_format(format);
            let of = example.get_type();
            let dumper =
                Transformer::python_dumper(cx.transformer, cx.registry, &of, format, &class)?;
            Ok(Dumper::Python(dumper))
        }
    }
}

/// What the elements of a list and of the lists in it are.
struct Elements<'py> {
    /// The class of the first element.
    element_class: Option<Bound<'py, PyType>>,
    example: Option<Bound<'py, PyAny>>,
    /// An element of each further class.
    others: Vec<Bound<'py, PyAny>>,
    /// The lists around the one that is scanned.
    path: Vec<Bound<'py, PyList>>,
}

/// The widest type that the ints need.
#[derive(Default)]
struct IntRange {
    smallest: i64,
    largest: i64,
    is_huge: bool,
}

impl IntRange {
    fn add(&mut self, value: &Bound<'_, PyAny>) -> Result<()> {
        match small_int(value)? {
            Some(number) => {
                self.smallest = self.smallest.min(number);
                self.largest = self.largest.max(number);
            }
            None => self.is_huge = true,
        }
        Ok(())
    }

    fn codec(&self, format: Format) -> DumpCodec {
        let rank = |kind| match kind {
            DumpKind::Int2 => (0, oid::INT2),
            DumpKind::Int4 => (1, oid::INT4),
            _ => (2, oid::INT8),
        };
        let kinds = [kind_of(self.smallest), kind_of(self.largest)];
        let kind = match kinds {
            _ if self.is_huge => DumpKind::IntNumeric,
            [small, large] if rank(small).0 > rank(large).0 => small,
            [_, large] => large,
        };
        let oid = if self.is_huge {
            oid::NUMERIC
        } else {
            rank(kind).1
        };
        DumpCodec { kind, format, oid }
    }
}

impl<'py> Elements<'py> {
    fn scan(&mut self, list: &Bound<'py, PyList>) -> Result<()> {
        for item in list.iter() {
            if item.is_none() {
                continue;
            }
            if let Ok(inner) = item.cast::<PyList>() {
                if inner.is(list) || self.path.iter().any(|outer| outer.is(inner)) {
                    return Err(Failure::Range(String::from("cannot dump a recursive list")));
                }
                if self.path.len() >= MAX_DEPTH {
                    return Err(Failure::Range(format!(
                        "lists nested more than {MAX_DEPTH} deep"
                    )));
                }
                self.path.push(list.clone());
                self.scan(inner)?;
                self.path.pop();
                continue;
            }
            let class = item.get_type();
            match &self.element_class {
                Some(known) if known.is(&class) => {}
                Some(_) => {
                    if !self.others.iter().any(|other| other.get_type().is(&class)) {
                        self.others.push(item);
                    }
                }
                None => {
                    self.element_class = Some(class);
                    self.example = Some(item);
                }
            }
        }
        Ok(())
    }

    /// The one dumper for all elements.
    fn dumper(
        &mut self,
        cx: &DumpContext<'_, 'py>,
        example: &Bound<'py, PyAny>,
        format: ParameterFormat,
    ) -> Result<Dumper> {
        let dumper = cx.dumper(example, format)?;
        for other in &self.others {
            // Several classes may share a dumper: a string and an Enum of strings.
            let same = match (&dumper, cx.dumper(other, format)) {
                (Dumper::Native(a), Ok(Dumper::Native(b))) => *a == b,
                _ => false,
            };
            if !same {
                return Err(self.mixed(example));
            }
        }
        Ok(dumper)
    }

    #[cold]
    fn mixed(&self, example: &Bound<'py, PyAny>) -> Failure {
        let all = self.others.iter().chain([example]);
        let mut names: Vec<_> = all.map(|item| class_name(&item.get_type())).collect();
        names.sort();
        Failure::Range(format!(
            "cannot dump lists of mixed types; got: {}",
            names.join(", ")
        ))
    }
}

/// The array type of an element type. A type that nobody has registered has none here.
fn array_of(cx: &DumpContext<'_, '_>, element: Oid) -> Result<Option<Oid>> {
    if element == 0 {
        return Ok(None);
    }
    if let Some(known) = catalog::by_oid(element) {
        return Ok(Some(known.array_oid));
    }
    match type_info(cx, element)? {
        Some(info) => Ok(Some(info.getattr(intern!(cx.py, "array_oid"))?.extract()?)),
        None => Ok(None),
    }
}

fn delimiter_of(cx: &DumpContext<'_, '_>, element: Oid) -> Result<Option<u8>> {
    let Some(info) = type_info(cx, element)? else {
        return Ok(None);
    };
    let delimiter: String = info.getattr(intern!(cx.py, "delimiter"))?.extract()?;
    Ok(delimiter.bytes().next())
}

fn type_info<'py>(cx: &DumpContext<'_, 'py>, element: Oid) -> Result<Option<Bound<'py, PyAny>>> {
    let types = cx.transformer.get().adapters().get().types_registry(cx.py);
    let info = types.call_method1(intern!(cx.py, "get"), (element,))?;
    Ok((!info.is_none()).then_some(info))
}

/// Appends the text of a list; the type of the elements comes back.
fn write_text<'py>(
    cx: &DumpContext<'_, 'py>,
    dumper: Option<&Dumper>,
    delimiter: u8,
    list: &Bound<'py, PyList>,
    out: &mut Vec<u8>,
) -> Result<Oid> {
    let dumper = match dumper {
        Some(Dumper::Native(codec)) if codec.kind == DumpKind::Int => {
            // Any int is the same text; only the type depends on the widest.
            let mut range = IntRange::default();
            write_ints(cx, &mut range, delimiter, list, out)?;
            return Ok(range.codec(Format::Text).oid);
        }
        other => other,
    };
    let mut found = None;
    write_items(delimiter, list, out, &mut |item, out| {
        let Some(dumper) = dumper else {
            return Ok(());
        };
        let start = out.len();
        let dumped = dumper.dump(cx, item, out)?;
        if dumped.is_null {
            out.extend_from_slice(b"NULL");
        } else {
            array::quote_text_element(out, start, delimiter);
            found = Some(match found {
                // Datetimes without a time zone among others with one.
                Some(oid::TIMESTAMPTZ) if dumped.oid == oid::TIMESTAMP => oid::TIMESTAMPTZ,
                _ => dumped.oid,
            });
        }
        Ok(())
    })?;
    Ok(found.unwrap_or(0))
}

fn write_ints<'py>(
    cx: &DumpContext<'_, 'py>,
    range: &mut IntRange,
    delimiter: u8,
    list: &Bound<'py, PyList>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let codec = DumpCodec {
        kind: DumpKind::Int,
        format: Format::Text,
        oid: 0,
    };
    write_items(delimiter, list, out, &mut |item, out| {
        range.add(item)?;
        codec.dump(cx, item, out).map(|_| ())
    })
}

/// Appends the text of an element.
type WriteItem<'a, 'py> = dyn FnMut(&Bound<'py, PyAny>, &mut Vec<u8>) -> Result<()> + 'a;

/// Appends the text of a list, its values written by `write`.
fn write_items<'py>(
    delimiter: u8,
    list: &Bound<'py, PyList>,
    out: &mut Vec<u8>,
    write: &mut WriteItem<'_, 'py>,
) -> Result<()> {
    out.push(b'{');
    for (index, item) in list.iter().enumerate() {
        if index > 0 {
            out.push(delimiter);
        }
        if item.is_none() {
            out.extend_from_slice(b"NULL");
        } else if let Ok(inner) = item.cast::<PyList>() {
            write_items(delimiter, inner, out, write)?;
        } else {
            write(&item, out)?;
        }
    }
    out.push(b'}');
    Ok(())
}

/// Appends the binary form of a list.
fn write_binary<'py>(
    codec: &DumpCodec,
    element: Oid,
    cx: &DumpContext<'_, 'py>,
    dumper: &Dumper,
    list: &Bound<'py, PyList>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let mut dimensions = Vec::new();
    let mut inner = list.clone();
    loop {
        if inner.is_empty() {
            return Err(Failure::Range(String::from(
                "lists cannot contain empty lists",
            )));
        }
        dimensions.push(Dimension {
            length: inner.len(),
            lower_bound: 1,
        });
        match inner.get_item(0)?.cast_into::<PyList>() {
            Ok(first) => inner = first,
            Err(_) => break,
        }
    }
    let mut widest = None;
    if let Dumper::Native(native) = dumper
        && native.kind == DumpKind::Int
    {
        let mut range = IntRange::default();
        widen(list, &mut range)?;
        widest = Some(Dumper::Native(range.codec(Format::Binary)));
    }
    let mut writer = BinaryWriter {
        cx,
        dumper: widest.as_ref().unwrap_or(dumper),
        found: None,
        has_nulls: false,
    };
    let start = out.len();
    array::encode_binary_header(&dimensions, false, 0, out)?;
    writer.write(&dimensions, list, out)?;
    // Elements that are text in an array that is not: whatever they are, they are sent as text.
    let as_text = matches!(dumper, Dumper::Native(native) if native.format == Format::Text);
    let found = match writer.found {
        _ if element != 0 => element,
        Some(found) if !as_text => found,
        _ => 0,
    };
    // An array says what its elements are, and text is what the unknown becomes.
    let (element, array) = match array_of(cx, found)? {
        Some(array) if array != 0 => (found, array),
        _ => (oid::TEXT, oid::TEXT_ARRAY),
    };
    // The header of 12 bytes begins with the number of dimensions.
    if let Some(header) = out.get_mut(start + 4..start + 12) {
        let (flags, element_oid) = header.split_at_mut(4);
        flags.copy_from_slice(&i32::from(writer.has_nulls).to_be_bytes());
        element_oid.copy_from_slice(&element.to_be_bytes());
    }
    Ok(codec.wrote_as(if codec.oid == 0 { array } else { codec.oid }))
}

fn widen(list: &Bound<'_, PyList>, range: &mut IntRange) -> Result<()> {
    for item in list.iter() {
        if let Ok(inner) = item.cast::<PyList>() {
            widen(inner, range)?;
        } else if !item.is_none() {
            range.add(&item)?;
        }
    }
    Ok(())
}

struct BinaryWriter<'a, 'b, 'py> {
    cx: &'a DumpContext<'b, 'py>,
    dumper: &'a Dumper,
    found: Option<Oid>,
    has_nulls: bool,
}

impl<'py> BinaryWriter<'_, '_, 'py> {
    fn write(
        &mut self,
        dimensions: &[Dimension],
        list: &Bound<'py, PyList>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let Some((dimension, inner)) = dimensions.split_first() else {
            return Err(inconsistent("depths"));
        };
        if list.len() != dimension.length {
            return Err(inconsistent("lengths"));
        }
        for item in list.iter() {
            match item.cast::<PyList>() {
                Ok(item) => self.write(inner, item, out)?,
                Err(_) if !inner.is_empty() => return Err(inconsistent("depths")),
                Err(_) if item.is_none() => {
                    self.has_nulls = true;
                    wire::write_null(out);
                }
                Err(_) => self.write_value(&item, out)?,
            }
        }
        Ok(())
    }

    fn write_value(&mut self, item: &Bound<'py, PyAny>, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let place = wire::begin_value(out);
        let dumped = self.dumper.dump(self.cx, item, out)?;
        if dumped.is_null {
            out.truncate(start);
            self.has_nulls = true;
            wire::write_null(out);
            return Ok(());
        }
        wire::end_value(out, place, "array")?;
        // A range without bounds is one of any type.
        if dumped.oid != 0 && *self.found.get_or_insert(dumped.oid) != dumped.oid {
            return Err(Failure::Range(String::from(
                "cannot dump lists of mixed types; got values with and without a time zone, or \
                 ranges of several types",
            )));
        }
        Ok(())
    }
}

#[cold]
fn inconsistent(what: &str) -> Failure {
    Failure::Range(format!("nested lists have inconsistent {what}"))
}
