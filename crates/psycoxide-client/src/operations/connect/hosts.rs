//! Connecting to a list of hosts: one after the other, each of its addresses, with as much TLS as is
//! wanted.
//!
//! Nothing of one attempt is used for another: address, TLS state and password belong to the host
//! they were configured for. What the clock says and what a name resolves to come from the caller.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS>

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use psycoxide_connection::auth::Authenticator;
use psycoxide_connection::{Event, Machine, StartupOptions};
use psycoxide_transport::tls::SslMode;
use psycoxide_transport::{Stream, Target};

use super::super::open::{Encryption, Open};
use super::super::session_attrs::{SessionAttrs, Verdict};
use super::super::{Step, Wait, exchange};
use super::{Answer, ConnectStep, Steps};
use crate::error::{Attempt, Error};
use crate::options::{ConnectOptions, HostAddress, HostOptions};
use crate::pgconn::PgConn;
use crate::place::Place;

/// What is being done at the present address.
#[derive(Debug)]
enum Phase {
    /// Between two attempts.
    Next,
    /// A name is being resolved.
    Resolving,
    Opening(Box<Open>),
    Starting {
        pgconn: Box<PgConn>,
        /// Whether it is encrypted: a connection that has failed does not tell.
        encrypted: bool,
    },
    /// The server was asked what kind it is, and has said so or not yet.
    Asking(Box<PgConn>, Option<bool>),
}

/// In what a connection differs from the one its options describe.
#[derive(Debug, Default)]
pub(crate) struct Variation {
    /// Other hosts than the configured ones.
    pub(crate) hosts: Option<Vec<HostOptions>>,
    /// All attempts share the time until then; otherwise each has the whole `connect_timeout`.
    pub(crate) deadline: Option<Instant>,
    /// Another kind of server.
    pub(crate) session_attrs: Option<SessionAttrs>,
    /// Other parameters for the server.
    pub(crate) startup_parameters: Option<Vec<(Vec<u8>, Vec<u8>)>>,
}

/// Connects to the first host that lets us in.
#[derive(Debug)]
pub(crate) struct ConnectHosts {
    options: Arc<ConnectOptions>,
    variation: Variation,
    /// The hosts not tried yet, as indices.
    hosts: VecDeque<usize>,
    host: usize,
    addresses: VecDeque<Target>,
    target: Option<Target>,
    plan: VecDeque<Encryption>,
    encryption: Encryption,
    phase: Phase,
    /// The kind of server wanted now; less is wanted of the second round of `prefer-standby`.
    session_attrs: SessionAttrs,
    order: Vec<usize>,
    /// The end of the present attempt, and how long it may take.
    deadline: Option<Instant>,
    allowance: Duration,
    attempts: Vec<Attempt>,
}

impl ConnectHosts {
    /// The operation that connects. `order`: the hosts in the order in which to try them.
    pub(crate) fn new(
        options: Arc<ConnectOptions>,
        order: impl IntoIterator<Item = usize>,
        variation: Variation,
    ) -> ConnectHosts {
        let order: Vec<usize> = order.into_iter().collect();
        ConnectHosts {
            session_attrs: variation.session_attrs.unwrap_or(options.session_attrs),
            options,
            variation,
            hosts: order.iter().copied().collect(),
            order,
            host: 0,
            addresses: VecDeque::new(),
            target: None,
            plan: VecDeque::new(),
            encryption: Encryption::Plain,
            phase: Phase::Next,
            deadline: None,
            allowance: Duration::ZERO,
            attempts: Vec::new(),
        }
    }

    /// The operation that connects to one host, different from the options as `variation` says.
    pub(crate) fn one(
        options: Arc<ConnectOptions>,
        host: HostOptions,
        variation: Variation,
    ) -> ConnectHosts {
        let hosts = Some(vec![host]);
        ConnectHosts::new(options, [0], Variation { hosts, ..variation })
    }

    fn advance(
        &mut self,
        now: Instant,
        resolved: &mut Answer,
    ) -> Result<Option<ConnectStep>, Error> {
        if !matches!(self.phase, Phase::Next) && self.deadline.is_some_and(|end| now >= end) {
            return Err(Error::Timeout {
                doing: "connecting",
                after: self.allowance,
            });
        }
        match &mut self.phase {
            Phase::Next => self.next_attempt(now),
            Phase::Resolving => match resolved.take() {
                None => Ok(Some(self.resolve_step()?)),
                Some(answer) => {
                    let addresses = answer.map_err(Error::io("resolving the host name"))?;
                    self.addresses = addresses.into_iter().map(Target::Tcp).collect();
                    if self.options.shuffle {
                        crate::cluster::random().shuffle(self.addresses.make_contiguous());
                    }
                    self.phase = Phase::Next;
                    if self.addresses.is_empty() {
                        let none = io::Error::new(io::ErrorKind::NotFound, "no address found");
                        return Err(Error::io("resolving the host name")(none));
                    }
                    self.plan.clear();
                    Ok(None)
                }
            },
            Phase::Opening(open) => match open.step()? {
                Step::Wait(wait) => {
                    let fd = open.fd().ok_or(Error::Closed)?;
                    Ok(Some(ConnectStep::Io(fd, wait, self.deadline)))
                }
                Step::Done(stream) => {
                    let place = open.place().clone();
                    let pgconn = Box::new(self.start(stream, place)?);
                    let encrypted = pgconn.tls_info().is_some();
                    self.phase = Phase::Starting { pgconn, encrypted };
                    Ok(None)
                }
            },
            Phase::Starting { pgconn, .. } => {
                let step = exchange(pgconn, |_, event| match event {
                    Event::Ready(_) => Ok(Some(())),
                    _ => Ok(None),
                })?;
                match step {
                    Step::Wait(wait) => {
                        let fd = pgconn.fd().ok_or(Error::Closed)?;
                        Ok(Some(ConnectStep::Io(fd, wait, self.deadline)))
                    }
                    Step::Done(()) => match self.session_attrs.judge(pgconn.machine()) {
                        Verdict::Suits => self.done(),
                        Verdict::Refused(reason) => Err(Error::SessionAttrs { reason }),
                        Verdict::Ask(query) => {
                            pgconn.machine_mut().query(query, 0)?;
                            match std::mem::replace(&mut self.phase, Phase::Next) {
                                Phase::Starting { pgconn, .. } => {
                                    self.phase = Phase::Asking(pgconn, None);
                                    Ok(None)
                                }
                                _ => Err(Error::Closed),
                            }
                        }
                    },
                }
            }
            Phase::Asking(pgconn, answer) => {
                let step = exchange(pgconn, |_, event| match event {
                    Event::Result(result) => {
                        let body = result.rows.row(0).unwrap_or_default();
                        let value = psycoxide_protocol::data_row::column(body, 0);
                        *answer = value
                            .ok()
                            .flatten()
                            .map(|value| matches!(value, b"on" | b"t"));
                        Ok(None)
                    }
                    Event::Ready(_) => Ok(Some(())),
                    _ => Ok(None),
                })?;
                if let Step::Wait(wait) = step {
                    let fd = pgconn.fd().ok_or(Error::Closed)?;
                    return Ok(Some(ConnectStep::Io(fd, wait, self.deadline)));
                }
                let reason = "the server does not say whether it is read-only or a standby";
                match answer.map(|yes| self.session_attrs.answer(yes)) {
                    Some(Verdict::Suits) => self.done(),
                    Some(Verdict::Refused(reason)) => Err(Error::SessionAttrs { reason }),
                    _ => Err(Error::SessionAttrs { reason }),
                }
            }
        }
    }

    fn done(&mut self) -> Result<Option<ConnectStep>, Error> {
        match std::mem::replace(&mut self.phase, Phase::Next) {
            Phase::Starting { pgconn, .. } | Phase::Asking(pgconn, _) => {
                Ok(Some(ConnectStep::Done(pgconn)))
            }
            _ => Err(Error::Closed),
        }
    }

    /// Begins the next attempt: the same address with less TLS, another address, another host.
    fn next_attempt(&mut self, now: Instant) -> Result<Option<ConnectStep>, Error> {
        if self.variation.deadline.is_some_and(|end| now >= end) && !self.attempts.is_empty() {
            return Err(Error::Connect(Vec::new()));
        }
        if let (Some(encryption), Some(target)) = (self.plan.pop_front(), self.target.clone()) {
            return self.open(now, target, encryption);
        }
        if let Some(target) = self.addresses.pop_front() {
            self.plan = match &target {
                // There is no TLS on a unix socket.
                Target::Unix(_) => [Encryption::Plain].into(),
                Target::Tcp(_) => plan(self.options.ssl_mode),
            };
            let encryption = self.plan.pop_front().unwrap_or(Encryption::Plain);
            self.target = Some(target.clone());
            return self.open(now, target, encryption);
        }
        if self.hosts.is_empty() && self.session_attrs == SessionAttrs::PreferStandby {
            self.session_attrs = SessionAttrs::Any;
            self.hosts = self.order.iter().copied().collect();
        }
        let Some(host) = self.hosts.pop_front() else {
            return Err(Error::Connect(Vec::new()));
        };
        self.host = host;
        self.target = None;
        self.plan.clear();
        let address = self.host_options()?.address.clone();
        match address {
            HostAddress::Unix(path) => self.addresses.push_back(Target::Unix(path)),
            HostAddress::Ip(ip) => {
                let port = self.host_options()?.port;
                self.addresses
                    .push_back(Target::Tcp(SocketAddr::new(ip, port)));
            }
            HostAddress::Name(_) => {
                self.phase = Phase::Resolving;
                self.start_clock(now);
            }
        }
        Ok(None)
    }

    fn open(
        &mut self,
        now: Instant,
        target: Target,
        encryption: Encryption,
    ) -> Result<Option<ConnectStep>, Error> {
        self.encryption = encryption;
        self.start_clock(now);
        // So that a connector that cannot be made is told of with the place.
        self.target = Some(target);
        let place = self.place(encryption != Encryption::Plain)?;
        self.phase = Phase::Opening(Box::new(Open::new(place, encryption)));
        Ok(None)
    }

    /// Gives the attempt that begins its time.
    fn start_clock(&mut self, now: Instant) {
        let timeout = match self.variation.deadline {
            None => self.options.connect_timeout,
            Some(end) => {
                let left = end.saturating_duration_since(now);
                let places = 1 + self.addresses.len() + self.hosts.len();
                Some(psycoxide_cluster::attempt_share(left, places))
            }
        };
        self.deadline = timeout.map(|timeout| now + timeout);
        self.allowance = timeout.unwrap_or_default();
    }

    fn start(&self, stream: Stream, place: Place) -> Result<PgConn, Error> {
        let host = self.host_options()?;
        let options = &self.options;
        if let Some(required) = &options.require_peer
            && place.is_unix()
        {
            crate::options::check_peer(&stream, required)?;
        }
        let tls = stream.tls_info();
        let end_point = tls.as_ref().map(|tls| tls.server_end_point.as_deref());
        let authenticator: Authenticator = options.authenticator(host, end_point)?;
        let mut machine = Machine::default();
        let startup = StartupOptions {
            parameters: match &self.variation.startup_parameters {
                Some(parameters) => parameters.clone(),
                None => options.startup_parameters.clone(),
            },
            protocol_minor: options.protocol_minor,
            minimum_protocol_minor: options.minimum_protocol_minor,
        };
        machine.start(startup, authenticator)?;
        Ok(PgConn::new(stream, machine, place))
    }

    /// Notes a failure. An error when it is of no use to go on.
    fn failed(&mut self, error: Error) -> Result<(), Error> {
        if let Error::Connect(attempts) = &error
            && attempts.is_empty()
        {
            return Err(Error::Connect(std::mem::take(&mut self.attempts)));
        }
        if !self.other_encryption_may_help(&error) {
            self.plan.clear();
        }
        let final_word = is_final(&error);
        let place = match &self.phase {
            Phase::Resolving => self.unresolved_place(),
            _ => self
                .place(false)
                .map_or_else(|_| self.unresolved_place(), |place| place.to_string()),
        };
        self.phase = Phase::Next;
        self.attempts.push(Attempt { place, error });
        if final_word && self.plan.is_empty() {
            return Err(Error::Connect(std::mem::take(&mut self.attempts)));
        }
        Ok(())
    }

    /// Whether the same address is worth another try with more or less TLS.
    fn other_encryption_may_help(&self, error: &Error) -> bool {
        if self.plan.is_empty() {
            return false;
        }
        // The next address, or host, has a time of its own; this one had its chance.
        if matches!(error, Error::Timeout { .. }) {
            return false;
        }
        // "no pg_hba.conf entry for host …, no encryption": the server wants it the other way.
        // Never after a password was sent: it would only be tried twice, and maybe in the clear.
        let rejected = |pgconn: &PgConn| {
            let fields = error.server_fields();
            !pgconn.machine().used_password()
                && fields.is_some_and(|fields| fields.sqlstate() == Some("28000"))
        };
        match (self.options.ssl_mode, &self.phase) {
            (SslMode::Allow, Phase::Starting { pgconn, .. }) => rejected(pgconn),
            (SslMode::Prefer, Phase::Starting { pgconn, encrypted }) => {
                *encrypted && rejected(pgconn)
            }
            (SslMode::Prefer, Phase::Opening(open)) => {
                matches!(error, Error::Tls(_) | Error::TlsFailed) || open.is_encrypting()
            }
            // TLS cannot even be set up.
            (SslMode::Prefer, _) => matches!(error, Error::Tls(_)),
            _ => false,
        }
    }

    fn host_options(&self) -> Result<&HostOptions, Error> {
        let hosts = self.variation.hosts.as_ref();
        hosts
            .unwrap_or(&self.options.hosts)
            .get(self.host)
            .ok_or(Error::Misuse("there is no host to connect to"))
    }

    fn place(&self, tls: bool) -> Result<Place, Error> {
        let host = self.host_options()?;
        let target = self
            .target
            .clone()
            .ok_or(Error::Misuse("no address is being tried"))?;
        let address: Option<IpAddr> = match &target {
            Target::Tcp(address) => Some(address.ip()),
            Target::Unix(_) => None,
        };
        let wanted = tls && address.is_some();
        Ok(Place {
            host: host.name.clone(),
            host_origin: host.name_origin.clone(),
            address,
            port: host.port,
            port_origin: host.port_origin.clone(),
            target,
            socket: self.options.socket.clone(),
            connector: if wanted {
                Some(self.options.connector()?)
            } else {
                None
            },
            direct_tls: self.options.direct_tls,
            tls_name: host.tls_name.clone(),
        })
    }

    fn unresolved_place(&self) -> String {
        match self.host_options() {
            Ok(host) => format!(
                "connection to server at \"{}\"{}, port {}{}",
                host.name, host.name_origin, host.port, host.port_origin
            ),
            Err(_) => "connection".to_owned(),
        }
    }

    fn resolve_step(&self) -> Result<ConnectStep, Error> {
        let host = self.host_options()?;
        let HostAddress::Name(name) = &host.address else {
            return Err(Error::Misuse("there is no name to resolve"));
        };
        let deadline = self.deadline;
        Ok(ConnectStep::Resolve {
            host: name.clone(),
            port: host.port,
            deadline,
        })
    }
}

impl Steps for ConnectHosts {
    type Output = Box<PgConn>;

    fn step(&mut self, now: Instant, mut resolved: Answer) -> Result<ConnectStep, Error> {
        loop {
            let step = self.advance(now, &mut resolved);
            match step {
                Ok(Some(step)) => return Ok(step),
                Ok(None) => {}
                Err(error) => self.failed(error)?,
            }
        }
    }

    fn wait(&self, wait: Wait, timeout: Option<Duration>) -> Result<(), Error> {
        match &self.phase {
            Phase::Opening(open) => open.wait(wait, timeout),
            Phase::Starting { pgconn, .. } | Phase::Asking(pgconn, _) => pgconn.wait(wait, timeout),
            Phase::Next | Phase::Resolving => Err(Error::Closed),
        }
    }
}

/// The attempts at one address.
fn plan(mode: SslMode) -> VecDeque<Encryption> {
    match mode {
        SslMode::Disable => [Encryption::Plain].into(),
        SslMode::Allow => [Encryption::Plain, Encryption::Required].into(),
        SslMode::Prefer => [Encryption::IfOffered, Encryption::Plain].into(),
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => [Encryption::Required].into(),
    }
}

/// Whether no other host is to be tried: one was reached and refused us for what we are or ask
/// for. A wrong password sent to every host would lock the account.
fn is_final(error: &Error) -> bool {
    if let Error::Machine(psycoxide_connection::Error::Auth(_)) = error {
        return true;
    }
    match error.server_fields().and_then(|fields| fields.sqlstate()) {
        None => false,
        // Shutting down, starting up, too many connections: another host may do.
        Some(state) => !(state.starts_with("57P") || state.starts_with("53")),
    }
}
