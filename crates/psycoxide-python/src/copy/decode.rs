//! Rows of a COPY from the server, from its messages.
//!
//! The server sends each row in a message of its own. In binary format a row is laid out as a
//! `DataRow` message is, so those loaders are used as they are; a row in text format is brought
//! into that shape first.
//! <https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS>

use std::sync::Arc;

use psycoxide_types::copy::{binary, text};
use psycoxide_types::{Format, Oid, wire};
use pyo3::prelude::*;

use crate::adapt::error::DataError;
use crate::adapt::load::row::{RowLoaders, RowMaker};
use crate::adapt::transformer::Transformer;

/// What rows are decoded with, and what is known of the data so far.
#[derive(Debug, Default)]
pub struct Decoder {
    format: Format,
    /// The rows have no columns; in text they look like those of one empty string.
    no_columns: bool,
    /// The types that `set_types` has fixed.
    types: Option<Arc<[Oid]>>,
    /// The loaders for as many columns as the last row had.
    loaders: Option<Arc<RowLoaders>>,
    /// Whether the header of binary data is behind us.
    started: bool,
    row: Vec<u8>,
}

impl Decoder {
    /// A decoder for this format.
    pub fn new(format: Format, no_columns: bool) -> Decoder {
        Decoder {
            format,
            no_columns,
            ..Decoder::default()
        }
    }

    /// Fixes the types of the columns.
    pub fn set_types(&mut self, types: Arc<[Oid]>) {
        self.types = Some(types);
        self.loaders = None;
    }

    /// Notes that a message was taken as it is.
    pub fn skipped(&mut self) {
        self.started = true;
    }

    /// The row that a message holds; `None` for one without a row (the header, the trailer).
    ///
    /// # Errors
    /// `DataError` if the data are not what the format allows, `ProgrammingError` if there are more
    /// or fewer columns than types; what a loader raises.
    #[inline]
    pub fn row<'py>(
        &mut self,
        transformer: &Bound<'py, Transformer>,
        message: &[u8],
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let body = match self.format {
            Format::Text => {
                self.transcribe(message)?;
                &self.row[..]
            }
            Format::Binary => match self.strip(message)? {
                Some(body) => body,
                None => return Ok(None),
            },
        };
        let columns = body
            .first_chunk::<2>()
            .map_or(0, |count| u16::from_be_bytes(*count));
        let loaders = match &self.loaders {
            Some(loaders) if loaders.len() == usize::from(columns) => loaders,
            _ => {
                let loaders = loaders_for(
                    transformer,
                    self.format,
                    self.types.as_deref(),
                    usize::from(columns),
                )?;
                self.loaders.insert(loaders)
            }
        };
        loaders
            .load_row(transformer, body, &RowMaker::Tuple)
            .map(Some)
    }

    /// Writes a row in text format as a `DataRow` message's body.
    fn transcribe(&mut self, message: &[u8]) -> PyResult<()> {
        let inner = message.strip_suffix(b"\n").unwrap_or(message);
        if inner.contains(&b'\n') {
            return Err(DataError::new_err(
                "bad copy format: got a newline before the end of the row",
            ));
        }
        self.row.clear();
        self.row.extend_from_slice(&[0, 0]);
        if self.no_columns {
            return Ok(());
        }
        let mut columns = 0u16;
        for field in text::decode_row(message) {
            columns = columns.saturating_add(1);
            match field {
                None => wire::write_null(&mut self.row),
                Some(field) => {
                    let place = wire::begin_value(&mut self.row);
                    field.unescape_into(&mut self.row);
                    wire::end_value(&mut self.row, place, "copy")
                        .map_err(|error| DataError::new_err(error.to_string()))?;
                }
            }
        }
        if let Some(count) = self.row.first_chunk_mut::<2>() {
            *count = columns.to_be_bytes();
        }
        Ok(())
    }

    /// The row of a message in binary format.
    fn strip<'a>(&mut self, message: &'a [u8]) -> PyResult<Option<&'a [u8]>> {
        let invalid = |error: psycoxide_types::Error| DataError::new_err(error.to_string());
        let body = if std::mem::replace(&mut self.started, true) {
            message
        } else {
            binary::decode_header(message).map_err(invalid)?
        };
        if body.is_empty() {
            return Ok(None);
        }
        let row = binary::decode_row(body).map_err(invalid)?;
        Ok(row.map(|_| body))
    }
}

#[cold]
fn loaders_for(
    transformer: &Bound<'_, Transformer>,
    format: Format,
    types: Option<&[Oid]>,
    columns: usize,
) -> PyResult<Arc<RowLoaders>> {
    let registry = transformer.get().registry();
    let session = transformer.get().session();
    let unknown;
    let types = match types {
        Some(types) if types.len() != columns => {
            return Err(crate::error::ProgrammingError::new_err(format!(
                "cannot load sequence of {columns} items: {} loaders registered",
                types.len()
            )));
        }
        Some(types) => types,
        None => {
            unknown = vec![0; columns];
            &unknown
        }
    };
    let loaders = RowLoaders::for_types(transformer, &registry, session, types, format)?;
    Ok(Arc::new(loaders))
}
