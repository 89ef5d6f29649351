//! Why authentication fails on the client's side. Refusals by the server are `ErrorResponse` messages
//! and not seen here.
//!
//! Where libpq has the same failure the text is the one it gives, because programs look for it.

use psycoxide_protocol::EncodeError;
use psycoxide_protocol::backend::Authentication;

/// The client does not go on with authentication.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The server wants a password, and there is none or an empty one.
    #[error("fe_sendauth: no password supplied")]
    NoPassword,
    /// The server does not keep to `require_auth`.
    #[error("authentication method requirement \"{requirement}\" failed: {reason}")]
    Requirement {
        /// The parameter's value.
        requirement: String,
        /// What the server did.
        reason: String,
    },
    /// Channel binding is required and the server asks for something that has none.
    #[error("channel binding required but not supported by server's authentication request")]
    ChannelBindingNotOffered,
    /// Channel binding is required and the server let the client in without.
    #[error("channel binding required, but server authenticated client without channel binding")]
    ChannelBindingSkipped,
    /// Channel binding is required on a connection that is not encrypted.
    #[error("channel binding required, but SSL not in use")]
    ChannelBindingWithoutTls,
    /// Channel binding is required and the server's certificate is of a kind that gives nothing to
    /// bind to.
    #[error(
        "channel binding required, but the signature algorithm of the server's certificate does \
         not define the hash to bind to"
    )]
    ChannelBindingUnavailable,
    /// The server believes that the connection is encrypted and it is not: someone is between.
    #[error("server offered SCRAM-SHA-256-PLUS authentication over a non-SSL connection")]
    PlusWithoutTls,
    /// A method this driver does not implement.
    #[error("{}", unsupported_method(*code))]
    UnsupportedMethod {
        /// The code of the request.
        code: i32,
    },
    /// SASL mechanisms this driver does not implement.
    #[error(
        "none of the server's SASL authentication mechanisms are supported (it offers {})",
        if offered.is_empty() { "none".to_owned() } else { offered.join(", ") }
    )]
    UnsupportedMechanisms {
        /// What the server offers.
        offered: Vec<String>,
    },
    /// A request that does not follow from what was said before.
    #[error("invalid authentication request from server: {request} out of order")]
    OutOfOrder {
        /// The manual's name of the message.
        request: &'static str,
    },
    /// The server ends a SCRAM exchange early, and so has not proved that it knows the password.
    #[error("server accepted the client before it completed SCRAM authentication")]
    Incomplete,
    /// A SCRAM message is not formed as RFC 5802 wants it.
    #[error("malformed SCRAM message ({detail})")]
    MalformedScram {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The server's nonce does not extend the client's: the message belongs to another exchange.
    #[error("invalid SCRAM response (nonce mismatch)")]
    NonceMismatch,
    /// So many rounds would keep the client busy for minutes: an attack, or a mistake.
    #[error("server asks for {iterations} SCRAM iterations, the limit is {limit}")]
    TooManyIterations {
        /// What the server asks for.
        iterations: u64,
        /// The greatest number accepted.
        limit: u32,
    },
    /// The server reports the failure within the exchange.
    #[error("error received from server in SCRAM exchange: {value}")]
    ScramServerError {
        /// RFC 5802's `server-error-value`.
        value: String,
    },
    /// The server does not know the password: it is not the server it claims to be.
    #[error("incorrect server signature")]
    ServerSignature,
    /// An answer cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

fn unsupported_method(code: i32) -> String {
    match code {
        1 => "Kerberos 4 authentication not supported".to_owned(),
        2 => "Kerberos 5 authentication not supported".to_owned(),
        4 => "Crypt authentication not supported".to_owned(),
        7 | 8 => "GSSAPI authentication not supported".to_owned(),
        9 => "SSPI authentication not supported".to_owned(),
        _ => format!("authentication method {code} not supported"),
    }
}

/// The manual's name of a request.
pub(super) fn name(request: &Authentication<'_>) -> &'static str {
    match request {
        Authentication::Ok => "AuthenticationOk",
        Authentication::CleartextPassword => "AuthenticationCleartextPassword",
        Authentication::Md5Password { .. } => "AuthenticationMD5Password",
        Authentication::Sasl { .. } => "AuthenticationSASL",
        Authentication::SaslContinue(_) => "AuthenticationSASLContinue",
        Authentication::SaslFinal(_) => "AuthenticationSASLFinal",
        _ => "an authentication method that is not supported",
    }
}
