//! Cursors on the server: DECLARE, FETCH, MOVE, and closing.
//!
//! What `execute()` sends declares the cursor and describes it in one round trip; closing one of
//! the same name first is part of it. Rows come with FETCH: as many as are asked for, or `itersize`
//! at a time for an iteration. The rows of an iteration that were not given out yet are the unread
//! rows of the current result; whatever fetches takes those first, so that no row is lost.
//! <https://www.postgresql.org/docs/current/sql-declare.html>

mod operation;

use std::sync::Arc;

use psycoxide_client::Query;
use psycoxide_client::operations::batch::Task;
use psycoxide_client::operations::execute::Parameters;
use psycoxide_connection::result::no_fields;
use psycoxide_connection::{ExecStatus, QueryResult};
use psycoxide_protocol::backend::Field;
use psycoxide_protocol::{Format, TransactionStatus};
use pyo3::exceptions::{PyStopIteration, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use self::operation::{ServerOperation, Work};
use super::results::Results;
use super::{CursorBase, not_initialised};
use crate::error::{NotSupportedError, ProgrammingError};
use crate::operation::submit;
use crate::shared::Shared;

/// What a cursor on the server knows besides.
#[derive(Debug)]
pub(crate) struct Server {
    name: Py<PyString>,
    scrollable: Option<bool>,
    withhold: bool,
    /// How many rows an iteration fetches at a time.
    itersize: i64,
    /// The format of its values.
    format: Format,
    /// Its columns, once they are known.
    fields: Option<Arc<[Field]>>,
    /// How many rows lie behind; `None` before it is used.
    position: Option<i64>,
}

/// The name of a cursor in the connection's encoding: as the protocol wants it, and quoted.
struct Name {
    plain: Box<[u8]>,
    quoted: Vec<u8>,
}

impl Server {
    /// Notes that so many rows lie behind that did not before.
    pub(super) fn advance(&mut self, rows: usize) {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.position = Some(self.position.unwrap_or(0).saturating_add(rows));
    }
}

impl CursorBase {
    /// Reads or changes what a cursor on the server knows.
    fn with_server<T>(&self, work: impl FnOnce(&mut Server) -> T) -> PyResult<T> {
        let mut inner = self.lock();
        inner
            .server
            .as_deref_mut()
            .map(work)
            .ok_or_else(not_initialised)
    }

    /// For a cursor on the server, the number of rows that lie behind.
    pub(crate) fn server_position(&self) -> Option<Option<i64>> {
        let inner = self.lock();
        inner.server.as_ref().map(|server| server.position)
    }

    fn server_name(&self, py: Python<'_>, shared: &Shared) -> PyResult<Name> {
        let name = self.with_server(|server| server.name.clone_ref(py))?;
        let session = shared.session.load();
        let mut plain = Vec::new();
        session
            .encoding
            .dump(name.bind(py), &mut plain)
            .map_err(crate::adapt::error::Failure::into_exception)?;
        let mut quoted = Vec::with_capacity(plain.len() + 2);
        psycoxide_sql::quote::quote_identifier(&mut quoted, &plain, session.quote_encoding)
            .map_err(|error| {
                ProgrammingError::new_err(format!("this cannot be the name of a cursor: {error}"))
            })?;
        Ok(Name {
            plain: plain.into_boxed_slice(),
            quoted,
        })
    }

    /// How many rows of the current result were not given out.
    fn unread(&self) -> usize {
        let inner = self.lock();
        let rows = inner
            .results
            .current()
            .filter(|result| result.status == ExecStatus::TuplesOk)
            .map_or(0, |result| result.rows.len());
        rows.saturating_sub(inner.results.position())
    }

    /// Gives out up to `count` of the unread rows.
    fn take_unread<'py>(slf: &Bound<'py, Self>, count: usize) -> PyResult<Bound<'py, PyList>> {
        if count == 0 || slf.get().unread() == 0 {
            return Ok(PyList::empty(slf.py()));
        }
        let range = slf.get().claim(count);
        slf.get().advance(range.len());
        Self::source_of_current(slf)?.load(range)
    }

    fn advance(&self, rows: usize) {
        if let Some(server) = self.lock().server.as_deref_mut() {
            server.advance(rows);
        }
    }

    /// `FETCH FORWARD` as a task; `None`: all rows.
    fn fetch_task(&self, name: &Name, count: Option<i64>) -> PyResult<Task> {
        let count = count.map_or_else(|| "ALL".to_owned(), |count| count.to_string());
        let (result_format, fields) =
            self.with_server(|server| (server.format, server.fields.clone()))?;
        Ok(Task::Execute {
            query: command(&format!("FETCH FORWARD {count} FROM "), &name.quoted),
            parameters: Parameters::default(),
            result_format,
            fields,
        })
    }
}

fn command(verb: &str, rest: &[u8]) -> Arc<Query> {
    let mut text = verb.as_bytes().to_vec();
    text.extend_from_slice(rest);
    Arc::new(Query::new(text))
}

#[pymethods]
impl CursorBase {
    /// Makes it a cursor on the server.
    fn _server_init(&self, name: Bound<'_, PyString>, scrollable: Option<bool>, withhold: bool) {
        self.lock().server = Some(Box::new(Server {
            name: name.unbind(),
            scrollable,
            withhold,
            itersize: 100,
            format: Format::Text,
            fields: None,
            position: None,
        }));
    }

    /// How many rows an iteration fetches at a time.
    #[getter]
    fn _itersize(&self) -> PyResult<i64> {
        self.with_server(|server| server.itersize)
    }

    #[setter(_itersize)]
    fn set_itersize(&self, value: i64) -> PyResult<()> {
        self.with_server(|server| server.itersize = value)
    }

    /// Declares the cursor: at once, or as something to await.
    #[pyo3(signature = (query, params=None, binary=None))]
    fn _server_execute<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        params: Option<&Bound<'py, PyAny>>,
        binary: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        let shared = this.shared()?;
        crate::driver::check_usable(&shared)?;
        if shared.in_pipeline() {
            return Err(NotSupportedError::new_err(
                "server-side cursors not supported in pipeline mode",
            ));
        }
        let closes = this._server_must_close()? && this.server_position().flatten().is_some();
        this.reset();
        let binding = Self::binding(slf)?;
        let format = this.result_format(binding, binary)?;
        let (query, parameters) = Self::bind(slf, &shared, binding, query, params)?;
        let name = this.server_name(py, &shared)?;
        let mut text = b"DECLARE ".to_vec();
        text.extend_from_slice(&name.quoted);
        let (scrollable, withhold) = this.with_server(|server| {
            server.format = format;
            server.fields = None;
            server.position = None;
            (server.scrollable, server.withhold)
        })?;
        text.extend_from_slice(match scrollable {
            None => b" CURSOR",
            Some(true) => b" SCROLL CURSOR",
            Some(false) => b" NO SCROLL CURSOR",
        });
        if withhold {
            text.extend_from_slice(b" WITH HOLD");
        }
        text.extend_from_slice(b" FOR ");
        text.extend_from_slice(query.text());
        let query = Arc::new(Query::new(text));
        let mut tasks = Vec::with_capacity(3);
        if closes {
            tasks.push(Task::ClosePortal(name.plain.clone()));
        }
        tasks.push(Task::Execute {
            query: query.clone(),
            parameters,
            result_format: Format::Text,
            fields: Some(no_fields()),
        });
        tasks.push(Task::DescribePortal(name.plain));
        let work = Work::Declare;
        submit(py, &shared, ServerOperation::new(slf, tasks, query, work))
    }

    /// The next row, `None` when there is none left: at once, or as something to await.
    fn _server_fetchone<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::server_fetch(slf, Some(1), Work::FetchOne)
    }

    /// The next `size` rows, all of them if `None`: at once, or as something to await.
    fn _server_fetch<'py>(
        slf: &Bound<'py, Self>,
        size: Option<i64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let size = match size {
            Some(0) => Some(i64::try_from(slf.get().lock().arraysize).unwrap_or(i64::MAX)),
            size => size,
        };
        Self::server_fetch(slf, size, Work::Fetch)
    }

    /// Whether the iteration has rows that were not given out.
    fn _has_unread(&self) -> bool {
        !self.lock().closed && self.unread() > 0
    }

    /// Gets the next rows of the iteration, to be given out by `_fetch_unread`. Whether there are
    /// any: at once, or as something to await.
    fn _server_fetch_page<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let size = slf.get().with_server(|server| server.itersize.max(1))?;
        Self::server_fetch(slf, Some(size), Work::Page)
    }

    /// A row that was not given out.
    fn _fetch_unread<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let range = slf.get().claim(1);
        slf.get().advance(range.len());
        Self::source_of_current(slf)?.load_one(range)
    }

    /// The next row of the iteration, on a synchronous connection.
    fn _server_next<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if let Some((source, range)) = Self::claim_next(slf)
            && let Some(row) = source.load_one(range)?
        {
            return Ok(row);
        }
        if !slf.get()._has_unread()
            && (slf.get().lock().closed || !Self::_server_fetch_page(slf)?.is_truthy()?)
        {
            return Err(PyStopIteration::new_err("no more records to return"));
        }
        let row = Self::_fetch_unread(slf)?;
        row.ok_or_else(|| PyStopIteration::new_err("no more records to return"))
    }

    /// Moves the cursor: at once, or as something to await.
    fn _server_scroll<'py>(
        slf: &Bound<'py, Self>,
        value: i64,
        mode: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        let shared = this.shared()?;
        let unread = i64::try_from(this.unread()).unwrap_or(i64::MAX);
        let name = this.server_name(py, &shared)?;
        if mode == "relative" && (1..=unread).contains(&value) {
            let operation =
                ServerOperation::new(slf, Vec::new(), command("", b""), Work::Skip(value));
            return submit(py, &shared, operation);
        }
        let (verb, work) = match mode {
            // For the server the unread rows of an iteration lie behind already.
            "relative" => (
                format!("MOVE {} FROM ", value.saturating_sub(unread)),
                Work::MoveBy(value.saturating_sub(unread)),
            ),
            "absolute" => (format!("MOVE ABSOLUTE {value} FROM "), Work::MoveTo(value)),
            _ => {
                return Err(PyValueError::new_err(format!(
                    "bad mode: {mode}. It should be 'relative' or 'absolute'"
                )));
            }
        };
        let query = command(&verb, &name.quoted);
        let tasks = vec![Task::Execute {
            query: query.clone(),
            parameters: Parameters::default(),
            result_format: Format::Text,
            fields: Some(no_fields()),
        }];
        submit(py, &shared, ServerOperation::new(slf, tasks, query, work))
    }

    /// Whether the server may have the cursor still, so that it has to be closed there.
    fn _server_must_close(&self) -> PyResult<bool> {
        let withhold = self.with_server(|server| server.withhold)?;
        let inner = self.lock();
        let Some(shared) = inner.shared.as_ref().filter(|_| !inner.closed) else {
            return Ok(false);
        };
        if !shared.is_open() || !shared.is_ours() {
            return Ok(false);
        }
        Ok(match shared.transaction_status() {
            TransactionStatus::InTransaction => true,
            // The end of its transaction has closed any other.
            TransactionStatus::Idle => withhold,
            _ => false,
        })
    }

    /// Closes the cursor on the server, if it is there: at once, or as something to await.
    fn _server_close<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let shared = slf.get().shared()?;
        let name = slf.get().server_name(py, &shared)?;
        let tasks = vec![Task::ClosePortal(name.plain)];
        let query = Arc::new(Query::new(&b""[..]));
        submit(
            py,
            &shared,
            ServerOperation::new(slf, tasks, query, Work::Close),
        )
    }
}

impl CursorBase {
    fn server_fetch<'py>(
        slf: &Bound<'py, Self>,
        count: Option<i64>,
        work: Work,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let shared = slf.get().shared()?;
        crate::driver::check_usable(&shared)?;
        let name = slf.get().server_name(py, &shared)?;
        let unread = i64::try_from(slf.get().unread()).unwrap_or(i64::MAX);
        let missing = count.map(|count| {
            if count < 0 {
                count
            } else {
                (count - unread).max(0)
            }
        });
        let mut tasks = Vec::new();
        let mut query = Arc::new(Query::new(&b""[..]));
        if missing != Some(0) || unread == 0 {
            let task = slf.get().fetch_task(&name, missing)?;
            if let Task::Execute { query: text, .. } = &task {
                query = text.clone();
            }
            tasks.push(task);
        }
        let mut operation = ServerOperation::new(slf, tasks, query, work);
        operation.count = count.and_then(|count| usize::try_from(count).ok());
        submit(py, &shared, operation)
    }

    /// Makes a result the current one, keeping what is known about its columns and how rows are
    /// made.
    fn take_server_result(
        slf: &Bound<'_, Self>,
        result: QueryResult,
        query: &Arc<Query>,
    ) -> PyResult<()> {
        let (has_maker, old) = {
            let mut inner = slf.get().lock();
            let known = {
                let server = inner.server.as_deref_mut().ok_or_else(not_initialised)?;
                let known = server
                    .fields
                    .as_ref()
                    .is_some_and(|fields| Arc::ptr_eq(fields, &result.fields));
                if !known {
                    server.fields = Some(result.fields.clone());
                }
                server.position.get_or_insert(0);
                known
            };
            if !known {
                inner.loaders = None;
            }
            inner.query = Some(query.clone());
            let results = Results::new(vec![Arc::new(result)]);
            let old = std::mem::replace(&mut inner.results, results);
            (inner.maker.is_some(), old)
        };
        drop(old);
        if has_maker {
            Ok(())
        } else {
            Self::prepare_maker(slf)
        }
    }
}
