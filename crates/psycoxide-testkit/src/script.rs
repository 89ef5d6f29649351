//! What a scripted server does, step by step.

use std::time::Duration;

use crate::backend;

/// A step of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A startup packet, or another packet without a type byte, with this code: its first word.
    ExpectPacket(u32),
    /// A message of this type, whatever its body.
    Expect(u8),
    /// Exactly these bytes.
    ExpectBytes(Vec<u8>),
    /// The client closes.
    ExpectClose,
    /// Sends bytes, as one piece where the link allows.
    Send(Vec<u8>),
    /// Sends bytes one at a time.
    SendBytewise(Vec<u8>),
    /// Waits before the next step.
    Delay(Duration),
    /// Closes the connection; what follows in the script is not played.
    Close,
}

/// Steps, and the means to write them down.
///
/// ```
/// use psycoxide_testkit::{Script, backend};
///
/// let script = Script::new()
///     .startup()
///     .expect(b'Q')
///     .send(backend::command_complete("SELECT 0"))
///     .send(backend::ready_for_query(b'I'))
///     .expect(b'X')
///     .expect_close();
/// assert_eq!(script.steps().len(), 7);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Script {
    steps: Vec<Step>,
}

/// The code of a startup packet for protocol 3.0.
const VERSION_3_0: u32 = 3 << 16;

impl Script {
    /// A script without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Adds a step.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds [`Step::Expect`].
    #[must_use]
    pub fn expect(self, tag: u8) -> Self {
        self.step(Step::Expect(tag))
    }

    /// Adds [`Step::ExpectBytes`].
    #[must_use]
    pub fn expect_bytes(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::ExpectBytes(bytes.into()))
    }

    /// Adds [`Step::ExpectPacket`].
    #[must_use]
    pub fn expect_packet(self, code: u32) -> Self {
        self.step(Step::ExpectPacket(code))
    }

    /// Adds [`Step::ExpectClose`].
    #[must_use]
    pub fn expect_close(self) -> Self {
        self.step(Step::ExpectClose)
    }

    /// Adds [`Step::Send`].
    #[must_use]
    pub fn send(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Send(bytes.into()))
    }

    /// Adds [`Step::Delay`].
    #[must_use]
    pub fn delay(self, duration: Duration) -> Self {
        self.step(Step::Delay(duration))
    }

    /// Adds [`Step::Close`].
    #[must_use]
    pub fn close(self) -> Self {
        self.step(Step::Close)
    }

    /// Adds a startup without authentication: the packet of protocol 3.0, and all up to the first
    /// `ReadyForQuery`.
    #[must_use]
    pub fn startup(self) -> Self {
        let answer = [
            backend::authentication_ok(),
            backend::parameter_status("server_version", "15.0"),
            backend::parameter_status("client_encoding", "UTF8"),
            backend::parameter_status("server_encoding", "UTF8"),
            backend::parameter_status("standard_conforming_strings", "on"),
            backend::parameter_status("integer_datetimes", "on"),
            backend::backend_key_data(4711, b"key!"),
            backend::ready_for_query(b'I'),
        ];
        self.expect_packet(VERSION_3_0).send(answer.concat())
    }

    /// The same script with everything it sends cut into single bytes.
    #[must_use]
    pub fn bytewise(self) -> Self {
        let cut = |step| match step {
            Step::Send(bytes) => Step::SendBytewise(bytes),
            other => other,
        };
        Self {
            steps: self.steps.into_iter().map(cut).collect(),
        }
    }
}
