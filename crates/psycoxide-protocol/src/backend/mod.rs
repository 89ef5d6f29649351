//! Messages from the server: a type byte and a body in, a [`Message`] that borrows from the body out.
//!
//! [`crate::frame`] has cut the stream into messages before. Every length and count is checked against
//! the bytes that are there, and a body must be used up exactly: what is left over means that the two
//! sides no longer agree on what is being said.
//!
//! Rows are the exception to decoding: [`Message::DataRow`] is its body, unlooked at, for
//! [`data_row`] to walk where the cells are wanted.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-message-formats.html>

pub mod data_row;
pub mod tag;

mod authentication;
mod copy;
mod error_fields;
mod row_description;
mod session;

pub use authentication::Authentication;
pub use copy::CopyResponse;
pub use error_fields::{ErrorFields, field};
pub use row_description::Field;

use crate::reader::Reader;
use crate::{DecodeError, Oid, TransactionStatus};

/// A message from the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message<'a> {
    /// A request to authenticate, a step of it, or its end.
    Authentication(Authentication<'a>),
    /// What a cancel request for this session needs.
    BackendKeyData {
        /// The server process.
        pid: u32,
        /// The secret: 4 bytes in protocol 3.0, up to 256 later.
        key: &'a [u8],
    },
    /// A `Bind` succeeded.
    BindComplete,
    /// A `Close` succeeded.
    CloseComplete,
    /// A statement succeeded.
    CommandComplete {
        /// The command tag, such as `INSERT 0 1`.
        tag: &'a [u8],
    },
    /// The server waits for the data of a `COPY … FROM STDIN`.
    CopyInResponse(CopyResponse),
    /// The data of a `COPY … TO STDOUT` follows.
    CopyOutResponse(CopyResponse),
    /// Data goes both ways from here: streaming replication.
    CopyBothResponse(CopyResponse),
    /// A piece of the data of a COPY.
    CopyData(&'a [u8]),
    /// The data of a COPY is complete.
    CopyDone,
    /// A row: the body, for [`data_row`]. Nothing of it has been checked.
    DataRow(&'a [u8]),
    /// The query held no statement. Stands for a `CommandComplete`.
    EmptyQueryResponse,
    /// A statement, or the session, failed.
    ErrorResponse(ErrorFields),
    /// A warning or other remark; at any time.
    NoticeResponse(ErrorFields),
    /// What was described returns no rows.
    NoData,
    /// A NOTIFY of some session; at any time.
    NotificationResponse {
        /// The process that notified.
        pid: u32,
        /// The channel.
        channel: &'a [u8],
        /// The payload, empty when none was given.
        payload: &'a [u8],
    },
    /// The types of a statement's parameters.
    ParameterDescription(Vec<Oid>),
    /// The value of a reported parameter, at the start and whenever it changes.
    ParameterStatus {
        /// Its name.
        name: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// A `Parse` succeeded.
    ParseComplete,
    /// The row limit of an `Execute` was reached; the portal has more.
    PortalSuspended,
    /// The server waits for the next query.
    ReadyForQuery(TransactionStatus),
    /// The columns of the rows that follow, or would.
    RowDescription(Vec<Field>),
    /// The server does not know the minor version, or some protocol options, asked for.
    NegotiateProtocolVersion {
        /// The newest minor version of 3 that it speaks.
        newest_minor: u32,
        /// The protocol options it does not know.
        unrecognized: Vec<&'a [u8]>,
    },
    /// The result of a function call, which this driver does not send.
    FunctionCallResponse,
}

impl<'a> Message<'a> {
    /// Decodes the `body` of a message with the type `tag`.
    ///
    /// ```
    /// use psycoxide_protocol::backend::Message;
    ///
    /// let message = Message::decode(b'C', b"SELECT 3\0")?;
    /// assert_eq!(message, Message::CommandComplete { tag: b"SELECT 3" });
    /// assert!(Message::decode(b'C', b"SELECT 3").is_err());
    /// # Ok::<(), psycoxide_protocol::DecodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The type is unknown or the body is not what the manual describes for it.
    pub fn decode(tag: u8, body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(tag, body);
        let message = match tag {
            // First the hot ones.
            tag::DATA_ROW => return Ok(Self::DataRow(body)),
            tag::COPY_DATA => return Ok(Self::CopyData(body)),
            tag::BIND_COMPLETE => Self::BindComplete,
            tag::COMMAND_COMPLETE => Self::CommandComplete {
                tag: reader.c_string()?,
            },
            tag::READY_FOR_QUERY => session::ready_for_query(&mut reader)?,
            tag::ROW_DESCRIPTION => Self::RowDescription(row_description::decode(&mut reader)?),
            tag::NO_DATA => Self::NoData,
            tag::PARSE_COMPLETE => Self::ParseComplete,

            tag::AUTHENTICATION => Self::Authentication(Authentication::decode(&mut reader)?),
            tag::BACKEND_KEY_DATA => session::backend_key_data(&mut reader)?,
            tag::CLOSE_COMPLETE => Self::CloseComplete,
            tag::COPY_BOTH_RESPONSE => Self::CopyBothResponse(copy::decode(tag, &mut reader)?),
            tag::COPY_DONE => Self::CopyDone,
            tag::COPY_IN_RESPONSE => Self::CopyInResponse(copy::decode(tag, &mut reader)?),
            tag::COPY_OUT_RESPONSE => Self::CopyOutResponse(copy::decode(tag, &mut reader)?),
            tag::EMPTY_QUERY_RESPONSE => Self::EmptyQueryResponse,
            tag::ERROR_RESPONSE => Self::ErrorResponse(error_fields::decode(&mut reader)?),
            tag::NOTICE_RESPONSE => Self::NoticeResponse(error_fields::decode(&mut reader)?),
            tag::FUNCTION_CALL_RESPONSE => session::function_call_response(tag, &mut reader)?,
            tag::NEGOTIATE_PROTOCOL_VERSION => session::negotiate_protocol_version(&mut reader)?,
            tag::NOTIFICATION_RESPONSE => session::notification_response(&mut reader)?,
            tag::PARAMETER_DESCRIPTION => session::parameter_description(&mut reader)?,
            tag::PARAMETER_STATUS => session::parameter_status(&mut reader)?,
            tag::PORTAL_SUSPENDED => Self::PortalSuspended,
            _ => return Err(DecodeError::UnknownTag { tag }),
        };
        reader.finish()?;
        Ok(message)
    }
}
