//! What a query gives back: rows in one shared buffer, their description, the command tag.
//!
//! A [`RowSet`] keeps the bodies of `DataRow` messages as they came, one after the other in one
//! buffer, and remembers where each starts; nothing is decoded and nothing is allocated per row
//! or cell. Values are decoded when somebody fetches them.

use std::sync::Arc;

use psycoxide_protocol::Oid;
use psycoxide_protocol::backend::{ErrorFields, Field};

/// The rows of one result, undecoded.
#[derive(Clone, Debug, Default)]
pub struct RowSet {
    /// Whole `DataRow` messages, headers included.
    data: Vec<u8>,
    /// For each row, where the body starts in `data`. Invariant: `5 <= start <= data.len()` and
    /// the four bytes before it are the message's length.
    starts: Vec<usize>,
}

/// The bytes before a message's body: its tag and its length.
const HEADER: usize = 5;

impl RowSet {
    /// The number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there is no row.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The body of the `DataRow` message at `index`: a column count, then for each column its
    /// length (-1: NULL) and bytes. Lengths inside it are *not* checked yet.
    #[inline]
    pub fn row(&self, index: usize) -> Option<&[u8]> {
        let start = *self.starts.get(index)?;
        let length = self.data.get(start - 4..start)?;
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        self.data.get(start..start + length - 4)
    }

    /// The bytes held, headers included.
    pub fn size(&self) -> usize {
        self.data.len()
    }

    /// Appends one whole `DataRow` message, header included.
    #[inline]
    pub(crate) fn push_message(&mut self, message: &[u8]) {
        debug_assert!(message.len() >= HEADER);
        self.starts.push(self.data.len() + HEADER);
        self.data.extend_from_slice(message);
    }

    /// Builds rows from values, as `PQsetvalue` and tests need it: `None` is NULL.
    pub fn from_values<'a, R, C>(rows: R) -> RowSet
    where
        R: IntoIterator<Item = C>,
        C: IntoIterator<Item = Option<&'a [u8]>>,
    {
        let mut set = RowSet::default();
        for row in rows {
            let mut body = vec![b'D', 0, 0, 0, 0, 0, 0];
            let mut count: u16 = 0;
            for value in row {
                count = count.saturating_add(1);
                match value {
                    None => body.extend_from_slice(&(-1i32).to_be_bytes()),
                    Some(value) => {
                        body.extend_from_slice(&(value.len() as u32).to_be_bytes());
                        body.extend_from_slice(value);
                    }
                }
            }
            let length = (body.len() - 1) as u32;
            body[1..5].copy_from_slice(&length.to_be_bytes());
            body[5..7].copy_from_slice(&count.to_be_bytes());
            set.push_message(&body);
        }
        set
    }
}

/// What kind of result this is; the numbers are those of libpq's `ExecStatusType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExecStatus {
    /// The string sent was empty.
    EmptyQuery = 0,
    /// A command without rows completed.
    CommandOk = 1,
    /// A command with rows (maybe none) completed.
    TuplesOk = 2,
    /// The server sends COPY data.
    CopyOut = 3,
    /// The server waits for COPY data.
    CopyIn = 4,
    /// A response that was not understood.
    BadResponse = 5,
    /// A notice or warning.
    NonfatalError = 6,
    /// The command failed.
    FatalError = 7,
    /// COPY in both directions (replication).
    CopyBoth = 8,
    /// One row of a result that is being streamed.
    SingleTuple = 9,
    /// A Sync in pipeline mode.
    PipelineSync = 10,
    /// A command that was skipped because one before it in the pipeline failed.
    PipelineAborted = 11,
    /// Some rows of a result that is being streamed.
    TuplesChunk = 12,
}

/// One result of a query.
#[derive(Clone, Debug)]
pub struct QueryResult {
    /// What kind of result this is.
    pub status: ExecStatus,
    /// The columns; empty when the command returns no rows.
    pub fields: Arc<[Field]>,
    /// The rows.
    pub rows: RowSet,
    /// The command tag (`SELECT 3`), empty when there is none.
    pub command_tag: Box<[u8]>,
    /// The types of a prepared statement's parameters, when it was described.
    pub parameter_types: Vec<Oid>,
    /// The error, when `status` is `FatalError`.
    pub error: Option<Box<ErrorFields>>,
}

impl QueryResult {
    /// A result of this kind with nothing in it.
    pub fn empty(status: ExecStatus) -> QueryResult {
        QueryResult {
            status,
            fields: no_fields(),
            rows: RowSet::default(),
            command_tag: Box::default(),
            parameter_types: Vec::new(),
            error: None,
        }
    }

    /// Whether it says that a COPY has begun.
    pub fn is_copy(&self) -> bool {
        matches!(
            self.status,
            ExecStatus::CopyIn | ExecStatus::CopyOut | ExecStatus::CopyBoth
        )
    }

    /// The rows that the command says it touched: the last word of the command tag.
    pub fn affected_rows(&self) -> Option<u64> {
        let tag = std::str::from_utf8(&self.command_tag).ok()?;
        tag.rsplit(' ').next()?.parse().ok()
    }
}

/// The shared empty description, so that commands without rows allocate nothing.
pub fn no_fields() -> Arc<[Field]> {
    static NONE: std::sync::OnceLock<Arc<[Field]>> = std::sync::OnceLock::new();
    NONE.get_or_init(|| Arc::from(Vec::new())).clone()
}
