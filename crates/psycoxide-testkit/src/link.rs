//! A script at the other end of a connection that exists in memory only.

use std::collections::VecDeque;

use crate::player::{Action, Player};
use crate::script::Script;

/// Joins a sans-io client to a scripted server. Delays are skipped.
///
/// ```
/// use psycoxide_testkit::{Link, Script};
///
/// let mut link = Link::new(Script::new().expect(b'Q').send(*b"answer").close());
/// link.send(b"Q\0\0\0\x05\0");
/// assert_eq!(link.receive(), Some(b"answer".to_vec()));
/// assert_eq!(link.receive(), None);
/// assert!(link.is_closed());
/// ```
#[derive(Debug)]
pub struct Link {
    player: Player,
    sent: VecDeque<Vec<u8>>,
    closed: bool,
    done: bool,
}

impl Link {
    /// A connection to a server that plays `script`.
    ///
    /// # Panics
    ///
    /// This and the other methods panic when the client does not keep to the script.
    pub fn new(script: Script) -> Self {
        let mut link = Self {
            player: Player::new(script),
            sent: VecDeque::new(),
            closed: false,
            done: false,
        };
        link.play();
        link
    }

    /// Takes bytes from the client.
    pub fn send(&mut self, bytes: &[u8]) {
        self.player.receive(bytes);
        self.play();
    }

    /// The client closes.
    pub fn close(&mut self) {
        self.player.closed();
        self.play();
    }

    /// The next piece the server has sent; `None` when there is none now.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        self.sent.pop_front()
    }

    /// Whether the server has closed. Pieces sent before may still be there to receive.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the script has been played to its end.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// The messages the client has sent, as far as steps have taken them.
    pub fn transcript(&self) -> &[Vec<u8>] {
        self.player.transcript()
    }

    fn play(&mut self) {
        loop {
            match self.player.advance() {
                Ok(Action::Send(bytes)) => self.sent.push_back(bytes),
                Ok(Action::Delay(_)) => {}
                Ok(Action::Close) => self.closed = true,
                Ok(Action::Receive) => return,
                Ok(Action::Done) => {
                    self.done = true;
                    return;
                }
                Err(mismatch) => panic!("{mismatch}"),
            }
        }
    }
}
