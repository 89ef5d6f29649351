//! `psycoxide.pq.PGresult`: one result, with libpq's names.
//!
//! <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-EXEC-SELECT-INFO>

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use psycoxide_client::Query;
use psycoxide_connection::{ExecStatus, QueryResult};
use psycoxide_protocol::backend::{ErrorFields, Field};
use psycoxide_protocol::data_row;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::enums;
use super::message;
use crate::adapt::formats;
use crate::error::OperationalError;

/// The statuses, each at its number.
const STATUSES: [ExecStatus; 13] = [
    ExecStatus::EmptyQuery,
    ExecStatus::CommandOk,
    ExecStatus::TuplesOk,
    ExecStatus::CopyOut,
    ExecStatus::CopyIn,
    ExecStatus::BadResponse,
    ExecStatus::NonfatalError,
    ExecStatus::FatalError,
    ExecStatus::CopyBoth,
    ExecStatus::SingleTuple,
    ExecStatus::PipelineSync,
    ExecStatus::PipelineAborted,
    ExecStatus::TuplesChunk,
];

/// A result of a query.
#[pyclass(frozen, weakref, module = "psycoxide.pq")]
#[derive(Debug)]
pub struct PGresult {
    result: RwLock<Arc<QueryResult>>,
    /// What was executed, for the position in an error's message.
    query: Option<Arc<Query>>,
    /// The message of a failure of which the server has sent no report.
    text: Option<Vec<u8>>,
    cleared: AtomicBool,
}

impl PGresult {
    /// A result, and what was executed to get it.
    pub fn new(result: Arc<QueryResult>, query: Option<Arc<Query>>) -> PGresult {
        PGresult {
            result: RwLock::new(result),
            query,
            text: None,
            cleared: AtomicBool::new(false),
        }
    }

    /// A result of this kind with nothing in it but maybe a message.
    pub fn empty(status: ExecStatus, text: Option<Vec<u8>>) -> PGresult {
        let result = Arc::new(QueryResult::empty(status));
        PGresult {
            text,
            ..PGresult::new(result, None)
        }
    }

    /// What there is instead of a result when the connection is lost.
    pub fn lost(text: String) -> PGresult {
        PGresult::empty(ExecStatus::FatalError, Some(text.into_bytes()))
    }

    /// The status of this number.
    ///
    /// # Errors
    /// `ValueError` if there is none.
    pub fn status_of(number: i64) -> PyResult<ExecStatus> {
        let found = usize::try_from(number).ok();
        found
            .and_then(|index| STATUSES.get(index))
            .copied()
            .ok_or_else(|| PyValueError::new_err(format!("{number} is not a valid ExecStatus")))
    }

    /// Whether results of this status have a message.
    pub fn is_failure(status: ExecStatus) -> bool {
        matches!(
            status,
            ExecStatus::BadResponse | ExecStatus::NonfatalError | ExecStatus::FatalError
        )
    }

    /// An error that is no result of a query.
    pub fn failure(fields: Box<ErrorFields>, query: Option<Arc<Query>>) -> PGresult {
        let empty = QueryResult::empty(ExecStatus::FatalError);
        PGresult::new(
            Arc::new(QueryResult {
                error: Some(fields),
                ..empty
            }),
            query,
        )
    }

    /// A notice.
    pub fn notice(fields: Box<ErrorFields>) -> PGresult {
        let empty = QueryResult::empty(ExecStatus::NonfatalError);
        PGresult::new(
            Arc::new(QueryResult {
                error: Some(fields),
                ..empty
            }),
            None,
        )
    }

    /// The result itself.
    pub fn result(&self) -> Arc<QueryResult> {
        self.result
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The SQLSTATE of the error, if this is one.
    pub fn sqlstate(&self) -> Option<String> {
        let result = self.result();
        Some(result.error.as_deref()?.sqlstate()?.to_owned())
    }

    /// The error's text without its severity, as exceptions show it. `encoding`: Python's codec.
    pub fn message_text(&self, encoding: &str) -> String {
        let bytes = self.message();
        let result = self.result();
        let severity = result.error.as_deref().and_then(ErrorFields::severity);
        let text = severity
            .and_then(|word| bytes.strip_prefix(word)?.strip_prefix(b":  "))
            .unwrap_or(&bytes);
        message::decode(text.trim_ascii_end(), encoding)
    }

    /// The error's text with its severity; empty if it is no error.
    pub fn message(&self) -> Vec<u8> {
        if let Some(text) = &self.text {
            return text.clone();
        }
        let result = self.result();
        match result.error.as_deref() {
            Some(fields) => {
                let query = self.query.as_ref().map(|query| query.text());
                // As libpq does unless told otherwise: of a notice it is rarely of interest.
                let context = result.status != ExecStatus::NonfatalError;
                let mut text = message::bytes_of_fields(fields, query, context);
                text.push(b'\n');
                text
            }
            None => Vec::new(),
        }
    }

    fn replace(&self, result: QueryResult) {
        *self.result.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(result);
    }

    fn is_cleared(&self) -> bool {
        self.cleared.load(Ordering::Acquire)
    }

    fn with_field<T>(&self, column: i64, get: impl FnOnce(&Field) -> T) -> Option<T> {
        let index = usize::try_from(column).ok()?;
        self.result().fields.get(index).map(get)
    }
}

#[pymethods]
impl PGresult {
    /// The kind of result, an `ExecStatus`.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        enums::exec_status(py, self.result().status)
    }

    /// The error's text with its severity, `bytes`; empty if it is no error.
    #[getter(error_message)]
    fn message_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.message())
    }

    /// The error's text without its severity, `str`.
    #[pyo3(signature = (encoding="utf-8"), name = "get_error_message")]
    fn error_text(&self, encoding: &str) -> String {
        match self.message_text(encoding) {
            text if text.is_empty() => message::NO_DETAILS.to_owned(),
            text => text,
        }
    }

    /// A field of the error report, `bytes`, or `None`.
    #[allow(clippy::needless_pass_by_value)]
    fn error_field<'py>(&self, py: Python<'py>, fieldcode: i64) -> Option<Bound<'py, PyBytes>> {
        let code = u8::try_from(fieldcode).ok()?;
        Some(PyBytes::new(py, self.result().error.as_deref()?.get(code)?))
    }

    /// The number of rows.
    #[getter]
    fn ntuples(&self) -> usize {
        self.result().rows.len()
    }

    /// The number of columns.
    #[getter]
    fn nfields(&self) -> usize {
        self.result().fields.len()
    }

    /// The name of a column, `bytes`, or `None` if there is none.
    fn fname<'py>(&self, py: Python<'py>, column_number: i64) -> Option<Bound<'py, PyBytes>> {
        self.with_field(column_number, |field| PyBytes::new(py, &field.name))
    }

    /// The table that a column is of; 0 if of none.
    fn ftable(&self, column_number: i64) -> u32 {
        self.with_field(column_number, |field| field.table)
            .unwrap_or(0)
    }

    /// The number of the column in its table; 0 if it is of none.
    fn ftablecol(&self, column_number: i64) -> i16 {
        self.with_field(column_number, |field| field.column)
            .unwrap_or(0)
    }

    /// The format of a column: 0 text, 1 binary.
    fn fformat<'py>(&self, py: Python<'py>, column_number: i64) -> PyResult<Bound<'py, PyAny>> {
        let format = self
            .with_field(column_number, |field| field.format)
            .unwrap_or_default();
        crate::adapt::formats::to_python(py, format)
    }

    /// The type of a column.
    fn ftype(&self, column_number: i64) -> u32 {
        self.with_field(column_number, |field| field.type_oid)
            .unwrap_or(0)
    }

    /// The type modifier of a column.
    fn fmod(&self, column_number: i64) -> i32 {
        self.with_field(column_number, |field| field.modifier)
            .unwrap_or(0)
    }

    /// The size of a column's type in bytes; negative: it varies.
    fn fsize(&self, column_number: i64) -> i16 {
        self.with_field(column_number, |field| field.size)
            .unwrap_or(0)
    }

    /// Whether the rows are in binary format.
    #[getter]
    fn binary_tuples<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let binary = |field: &Field| field.format == psycoxide_protocol::Format::Binary;
        let result = self.result();
        let all = !result.fields.is_empty() && result.fields.iter().all(binary);
        let format = if all {
            psycoxide_protocol::Format::Binary
        } else {
            psycoxide_protocol::Format::Text
        };
        crate::adapt::formats::to_python(py, format)
    }

    /// A value as it came, `bytes`, or `None`.
    fn get_value<'py>(
        &self,
        py: Python<'py>,
        row_number: i64,
        column_number: i64,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let (Ok(row), Ok(column)) = (usize::try_from(row_number), u16::try_from(column_number))
        else {
            return Ok(None);
        };
        let result = self.result();
        let Some(body) = result.rows.row(row) else {
            return Ok(None);
        };
        if usize::from(column) >= result.fields.len() {
            return Ok(None);
        }
        match data_row::column(body, column) {
            Ok(value) => Ok(value.map(|value| PyBytes::new(py, value))),
            Err(error) => Err(OperationalError::new_err(error.to_string())),
        }
    }

    /// The number of parameters of a described statement.
    #[getter]
    fn nparams(&self) -> usize {
        self.result().parameter_types.len()
    }

    /// The type of a parameter of a described statement.
    fn param_type(&self, param_number: i64) -> u32 {
        let index = usize::try_from(param_number).ok();
        let result = self.result();
        index
            .and_then(|index| result.parameter_types.get(index).copied())
            .unwrap_or(0)
    }

    /// The command tag, `bytes`.
    #[getter]
    fn command_status<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        if self.is_cleared() {
            return None;
        }
        Some(PyBytes::new(py, &self.result().command_tag))
    }

    /// The number of rows that the command touched, or `None` where that means nothing.
    #[getter]
    fn command_tuples(&self) -> Option<u64> {
        self.result().affected_rows()
    }

    /// The OID of the row inserted; tables have had none since PostgreSQL 12.
    #[getter]
    fn oid_value(&self) -> u32 {
        0
    }

    /// Frees the memory: what is left looks like an error without a message.
    fn clear(&self) {
        self.cleared.store(true, Ordering::Release);
        self.replace(QueryResult::empty(ExecStatus::FatalError));
    }

    /// Gives an empty result columns: a list of `PGresAttDesc`.
    ///
    /// Raises `OperationalError` if it has columns.
    fn set_attributes(&self, descriptions: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut fields = Vec::new();
        for item in descriptions.try_iter()? {
            fields.push(field_of(&item?)?);
        }
        let result = self.result();
        if !result.fields.is_empty() || self.is_cleared() {
            return Err(OperationalError::new_err("PQsetResultAttrs failed"));
        }
        self.replace(QueryResult {
            fields: fields.into(),
            ..(*result).clone()
        });
        Ok(())
    }

    /// There is no such pointer: the result is not libpq's.
    #[getter]
    fn pgresult_ptr(&self) -> Option<usize> {
        None
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let status = slf.get().status(slf.py())?.getattr("name")?;
        let address = slf.as_ptr() as usize;
        Ok(format!(
            "<psycoxide.pq.PGresult [{status}] at 0x{address:x}>"
        ))
    }
}

/// The column that a `PGresAttDesc` describes.
fn field_of(description: &Bound<'_, PyAny>) -> PyResult<Field> {
    Ok(Field {
        name: description
            .getattr("name")?
            .extract::<PyBackedBytes>()?
            .to_vec(),
        table: description.getattr("tableid")?.extract()?,
        column: description.getattr("columnid")?.extract()?,
        type_oid: description.getattr("typid")?.extract()?,
        size: description.getattr("typlen")?.extract()?,
        modifier: description.getattr("atttypmod")?.extract()?,
        format: formats::format_of(&description.getattr("format")?)?,
    })
}
