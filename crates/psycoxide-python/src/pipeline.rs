//! Pipelines from Python: queries that only queue, and the results that find their cursors.
//!
//! The queue is the client crate's; a result's owner there is [`Waiting`], made here. To queue a
//! query takes no turn and no system call: bytes go out when a piece has gathered, or when somebody
//! wants a result. While they go out results are taken, see
//! [`psycoxide_client::operations::communicate`].

use std::sync::Arc;

use psycoxide_client::operations::communicate::{Communicate, Goal, PIECE};
use psycoxide_client::operations::execute::{Parameters, Request};
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{Arrived, Connection, Error, Query};
use psycoxide_connection::{ExecStatus, QueryResult};
use psycoxide_protocol::Format;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyIterator;

use crate::adapt::transformer::Transformer;
use crate::auto;
use crate::connection::ConnectionBase;
use crate::cursor::CursorBase;
use crate::cursor::execute::dump;
use crate::driver;
use crate::error::{self, PipelineAborted};
use crate::operation::{Finish, PyOperation, submit};
use crate::pq::result::PGresult;
use crate::query::PreparedQuery;
use crate::shared::Shared;

/// A cursor that waits for the result of one of its queries.
pub struct Waiting {
    cursor: Py<CursorBase>,
    /// Which of the cursor's executions it belongs to: another one may have begun since.
    execution: u64,
    query: Arc<Query>,
    /// What is to become of the result.
    pub keep: Keep,
}

/// What is to become of a result in a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is the cursor's only one.
    One,
    /// It is one of several.
    Every,
    /// Only its count is of interest.
    Count,
}

/// Queues a query for a cursor. Returns whether a piece has gathered.
///
/// # Errors
/// When the query cannot be encoded, or the connection is closed.
pub fn queue(
    cursor: &Bound<'_, CursorBase>,
    shared: &Shared,
    request: &Request,
    keep: Keep,
) -> PyResult<bool> {
    let py = cursor.py();
    let execution = cursor.get().execution();
    let waiting = Waiting {
        cursor: cursor.clone().unbind(),
        execution,
        query: request.query.clone(),
        keep,
    };
    // Another thread may receive the result before this one goes on.
    cursor.get().expect();
    let queued = shared.with(py, move |connection| {
        connection.queue(request, Box::new(waiting))?;
        let gathered = connection.pgconn.machine().outgoing().len();
        Ok((connection.pipeline.last(), gathered >= PIECE))
    });
    let (number, full) = queued.map_err(|error| {
        cursor.get().settle(execution);
        error::exception(py, error, shared)
    })?;
    cursor.get().note_last(number);
    Ok(full)
}

/// Executes a query in pipeline mode: returns `None`, or something to await that may be done.
///
/// # Errors
/// As [`queue`]; where a piece is sent, also what the server says of earlier queries.
pub fn execute<'py>(
    cursor: &Bound<'py, CursorBase>,
    shared: &Arc<Shared>,
    request: &Request,
) -> PyResult<Bound<'py, PyAny>> {
    let py = cursor.py();
    if queue(cursor, shared, request, Keep::One)? {
        return submit(py, shared, CommunicateOperation::new(Goal::Sent));
    }
    nothing_to_wait_for(py, shared)
}

/// What a method returns that has nothing to wait for: `None`, or something to await.
///
/// # Errors
/// When there is no memory for it.
#[inline]
pub fn nothing_to_wait_for<'py>(py: Python<'py>, shared: &Shared) -> PyResult<Bound<'py, PyAny>> {
    if shared.is_asynchronous() {
        return Ok(done(py)?.into_any());
    }
    Ok(py.None().into_bound(py))
}

/// Gives results to the cursors that wait for them.
///
/// # Errors
/// The first error among them. `settled`: an end was put to what was aborted, so that nobody has
/// to hear of it.
pub fn hand_out(
    py: Python<'_>,
    shared: &Shared,
    answers: Vec<Arrived>,
    settled: bool,
) -> PyResult<()> {
    let mut first = Ok(());
    for Arrived { owner, result } in answers {
        let aborted = result.status == ExecStatus::PipelineAborted;
        let given = match owner.and_then(|owner| owner.downcast::<Waiting>().ok()) {
            Some(waiting) => give(py, shared, *waiting, result),
            None => check(py, shared, result, None).map(drop),
        };
        if first.is_ok() && !(aborted && settled) {
            first = given;
        }
    }
    first
}

/// Gives a result to its cursor.
fn give(py: Python<'_>, shared: &Shared, waiting: Waiting, result: QueryResult) -> PyResult<()> {
    let Waiting {
        cursor,
        execution,
        query,
        keep,
    } = waiting;
    let cursor = cursor.bind(py);
    let wanted = cursor.get().settle(execution);
    let result = check(py, shared, result, Some(&query))?;
    if !wanted {
        return Ok(());
    }
    if keep != Keep::Count {
        auto::register_known(shared, cursor, &result.fields)?;
    }
    match keep {
        Keep::One => CursorBase::take_results(cursor, shared, vec![result], &query),
        Keep::Every => CursorBase::add_result(cursor, result, &query),
        Keep::Count => {
            cursor.get().count_result(&result);
            Ok(())
        }
    }
}

/// The result, unless it is an error.
fn check(
    py: Python<'_>,
    shared: &Shared,
    result: QueryResult,
    query: Option<&Arc<Query>>,
) -> PyResult<QueryResult> {
    match result.status {
        ExecStatus::FatalError => {
            let result = PGresult::new(Arc::new(result), query.cloned());
            Err(error::of_result(py, result, shared))
        }
        ExecStatus::PipelineAborted => Err(PipelineAborted::new_err("pipeline aborted")),
        _ => Ok(result),
    }
}

/// Communication for its own sake: its results find their cursors.
pub struct CommunicateOperation {
    communicate: Communicate,
    answers: Vec<Arrived>,
}

impl CommunicateOperation {
    /// The operation that works towards a goal.
    pub fn new(goal: Goal) -> CommunicateOperation {
        CommunicateOperation {
            communicate: Communicate::new(goal),
            answers: Vec::new(),
        }
    }
}

impl Operation for CommunicateOperation {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        match self.communicate.step(connection)? {
            Step::Wait(wait) => Ok(Step::Wait(wait)),
            Step::Done(answers) => {
                self.answers = answers;
                Ok(Step::Done(()))
            }
        }
    }
}

impl PyOperation for CommunicateOperation {
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish> {
        hand_out(py, shared, std::mem::take(&mut self.answers), false)?;
        Ok(Finish::Done(None))
    }
}

/// `executemany()` in a pipeline: queues everything, a piece at a time.
pub struct QueueMany {
    iterator: Py<PyIterator>,
    transformer: Py<Transformer>,
    prepared: Py<PreparedQuery>,
    cursor: Py<CursorBase>,
    format: Format,
    keep: Keep,
    communicate: CommunicateOperation,
    /// The last piece is being sent, or its results waited for.
    exhausted: bool,
}

impl QueueMany {
    /// The operation.
    pub fn new(
        iterator: Py<PyIterator>,
        transformer: Py<Transformer>,
        prepared: Py<PreparedQuery>,
        cursor: Py<CursorBase>,
        format: Format,
        returning: bool,
    ) -> QueueMany {
        QueueMany {
            iterator,
            transformer,
            prepared,
            cursor,
            format,
            keep: if returning { Keep::Every } else { Keep::Count },
            communicate: CommunicateOperation::new(Goal::Sent),
            exhausted: false,
        }
    }

    /// Queues a piece. Returns whether there is anything to do for the operation: a piece to send,
    /// or results to wait for.
    ///
    /// # Errors
    /// What iterating or encoding raises.
    pub fn queue_piece(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<bool> {
        let cursor = self.cursor.bind(py).clone();
        let prepared = self.prepared.bind(py).clone();
        let prepared = prepared.get();
        let mut request = Request {
            query: prepared.query.clone(),
            parameters: Parameters::default(),
            result_format: self.format,
            prepare: Some(true),
            simple: false,
        };
        loop {
            let Some(item) = self.iterator.bind(py).clone().next() else {
                self.exhausted = true;
                if self.keep == Keep::Every {
                    let number = cursor.get().awaited();
                    self.communicate = CommunicateOperation::new(Goal::Answered(number));
                    return Ok(true);
                }
                return Ok(false);
            };
            request.parameters.clear();
            let transformer = self.transformer.bind(py);
            dump(transformer, prepared, &item?, &mut request.parameters)?;
            if let Some(text) = request.parameters.text.take() {
                request.query = Arc::new(Query::new(text));
                request.prepare = Some(false);
            }
            if queue(&cursor, shared, &request, self.keep)? {
                self.communicate = CommunicateOperation::new(Goal::Sent);
                return Ok(true);
            }
        }
    }
}

impl Operation for QueueMany {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        self.communicate.step(connection)
    }
}

impl PyOperation for QueueMany {
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish> {
        self.communicate.finish(py, shared)?;
        if self.exhausted || !self.queue_piece(py, shared)? {
            return Ok(Finish::Done(None));
        }
        Ok(Finish::Again)
    }
}

/// Enters pipeline mode.
struct Enter;

impl Operation for Enter {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        connection.enter_pipeline()?;
        Ok(Step::Done(()))
    }
}

impl PyOperation for Enter {
    fn finish(&mut self, _: Python<'_>, _: &Shared) -> PyResult<Finish> {
        Ok(Finish::Done(None))
    }
}

/// What there is to await where nothing is to be waited for.
#[pyclass(frozen, module = "psycoxide._core")]
pub struct Done;

#[pymethods]
impl Done {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self) -> Option<()> {
        None
    }
}

/// The one there is.
///
/// # Errors
/// When there is no memory for it.
pub fn done(py: Python<'_>) -> PyResult<Bound<'_, Done>> {
    static DONE: PyOnceLock<Py<Done>> = PyOnceLock::new();
    let done = DONE.get_or_try_init(py, || Py::new(py, Done))?;
    Ok(done.bind(py).clone())
}

#[pymethods]
impl ConnectionBase {
    /// Enters pipeline mode: at once, or as something to await.
    fn _enter_pipeline<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let shared = self.shared()?;
        driver::check_usable(shared)?;
        submit(py, shared, Enter)
    }

    /// Sends a Sync and receives all results.
    fn _sync_pipeline<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let shared = self.shared()?;
        driver::check_usable(shared)?;
        submit(py, shared, CommunicateOperation::new(Goal::Synced))
    }

    /// How many queries in the pipeline are not answered yet.
    fn _pipeline_pending(&self, py: Python<'_>) -> PyResult<usize> {
        let shared = self.shared()?;
        Ok(shared.with(py, |connection| connection.pipeline.pending()))
    }

    /// Receives all results; a Sync is sent only if there is anything that it would end.
    fn _settle_pipeline<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let shared = self.shared()?;
        driver::check_usable(shared)?;
        submit(py, shared, CommunicateOperation::new(Goal::Settled))
    }

    /// Leaves pipeline mode, after all results have come in.
    fn _leave_pipeline<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let shared = self.shared()?;
        if let Err(error) = driver::check_usable(shared) {
            drop(shared.with(py, |connection| std::mem::take(&mut connection.pipeline)));
            return Err(error);
        }
        submit(py, shared, CommunicateOperation::new(Goal::Left))
    }
}

#[pymethods]
impl CursorBase {
    /// Whether results are on their way, in a pipeline.
    #[getter]
    fn _pending(&self) -> bool {
        self.is_pending()
    }

    /// Receives the results that are on their way.
    fn _receive<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let shared = self.shared()?;
        driver::check_usable(&shared)?;
        let goal = Goal::Answered(self.awaited());
        submit(py, &shared, CommunicateOperation::new(goal))
    }
}
