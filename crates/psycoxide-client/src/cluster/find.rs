//! Finding the cluster behind the configured hosts: the first one in asks, the others wait.
//!
//! The rule it guards: one control connection however many connect at once; nobody waits longer than
//! his own time, and whoever gives up leaves the way to the next.

use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use psycoxide_cluster::{
    Bootstrap, BootstrapTurn, Bootstrapped, Cluster, Entry, Fault, Snapshot, attempt_share,
};
use psycoxide_transport::{Bell, poll};

use super::notes::{Level, Subject, note};
use super::options::{ClusterOptions, endpoint};
use super::servers::{FetchServers, Servers};
use super::{REGISTRY, attend, fault_of, go_on, random};
use crate::error::{Attempt, Error};
use crate::operations::Wait;
use crate::operations::connect::{Answer, ConnectStep, Steps};
use crate::options::{ConnectOptions, HostOptions};
use crate::pgconn::PgConn;

/// What a bell is waited for.
pub(crate) const READABLE: Wait = Wait {
    read: true,
    write: false,
};

/// What came of looking for the cluster.
#[derive(Debug)]
pub(crate) enum Found {
    /// Here it is.
    Cluster(Arc<Cluster>),
    /// The list cannot be had, but the hosts may let one in: what happened at each.
    Unavailable(Vec<Attempt>),
}

/// Finds the cluster.
#[derive(Debug)]
pub(crate) struct Finder {
    options: Arc<ConnectOptions>,
    entry: Arc<Entry>,
    /// A recent failure of somebody else does not count.
    insists: bool,
    deadline: Option<Instant>,
    bell: Option<Bell>,
    lead: Option<Lead>,
}

/// It is us who ask.
#[derive(Debug)]
struct Lead {
    turn: BootstrapTurn,
    /// The hosts not asked yet, as indices.
    hosts: VecDeque<usize>,
    asking: Option<(usize, Box<FetchServers>)>,
    attempts: Vec<Attempt>,
    /// Whether some host may let us in although it gave no list.
    hopeful: bool,
}

impl Finder {
    /// The operation that finds the cluster. `order`: the hosts in the order in which to ask them.
    pub(crate) fn new(
        options: Arc<ConnectOptions>,
        insists: bool,
        deadline: Option<Instant>,
    ) -> Finder {
        let contacts: Vec<_> = options.hosts.iter().map(endpoint).collect();
        Finder {
            entry: REGISTRY.entry(&contacts),
            options,
            insists,
            deadline,
            bell: None,
            lead: None,
        }
    }

    /// Takes the cluster, the lead, or waits.
    fn begin(&mut self, now: Instant) -> Result<Option<ConnectStep<Found>>, Error> {
        if let Some(bell) = &self.bell {
            bell.silence();
            self.entry.wake_on_outcome(bell.waker());
        }
        let limit = self.lead_limit(now);
        let begun = if self.insists {
            self.entry.begin_anyway(now, limit)
        } else {
            self.entry.begin(now, limit)
        };
        match begun {
            Bootstrap::Ready(cluster) => {
                go_on(&cluster);
                Ok(Some(ConnectStep::Done(Found::Cluster(cluster))))
            }
            Bootstrap::Failed { .. } => Ok(Some(ConnectStep::Done(Found::Unavailable(Vec::new())))),
            Bootstrap::Lead(turn) => {
                self.lead = Some(Lead {
                    turn,
                    hosts: (0..self.options.hosts.len()).collect(),
                    asking: None,
                    attempts: Vec::new(),
                    hopeful: false,
                });
                Ok(None)
            }
            Bootstrap::Wait { until } => {
                if self.deadline.is_some_and(|end| now >= end) {
                    return Err(Error::Connect(vec![self.waited_in_vain()]));
                }
                let Some(bell) = &self.bell else {
                    let bell = Bell::new().map_err(Error::io("waiting for the list of nodes"))?;
                    self.bell = Some(bell);
                    return Ok(None);
                };
                let until = self.deadline.map_or(until, |end| until.min(end));
                let fd = bell.as_fd().as_raw_fd();
                Ok(Some(ConnectStep::Io(fd, READABLE, Some(until))))
            }
        }
    }

    fn waited_in_vain(&self) -> Attempt {
        Attempt {
            place: "waiting for the list of nodes, which another connection asks for,".to_owned(),
            error: Error::Timeout {
                doing: "connecting",
                after: self.options.connect_timeout.unwrap_or_default(),
            },
        }
    }

    /// How long the others wait for us before one of them takes over.
    fn lead_limit(&self, now: Instant) -> Duration {
        let hosts = u32::try_from(self.options.hosts.len()).unwrap_or(u32::MAX);
        let all = self.control_timeout().saturating_mul(hosts);
        match self.deadline {
            Some(end) => all.min(end.saturating_duration_since(now)),
            None => all,
        }
    }

    fn control_timeout(&self) -> Duration {
        let cluster = self.options.cluster.as_ref();
        cluster.map_or(Duration::from_secs(5), |it| it.control_timeout)
    }

    /// Asks one host after the other.
    fn lead(
        &mut self,
        mut lead: Lead,
        now: Instant,
        resolved: &mut Answer,
    ) -> Result<ConnectStep<Found>, Error> {
        loop {
            let (host, mut fetch) = match lead.asking.take() {
                Some(asking) => asking,
                None => {
                    let left = self.deadline.map(|end| end.saturating_duration_since(now));
                    let is_late = left.is_some_and(|left| left.is_zero());
                    let next = lead.hosts.pop_front().filter(|_| !is_late);
                    let Some(host) = next else {
                        return self.give_up(lead, now);
                    };
                    let timeout = self.control_timeout();
                    // Should none give a list, there is to be time to connect to one of them.
                    let kept = usize::from(!self.insists);
                    let share = left.map(|left| attempt_share(left, 1 + lead.hosts.len() + kept));
                    let allowance = share.map_or(timeout, |share| share.min(timeout));
                    let options = self.options.hosts.get(host).cloned();
                    let options = options.ok_or(Error::Misuse("there is no host"))?;
                    let fetch = FetchServers::at(&self.options, options, now, allowance);
                    (host, Box::new(fetch))
                }
            };
            let error = match fetch.step(now, resolved.take()).map(ConnectStep::done) {
                Ok(Err(wait)) => {
                    lead.asking = Some((host, fetch));
                    self.lead = Some(lead);
                    return Ok(wait);
                }
                Ok(Ok(servers)) => match self.settle(lead, host, servers, now)? {
                    Ok(cluster) => return Ok(ConnectStep::Done(Found::Cluster(cluster))),
                    Err(attempts) => return Ok(ConnectStep::Done(Found::Unavailable(attempts))),
                },
                Err(error) => error,
            };
            let is_logged_in = fetch.is_logged_in();
            let is_ours = !is_logged_in && fault_of(&error) == Fault::Client;
            lead.hopeful |= is_logged_in || is_late(&error);
            match error {
                Error::Connect(attempts) => lead.attempts.extend(attempts),
                error => lead.attempts.push(Attempt {
                    place: self.describe(host),
                    error,
                }),
            }
            if is_ours {
                // The turn passes on: others may know better.
                return Err(Error::Connect(lead.attempts));
            }
        }
    }

    /// No host gave a list.
    fn give_up(&mut self, lead: Lead, now: Instant) -> Result<ConnectStep<Found>, Error> {
        lead.turn.fail(now, &mut random());
        for attempt in &lead.attempts {
            let text = format!(
                "no list of nodes: {} failed: {}",
                attempt.place, attempt.error
            );
            note(Subject::Refresh, Level::Debug, text);
        }
        if lead.hopeful {
            return Ok(ConnectStep::Done(Found::Unavailable(lead.attempts)));
        }
        Err(Error::Connect(lead.attempts))
    }

    /// A host gave a list, or said that it knows of none.
    fn settle(
        &mut self,
        lead: Lead,
        host: usize,
        servers: Servers,
        now: Instant,
    ) -> Result<Result<Arc<Cluster>, Vec<Attempt>>, Error> {
        let asked = self.options.hosts.get(host);
        let asked = asked.ok_or(Error::Misuse("there is no host"))?;
        let Lead {
            turn, mut attempts, ..
        } = lead;
        let (bootstrapped, control) = match servers {
            Servers::Unknown => {
                let bootstrapped = REGISTRY.bootstrapped_static(turn);
                if bootstrapped.is_new {
                    note_static(asked, self.options.hosts.len());
                }
                (bootstrapped, None)
            }
            Servers::Listed(rows, control) => {
                let peer = control.as_ref().and_then(|control| control.place().address);
                let snapshot = Snapshot {
                    rows,
                    contact: Some(endpoint(asked)),
                    peer,
                };
                let result = REGISTRY.bootstrapped(turn, &snapshot, now, &mut random());
                match result {
                    Ok(bootstrapped) => {
                        note_rejected(&bootstrapped, &asked.name);
                        (bootstrapped, control)
                    }
                    Err(error) => {
                        note(
                            Subject::Refresh,
                            Level::Warning,
                            format!("{}: {error}", self.describe(host)),
                        );
                        attempts.push(Attempt {
                            place: self.describe(host),
                            error: error.into(),
                        });
                        return Ok(Err(attempts));
                    }
                }
            }
        };
        if bootstrapped.is_new {
            attend(&bootstrapped.cluster, &self.options, control);
        } else if let Some(control) = control {
            end(control);
        }
        Ok(Ok(bootstrapped.cluster))
    }

    fn describe(&self, host: usize) -> String {
        match self.options.hosts.get(host) {
            Some(host) => format!(
                "asking \"{}\", port {}, for the nodes",
                host.name, host.port
            ),
            None => "asking for the nodes".to_owned(),
        }
    }
}

impl Steps for Finder {
    type Output = Found;

    fn step(&mut self, now: Instant, mut resolved: Answer) -> Result<ConnectStep<Found>, Error> {
        loop {
            if let Some(lead) = self.lead.take() {
                return self.lead(lead, now, &mut resolved);
            }
            if let Some(step) = self.begin(now)? {
                return Ok(step);
            }
        }
    }

    fn wait(&self, wait: Wait, timeout: Option<Duration>) -> Result<(), Error> {
        if let Some(Lead {
            asking: Some((_, fetch)),
            ..
        }) = &self.lead
        {
            return fetch.wait(wait, timeout);
        }
        wait_for_bell(self.bell.as_ref(), timeout)
    }
}

/// Finds the cluster that a connection string leads to, for who wants to know about it.
#[derive(Debug)]
pub struct FindCluster(FindState);

#[derive(Debug)]
enum FindState {
    Start(Arc<ConnectOptions>),
    Finding(Box<Finder>),
}

impl FindCluster {
    /// The operation; `options` are those of [`ConnectOptions::for_cluster`].
    pub fn new(options: Arc<ConnectOptions>) -> FindCluster {
        FindCluster(FindState::Start(options))
    }
}

impl Steps for FindCluster {
    type Output = Arc<Cluster>;

    fn step(&mut self, now: Instant, resolved: Answer) -> Result<ConnectStep<Arc<Cluster>>, Error> {
        if let FindState::Start(options) = &self.0 {
            let deadline = options.connect_timeout.map(|timeout| now + timeout);
            let finder = Finder::new(options.clone(), true, deadline);
            self.0 = FindState::Finding(Box::new(finder));
        }
        let FindState::Finding(finder) = &mut self.0 else {
            return Err(Error::Closed);
        };
        match finder.step(now, resolved)?.done() {
            Err(wait) => Ok(wait),
            Ok(Found::Cluster(cluster)) => Ok(ConnectStep::Done(cluster)),
            Ok(Found::Unavailable(attempts)) => Err(Error::Connect(attempts)),
        }
    }

    fn wait(&self, wait: Wait, timeout: Option<Duration>) -> Result<(), Error> {
        match &self.0 {
            FindState::Start(_) => Err(Error::Closed),
            FindState::Finding(finder) => finder.wait(wait, timeout),
        }
    }
}

/// Waits for a bell, in this thread.
pub(crate) fn wait_for_bell(bell: Option<&Bell>, timeout: Option<Duration>) -> Result<(), Error> {
    let bell = bell.ok_or(Error::Closed)?;
    match poll::wait(bell, true, false, timeout) {
        Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
            Err(Error::io("waiting for another connection")(error))
        }
        _ => Ok(()),
    }
}

/// Whether time was what lacked: more of it may help.
fn is_late(error: &Error) -> bool {
    match error {
        Error::Timeout { .. } => true,
        Error::Connect(attempts) => attempts.iter().any(|attempt| is_late(&attempt.error)),
        _ => false,
    }
}

fn end(mut control: Box<PgConn>) {
    control.close();
}

fn note_static(asked: &HostOptions, hosts: usize) {
    let text = format!(
        "\"{}\", port {}, has no function yb_servers(): it is plain PostgreSQL, and connections \
         spread over the configured hosts ({hosts}) alone",
        asked.name, asked.port
    );
    note(Subject::Refresh, Level::Warning, text);
}

fn note_rejected(bootstrapped: &Bootstrapped, host: &str) {
    let rejected = &bootstrapped.report.rejected;
    if let Some(first) = rejected.first() {
        let text = format!(
            "{} rows of yb_servers() at \"{host}\" make no sense and are left out, row {} the first: {:?}",
            rejected.len(),
            first.row,
            first.reason
        );
        note(Subject::Refresh, Level::Warning, text);
    }
}

impl ClusterOptions {
    /// Whether a failure of somebody else a moment ago keeps us from asking.
    pub(crate) fn insists(&self) -> bool {
        !self.search.allows_contacts()
    }
}
