//! Which queries are prepared on the server, under which names, and which may be one day.
//!
//! A query is prepared after it has been executed `threshold` times with parameters of the same
//! types. At most `capacity` statements are kept; the one not used for longest is closed first.
//! Close messages are not sent by themselves: they travel with the next command.
//! <https://www.psycopg.org/psycopg3/docs/advanced/prepare.html>
//!
//! How long a statement may be relied on is the [`PrepareMode`]. Behind a pooler that gives every
//! transaction to another session of the server, a name says nothing: the session at hand may not
//! know it, or know it for somebody else's query. So in [`PrepareMode::Transaction`] a name is
//! believed only where the session is certain to be the same, which callers tell by
//! [`StatementCache::end_span`] where that ends; and it is closed before it is given to a statement,
//! whoever had it before. Names are slots there, so that no more than `capacity` of them are ever
//! left behind in a session.

use std::sync::Arc;

use psycoxide_protocol::backend::Field;
use psycoxide_protocol::{Format, Oid};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::query::Query;

/// How often a query is executed before it is prepared, by default.
const THRESHOLD: u32 = 5;
/// How many statements are kept, by default.
const CAPACITY: usize = 100;
/// The count of what is not to be prepared.
const EXCLUDED: u32 = u32::MAX;

/// How long a prepared statement is relied on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrepareMode {
    /// As long as the session: it is the same one until the connection is closed.
    #[default]
    Session,
    /// Up to the end of the transaction, or of the pipeline up to its next Sync.
    Transaction,
    /// For one execution: nothing is given a name.
    Statement,
}

impl PrepareMode {
    /// The text that stands for it in a connection string.
    pub fn as_str(self) -> &'static str {
        match self {
            PrepareMode::Session => "session",
            PrepareMode::Transaction => "transaction",
            PrepareMode::Statement => "statement",
        }
    }

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<PrepareMode> {
        [
            PrepareMode::Session,
            PrepareMode::Transaction,
            PrepareMode::Statement,
        ]
        .into_iter()
        .find(|mode| mode.as_str() == name)
    }
}

/// What the cache advises for one execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Execute it without preparing.
    Unprepared,
    /// Prepare it under this name, with the execution; before that close what may have the name, if
    /// [`StatementCache::closes_first`].
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
    /// The span that it was prepared in; of no interest where a session is one span.
    span: u64,
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
    mode: PrepareMode,
    /// The number of the span, through which the server's session is certain to be the same.
    span: u64,
    /// What [`note_rests`](Self::note_rests) was told last.
    rests: u64,
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
            mode: PrepareMode::Session,
            span: 0,
            rests: 0,
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

    /// How long a statement is relied on.
    pub fn mode(&self) -> PrepareMode {
        self.mode
    }

    /// Sets [`mode`](Self::mode). What was prepared until now is forgotten.
    pub fn set_mode(&mut self, mode: PrepareMode) {
        if self.mode != mode {
            self.clear(true);
            self.mode = mode;
        }
    }

    /// Whether the session is the same from one transaction to the next.
    #[inline]
    pub fn keeps_session(&self) -> bool {
        self.mode == PrepareMode::Session
    }

    /// Whether the name of a statement is to be closed before the statement is prepared. To close
    /// what does not exist is no error.
    #[inline]
    pub fn closes_first(&self) -> bool {
        self.mode == PrepareMode::Transaction
    }

    /// Notes that what comes next may be executed by another session of the server.
    #[inline]
    pub fn end_span(&mut self) {
        self.span += 1;
    }

    /// Ends the span if the server was at rest since the last call: `rests` counts how often it was.
    #[inline]
    pub fn note_rests(&mut self, rests: u64) {
        if self.rests != rests {
            self.rests = rests;
            self.end_span();
        }
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
        if prepare == Some(false) || self.mode == PrepareMode::Statement {
            return Advice::Unprepared;
        }
        let (slotted, span) = (self.mode == PrepareMode::Transaction, self.span);
        let tick = self.next_tick();
        let hash = query.hash_with(types);
        if let Some(entry) = self.find(hash, query, types) {
            entry.used = tick;
            if let Some(name) = &entry.name {
                if slotted && entry.span != span {
                    return Advice::Prepare(name.clone());
                }
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
        let span = self.span;
        let Some(entry) = self.find(hash, query, types) else {
            return;
        };
        entry.used = tick;
        if entry.span != span {
            entry.fields = [None, None];
        }
        entry.span = span;
        let again = entry.name.as_ref() == Some(&name);
        match entry.name.replace(name) {
            Some(_) if again => {}
            Some(old) => self.retire(old),
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
                self.retire(name);
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
        if close && self.keeps_session() {
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
        if !self.keeps_session() {
            // What is prepared anew knows the tables as they are.
            if tag != b"ROLLBACK" {
                self.end_span();
            }
            return;
        }
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
        if self.closes_first() {
            return self.free_slot();
        }
        let name = format!("_pg3_{}", self.serial);
        self.serial += 1;
        name.into_bytes().into()
    }

    /// The first name of a slot that no statement has.
    fn free_slot(&self) -> Box<[u8]> {
        let taken: FxHashSet<&[u8]> = self
            .entries
            .values()
            .flatten()
            .filter_map(|entry| entry.name.as_deref())
            .collect();
        (0..)
            .map(|slot: u64| format!("_px_{slot}").into_bytes())
            .find(|name| !taken.contains(&name[..]))
            .unwrap_or_default()
            .into()
    }

    /// Has a name closed on the server that nothing has any more. Where a session is not kept the
    /// message would reach another one.
    fn retire(&mut self, name: Box<[u8]>) {
        if self.keeps_session() {
            self.closing.push(name);
        }
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
            span: self.span,
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
                self.retire(name);
            }
            None => self.candidates -= 1,
        }
    }
}

#[cfg(test)]
mod tests;
