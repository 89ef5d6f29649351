//! One connection as the Python objects share it: `Connection`, `PGconn`, cursors, operations.
//!
//! Two locks with one rule each. The *turn* belongs to whoever runs an operation, from its first
//! step to its last; it is waited for with the interpreter released. The *state* is held for the
//! length of one step; nobody attaches to the interpreter, or calls Python, while holding it. What
//! everybody may want to know at any time (status, descriptor) is kept in atomics beside them.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};

use psycoxide_client::operations::cancel::CancelTarget;
use psycoxide_client::{Connection, Error, PgConn, PipelineStatus};
use psycoxide_protocol::TransactionStatus;
use pyo3::prelude::*;

use crate::adapt::session::{Session, SessionHandle};
use crate::auto::Auto;
use crate::event_loop::{self, LoopState};
use crate::fork;
use crate::pq::tracing::TraceFile;
use crate::turn::Turn;

/// How much of the errors of a command is kept.
const MOST_NOTED: usize = 64 * 1024;

/// What the Python objects of one connection share.
#[derive(Debug)]
pub struct Shared {
    /// Itself, for the event loop's callbacks.
    this: Weak<Shared>,
    state: Mutex<Connection>,
    turn: Turn,
    /// Whether operations run on an event loop.
    asynchronous: bool,
    /// The settings of the session that values depend on.
    pub session: SessionHandle,
    /// What cancels the session's queries; `None` if the server gave no key.
    cancel_target: Mutex<Option<CancelTarget>>,
    /// The event loop's side, if there is one.
    pub loop_state: Mutex<LoopState>,
    /// Called with each notice and notification, as `(notice_handler, notify_handler)`.
    pub handlers: Mutex<Handlers>,
    /// The process that made the connection, as [`crate::fork`] counts: another one must not use
    /// its socket.
    generation: AtomicU64,
    open: AtomicBool,
    closed_by_user: AtomicBool,
    lost: AtomicBool,
    /// Why the connection was lost, if that came to light while nothing was running: the next
    /// operation tells.
    farewell: Mutex<Option<Error>>,
    /// The errors of the last command, for `error_message`, and whether there are any.
    noted: Mutex<Vec<u8>>,
    has_noted: AtomicBool,
    fd: AtomicI32,
    transaction_status: AtomicU8,
    pipeline_status: AtomicU8,
    news: AtomicBool,
    settings_version: AtomicU64,
    /// What looks up types that nobody has registered, if the user wants that.
    auto: OnceLock<Py<Auto>>,
}

/// Who wants to hear of what comes unasked.
#[derive(Debug, Default)]
pub struct Handlers {
    /// Called with a `PGresult` for each notice.
    pub notice: Option<Py<PyAny>>,
    /// Called with a `PGnotify` for each notification.
    pub notify: Option<Py<PyAny>>,
    /// Where messages are traced to.
    pub trace: Option<TraceFile>,
    /// Notifications that nobody has taken yet.
    pub backlog: std::collections::VecDeque<psycoxide_connection::Notification>,
    /// How many `notifies()` are going on: they get what handlers get, too.
    pub listening: usize,
    /// The futures of tasks that wait for a notification.
    pub listeners: Vec<Py<PyAny>>,
}

impl Shared {
    /// Shares an established connection.
    pub fn new(connection: Connection, asynchronous: bool) -> Arc<Shared> {
        Self::build(connection, asynchronous, false)
    }

    /// Shares an established connection among green threads, see [`crate::cooperative`].
    pub fn cooperative(connection: Connection) -> Arc<Shared> {
        Self::build(connection, false, true)
    }

    fn build(connection: Connection, asynchronous: bool, cooperative: bool) -> Arc<Shared> {
        let cancel_target = connection.pgconn.cancel_target();
        let shared = Arc::new_cyclic(|this| Shared {
            this: this.clone(),
            session: SessionHandle::new(session_of(&connection)),
            cancel_target: Mutex::new(cancel_target),
            turn: Turn::new(cooperative),
            asynchronous,
            loop_state: Mutex::default(),
            handlers: Mutex::default(),
            generation: AtomicU64::new(fork::generation()),
            open: AtomicBool::new(true),
            closed_by_user: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            farewell: Mutex::default(),
            noted: Mutex::default(),
            has_noted: AtomicBool::new(false),
            fd: AtomicI32::new(-1),
            transaction_status: AtomicU8::new(0),
            pipeline_status: AtomicU8::new(0),
            news: AtomicBool::new(false),
            settings_version: AtomicU64::new(connection.pgconn.settings_version()),
            auto: OnceLock::new(),
            state: Mutex::new(connection),
        });
        shared.publish(&shared.lock());
        shared
    }

    /// A reference that does not keep the connection alive.
    pub fn weak(&self) -> Weak<Shared> {
        self.this.clone()
    }

    /// Whether operations run on an event loop.
    #[inline]
    pub fn is_asynchronous(&self) -> bool {
        self.asynchronous
    }

    /// What looks up types that nobody has registered, if the user wants that.
    #[inline]
    pub fn auto(&self) -> Option<&Py<Auto>> {
        self.auto.get()
    }

    /// Has types looked up from now on; nothing if that was wished before.
    pub fn set_auto(&self, auto: Py<Auto>) {
        let _ = self.auto.set(auto);
    }

    /// Whose turn it is to run an operation.
    #[inline]
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// The state, for one step. Only for callers that are detached from the interpreter, or know
    /// that nobody else can hold it for long.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, Connection> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something short with the state, from Python code. Waits detached if another thread is
    /// in the middle of a step.
    #[inline]
    pub fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Connection) -> T + Send,
    ) -> T {
        match self.state.try_lock() {
            Ok(mut connection) => {
                let result = work(&mut connection);
                self.publish(&connection);
                result
            }
            Err(TryLockError::Poisoned(poisoned)) => work(&mut poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => py.detach(|| {
                let mut connection = self.lock();
                let result = work(&mut connection);
                self.publish(&connection);
                result
            }),
        }
    }

    /// Makes known what a step has changed.
    #[inline]
    pub fn publish(&self, connection: &Connection) {
        let pgconn = &connection.pgconn;
        let open = pgconn.is_open();
        if !open && !self.is_closed_by_user() {
            self.lost.store(true, Ordering::Release);
        }
        self.open.store(open, Ordering::Release);
        self.fd.store(pgconn.fd().unwrap_or(-1), Ordering::Release);
        self.transaction_status
            .store(pgconn.transaction_status() as u8, Ordering::Release);
        self.pipeline_status
            .store(connection.pipeline_status() as u8, Ordering::Release);
        if pgconn.has_news() {
            self.news.store(true, Ordering::Release);
        }
        if self.settings_version.load(Ordering::Acquire) != pgconn.settings_version() {
            self.settings_version
                .store(pgconn.settings_version(), Ordering::Release);
            self.session.store(session_of(connection));
        }
    }

    /// Goes on with a session that was just made, or with none.
    pub fn replace(&self, py: Python<'_>, pgconn: PgConn) {
        *self
            .cancel_target
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = pgconn.cancel_target();
        self.closed_by_user.store(false, Ordering::Release);
        self.lost.store(false, Ordering::Release);
        self.take_farewell();
        self.generation.store(fork::generation(), Ordering::Release);
        // Whatever the new session has counted, its settings are others.
        self.settings_version.store(u64::MAX, Ordering::Release);
        let abandoned = self.with(py, |connection| connection.replace(pgconn));
        // What this frees may call Python, so nothing may be locked.
        drop(abandoned);
    }

    /// What cancels the session's queries; `None` if the server gave no key.
    pub fn cancel_target(&self) -> Option<CancelTarget> {
        self.cancel_target
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether the connection can be used.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Whether it was the user who closed it.
    pub fn is_closed_by_user(&self) -> bool {
        self.closed_by_user.load(Ordering::Acquire)
    }

    /// Whether it was closed otherwise than by the user.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Keeps the reason of a loss for the next operation.
    pub fn set_farewell(&self, error: Error) {
        *self.farewell.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The reason of the loss, if nobody has been told yet.
    pub fn take_farewell(&self) -> Option<Error> {
        self.farewell
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Notes an error for `error_message`, after those of the same command.
    pub fn note_error(&self, text: &[u8]) {
        let mut noted = self.lock_noted();
        noted.extend_from_slice(text);
        // A loop that goes on asking must not fill the memory.
        noted.truncate(MOST_NOTED);
        self.has_noted.store(true, Ordering::Release);
    }

    /// Forgets the errors noted: a new command begins.
    #[inline]
    pub fn forget_errors(&self) {
        if self.has_noted.load(Ordering::Acquire) {
            *self.lock_noted() = Vec::new();
            self.has_noted.store(false, Ordering::Release);
        }
    }

    /// The errors noted.
    pub fn noted_errors(&self) -> Vec<u8> {
        self.lock_noted().clone()
    }

    fn lock_noted(&self) -> MutexGuard<'_, Vec<u8>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes in good order, on behalf of the user.
    pub fn close(&self, py: Python<'_>) {
        self.closed_by_user.store(true, Ordering::Release);
        if !self.is_ours() {
            // The session belongs to the parent process: it must hear nothing from here.
            return self.with(py, |connection| connection.pgconn.lose());
        }
        let abandoned = self.with(py, |connection| {
            connection.pgconn.close();
            std::mem::take(&mut connection.pipeline)
        });
        // What this frees may call Python, so nothing may be locked.
        drop(abandoned);
    }

    /// Whether this process made the connection; after a fork the child must leave it alone.
    #[inline]
    pub fn is_ours(&self) -> bool {
        self.generation.load(Ordering::Acquire) == fork::generation()
    }

    /// The socket's descriptor, while the connection is open.
    #[inline]
    pub fn fd(&self) -> Option<i32> {
        Some(self.fd.load(Ordering::Acquire)).filter(|fd| *fd >= 0)
    }

    /// The transaction status as of the last step.
    #[inline]
    pub fn transaction_status(&self) -> TransactionStatus {
        match self.transaction_status.load(Ordering::Acquire) {
            0 => TransactionStatus::Idle,
            1 => TransactionStatus::Active,
            2 => TransactionStatus::InTransaction,
            3 => TransactionStatus::InError,
            _ => TransactionStatus::Unknown,
        }
    }

    /// The number of the pipeline status, of libpq's `PGpipelineStatus`.
    #[inline]
    pub fn pipeline_status(&self) -> u8 {
        self.pipeline_status.load(Ordering::Acquire)
    }

    /// Whether the connection is in pipeline mode.
    #[inline]
    pub fn in_pipeline(&self) -> bool {
        self.pipeline_status() != PipelineStatus::Off as u8
    }

    /// Whether notices or notifications have come.
    #[inline]
    pub fn has_news(&self) -> bool {
        self.news.load(Ordering::Acquire)
    }

    /// Takes the mark that notices or notifications have come.
    #[inline]
    pub fn take_news(&self) -> bool {
        self.news.load(Ordering::Acquire) && self.news.swap(false, Ordering::AcqRel)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        event_loop::abandon(self);
    }
}

/// The settings of a session, from what the server reports.
fn session_of(connection: &Connection) -> Session {
    let machine = connection.pgconn.machine();
    Session::from_parameters(&|name| machine.parameter_status(name).map(str::to_owned))
}
