//! What is worth a line in a log, until somebody takes it there.
//!
//! The rule it guards: whatever thread something happens in, telling of it neither waits nor needs
//! the interpreter. What nobody takes is bounded; what is lost is counted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::task::Wake;
use std::time::Instant;

use psycoxide_cluster::{EventKind, Topic};

use super::REGISTRY;
use super::background::task_of;

/// How many notes are kept.
const CAPACITY: usize = 512;

/// The lock is held for a moment only, so this is long enough.
const TRIES: usize = 10_000;

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// To find out why something happened.
    Debug,
    /// All is well, but something is different now.
    Info,
    /// Something does not work as it should.
    Warning,
}

/// What a note is about: each subject has its logger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The way of one connection to a node.
    Connect,
    /// What happens to nodes.
    Nodes,
    /// The list of nodes.
    Refresh,
}

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is about.
    pub subject: Subject,
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub text: String,
}

#[derive(Debug, Default)]
struct Notes {
    kept: VecDeque<Note>,
    lost: u64,
}

static NOTES: Mutex<Notes> = Mutex::new(Notes {
    kept: VecDeque::new(),
    lost: 0,
});

/// Whether there is something to take: a look at one word of memory.
static PENDING: AtomicBool = AtomicBool::new(false);

/// Keeps a note.
pub(crate) fn note(subject: Subject, level: Level, text: String) {
    let Some(mut notes) = lock() else { return };
    if notes.kept.len() >= CAPACITY {
        notes.kept.pop_front();
        notes.lost += 1;
    }
    notes.kept.push_back(Note {
        subject,
        level,
        text,
    });
    PENDING.store(true, Ordering::Release);
}

/// Whether there are notes, or events of clusters that nobody has noted yet.
#[inline]
pub fn is_pending() -> bool {
    PENDING.load(Ordering::Acquire)
}

/// The notes since the last call, and how many were lost before them.
pub fn take() -> (Vec<Note>, u64) {
    PENDING.store(false, Ordering::Release);
    let mut found = events();
    let Some(mut notes) = lock() else {
        return (found, 0);
    };
    let lost = std::mem::take(&mut notes.lost);
    // Why a node is down comes before that it is.
    let mut all: Vec<Note> = notes.kept.drain(..).collect();
    all.append(&mut found);
    (all, lost)
}

/// The notes, unless they stay locked: in a forked child, for a thread that only its parent has.
fn lock() -> Option<MutexGuard<'static, Notes>> {
    (0..TRIES).find_map(|_| match NOTES.try_lock() {
        Ok(notes) => Some(notes),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => {
            std::thread::yield_now();
            None
        }
    })
}

/// Makes [`is_pending`] true at the next event of a cluster.
#[derive(Debug)]
pub(super) struct Flag;

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        PENDING.store(true, Ordering::Release);
    }
}

/// The events of all clusters since the last call, as notes.
fn events() -> Vec<Note> {
    let mut notes = Vec::new();
    for cluster in REGISTRY.clusters() {
        let Some(task) = task_of(&cluster) else {
            continue;
        };
        cluster.wake_on(Topic::Event, &task.flag);
        let next = cluster.event_position();
        let from = task.noted.swap(next, Ordering::AcqRel);
        let now = Instant::now();
        for event in cluster.events_since(from).events {
            if event.number >= next {
                break;
            }
            let (level, what) = match event.kind {
                EventKind::Joined => (Level::Info, "has joined the cluster"),
                EventKind::Left => (Level::Info, "is listed no more"),
                EventKind::Down => (Level::Warning, "is down"),
                EventKind::Up => (Level::Info, "is up again"),
                EventKind::Drained => (Level::Info, "is set aside"),
                EventKind::Undrained => (Level::Info, "is taken back"),
                _ => (Level::Info, event.kind.as_str()),
            };
            let node = &event.node;
            let placement = match node.placement.to_string().as_str() {
                ".." => String::new(),
                placement => format!(" ({placement})"),
            };
            let ago = now.saturating_duration_since(event.at).as_millis();
            let since = match ago {
                0..=999 => String::new(),
                ago => format!(", {}.{} s ago", ago / 1000, ago % 1000 / 100),
            };
            notes.push(Note {
                subject: Subject::Nodes,
                level,
                text: format!("node {}{placement} {what}{since}", node.private),
            });
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_takes_is_bounded_and_the_rest_is_counted() {
        take();
        for number in 0..CAPACITY + 3 {
            note(Subject::Refresh, Level::Debug, number.to_string());
        }
        assert!(is_pending());
        let (notes, lost) = take();
        let ours: Vec<&str> = notes.iter().map(|note| note.text.as_str()).collect();
        assert_eq!((ours.len(), lost), (CAPACITY, 3));
        assert_eq!(ours.first(), Some(&"3"));
        assert_eq!(take(), (Vec::new(), 0));
    }
}
