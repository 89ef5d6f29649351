//! Which address and which password a node is connected to with.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use psycoxide_client::ConnectOptions;
use psycoxide_client::cluster::AddressMapper;
use psycoxide_conninfo::environment::Fixed;
use psycoxide_conninfo::{Parameters, Profile, resolve};
use psycoxide_testkit::{Script, Server, backend};

use crate::stand_in::{NOBODY, Row, answer, balanced, cluster_of, contact, listing, node, status};
use crate::support::{at, connect, connect_with, ready};

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
