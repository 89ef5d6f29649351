//! A connection: the machine and the stream it talks through.
//!
//! [`PgConn`] moves bytes between the two and keeps what came in by itself: notices,
//! notifications, changes of reported settings. It never waits longer than the stream's blocking
//! interval: an operation that needs more says so to whoever drives it.

mod answers;
mod copy;
mod exec;
mod io;
mod password;
mod pipeline;
mod send;
mod tracer;

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use psycoxide_connection::{Machine, Notification};
use psycoxide_protocol::TransactionStatus;
use psycoxide_protocol::backend::ErrorFields;
use psycoxide_transport::{Descriptor, Stream, TlsInfo};

use crate::cluster::Member;
use crate::error::Error;
use crate::operations::cancel::CancelTarget;
use crate::place::Place;
use tracer::Tracer;

pub use answers::{Answer, Answers, GetResult};
pub use copy::{CopyOut, GetCopyData};
pub use exec::{Exec, Flush};
pub use io::Polled;
pub(crate) use io::wait_for;
pub use password::{PasswordAlgorithm, encrypt_password};
pub use send::SendCommand;
pub use tracer::Traced;

/// How long one read in blocking mode may last before the caller gets the word: it then looks for
/// signals that another thread may have taken.
pub const BLOCKING_INTERVAL: Duration = Duration::from_millis(100);

/// How much may be read before whoever drives the operation gets the word, although more is there:
/// signals, deadlines and other tasks have their turn also while a server sends without end.
const ALLOWANCE: usize = 8 << 20;
/// What a read costs of it, beside its bytes.
const READ_COST: usize = 16 << 10;

/// An established connection to one server.
#[derive(Debug)]
pub struct PgConn {
    /// `None` once it is closed or lost.
    stream: Option<Stream>,
    pub(crate) machine: Machine,
    place: Place,
    blocking: bool,
    /// The last read left nothing behind in the socket.
    drained: bool,
    /// What is left of [`ALLOWANCE`].
    allowance: usize,
    /// What broke while sending; the server's reason may still be there to read.
    send_error: Option<std::io::Error>,
    /// What broke while receiving, when something received before is still to be used.
    hangup: Option<std::io::Error>,
    #[expect(
        clippy::vec_box,
        reason = "they come boxed, which keeps events small, and go on as they are"
    )]
    notices: Vec<Box<ErrorFields>>,
    notifications: Vec<Notification>,
    /// Counts changes of reported settings.
    settings_version: u64,
    /// Keeps the messages, while somebody traces them.
    tracer: Option<Box<Tracer>>,
    /// Its place at the node of a cluster.
    member: Option<Box<Member>>,
}

impl PgConn {
    pub(crate) fn new(stream: Stream, machine: Machine, place: Place) -> PgConn {
        PgConn {
            stream: Some(stream),
            machine,
            place,
            blocking: false,
            drained: false,
            allowance: ALLOWANCE,
            send_error: None,
            hangup: None,
            notices: Vec::new(),
            notifications: Vec::new(),
            settings_version: 1,
            tracer: None,
            member: None,
        }
    }

    /// What stands for a connection before it is made, and after that has failed.
    pub fn unconnected() -> PgConn {
        let mut machine = Machine::default();
        machine.close();
        PgConn {
            stream: None,
            machine,
            place: Place::nowhere(),
            blocking: false,
            drained: false,
            allowance: ALLOWANCE,
            send_error: None,
            hangup: None,
            notices: Vec::new(),
            notifications: Vec::new(),
            settings_version: 0,
            tracer: None,
            member: None,
        }
    }

    /// Whether reads wait for data.
    #[inline]
    pub fn is_blocking(&self) -> bool {
        self.blocking
    }

    /// Whether reads wait (up to [`BLOCKING_INTERVAL`]) for data.
    ///
    /// # Errors
    /// When the socket refuses.
    pub fn set_blocking(&mut self, blocking: bool) -> Result<(), Error> {
        self.blocking = blocking;
        if let Some(stream) = &mut self.stream {
            let interval = blocking.then_some(BLOCKING_INTERVAL);
            stream
                .set_blocking(interval)
                .map_err(Error::io("setting up the socket"))?;
        }
        Ok(())
    }

    /// The socket, while the connection is open.
    pub fn fd(&self) -> Option<RawFd> {
        Some(self.stream.as_ref()?.as_fd().as_raw_fd())
    }

    /// What keeps the number of the socket, while the connection is open: for who has it watched.
    pub fn descriptor(&self) -> Option<Descriptor> {
        self.stream.as_ref().map(Stream::descriptor)
    }

    /// Whether the connection can be used.
    pub fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// The connection leads to the node of a cluster.
    pub(crate) fn join(&mut self, member: Member) {
        self.member = Some(Box::new(member));
    }

    /// Its place at the node of a cluster, if it was spread to one; known also after the end.
    pub fn member(&self) -> Option<&Member> {
        self.member.as_deref()
    }

    /// Where the connection leads.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The state machine, for what it knows about the session.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The state machine, to queue commands on; follow with an operation that answers them.
    pub fn machine_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// The transaction status.
    #[inline]
    pub fn transaction_status(&self) -> TransactionStatus {
        if self.stream.is_none() {
            return TransactionStatus::Unknown;
        }
        self.machine.transaction_status()
    }

    /// What is known of the encryption; `None` on an unencrypted connection.
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.stream.as_ref()?.tls_info()
    }

    /// Counts changes of the settings that the server reports.
    #[inline]
    pub fn settings_version(&self) -> u64 {
        self.settings_version
    }

    /// Whether notices or notifications have come, or messages were traced.
    #[inline]
    pub fn has_news(&self) -> bool {
        !self.notices.is_empty() || !self.notifications.is_empty() || self.has_traced()
    }

    /// The notices that came since the last call.
    pub fn take_notices(&mut self) -> Vec<Box<ErrorFields>> {
        std::mem::take(&mut self.notices)
    }

    /// The notifications that came since the last call.
    pub fn take_notifications(&mut self) -> Vec<Notification> {
        std::mem::take(&mut self.notifications)
    }

    /// The first of the notifications that came.
    pub fn next_notification(&mut self) -> Option<Notification> {
        if self.notifications.is_empty() {
            return None;
        }
        Some(self.notifications.remove(0))
    }

    /// What is needed to ask the server to cancel what runs here, from any thread.
    pub fn cancel_target(&self) -> Option<CancelTarget> {
        let key = self.machine.backend_key()?.clone();
        Some(CancelTarget::new(
            self.place.clone(),
            self.tls_info().is_some(),
            key,
        ))
    }

    /// Ends the session in good order, as far as that is possible without waiting, and closes.
    pub fn close(&mut self) {
        if self.stream.is_some() && self.machine.is_ready() {
            self.machine.terminate();
            if let Some(stream) = &mut self.stream {
                // The server notices the end of the connection anyway.
                let _ = stream.write(self.machine.outgoing());
                stream.close_notify();
            }
        }
        if let Some(member) = &mut self.member {
            member.closed();
        }
        self.lose();
    }

    /// Closes without a word.
    pub fn lose(&mut self) {
        self.machine.close();
        self.stream = None;
        if let Some(member) = &mut self.member {
            member.lost();
        }
    }
}
