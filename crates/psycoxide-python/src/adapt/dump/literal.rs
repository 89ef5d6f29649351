//! Python values as literals in SQL, for queries whose parameters are put in on this side.
//!
//! What is common runs natively; the rest goes through the `quote` of its Dumper class, as
//! `Transformer.as_literal` does for everything.

use psycoxide_sql::{ParameterFormat, quote};
use psycoxide_types::Format;
use pyo3::prelude::*;

use super::{DumpContext, Dumper};
use crate::adapt::codec::{DumpCodec, DumpKind};
use crate::adapt::error::{DataError, Failure};
use crate::adapt::python_api;
use crate::adapt::transformer::Transformer;

/// How a native codec's text becomes a literal.
enum Style {
    /// As it is, a sign apart from an operator before it.
    Number,
    /// In quotes, with a cast where the type would be lost.
    Quoted,
}

fn style(codec: &DumpCodec) -> Option<Style> {
    if codec.format != Format::Text {
        return None;
    }
    match codec.kind {
        DumpKind::Int
        | DumpKind::Int2
        | DumpKind::Int4
        | DumpKind::Int8
        | DumpKind::IntNumeric
        | DumpKind::Float8
        | DumpKind::Decimal => Some(Style::Number),
        DumpKind::Str | DumpKind::Date | DumpKind::Datetime | DumpKind::Uuid => Some(Style::Quoted),
        _ => None,
    }
}

impl Transformer {
    /// Appends the literals of values, one after the other, each as its own buffer.
    ///
    /// # Errors
    /// `ProgrammingError` for a value of a class without a dumper, or what its dumper raises.
    pub fn literals<'py>(
        slf: &Bound<'py, Self>,
        values: &[Bound<'py, PyAny>],
    ) -> PyResult<Vec<Vec<u8>>> {
        values.iter().map(|value| literal(slf, value)).collect()
    }
}

fn literal<'py>(tx: &Bound<'py, Transformer>, value: &Bound<'py, PyAny>) -> PyResult<Vec<u8>> {
    if value.is_none() {
        return Ok(b"NULL".to_vec());
    }
    let registry = tx.get().registry();
    let session = tx.get().session();
    let cx = DumpContext::new(tx, &registry, &session);
    let dumper = cx
        .dumper(value, ParameterFormat::Text)
        .map_err(Failure::into_exception)?;
    let Dumper::Native(codec) = dumper else {
        return python_api::as_literal(tx, value);
    };
    let Some(style) = style(&codec) else {
        return python_api::as_literal(tx, value);
    };
    // A space to begin with: it keeps a sign apart.
    let mut text = vec![b' '];
    let dumped = codec
        .dump(&cx, value, &mut text)
        .map_err(Failure::into_exception)?;
    match style {
        Style::Number if !text.last().is_some_and(u8::is_ascii_digit) => {
            // NaN, infinities.
            python_api::as_literal(tx, value)
        }
        Style::Number => {
            if text.get(1) != Some(&b'-') {
                text.remove(0);
            }
            Ok(text)
        }
        Style::Quoted => {
            let text = text.get(1..).unwrap_or_default();
            let mut literal = Vec::with_capacity(text.len() + 16);
            quote::quote_literal(&mut literal, text, session.quote_encoding)
                .map_err(|error| DataError::new_err(error.to_string()))?;
            python_api::append_cast(tx, dumped.oid, &mut literal)?;
            Ok(literal)
        }
    }
}
