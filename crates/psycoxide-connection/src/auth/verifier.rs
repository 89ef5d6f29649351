//! Passwords as the server stores them, so that it need not be told the password itself.
//!
//! Manual: <https://www.postgresql.org/docs/18/libpq-misc.html#LIBPQ-PQENCRYPTPASSWORDCONN>,
//! <https://www.postgresql.org/docs/18/catalog-pg-authid.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{md5, scram};

/// How many rounds make the keys: the server's own default.
const ITERATIONS: u32 = 4096;

/// The bytes of a salt, which must be random.
pub const SALT_LENGTH: usize = 16;

/// What is stored for SCRAM-SHA-256: the salt and the two keys that check a client's proof.
pub fn scram_sha_256(password: &[u8], salt: &[u8; SALT_LENGTH]) -> Zeroizing<String> {
    let (stored, server) = scram::stored_keys(password, salt, ITERATIONS);
    Zeroizing::new(format!(
        "SCRAM-SHA-256${ITERATIONS}:{}${}:{}",
        STANDARD.encode(salt),
        STANDARD.encode(stored),
        STANDARD.encode(server)
    ))
}

/// What is stored for MD5: the digest of password and user.
pub fn md5(password: &[u8], user: &[u8]) -> Zeroizing<String> {
    let digits = md5::stored(user, password);
    Zeroizing::new(format!("md5{}", String::from_utf8_lossy(&digits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_stores() {
        // Password, salt and rounds of RFC 7677's example; the keys by Python's hashlib.
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salt = salt.try_into().unwrap();
        assert_eq!(
            *scram_sha_256(b"pencil", &salt),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
             WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
             wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
        assert_eq!(*md5(b"a", b"b"), "md5187ef4436122d1cc2f40dc2b92f0eba0");
    }
}
