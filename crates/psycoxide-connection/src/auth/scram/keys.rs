//! The keys derived from a password: what takes the time of a SCRAM exchange.
//!
//! RFC 5802, section 3

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// `ClientKey` and `ServerKey`. With them one can authenticate as the user without the password.
#[derive(Clone)]
pub(super) struct Keys {
    client: Zeroizing<[u8; 32]>,
    server: Zeroizing<[u8; 32]>,
}

impl Keys {
    /// Derives the keys from a prepared password: `iterations` rounds of HMAC.
    pub(super) fn derive(password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let mut salted = Zeroizing::new([0; 32]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut *salted);
        Self {
            client: Zeroizing::new(hmac(&salted, &[b"Client Key"])),
            server: Zeroizing::new(hmac(&salted, &[b"Server Key"])),
        }
    }

    /// `StoredKey`, with which the server checks the client's proof.
    pub(super) fn stored(&self) -> [u8; 32] {
        Sha256::digest(self.client.as_slice()).into()
    }

    /// `ServerKey`, with which the server signs.
    pub(super) fn server(&self) -> &[u8; 32] {
        &self.server
    }

    /// `ClientProof`: the client's key, veiled by its signature over what was `said`.
    pub(super) fn client_proof(&self, said: &[&[u8]]) -> [u8; 32] {
        let stored = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(self.client.as_slice())));
        let mut proof = hmac(&stored, said);
        for (byte, key) in proof.iter_mut().zip(&*self.client) {
            *byte ^= key;
        }
        proof
    }
}

/// HMAC-SHA-256 of the parts as one text.
pub(super) fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new(&(*key_block(key)).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The key as HMAC pads it: of the block's size it can be taken without a check.
fn key_block(key: &[u8; 32]) -> Zeroizing<[u8; 64]> {
    let mut block = Zeroizing::new([0; 64]);
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    block
}
