//! The loaders of a connection's last results, which its cursors share.
//!
//! A prepared statement's results all have the same description, whichever cursor executed it: so
//! a program that takes a new cursor for each query looks for the loaders once. Loaders that work
//! for one transformer (a user's classes, and types with parts) are not shared.

use std::sync::{Arc, Mutex, PoisonError};

use psycoxide_protocol::backend::Field;

use super::row::RowLoaders;
use crate::adapt::session::Session;

/// How many descriptions are remembered.
const KEPT: usize = 8;

/// Loaders by description, the one used last in front.
#[derive(Debug, Default)]
pub struct RecentLoaders(Mutex<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    fields: Arc<[Field]>,
    /// The version of the registry that they were found in.
    version: u64,
    loaders: Arc<RowLoaders>,
}

impl RecentLoaders {
    /// The loaders for this very description, if neither adapters nor settings have changed.
    pub fn find(
        &self,
        fields: &Arc<[Field]>,
        version: u64,
        session: &Arc<Session>,
    ) -> Option<Arc<RowLoaders>> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = entries.iter().position(|entry| {
            Arc::ptr_eq(&entry.fields, fields)
                && entry.version == version
                && Arc::ptr_eq(entry.loaders.session(), session)
        })?;
        entries.get_mut(..=place)?.rotate_right(1);
        entries.first().map(|entry| Arc::clone(&entry.loaders))
    }

    /// Remembers loaders, if others can have a use for them.
    pub fn keep(&self, fields: &Arc<[Field]>, version: u64, loaders: &Arc<RowLoaders>) {
        // A description that only its result has will not come again.
        if Arc::strong_count(fields) < 2 || !loaders.are_shareable() {
            return;
        }
        let entry = Entry {
            fields: Arc::clone(fields),
            version,
            loaders: Arc::clone(loaders),
        };
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = (entries.len() >= KEPT).then(|| entries.pop()).flatten();
        entries.insert(0, entry);
        drop(entries);
        drop(forgotten);
    }
}
