//! The messages that answer commands.

use std::sync::Arc;

use psycoxide_protocol::backend::Message;
use psycoxide_protocol::{TransactionStatus, frame, frontend};

use super::{CopyState, Entry, Kind, Queries};
use crate::buffer::{Incoming, Outgoing};
use crate::error::Error;
use crate::event::Event;
use crate::result::ExecStatus;

impl Queries {
    /// Takes all rows at the front of the input: the loop that bulk reads spend their time in.
    #[inline]
    pub(crate) fn take_rows(&mut self, incoming: &mut Incoming) -> Result<(), Error> {
        if incoming.pending().first() != Some(&b'D') {
            return Ok(());
        }
        let Some(Entry { chunk, .. }) = self.queue.front() else {
            return Err(Error::Unexpected {
                tag: b'D',
                expecting: "no command is running",
            });
        };
        let chunk = *chunk;
        let Some(fields) = &self.fields else {
            return Err(Error::Unexpected {
                tag: b'D',
                expecting: "no rows were described",
            });
        };
        let expected = fields.len();
        let mut used = 0;
        let mut full = false;
        {
            let pending = incoming.pending();
            while let Some(rest) = pending.get(used..) {
                if rest.first() != Some(&b'D') {
                    break;
                }
                let Some(frame) = frame::peek(rest)? else {
                    break;
                };
                let Some(message) = rest.get(..frame.length) else {
                    break;
                };
                let found = match message {
                    [_, _, _, _, _, high, low, ..] => u16::from_be_bytes([*high, *low]) as usize,
                    _ => return Err(Error::ColumnCount { expected, found: 0 }),
                };
                if found != expected {
                    return Err(Error::ColumnCount { expected, found });
                }
                self.rows.push_message(message);
                used += frame.length;
                if self.rows.len() == chunk {
                    full = true;
                    break;
                }
            }
        }
        incoming.consume(used);
        if full {
            let result = self.take_chunk(chunk);
            self.queued.push_back(Event::Result(result));
        }
        Ok(())
    }

    /// Handles any message but the asynchronous ones, ErrorResponse and DataRow.
    pub(crate) fn handle(
        &mut self,
        tag: u8,
        message: Message<'_>,
        transaction_status: &mut TransactionStatus,
    ) -> Result<Option<Event>, Error> {
        let Some(entry) = self.queue.front_mut() else {
            return Err(Error::Unexpected {
                tag,
                expecting: "no command is running",
            });
        };
        let simple = matches!(entry.kind, Kind::Simple);
        match (&mut entry.kind, message) {
            (Kind::Simple | Kind::Sync, Message::ReadyForQuery(status)) => {
                self.queue.pop_front();
                self.aborted = false;
                self.fields = None;
                *transaction_status = status;
                Ok(Some(Event::Ready(status)))
            }
            (Kind::Execute { named_parse, .. }, Message::ParseComplete) => {
                Ok(named_parse.then_some(Event::StatementParsed))
            }
            (Kind::Execute { fields, .. }, Message::BindComplete) => {
                self.fields = fields.take();
                Ok(None)
            }
            (Kind::Simple | Kind::Execute { .. }, Message::RowDescription(fields)) => {
                self.fields = Some(Arc::from(fields));
                Ok(None)
            }
            (Kind::Execute { .. }, Message::NoData) => Ok(None),
            (Kind::Simple | Kind::Execute { .. }, Message::CommandComplete { tag }) => {
                let rows = self.fields.is_some();
                let status = if rows {
                    ExecStatus::TuplesOk
                } else {
                    ExecStatus::CommandOk
                };
                self.end(simple, status, tag)
            }
            (Kind::Simple | Kind::Execute { .. }, Message::EmptyQueryResponse) => {
                self.end(simple, ExecStatus::EmptyQuery, b"")
            }
            (Kind::Execute { .. }, Message::PortalSuspended) => {
                self.end(false, ExecStatus::TuplesOk, b"")
            }
            (Kind::Prepare, Message::ParseComplete) | (Kind::Close, Message::CloseComplete) => {
                self.end(false, ExecStatus::CommandOk, b"")
            }
            (Kind::Describe, Message::ParameterDescription(types)) => {
                self.parameter_types = types;
                Ok(None)
            }
            (Kind::Describe, Message::RowDescription(fields)) => {
                self.fields = Some(Arc::from(fields));
                self.end(false, ExecStatus::CommandOk, b"")
            }
            (Kind::Describe, Message::NoData) => self.end(false, ExecStatus::CommandOk, b""),
            (Kind::Simple | Kind::Execute { .. }, Message::CopyInResponse(response)) => {
                // While it takes data the server ignores Sync, so the one that stands behind this
                // command is lost.
                self.resend_sync = !simple;
                Ok(Some(self.begin_copy(CopyState::In, &response)))
            }
            (Kind::Simple | Kind::Execute { .. }, Message::CopyOutResponse(response)) => {
                Ok(Some(self.begin_copy(CopyState::Out, &response)))
            }
            (Kind::Simple | Kind::Execute { .. }, Message::CopyBothResponse(response)) => {
                self.resend_sync = !simple;
                Ok(Some(self.begin_copy(CopyState::Both, &response)))
            }
            (_, Message::CopyData(data))
                if matches!(self.copy, CopyState::Out | CopyState::Both) =>
            {
                Ok(Some(Event::CopyData(data.to_vec())))
            }
            (_, Message::CopyDone) if matches!(self.copy, CopyState::Out | CopyState::Both) => {
                if self.copy == CopyState::Both {
                    self.copy = CopyState::In;
                } else {
                    self.copy = CopyState::None;
                }
                Ok(None)
            }
            _ => Err(Error::Unexpected {
                tag,
                expecting: "a command is being answered",
            }),
        }
    }

    fn end(
        &mut self,
        simple: bool,
        status: ExecStatus,
        tag: &[u8],
    ) -> Result<Option<Event>, Error> {
        self.copy = CopyState::None;
        let result = self.take_result(status, tag);
        if !simple {
            self.queue.pop_front();
        }
        Ok(Some(Event::Result(result)))
    }

    /// After an error in the middle of a COPY to the server: the Sync that ends the command.
    pub(crate) fn sync_after_copy(&mut self, outgoing: &mut Outgoing) {
        if std::mem::take(&mut self.resend_sync) {
            frontend::sync(outgoing.buffer());
        }
    }
}
