//! Scripts played to real sockets, on the loopback.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::listen::listen;
use crate::player::{Action, Player};
use crate::script::Script;

/// How long the server waits for the client before it calls the test failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long after the test's last step the last script may take.
const FINISH_PATIENCE: Duration = Duration::from_secs(30);

/// A server in a thread of its own. The first connection gets the first script, and so on; after the
/// last script it no longer listens.
///
/// ```
/// use std::io::{Read, Write};
///
/// use psycoxide_testkit::{Script, Server};
///
/// let server = Server::start(vec![Script::new().expect(b'X').send(*b"bye").close()]);
/// let mut client = std::net::TcpStream::connect(server.address())?;
/// client.write_all(b"X\0\0\0\x04")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert_eq!(answer, "bye");
/// assert_eq!(server.finish(), [[b"X\0\0\0\x04"]]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    thread: JoinHandle<Vec<Vec<Vec<u8>>>>,
    /// Disconnected when the thread is through.
    over: Receiver<()>,
}

impl Server {
    /// Listens on a free port of the loopback.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn start(scripts: Vec<Script>) -> Self {
        let listener = listen();
        let address = listener.local_addr().expect("a listener has an address");
        let (running, over) = channel();
        let thread = std::thread::spawn(move || {
            let _running = running;
            let play_next = |script| {
                let (stream, _) = listener.accept().expect("a client connects");
                play(&stream, script).expect("the socket works")
            };
            scripts.into_iter().map(play_next).collect()
        });
        Self {
            address,
            thread,
            over,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the last script to end; gives the messages of each client.
    ///
    /// # Panics
    ///
    /// When a client did not keep to its script, or did not come.
    pub fn finish(self) -> Vec<Vec<Vec<u8>>> {
        if self.over.recv_timeout(FINISH_PATIENCE) == Err(RecvTimeoutError::Timeout) {
            panic!("the server at {} waits for a client", self.address);
        }
        match self.thread.join() {
            Ok(transcripts) => transcripts,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn play(mut stream: &TcpStream, script: Script) -> io::Result<Vec<Vec<u8>>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut player = Player::new(script);
    let mut buffer = [0; 8192];
    loop {
        match player.advance() {
            Ok(Action::Send(bytes)) => stream.write_all(&bytes)?,
            Ok(Action::Delay(duration)) => std::thread::sleep(duration),
            Ok(Action::Receive) => match stream.read(&mut buffer) {
                Ok(0) => player.closed(),
                Ok(length) => player.receive(&buffer[..length]),
                // With bytes unread, closing is a reset.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => player.closed(),
                Err(error) => return Err(error),
            },
            Ok(Action::Close | Action::Done) => return Ok(player.transcript().to_vec()),
            Err(mismatch) => panic!("{mismatch}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_its_script() {
        let server = Server::start(vec![
            Script::new().send(*b"one").bytewise().close(),
            Script::new().expect(b'X').expect_close(),
        ]);
        let mut client = TcpStream::connect(server.address()).unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one");
        let mut client = TcpStream::connect(server.address()).unwrap();
        client.write_all(b"X\0\0\0\x04").unwrap();
        drop(client);
        assert_eq!(server.finish(), [vec![], vec![b"X\0\0\0\x04".to_vec()]]);
    }

    #[test]
    #[should_panic(expected = "step 0: expected Expect(81)")]
    fn a_client_off_the_script_fails_the_test() {
        let server = Server::start(vec![Script::new().expect(b'Q')]);
        TcpStream::connect(server.address())
            .unwrap()
            .write_all(b"X")
            .unwrap();
        server.finish();
    }
}
