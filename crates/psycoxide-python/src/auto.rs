//! Types that nobody has registered: looked up when they are met, on connections that want it.
//!
//! `psycoxide.types.auto.register_auto()` gives a connection an [`Auto`]. When a result has come, and
//! before the caller gets it, the types of its columns are compared with the cursor's adapters; for
//! those without a loader the Python side names a query for the system catalogs, which runs as a
//! part of the same operation ([`Lookup`]), and registers what comes back. Where no query can be
//! run (in a pipeline, in the middle of a stream, in a failed transaction) only what is known
//! already is registered, and any other value is loaded as text, as without all this. A query of
//! ours that fails must not fail the user's transaction: there it runs in a savepoint.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use psycoxide_client::operations::batch::{Batch, Task};
use psycoxide_client::operations::execute::Parameters;
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{Connection, Error, Query};
use psycoxide_connection::{ExecStatus, QueryResult};
use psycoxide_protocol::backend::Field;
use psycoxide_protocol::{Format, Oid, TransactionStatus};
use psycoxide_types::catalog;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::cursor::CursorBase;
use crate::shared::Shared;

/// How many lookups one execution may need: one that also finds out which database this is, one for
/// what had been taken for known.
const MOST_LOOKUPS: usize = 3;

/// After so many failures in a row nothing is asked any more.
const MOST_FAILURES: usize = 3;

/// What a connection that looks types up knows about them.
#[pyclass(frozen, module = "psycoxide._core", name = "AutoTypes")]
#[derive(Debug)]
pub struct Auto {
    /// Names the queries and registers their answers: `psycoxide.types.auto._Learner`. It has no
    /// reference to this, which the garbage collector would not see.
    learner: Py<PyAny>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Types that were looked up, whatever came of it.
    settled: HashSet<Oid>,
    /// Types whose loaders have met values that do not suit them.
    stale: HashSet<Oid>,
    failures: usize,
}

impl Auto {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The types of a result that have no loader and were not looked up.
    fn unknown(
        &self,
        cursor: &Bound<'_, CursorBase>,
        fields: &mut dyn Iterator<Item = &Field>,
    ) -> PyResult<Vec<Oid>> {
        let registry = CursorBase::transformer(cursor)?.get().registry();
        let state = self.state();
        let mut unknown: Vec<Oid> = Vec::new();
        for oid in fields.map(|field| field.type_oid) {
            if unknown.is_empty() {
                // They may be parts of this one.
                unknown.extend(&state.stale);
            }
            let is_known = || {
                registry.loader_of(oid, Format::Text).is_some()
                    || catalog::by_oid(oid).is_some()
                    || state.settled.contains(&oid)
            };
            if !unknown.contains(&oid) && !is_known() {
                unknown.push(oid);
            }
        }
        Ok(unknown)
    }

    /// What is to be asked about these types; those that need no question are registered. `None` if
    /// there is nothing to ask.
    fn question(
        slf: &Bound<'_, Self>,
        cursor: &Bound<'_, CursorBase>,
        unknown: &[Oid],
        may_ask: bool,
    ) -> PyResult<Option<Vec<u8>>> {
        let py = cursor.py();
        let this = slf.get();
        let contexts = CursorBase::own_contexts(cursor)?;
        let arguments = (slf, contexts, unknown.to_vec(), may_ask);
        let question = this
            .learner
            .bind(py)
            .call_method1(intern!(py, "question"), arguments)?;
        if let Ok(text) = question.cast::<PyBytes>() {
            return Ok(Some(text.as_bytes().to_vec()));
        }
        // What is registered now concerns the cursor, too.
        cursor.get().forget_transformer();
        // `False`: it has to be asked, but not now.
        if question.is_none() {
            let mut state = this.state();
            state.settled.extend(unknown);
            state.stale.retain(|oid| !unknown.contains(oid));
        }
        Ok(None)
    }
}

#[pymethods]
impl Auto {
    #[new]
    fn new(learner: Py<PyAny>) -> Auto {
        Auto {
            learner,
            state: Mutex::default(),
        }
    }

    /// Has a type looked up again when it is met next.
    fn forget(&self, oid: Oid) {
        self.state().stale.insert(oid);
    }
}

/// Registers what is known of the types of a result, where nothing can be asked.
///
/// # Errors
/// What registering raises.
#[inline]
pub fn register_known(
    shared: &Shared,
    cursor: &Bound<'_, CursorBase>,
    fields: &[Field],
) -> PyResult<()> {
    let Some(auto) = shared.auto() else {
        return Ok(());
    };
    let auto = auto.bind(cursor.py());
    let unknown = auto.get().unknown(cursor, &mut fields.iter())?;
    if !unknown.is_empty() {
        Auto::question(auto, cursor, &unknown, false)?;
    }
    Ok(())
}

/// The lookups of one execution.
#[derive(Debug, Default)]
pub struct Lookups {
    current: Option<Lookup>,
    count: usize,
}

impl Lookups {
    /// The lookup that runs, if there is one.
    #[inline]
    pub fn current(&mut self) -> Option<&mut Lookup> {
        self.current.as_mut()
    }

    /// Called with the results of an execution, and again after each lookup. Returns whether there
    /// is something to look up first.
    ///
    /// # Errors
    /// What registering raises.
    #[inline]
    pub fn go_on<'a>(
        &mut self,
        shared: &Shared,
        cursor: &Bound<'_, CursorBase>,
        mut fields: impl Iterator<Item = &'a Field>,
    ) -> PyResult<bool> {
        match shared.auto() {
            None => Ok(false),
            Some(auto) => {
                let auto = auto.bind(cursor.py());
                self.look(auto, shared, cursor, &mut fields)
            }
        }
    }

    fn look(
        &mut self,
        auto: &Bound<'_, Auto>,
        shared: &Shared,
        cursor: &Bound<'_, CursorBase>,
        fields: &mut dyn Iterator<Item = &Field>,
    ) -> PyResult<bool> {
        let py = cursor.py();
        let this = auto.get();
        if let Some(lookup) = self.current.take() {
            let Some(answer) = lookup.answer else {
                this.state().failures += 1;
                return Ok(false);
            };
            {
                let mut state = this.state();
                state.failures = 0;
                state.stale.retain(|oid| !lookup.asked.contains(oid));
            }
            let contexts = CursorBase::own_contexts(cursor)?;
            let arguments = (auto, contexts, PyBytes::new(py, &answer));
            this.learner
                .bind(py)
                .call_method1(intern!(py, "learn"), arguments)?;
            cursor.get().forget_transformer();
        }
        let unknown = this.unknown(cursor, fields)?;
        if unknown.is_empty() {
            return Ok(false);
        }
        let in_transaction = match shared.transaction_status() {
            TransactionStatus::Idle => Some(false),
            TransactionStatus::InTransaction => Some(true),
            _ => None,
        };
        let may_ask = in_transaction.is_some()
            && self.count < MOST_LOOKUPS
            && this.state().failures < MOST_FAILURES;
        let Some(question) = Auto::question(auto, cursor, &unknown, may_ask)? else {
            return Ok(false);
        };
        self.count += 1;
        self.current = Some(Lookup::new(
            &question,
            unknown,
            in_transaction == Some(true),
        ));
        Ok(true)
    }
}

/// A query for the system catalogs.
#[derive(Debug)]
pub struct Lookup {
    /// The types that it is about.
    asked: Vec<Oid>,
    batch: Batch,
    in_savepoint: bool,
    undoing: bool,
    /// The only value of the result; `None` if the query has failed.
    answer: Option<Vec<u8>>,
}

const SAVEPOINT: &str = "SAVEPOINT psycoxide_auto_types";
const ROLLBACK: &str = "ROLLBACK TO SAVEPOINT psycoxide_auto_types";
const RELEASE: &str = "RELEASE SAVEPOINT psycoxide_auto_types";

fn task(text: &[u8]) -> Task {
    Task::Execute {
        query: Arc::new(Query::new(text)),
        parameters: Parameters::default(),
        result_format: Format::Text,
        fields: None,
    }
}

impl Lookup {
    fn new(question: &[u8], asked: Vec<Oid>, in_savepoint: bool) -> Lookup {
        let tasks = if in_savepoint {
            vec![
                task(SAVEPOINT.as_bytes()),
                task(question),
                task(RELEASE.as_bytes()),
            ]
        } else {
            vec![task(question)]
        };
        Lookup {
            asked,
            batch: Batch::new(tasks, false),
            in_savepoint,
            undoing: false,
            answer: None,
        }
    }
}

impl Operation for Lookup {
    type Output = ();

    fn step(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        loop {
            let results = match self.batch.step(connection)? {
                Step::Wait(wait) => return Ok(Step::Wait(wait)),
                Step::Done(results) => results,
            };
            if self.undoing {
                return Ok(Step::Done(()));
            }
            let failed = results
                .iter()
                .any(|result| result.status == ExecStatus::FatalError);
            if failed && self.in_savepoint {
                self.undoing = true;
                let tasks = vec![task(ROLLBACK.as_bytes()), task(RELEASE.as_bytes())];
                self.batch = Batch::new(tasks, false);
                continue;
            }
            if !failed {
                self.answer = results.iter().find_map(first_value);
            }
            return Ok(Step::Done(()));
        }
    }
}

/// The first value of a result; nothing if it has none, or NULL.
fn first_value(result: &QueryResult) -> Option<Vec<u8>> {
    let row = result.rows.row(0)?;
    let value = psycoxide_protocol::backend::data_row::column(row, 0).ok()??;
    Some(value.to_vec())
}

impl CursorBase {
    /// The adapters that a cursor's values come from: its connection's, and its own if it has any.
    fn own_contexts<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let connection = slf.getattr(intern!(py, "connection"))?;
        let adapters = connection.getattr(intern!(py, "adapters"))?;
        match slf.get().adapters_of_its_own(py) {
            None => PyTuple::new(py, [connection, adapters]),
            Some(own) => PyTuple::new(py, [connection, adapters, own.into_bound(py).into_any()]),
        }
    }
}
