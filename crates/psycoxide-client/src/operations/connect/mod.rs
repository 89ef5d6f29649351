//! Connecting: to the first of the configured hosts, or to a node of the cluster behind them.
//!
//! Whoever runs the operation waits for descriptors and resolves names, and need not know which of
//! the two it is.

mod balanced;
mod hosts;

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Wait;
use crate::error::Error;
use crate::options::ConnectOptions;
use crate::pgconn::PgConn;

use balanced::Balanced;
pub(crate) use hosts::{ConnectHosts, Variation};

/// What a name resolves to, if that was asked for and came in time.
pub type Answer = Option<io::Result<Vec<SocketAddr>>>;

/// What a step of an operation that connects came to.
#[derive(Debug)]
pub enum ConnectStep<T = Box<PgConn>> {
    /// Wait for the descriptor, until the deadline at most; then call again, whatever happened.
    Io(RawFd, Wait, Option<Instant>),
    /// Resolve this host and give the answer to the next step.
    Resolve {
        /// The name.
        host: String,
        /// The port, for the addresses that result.
        port: u16,
        /// Until when.
        deadline: Option<Instant>,
    },
    /// That is what was wanted.
    Done(T),
}

impl<T> ConnectStep<T> {
    /// The output if it is done, else the same step of an operation with another output.
    pub(crate) fn done<U>(self) -> Result<T, ConnectStep<U>> {
        match self {
            ConnectStep::Done(output) => Ok(output),
            ConnectStep::Io(fd, wait, deadline) => Err(ConnectStep::Io(fd, wait, deadline)),
            ConnectStep::Resolve {
                host,
                port,
                deadline,
            } => Err(ConnectStep::Resolve {
                host,
                port,
                deadline,
            }),
        }
    }
}

/// An operation that connects, resumed by whoever can wait.
pub trait Steps {
    /// What comes of it.
    type Output;

    /// Does all that can be done now. `resolved`: the answer, if the last step asked for one.
    ///
    /// # Errors
    /// [`Error::Connect`] with all attempts, when there is nothing left to try.
    fn step(&mut self, now: Instant, resolved: Answer) -> Result<ConnectStep<Self::Output>, Error>;

    /// Waits for the descriptor that the last step named; see [`PgConn::wait`].
    ///
    /// # Errors
    /// When there is none.
    fn wait(&self, wait: Wait, timeout: Option<Duration>) -> Result<(), Error>;
}

/// Connects as the options say.
#[derive(Debug)]
pub struct Connect(Way);

#[derive(Debug)]
enum Way {
    Hosts(Box<ConnectHosts>),
    Balanced(Box<Balanced>),
}

impl Connect {
    /// The operation that connects. `order`: the hosts in the order in which to try them.
    pub fn new(options: Arc<ConnectOptions>, order: impl IntoIterator<Item = usize>) -> Connect {
        Connect(if options.cluster.is_some() {
            Way::Balanced(Box::new(Balanced::new(options, order)))
        } else {
            let hosts = ConnectHosts::new(options, order, Variation::default());
            Way::Hosts(Box::new(hosts))
        })
    }
}

impl Steps for Connect {
    type Output = Box<PgConn>;

    fn step(&mut self, now: Instant, resolved: Answer) -> Result<ConnectStep, Error> {
        match &mut self.0 {
            Way::Hosts(connect) => connect.step(now, resolved),
            Way::Balanced(connect) => connect.step(now, resolved),
        }
    }

    fn wait(&self, wait: Wait, timeout: Option<Duration>) -> Result<(), Error> {
        match &self.0 {
            Way::Hosts(connect) => connect.wait(wait, timeout),
            Way::Balanced(connect) => connect.wait(wait, timeout),
        }
    }
}
