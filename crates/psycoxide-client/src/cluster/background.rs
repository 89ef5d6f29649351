//! What goes on beside the connects: the list of nodes is kept fresh, and nodes that were down are
//! tried. One thread a cluster, started when the cluster becomes known.
//!
//! The rule it guards: everything has a limit of time, also the resolver; no lock is held during any
//! of it. The thread needs no interpreter, and a process that exits does not wait for it. A forked
//! child has no such thread and no such cluster; it begins with its own.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use psycoxide_cluster::{
    Cluster, Fault, MergeReport, Random, RefreshTicket, RefreshTurn, Snapshot, Topic,
};
use psycoxide_transport::resolve::resolve_within;

use super::notes::{Flag, Level, note};
use super::servers::{FetchServers, Servers, control_connect};
use super::{fault_of, random};
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

/// What the thread and the connects of one cluster share.
#[derive(Debug)]
pub(super) struct Task {
    /// The options that last let somebody in: passwords change.
    options: Mutex<Arc<ConnectOptions>>,
    /// Tells that there are events to note.
    pub(super) flag: Waker,
    /// The number of the first event that is not noted yet.
    pub(super) noted: AtomicU64,
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
    });
    cluster.attach(task.clone());
    // Its first nodes have joined.
    task.flag.wake_by_ref();
    let mut worker = Worker {
        cluster: Arc::downgrade(cluster),
        task,
        control,
        random: random(),
        is_failing: false,
        rejected: 0,
    };
    let thread = std::thread::Builder::new().name("psycoxide-cluster".to_owned());
    if let Err(error) = thread.spawn(move || worker.run()) {
        let text = format!("the list of nodes will not be refreshed: no thread: {error}");
        note(Level::Warning, text);
    }
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

struct Worker {
    cluster: Weak<Cluster>,
    task: Arc<Task>,
    /// The connection that is asked for the list, kept open.
    control: Option<Box<PgConn>>,
    random: Random,
    /// Whether the last refresh failed: once is enough to say so.
    is_failing: bool,
    /// How many rows of the last list made no sense.
    rejected: usize,
}

impl Worker {
    fn run(&mut self) {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        while let Some(cluster) = self.cluster.upgrade() {
            // First this, so that nothing is missed between looking and sleeping.
            cluster.wake_on(Topic::Schedule, &waker);
            let now = Instant::now();
            let refresh = cluster.next_refresh().map(|due| due.at);
            let probe = cluster.next_probe();
            let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
            if is_due(refresh) {
                match cluster.begin_refresh(now) {
                    Some(turn) => self.refresh(turn),
                    None => std::thread::park_timeout(PAUSE),
                }
            } else if is_due(probe) {
                if !self.probe(&cluster, now) {
                    std::thread::park_timeout(PAUSE);
                }
            } else {
                let next = [refresh, probe].into_iter().flatten().min();
                let sleep = next.map_or(LONGEST_SLEEP, |at| at.saturating_duration_since(now));
                drop(cluster);
                std::thread::park_timeout(sleep.min(LONGEST_SLEEP));
            }
        }
    }

    fn options(&self) -> Arc<ConnectOptions> {
        let options = self.task.options.lock();
        options.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches the list: over the connection that is open, else from whoever gives it.
    fn refresh(&mut self, turn: RefreshTurn) {
        let options = self.options();
        let Some(wanted) = &options.cluster else {
            return;
        };
        let limit = wanted.control_timeout;
        if let Some(control) = self.control.take() {
            let fetched = FetchServers::over(&options, control, Instant::now(), limit)
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
                    Level::Debug,
                    format!("the control connection is given up: {error}"),
                ),
            }
        }
        let mut last = None;
        for target in turn.targets(&wanted.search, &mut self.random) {
            let host = wanted.host(&target.endpoint, &options.hosts);
            let mut fetch = FetchServers::at(&options, host, Instant::now(), limit);
            let error = match run(&mut fetch) {
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
            note(Level::Debug, text);
            let is_refused = !fetch.is_logged_in() && error.server_fields().is_some();
            let is_final = is_refused && fault_of(&error) == Fault::Client;
            last = Some(error);
            if is_final {
                // A wrong password is not tried everywhere: somebody will come with a better one.
                break;
            }
        }
        turn.fail(Instant::now(), &mut self.random);
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
            note(Level::Warning, text);
        }
        self.rejected = rejected;
    }

    fn failed(&mut self, text: &str) {
        if !std::mem::replace(&mut self.is_failing, true) {
            note(Level::Warning, text.to_owned());
        }
    }

    /// Tries a node that was down; `false` if there is none to try.
    fn probe(&mut self, cluster: &Arc<Cluster>, now: Instant) -> bool {
        let options = self.options();
        let Some(wanted) = &options.cluster else {
            return false;
        };
        let Some(attempt) = cluster.probe(&wanted.search, now) else {
            return false;
        };
        let host = wanted.host(attempt.endpoint(), &options.hosts);
        let end = now + wanted.control_timeout;
        let outcome = run(&mut control_connect(&options, host, end));
        let now = Instant::now();
        match outcome {
            Ok(mut pgconn) => {
                drop(attempt.connected(now));
                pgconn.close();
            }
            Err(error) => {
                let text = format!("node {} is still down: {error}", attempt.info().private);
                note(Level::Debug, text);
                attempt.failed(fault_of(&error), now, &mut self.random);
            }
        }
        true
    }
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
