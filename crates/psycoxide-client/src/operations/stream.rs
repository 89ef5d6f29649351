//! Executing a query whose rows are handed out as they arrive, some at a time.
//!
//! Each step that is done hands out one piece of the result and leaves the rest with the server:
//! nothing is read ahead but what the socket's buffer gives. Between pieces the connection is busy,
//! so whoever runs this keeps others away until [`Stream::is_over`]. The extended protocol is used,
//! which takes one statement only, and the statement is not prepared: what is streamed is large and
//! seldom.

use psycoxide_connection::{Command, Event, ExecStatus, QueryResult};

use super::execute::{Request, last_words, refuse_copy};
use super::{Operation, Step, batch, exchange};
use crate::connection::Connection;
use crate::error::Error;

/// Where a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    /// All was sent; so many results stand before the query's: of BEGIN and of Close.
    Sent {
        ahead: usize,
    },
    /// The server is ready for the next command, or will never be again.
    AtRest,
}

/// Executes one query and hands out its rows.
///
/// Its output is a piece of the result (`SingleTuple` or `TuplesChunk`), or at the end the result
/// that completes it: `TuplesOk` with the rows that are left, maybe none, or an error, or that of a
/// command without rows.
#[derive(Debug)]
pub struct Stream {
    request: Request,
    chunk: usize,
    state: State,
    abandoned: bool,
    last: Option<QueryResult>,
}

impl Stream {
    /// The operation that executes this, with at most `chunk` rows a piece; at least one.
    pub fn new(request: Request, chunk: usize) -> Stream {
        Stream {
            request,
            chunk: chunk.max(1),
            state: State::New,
            abandoned: false,
            last: None,
        }
    }

    /// Whether there is nothing more to come.
    pub fn is_over(&self) -> bool {
        self.state == State::AtRest
    }

    /// Nobody wants the rest: from now on all that comes is thrown away, and a step is done when the
    /// connection is at rest. What was not sent yet is not sent any more.
    pub fn discard(&mut self) {
        self.abandoned = true;
        self.last = None;
    }

    fn start(&mut self, connection: &mut Connection) -> Result<(), Error> {
        let (request, chunk) = (&self.request, self.chunk);
        let ahead = batch::send(connection, true, |machine| {
            machine.execute(Command {
                chunk,
                ..batch::unprepared(
                    &request.query,
                    &request.parameters,
                    request.result_format,
                    None,
                )
            })
        })?;
        self.state = State::Sent { ahead };
        Ok(())
    }

    fn receive(&mut self, connection: &mut Connection) -> Result<Step<()>, Error> {
        let Connection {
            pgconn, statements, ..
        } = connection;
        let (state, abandoned) = (&mut self.state, self.abandoned);
        let last = &mut self.last;
        let mut ahead = match *state {
            State::Sent { ahead } => ahead,
            _ => 0,
        };
        let step = exchange(pgconn, |pgconn, event| {
            match event {
                // What ends a COPY adds nothing to the news that it was one.
                Event::Result(_) if last.as_ref().is_some_and(QueryResult::is_copy) => {}
                Event::Result(result) => match result.status {
                    ExecStatus::FatalError => {
                        ahead = 0;
                        *last = Some(result);
                    }
                    ExecStatus::PipelineAborted => {}
                    _ if ahead > 0 => ahead -= 1,
                    ExecStatus::SingleTuple | ExecStatus::TuplesChunk => {
                        if !abandoned {
                            *last = Some(result);
                            return Ok(Some(()));
                        }
                    }
                    _ => {
                        refuse_copy(pgconn, &result)?;
                        statements.note_command(&result.command_tag);
                        *last = Some(result);
                    }
                },
                Event::Ready(_) => {
                    *state = State::AtRest;
                    return Ok(Some(()));
                }
                _ => {}
            }
            Ok(None)
        });
        if let State::Sent { ahead: left } = state {
            *left = ahead;
        }
        step
    }
}

impl Operation for Stream {
    type Output = Option<QueryResult>;

    fn step(&mut self, connection: &mut Connection) -> Result<Step<Self::Output>, Error> {
        if self.state == State::New {
            self.state = State::AtRest;
            if !self.abandoned {
                self.start(connection)?;
            }
        }
        if self.state == State::AtRest {
            return Ok(Step::Done(None));
        }
        match self.receive(connection) {
            Ok(Step::Done(())) => {
                let last = self.last.take();
                Ok(Step::Done(last.filter(|_| !self.abandoned)))
            }
            Ok(Step::Wait(wait)) => Ok(Step::Wait(wait)),
            Err(error) => {
                self.state = State::AtRest;
                let mut error_result = self
                    .last
                    .take()
                    .filter(|result| result.status == ExecStatus::FatalError);
                last_words(error, &mut error_result)
            }
        }
    }

    fn abandon(&mut self) -> bool {
        self.discard();
        matches!(self.state, State::Sent { .. })
    }
}
