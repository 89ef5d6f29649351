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

    /// Whether it runs a statement that SQL's PREPARE has made.
    pub(crate) fn is_execute(&self) -> bool {
        const WORD: &[u8] = b"EXECUTE";
        let text = after_comments(&self.text);
        text.get(..WORD.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(WORD))
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

/// A statement without the white space and comments before it. Comments in C's style nest.
fn after_comments(mut text: &[u8]) -> &[u8] {
    loop {
        text = text.trim_ascii_start();
        if text.starts_with(b"--") {
            let line = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            text = line.and_then(|end| text.get(end..)).unwrap_or_default();
        } else if text.starts_with(b"/*") {
            text = after_block(text);
        } else {
            return text;
        }
    }
}

/// What follows the comment that the text begins with.
fn after_block(mut text: &[u8]) -> &[u8] {
    let mut depth = 0usize;
    loop {
        match text {
            [b'/', b'*', rest @ ..] => {
                depth += 1;
                text = rest;
            }
            [b'*', b'/', rest @ ..] => {
                depth -= 1;
                text = rest;
                if depth == 0 {
                    return text;
                }
            }
            [_, rest @ ..] => text = rest,
            [] => return text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn execute_is_found_behind_comments() {
        for text in [
            "EXECUTE s",
            " \n\texecute s(1)",
            "-- comment\n Execute s",
            "/* a /* b */ -- */ /**/execute s",
            "--\r--\n/*/*/*/ */ */ */EXECUTE s",
        ] {
            assert!(Query::new(text.as_bytes()).is_execute(), "{text}");
        }
        for text in [
            "",
            "select 'EXECUTE'",
            "-- EXECUTE s",
            "/* EXECUTE s",
            "/* a /* b */ EXECUTE s",
            "execut",
            "(execute s)",
        ] {
            assert!(!Query::new(text.as_bytes()).is_execute(), "{text}");
        }
    }

    #[test]
    fn the_same_query_is_the_same_text() {
        let query = Query::new(*b"select 1");
        assert!(query.same(&query));
        assert!(query.same(&Query::new(*b"select 1")));
        assert!(!query.same(&Query::new(*b"select 2")));
        assert_ne!(query.hash_with(&[23]), query.hash_with(&[25]));
        assert_ne!(query.hash_with(&[]), query.hash_with(&[0]));
    }
}
