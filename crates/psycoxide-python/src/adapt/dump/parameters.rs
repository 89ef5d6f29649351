//! A query's parameters into a Bind message, in one pass.

use psycoxide_client::operations::execute::Parameters;
use psycoxide_sql::ParameterFormat;
use psycoxide_types::{Format, wire};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::{DumpContext, Dumped, Dumper};
use crate::adapt::error::{Failure, ProgrammingError, Result};
use crate::adapt::transformer::Transformer;

/// What the Bind message can count.
const MAX_PARAMETERS: usize = 65_535;

impl Transformer {
    /// Appends the parameters to `out`, each in the format asked for. An error names the
    /// parameter, by its position from 1 if it has no name, and leaves `out` in the middle.
    pub fn dump_into<'py>(
        slf: &Bound<'py, Self>,
        values: &[Bound<'py, PyAny>],
        formats: &[ParameterFormat],
        names: Option<&[Py<PyString>]>,
        out: &mut Parameters,
    ) -> PyResult<()> {
        if values.len() > MAX_PARAMETERS {
            return Err(ProgrammingError::new_err(format!(
                "the query has {} parameters, the server takes at most {MAX_PARAMETERS}: \
                 pass lists, or use copy() or executemany()",
                values.len()
            )));
        }
        let registry = slf.get().registry();
        let session = slf.get().session();
        let cx = DumpContext::new(slf, &registry, &session);
        out.types.reserve(values.len());
        out.formats.reserve(values.len());
        for (index, value) in values.iter().enumerate() {
            let format = formats.get(index).copied().unwrap_or_default();
            if value.is_none() {
                // Whoever takes the dumper of None away does not want NULLs. There is no binary one.
                let class = value.get_type();
                if registry.dumper_of(&class, ParameterFormat::Text).is_none() {
                    cx.dumper(value, format)
                        .map_err(|failure| place(failure, index, names, value))?;
                }
                wire::write_null(&mut out.encoded);
                out.types.push(0);
                out.formats.push(Format::Text);
                continue;
            }
            let dumped = cx
                .dumper(value, format)
                .and_then(|dumper| append(&cx, &dumper, value, &mut out.encoded))
                .map_err(|failure| place(failure, index, names, value))?;
            out.types.push(dumped.oid);
            out.formats.push(dumped.format);
        }
        out.count += values.len();
        Ok(())
    }
}

/// Appends a value with its length in front, or NULL.
#[inline]
pub fn append<'py>(
    cx: &DumpContext<'_, 'py>,
    dumper: &Dumper,
    value: &Bound<'py, PyAny>,
    out: &mut Vec<u8>,
) -> Result<Dumped> {
    let start = out.len();
    let place = wire::begin_value(out);
    let dumped = dumper.dump(cx, value, out)?;
    if dumped.is_null {
        out.truncate(start);
        wire::write_null(out);
    } else {
        wire::end_value(out, place, "parameter")?;
    }
    Ok(dumped)
}

#[cold]
fn place(
    failure: Failure,
    index: usize,
    names: Option<&[Py<PyString>]>,
    value: &Bound<'_, PyAny>,
) -> PyErr {
    let parameter = match names.and_then(|names| names.get(index)) {
        Some(name) => format!("'{}'", name.bind(value.py())),
        None => (index + 1).to_string(),
    };
    failure.in_parameter(&parameter, &value.get_type())
}
