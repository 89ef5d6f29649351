//! Which queries are prepared on the server, under which names, and which may be one day.
//!
//! A query is prepared after it has been executed `threshold` times with parameters of the same
//! types. At most `capacity` statements are kept; the one not used for longest is closed first.
//! Close messages are not sent by themselves: they travel with the next command.
//! <https://www.psycopg.org/psycopg3/docs/advanced/prepare.html>

use std::sync::Arc;

use psycoxide_protocol::backend::Field;
use psycoxide_protocol::{Format, Oid};
use rustc_hash::FxHashMap;

use crate::query::Query;

/// How often a query is executed before it is prepared, by default.
const THRESHOLD: u32 = 5;
/// How many statements are kept, by default.
const CAPACITY: usize = 100;
/// The count of what is not to be prepared.
const EXCLUDED: u32 = u32::MAX;

/// What the cache advises for one execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Execute it without preparing.
    Unprepared,
    /// Prepare it under this name, with the execution.
    Prepare(Box<[u8]>),
    /// It is prepared under this name; the description of its columns, if it is known for the
    /// format asked for.
    Prepared(Box<[u8]>, Option<Arc<[Field]>>),
}

#[derive(Debug)]
struct Entry {
    query: Arc<Query>,
    types: Box<[Oid]>,
    /// Executions so far; of no interest once it is prepared.
    count: u32,
    /// The name on the server, once it is prepared.
    name: Option<Box<[u8]>>,
    /// The description of the columns, by format of the result.
    fields: [Option<Arc<[Field]>>; 2],
    /// When it was used last, in ticks of the cache.
    used: u64,
}

/// The prepared statements of one connection.
#[derive(Debug)]
pub struct StatementCache {
    /// By the hash of query and types.
    entries: FxHashMap<u64, Vec<Entry>>,
    prepared: usize,
    candidates: usize,
    tick: u64,
    serial: u64,
    threshold: Option<u32>,
    capacity: Option<usize>,
    closing: Vec<Box<[u8]>>,
}

impl Default for StatementCache {
    fn default() -> StatementCache {
        StatementCache {
            entries: FxHashMap::default(),
            prepared: 0,
            candidates: 0,
            tick: 0,
            serial: 0,
            threshold: Some(THRESHOLD),
            capacity: Some(CAPACITY),
            closing: Vec::new(),
        }
    }
}

impl StatementCache {
    /// After how many executions a query is prepared; `None`: never.
    pub fn threshold(&self) -> Option<u32> {
        self.threshold
    }

    /// Sets [`threshold`](Self::threshold).
    pub fn set_threshold(&mut self, threshold: Option<u32>) {
        self.threshold = threshold;
    }

    /// How many statements are kept; `None`: any number.
    pub fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    /// Sets [`capacity`](Self::capacity).
    pub fn set_capacity(&mut self, capacity: Option<usize>) {
        self.capacity = capacity;
    }

    /// How many statements are prepared.
    pub fn len(&self) -> usize {
        self.prepared
    }

    /// Whether no statement is prepared.
    pub fn is_empty(&self) -> bool {
        self.prepared == 0
    }

    /// What to do for an execution. `prepare`: what the caller asks for, `None` leaves it to the
    /// threshold.
    pub fn advise(
        &mut self,
        query: &Arc<Query>,
        types: &[Oid],
        result_format: Format,
        prepare: Option<bool>,
    ) -> Advice {
        let Some(threshold) = self.threshold else {
            return Advice::Unprepared;
        };
        if prepare == Some(false) {
            return Advice::Unprepared;
        }
        let tick = self.next_tick();
        let hash = query.hash_with(types);
        if let Some(entry) = self.find(hash, query, types) {
            entry.used = tick;
            if let Some(name) = &entry.name {
                let fields = entry.fields[result_format as usize].clone();
                return Advice::Prepared(name.clone(), fields);
            }
            let excluded = entry.count == EXCLUDED;
            if prepare == Some(true) || (entry.count >= threshold && !excluded) {
                return Advice::Prepare(self.new_name());
            }
            if !excluded {
                entry.count += 1;
            }
            return Advice::Unprepared;
        }
        if threshold == 0 || prepare == Some(true) {
            return Advice::Prepare(self.new_name());
        }
        self.insert(hash, query, types, tick);
        Advice::Unprepared
    }

    /// Notes that a statement exists on the server now.
    pub fn prepared(&mut self, query: &Arc<Query>, types: &[Oid], name: Box<[u8]>) {
        let hash = query.hash_with(types);
        let tick = self.next_tick();
        if self.find(hash, query, types).is_none() {
            self.insert(hash, query, types, tick);
        }
        let Some(entry) = self.find(hash, query, types) else {
            return;
        };
        entry.used = tick;
        match entry.name.replace(name) {
            Some(old) => self.closing.push(old),
            None => {
                self.prepared += 1;
                self.candidates -= 1;
            }
        }
        self.trim();
    }

    /// Notes the description of a statement's columns.
    pub fn described(
        &mut self,
        query: &Arc<Query>,
        types: &[Oid],
        result_format: Format,
        fields: &Arc<[Field]>,
    ) {
        let hash = query.hash_with(types);
        if let Some(entry) = self.find(hash, query, types) {
            entry.fields[result_format as usize] = Some(fields.clone());
        }
    }

    /// Forgets one statement, because the server does not know it (any more), or it is of no more
    /// use. `close`: the server still has it and is to be told.
    pub fn forget(&mut self, query: &Arc<Query>, types: &[Oid], close: bool) {
        let hash = query.hash_with(types);
        if let Some(entry) = self.find(hash, query, types)
            && let Some(name) = entry.name.take()
        {
            entry.fields = [None, None];
            self.prepared -= 1;
            self.candidates += 1;
            if close {
                self.closing.push(name);
            }
            self.trim();
        }
    }

    /// Forgets the statement of this name, if it has it still; `close` as in
    /// [`forget`](Self::forget).
    pub fn forget_name(&mut self, name: &[u8], close: bool) {
        let named = self
            .entries
            .values()
            .flatten()
            .find(|entry| entry.name.as_deref() == Some(name))
            .map(|entry| (entry.query.clone(), entry.types.clone()));
        if let Some((query, types)) = named {
            self.forget(&query, &types, close);
        }
    }

    /// Takes back an execution that was counted: it has failed, and what fails is not prepared.
    pub fn discount(&mut self, query: &Arc<Query>, types: &[Oid]) {
        let hash = query.hash_with(types);
        if let Some(entry) = self.find(hash, query, types)
            && entry.count != EXCLUDED
        {
            entry.count = entry.count.saturating_sub(1);
        }
    }

    /// Notes that a text holds several statements: it cannot be prepared, unless the caller insists.
    pub fn exclude(&mut self, query: &Arc<Query>, types: &[Oid]) {
        let hash = query.hash_with(types);
        if let Some(entry) = self.find(hash, query, types) {
            entry.count = EXCLUDED;
        }
    }

    /// Forgets all. `close`: the server still knows them and is to be told.
    pub fn clear(&mut self, close: bool) {
        let entries = std::mem::take(&mut self.entries);
        if close {
            let names = entries
                .into_values()
                .flatten()
                .filter_map(|entry| entry.name);
            self.closing.extend(names);
        } else {
            self.closing.clear();
        }
        self.prepared = 0;
        self.candidates = 0;
    }

    /// Looks at the tag of a command that has completed: some make prepared statements vanish, or
    /// change what they refer to.
    #[inline]
    pub fn note_command(&mut self, tag: &[u8]) {
        match tag.first() {
            Some(b'A' | b'D' | b'R') if self.prepared > 0 => self.note_invalidating(tag),
            _ => {}
        }
    }

    fn note_invalidating(&mut self, tag: &[u8]) {
        if tag == b"DISCARD ALL" || tag == b"DEALLOCATE ALL" {
            self.clear(false);
        } else if tag.starts_with(b"DROP ") || tag.starts_with(b"ALTER ") || tag == b"ROLLBACK" {
            self.clear(true);
        }
    }

    /// The names of statements to close on the server; they are forgotten here.
    pub fn take_closing(&mut self) -> Vec<Box<[u8]>> {
        std::mem::take(&mut self.closing)
    }

    /// Gives back names that were taken but not sent.
    pub fn close_later(&mut self, names: Vec<Box<[u8]>>) {
        self.closing.extend(names);
    }

    /// Whether statements wait to be closed.
    #[inline]
    pub fn has_closing(&self) -> bool {
        !self.closing.is_empty()
    }

    fn next_tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    fn new_name(&mut self) -> Box<[u8]> {
        let name = format!("_pg3_{}", self.serial);
        self.serial += 1;
        name.into_bytes().into()
    }

    #[inline]
    fn find(&mut self, hash: u64, query: &Arc<Query>, types: &[Oid]) -> Option<&mut Entry> {
        self.entries
            .get_mut(&hash)?
            .iter_mut()
            .find(|entry| entry.query.same(query) && *entry.types == *types)
    }

    fn insert(&mut self, hash: u64, query: &Arc<Query>, types: &[Oid], used: u64) {
        self.entries.entry(hash).or_default().push(Entry {
            query: query.clone(),
            types: types.into(),
            count: 1,
            name: None,
            fields: [None, None],
            used,
        });
        self.candidates += 1;
        self.trim();
    }

    /// Drops what was not used for longest, of the candidates and of the prepared ones apart.
    fn trim(&mut self) {
        let Some(capacity) = self.capacity else {
            return;
        };
        while self.prepared > capacity {
            self.evict(true);
        }
        // Candidates cost a few bytes each; a bound all the same.
        while self.candidates > capacity.max(1) {
            self.evict(false);
        }
    }

    fn evict(&mut self, prepared: bool) {
        let oldest = self
            .entries
            .iter()
            .flat_map(|(hash, list)| {
                list.iter()
                    .enumerate()
                    .map(move |(i, entry)| (hash, i, entry))
            })
            .filter(|(_, _, entry)| entry.name.is_some() == prepared)
            .min_by_key(|(_, _, entry)| entry.used)
            .map(|(hash, index, _)| (*hash, index));
        let Some((hash, index)) = oldest else { return };
        let Some(list) = self.entries.get_mut(&hash) else {
            return;
        };
        let entry = list.swap_remove(index);
        if list.is_empty() {
            self.entries.remove(&hash);
        }
        match entry.name {
            Some(name) => {
                self.prepared -= 1;
                self.closing.push(name);
            }
            None => self.candidates -= 1,
        }
    }
}

#[cfg(test)]
mod tests;
