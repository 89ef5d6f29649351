//! Keeping the messages that go over a connection, for `PQtrace`.
//!
//! Messages are kept as they are with their time until somebody takes them: how they are shown and
//! where is not decided here. A message to the server counts when it is about to be sent, one from
//! it when it was received whole.

use std::time::SystemTime;

use psycoxide_protocol::frame;
use psycoxide_protocol::trace::Sender;

use super::PgConn;

/// A message that went over the connection.
#[derive(Clone, Debug)]
pub struct Traced {
    /// Who has sent it.
    pub sender: Sender,
    /// When.
    pub time: SystemTime,
    /// The whole message, header included.
    pub message: Vec<u8>,
}

/// The messages of a connection since somebody last took them.
#[derive(Debug)]
pub(super) struct Tracer {
    messages: Vec<Traced>,
    /// How many of the bytes that wait to be sent are traced already.
    ahead: usize,
    /// Bytes received that are no whole message yet.
    partial: Vec<u8>,
}

impl Tracer {
    /// Takes bytes from the server.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        let mut used = 0;
        while let Some(rest) = self.partial.get(used..) {
            // Not more than whole messages; what is none ends the connection anyway.
            let Ok(Some(frame)) = frame::peek(rest) else {
                break;
            };
            let Some(message) = rest.get(..frame.length) else {
                break;
            };
            self.messages.push(Traced {
                sender: Sender::Backend,
                time: SystemTime::now(),
                message: message.to_vec(),
            });
            used += frame.length;
        }
        self.partial.drain(..used);
    }

    /// Takes what waits to be sent, of which some may have been taken before.
    fn sending(&mut self, outgoing: &[u8]) {
        let mut rest = outgoing.get(self.ahead..).unwrap_or_default();
        while let [_, a, b, c, d, ..] = *rest {
            let length = u32::from_be_bytes([a, b, c, d]) as usize + 1;
            let Some((message, behind)) = rest.split_at_checked(length) else {
                break;
            };
            self.messages.push(Traced {
                sender: Sender::Frontend,
                time: SystemTime::now(),
                message: message.to_vec(),
            });
            rest = behind;
        }
        self.ahead = outgoing.len();
    }

    /// So many of the bytes that waited were sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.ahead = self.ahead.saturating_sub(count);
    }
}

impl PgConn {
    /// Keeps the messages from now on; those kept before are forgotten.
    pub fn trace(&mut self) {
        self.tracer = Some(Box::new(Tracer {
            messages: Vec::new(),
            ahead: self.machine.outgoing().len(),
            partial: self.machine.unhandled().to_vec(),
        }));
    }

    /// Keeps none any more.
    pub fn untrace(&mut self) {
        self.tracer = None;
    }

    /// The messages kept since the last call.
    pub fn take_traced(&mut self) -> Vec<Traced> {
        match &mut self.tracer {
            Some(tracer) => std::mem::take(&mut tracer.messages),
            None => Vec::new(),
        }
    }

    pub(super) fn has_traced(&self) -> bool {
        self.tracer
            .as_ref()
            .is_some_and(|tracer| !tracer.messages.is_empty())
    }

    /// Keeps what is about to be sent.
    #[cold]
    pub(super) fn trace_outgoing(&mut self) {
        if let Some(tracer) = &mut self.tracer {
            tracer.sending(self.machine.outgoing());
        }
    }
}
