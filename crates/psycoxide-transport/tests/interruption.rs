//! A signal ends a blocking read, which says so and loses nothing.
//!
//! A process that is stopped and continued finds its `recv` with a timeout interrupted (signal(7),
//! "Interruption of system calls and library functions by stop signals"). The test runs itself as
//! a child and stops that, so that no signal handler is needed.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's own steps fails the test"
)]
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use psycoxide_transport::{SocketOptions, Stream, Target, poll};

const ADDRESS: &str = "PSYCOXIDE_TEST_ADDRESS";

#[test]
fn a_stopped_and_continued_read_is_interrupted() {
    if let Ok(address) = std::env::var(ADDRESS) {
        return child(&address);
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_stopped_and_continued_read_is_interrupted",
            "--nocapture",
        ])
        .env(ADDRESS, address.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut socket, _) = listener.accept().unwrap();
    let mut ready = [0];
    socket.read_exact(&mut ready).unwrap();
    let id = child.id().to_string();

    wait_for_state(&id, 'S');
    signal("-STOP", &id);
    wait_for_state(&id, 'T');
    signal("-CONT", &id);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines
        .find(|line| line.as_ref().unwrap().contains("first read:"))
        .unwrap()
        .unwrap();
    assert!(told.contains("Interrupted"), "{told}");
    socket.write_all(b"all").unwrap();
    let told = lines
        .find(|line| line.as_ref().unwrap().contains("second read:"))
        .unwrap()
        .unwrap();
    assert!(told.contains("all"), "{told}");
    assert!(child.wait().unwrap().success());
}

fn child(address: &str) {
    let target = Target::Tcp(address.parse().unwrap());
    let mut stream = Stream::connect_start(&target, &SocketOptions::default()).unwrap();
    poll::wait(&stream, false, true, Some(Duration::from_secs(20))).unwrap();
    assert!(stream.connect_finish().unwrap());
    stream.set_blocking(Some(Duration::from_secs(20))).unwrap();
    let mut buffer = [0; 8];
    stream.write(b"r").unwrap();
    let kind = stream.read(&mut buffer).map_err(|error| error.kind());
    println!("\nfirst read: {kind:?}");
    assert_eq!(kind, Err(ErrorKind::Interrupted));
    let count = stream.read(&mut buffer).unwrap();
    println!(
        "\nsecond read: {}",
        String::from_utf8_lossy(&buffer[..count])
    );
}

fn signal(name: &str, id: &str) {
    assert!(
        Command::new("kill")
            .args([name, id])
            .status()
            .unwrap()
            .success()
    );
}

/// Waits until the kernel shows every thread of the process in that state: `S` is asleep in its
/// read, `T` stopped.
fn wait_for_state(id: &str, state: char) {
    for _ in 0..2000 {
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
        let all = tasks.into_iter().all(|task| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
            stat.rsplit(')')
                .next()
                .unwrap()
                .trim_start()
                .starts_with(state)
        });
        if all {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the child never came to state {state}");
}
