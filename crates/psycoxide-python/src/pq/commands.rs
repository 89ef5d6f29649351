//! Commands with libpq's names, each in two ways: run, which waits for the result, and sent.
//!
//! <https://www.postgresql.org/docs/current/libpq-exec.html>

use std::sync::Arc;

use psycoxide_client::{Answer, Exec, Flush, Query, SendCommand};
use psycoxide_protocol::Format;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use super::arguments::{oids, parameters};
use super::pgconn::PGconn;
use super::result::PGresult;
use crate::adapt::formats::{format_of, format_of_code};
use crate::driver;
use crate::error::{self, OperationalError};
use crate::news;

impl PGconn {
    /// Fails if the connection was closed, or belongs to another process.
    pub(super) fn check_ours(&self) -> PyResult<()> {
        self.check_open()?;
        if self.shared.is_ours() {
            return Ok(());
        }
        Err(error::forked())
    }

    /// Runs a command and waits for its last result, errors included.
    pub(super) fn run(
        &self,
        py: Python<'_>,
        doing: &str,
        command: SendCommand,
    ) -> PyResult<PGresult> {
        self.check_ours()?;
        self.forget_errors();
        if !self.shared.is_open() {
            return Err(self.failed_with(doing, "no connection to the server"));
        }
        let answers = driver::try_run(py, &self.shared, &mut Exec::new(command))?;
        news::deliver_low_level(py, &self.shared)?;
        let answers = answers.map_err(|error| self.failed(doing, &error))?;
        let last = answers
            .into_iter()
            .map(|answer| self.result_of(answer))
            .last();
        last.ok_or_else(|| self.failed_with(doing, "the server sent no result"))
    }

    /// Sends a command; in blocking mode, outside of pipeline mode, all of it.
    fn send(&self, py: Python<'_>, doing: &str, command: &SendCommand) -> PyResult<()> {
        self.check_ours()?;
        self.forget_errors();
        let sent = self.shared.with(py, |connection| {
            connection.send_command(command)?;
            let rest = !connection.pgconn.is_flushed();
            Ok(rest && !connection.answers.is_nonblocking() && !connection.pipeline.is_on())
        });
        if sent.map_err(|error| self.failed(doing, &error))? {
            self.send_all(py, doing)?;
        }
        news::deliver_low_level(py, &self.shared)
    }

    /// Waits until everything is sent.
    pub(super) fn send_all(&self, py: Python<'_>, doing: &str) -> PyResult<()> {
        driver::try_run(py, &self.shared, &mut Flush::default())?
            .map_err(|error| self.failed(doing, &error))
    }

    /// The result that Python gets, whose error is noted.
    pub(super) fn result_of(&self, answer: Answer) -> PGresult {
        let result = match answer {
            Answer::Result(result, query) => PGresult::new(Arc::new(result), query),
            Answer::Lost(error) => PGresult::lost(error::verb(&error) + "\n"),
        };
        self.note_error(&result.message());
        result
    }
}

fn query(command: &[u8]) -> Arc<Query> {
    Arc::new(Query::new(command))
}

fn query_params(
    command: &[u8],
    values: Option<&Bound<'_, PyAny>>,
    types: Option<&Bound<'_, PyAny>>,
    formats: Option<&Bound<'_, PyAny>>,
    result_format: Option<&Bound<'_, PyAny>>,
) -> PyResult<SendCommand> {
    Ok(SendCommand::QueryParams {
        query: query(command),
        parameters: parameters(values, types, formats)?,
        result_format: result_format.map_or(Ok(Format::Text), format_of)?,
    })
}

fn query_prepared(
    name: &[u8],
    values: Option<&Bound<'_, PyAny>>,
    formats: Option<&Bound<'_, PyAny>>,
    result_format: Format,
) -> PyResult<SendCommand> {
    Ok(SendCommand::QueryPrepared {
        name: name.to_vec(),
        parameters: parameters(values, None, formats)?,
        result_format,
    })
}

fn prepare(name: &[u8], command: &[u8], types: Option<&Bound<'_, PyAny>>) -> PyResult<SendCommand> {
    Ok(SendCommand::Prepare {
        name: name.to_vec(),
        query: query(command),
        types: types.map_or(Ok(Vec::new()), oids)?,
    })
}

/// Run at once.
#[pymethods]
impl PGconn {
    /// Runs one or more commands; the result is that of the last.
    fn exec_(&self, py: Python<'_>, command: PyBackedBytes) -> PyResult<PGresult> {
        let command = SendCommand::Query(query(&command));
        self.run(py, "executing query", command)
    }

    /// Runs a command with parameters: a sequence of `bytes`, buffers or `None`.
    #[pyo3(signature = (command, param_values, param_types=None, param_formats=None, result_format=None))]
    fn exec_params(
        &self,
        py: Python<'_>,
        command: PyBackedBytes,
        param_values: Option<&Bound<'_, PyAny>>,
        param_types: Option<&Bound<'_, PyAny>>,
        param_formats: Option<&Bound<'_, PyAny>>,
        result_format: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PGresult> {
        let command = query_params(
            &command,
            param_values,
            param_types,
            param_formats,
            result_format,
        )?;
        self.run(py, "executing query", command)
    }

    /// Prepares a command.
    #[pyo3(signature = (name, command, param_types=None))]
    fn prepare(
        &self,
        py: Python<'_>,
        name: PyBackedBytes,
        command: PyBackedBytes,
        param_types: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PGresult> {
        let command = prepare(&name, &command, param_types)?;
        self.run(py, "preparing query", command)
    }

    /// Runs a prepared command.
    #[pyo3(signature = (name, param_values, param_formats=None, result_format=0))]
    fn exec_prepared(
        &self,
        py: Python<'_>,
        name: PyBackedBytes,
        param_values: Option<&Bound<'_, PyAny>>,
        param_formats: Option<&Bound<'_, PyAny>>,
        result_format: i16,
    ) -> PyResult<PGresult> {
        let result_format = format_of_code(result_format)?;
        let command = query_prepared(&name, param_values, param_formats, result_format)?;
        self.run(py, "executing prepared query", command)
    }

    /// Parameters and columns of a prepared command.
    fn describe_prepared(&self, py: Python<'_>, name: PyBackedBytes) -> PyResult<PGresult> {
        let command = SendCommand::DescribePrepared(name.to_vec());
        self.run(py, "describe prepared", command)
    }

    /// Columns of a cursor.
    fn describe_portal(&self, py: Python<'_>, name: PyBackedBytes) -> PyResult<PGresult> {
        let command = SendCommand::DescribePortal(name.to_vec());
        self.run(py, "describe portal", command)
    }

    /// Forgets a prepared command.
    fn close_prepared(&self, py: Python<'_>, name: PyBackedBytes) -> PyResult<PGresult> {
        let command = SendCommand::ClosePrepared(name.to_vec());
        self.run(py, "close prepared", command)
    }

    /// Closes a cursor.
    fn close_portal(&self, py: Python<'_>, name: PyBackedBytes) -> PyResult<PGresult> {
        let command = SendCommand::ClosePortal(name.to_vec());
        self.run(py, "close portal", command)
    }
}

/// Sent; the answers are fetched by `get_result()`.
#[pymethods]
impl PGconn {
    /// Sends what `exec_()` runs.
    fn send_query(&self, py: Python<'_>, command: PyBackedBytes) -> PyResult<()> {
        let command = SendCommand::Query(query(&command));
        self.send(py, "sending query", &command)
    }

    /// Sends what `exec_params()` runs.
    #[pyo3(signature = (command, param_values, param_types=None, param_formats=None, result_format=None))]
    fn send_query_params(
        &self,
        py: Python<'_>,
        command: PyBackedBytes,
        param_values: Option<&Bound<'_, PyAny>>,
        param_types: Option<&Bound<'_, PyAny>>,
        param_formats: Option<&Bound<'_, PyAny>>,
        result_format: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let command = query_params(
            &command,
            param_values,
            param_types,
            param_formats,
            result_format,
        )?;
        self.send(py, "sending query and params", &command)
    }

    /// Sends what `prepare()` prepares.
    #[pyo3(signature = (name, command, param_types=None))]
    fn send_prepare(
        &self,
        py: Python<'_>,
        name: PyBackedBytes,
        command: PyBackedBytes,
        param_types: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let command = prepare(&name, &command, param_types)?;
        self.send(py, "sending query and params", &command)
    }

    /// Sends what `exec_prepared()` runs.
    #[pyo3(signature = (name, param_values, param_formats=None, result_format=None))]
    fn send_query_prepared(
        &self,
        py: Python<'_>,
        name: PyBackedBytes,
        param_values: Option<&Bound<'_, PyAny>>,
        param_formats: Option<&Bound<'_, PyAny>>,
        result_format: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let result_format = result_format.map_or(Ok(Format::Text), format_of)?;
        let command = query_prepared(&name, param_values, param_formats, result_format)?;
        self.send(py, "sending prepared query", &command)
    }

    /// Sends what `describe_prepared()` asks.
    fn send_describe_prepared(&self, py: Python<'_>, name: PyBackedBytes) -> PyResult<()> {
        let command = SendCommand::DescribePrepared(name.to_vec());
        self.send(py, "sending describe prepared", &command)
    }

    /// Sends what `describe_portal()` asks.
    fn send_describe_portal(&self, py: Python<'_>, name: PyBackedBytes) -> PyResult<()> {
        let command = SendCommand::DescribePortal(name.to_vec());
        self.send(py, "sending describe portal", &command)
    }

    /// Sends what `close_prepared()` asks.
    fn send_close_prepared(&self, py: Python<'_>, name: PyBackedBytes) -> PyResult<()> {
        let command = SendCommand::ClosePrepared(name.to_vec());
        self.send(py, "sending close prepared", &command)
    }

    /// Sends what `close_portal()` asks.
    fn send_close_portal(&self, py: Python<'_>, name: PyBackedBytes) -> PyResult<()> {
        let command = SendCommand::ClosePortal(name.to_vec());
        self.send(py, "sending close portal", &command)
    }
}

/// Results that the caller makes.
#[pymethods]
impl PGconn {
    /// A result of this `ExecStatus` without rows; for the statuses of errors, with the
    /// connection's error.
    fn make_empty_result(&self, exec_status: i64) -> PyResult<PGresult> {
        let status = PGresult::status_of(exec_status)?;
        let told = PGresult::is_failure(status) && !self.shared.is_closed_by_user();
        let error = told.then(|| self.errors());
        Ok(PGresult::empty(status, error))
    }
}

/// The exception for a rows mode that cannot be set.
pub(super) fn mode_not_set(mode: &str) -> PyErr {
    OperationalError::new_err(format!("setting {mode} mode failed"))
}
