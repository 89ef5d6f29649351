//! Servers that stand in for the nodes of a cluster: what they answer, and how a test connects to them
//! and sees what the driver knows of them.

use std::sync::Arc;
use std::time::Instant;

use psycoxide_client::{ConnectOptions, Error, PgConn};
use psycoxide_cluster::{Cluster, NodeStatus};
use psycoxide_testkit::{Script, Server, backend};

use crate::support::{at, options, ready};

/// The columns of `yb_servers()`.
pub(crate) const COLUMNS: &[&str] = &[
    "host",
    "port",
    "num_connections",
    "node_type",
    "cloud",
    "region",
    "zone",
    "public_ip",
    "uuid",
    "universe_uuid",
];

pub(crate) type Row<'a> = Vec<Option<&'a [u8]>>;

/// The answer to a query with these columns.
pub(crate) fn answer(columns: &[&str], rows: &[Row<'_>]) -> Vec<u8> {
    let fields: Vec<_> = columns
        .iter()
        .map(|name| backend::field(name, 25))
        .collect();
    let mut bytes = backend::row_description(&fields);
    for row in rows {
        bytes.extend(backend::data_row(row));
    }
    bytes.extend(backend::command_complete("SELECT"));
    bytes.extend(ready(b'I'));
    bytes
}

/// The answer that lists primary nodes at these places.
pub(crate) fn listing(universe: &str, places: &[(&str, u16)]) -> Vec<u8> {
    let ports: Vec<String> = places.iter().map(|(_, port)| port.to_string()).collect();
    let uuids: Vec<String> = ports
        .iter()
        .map(|port| format!("{universe}-{port}"))
        .collect();
    let row = |index: usize| -> Row<'_> {
        vec![
            Some(places[index].0.as_bytes()),
            Some(ports[index].as_bytes()),
            Some(b"0"),
            Some(b"primary"),
            Some(b"c"),
            Some(b"r"),
            Some(b"a"),
            None,
            Some(uuids[index].as_bytes()),
            Some(universe.as_bytes()),
        ]
    };
    let rows: Vec<Row<'_>> = (0..places.len()).map(row).collect();
    answer(COLUMNS, &rows)
}

pub(crate) fn local(servers: &[&Server]) -> Vec<(&'static str, u16)> {
    let ports = servers.iter().map(|server| server.address().port());
    ports.map(|port| ("127.0.0.1", port)).collect()
}

/// A server that gives this answer once, and is gone then.
pub(crate) fn contact(answer: Vec<u8>) -> Server {
    Server::start(vec![
        Script::new().startup().expect(b'Q').send(answer).close(),
    ])
}

/// A node that lets this many in, one after the other.
pub(crate) fn node(connections: usize) -> Server {
    let welcome = || Script::new().startup().expect(b'X').expect_close();
    Server::start((0..connections).map(|_| welcome()).collect())
}

pub(crate) fn refusing(sqlstate: &str) -> Server {
    let refusal = backend::error("FATAL", sqlstate, "not you");
    let script = Script::new().expect_packet(3 << 16).send(refusal).close();
    Server::start(vec![script])
}

pub(crate) fn balanced(server: &Server, more: &str) -> Arc<ConnectOptions> {
    options(&format!(
        "{} load_balance=true {more}",
        at(server.address())
    ))
}

pub(crate) fn cluster_of(pgconn: &PgConn) -> Arc<Cluster> {
    pgconn.member().unwrap().cluster().unwrap()
}

pub(crate) fn status(cluster: &Cluster, port: u16) -> NodeStatus {
    let nodes = cluster.nodes(Instant::now());
    let mut found = nodes.into_iter();
    found.find(|node| node.info.private.port == port).unwrap()
}

/// Ports at which nobody listens: those of services that have been dead for decades.
pub(crate) const NOBODY: [u16; 2] = [1, 2];

pub(crate) fn attempts(error: &Error) -> Vec<String> {
    match error {
        Error::Connect(attempts) => attempts.iter().map(|it| it.error.to_string()).collect(),
        error => panic!("{error:?}"),
    }
}
