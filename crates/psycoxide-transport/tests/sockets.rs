//! Plain streams: connecting, waiting and not waiting, ends and refusals.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's own steps fails the test"
)]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, Instant};

use psycoxide_transport::{SocketOptions, Stream, Target, poll};
use support::{Files, PATIENCE, Server, connect};

#[test]
fn a_blocking_read_waits_for_the_interval_and_no_longer() {
    let server = Server::plain(|mut socket| {
        let mut end = [0];
        socket.read(&mut end).unwrap()
    });
    let mut stream = connect(server.address);
    let mut buffer = [0; 8];

    let start = Instant::now();
    assert_eq!(
        stream.read(&mut buffer).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "the first state is not to wait"
    );

    for interval in [Duration::from_millis(40), Duration::ZERO] {
        stream.set_blocking(Some(interval)).unwrap();
        let start = Instant::now();
        assert_eq!(
            stream.read(&mut buffer).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        assert!(start.elapsed() >= interval);
    }

    stream.set_blocking(Some(PATIENCE)).unwrap();
    let start = Instant::now();
    assert_eq!(
        stream.read_now(&mut buffer).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    stream.set_blocking(None).unwrap();
    assert_eq!(
        stream.read(&mut buffer).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    assert!(start.elapsed() < Duration::from_secs(5));

    drop(stream);
    assert_eq!(server.join(), 0);
}

#[test]
fn bytes_go_both_ways_and_the_end_is_zero() {
    let server = Server::plain(|mut socket| {
        let mut buffer = [0; 5];
        socket.read_exact(&mut buffer).unwrap();
        socket.write_all(&buffer).unwrap();
    });
    let mut stream = connect(server.address);
    stream.set_blocking(Some(PATIENCE)).unwrap();
    assert_eq!(stream.write(b"hello").unwrap(), 5);
    assert!(!stream.wants_write() && stream.flush_tls().unwrap() && !stream.has_buffered());
    let mut buffer = [0; 16];
    assert_eq!(stream.read(&mut buffer).unwrap(), 5);
    assert_eq!(&buffer[..5], b"hello");
    assert_eq!(stream.read(&mut buffer).unwrap(), 0);
    assert!(stream.tls_info().is_none());
    assert_eq!(stream.peer_addr().unwrap(), Some(server.address));
    server.join();
}

#[test]
fn two_pieces_are_sent_one_behind_the_other() {
    let server = Server::plain(|mut socket| {
        let mut received = Vec::new();
        socket.read_to_end(&mut received).unwrap();
        received
    });
    let mut stream = connect(server.address);
    assert_eq!(stream.write_both(b"hel", b"lo").unwrap(), 5);
    assert_eq!(stream.write_both(b"", b" and").unwrap(), 4);
    assert_eq!(stream.write_both(b" bye", b"").unwrap(), 4);
    drop(stream);
    assert_eq!(server.join(), b"hello and bye");
}

#[test]
fn a_write_takes_what_fits_and_then_would_block() {
    let server = Server::plain(|mut socket| {
        let mut go = [0];
        socket.read_exact(&mut go).unwrap();
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).unwrap();
        rest.len() + 1
    });
    let mut stream = connect(server.address);
    let chunk = vec![b'x'; 1 << 20];
    let mut sent = 0;
    let error = loop {
        match stream.write(&chunk) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(sent > 0);
    assert!(
        poll::wait(&stream, false, true, Some(PATIENCE))
            .unwrap()
            .write
    );
    drop(stream);
    assert_eq!(server.join(), sent);
}

#[test]
fn a_write_to_a_closed_peer_is_an_error_and_no_signal() {
    let server = Server::plain(drop);
    let mut stream = connect(server.address);
    server.join();
    stream.set_blocking(Some(PATIENCE)).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    let error = (0..1000)
        .find_map(|_| stream.write(b"into the void").err())
        .expect("the peer's reset arrives");
    assert!(
        matches!(
            error.kind(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
        ),
        "{error}"
    );
}

#[test]
fn a_refused_connect_says_so() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let target = Target::Tcp(address);
    let error = Stream::connect_start(&target, &SocketOptions::default())
        .and_then(|stream| {
            poll::wait(&stream, false, true, Some(PATIENCE))?;
            stream.connect_finish()
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_connect_under_way_is_not_finished() {
    // An address of a documentation network: nobody answers. Where the machine has no route at
    // all, the refusal comes at once and there is nothing to see.
    let target = Target::Tcp("192.0.2.1:5433".parse().unwrap());
    if let Ok(stream) = Stream::connect_start(&target, &SocketOptions::default()) {
        match stream.connect_finish() {
            Ok(connected) => assert!(!connected),
            Err(error) => assert_ne!(error.kind(), ErrorKind::NotConnected, "{error}"),
        }
    }
}

#[test]
fn socket_options_are_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = SocketOptions {
        keepalives: true,
        keepalives_idle: Some(Duration::from_secs(30)),
        keepalives_interval: Some(Duration::from_secs(5)),
        keepalives_count: Some(3),
        tcp_user_timeout: Some(Duration::from_secs(9)),
    };
    let target = Target::Tcp(listener.local_addr().unwrap());
    let stream = Stream::connect_start(&target, &options).unwrap();
    let socket = socket2::SockRef::from(&stream);
    assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
    assert_eq!(
        socket.tcp_keepalive_time().unwrap(),
        Duration::from_secs(30)
    );
    assert_eq!(
        socket.tcp_keepalive_interval().unwrap(),
        Duration::from_secs(5)
    );
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
    #[cfg(target_os = "linux")]
    assert_eq!(
        socket.tcp_user_timeout().unwrap(),
        Some(Duration::from_secs(9))
    );

    let options = SocketOptions {
        keepalives: false,
        ..SocketOptions::default()
    };
    let stream = Stream::connect_start(&target, &options).unwrap();
    assert!(!socket2::SockRef::from(&stream).keepalive().unwrap());
}

#[test]
fn unix_sockets_connect_by_path() {
    let files = Files::new();
    let path = files.path(".s.PGSQL.5433");
    let listener = UnixListener::bind(&path).unwrap();
    let mut stream = Stream::connect_start(&Target::Unix(path), &SocketOptions::default()).unwrap();
    assert!(stream.connect_finish().unwrap());
    assert_eq!(stream.peer_addr().unwrap(), None);
    #[cfg(target_os = "linux")]
    assert_eq!(stream.peer_uid().unwrap(), {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata("/proc/self").unwrap().uid()
    });

    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"Z").unwrap();
    stream.set_blocking(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(stream.read(&mut buffer).unwrap(), 1);
    drop(peer);
    assert_eq!(stream.read(&mut buffer).unwrap(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn unix_sockets_connect_by_abstract_name() {
    use std::os::linux::net::SocketAddrExt;

    let name = format!("psycoxide-test-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    let target = Target::Unix(format!("@{name}").into());
    let stream = Stream::connect_start(&target, &SocketOptions::default()).unwrap();
    assert!(stream.connect_finish().unwrap());
}

#[test]
fn unix_refusals_come_at_once_and_a_long_path_is_named() {
    let files = Files::new();
    let missing = Target::Unix(files.path("nobody"));
    let error = Stream::connect_start(&missing, &SocketOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let long = Target::Unix(files.path(&"x".repeat(200)));
    let error = Stream::connect_start(&long, &SocketOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("xxxx"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_queue_is_reported_instead_of_waited_for() {
    let files = Files::new();
    let path = files.path("full");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket
        .bind(&socket2::SockAddr::unix(&path).unwrap())
        .unwrap();
    socket.listen(0).unwrap();
    let target = Target::Unix(path);
    let mut held = Vec::new();
    let error = loop {
        match Stream::connect_start(&target, &SocketOptions::default()) {
            Ok(stream) => held.push(stream),
            Err(error) => break error,
        }
        assert!(held.len() < 100, "the queue never fills");
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(error.to_string().contains("try again"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_number_that_is_kept_outlives_the_connection() {
    let server = Server::plain(|mut socket| {
        let mut end = Vec::new();
        socket.read_to_end(&mut end).unwrap();
        end
    });
    let mut stream = connect(server.address);
    let number = stream.as_raw_fd();
    let descriptor = stream.descriptor();
    let another = descriptor.clone();
    assert_eq!(stream.write(b"bye").unwrap(), 3);

    drop(stream);
    assert_eq!(server.join(), b"bye", "the peer sees the end at once");
    drop(another);
    assert_eq!(descriptor.as_raw_fd(), number);
    let next = std::fs::File::open("/dev/null").unwrap();
    assert_ne!(next.as_raw_fd(), number);
}

#[test]
fn a_child_process_does_not_inherit_the_socket() {
    use std::os::fd::AsRawFd;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = connect(listener.local_addr().unwrap());
    let descriptor = format!("/proc/self/fd/{}", stream.as_raw_fd());
    let status = Command::new("test")
        .args(["-e", &descriptor])
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}
