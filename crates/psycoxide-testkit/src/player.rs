//! Plays a script without I/O: bytes of the client in, actions of the server out.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::script::{Script, Step};

/// What the server does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// It waits for the client.
    Receive,
    /// It sends this, as one piece.
    Send(Vec<u8>),
    /// It waits.
    Delay(Duration),
    /// It closes the connection.
    Close,
    /// The script is over.
    Done,
}

/// The client does not keep to the script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// The step's number, from zero.
    pub step: usize,
    /// The step.
    pub expected: Step,
    /// What the client sent in its place; empty when it closed.
    pub found: Vec<u8>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            step,
            expected,
            found,
        } = self;
        write!(
            formatter,
            "step {step}: expected {expected:?}, found \"{}\"",
            found.escape_ascii()
        )
    }
}

impl std::error::Error for Mismatch {}

/// Plays a [`Script`].
#[derive(Clone, Debug)]
pub struct Player {
    steps: VecDeque<Step>,
    played: usize,
    /// Bytes of the client that no step has taken yet.
    received: Vec<u8>,
    closed: bool,
    transcript: Vec<Vec<u8>>,
}

impl Player {
    /// A player at the first step.
    pub fn new(script: Script) -> Self {
        Self {
            steps: script.steps().iter().cloned().collect(),
            played: 0,
            received: Vec::new(),
            closed: false,
            transcript: Vec::new(),
        }
    }

    /// Takes bytes from the client.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// The client has closed.
    pub fn closed(&mut self) {
        self.closed = true;
    }

    /// The messages the client has sent, as far as steps have taken them.
    pub fn transcript(&self) -> &[Vec<u8>] {
        &self.transcript
    }

    /// The next action.
    ///
    /// # Errors
    ///
    /// The client has sent something else than expected, or closed.
    pub fn advance(&mut self) -> Result<Action, Mismatch> {
        while let Some(step) = self.steps.front_mut() {
            let length = match step {
                Step::Send(bytes) => {
                    let action = Action::Send(std::mem::take(bytes));
                    return Ok(self.played(action));
                }
                Step::SendBytewise(bytes) if bytes.len() > 1 => {
                    let rest = bytes.split_off(1);
                    return Ok(Action::Send(std::mem::replace(bytes, rest)));
                }
                Step::SendBytewise(bytes) => {
                    let action = Action::Send(std::mem::take(bytes));
                    return Ok(self.played(action));
                }
                Step::Delay(duration) => {
                    let action = Action::Delay(*duration);
                    return Ok(self.played(action));
                }
                Step::Close => {
                    self.steps.clear();
                    return Ok(Action::Close);
                }
                Step::ExpectClose if self.closed && self.received.is_empty() => Some(0),
                Step::ExpectClose if self.received.is_empty() => None,
                Step::ExpectClose => return Err(self.mismatch()),
                Step::Expect(tag) => match self.received.first() {
                    Some(first) if first != tag => return Err(self.mismatch()),
                    _ => word(&self.received, 1).map(|length| length as usize + 1),
                },
                Step::ExpectPacket(code) => match word(&self.received, 4) {
                    Some(found) if found != *code => return Err(self.mismatch()),
                    Some(_) => word(&self.received, 0).map(|length| length as usize),
                    None => None,
                },
                Step::ExpectBytes(bytes) => {
                    let shared = bytes.len().min(self.received.len());
                    if bytes[..shared] != self.received[..shared] {
                        return Err(self.mismatch());
                    }
                    Some(bytes.len())
                }
            };
            match length {
                Some(length) if self.received.len() >= length => {
                    let rest = self.received.split_off(length);
                    let message = std::mem::replace(&mut self.received, rest);
                    if !message.is_empty() {
                        self.transcript.push(message);
                    }
                    self.steps.pop_front();
                    self.played += 1;
                }
                _ if self.closed => return Err(self.mismatch()),
                _ => return Ok(Action::Receive),
            }
        }
        Ok(Action::Done)
    }

    fn played(&mut self, action: Action) -> Action {
        self.steps.pop_front();
        self.played += 1;
        action
    }

    fn mismatch(&self) -> Mismatch {
        Mismatch {
            step: self.played,
            expected: self.steps.front().cloned().unwrap_or(Step::ExpectClose),
            found: self.received.clone(),
        }
    }
}

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes
        .get(offset..)?
        .first_chunk()
        .map(|word| u32::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_taken_in_order() {
        let script = Script::new()
            .expect_packet(3 << 16)
            .send(*b"hello")
            .expect(b'Q')
            .step(Step::SendBytewise(b"ab".to_vec()))
            .expect_bytes(*b"end")
            .expect_close();
        let mut player = Player::new(script);
        assert_eq!(player.advance(), Ok(Action::Receive));
        player.receive(b"\0\0\0\x09\0\x03\0\0");
        assert_eq!(player.advance(), Ok(Action::Receive));
        player.receive(b"\0");
        assert_eq!(player.advance(), Ok(Action::Send(b"hello".to_vec())));
        player.receive(b"Q\0\0\0\x05\0en");
        assert_eq!(player.advance(), Ok(Action::Send(b"a".to_vec())));
        assert_eq!(player.advance(), Ok(Action::Send(b"b".to_vec())));
        assert_eq!(player.advance(), Ok(Action::Receive));
        player.receive(b"d");
        assert_eq!(player.advance(), Ok(Action::Receive));
        player.closed();
        assert_eq!(player.advance(), Ok(Action::Done));
        assert_eq!(player.transcript().len(), 3);
    }

    #[test]
    fn what_is_not_in_the_script_is_told() {
        let mut player = Player::new(Script::new().send(*b"x").expect(b'Q'));
        assert!(matches!(player.advance(), Ok(Action::Send(_))));
        player.receive(b"X");
        let mismatch = player.advance().unwrap_err();
        assert_eq!(
            mismatch.to_string(),
            "step 1: expected Expect(81), found \"X\""
        );
        let mut player = Player::new(Script::new().expect(b'Q'));
        player.closed();
        assert_eq!(player.advance().unwrap_err().found, b"");
        for script in [
            Script::new().expect_bytes(*b"ab"),
            Script::new().expect_close(),
        ] {
            let mut player = Player::new(script);
            player.receive(b"b");
            assert!(player.advance().is_err());
        }
        let mut player = Player::new(Script::new().expect_packet(1));
        player.receive(b"\0\0\0\x08\0\0\0\x02");
        assert!(player.advance().is_err());
    }

    #[test]
    fn nothing_is_played_after_close() {
        let mut player = Player::new(Script::new().close().send(*b"x"));
        assert_eq!(player.advance(), Ok(Action::Close));
        assert_eq!(player.advance(), Ok(Action::Done));
    }
}
