//! `psycoxide.pq.PGresult`: one result, with libpq's names.
//!
//! <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-EXEC-SELECT-INFO>

use std::sync::Arc;

use psycoxide_client::Query;
use psycoxide_connection::{ExecStatus, QueryResult};
use psycoxide_protocol::backend::{ErrorFields, Field};
use psycoxide_protocol::data_row;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::enums;
use super::message;

/// A result of a query.
#[pyclass(frozen, weakref, module = "psycoxide.pq")]
#[derive(Debug)]
pub struct PGresult {
    result: Arc<QueryResult>,
    /// What was executed, for the position in an error's message.
    query: Option<Arc<Query>>,
}

impl PGresult {
    /// A result, and what was executed to get it.
    pub fn new(result: Arc<QueryResult>, query: Option<Arc<Query>>) -> PGresult {
        PGresult { result, query }
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
    pub fn result(&self) -> &Arc<QueryResult> {
        &self.result
    }

    /// The error report, if this is one.
    pub fn fields(&self) -> Option<&ErrorFields> {
        self.result.error.as_deref()
    }

    /// The error's text without its severity, as exceptions show it.
    pub fn message_text(&self, encoding: &str) -> String {
        let text = self.full_message();
        let severity = self.fields().and_then(ErrorFields::severity);
        let severity = severity.map(|word| format!("{}:  ", String::from_utf8_lossy(word)));
        let _ = encoding;
        match severity {
            Some(prefix) => text.strip_prefix(&prefix).unwrap_or(&text).to_owned(),
            None => text,
        }
    }

    fn full_message(&self) -> String {
        let Some(fields) = self.fields() else {
            return String::new();
        };
        let query = self
            .query
            .as_ref()
            .map(|query| String::from_utf8_lossy(query.text()));
        message::of_fields(fields, query.as_deref())
    }

    fn field(&self, column: i64) -> Option<&Field> {
        self.result.fields.get(usize::try_from(column).ok()?)
    }
}

#[pymethods]
impl PGresult {
    /// The kind of result, an `ExecStatus`.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        enums::exec_status(py, self.result.status)
    }

    /// The error's text with its severity, `bytes`; empty if it is no error.
    #[getter(error_message)]
    fn message_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let mut text = self.full_message();
        if !text.is_empty() {
            text.push('\n');
        }
        PyBytes::new(py, text.as_bytes())
    }

    /// The error's text without its severity, `str`.
    #[pyo3(signature = (encoding=String::from("utf-8")))]
    #[pyo3(name = "get_error_message")]
    fn error_text(&self, encoding: String) -> String {
        self.message_text(&encoding)
    }

    /// A field of the error report, `bytes`, or `None`.
    #[allow(clippy::needless_pass_by_value)]
    fn error_field<'py>(&self, py: Python<'py>, fieldcode: i64) -> Option<Bound<'py, PyBytes>> {
        let code = u8::try_from(fieldcode).ok()?;
        Some(PyBytes::new(py, self.fields()?.get(code)?))
    }

    /// The number of rows.
    #[getter]
    fn ntuples(&self) -> usize {
        self.result.rows.len()
    }

    /// The number of columns.
    #[getter]
    fn nfields(&self) -> usize {
        self.result.fields.len()
    }

    /// The name of a column, `bytes`, or `None` if there is none.
    fn fname<'py>(&self, py: Python<'py>, column_number: i64) -> Option<Bound<'py, PyBytes>> {
        Some(PyBytes::new(py, &self.field(column_number)?.name))
    }

    /// The table that a column is of; 0 if of none.
    fn ftable(&self, column_number: i64) -> u32 {
        self.field(column_number).map_or(0, |field| field.table)
    }

    /// The number of the column in its table; 0 if it is of none.
    fn ftablecol(&self, column_number: i64) -> i16 {
        self.field(column_number).map_or(0, |field| field.column)
    }

    /// The format of a column: 0 text, 1 binary.
    fn fformat<'py>(&self, py: Python<'py>, column_number: i64) -> PyResult<Bound<'py, PyAny>> {
        let format = self
            .field(column_number)
            .map_or_else(Default::default, |field| field.format);
        crate::adapt::formats::to_python(py, format)
    }

    /// The type of a column.
    fn ftype(&self, column_number: i64) -> u32 {
        self.field(column_number).map_or(0, |field| field.type_oid)
    }

    /// The type modifier of a column.
    fn fmod(&self, column_number: i64) -> i32 {
        self.field(column_number).map_or(0, |field| field.modifier)
    }

    /// The size of a column's type in bytes; negative: it varies.
    fn fsize(&self, column_number: i64) -> i16 {
        self.field(column_number).map_or(0, |field| field.size)
    }

    /// Whether the rows are in binary format.
    #[getter]
    fn binary_tuples<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let binary = |field: &Field| field.format == psycoxide_protocol::Format::Binary;
        let all = !self.result.fields.is_empty() && self.result.fields.iter().all(binary);
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
        let Some(body) = self.result.rows.row(row) else {
            return Ok(None);
        };
        match data_row::column(body, column) {
            Ok(value) => Ok(value.map(|value| PyBytes::new(py, value))),
            Err(error) => Err(crate::error::OperationalError::new_err(error.to_string())),
        }
    }

    /// The number of parameters of a described statement.
    #[getter]
    fn nparams(&self) -> usize {
        self.result.parameter_types.len()
    }

    /// The type of a parameter of a described statement.
    fn param_type(&self, param_number: i64) -> u32 {
        let index = usize::try_from(param_number).ok();
        index
            .and_then(|index| self.result.parameter_types.get(index))
            .copied()
            .unwrap_or(0)
    }

    /// The command tag, `bytes`.
    #[getter]
    fn command_status<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        Some(PyBytes::new(py, &self.result.command_tag))
    }

    /// The number of rows that the command touched, or `None` where that means nothing.
    #[getter]
    fn command_tuples(&self) -> Option<u64> {
        self.result.affected_rows()
    }

    /// The OID of the row inserted; tables have had none since PostgreSQL 12.
    #[getter]
    fn oid_value(&self) -> u32 {
        0
    }

    /// Nothing: the memory goes with the object.
    fn clear(&self) {}

    /// There is no such pointer: the result is not libpq's.
    #[getter]
    fn pgresult_ptr(&self) -> Option<usize> {
        None
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let status = format!("{:?}", slf.get().result.status);
        format!(
            "<psycoxide.pq.PGresult [{status}] at 0x{:x}>",
            slf.as_ptr() as usize
        )
    }
}
