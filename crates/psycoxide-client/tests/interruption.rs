//! A signal ends every wait, and loses nothing: the operation goes on where it was.
//!
//! A process that is stopped and continued finds its `recv` with a timeout, and its `poll`,
//! interrupted (signal(7), "Interruption of system calls and library functions by stop signals").
//! The test runs itself as a child and stops that, so that no signal handler is needed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::Duration;

use psycoxide_client::Connection;
use psycoxide_testkit::backend;

use support::{at, connect, execute, options, ready, simple};

const ADDRESS: &str = "PSYCOXIDE_TEST_ADDRESS";
const BLOCKING: &str = "PSYCOXIDE_TEST_BLOCKING";

#[test]
fn a_stopped_and_continued_client_goes_on() {
    if let Ok(address) = std::env::var(ADDRESS) {
        return client(&address);
    }
    for blocking in ["yes", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_stopped_and_continued_client_goes_on"])
            .env(ADDRESS, address.to_string())
            .env(BLOCKING, blocking)
            .spawn()
            .unwrap();
        serve(&listener.accept().unwrap().0, child);
    }
}

/// Stops and continues the client wherever it waits, and in the middle of messages.
fn serve(mut stream: &TcpStream, mut child: Child) {
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut packet = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut packet).unwrap();
    let id = child.id().to_string();
    let startup = [backend::authentication_ok(), ready(b'I')].concat();
    let answer = [
        backend::row_description(&[backend::field("a", 25)]),
        backend::data_row(&[Some(b"all")]),
        support::complete("SELECT 1"),
        ready(b'I'),
    ]
    .concat();
    for answer in [startup, answer] {
        let (first, second) = answer.split_at(answer.len() / 2);
        for piece in [first, second] {
            interrupt(&id);
            stream.write_all(piece).unwrap();
        }
    }
    let mut query = [0; 12];
    stream.read_exact(&mut query).unwrap();
    assert!(child.wait().unwrap().success());
}

fn client(address: &str) {
    let address = address.parse().unwrap();
    let pgconn = connect(&options(&at(address))).unwrap();
    let mut connection = Connection::new(*pgconn);
    connection.set_autocommit(true);
    let blocking = !std::env::var(BLOCKING).unwrap().is_empty();
    connection.pgconn.set_blocking(blocking).unwrap();
    let results = execute(&mut connection, simple("select")).unwrap();
    assert_eq!(results, ["TuplesOk 1x1 SELECT 1"]);
}

fn interrupt(id: &str) {
    wait_for_state(id, "S");
    signal("-STOP", id);
    wait_for_state(id, "T");
    signal("-CONT", id);
    wait_for_state(id, "S");
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

/// Waits until all threads of a process are in a state.
fn wait_for_state(id: &str, state: &str) {
    loop {
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
        let there = tasks.into_iter().all(|task| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
            let (_, rest) = stat.rsplit_once(") ").unwrap();
            rest.starts_with(state)
        });
        if there {
            return;
        }
        std::thread::yield_now();
    }
}
