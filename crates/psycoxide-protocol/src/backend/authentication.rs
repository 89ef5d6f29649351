//! Requests to authenticate, which share one message type and differ by a code.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-message-formats.html>, `Authentication…`

use crate::DecodeError;
use crate::reader::Reader;

/// What the server wants to see before it lets the session begin.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Authentication<'a> {
    /// Authentication is over.
    Ok,
    /// The password itself.
    CleartextPassword,
    /// The MD5 digest of password, user and salt.
    Md5Password {
        /// The salt of this connection.
        salt: [u8; 4],
    },
    /// A SASL exchange by one of these mechanisms, in the server's order of preference.
    Sasl {
        /// The mechanisms' names, ASCII.
        mechanisms: Vec<&'a str>,
    },
    /// The server's next message of the SASL exchange.
    SaslContinue(&'a [u8]),
    /// The server's last message of the SASL exchange.
    SaslFinal(&'a [u8]),
    /// A method this driver does not speak, by its code: 7 is GSSAPI, 9 is SSPI.
    Unsupported(i32),
}

impl<'a> Authentication<'a> {
    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match reader.i32()? {
            0 => Self::Ok,
            3 => Self::CleartextPassword,
            5 => Self::Md5Password {
                salt: reader.array()?,
            },
            10 => Self::Sasl {
                mechanisms: mechanisms(reader)?,
            },
            11 => Self::SaslContinue(reader.take_rest()),
            12 => Self::SaslFinal(reader.take_rest()),
            code => {
                reader.take_rest();
                Self::Unsupported(code)
            }
        })
    }
}

/// Names up to an empty one.
fn mechanisms<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a str>, DecodeError> {
    let mut mechanisms = Vec::new();
    loop {
        let name = reader.c_string()?;
        if name.is_empty() {
            return Ok(mechanisms);
        }
        if !name.is_ascii() {
            return Err(DecodeError::MechanismName);
        }
        mechanisms.push(std::str::from_utf8(name).map_err(|_| DecodeError::MechanismName)?);
    }
}
