//! The digest of MD5 authentication: obsolete, and still found in `pg_hba.conf` files.
//!
//! Manual: <https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-START-UP>,
//! `AuthenticationMD5Password`

use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::Password;

/// `md5` and 32 hexadecimal digits: the digest of the digest of password and user, and the salt.
pub(super) fn digest(user: &[u8], password: &Password, salt: [u8; 4]) -> Zeroizing<Vec<u8>> {
    // The inner digest is what the server stores, and as good as the password.
    let inner = stored(user, password.reveal());
    let outer = hex(Md5::new().chain_update(&*inner).chain_update(salt));
    let mut answer = Zeroizing::new(Vec::with_capacity(3 + outer.len()));
    answer.extend_from_slice(b"md5");
    answer.extend_from_slice(&outer);
    answer
}

/// The 32 digits that the server stores, behind `md5`.
pub(super) fn stored(user: &[u8], password: &[u8]) -> Zeroizing<Vec<u8>> {
    hex(Md5::new().chain_update(password).chain_update(user))
}

fn hex(digest: Md5) -> Zeroizing<Vec<u8>> {
    let bytes = digest.finalize();
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).map_or(0, |digit| digit as u8);
    Zeroizing::new(
        bytes
            .iter()
            .flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)])
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_libpq_does() {
        // What libpq 18 sends for this user, password and salt.
        let digest = digest(b"u", &Password::new("p"), *b"abcd");
        assert_eq!(*digest, b"md5fa55bd30a96b8d5bd8215eee7c50a918");
    }
}
