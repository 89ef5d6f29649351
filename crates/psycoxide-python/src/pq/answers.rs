//! Fetching answers with libpq's names.
//!
//! <https://www.postgresql.org/docs/current/libpq-async.html>

use psycoxide_client::GetResult;
use pyo3::prelude::*;

use super::commands::mode_not_set;
use super::notify::PGnotify;
use super::pgconn::PGconn;
use super::result::PGresult;
use crate::driver;
use crate::news;

#[pymethods]
impl PGconn {
    /// The next result; `None` after the last of a command, and if there is nothing to wait for.
    fn get_result(&self, py: Python<'_>) -> PyResult<Option<PGresult>> {
        if self.shared.is_closed_by_user() {
            return Ok(None);
        }
        let at_hand = self
            .shared
            .with(py, |connection| connection.result_at_hand());
        let answer = match at_hand {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => {
                self.check_ours()?;
                driver::try_run(py, &self.shared, &mut GetResult::default())?
            }
            Err(error) => Err(error),
        };
        news::deliver_low_level(py, &self.shared)?;
        match answer {
            Ok(answer) => Ok(answer.map(|answer| self.result_of(answer))),
            // Nobody waits for a result: what went wrong is told by the status.
            Err(error) => {
                let _ = self.failed("getting the result", &error);
                Ok(None)
            }
        }
    }

    /// Takes what the server has sent.
    fn consume_input(&self, py: Python<'_>) -> PyResult<()> {
        const DOING: &str = "consuming input";
        if self.check_ours().is_err() {
            return Err(self.failed_with(DOING, "the connection is closed"));
        }
        let consumed = self
            .shared
            .with(py, |connection| connection.consume_input());
        news::deliver_low_level(py, &self.shared)?;
        consumed.map_err(|error| self.failed(DOING, &error))
    }

    /// Whether `get_result()` would wait.
    fn is_busy(&self, py: Python<'_>) -> PyResult<bool> {
        if self.shared.is_closed_by_user() {
            return Ok(false);
        }
        let busy = self.shared.with(py, |connection| connection.is_busy());
        news::deliver_low_level(py, &self.shared)?;
        Ok(busy.unwrap_or(false))
    }

    /// Whether sending never waits: 0 or 1.
    #[getter]
    fn nonblocking(&self, py: Python<'_>) -> i32 {
        let nonblocking = self
            .shared
            .with(py, |connection| connection.answers.is_nonblocking());
        i32::from(nonblocking)
    }

    #[setter]
    fn set_nonblocking(&self, py: Python<'_>, arg: i64) -> PyResult<()> {
        const DOING: &str = "setting nonblocking";
        self.check_ours()?;
        let rest = self.shared.with(py, |connection| {
            connection.answers.set_nonblocking(arg != 0);
            connection.pgconn.is_open() && !connection.pgconn.is_flushed()
        });
        if arg == 0 && rest {
            self.send_all(py, DOING)?;
        }
        Ok(())
    }

    /// Sends what waits to be sent; 1 if some is left.
    fn flush(&self, py: Python<'_>) -> PyResult<i32> {
        const DOING: &str = "flushing";
        if self.check_ours().is_err() {
            return Err(self.failed_with(DOING, "the connection is closed"));
        }
        let flushed = self.shared.with(py, |connection| {
            if !connection.pgconn.is_open() && connection.answers.is_outstanding() {
                // The results tell.
                return Ok((true, true));
            }
            let flushed = connection.pgconn.flush()? && connection.pgconn.is_flushed();
            Ok((flushed, connection.answers.is_nonblocking()))
        });
        match flushed.map_err(|error| self.failed(DOING, &error))? {
            (true, _) => Ok(0),
            (false, true) => Ok(1),
            (false, false) => self.send_all(py, DOING).map(|()| 0),
        }
    }

    /// Gives the rows of the query just sent one by one.
    fn set_single_row_mode(&self, py: Python<'_>) -> PyResult<()> {
        match self
            .shared
            .with(py, |connection| connection.set_chunked_rows(1))
        {
            true => Ok(()),
            false => Err(mode_not_set("single row")),
        }
    }

    /// Gives the rows of the query just sent in groups of `size`.
    fn set_chunked_rows_mode(&self, py: Python<'_>, size: i64) -> PyResult<()> {
        let size = usize::try_from(size).unwrap_or(0);
        match self
            .shared
            .with(py, |connection| connection.set_chunked_rows(size))
        {
            true => Ok(()),
            false => Err(mode_not_set("chunked rows")),
        }
    }

    /// The next notification that has come, a `PGnotify`, or `None`.
    fn notifies(&self, py: Python<'_>) -> PyResult<Option<PGnotify>> {
        if self.shared.is_closed_by_user() {
            return Ok(None);
        }
        let next = {
            let mut handlers = news::handlers(&self.shared);
            handlers.backlog.pop_front()
        };
        let next = next.or_else(|| {
            self.shared.with(py, |connection| {
                // If the connection is lost here, its status tells.
                let _ = connection.look();
                connection.pgconn.next_notification()
            })
        });
        news::deliver_low_level(py, &self.shared)?;
        Ok(next.map(PGnotify::new))
    }
}
