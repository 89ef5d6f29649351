//! SCRAM-SHA-256: both sides prove that they know the password, and neither sends it.
//!
//! The client sends a nonce; the server extends it and names salt and iteration count, from which the
//! client derives its keys; the client sends a proof over all that was said; the server answers with
//! its signature over the same. Each step is a type that is consumed by the next message, so that no
//! message can be handled twice or out of order.
//!
//! User names are left empty: the server takes the one of the startup packet.
//!
//! RFC 5802 (SCRAM), RFC 7677 (with SHA-256);
//! manual: <https://www.postgresql.org/docs/18/sasl-authentication.html>

mod cache;
mod keys;
mod message;
mod saslprep;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq as _;

pub use cache::ScramKeyCache;

use super::channel_binding::Binding;
use super::{AuthError, Password};
use cache::CacheKey;
use keys::{Keys, hmac};
use message::{ServerFinal, ServerFirst};

/// The random bytes of a client's nonce: as many as libpq uses, 24 characters in base64.
pub const NONCE_LENGTH: usize = 18;

/// PBKDF2 takes about a third of a microsecond an iteration: this many are seconds. The server's
/// default is 4096.
const MAX_ITERATIONS: u32 = 10_000_000;

/// `StoredKey` and `ServerKey` of a password: what a server keeps of it.
pub(super) fn stored_keys(password: &[u8], salt: &[u8], iterations: u32) -> ([u8; 32], [u8; 32]) {
    let keys = Keys::derive(&saslprep::prepare(password), salt, iterations);
    (keys.stored(), *keys.server())
}

/// The client's first message has been made.
pub(super) struct ClientFirst {
    binding: Binding,
    nonce: String,
    message: String,
}

impl ClientFirst {
    pub(super) fn new(binding: Binding, nonce: &[u8; NONCE_LENGTH]) -> Self {
        let nonce = BASE64.encode(nonce);
        let message = format!("{}n=,r={nonce}", binding.header());
        Self {
            binding,
            nonce,
            message,
        }
    }

    pub(super) fn mechanism(&self) -> &'static str {
        self.binding.mechanism()
    }

    pub(super) fn message(&self) -> &[u8] {
        self.message.as_bytes()
    }

    /// Reads the server's first message; gives the client's final one and what to expect after it.
    pub(super) fn handle(
        self,
        message: &[u8],
        user: &[u8],
        password: &Password,
        cache: Option<&Arc<ScramKeyCache>>,
    ) -> Result<(Vec<u8>, ServerProof), AuthError> {
        let server = ServerFirst::parse(message)?;
        // An answer to another client, or a replayed one, does not begin with our nonce; one that
        // adds nothing to it would leave all randomness to us.
        match server.nonce.strip_prefix(&*self.nonce) {
            Some(added) if !added.is_empty() => {}
            _ => return Err(AuthError::NonceMismatch),
        }
        let iterations = match u32::try_from(server.iterations) {
            Ok(iterations) if iterations <= MAX_ITERATIONS => iterations,
            _ => {
                return Err(AuthError::TooManyIterations {
                    iterations: server.iterations,
                    limit: MAX_ITERATIONS,
                });
            }
        };

        let cache_key = CacheKey::new(user, password.reveal(), &server.salt, iterations);
        let known = cache.and_then(|cache| cache.get(&cache_key));
        let remember = known.is_none();
        let keys = known.unwrap_or_else(|| {
            Keys::derive(
                &saslprep::prepare(password.reveal()),
                &server.salt,
                iterations,
            )
        });

        let mut binding_input = self.binding.header().as_bytes().to_vec();
        binding_input.extend_from_slice(self.binding.data());
        let without_proof = format!("c={},r={}", BASE64.encode(binding_input), server.nonce);
        // The AuthMessage of RFC 5802: all that was said, without header and proof.
        let bare = self
            .message
            .get(self.binding.header().len()..)
            .unwrap_or_default();
        let said = [
            bare.as_bytes(),
            b",",
            message,
            b",",
            without_proof.as_bytes(),
        ];
        let answer = format!(
            "{without_proof},p={}",
            BASE64.encode(keys.client_proof(&said))
        );

        let proof = ServerProof {
            signature: hmac(keys.server(), &said),
            bound: matches!(self.binding, Binding::ServerEndPoint(_)),
            remember: remember.then_some((cache_key, keys)),
        };
        Ok((answer.into_bytes(), proof))
    }
}

/// The client's final message has been made; the server has to prove itself.
pub(super) struct ServerProof {
    signature: [u8; 32],
    bound: bool,
    /// Keys that are not in the cache.
    remember: Option<(CacheKey, Keys)>,
}

impl ServerProof {
    pub(super) fn is_bound(&self) -> bool {
        self.bound
    }

    /// Verifies the server's final message. Only keys that a server has confirmed are remembered: a
    /// wrong password or a made-up salt does not push out a good entry.
    pub(super) fn verify(
        self,
        message: &[u8],
        cache: Option<&Arc<ScramKeyCache>>,
    ) -> Result<(), AuthError> {
        let signature = match ServerFinal::parse(message)? {
            ServerFinal::Error(value) => return Err(AuthError::ScramServerError { value }),
            ServerFinal::Signature(signature) => signature,
        };
        if !bool::from(self.signature.ct_eq(&signature)) {
            return Err(AuthError::ServerSignature);
        }
        if let (Some(cache), Some((key, keys))) = (cache, self.remember) {
            cache.insert(key, keys);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
