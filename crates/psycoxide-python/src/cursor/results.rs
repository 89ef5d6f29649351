//! The results of a cursor: which is the current one, and which of its rows comes next.

use std::sync::Arc;

use psycoxide_connection::{ExecStatus, QueryResult};

/// The results of the last execution. Invariant: `position <= rows of the current result`.
#[derive(Debug, Default)]
pub(crate) struct Results {
    all: Vec<Arc<QueryResult>>,
    current: usize,
    position: usize,
    /// Set by executemany: the rows touched by all executions.
    rowcount: Option<i64>,
    /// The tag of a command whose result is not kept.
    tag: Option<Box<[u8]>>,
}

impl Results {
    /// These results, the first being current.
    pub(crate) fn new(all: Vec<Arc<QueryResult>>) -> Results {
        Results {
            all,
            ..Results::default()
        }
    }

    /// No results to fetch from, but the number of rows touched.
    pub(crate) fn of_many(affected: Option<u64>, tag: Option<Box<[u8]>>) -> Results {
        let rowcount = affected.map_or(-1, to_count);
        Results {
            rowcount: Some(rowcount),
            tag,
            ..Results::default()
        }
    }

    /// Adds a result; `true` if it is the first, and so the current one.
    pub(crate) fn push(&mut self, result: Arc<QueryResult>) -> bool {
        self.all.push(result);
        self.all.len() == 1
    }

    /// Adds to the number of rows touched.
    pub(crate) fn count(&mut self, affected: Option<u64>, tag: &[u8]) {
        if let Some(affected) = affected {
            let sum = self.rowcount.unwrap_or_default().max(0);
            self.rowcount = Some(sum.saturating_add(to_count(affected)));
        }
        self.tag = Some(tag.into());
    }

    pub(crate) fn current(&self) -> Option<&Arc<QueryResult>> {
        self.all.get(self.current)
    }

    /// Sets the number of rows, where the current result does not say it.
    pub(crate) fn set_rowcount(&mut self, count: Option<u64>) {
        self.rowcount = count.map(to_count);
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn index(&self) -> usize {
        self.current
    }

    /// Makes another result current; `false` if there is none of that number.
    pub(crate) fn select(&mut self, index: usize) -> bool {
        if index >= self.all.len() {
            return false;
        }
        self.current = index;
        self.position = 0;
        true
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn set_position(&mut self, position: usize) {
        self.position = position;
    }

    /// The rows of the current result, or touched by its command; -1 if it does not say.
    pub(crate) fn rowcount(&self) -> i64 {
        if let Some(count) = self.rowcount {
            return count;
        }
        match self.current() {
            None => -1,
            Some(result) if result.status == ExecStatus::TuplesOk => {
                to_count(result.rows.len() as u64)
            }
            Some(result) => result.affected_rows().map_or(-1, to_count),
        }
    }

    /// The tag of the command of the current result.
    pub(crate) fn tag(&self) -> Option<&[u8]> {
        match self.current() {
            Some(result) if !result.command_tag.is_empty() => Some(&result.command_tag),
            Some(_) => None,
            None => self.tag.as_deref(),
        }
    }
}

fn to_count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
