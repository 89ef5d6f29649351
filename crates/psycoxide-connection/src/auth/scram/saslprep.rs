//! The form of a password that keys are derived from.
//!
//! SASLprep makes different ways to type the same text the same bytes. PostgreSQL never checks a
//! password's encoding, so what is not UTF-8, or holds what SASLprep prohibits, is used as it is, on
//! both sides.
//!
//! RFC 4013; manual: <https://www.postgresql.org/docs/18/sasl-authentication.html#SASL-SCRAM-SHA-256>

use zeroize::Zeroizing;

/// The prepared password, or its own bytes where it cannot be prepared.
pub(super) fn prepare(password: &[u8]) -> Zeroizing<Vec<u8>> {
    let prepared = std::str::from_utf8(password)
        .ok()
        .and_then(|text| stringprep::saslprep(text).ok())
        // Nothing left is prohibited too.
        .filter(|text| !text.is_empty());
    Zeroizing::new(match prepared {
        Some(text) => text.into_owned().into_bytes(),
        None => password.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepares_what_it_can_and_keeps_the_rest() {
        for (password, prepared) in [
            // RFC 4013, section 3.
            ("I\u{ad}X".as_bytes(), "IX".as_bytes()),
            (b"user", b"user"),
            (b"USER", b"USER"),
            ("\u{aa}".as_bytes(), b"a"),
            ("\u{2168}".as_bytes(), b"IX"),
            // Prohibited: a control character, mixed directions.
            (b"\x07", b"\x07"),
            ("\u{627}1".as_bytes(), "\u{627}1".as_bytes()),
            // Composed, spaces of other kinds, nothing left, not UTF-8.
            ("e\u{301}\u{a0}".as_bytes(), "\u{e9} ".as_bytes()),
            ("\u{ad}".as_bytes(), "\u{ad}".as_bytes()),
            (b"\xff\xfe", b"\xff\xfe"),
        ] {
            assert_eq!(*prepare(password), prepared, "{password:?}");
        }
    }
}
