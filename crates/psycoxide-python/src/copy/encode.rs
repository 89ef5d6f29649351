//! Rows for a COPY to the server, in its text or its binary format.
//!
//! A row is encoded into a buffer behind what is there already; one that cannot be encoded leaves
//! the buffer as it was, so that whoever catches the exception can go on.
//! <https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS>

use psycoxide_sql::ParameterFormat;
use psycoxide_types::Format;
use psycoxide_types::copy::{binary, text};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::adapt::codec::DumpKind;
use crate::adapt::dump::parameters::append;
use crate::adapt::dump::{DumpContext, Dumper};
use crate::adapt::error::{DataError, Failure, ProgrammingError, Result};
use crate::adapt::registry::Registry;
use crate::adapt::session::Session;
use crate::adapt::transformer::Transformer;

/// What rows are encoded with.
pub struct Encoder<'a, 'py> {
    cx: DumpContext<'a, 'py>,
    format: Format,
    /// The dumpers that `set_types` has fixed, one a column.
    dumpers: Option<&'a [Dumper]>,
}

impl<'a, 'py> Encoder<'a, 'py> {
    /// An encoder with these adapters and settings.
    pub fn new(
        transformer: &'a Bound<'py, Transformer>,
        registry: &'a Registry,
        session: &'a Session,
        format: Format,
        dumpers: Option<&'a [Dumper]>,
    ) -> Self {
        Encoder {
            cx: DumpContext::new(transformer, registry, session),
            format,
            dumpers,
        }
    }

    /// Appends a row. `number` counts rows from 1, for the error; `columns` is how many the rows
    /// before it had.
    ///
    /// # Errors
    /// `DataError` if there are more or fewer values than types, or for a value that the type
    /// cannot take; `ProgrammingError` for a value that nobody knows how to dump; what a dumper
    /// raises.
    #[inline]
    pub fn row(
        &self,
        row: &Bound<'py, PyAny>,
        number: u64,
        columns: &mut Option<usize>,
        out: &mut Vec<u8>,
    ) -> PyResult<()> {
        let start = out.len();
        let done = self.values(row, columns, out);
        done.map_err(|(failure, column)| {
            out.truncate(start);
            place(self.cx.py, failure, number, column)
        })
    }

    #[inline]
    fn values(
        &self,
        row: &Bound<'py, PyAny>,
        columns: &mut Option<usize>,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), (Failure, usize)> {
        let whole = |error: PyErr| (Failure::Python(error), 0);
        if let Ok(tuple) = row.cast_exact::<PyTuple>() {
            self.begin(tuple.len(), columns, out)
                .map_err(|failure| (failure, 0))?;
            for (index, value) in tuple.iter_borrowed().enumerate() {
                self.value(index, &value, out)
                    .map_err(|failure| (failure, index + 1))?;
            }
        } else {
            // A list may change while dumpers run, so the values are held.
            let values: Vec<_> = match row.cast::<PyList>() {
                Ok(list) => list.iter().collect(),
                Err(_) => row
                    .try_iter()
                    .and_then(Iterator::collect::<PyResult<_>>)
                    .map_err(whole)?,
            };
            self.begin(values.len(), columns, out)
                .map_err(|failure| (failure, 0))?;
            for (index, value) in values.iter().enumerate() {
                self.value(index, value, out)
                    .map_err(|failure| (failure, index + 1))?;
            }
        }
        if self.format == Format::Text {
            out.push(b'\n');
        }
        Ok(())
    }

    /// What stands before the values.
    #[inline]
    fn begin(&self, count: usize, columns: &mut Option<usize>, out: &mut Vec<u8>) -> Result<()> {
        let expected = match self.dumpers {
            Some(dumpers) => dumpers.len(),
            // In text the server names the line and what is missing.
            None if self.format == Format::Text => return Ok(()),
            None => *columns.get_or_insert(count),
        };
        if expected != count {
            return Err(Failure::Range(format!(
                "expected {expected} values in row, got {count}"
            )));
        }
        if self.format == Format::Binary {
            binary::encode_row_header(count, out)?;
        }
        Ok(())
    }

    #[inline]
    fn value(&self, index: usize, value: &Bound<'py, PyAny>, out: &mut Vec<u8>) -> Result<()> {
        if self.format == Format::Text && index > 0 {
            out.push(b'\t');
        }
        if value.is_none() {
            self.null(out);
            return Ok(());
        }
        match self.dumpers.and_then(|dumpers| dumpers.get(index)) {
            Some(dumper) => self.dump(dumper, value, out),
            None => {
                let format = match self.format {
                    Format::Text => ParameterFormat::Text,
                    Format::Binary => ParameterFormat::Binary,
                };
                let dumper = self.cx.dumper(value, format)?;
                self.dump(&dumper, value, out)
            }
        }
    }

    fn null(&self, out: &mut Vec<u8>) {
        match self.format {
            Format::Text => text::encode_field(None, out),
            Format::Binary => psycoxide_types::wire::write_null(out),
        }
    }

    #[inline]
    fn dump(&self, dumper: &Dumper, value: &Bound<'py, PyAny>, out: &mut Vec<u8>) -> Result<()> {
        if self.format == Format::Binary {
            let dumped = append(&self.cx, dumper, value, out)?;
            if dumped.format != Format::Binary && !dumped.is_null {
                return Err(Failure::Range(String::from(
                    "the value has no binary format of its own: set_types() tells which to use",
                )));
            }
            return Ok(());
        }
        let start = out.len();
        if dumper.dump(&self.cx, value, out)?.is_null {
            out.truncate(start);
            self.null(out);
        } else if may_need_escapes(dumper) {
            text::escape_field(out, start);
        }
        Ok(())
    }
}

/// Whether what the dumper writes can hold a tab, a newline or a backslash.
#[inline]
fn may_need_escapes(dumper: &Dumper) -> bool {
    let Dumper::Native(codec) = dumper else {
        return true;
    };
    !matches!(
        codec.kind,
        DumpKind::Bool
            | DumpKind::Int
            | DumpKind::Int2
            | DumpKind::Int4
            | DumpKind::Int8
            | DumpKind::ObjectId
            | DumpKind::IntNumeric
            | DumpKind::Float4
            | DumpKind::Float8
            | DumpKind::Decimal
            | DumpKind::Numeric
            | DumpKind::Date
            | DumpKind::Time
            | DumpKind::TimeTz
            | DumpKind::Datetime
            | DumpKind::DatetimeNoTz
            | DumpKind::Timedelta
            | DumpKind::Uuid
    )
}

/// The exception, with the place of the value; `column` 0 is the row as a whole.
#[cold]
fn place(py: Python<'_>, failure: Failure, number: u64, column: usize) -> PyErr {
    let place = if column == 0 {
        format!("row {number} of the COPY")
    } else {
        format!("row {number} of the COPY, column {column}")
    };
    match failure {
        Failure::Codec(error) => DataError::new_err(format!("{error} ({place})")),
        Failure::Range(message) => DataError::new_err(format!("{message} ({place})")),
        Failure::Unsupported(message) => ProgrammingError::new_err(format!("{message} ({place})")),
        Failure::Python(error) => {
            // Its class and its text are those of the code that raised it.
            if let Ok(add_note) = error.value(py).getattr(intern!(py, "add_note")) {
                let _ = add_note.call1((place,));
            }
            error
        }
    }
}
