//! Asking a server for the nodes of its cluster.
//!
//! The rule it guards: whatever the server answers, and however slowly, it takes no longer than the
//! time given and no more rows than a cluster can have.
//! <https://docs.yugabyte.com/stable/api/ysql/exprs/func_yb_servers/>

use std::sync::Arc;
use std::time::{Duration, Instant};

use psycoxide_cluster::ServerRow;
use psycoxide_connection::{Event, ExecStatus, QueryResult};
use psycoxide_protocol::backend::ErrorFields;
use psycoxide_protocol::data_row;

use super::options::ClusterOptions;
use crate::error::Error;
use crate::operations::connect::{Answer, ConnectHosts, ConnectStep, Steps, Variation};
use crate::operations::session_attrs::SessionAttrs;
use crate::operations::{Step, Wait, exchange};
use crate::options::{ConnectOptions, HostOptions};
use crate::pgconn::PgConn;

/// Where YugabyteDB has it. Found by the search path it could be anybody's who may create functions:
/// it would say where connections go, and run with the rights of who connects.
const QUERY: &[u8] = b"SELECT * FROM pg_catalog.yb_servers()";

/// Where else a superuser has put one, as in a stand-in for a cluster: its schema, quoted.
const ELSEWHERE: &[u8] = b"\
    SELECT pg_catalog.quote_ident(n.nspname) AS schema \
    FROM pg_catalog.pg_proc p \
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
    JOIN pg_catalog.pg_roles r ON r.oid = p.proowner \
    WHERE p.proname = 'yb_servers' AND p.pronargs = 0 AND r.rolsuper \
    AND n.nspname = ANY (pg_catalog.current_schemas(false)) \
    ORDER BY pg_catalog.array_position(pg_catalog.current_schemas(false), n.nspname) LIMIT 1";

/// What connections call themselves that ask for the nodes, or try whether one is back.
const APPLICATION_NAME: &[u8] = b"psycoxide-control";

/// The SQLSTATE of a function that is not there.
const UNDEFINED_FUNCTION: &str = "42883";

/// How many rows are received at once, and how many at all.
const CHUNK: usize = 256;
const MOST_ROWS: usize = 4096;

/// Rows that make so many results are not rows.
const MOST_RESULTS: usize = 2 * MOST_ROWS / CHUNK;

/// What a server says of its cluster.
#[derive(Debug)]
pub(crate) enum Servers {
    /// These nodes. The connection can be asked again, unless it was cut off.
    Listed(Vec<ServerRow>, Option<Box<PgConn>>),
    /// It does not know the function: it is plain PostgreSQL.
    Unknown,
}

/// Connects, if need be, and asks.
#[derive(Debug)]
pub(crate) struct FetchServers {
    options: Arc<ConnectOptions>,
    phase: Phase,
    rows: Vec<ServerRow>,
    results: usize,
    question: Question,
    problem: Option<Box<ErrorFields>>,
    deadline: Instant,
    allowance: Duration,
}

/// What the server is being asked.
#[derive(Debug)]
enum Question {
    /// The list, where YugabyteDB has it.
    List,
    /// Where else the function is; the schema that was answered.
    Where(Option<Vec<u8>>),
    /// The list, by that function.
    ListElsewhere,
}

#[derive(Debug)]
enum Phase {
    Connecting(Box<ConnectHosts>),
    Asking(Box<PgConn>),
    Over,
}

impl FetchServers {
    /// Asks a host that is to be connected to.
    pub(crate) fn at(
        options: &Arc<ConnectOptions>,
        host: HostOptions,
        now: Instant,
        allowance: Duration,
    ) -> FetchServers {
        let connect = control_connect(options, host, now + allowance);
        FetchServers::new(
            options,
            Phase::Connecting(Box::new(connect)),
            now,
            allowance,
        )
    }

    /// Asks over a connection that is open.
    pub(crate) fn over(
        options: &Arc<ConnectOptions>,
        mut pgconn: Box<PgConn>,
        now: Instant,
        allowance: Duration,
    ) -> Result<FetchServers, Error> {
        pgconn.machine_mut().query(QUERY, CHUNK)?;
        Ok(FetchServers::new(
            options,
            Phase::Asking(pgconn),
            now,
            allowance,
        ))
    }

    fn new(
        options: &Arc<ConnectOptions>,
        phase: Phase,
        now: Instant,
        allowance: Duration,
    ) -> FetchServers {
        FetchServers {
            options: options.clone(),
            phase,
            rows: Vec::new(),
            results: 0,
            question: Question::List,
            problem: None,
            deadline: now + allowance,
            allowance,
        }
    }

    /// Whether the server has let us in.
    pub(crate) fn is_logged_in(&self) -> bool {
        !matches!(self.phase, Phase::Connecting(_))
    }

    fn take(&mut self, result: &QueryResult) {
        self.results += 1;
        if result.status == ExecStatus::FatalError {
            if let Some(fields) = &result.error {
                self.problem.get_or_insert_with(|| fields.clone());
            }
            return;
        }
        if let Question::Where(schema) = &mut self.question {
            let row = result.rows.row(0).unwrap_or_default();
            *schema = data_row::column(row, 0).ok().flatten().map(<[u8]>::to_vec);
            return;
        }
        let wanted = MOST_ROWS.saturating_sub(self.rows.len());
        for index in 0..result.rows.len().min(wanted) {
            let row = read_row(result, index, self.options.cluster.as_ref());
            self.rows.push(row);
        }
    }

    /// Receives the answer: whether all of it has come, or there was too much.
    fn receive(&mut self, pgconn: &mut PgConn) -> Result<Step<bool>, Error> {
        loop {
            // One result at a time, so that the bounds below have their say.
            let step = exchange(pgconn, |_, event| match event {
                Event::Result(result) => Ok(Some(Some(result))),
                Event::Ready(_) => Ok(Some(None)),
                _ => Ok(None),
            })?;
            match step {
                Step::Wait(wait) => return Ok(Step::Wait(wait)),
                Step::Done(Some(result)) => self.take(&result),
                Step::Done(None) => return Ok(Step::Done(true)),
            }
            if self.rows.len() >= MOST_ROWS || self.results > MOST_RESULTS {
                return Ok(Step::Done(false));
            }
        }
    }

    fn ask(&mut self) -> Result<ConnectStep<Servers>, Error> {
        let Phase::Asking(mut pgconn) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return Err(Error::Closed);
        };
        loop {
            let is_whole = match self.receive(&mut pgconn)? {
                Step::Wait(wait) => {
                    let fd = pgconn.fd().ok_or(Error::Closed)?;
                    self.phase = Phase::Asking(pgconn);
                    return Ok(ConnectStep::Io(fd, wait, Some(self.deadline)));
                }
                Step::Done(is_whole) => is_whole,
            };
            let problem = self.problem.take();
            let sqlstate = problem.as_ref().and_then(|fields| fields.sqlstate());
            match (&mut self.question, sqlstate.unwrap_or_default()) {
                (Question::List, UNDEFINED_FUNCTION) if is_whole => {
                    pgconn.machine_mut().query(ELSEWHERE, CHUNK)?;
                    self.question = Question::Where(None);
                }
                (Question::Where(Some(schema)), "") if is_whole => {
                    let query = [b"SELECT * FROM ", &schema[..], b".yb_servers()"].concat();
                    pgconn.machine_mut().query(&query, CHUNK)?;
                    self.question = Question::ListElsewhere;
                }
                // It has none, or is so unlike PostgreSQL that it cannot say.
                (Question::Where(_), _) => {
                    pgconn.close();
                    return Ok(ConnectStep::Done(Servers::Unknown));
                }
                (Question::List | Question::ListElsewhere, _) => {
                    if let Some(fields) = problem {
                        pgconn.close();
                        return Err(psycoxide_connection::Error::Server(fields).into());
                    }
                    let rows = std::mem::take(&mut self.rows);
                    let pgconn = is_whole.then_some(pgconn);
                    return Ok(ConnectStep::Done(Servers::Listed(rows, pgconn)));
                }
            }
        }
    }
}

impl Steps for FetchServers {
    type Output = Servers;

    fn step(&mut self, now: Instant, mut resolved: Answer) -> Result<ConnectStep<Servers>, Error> {
        if self.is_logged_in() && now >= self.deadline {
            return Err(Error::Timeout {
                doing: "asking for the list of nodes",
                after: self.allowance,
            });
        }
        if let Phase::Connecting(connect) = &mut self.phase {
            match connect.step(now, resolved.take())?.done() {
                Err(wait) => return Ok(wait),
                Ok(mut pgconn) => {
                    pgconn.machine_mut().query(QUERY, CHUNK)?;
                    self.phase = Phase::Asking(pgconn);
                }
            }
        }
        self.ask()
    }

    fn wait(&self, wait: Wait, timeout: Option<Duration>) -> Result<(), Error> {
        match &self.phase {
            Phase::Connecting(connect) => connect.wait(wait, timeout),
            Phase::Asking(pgconn) => pgconn.wait(wait, timeout),
            Phase::Over => Err(Error::Closed),
        }
    }
}

/// Connects to one host for our own purposes: nothing of what the application wants of its sessions
/// is asked for, so that a setting that servers refuse is not refused here.
pub(crate) fn control_connect(
    options: &Arc<ConnectOptions>,
    host: HostOptions,
    deadline: Instant,
) -> ConnectHosts {
    let parameters: [(&[u8], &[u8]); 4] = [
        (b"user", options.user.as_bytes()),
        (b"database", options.dbname.as_bytes()),
        (b"application_name", APPLICATION_NAME),
        (b"client_encoding", b"UTF8"),
    ];
    let owned = |(name, value): &(&[u8], &[u8])| (name.to_vec(), value.to_vec());
    let variation = Variation {
        deadline: Some(deadline),
        session_attrs: Some(SessionAttrs::Any),
        startup_parameters: Some(parameters.iter().map(owned).collect()),
        ..Variation::default()
    };
    ConnectHosts::one(options.clone(), host, variation)
}

/// A row, its columns by name: older servers have fewer, later ones may have more.
fn read_row(result: &QueryResult, index: usize, options: Option<&ClusterOptions>) -> ServerRow {
    let body = result.rows.row(index).unwrap_or_default();
    let text = |name: &str| {
        let column = result
            .fields
            .iter()
            .position(|field| field.name == name.as_bytes())?;
        let value = data_row::column(body, u16::try_from(column).ok()?)
            .ok()
            .flatten()?;
        std::str::from_utf8(value).ok().map(str::to_owned)
    };
    // A port that is no number is as good as one that cannot be.
    let port = text("port").map(|port| port.trim().parse().unwrap_or(0));
    let host = text("host");
    let mapped = options.and_then(|options| {
        let port = u16::try_from(port?).ok()?;
        options.mapped(host.as_deref()?, port)
    });
    ServerRow {
        port,
        node_type: text("node_type"),
        cloud: text("cloud"),
        region: text("region"),
        zone: text("zone"),
        public_ip: text("public_ip"),
        uuid: text("uuid"),
        universe_uuid: text("universe_uuid"),
        host,
        mapped,
    }
}
