//! Passwords as the server stores them: `PQencryptPasswordConn`.
//!
//! <https://www.postgresql.org/docs/current/libpq-misc.html#LIBPQ-PQENCRYPTPASSWORDCONN>

use psycoxide_connection::auth::verifier;

use crate::error::Error;

/// How the server is to store a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordAlgorithm {
    /// SCRAM-SHA-256.
    ScramSha256,
    /// MD5, which servers are about to drop.
    Md5,
}

impl PasswordAlgorithm {
    /// The algorithm of this name, as in the setting `password_encryption`.
    pub fn from_name(name: &[u8]) -> Option<PasswordAlgorithm> {
        match name {
            b"scram-sha-256" => Some(PasswordAlgorithm::ScramSha256),
            // The older names of the setting's values.
            b"md5" | b"on" | b"off" => Some(PasswordAlgorithm::Md5),
            _ => None,
        }
    }
}

/// What the server stores for a user's password; it may stand in `ALTER USER … PASSWORD`.
///
/// # Errors
/// When the system gives no random numbers.
pub fn encrypt_password(
    algorithm: PasswordAlgorithm,
    user: &[u8],
    password: &[u8],
) -> Result<Vec<u8>, Error> {
    let stored = match algorithm {
        PasswordAlgorithm::ScramSha256 => {
            let mut salt = [0; verifier::SALT_LENGTH];
            getrandom::fill(&mut salt)
                .map_err(|_| Error::Misuse("the system gives no random numbers"))?;
            verifier::scram_sha_256(password, &salt)
        }
        PasswordAlgorithm::Md5 => verifier::md5(password, user),
    };
    Ok(stored.as_bytes().to_vec())
}
