//! What the tests of the client share: options without an environment, and drivers that run
//! operations and call a wait without end a failure.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses some of it, and ends where something fails"
)]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use psycoxide_client::operations::connect::{Connect, ConnectStep, Steps};
use psycoxide_client::operations::execute::{Execute, Parameters, Request};
use psycoxide_client::operations::{Operation, Step};
use psycoxide_client::{ConnectOptions, Connection, Error, PgConn, Query};
use psycoxide_connection::QueryResult;
use psycoxide_conninfo::environment::Fixed;
use psycoxide_conninfo::{Profile, resolve};
use psycoxide_protocol::Format;
use psycoxide_testkit::{Script, Server, backend};

/// Longer than anything here takes, and shorter than a test runner's patience.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn options(conninfo: &str) -> Arc<ConnectOptions> {
    let mut parameters = psycoxide_conninfo::Parameters::parse("sslmode=disable").unwrap();
    parameters.merge(&psycoxide_conninfo::Parameters::parse(conninfo).unwrap());
    let environment = Fixed::default().user("ann").home("/nowhere");
    let config = resolve(&parameters, &environment, Profile::Yugabyte).unwrap();
    Arc::new(ConnectOptions::new(&config).unwrap())
}

/// `host=… port=…` of a server.
pub(crate) fn at(address: SocketAddr) -> String {
    format!("host={} port={}", address.ip(), address.port())
}

/// Connects, waiting in real time; names come to what `names` says.
pub(crate) fn connect_with(
    options: &Arc<ConnectOptions>,
    names: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>>,
) -> Result<Box<PgConn>, Error> {
    let mut connect = Connect::new(options.clone(), 0..options.hosts.len());
    let end = Instant::now() + PATIENCE;
    let mut resolved = None;
    loop {
        match connect.step(Instant::now(), resolved.take())? {
            ConnectStep::Done(pgconn) => return Ok(pgconn),
            ConnectStep::Resolve { host, port, .. } => resolved = Some(names(&host, port)),
            ConnectStep::Io(_, wait, _) => {
                assert!(Instant::now() < end, "connecting does not end");
                connect.wait(wait, Some(Duration::from_secs(1)))?;
            }
        }
    }
}

pub(crate) fn connect(options: &Arc<ConnectOptions>) -> Result<Box<PgConn>, Error> {
    connect_with(options, |name, _| panic!("{name} is not to be resolved"))
}

/// A session with a server that plays this script after the startup.
pub(crate) fn session(script: impl FnOnce(Script) -> Script) -> (Connection, Server) {
    let server = Server::start(vec![script(Script::new().startup())]);
    let pgconn = connect(&options(&at(server.address()))).unwrap();
    (Connection::new(*pgconn), server)
}

/// As [`session`], in autocommit.
pub(crate) fn autocommit(script: impl FnOnce(Script) -> Script) -> (Connection, Server) {
    let (mut connection, server) = session(script);
    connection.set_autocommit(true);
    (connection, server)
}

/// Runs an operation to its end.
pub(crate) fn run<O: Operation>(
    connection: &mut Connection,
    operation: &mut O,
) -> Result<O::Output, Error> {
    let end = Instant::now() + PATIENCE;
    loop {
        match operation.step(connection)? {
            Step::Done(output) => return Ok(output),
            Step::Wait(wait) => {
                assert!(Instant::now() < end, "the operation does not end");
                connection.pgconn.wait(wait, Some(Duration::from_secs(1)))?;
            }
        }
    }
}

/// A query without parameters, by the extended protocol.
pub(crate) fn request(query: &Arc<Query>) -> Request {
    Request {
        query: query.clone(),
        parameters: Parameters::default(),
        result_format: Format::Text,
        prepare: None,
        simple: false,
    }
}

pub(crate) fn simple(sql: &str) -> Request {
    Request {
        simple: true,
        ..request(&query(sql))
    }
}

pub(crate) fn query(sql: &str) -> Arc<Query> {
    Arc::new(Query::new(sql.as_bytes()))
}

/// One parameter of a type.
pub(crate) fn parameter(oid: u32, value: &[u8]) -> Parameters {
    let mut encoded = (value.len() as u32).to_be_bytes().to_vec();
    encoded.extend_from_slice(value);
    Parameters {
        encoded,
        count: 1,
        formats: vec![Format::Text],
        types: vec![oid],
        ..Parameters::default()
    }
}

pub(crate) fn execute(connection: &mut Connection, request: Request) -> Result<Vec<String>, Error> {
    let results = run(connection, &mut Execute::new(request))?;
    Ok(results.iter().map(describe).collect())
}

/// `TuplesOk 2x1 SELECT 2`: rows and columns; or status, SQLSTATE and message.
pub(crate) fn describe(result: &QueryResult) -> String {
    let mut line = format!("{:?}", result.status);
    if !result.fields.is_empty() {
        line += &format!(" {}x{}", result.rows.len(), result.fields.len());
    }
    if !result.command_tag.is_empty() {
        line += &format!(" {}", String::from_utf8_lossy(&result.command_tag));
    }
    if let Some(error) = &result.error {
        let message = String::from_utf8_lossy(error.message());
        line += &format!(" {} {message}", error.sqlstate().unwrap_or("?"));
    }
    line
}

/// The types of the messages of one client; the startup packet is `.`.
pub(crate) fn tags(transcript: &[Vec<u8>]) -> String {
    let tag = |message: &Vec<u8>| match message[0] {
        0 => '.',
        tag => char::from(tag),
    };
    transcript.iter().map(tag).collect()
}

/// Adds the expectation of these message types, in order.
pub(crate) fn expect(script: Script, tags: &str) -> Script {
    tags.bytes().fold(script, Script::expect)
}

pub(crate) fn ready(status: u8) -> Vec<u8> {
    backend::ready_for_query(status)
}

pub(crate) fn complete(tag: &str) -> Vec<u8> {
    backend::command_complete(tag)
}

pub(crate) fn error(sqlstate: &str) -> Vec<u8> {
    backend::error("ERROR", sqlstate, "failed")
}

/// The answer to Bind, Describe and Execute of a query that gives one row of one column.
pub(crate) fn one_row() -> Vec<u8> {
    [
        backend::bind_complete(),
        backend::row_description(&[backend::field("a", 23)]),
        backend::data_row(&[Some(b"1")]),
        complete("SELECT 1"),
    ]
    .concat()
}

/// As [`one_row`], without the description.
pub(crate) fn one_known_row() -> Vec<u8> {
    [
        backend::bind_complete(),
        backend::data_row(&[Some(b"1")]),
        complete("SELECT 1"),
    ]
    .concat()
}

/// The answer to Parse, Bind, Describe and Execute of a command without rows.
pub(crate) fn no_rows(tag: &str) -> Vec<u8> {
    [
        backend::parse_complete(),
        backend::bind_complete(),
        backend::no_data(),
        complete(tag),
    ]
    .concat()
}

/// The answer to BEGIN in front of a statement: nobody asks for its columns.
pub(crate) fn begun() -> Vec<u8> {
    [
        backend::parse_complete(),
        backend::bind_complete(),
        complete("BEGIN"),
    ]
    .concat()
}
