//! The type bytes of the server's messages.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-message-formats.html>

macro_rules! tags {
    ($($(#[$doc:meta])* $constant:ident = $byte:literal, $name:literal;)*) => {
        $($(#[$doc])* pub const $constant: u8 = $byte;)*

        /// Every type this crate decodes.
        pub const ALL: &[u8] = &[$($constant),*];

        /// The manual's name of a message type.
        pub const fn name(tag: u8) -> &'static str {
            match tag {
                $($constant => $name,)*
                _ => "unknown",
            }
        }
    };
}

tags! {
    /// `Authentication…`: a request, a step of an exchange, or the end of them.
    AUTHENTICATION = b'R', "Authentication";
    /// `BackendKeyData`: what a cancel request needs.
    BACKEND_KEY_DATA = b'K', "BackendKeyData";
    /// `BindComplete`.
    BIND_COMPLETE = b'2', "BindComplete";
    /// `CloseComplete`.
    CLOSE_COMPLETE = b'3', "CloseComplete";
    /// `CommandComplete`, with the command tag.
    COMMAND_COMPLETE = b'C', "CommandComplete";
    /// `CopyBothResponse`: a replication stream begins.
    COPY_BOTH_RESPONSE = b'W', "CopyBothResponse";
    /// `CopyData`.
    COPY_DATA = b'd', "CopyData";
    /// `CopyDone`.
    COPY_DONE = b'c', "CopyDone";
    /// `CopyInResponse`: the server waits for data.
    COPY_IN_RESPONSE = b'G', "CopyInResponse";
    /// `CopyOutResponse`: data follows.
    COPY_OUT_RESPONSE = b'H', "CopyOutResponse";
    /// `DataRow`.
    DATA_ROW = b'D', "DataRow";
    /// `EmptyQueryResponse`.
    EMPTY_QUERY_RESPONSE = b'I', "EmptyQueryResponse";
    /// `ErrorResponse`.
    ERROR_RESPONSE = b'E', "ErrorResponse";
    /// `FunctionCallResponse`.
    FUNCTION_CALL_RESPONSE = b'V', "FunctionCallResponse";
    /// `NegotiateProtocolVersion`: the server is older than the startup packet.
    NEGOTIATE_PROTOCOL_VERSION = b'v', "NegotiateProtocolVersion";
    /// `NoData`: the statement returns no rows.
    NO_DATA = b'n', "NoData";
    /// `NoticeResponse`.
    NOTICE_RESPONSE = b'N', "NoticeResponse";
    /// `NotificationResponse`: a NOTIFY of some session.
    NOTIFICATION_RESPONSE = b'A', "NotificationResponse";
    /// `ParameterDescription`.
    PARAMETER_DESCRIPTION = b't', "ParameterDescription";
    /// `ParameterStatus`.
    PARAMETER_STATUS = b'S', "ParameterStatus";
    /// `ParseComplete`.
    PARSE_COMPLETE = b'1', "ParseComplete";
    /// `PortalSuspended`: the row limit of an `Execute` was reached.
    PORTAL_SUSPENDED = b's', "PortalSuspended";
    /// `ReadyForQuery`.
    READY_FOR_QUERY = b'Z', "ReadyForQuery";
    /// `RowDescription`.
    ROW_DESCRIPTION = b'T', "RowDescription";
}
