//! The text of a query, as the server gets it.

use std::hash::{Hash, Hasher};

use psycoxide_protocol::Oid;
use rustc_hash::FxHasher;

/// A query's text with its hash, made once and shared by all executions.
#[derive(Debug)]
pub struct Query {
    text: Box<[u8]>,
    hash: u64,
}

impl Query {
    /// A query of this text, placeholders in PostgreSQL's form (`$1`).
    pub fn new(text: impl Into<Box<[u8]>>) -> Query {
        let text = text.into();
        let mut hasher = FxHasher::default();
        text.hash(&mut hasher);
        Query {
            hash: hasher.finish(),
            text,
        }
    }

    /// The text.
    #[inline]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether it is the same query: usually the same object, else the same text.
    #[inline]
    pub fn same(&self, other: &Query) -> bool {
        std::ptr::eq(self, other) || (self.hash == other.hash && self.text == other.text)
    }

    /// The hash of the text and the types of the parameters.
    #[inline]
    pub fn hash_with(&self, types: &[Oid]) -> u64 {
        let mut hasher = FxHasher::default();
        hasher.write_u64(self.hash);
        for oid in types {
            hasher.write_u32(*oid);
        }
        hasher.finish()
    }
}
