//! What the machine tells its owner.

use psycoxide_protocol::TransactionStatus;
use psycoxide_protocol::backend::ErrorFields;

use crate::copy_chunk::CopyChunk;
use crate::result::QueryResult;

/// A notification of `LISTEN`/`NOTIFY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The process that notified.
    pub pid: u32,
    /// The channel.
    pub channel: Box<[u8]>,
    /// The payload, maybe empty.
    pub payload: Box<[u8]>,
}

/// Something that happened on the connection.
#[derive(Debug)]
pub enum Event {
    /// A result of the oldest command that is not answered yet. It is the command's last one,
    /// unless the command is a simple query (its end is `Ready`), or the status is `SingleTuple`
    /// or `TuplesChunk` (more rows follow) or `CopyIn`, `CopyOut`, `CopyBoth` (data follow).
    Result(QueryResult),
    /// A named statement exists now on the server; the rest of the command may still fail.
    StatementParsed,
    /// The server is ready for the next command (answer to a simple query or a Sync).
    Ready(TransactionStatus),
    /// Data of a COPY to the client: all messages that have arrived.
    CopyData(CopyChunk),
    /// A notice or a warning.
    Notice(Box<ErrorFields>),
    /// A notification.
    Notification(Notification),
    /// A setting that the server reports has changed.
    ParameterStatus,
}
