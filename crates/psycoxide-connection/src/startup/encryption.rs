//! The answer to `SSLRequest`: one byte, before any message.
//!
//! The owner must read exactly one byte here: whatever a peer sends behind it in the clear must not
//! be taken for something that came through the encrypted channel.
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>

use crate::error::Error;

/// What the server answers when asked for encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptionAnswer {
    /// `S`: the TLS handshake may begin.
    Accepted,
    /// `N`: the connection can go on unencrypted.
    Refused,
    /// `E`: an error from a server that does not know the request, or cannot fork. Its text came
    /// unauthenticated and is not to be shown.
    Failed,
}

impl EncryptionAnswer {
    /// Reads the answer.
    ///
    /// # Errors
    /// [`Error::EncryptionAnswer`] for any other byte.
    pub fn decode(answer: u8) -> Result<EncryptionAnswer, Error> {
        match answer {
            b'S' => Ok(EncryptionAnswer::Accepted),
            b'N' => Ok(EncryptionAnswer::Refused),
            b'E' => Ok(EncryptionAnswer::Failed),
            answer => Err(Error::EncryptionAnswer { answer }),
        }
    }
}
