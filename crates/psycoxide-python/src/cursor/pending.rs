//! What a cursor expects of a pipeline.
//!
//! A cursor may execute again before the results of an earlier execution have come: each execution
//! has a number, and only results of the current one are taken.

use std::sync::Arc;

use psycoxide_client::Query;
use psycoxide_connection::QueryResult;
use pyo3::prelude::*;

use super::CursorBase;
use super::results::Results;

/// The results that a cursor waits for.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// The number of the current execution.
    execution: u64,
    /// How many results of it are on their way.
    pub(super) count: usize,
    /// The number, in the pipeline, of the last of its queries.
    last: u64,
}

impl Pending {
    /// Another execution begins.
    pub(crate) fn reset(&mut self) {
        self.execution += 1;
        self.count = 0;
    }
}

impl CursorBase {
    /// The number of the current execution.
    #[inline]
    pub(crate) fn execution(&self) -> u64 {
        self.lock().pending.execution
    }

    /// Notes that a result of the current execution is on its way.
    #[inline]
    pub(crate) fn expect(&self) {
        self.lock().pending.count += 1;
    }

    /// Notes the number, in the pipeline, of the last query.
    #[inline]
    pub(crate) fn note_last(&self, number: u64) {
        self.lock().pending.last = number;
    }

    /// Notes that a result has come; `false` if nobody wants it any more.
    pub(crate) fn settle(&self, execution: u64) -> bool {
        let mut inner = self.lock();
        if inner.pending.execution != execution {
            return false;
        }
        inner.pending.count = inner.pending.count.saturating_sub(1);
        !inner.closed
    }

    /// Whether results are on their way.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        self.lock().pending.count > 0
    }

    /// The number, in the pipeline, of the last query.
    pub(crate) fn awaited(&self) -> u64 {
        self.lock().pending.last
    }

    /// Before the results of `executemany()` come in: nothing was touched so far.
    pub(crate) fn expect_counts(&self) {
        self.lock().results = Results::of_many(Some(0), None);
    }

    /// Adds a result to those that have come, of `executemany(returning=True)`.
    pub(crate) fn add_result(
        slf: &Bound<'_, Self>,
        result: QueryResult,
        query: &Arc<Query>,
    ) -> PyResult<()> {
        let first = {
            let mut inner = slf.get().lock();
            inner.query.get_or_insert_with(|| query.clone());
            inner.results.push(Arc::new(result))
        };
        if first {
            Self::prepare_maker(slf)
        } else {
            Ok(())
        }
    }

    /// Adds the rows that were touched to those of earlier results.
    pub(crate) fn count_result(&self, result: &QueryResult) {
        let mut inner = self.lock();
        inner
            .results
            .count(result.affected_rows(), &result.command_tag);
    }
}
