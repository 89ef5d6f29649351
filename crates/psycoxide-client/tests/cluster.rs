//! Connections that spread over a cluster: the first list, what it may hold, whose fault what is.
//!
//! The servers are scripts, each with one connection after the other. All tests share the registry
//! of the process, so each has a cluster of its own.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use psycoxide_client::cluster::{AddressMapper, FindCluster, REGISTRY, wait_refreshed};
use psycoxide_client::operations::connect::{Connect, ConnectStep, Steps};
use psycoxide_client::{ConnectOptions, Error, PgConn};
use psycoxide_cluster::{BreakerState, Cluster, NodeStatus, Reason};
use psycoxide_conninfo::environment::Fixed;
use psycoxide_conninfo::{Parameters, Profile, resolve};
use psycoxide_testkit::{Script, Server, backend};

use support::{at, connect, connect_with, error as server_error, options, ready, tags};

/// The columns of `yb_servers()`.
const COLUMNS: &[&str] = &[
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

type Row<'a> = Vec<Option<&'a [u8]>>;

/// The answer to a query with these columns.
fn answer(columns: &[&str], rows: &[Row<'_>]) -> Vec<u8> {
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
fn listing(universe: &str, places: &[(&str, u16)]) -> Vec<u8> {
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

fn local(servers: &[&Server]) -> Vec<(&'static str, u16)> {
    let ports = servers.iter().map(|server| server.address().port());
    ports.map(|port| ("127.0.0.1", port)).collect()
}

/// A server that gives this answer once, and is gone then.
fn contact(answer: Vec<u8>) -> Server {
    Server::start(vec![
        Script::new().startup().expect(b'Q').send(answer).close(),
    ])
}

/// A node that lets this many in, one after the other.
fn node(connections: usize) -> Server {
    let welcome = || Script::new().startup().expect(b'X').expect_close();
    Server::start((0..connections).map(|_| welcome()).collect())
}

fn refusing(sqlstate: &str) -> Server {
    let refusal = backend::error("FATAL", sqlstate, "not you");
    let script = Script::new().expect_packet(3 << 16).send(refusal).close();
    Server::start(vec![script])
}

fn balanced(server: &Server, more: &str) -> Arc<ConnectOptions> {
    options(&format!(
        "{} load_balance=true {more}",
        at(server.address())
    ))
}

fn cluster_of(pgconn: &PgConn) -> Arc<Cluster> {
    pgconn.member().unwrap().cluster().unwrap()
}

fn status(cluster: &Cluster, port: u16) -> NodeStatus {
    let nodes = cluster.nodes(Instant::now());
    let mut found = nodes.into_iter();
    found.find(|node| node.info.private.port == port).unwrap()
}

/// Ports at which nobody listens: those of services that have been dead for decades.
const NOBODY: [u16; 2] = [1, 2];

fn attempts(error: &Error) -> Vec<String> {
    match error {
        Error::Connect(attempts) => attempts.iter().map(|it| it.error.to_string()).collect(),
        error => panic!("{error:?}"),
    }
}

#[test]
fn a_connection_goes_to_a_node_and_is_counted_until_its_end() {
    let node = node(2);
    let contact = contact(listing("u-first", &local(&[&node])));
    let options = balanced(&contact, "");
    let mut first = connect(&options).unwrap();
    assert_eq!(first.place().port, node.address().port());
    let cluster = cluster_of(&first);
    let live = || status(&cluster, node.address().port()).live;
    assert_eq!(live(), 1);
    first.close();
    assert_eq!(live(), 0);
    assert_eq!(
        first.member().unwrap().node().placement.to_string(),
        "c.r.a"
    );

    // The list is known now; and a connection that is merely dropped is counted no more either.
    let second = connect(&options).unwrap();
    assert_eq!(live(), 1);
    drop(second);
    assert_eq!(live(), 0);
    let transcripts = contact.finish();
    assert_eq!(tags(&transcripts[0]), ".Q");
    let startup = String::from_utf8_lossy(&transcripts[0][0]).into_owned();
    assert!(startup.contains("psycoxide-control"), "{startup}");
}

#[test]
fn without_load_balance_the_registry_is_not_touched() {
    let server = node(1);
    let mut pgconn = connect(&options(&at(server.address()))).unwrap();
    assert!(pgconn.member().is_none());
    let port = server.address().port();
    let known = REGISTRY.clusters().into_iter();
    assert!(
        known
            .flat_map(|cluster| cluster.contacts())
            .all(|it| it.port != port)
    );
    pgconn.close();
    server.finish();
}

#[test]
fn a_lost_connection_is_counted_down_when_that_shows() {
    let script = Script::new().startup().close();
    let node = Server::start(vec![script]);
    let contact = contact(listing("u-lost", &local(&[&node])));
    let mut pgconn = connect(&balanced(&contact, "")).unwrap();
    let cluster = cluster_of(&pgconn);
    let port = node.address().port();
    assert_eq!(status(&cluster, port).live, 1);
    while pgconn.poll_event(true).is_ok() {}
    assert_eq!(status(&cluster, port).live, 0);
    assert_eq!(cluster.metrics(Instant::now()).counters.lost, 1);
    assert_eq!(status(&cluster, port).breaker, BreakerState::Closed);
}

#[test]
fn plain_postgresql_is_a_list_of_the_configured_hosts() {
    let unknown = [server_error("42883"), ready(b'I')].concat();
    let asked = Script::new().startup().expect(b'Q').send(unknown);
    let server = Server::start(vec![
        asked.expect(b'X').expect_close(),
        Script::new().startup().expect(b'X').expect_close(),
    ]);
    let mut pgconn = connect(&balanced(&server, "topology_keys=c.r.a")).unwrap();
    let cluster = cluster_of(&pgconn);
    assert!(cluster.is_static());
    assert_eq!(status(&cluster, server.address().port()).live, 1);
    pgconn.close();
    server.finish();
}

#[test]
fn rows_that_make_no_sense_do_no_harm() {
    let good = node(1);
    let port = good.address().port().to_string();
    let refused = NOBODY[0].to_string();
    let columns = &["PORT", "extra", "host", "port"];
    let row = |host: Option<&'static [u8]>, port: Option<&'static str>| -> Row<'static> {
        vec![None, Some(b"\xff\x00"), host, port.map(str::as_bytes)]
    };
    let mut rows: Vec<Row<'_>> = vec![
        row(None, Some("5433")),
        row(Some(b""), Some("5433")),
        row(Some(b"\xff\xfe"), Some("5433")),
        row(Some(b"127.0.0.1"), Some("0")),
        row(Some(b"127.0.0.1"), Some("-1")),
        row(Some(b"127.0.0.1"), Some("65536")),
        row(Some(b"127.0.0.1"), Some("99999999999999999999")),
        row(Some(b"127.0.0.1"), Some("abc")),
        row(Some(b"/tmp"), Some("5433")),
        row(Some(b"a,b"), Some("5433")),
        row(Some(b"no.such.name"), Some("5433")),
        row(Some(b"empty.name"), Some("5433")),
    ];
    for port in [&refused, &port, &port] {
        rows.push(vec![None, None, Some(b"127.0.0.1"), Some(port.as_bytes())]);
    }
    let contact = contact(answer(columns, &rows));
    let names = |name: &str, _: u16| match name {
        "no.such.name" => Err(io::Error::other("no such name")),
        "empty.name" => Ok(Vec::new()),
        name => panic!("{name} is not to be resolved"),
    };
    let mut pgconn = connect_with(&balanced(&contact, ""), names).unwrap();
    assert_eq!(pgconn.place().port, good.address().port());
    let cluster = cluster_of(&pgconn);
    assert_eq!(cluster.nodes(Instant::now()).len(), 4);
    pgconn.close();
    good.finish();
}

#[test]
fn more_rows_than_a_cluster_has() {
    let node = node(1);
    let mut rows = answer(&["host", "port"], &[]);
    rows.truncate(rows.len() - backend::command_complete("SELECT").len() - ready(b'I').len());
    let port = node.address().port().to_string();
    let one = backend::data_row(&[Some(b"127.0.0.1"), Some(port.as_bytes())]);
    // It has no end: the connection is cut off.
    rows.extend(one.repeat(4400));
    let script = Script::new()
        .startup()
        .expect(b'Q')
        .send(rows)
        .expect_close();
    let contact = Server::start(vec![script]);
    let mut pgconn = connect(&balanced(&contact, "")).unwrap();
    assert_eq!(cluster_of(&pgconn).nodes(Instant::now()).len(), 1);
    pgconn.close();
    contact.finish();
}

#[test]
fn a_contact_that_gives_no_list_still_lets_one_in() {
    let no_list = || {
        let refusal = [server_error("42501"), ready(b'I')].concat();
        let asked = Script::new().startup().expect(b'Q').send(refusal);
        asked.expect(b'X').expect_close()
    };
    let useless = || contact(answer(COLUMNS, &[]));
    let welcome = Script::new().startup().expect(b'X').expect_close();
    let server = Server::start(vec![no_list(), welcome]);
    let mut pgconn = connect(&balanced(&server, "")).unwrap();
    assert!(pgconn.member().is_none());
    pgconn.close();
    server.finish();

    // Unless that is not wanted.
    for more in ["yb_bootstrap_fallback=false", "load_balance=only-primary"] {
        let server = Server::start(vec![no_list()]);
        let error = connect(&balanced(&server, more)).unwrap_err();
        assert_eq!(attempts(&error), ["failed"], "{more}");
        server.finish();
        let error = connect(&balanced(&useless(), more)).unwrap_err();
        assert!(error.to_string().contains("no usable node"), "{error}");
    }
}

#[test]
fn a_wrong_password_is_tried_once() {
    // Where the list comes from …
    let refuser = refusing("28P01");
    let error = connect(&balanced(&refuser, "")).unwrap_err();
    assert_eq!(attempts(&error), ["not you"]);
    refuser.finish();

    // … and at a node.
    let refusers = [refusing("28P01"), refusing("28P01")];
    let nodes = local(&[&refusers[0], &refusers[1]]);
    let contact = contact(listing("u-password", &nodes));
    let options = balanced(&contact, "");
    let error = connect(&options).unwrap_err();
    assert_eq!(attempts(&error), ["not you"]);
    let cluster = REGISTRY.clusters().into_iter();
    let cluster = cluster
        .filter(|it| {
            it.contacts()
                .iter()
                .any(|it| it.port == contact.address().port())
        })
        .last()
        .unwrap();
    for status in cluster.nodes(Instant::now()) {
        assert_eq!(status.breaker, BreakerState::Closed);
        assert_eq!((status.live, status.connecting, status.failures), (0, 0, 0));
    }
    assert_eq!(cluster.metrics(Instant::now()).counters.client_faults, 1);
}

#[test]
fn nodes_that_cannot_are_passed_over() {
    for sqlstate in ["57P03", "53300", "57P01"] {
        let (busy, good) = (refusing(sqlstate), node(1));
        let nodes = [local(&[&busy, &good]), vec![("127.0.0.1", NOBODY[0])]].concat();
        let contact = contact(listing(&format!("u-busy-{sqlstate}"), &nodes));
        let mut pgconn = connect(&balanced(&contact, "")).unwrap();
        assert_eq!(pgconn.place().port, good.address().port());
        pgconn.close();
        good.finish();
    }
}

#[test]
fn all_that_was_tried_is_told() {
    let dead = NOBODY;
    let nodes = dead.map(|port| ("127.0.0.1", port));
    let contact = contact(listing("u-dead", &nodes));
    // The contact is gone after the list.
    let options = balanced(&contact, "");
    let error = connect(&options).unwrap_err();
    let text = error.to_string();
    for port in [dead[0], dead[1], contact.address().port()] {
        assert!(text.contains(&format!("port {port} failed")), "{text}");
    }
    let error = connect(&balanced(&contact, "load_balance=only-rr")).unwrap_err();
    assert!(
        error.to_string().contains("load_balance=only-rr"),
        "{error}"
    );
}

#[test]
fn each_node_has_the_password_of_its_own_name() {
    let asking = |password: &str| {
        let mut message = vec![b'p', 0, 0, 0, u8::try_from(password.len() + 5).unwrap()];
        message.extend(password.as_bytes());
        message.push(0);
        let script = Script::new()
            .expect_packet(3 << 16)
            .send(backend::authentication_cleartext_password())
            .expect_bytes(message);
        let welcome = [backend::authentication_ok(), ready(b'I')].concat();
        script.send(welcome)
    };
    let node = Server::start(vec![asking("of-b").expect(b'X').expect_close()]);
    let stranger = Server::start(vec![
        Script::new()
            .expect_packet(3 << 16)
            .send(backend::authentication_cleartext_password())
            .expect_close(),
    ]);
    let port = node.address().port();
    let listing_of = |universe: &str, name: &str| {
        let port = match name {
            "b" => port,
            _ => stranger.address().port(),
        };
        listing(universe, &[(name, port)])
    };
    let connect_by = |universe: &str, name: &str| {
        let answer = listing_of(universe, name);
        let script = asking("of-a").expect(b'Q').send(answer).close();
        let contact = Server::start(vec![script]);
        let environment = Fixed::default().user("ann").home("/h").file(
            "/h/.pgpass",
            0o600,
            "a:*:*:ann:of-a\nb:*:*:ann:of-b\n",
        );
        // The contact has a fixed address, which is not the nodes'.
        let address = contact.address();
        let text = format!(
            "host=a hostaddr={} port={} user=ann sslmode=disable load_balance=true",
            address.ip(),
            address.port()
        );
        let parameters = Parameters::parse(&text).unwrap();
        let config = resolve(&parameters, &environment, Profile::Yugabyte).unwrap();
        let options = Arc::new(ConnectOptions::new(&config).unwrap());
        connect_with(&options, |asked, port| {
            assert_eq!(asked, name);
            Ok(vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)])
        })
    };
    let mut pgconn = connect_by("u-passfile-1", "b").unwrap();
    pgconn.close();
    node.finish();
    let error = connect_by("u-passfile-2", "c").unwrap_err();
    assert!(error.to_string().contains("password"), "{error}");
    stranger.finish();
}

#[test]
fn addresses_are_replaced_where_that_is_wanted() {
    let node = node(1);
    let port = node.address().port();
    let contact = contact(listing("u-mapped", &[("10.255.255.1", 5433)]));
    let map = format!("yb_address_map=10.255.255.1:5433=127.0.0.1:{port}");
    let mut pgconn = connect(&balanced(&contact, &map)).unwrap();
    assert_eq!(pgconn.place().port, port);
    let member = pgconn.member().unwrap();
    assert_eq!(&*member.node().private.host, "10.255.255.1");
    pgconn.close();
    node.finish();
}

/// Maps one port to another, and remembers what it was asked.
#[derive(Debug)]
struct Forwarding {
    port: u16,
    asked: Mutex<Vec<(String, u16)>>,
}

impl AddressMapper for Forwarding {
    fn map(&self, host: &str, port: u16) -> Result<Option<(String, u16)>, String> {
        self.asked.lock().unwrap().push((host.to_owned(), port));
        match port {
            5433 => Ok(Some(("127.0.0.1".to_owned(), self.port))),
            2 => Err("it is not known here".to_owned()),
            _ => Ok(None),
        }
    }
}

fn forwarding(server: &Server, more: &str, port: u16) -> (Arc<ConnectOptions>, Arc<Forwarding>) {
    let program = Arc::new(Forwarding {
        port,
        asked: Mutex::default(),
    });
    let text = format!("{} load_balance=true {more}", at(server.address()));
    let parameters = Parameters::parse(&format!("sslmode=disable {text}")).unwrap();
    let environment = Fixed::default().user("ann").home("/nowhere");
    let config = resolve(&parameters, &environment, Profile::Yugabyte).unwrap();
    let options = ConnectOptions::new(&config).unwrap();
    (
        Arc::new(options.with_address_mapper(program.clone())),
        program,
    )
}

#[test]
fn a_program_may_say_which_addresses_to_use() {
    let node = node(1);
    let port = node.address().port();
    let contact = contact(listing("u-program", &[("10.255.255.1", 5433)]));
    // It takes the place of the text.
    let text = format!("yb_address_map=10.255.255.1=127.0.0.1:{}", NOBODY[0]);
    let (options, program) = forwarding(&contact, &text, port);
    let mut pgconn = connect(&options).unwrap();
    assert_eq!(pgconn.place().port, port);
    let member = pgconn.member().unwrap();
    assert_eq!(&*member.node().private.host, "10.255.255.1");
    assert_eq!(
        *program.asked.lock().unwrap(),
        [("10.255.255.1".to_owned(), 5433)]
    );
    pgconn.close();
    node.finish();
}

#[test]
fn what_a_program_leaves_alone_or_fails_for_stays_as_it_is() {
    let node = node(1);
    let port = node.address().port();
    let places = [("127.0.0.1", port), ("127.0.0.1", NOBODY[1])];
    let contact = contact(listing("u-program-fails", &places));
    let (options, program) = forwarding(&contact, "", port);
    let mut pgconn = connect(&options).unwrap();
    assert_eq!(pgconn.place().port, port);
    assert_eq!(program.asked.lock().unwrap().len(), 2);
    let cluster = cluster_of(&pgconn);
    assert_eq!(status(&cluster, NOBODY[1]).info.mapped, None);
    pgconn.close();
    node.finish();
}

#[test]
fn who_comes_in_by_a_public_address_stays_outside() {
    let node = node(1);
    let port = node.address().port().to_string();
    let columns = &["host", "port", "public_ip", "universe_uuid"];
    let row: Row<'_> = vec![
        Some(b"10.255.255.1"),
        Some(port.as_bytes()),
        Some(b"127.0.0.1"),
        Some(b"u-public"),
    ];
    let contact = contact(answer(columns, &[row]));
    let mut pgconn = connect(&balanced(&contact, "")).unwrap();
    assert_eq!(pgconn.place().host, "127.0.0.1");
    pgconn.close();
    node.finish();
}

/// Steps as far as it goes now; `None` while it waits.
fn step(connect: &mut Connect, now: Instant) -> Option<Result<Box<PgConn>, Error>> {
    for _ in 0..100 {
        match connect.step(now, None) {
            Ok(ConnectStep::Done(pgconn)) => return Some(Ok(pgconn)),
            Ok(ConnectStep::Io(_, wait, _)) => {
                connect.wait(wait, Some(Duration::from_millis(2))).unwrap();
            }
            Ok(step) => panic!("{step:?}"),
            Err(error) => return Some(Err(error)),
        }
    }
    None
}

#[test]
fn one_asks_and_the_others_wait_each_with_his_own_time() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = silent.local_addr().unwrap();
    let options = |timeout: u32| {
        let text = format!(
            "{} load_balance=true connect_timeout={timeout}",
            at(address)
        );
        support::options(&text)
    };
    let start = Instant::now();
    let mut leader = Connect::new(options(9), [0]);
    assert!(step(&mut leader, start).is_none());
    let mut waiter = Connect::new(options(2), [0]);
    assert!(step(&mut waiter, start).is_none());
    // One connection only.
    silent.set_nonblocking(true).unwrap();
    let control = silent.accept().unwrap();
    assert!(silent.accept().is_err());
    let error = step(&mut waiter, start + Duration::from_secs(2))
        .unwrap()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("timeout expired after 2 seconds"),
        "{error}"
    );

    // Without the leader the next one leads.
    let mut heir = Connect::new(options(9), [0]);
    assert!(step(&mut heir, start).is_none());
    assert!(silent.accept().is_err());
    drop(leader);
    assert!(step(&mut heir, start).is_none());
    let next = silent.accept().unwrap();
    drop((control, next));
}

#[test]
fn waiters_are_woken_by_the_list() {
    let node = node(2);
    let list = listing("u-woken", &local(&[&node]));
    let asked = Script::new().startup().expect(b'Q');
    let contact = Server::start(vec![
        asked.delay(Duration::from_millis(300)).send(list).close(),
    ]);
    let options = balanced(&contact, "");
    std::thread::scope(|scope| {
        let connects = [(); 2].map(|()| scope.spawn(|| connect(&options).unwrap().close()));
        for connect in connects {
            connect.join().unwrap();
        }
    });
    contact.finish();
    node.finish();
}

#[test]
fn a_refresh_that_hangs_is_given_up_for_another_source() {
    let first = node(1);
    // The control connection stays open, and silent when it is asked again.
    let list = listing("u-hangs", &local(&[&first]));
    let asked = Script::new().startup().expect(b'Q').send(list);
    let contact = Server::start(vec![asked.expect(b'Q').expect_close()]);
    let mut pgconn = connect(&balanced(&contact, "yb_control_timeout=1")).unwrap();
    let cluster = cluster_of(&pgconn);
    pgconn.close();
    first.finish();

    let begun = Instant::now();
    let ticket = cluster.request_refresh(Reason::Asked, begun);
    assert!(wait_refreshed(&cluster, ticket, Duration::from_secs(15)));
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(900) && took < Duration::from_secs(10),
        "{took:?}"
    );
    contact.finish();
    // Nobody else is there.
    assert_eq!(cluster.metrics(Instant::now()).counters.refresh_failures, 1);
}

#[test]
fn a_cluster_can_be_found_without_connecting_to_it() {
    let contact = contact(listing("u-found", &[("127.0.0.1", NOBODY[0])]));
    let text = at(contact.address());
    let environment = Fixed::default().user("ann").home("/nowhere");
    let parameters = Parameters::parse(&format!("{text} sslmode=disable")).unwrap();
    let config = resolve(&parameters, &environment, Profile::Yugabyte).unwrap();
    let options = Arc::new(ConnectOptions::for_cluster(&config).unwrap());
    for _ in 0..2 {
        let mut find = FindCluster::new(options.clone());
        let cluster = loop {
            match find.step(Instant::now(), None).unwrap() {
                ConnectStep::Done(cluster) => break cluster,
                ConnectStep::Io(_, wait, _) => {
                    find.wait(wait, Some(Duration::from_secs(20))).unwrap();
                }
                step => panic!("{step:?}"),
            }
        };
        assert_eq!(cluster.nodes(Instant::now()).len(), 1);
    }
}

#[test]
fn another_cluster_in_the_place_of_the_first() {
    let (old, new) = (node(1), node(1));
    // An address that went to somebody else, while the rest is still there: not asked again.
    let lists = [
        listing("u-old", &local(&[&old])),
        listing("u-new", &local(&[&new])),
        listing("u-new", &local(&[&new])),
    ];
    let ask = |list: &Vec<u8>| {
        Script::new()
            .startup()
            .expect(b'Q')
            .send(list.clone())
            .close()
    };
    let contact = Server::start(lists.iter().map(ask).collect());
    let options = balanced(&contact, "");
    let mut first = connect(&options).unwrap();
    let cluster = cluster_of(&first);
    first.close();
    old.finish();
    let ticket = cluster.request_refresh(Reason::Asked, Instant::now());
    assert!(wait_refreshed(&cluster, ticket, Duration::from_secs(15)));
    let known = || {
        REGISTRY
            .clusters()
            .iter()
            .any(|it| Arc::ptr_eq(it, &cluster))
    };
    let end = Instant::now() + Duration::from_secs(15);
    while known() {
        assert!(Instant::now() < end, "it is not forgotten");
        std::thread::yield_now();
    }
    let mut second = connect(&options).unwrap();
    assert_eq!(second.place().port, new.address().port());
    second.close();
    new.finish();
    contact.finish();
}

#[test]
fn the_kind_of_server_that_is_wanted_is_found_among_the_nodes() {
    let telling = |is_standby: bool, connections: usize| {
        let on = |yes| if yes { "on" } else { "off" };
        let answer = [
            backend::authentication_ok(),
            backend::parameter_status("in_hot_standby", on(is_standby)),
            backend::parameter_status("default_transaction_read_only", "off"),
            ready(b'I'),
        ];
        let script = || {
            let script = Script::new().expect_packet(3 << 16);
            script.send(answer.concat()).expect_close()
        };
        Server::start((0..connections).map(|_| script()).collect())
    };
    // They live on, so that no port leads to the cluster of a turn before.
    let mut kept = Vec::new();
    for (attrs, standbys, expected) in [
        ("read-write", [true, false], Some(1)),
        ("primary", [true, false], Some(1)),
        ("standby", [true, false], Some(0)),
        ("prefer-standby", [false, true], Some(1)),
        ("prefer-standby", [false, false], Some(2)),
        ("standby", [false, false], None),
    ] {
        let nodes = standbys.map(|is_standby| telling(is_standby, 2));
        let universe = format!("u-{attrs}-{standbys:?}");
        let contact = contact(listing(&universe, &local(&[&nodes[0], &nodes[1]])));
        let more = format!("target_session_attrs={attrs} yb_bootstrap_fallback=false");
        let found = connect(&balanced(&contact, &more))
            .ok()
            .map(|it| it.place().port);
        let ports = nodes.each_ref().map(|node| node.address().port());
        match expected {
            Some(2) => assert!(ports.contains(&found.unwrap()), "{attrs}"),
            expected => assert_eq!(found, expected.map(|index| ports[index]), "{attrs}"),
        }
        kept.push((nodes, contact));
    }
}
