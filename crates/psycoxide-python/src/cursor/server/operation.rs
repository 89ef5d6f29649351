//! What a cursor on the server asks for, and what becomes of the answers.

use std::sync::Arc;

use psycoxide_client::operations::batch::{Batch, Task};
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{Connection, Error, Query};
use psycoxide_connection::{ExecStatus, QueryResult};
use psycoxide_protocol::Format;
use psycoxide_protocol::backend::Field;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::auto::Lookups;
use crate::cursor::CursorBase;
use crate::error;
use crate::operation::{Finish, PyOperation};
use crate::pq::result::PGresult;
use crate::shared::Shared;

/// What the results of an operation are for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    Declare,
    FetchOne,
    Fetch,
    Page,
    /// Over rows that are here.
    Skip(i64),
    MoveBy(i64),
    MoveTo(i64),
    Close,
}

/// An operation of a cursor on the server.
pub(super) struct ServerOperation {
    /// `None` if there is nothing to ask the server for.
    batch: Option<Batch>,
    results: Vec<QueryResult>,
    cursor: Py<CursorBase>,
    query: Arc<Query>,
    work: Work,
    /// How many rows are wanted at most.
    pub(super) count: Option<usize>,
    lookups: Lookups,
}

impl ServerOperation {
    pub(super) fn new(
        cursor: &Bound<'_, CursorBase>,
        tasks: Vec<Task>,
        query: Arc<Query>,
        work: Work,
    ) -> ServerOperation {
        let begin = matches!(work, Work::Declare);
        ServerOperation {
            batch: (!tasks.is_empty()).then(|| Batch::new(tasks, begin)),
            results: Vec::new(),
            cursor: cursor.clone().unbind(),
            query,
            work,
            count: None,
            lookups: Lookups::default(),
        }
    }
}

impl Operation for ServerOperation {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        if let Some(lookup) = self.lookups.current() {
            return lookup.step(connection);
        }
        let Some(batch) = &mut self.batch else {
            return Ok(Step::Done(()));
        };
        match batch.step(connection)? {
            Step::Wait(wait) => Ok(Step::Wait(wait)),
            Step::Done(results) => {
                self.results = results;
                Ok(Step::Done(()))
            }
        }
    }
}

impl PyOperation for ServerOperation {
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish> {
        let cursor = self.cursor.bind(py);
        let result = self.results.pop();
        if let Some(result) = result.as_ref()
            && result.status == ExecStatus::FatalError
        {
            let result = PGresult::new(Arc::new(result.clone()), Some(self.query.clone()));
            return Err(error::of_result(py, result, shared));
        }
        if let Some(found) = &result
            && self.lookups.go_on(shared, cursor, found.fields.iter())?
        {
            self.results.extend(result);
            return Ok(Finish::Again);
        }
        let value = match self.work {
            Work::Declare => {
                let format = cursor.get().with_server(|server| server.format)?;
                if let Some(mut result) = result {
                    result.fields = in_format(&result.fields, format);
                    CursorBase::take_server_result(cursor, result, &self.query)?;
                }
                None
            }
            Work::FetchOne => {
                let rows = self.rows(cursor, result)?;
                Some(
                    rows.get_item(0)
                        .unwrap_or_else(|_| py.None().into_bound(py)),
                )
            }
            Work::Fetch => Some(self.rows(cursor, result)?.into_any()),
            Work::Page => {
                if let Some(result) = result {
                    CursorBase::take_server_result(cursor, result, &self.query)?;
                }
                let any = cursor.get().unread() > 0;
                Some(any.into_pyobject(py)?.to_owned().into_any())
            }
            Work::MoveBy(_) | Work::MoveTo(_) => {
                self.moved(cursor, result)?;
                None
            }
            Work::Skip(count) => {
                let count = usize::try_from(count).unwrap_or_default();
                let range = cursor.get().claim(count);
                cursor.get().advance(range.len());
                None
            }
            Work::Close => None,
        };
        Ok(Finish::Done(value.map(Bound::unbind)))
    }
}

impl ServerOperation {
    /// The unread rows of an iteration, and those that were fetched now.
    fn rows<'py>(
        &self,
        cursor: &Bound<'py, CursorBase>,
        result: Option<QueryResult>,
    ) -> PyResult<Bound<'py, PyList>> {
        let rows = CursorBase::take_unread(cursor, self.count.unwrap_or(usize::MAX))?;
        let Some(result) = result else {
            return Ok(rows);
        };
        CursorBase::take_server_result(cursor, result, &self.query)?;
        let fetched = CursorBase::take_unread(cursor, usize::MAX)?;
        if rows.is_empty() {
            return Ok(fetched);
        }
        let end = rows.len();
        rows.set_slice(end, end, &fetched)?;
        Ok(rows)
    }

    /// Notes where the cursor is now.
    fn moved(&self, cursor: &Bound<'_, CursorBase>, result: Option<QueryResult>) -> PyResult<()> {
        let steps = result
            .and_then(|result| result.affected_rows())
            .unwrap_or(0);
        let steps = i64::try_from(steps).unwrap_or(i64::MAX);
        let unread = cursor.get().unread();
        // What an iteration has fetched is no longer what comes next.
        cursor.get().claim(unread);
        let unread = i64::try_from(unread).unwrap_or(i64::MAX);
        let work = self.work;
        cursor.get().with_server(|server| {
            let position = server.position.unwrap_or(0).saturating_add(unread);
            server.position = Some(match work {
                Work::MoveTo(target) if target >= 0 => target,
                // Counted from the end: how many rows there are only the server knows.
                Work::MoveTo(_) => position,
                Work::MoveBy(value) if value < 0 => position.saturating_add(value).max(0),
                _ => position.saturating_add(steps),
            });
        })
    }
}

/// The columns as they come when a format is asked for: a description of the cursor cannot know.
fn in_format(fields: &Arc<[Field]>, format: Format) -> Arc<[Field]> {
    if fields.iter().all(|field| field.format == format) {
        return fields.clone();
    }
    let with_format = |field: &Field| Field {
        format,
        ..field.clone()
    };
    fields.iter().map(with_format).collect()
}
