//! The server's two messages of a SCRAM exchange, taken apart.
//!
//! Attributes come in a fixed order, each a letter, `=` and a value without commas. Extensions are
//! refused: PostgreSQL defines none, and libpq refuses them too.
//!
//! RFC 5802, section 7

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::auth::AuthError;

/// `r=nonce,s=salt,i=iterations`
#[derive(PartialEq, Eq, Debug)]
pub(super) struct ServerFirst<'a> {
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u64,
}

/// `v=signature` or `e=error`
#[derive(PartialEq, Eq, Debug)]
pub(super) enum ServerFinal {
    Signature([u8; 32]),
    Error(String),
}

const fn malformed(detail: &'static str) -> AuthError {
    AuthError::MalformedScram { detail }
}

/// Messages are printable ASCII, but for error values.
fn text(message: &[u8]) -> Result<&str, AuthError> {
    if message.is_empty() {
        return Err(malformed("empty message"));
    }
    std::str::from_utf8(message).map_err(|_| malformed("invalid encoding"))
}

impl<'a> ServerFirst<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, AuthError> {
        let mut attributes = text(message)?.split(',');
        let mut attribute = |prefix: &str, missing| {
            attributes
                .next()
                .and_then(|item| item.strip_prefix(prefix))
                .ok_or(malformed(missing))
        };
        let nonce = attribute("r=", "attribute \"r\" expected")?;
        let salt = attribute("s=", "attribute \"s\" expected")?;
        let iterations = attribute("i=", "attribute \"i\" expected")?;
        if attributes.next().is_some() {
            return Err(malformed("garbage at end of server-first-message"));
        }

        if !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed("non-printable characters in SCRAM nonce"));
        }
        let salt = BASE64.decode(salt).map_err(|_| malformed("invalid salt"))?;
        let digits = iterations.bytes().all(|byte| byte.is_ascii_digit());
        let iterations = match iterations.parse() {
            Ok(iterations) if digits && iterations > 0 => iterations,
            _ => return Err(malformed("invalid iteration count")),
        };
        Ok(Self {
            nonce,
            salt,
            iterations,
        })
    }
}

impl ServerFinal {
    pub(super) fn parse(message: &[u8]) -> Result<Self, AuthError> {
        let message = text(message)?;
        if let Some(value) = message.strip_prefix("e=") {
            return Ok(Self::Error(value.escape_debug().to_string()));
        }
        let signature = message
            .strip_prefix("v=")
            .ok_or(malformed("attribute \"v\" expected"))?;
        if signature.contains(',') {
            return Err(malformed("garbage at end of server-final-message"));
        }
        let signature = BASE64
            .decode(signature)
            .ok()
            .and_then(|bytes| bytes.try_into().ok());
        signature
            .map(Self::Signature)
            .ok_or(malformed("invalid server signature"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_has_three_attributes() {
        assert_eq!(
            ServerFirst::parse(b"r=abc,s=AQI=,i=4096"),
            Ok(ServerFirst {
                nonce: "abc",
                salt: vec![1, 2],
                iterations: 4096
            })
        );
        for (message, detail) in [
            (&b""[..], "empty message"),
            (b"r=\xff", "invalid encoding"),
            (b"m=1,r=a,s=AQI=,i=1", "attribute \"r\" expected"),
            (b"r=a,i=1", "attribute \"s\" expected"),
            (b"r=a,s=AQI=", "attribute \"i\" expected"),
            (
                b"r=a,s=AQI=,i=1,x=y",
                "garbage at end of server-first-message",
            ),
            (
                b"r=a\x01,s=AQI=,i=1",
                "non-printable characters in SCRAM nonce",
            ),
            (b"r=a,s=!!,i=1", "invalid salt"),
            (b"r=a,s=AQI,i=1", "invalid salt"),
            (b"r=a,s=AQI=,i=0", "invalid iteration count"),
            (b"r=a,s=AQI=,i=-1", "invalid iteration count"),
            (b"r=a,s=AQI=,i=+1", "invalid iteration count"),
            (b"r=a,s=AQI=,i=4x", "invalid iteration count"),
            (b"r=a,s=AQI=,i=", "invalid iteration count"),
            (
                b"r=a,s=AQI=,i=99999999999999999999",
                "invalid iteration count",
            ),
        ] {
            assert_eq!(
                ServerFirst::parse(message),
                Err(malformed(detail)),
                "{message:?}"
            );
        }
    }

    #[test]
    fn the_final_message_is_a_signature_or_an_error() {
        let text = format!("v={}", BASE64.encode([7; 32]));
        assert_eq!(
            ServerFinal::parse(text.as_bytes()),
            Ok(ServerFinal::Signature([7; 32]))
        );
        assert_eq!(
            ServerFinal::parse(b"e=invalid-proof"),
            Ok(ServerFinal::Error("invalid-proof".to_owned()))
        );
        // What the server says cannot clear the terminal it is shown on.
        assert_eq!(
            ServerFinal::parse(b"e=\x1b[2J"),
            Ok(ServerFinal::Error("\\u{1b}[2J".to_owned()))
        );
        for (message, detail) in [
            (&b""[..], "empty message"),
            (b"q=1", "attribute \"v\" expected"),
            (b"v=AQI=", "invalid server signature"),
            (b"v=?", "invalid server signature"),
            (b"v=AQI=,x=1", "garbage at end of server-final-message"),
        ] {
            assert_eq!(
                ServerFinal::parse(message),
                Err(malformed(detail)),
                "{message:?}"
            );
        }
    }
}
