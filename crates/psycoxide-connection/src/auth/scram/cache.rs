//! Keys derived by earlier connections: deriving them takes a client longer than all the rest of a
//! connection attempt, and a pool connects many times with the same password.
//!
//! What is kept authenticates as the user at servers with the same salt, as the password would. It is
//! found by a hash over user, password, salt and iterations, so a changed password finds nothing; it
//! is overwritten when pushed out or dropped, and there is room for a fixed number.

use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::keys::Keys;

/// The number of derived keys kept: users times servers of a busy process.
const CAPACITY: usize = 64;

/// A bounded cache of keys, to be shared by all connections of a process.
#[derive(Default)]
pub struct ScramKeyCache {
    /// The least recently used first.
    entries: Mutex<Vec<(CacheKey, Keys)>>,
}

impl ScramKeyCache {
    /// An empty cache.
    pub const fn new() -> Self {
        Self {
            entries: Mutex::new(Vec::new()),
        }
    }

    /// The number of keys kept.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether no keys are kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all keys.
    pub fn clear(&self) {
        self.entries().clear();
    }

    pub(super) fn get(&self, key: &CacheKey) -> Option<Keys> {
        let mut entries = self.entries();
        let position = entries.iter().position(|(candidate, _)| candidate == key)?;
        if let Some(used) = entries.get_mut(position..) {
            used.rotate_left(1);
        }
        entries.last().map(|(_, keys)| keys.clone())
    }

    pub(super) fn insert(&self, key: CacheKey, keys: Keys) {
        let mut entries = self.entries();
        entries.retain(|(candidate, _)| *candidate != key);
        if entries.len() >= CAPACITY {
            entries.remove(0);
        }
        if entries.capacity() == 0 {
            // Once and for all: growing would leave copies behind that nothing overwrites.
            entries.reserve_exact(CAPACITY);
        }
        entries.push((key, keys));
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<(CacheKey, Keys)>> {
        // No code panics while it holds the lock, and a half-done change could only lose an entry.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for ScramKeyCache {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ScramKeyCache")
            .field("len", &self.len())
            .finish()
    }
}

/// A hash of all that the keys depend on.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct CacheKey(Zeroizing<[u8; 32]>);

impl CacheKey {
    pub(super) fn new(user: &[u8], password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let mut hash = Sha256::new();
        for part in [user, password, salt] {
            // Lengths keep the borders between the parts.
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        hash.update(iterations.to_be_bytes());
        Self(Zeroizing::new(hash.finalize().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> CacheKey {
        CacheKey::new(b"user", b"password", b"salt", number)
    }

    fn keys() -> Keys {
        Keys::derive(b"password", b"salt", 1)
    }

    #[test]
    fn keys_depend_on_every_part_and_on_their_borders() {
        let key = CacheKey::new(b"ab", b"c", b"d", 1);
        for other in [
            CacheKey::new(b"a", b"bc", b"d", 1),
            CacheKey::new(b"ab", b"cd", b"", 1),
            CacheKey::new(b"ab", b"c", b"d", 2),
            CacheKey::new(b"ab", b"x", b"d", 1),
        ] {
            assert!(key != other);
        }
        assert!(key == CacheKey::new(b"ab", b"c", b"d", 1));
    }

    #[test]
    fn the_least_recently_used_is_pushed_out() {
        let cache = ScramKeyCache::new();
        for number in 0..64 {
            cache.insert(key(number), keys());
        }
        assert!(cache.get(&key(0)).is_some());
        cache.insert(key(64), keys());
        cache.insert(key(64), keys());
        assert_eq!(cache.len(), CAPACITY);
        assert!(cache.get(&key(0)).is_some());
        assert!(cache.get(&key(1)).is_none());
        assert!(cache.get(&key(2)).is_some());
        cache.clear();
        assert!(cache.is_empty());
    }

    #[test]
    fn is_not_printed() {
        let cache = ScramKeyCache::new();
        cache.insert(key(0), keys());
        assert_eq!(format!("{cache:?}"), "ScramKeyCache { len: 1 }");
    }
}
