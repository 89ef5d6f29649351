//! Executing: from a query and Python parameters to an operation, and from its results back.

use std::sync::Arc;

use psycoxide_client::operations::execute::{Execute, Parameters, Request};
use psycoxide_client::operations::execute_many::{ExecuteMany, Outcome, Progress};
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{Connection, Error, Query};
use psycoxide_connection::{ExecStatus, QueryResult};
use psycoxide_protocol::Format;
use psycoxide_protocol::backend::Field;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyString};

use super::CursorBase;
use super::results::Results;
use crate::adapt::transformer::Transformer;
use crate::auto::Lookups;
use crate::error::{self, NotSupportedError};
use crate::operation::{Finish, PyOperation, submit};
use crate::pipeline::{self, Keep, QueueMany};
use crate::pq::result::PGresult;
use crate::query::{Binding, PreparedQuery, prepare};
use crate::shared::Shared;
use crate::template;

impl CursorBase {
    /// Forgets the results of what was executed before.
    pub(crate) fn reset(&self) {
        let old = {
            let mut inner = self.lock();
            inner.loaders = None;
            inner.maker = None;
            inner.query = None;
            inner.pending.reset();
            std::mem::take(&mut inner.results)
        };
        drop(old);
    }

    /// Takes over results, raising the error if there is one among them.
    pub(crate) fn take_results(
        slf: &Bound<'_, Self>,
        shared: &Shared,
        results: Vec<QueryResult>,
        query: &Arc<Query>,
    ) -> PyResult<()> {
        let py = slf.py();
        for result in &results {
            match result.status {
                ExecStatus::TuplesOk | ExecStatus::CommandOk | ExecStatus::EmptyQuery => {}
                ExecStatus::FatalError => {
                    let result = PGresult::new(Arc::new(result.clone()), Some(query.clone()));
                    return Err(error::of_result(py, result, shared));
                }
                ExecStatus::CopyIn | ExecStatus::CopyOut | ExecStatus::CopyBoth => {
                    return Err(error::needs_copy());
                }
                _ => return Err(error::unexpected_result(result)),
            }
        }
        let is_plain = {
            let mut inner = slf.get().lock();
            inner.results = Results::new(results.into_iter().map(Arc::new).collect());
            inner.query = Some(query.clone());
            inner
                .row_factory
                .as_ref()
                .is_some_and(|factory| is_tuple_row(py, factory))
        };
        // The default row factory has nothing to complain about.
        if is_plain {
            Ok(())
        } else {
            Self::prepare_maker(slf)
        }
    }

    fn prepared<'py>(
        slf: &Bound<'py, Self>,
        shared: &Shared,
        query: &Bound<'py, PyAny>,
        binding: Option<Binding>,
    ) -> PyResult<Bound<'py, PreparedQuery>> {
        let encoding = shared.session.load().encoding;
        prepare(query, binding, encoding, slf.as_any())
    }

    /// How cursors of this class bind.
    pub(crate) fn binding(slf: &Bound<'_, Self>) -> PyResult<Binding> {
        let number: u8 = slf
            .getattr(pyo3::intern!(slf.py(), "_binding"))?
            .extract()?;
        Ok(match number {
            1 => Binding::Client,
            2 => Binding::Raw,
            _ => Binding::Server,
        })
    }

    /// The format of results: what is asked for, or else the cursor's.
    pub(crate) fn result_format(&self, binding: Binding, binary: Option<bool>) -> PyResult<Format> {
        let format = match binary {
            None => self.lock().format,
            Some(true) => Format::Binary,
            Some(false) => Format::Text,
        };
        if binding == Binding::Client && format == Format::Binary {
            return Err(NotSupportedError::new_err(
                "client-side cursors don't support binary results",
            ));
        }
        Ok(format)
    }

    /// A query and its parameters as they are sent.
    #[inline]
    pub(crate) fn bind<'py>(
        slf: &Bound<'py, Self>,
        shared: &Shared,
        binding: Binding,
        query: &Bound<'py, PyAny>,
        params: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Arc<Query>, Parameters)> {
        let prepared = if template::is_template(query) {
            template::prepare(&Self::transformer(slf)?, binding, query)?
        } else {
            Self::prepared(slf, shared, query, params.map(|_| binding))?
        };
        let prepared = prepared.get();
        let mut parameters = Parameters::default();
        if let Some(params) = params {
            let transformer = Self::transformer(slf)?;
            dump(&transformer, prepared, params, &mut parameters)?;
        } else if prepared.is_template() {
            let none = slf.py().None();
            let transformer = Self::transformer(slf)?;
            dump(&transformer, prepared, none.bind(slf.py()), &mut parameters)?;
        }
        let query = match parameters.text.take() {
            None => prepared.query.clone(),
            Some(text) => Arc::new(Query::new(text)),
        };
        Ok((query, parameters))
    }

    #[inline]
    fn execute<'py>(
        slf: &Bound<'py, Self>,
        binding: Binding,
        query: &Bound<'py, PyAny>,
        params: Option<&Bound<'py, PyAny>>,
        prepare: Option<bool>,
        binary: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let shared = slf.get().shared()?;
        crate::driver::check_usable(&shared)?;
        slf.get().reset();
        let result_format = slf.get().result_format(binding, binary)?;
        let (query, parameters) = Self::bind(slf, &shared, binding, query, params)?;
        let request = Request {
            query: query.clone(),
            simple: parameters.count == 0 && result_format == Format::Text,
            parameters,
            result_format,
            prepare,
        };
        if shared.in_pipeline() {
            return pipeline::execute(slf, &shared, &request);
        }
        let operation = ExecuteOperation {
            execute: Execute::new(request),
            results: None,
            lookups: Lookups::default(),
            query,
            cursor: slf.clone().unbind(),
        };
        submit(py, &shared, operation)
    }
}

/// The columns of all results.
fn fields_of(results: &[QueryResult]) -> impl Iterator<Item = &Field> {
    results.iter().flat_map(|result| result.fields.iter())
}

/// Whether it is the default row factory.
pub(crate) fn is_tuple_row(py: Python<'_>, factory: &Py<PyAny>) -> bool {
    static TUPLE_ROW: pyo3::sync::PyOnceLock<Py<PyAny>> = pyo3::sync::PyOnceLock::new();
    let tuple_row = TUPLE_ROW.get_or_try_init(py, || {
        py.import("psycoxide.rows")?
            .getattr("tuple_row")
            .map(Bound::unbind)
    });
    tuple_row.is_ok_and(|tuple_row| tuple_row.is(factory))
}

/// Encodes a set of parameters.
#[inline]
pub(crate) fn dump<'py>(
    transformer: &Bound<'py, Transformer>,
    prepared: &PreparedQuery,
    parameters: &Bound<'py, PyAny>,
    out: &mut Parameters,
) -> PyResult<()> {
    let values = prepared.arrange(parameters)?;
    if prepared.binds_here() {
        let literals = Transformer::literals(transformer, &values)?;
        out.text = prepared.assemble(&literals).map(Vec::into_boxed_slice);
        return Ok(());
    }
    let names = prepared.parameter_names();
    Transformer::dump_into(transformer, &values, &prepared.formats, names, out)
}

#[pymethods]
impl CursorBase {
    /// Executes a query: at once, or as something to await.
    #[pyo3(signature = (query, params=None, prepare=None, binary=None))]
    fn _execute<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        params: Option<&Bound<'py, PyAny>>,
        prepare: Option<bool>,
        binary: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::execute(slf, Binding::Server, query, params, prepare, binary)
    }

    /// The same for cursors that bind on the client. What has values in its text is not prepared.
    #[pyo3(signature = (query, params=None, prepare=None, binary=None))]
    fn _execute_client<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        params: Option<&Bound<'py, PyAny>>,
        prepare: Option<bool>,
        binary: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = prepare;
        Self::execute(slf, Binding::Client, query, params, Some(false), binary)
    }

    /// The same for queries with the server's own placeholders.
    #[pyo3(signature = (query, params=None, prepare=None, binary=None))]
    fn _execute_raw<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        params: Option<&Bound<'py, PyAny>>,
        prepare: Option<bool>,
        binary: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::execute(slf, Binding::Raw, query, params, prepare, binary)
    }

    /// A query with its parameters as a cursor that binds on the client sends it.
    #[pyo3(signature = (query, params=None))]
    fn _mogrify<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        params: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        let shared = slf.get().shared()?;
        let (query, _) = Self::bind(slf, &shared, Binding::Client, query, params)?;
        let encoding = shared.session.load().encoding;
        encoding
            .load_str(slf.py(), query.text())
            .map_err(crate::adapt::error::Failure::into_exception)
    }

    /// Executes a query for each set of parameters.
    #[pyo3(signature = (query, params_seq, returning=false))]
    fn _executemany<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        params_seq: &Bound<'py, PyAny>,
        returning: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let shared = slf.get().shared()?;
        crate::driver::check_usable(&shared)?;
        slf.get().reset();
        let binding = Self::binding(slf)?;
        let result_format = slf.get().result_format(binding, None)?;
        let prepared = if template::is_template(query) {
            template::prepare(&Self::transformer(slf)?, binding, query)?
        } else {
            Self::prepared(slf, &shared, query, Some(binding))?
        };
        let text = prepared.get().query.clone();
        let iterator = params_seq.try_iter()?.unbind();
        if shared.in_pipeline() {
            let cursor = slf.clone().unbind();
            let transformer = Self::transformer(slf)?.unbind();
            let prepared = prepared.unbind();
            let mut operation = QueueMany::new(
                iterator,
                transformer,
                prepared,
                cursor,
                result_format,
                returning,
            );
            if !returning {
                slf.get().expect_counts();
            }
            if operation.queue_piece(py, &shared)? {
                return submit(py, &shared, operation);
            }
            return pipeline::nothing_to_wait_for(py, &shared);
        }
        let mut operation = ExecuteManyOperation {
            operation: ExecuteMany::new(text, result_format, returning),
            iterator,
            transformer: Self::transformer(slf)?.unbind(),
            prepared: prepared.unbind(),
            returning,
            outcome: None,
            exhausted: false,
            raised: None,
            row: 0,
            lookups: Lookups::default(),
            waiting: None,
            cursor: slf.clone().unbind(),
        };
        // What is wrong with the first sets is told before anything is sent.
        operation.feed(py);
        if let Some(raised) = operation.raised.take() {
            return Err(raised);
        }
        submit(py, &shared, operation)
    }
}

/// `execute()`.
struct ExecuteOperation {
    execute: Execute,
    results: Option<Vec<QueryResult>>,
    lookups: Lookups,
    query: Arc<Query>,
    cursor: Py<CursorBase>,
}

impl Operation for ExecuteOperation {
    type Output = ();

    #[inline]
    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        if let Some(lookup) = self.lookups.current() {
            return lookup.step(connection);
        }
        if connection.pipeline.is_on() {
            // Somebody has entered pipeline mode while this waited for its turn.
            return Ok(Step::Done(()));
        }
        match self.execute.step(connection)? {
            Step::Wait(wait) => Ok(Step::Wait(wait)),
            Step::Done(results) => {
                self.results = Some(results);
                Ok(Step::Done(()))
            }
        }
    }
}

impl PyOperation for ExecuteOperation {
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish> {
        let Some(results) = self.results.take() else {
            pipeline::queue(
                self.cursor.bind(py),
                shared,
                self.execute.request(),
                Keep::One,
            )?;
            return Ok(Finish::Done(None));
        };
        let cursor = self.cursor.bind(py);
        if self.lookups.go_on(shared, cursor, fields_of(&results))? {
            self.results = Some(results);
            return Ok(Finish::Again);
        }
        CursorBase::take_results(cursor, shared, results, &self.query)?;
        Ok(Finish::Done(None))
    }
}

/// How many sets of parameters are encoded before they are sent.
const BATCH: usize = 512;

/// `executemany()`.
struct ExecuteManyOperation {
    operation: ExecuteMany,
    iterator: Py<PyIterator>,
    transformer: Py<Transformer>,
    prepared: Py<PreparedQuery>,
    returning: bool,
    outcome: Option<Outcome>,
    exhausted: bool,
    /// What went wrong with a set of parameters, to raise when the server is at rest.
    raised: Option<PyErr>,
    row: usize,
    lookups: Lookups,
    /// Results whose types are being looked up.
    waiting: Option<Vec<QueryResult>>,
    cursor: Py<CursorBase>,
}

impl ExecuteManyOperation {
    /// Encodes the next batch.
    fn feed(&mut self, py: Python<'_>) {
        match self.encode_batch(py) {
            Ok(batch) => self.operation.feed(batch),
            Err(error) => {
                self.raised = Some(error);
                self.exhausted = true;
                self.operation.abandon();
            }
        }
        if self.exhausted {
            self.operation.finish();
        }
    }

    fn encode_batch(&mut self, py: Python<'_>) -> PyResult<Vec<Parameters>> {
        let transformer = self.transformer.bind(py).clone();
        let prepared = self.prepared.clone_ref(py);
        let prepared = prepared.bind(py).get();
        let mut batch = Vec::with_capacity(BATCH.min(64));
        while batch.len() < BATCH {
            let Some(item) = self.iterator.bind(py).clone().next() else {
                self.exhausted = true;
                break;
            };
            let mut parameters = Parameters::default();
            dump(&transformer, prepared, &item?, &mut parameters)?;
            self.row += 1;
            batch.push(parameters);
        }
        Ok(batch)
    }
}

impl Operation for ExecuteManyOperation {
    type Output = ();

    fn abandon(&mut self) -> bool {
        self.exhausted = true;
        self.operation.abandon()
    }

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        if let Some(lookup) = self.lookups.current() {
            return lookup.step(connection);
        }
        if connection.pipeline.is_on() {
            return Err(Error::Misuse(
                "the connection has entered pipeline mode meanwhile",
            ));
        }
        match self.operation.step(connection)? {
            Step::Wait(wait) => Ok(Step::Wait(wait)),
            Step::Done(Progress::NeedMore) => Ok(Step::Done(())),
            Step::Done(Progress::Finished(outcome)) => {
                self.outcome = Some(outcome);
                Ok(Step::Done(()))
            }
        }
    }
}

impl PyOperation for ExecuteManyOperation {
    fn finish(&mut self, py: Python<'_>, shared: &Shared) -> PyResult<Finish> {
        if let Some(results) = self.waiting.take() {
            let cursor = self.cursor.bind(py);
            if self.lookups.go_on(shared, cursor, fields_of(&results))? {
                self.waiting = Some(results);
                return Ok(Finish::Again);
            }
            let query = self.prepared.bind(py).get().query.clone();
            CursorBase::take_results(cursor, shared, results, &query)?;
            return Ok(Finish::Done(None));
        }
        let Some(outcome) = self.outcome.take() else {
            if self.operation.failed() {
                self.exhausted = true;
                self.operation.finish();
            } else {
                self.feed(py);
            }
            return Ok(Finish::Again);
        };
        let query = self.prepared.bind(py).get().query.clone();
        let cursor = self.cursor.bind(py);
        if !self.returning {
            let affected = if self.row == 0 {
                Some(0)
            } else {
                outcome.affected
            };
            cursor.get().lock().results = Results::of_many(affected, outcome.tag);
        }
        if outcome.results.iter().any(QueryResult::is_copy) {
            return Err(error::needs_copy());
        }
        if let Some(result) = outcome.error {
            let result = PGresult::new(Arc::new(*result), Some(query));
            return Err(error::of_result(py, result, shared));
        }
        if let Some(raised) = self.raised.take() {
            return Err(raised);
        }
        if self.returning {
            let results = outcome.results;
            if self.lookups.go_on(shared, cursor, fields_of(&results))? {
                self.waiting = Some(results);
                return Ok(Finish::Again);
            }
            CursorBase::take_results(cursor, shared, results, &query)?;
        }
        Ok(Finish::Done(None))
    }
}
