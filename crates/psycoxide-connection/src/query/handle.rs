//! The messages that answer commands.

use std::sync::Arc;

use psycoxide_protocol::backend::Message;
use psycoxide_protocol::{TransactionStatus, frame};

use super::{CopyState, Entry, Kind, Queries, Stage};
use crate::buffer::Incoming;
use crate::copy_chunk::CopyChunk;
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

    /// Takes all data of a COPY at the front of the input. What is handed out in one piece is never
    /// more than what one read has brought, or one message.
    #[inline]
    pub(crate) fn take_copy_data(&mut self, incoming: &mut Incoming) -> Result<(), Error> {
        let pending = incoming.pending();
        if pending.first() != Some(&b'd') || !matches!(self.copy, CopyState::Out | CopyState::Both)
        {
            return Ok(());
        }
        let (mut used, mut count) = (0, 0);
        while let Some(rest) = pending.get(used..) {
            if rest.first() != Some(&b'd') {
                break;
            }
            match frame::peek(rest)? {
                Some(frame) if frame.length <= rest.len() => used += frame.length,
                _ => break,
            }
            count += 1;
        }
        if count > 0 {
            let messages = pending.get(..used).unwrap_or_default();
            let chunk = CopyChunk::of_messages(messages, count);
            self.queued.push_back(Event::CopyData(chunk));
            incoming.consume(used);
        }
        Ok(())
    }

    /// Handles any message but the asynchronous ones, ErrorResponse, DataRow and, where it is
    /// legal, CopyData.
    pub(crate) fn handle(
        &mut self,
        tag: u8,
        message: Message<'_>,
        transaction_status: &mut TransactionStatus,
    ) -> Result<Option<Event>, Error> {
        let Some(entry) = self.queue.front_mut() else {
            return self.handle_stray(tag, &message, "no command is running");
        };
        let simple = matches!(entry.kind, Kind::Simple { .. });
        // Where a simple query stands shows in what has been described.
        let completing = match &entry.kind {
            Kind::Simple { .. } => true,
            Kind::Execute { stage, .. } => *stage == Stage::Completion,
            _ => false,
        } && self.copy == CopyState::None;
        let undescribed = self.fields.is_none();
        match (&mut entry.kind, message) {
            (Kind::Simple { answered: true } | Kind::Sync, Message::ReadyForQuery(status))
                if undescribed && self.copy == CopyState::None =>
            {
                self.queue.pop_front();
                self.aborted = false;
                *transaction_status = status;
                self.rests += u64::from(status == TransactionStatus::Idle);
                Ok(Some(Event::Ready(status)))
            }
            (
                Kind::Execute {
                    named_parse,
                    stage: stage @ Stage::Parse,
                    ..
                },
                Message::ParseComplete,
            ) => {
                *stage = Stage::Bind;
                Ok(named_parse.then_some(Event::StatementParsed))
            }
            (
                Kind::Execute {
                    fields,
                    stage: stage @ Stage::Bind,
                    ..
                },
                Message::BindComplete,
            ) => {
                *stage = match fields {
                    Some(_) => Stage::Completion,
                    None => Stage::Description,
                };
                self.fields = fields.take().filter(|fields| !fields.is_empty());
                Ok(None)
            }
            (
                Kind::Execute {
                    stage: stage @ Stage::Description,
                    ..
                },
                Message::RowDescription(fields),
            ) => {
                *stage = Stage::Completion;
                self.fields = Some(Arc::from(fields));
                Ok(None)
            }
            (
                Kind::Execute {
                    stage: stage @ Stage::Description,
                    ..
                },
                Message::NoData,
            ) => {
                *stage = Stage::Completion;
                Ok(None)
            }
            (Kind::Simple { .. }, Message::RowDescription(fields)) if completing && undescribed => {
                self.fields = Some(Arc::from(fields));
                Ok(None)
            }
            (_, Message::CommandComplete { tag }) if completing => {
                // In a pipeline the next ReadyForQuery may be far away.
                if tag == b"BEGIN" && *transaction_status == TransactionStatus::Idle {
                    *transaction_status = TransactionStatus::InTransaction;
                }
                let status = if undescribed {
                    ExecStatus::CommandOk
                } else {
                    ExecStatus::TuplesOk
                };
                Ok(Some(self.end(status, tag)))
            }
            (_, Message::EmptyQueryResponse)
                if completing && self.rows.is_empty() && (undescribed || !simple) =>
            {
                self.fields = None;
                Ok(Some(self.end(ExecStatus::EmptyQuery, b"")))
            }
            (Kind::Prepare, Message::ParseComplete) | (Kind::Close, Message::CloseComplete) => {
                Ok(Some(self.end(ExecStatus::CommandOk, b"")))
            }
            (Kind::Describe, Message::ParameterDescription(types)) => {
                self.parameter_types = types;
                Ok(None)
            }
            (Kind::Describe, Message::RowDescription(fields)) => {
                self.fields = Some(Arc::from(fields));
                Ok(Some(self.end(ExecStatus::CommandOk, b"")))
            }
            (Kind::Describe, Message::NoData) => Ok(Some(self.end(ExecStatus::CommandOk, b""))),
            (_, Message::CopyInResponse(response)) if completing && undescribed => {
                Ok(Some(self.begin_copy(CopyState::In, simple, &response)))
            }
            (_, Message::CopyOutResponse(response)) if completing && undescribed => {
                Ok(Some(self.begin_copy(CopyState::Out, simple, &response)))
            }
            (_, Message::CopyBothResponse(response)) if completing && undescribed => {
                Ok(Some(self.begin_copy(CopyState::Both, simple, &response)))
            }
            (_, Message::CopyDone) if matches!(self.copy, CopyState::Out | CopyState::Both) => {
                self.copy = match self.copy {
                    CopyState::Both => CopyState::In,
                    _ => CopyState::None,
                };
                Ok(None)
            }
            (_, message) => self.handle_stray(tag, &message, "a command is being answered"),
        }
    }

    /// A message that is not legal here; but for the ReadyForQuery that a COPY may have left over.
    #[cold]
    fn handle_stray(
        &mut self,
        tag: u8,
        message: &Message<'_>,
        expecting: &'static str,
    ) -> Result<Option<Event>, Error> {
        if matches!(message, Message::ReadyForQuery(_)) && std::mem::take(&mut self.spare_ready) {
            return Ok(None);
        }
        Err(Error::Unexpected { tag, expecting })
    }

    /// The result that ends the first command, or one of the statements of a simple query.
    fn end(&mut self, status: ExecStatus, tag: &[u8]) -> Event {
        // What was sent later than a Sync in doubt is answered: its ReadyForQuery is behind us.
        self.spare_ready = false;
        self.resent_sync = false;
        match self.queue.front_mut() {
            Some(Entry {
                kind: Kind::Simple { answered },
                ..
            }) => *answered = true,
            _ => {
                self.queue.pop_front();
            }
        }
        Event::Result(self.take_result(status, tag))
    }
}
