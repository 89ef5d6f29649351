//! A session as the driver's API sees it: the connection, its prepared statements, and how
//! transactions begin.

use std::sync::Arc;

use psycoxide_protocol::TransactionStatus;

use crate::error::Error;
use crate::operations::copy::CopySession;
use crate::pgconn::{Answers, PgConn};
use crate::pipeline::Pipeline;
use crate::query::Query;
use crate::statement_cache::StatementCache;

/// How a transaction is opened. `None` leaves a characteristic to the server's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionCharacteristics {
    /// The isolation level.
    pub isolation_level: Option<IsolationLevel>,
    /// Whether it only reads.
    pub read_only: Option<bool>,
    /// Whether it may wait for a moment without conflicts.
    pub deferrable: Option<bool>,
}

/// The isolation levels of SQL; the numbers are those of psycopg's enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum IsolationLevel {
    /// READ UNCOMMITTED
    ReadUncommitted = 1,
    /// READ COMMITTED
    ReadCommitted = 2,
    /// REPEATABLE READ
    RepeatableRead = 3,
    /// SERIALIZABLE
    Serializable = 4,
}

impl TransactionCharacteristics {
    /// The statement that opens such a transaction.
    pub fn begin_statement(&self) -> String {
        let mut sql = String::from("BEGIN");
        if let Some(level) = self.isolation_level {
            sql.push_str(match level {
                IsolationLevel::ReadUncommitted => " ISOLATION LEVEL READ UNCOMMITTED",
                IsolationLevel::ReadCommitted => " ISOLATION LEVEL READ COMMITTED",
                IsolationLevel::RepeatableRead => " ISOLATION LEVEL REPEATABLE READ",
                IsolationLevel::Serializable => " ISOLATION LEVEL SERIALIZABLE",
            });
        }
        if let Some(read_only) = self.read_only {
            sql.push_str(if read_only {
                " READ ONLY"
            } else {
                " READ WRITE"
            });
        }
        if let Some(deferrable) = self.deferrable {
            sql.push_str(if deferrable {
                " DEFERRABLE"
            } else {
                " NOT DEFERRABLE"
            });
        }
        sql
    }
}

/// One session.
#[derive(Debug)]
pub struct Connection {
    /// The connection to the server.
    pub pgconn: PgConn,
    /// What is prepared on it.
    pub statements: StatementCache,
    /// The queries in its pipeline.
    pub pipeline: Pipeline,
    /// What was sent by the verbs of libpq and is not fetched yet.
    pub answers: Answers,
    /// The COPY that is going on.
    pub copy: Option<CopySession>,
    autocommit: bool,
    characteristics: TransactionCharacteristics,
    begin: Arc<Query>,
}

impl Connection {
    /// A session on an established connection.
    pub fn new(pgconn: PgConn) -> Connection {
        let characteristics = TransactionCharacteristics::default();
        Connection {
            pgconn,
            statements: StatementCache::default(),
            pipeline: Pipeline::default(),
            answers: Answers::default(),
            copy: None,
            autocommit: false,
            characteristics,
            begin: Arc::new(Query::new(characteristics.begin_statement().into_bytes())),
        }
    }

    /// Goes on with another session: settings stay, what was prepared is gone, and so is the
    /// pipeline, which the caller gets.
    pub fn replace(&mut self, pgconn: PgConn) -> Pipeline {
        self.pgconn = pgconn;
        self.statements.clear(false);
        self.answers.clear();
        std::mem::take(&mut self.pipeline)
    }

    /// Whether statements commit by themselves.
    pub fn autocommit(&self) -> bool {
        self.autocommit
    }

    /// Sets [`autocommit`](Self::autocommit); it does not touch a transaction in progress.
    pub fn set_autocommit(&mut self, autocommit: bool) {
        self.autocommit = autocommit;
    }

    /// How transactions are opened.
    pub fn characteristics(&self) -> TransactionCharacteristics {
        self.characteristics
    }

    /// Sets [`characteristics`](Self::characteristics), for the next transaction.
    pub fn set_characteristics(&mut self, characteristics: TransactionCharacteristics) {
        self.characteristics = characteristics;
        self.begin = Arc::new(Query::new(characteristics.begin_statement().into_bytes()));
    }

    /// The statement that opens a transaction.
    pub fn begin_statement(&self) -> &Arc<Query> {
        &self.begin
    }

    /// Fails while answers to something else are outstanding: they would be taken for the answers
    /// to what comes next.
    #[inline]
    pub(crate) fn check_idle(&mut self) -> Result<(), Error> {
        if self.pgconn.machine().is_busy() || self.answers.is_outstanding() {
            return Err(Error::Misuse("another command is already in progress"));
        }
        if self.pgconn.machine().has_unhandled() {
            self.pgconn.handle_unasked()?;
        }
        Ok(())
    }

    /// Whether something is going on whose results nobody takes at the moment, but somebody will: a
    /// COPY, a stream.
    pub fn is_mid_exchange(&self) -> bool {
        self.copy.is_some() || (self.pgconn.machine().is_busy() && !self.pipeline.is_on())
    }

    /// Whether a statement that is prepared now will be of use: the session of the server stays the
    /// same for a while. Outside of a transaction a pooler may change it after each statement.
    #[inline]
    pub(crate) fn may_prepare(&mut self) -> bool {
        if self.statements.keeps_session() {
            return true;
        }
        self.statements.note_rests(self.pgconn.machine().rests());
        // In a pipeline, what stands between two Syncs is for one session.
        !self.autocommit
            || self.pipeline.is_on()
            || self.pgconn.transaction_status() != TransactionStatus::Idle
    }

    /// Whether a statement has to be preceded by BEGIN.
    #[inline]
    pub fn needs_begin(&self) -> bool {
        !self.autocommit && self.pgconn.transaction_status() == TransactionStatus::Idle
    }
}
