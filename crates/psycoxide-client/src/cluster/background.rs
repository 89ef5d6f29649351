//! What goes on beside the connects: the list of nodes is kept fresh, and nodes that were down are
//! tried. One thread a cluster, started when the cluster becomes known.
//!
//! The rule it guards: everything has a limit of time, also the resolver; no lock is held during any
//! of it. The thread needs no interpreter, unless a program maps addresses (see
//! [`super::AddressMapper`]), and a process that exits does not wait for it. A forked child has no such
//! thread and no such cluster; it begins with its own. Before a fork an idle thread ends, with its work
//! kept for the next one, so that a program that knows of no threads has none.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use psycoxide_cluster::{
    Cluster, ClusterKey, Fault, MergeReport, Random, RefreshTicket, RefreshTurn, ServerRow,
    Snapshot, Topic,
};
use psycoxide_transport::resolve::resolve_within;

use super::notes::{Flag, Level, Subject, note};
use super::servers::{FetchServers, Servers, control_connect};
use super::{REGISTRY, fault_of, random, tell};
use crate::error::Error;
use crate::operations::connect::{ConnectStep, Steps};
use crate::options::ConnectOptions;
use crate::pgconn::PgConn;

/// The longest the thread sleeps: it looks whether the cluster is still there.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long one wait may be that has no limit of its own.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The pause after something that was due and could not be begun.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a fork waits for a thread that has nothing to do to end.
const FORK_PATIENCE: Duration = Duration::from_millis(20);

/// What the thread and the connects of one cluster share. The cluster owns it.
#[derive(Debug)]
pub(super) struct Task {
    /// The options that last let somebody in: passwords change.
    options: Mutex<Arc<ConnectOptions>>,
    /// Tells that there are events to note.
    pub(super) flag: Waker,
    /// The number of the first event that is not noted yet.
    pub(super) noted: AtomicU64,
    work: Mutex<Work>,
    /// [`RUNS`], [`SHALL_REST`] or [`RESTS`].
    wish: AtomicU8,
    /// The thread is in the middle of something.
    is_busy: AtomicBool,
    /// There may be no thread.
    is_resting: AtomicBool,
}

/// The thread goes on.
const RUNS: u8 = 0;
/// The thread shall end and give its work back, if it has nothing to do.
const SHALL_REST: u8 = 1;
/// It does so.
const RESTS: u8 = 2;

/// Who does the work.
#[derive(Debug)]
enum Work {
    Nobody,
    Thread(JoinHandle<Option<Box<Worker>>>),
    /// It waits for the next connect.
    Kept(Box<Worker>),
}

/// The task of a cluster.
pub(super) fn task_of(cluster: &Cluster) -> Option<Arc<Task>> {
    cluster.attachment()?.clone().downcast().ok()
}

/// Starts the thread of a cluster that has just become known; `control`: the connection over which
/// it did.
pub(crate) fn attend(
    cluster: &Arc<Cluster>,
    options: &Arc<ConnectOptions>,
    control: Option<Box<PgConn>>,
) {
    let flag = Waker::from(Arc::new(Flag));
    cluster.wake_on(Topic::Event, &flag);
    let task = Arc::new(Task {
        options: Mutex::new(options.clone()),
        flag,
        noted: AtomicU64::new(0),
        work: Mutex::new(Work::Kept(Box::new(Worker {
            cluster: Arc::downgrade(cluster),
            control,
            random: random(),
            is_failing: false,
            rejected: 0,
        }))),
        wish: AtomicU8::new(RUNS),
        is_busy: AtomicBool::new(false),
        is_resting: AtomicBool::new(true),
    });
    cluster.attach(task.clone());
    // Its first nodes have joined.
    task.flag.wake_by_ref();
    task.go_on();
}

/// Somebody was let in with these options.
pub(crate) fn know(cluster: &Cluster, options: &Arc<ConnectOptions>) {
    if let Some(task) = task_of(cluster) {
        let mut latest = task.options.lock().unwrap_or_else(PoisonError::into_inner);
        let outdated = std::mem::replace(&mut *latest, options.clone());
        drop(latest);
        drop(outdated);
    }
}

/// Makes sure that the cluster's thread runs, after a fork in which it had to rest.
pub fn go_on(cluster: &Cluster) {
    if let Some(task) = task_of(cluster) {
        task.go_on();
    }
}

/// To be called before a fork: threads that have nothing to do end, until somebody connects.
pub fn rest() {
    for cluster in REGISTRY.clusters() {
        if let Some(task) = task_of(&cluster) {
            task.rest();
        }
    }
}

impl Task {
    fn options(&self) -> Arc<ConnectOptions> {
        let options = self.options.lock();
        options.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn go_on(&self) {
        if !self.is_resting.load(Ordering::Acquire) {
            return;
        }
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_resting.store(false, Ordering::Release);
        let has_ended = self.wish.swap(RUNS, Ordering::AcqRel) == RESTS;
        *work = match std::mem::replace(&mut *work, Work::Nobody) {
            Work::Kept(worker) => start(worker),
            Work::Thread(thread) if has_ended => match thread.join() {
                Ok(Some(worker)) => start(worker),
                _ => Work::Nobody,
            },
            other => other,
        };
    }

    fn rest(&self) {
        if self.is_busy.load(Ordering::Acquire) {
            return;
        }
        let Ok(mut work) = self.work.try_lock() else {
            return;
        };
        let Work::Thread(thread) = &*work else {
            return;
        };
        self.wish.store(SHALL_REST, Ordering::Release);
        self.is_resting.store(true, Ordering::Release);
        thread.thread().unpark();
        let end = Instant::now() + FORK_PATIENCE;
        while !thread.is_finished() {
            if self.is_busy.load(Ordering::Acquire) || Instant::now() >= end {
                // Should it end after all, the next connect sees to it.
                return;
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        if let Work::Thread(thread) = std::mem::replace(&mut *work, Work::Nobody)
            && let Ok(Some(worker)) = thread.join()
        {
            *work = Work::Kept(worker);
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // The cluster is forgotten: so is the thread's work.
        if let Ok(Work::Thread(thread)) = self.work.get_mut() {
            thread.thread().unpark();
        }
    }
}

fn start(worker: Box<Worker>) -> Work {
    let thread = std::thread::Builder::new().name("psycoxide-nodes".to_owned());
    match thread.spawn(move || worker.run()) {
        Ok(thread) => Work::Thread(thread),
        Err(error) => {
            let text = format!("the list of nodes will not be refreshed: no thread: {error}");
            note(Subject::Refresh, Level::Warning, text);
            Work::Nobody
        }
    }
}

/// Waits, in this thread, until a refresh that was asked for has ended; `false` when the time is over.
pub fn wait_refreshed(cluster: &Cluster, ticket: RefreshTicket, timeout: Duration) -> bool {
    let end = Instant::now() + timeout;
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        cluster.wake_on(Topic::Refresh, &waker);
        if cluster.is_refreshed(ticket) {
            return true;
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        std::thread::park_timeout(left);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[derive(Debug)]
struct Worker {
    cluster: Weak<Cluster>,
    /// The connection that is asked for the list, kept open.
    control: Option<Box<PgConn>>,
    random: Random,
    /// Whether the last refresh failed: once is enough to say so.
    is_failing: bool,
    /// How many rows of the last list made no sense.
    rejected: usize,
}

impl Worker {
    /// Works until the cluster is forgotten, or the thread shall rest: then it gives itself back.
    fn run(mut self: Box<Self>) -> Option<Box<Worker>> {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        while let Some(cluster) = self.cluster.upgrade() {
            let Some(task) = task_of(&cluster) else {
                break;
            };
            // First this, so that nothing is missed between looking and sleeping.
            cluster.wake_on(Topic::Schedule, &waker);
            let rest = (task.wish).compare_exchange(
                SHALL_REST,
                RESTS,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            if rest.is_ok() {
                return Some(self);
            }
            let now = Instant::now();
            let refresh = cluster.next_refresh().map(|due| due.at);
            let probe = cluster.next_probe();
            let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
            let (mut pause, mut is_idle) = (Duration::ZERO, false);
            if is_due(refresh) || is_due(probe) {
                task.is_busy.store(true, Ordering::Release);
                let done = if is_due(refresh) {
                    let turn = cluster.begin_refresh(now);
                    turn.map(|turn| self.refresh(&task.options(), &cluster, turn))
                        .is_some()
                } else {
                    self.probe(&task.options(), &cluster, now)
                };
                task.is_busy.store(false, Ordering::Release);
                if !done {
                    pause = PAUSE;
                }
            } else {
                let next = [refresh, probe].into_iter().flatten().min();
                let sleep = next.map_or(LONGEST_SLEEP, |at| at.saturating_duration_since(now));
                (pause, is_idle) = (sleep.min(LONGEST_SLEEP), true);
            }
            drop((task, cluster));
            if is_idle || !pause.is_zero() {
                std::thread::park_timeout(pause);
            }
        }
        if let Some(mut control) = self.control {
            control.close();
        }
        None
    }

    /// Fetches the list: over the connection that is open, else from whoever gives it.
    fn refresh(
        &mut self,
        options: &Arc<ConnectOptions>,
        cluster: &Arc<Cluster>,
        turn: RefreshTurn,
    ) {
        let Some(wanted) = &options.cluster else {
            return;
        };
        let limit = wanted.control_timeout;
        if let Some(control) = self.control.take() {
            let fetched = FetchServers::over(options, control, Instant::now(), limit)
                .and_then(|mut fetch| run(&mut fetch));
            match fetched {
                Ok(Servers::Listed(rows, control)) => {
                    self.control = control;
                    let snapshot = Snapshot {
                        rows,
                        ..Snapshot::default()
                    };
                    return self.merge(turn, &snapshot);
                }
                Ok(Servers::Unknown) => {}
                Err(error) => note(
                    Subject::Refresh,
                    Level::Debug,
                    format!("the control connection is given up: {error}"),
                ),
            }
        }
        let (mut last, mut is_replaced) = (None, false);
        for target in turn.targets(&wanted.search, &mut self.random) {
            let host = wanted.host(&target.endpoint, &options.hosts);
            let mut fetch = FetchServers::at(options, host, Instant::now(), limit);
            let error = match run(&mut fetch) {
                // An address that went to somebody else: the others are still ours, maybe.
                Ok(Servers::Listed(rows, _)) if is_of_another(cluster, &rows) => {
                    is_replaced = target.node.is_none();
                    Error::Misuse("it belongs to another cluster")
                }
                Ok(Servers::Listed(rows, control)) => {
                    let peer = control.as_ref().and_then(|control| control.place().address);
                    let contact = target.node.is_none().then(|| target.endpoint.clone());
                    self.control = control;
                    let snapshot = Snapshot {
                        rows,
                        contact,
                        peer,
                    };
                    return self.merge(turn, &snapshot);
                }
                Ok(Servers::Unknown) => Error::Misuse("it has no function yb_servers()"),
                Err(error) => error,
            };
            let now = Instant::now();
            // A server that let us in is well, whatever it says then.
            if !fetch.is_logged_in() {
                let fault = fault_of(&error);
                turn.target_failed(&target, fault, &wanted.search, now, &mut self.random);
            }
            let text = format!("{} gives no list of nodes: {error}", target.endpoint);
            note(Subject::Refresh, Level::Debug, text);
            let is_refused = !fetch.is_logged_in() && error.server_fields().is_some();
            let is_final = is_refused && fault_of(&error) == Fault::Client;
            last = Some(error);
            if is_final {
                // A wrong password is not tried everywhere: somebody will come with a better one.
                break;
            }
        }
        turn.fail(Instant::now(), &mut self.random);
        if is_replaced {
            let text = "the configured hosts lead to another cluster now, and no node of the old \
                        one is left: it is forgotten";
            note(Subject::Refresh, Level::Warning, text.to_owned());
            REGISTRY.forget(cluster);
            return;
        }
        let reason = last.map_or_else(String::new, |error| format!(": {error}"));
        self.failed(&format!("no node gives the list of nodes{reason}"));
    }

    fn merge(&mut self, turn: RefreshTurn, snapshot: &Snapshot) {
        match turn.succeed(snapshot, Instant::now(), &mut self.random) {
            Ok(report) => {
                self.is_failing = false;
                self.note_rejected(&report);
            }
            Err(error) => {
                // Whoever it was, it is not asked again.
                self.control = None;
                self.failed(&format!("a list of nodes is not taken over: {error}"));
            }
        }
        // Who reads the log learns of what the list has changed.
    }

    fn note_rejected(&mut self, report: &MergeReport) {
        let rejected = report.rejected.len();
        if rejected > self.rejected {
            let text = format!("{rejected} rows of yb_servers() make no sense and are left out");
            note(Subject::Refresh, Level::Warning, text);
        }
        self.rejected = rejected;
    }

    fn failed(&mut self, text: &str) {
        if !std::mem::replace(&mut self.is_failing, true) {
            note(Subject::Refresh, Level::Warning, text.to_owned());
        }
    }

    /// Tries a node that was down; `false` if there is none to try.
    fn probe(
        &mut self,
        options: &Arc<ConnectOptions>,
        cluster: &Arc<Cluster>,
        now: Instant,
    ) -> bool {
        let Some(wanted) = &options.cluster else {
            return false;
        };
        let Some(attempt) = cluster.probe(&wanted.search, now) else {
            return false;
        };
        let host = wanted.host(attempt.endpoint(), &options.hosts);
        let end = now + wanted.control_timeout;
        let outcome = run(&mut control_connect(options, host, end));
        let now = Instant::now();
        match outcome {
            Ok(mut pgconn) => {
                drop(attempt.connected(now));
                pgconn.close();
            }
            Err(error) => {
                let text = format!("node {} is still down: {error}", attempt.info().private);
                note(Subject::Nodes, Level::Debug, text);
                tell(attempt, &error, now, &mut self.random);
            }
        }
        true
    }
}

/// Whether a list is of a cluster with another identity.
fn is_of_another(cluster: &Cluster, rows: &[ServerRow]) -> bool {
    let Some(ClusterKey::Universe(ours)) = cluster.key() else {
        return false;
    };
    let mut told = rows.iter().filter_map(|row| row.universe_uuid.as_deref());
    told.next().is_some_and(|theirs| theirs.trim() != &*ours)
}

/// Runs an operation to its end, in this thread.
fn run<S: Steps>(steps: &mut S) -> Result<S::Output, Error> {
    let mut resolved = None;
    loop {
        match steps.step(Instant::now(), resolved.take())? {
            ConnectStep::Done(output) => return Ok(output),
            ConnectStep::Io(_, wait, deadline) => {
                steps.wait(wait, Some(left(deadline).min(LONGEST_WAIT)))?;
            }
            ConnectStep::Resolve {
                host,
                port,
                deadline,
            } => resolved = resolve_within(&host, port, left(deadline)),
        }
    }
}

fn left(deadline: Option<Instant>) -> Duration {
    deadline.map_or(LONGEST_WAIT, |deadline| {
        deadline.saturating_duration_since(Instant::now())
    })
}
