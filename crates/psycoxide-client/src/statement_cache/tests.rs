use psycoxide_testkit::backend;

use super::*;

fn query(sql: &str) -> Arc<Query> {
    Arc::new(Query::new(sql.as_bytes()))
}

fn advise(cache: &mut StatementCache, query: &Arc<Query>, types: &[Oid]) -> Advice {
    cache.advise(query, types, Format::Text, None)
}

/// Prepares a query as an operation does.
fn prepare(cache: &mut StatementCache, query: &Arc<Query>, types: &[Oid]) -> Box<[u8]> {
    match cache.advise(query, types, Format::Text, Some(true)) {
        Advice::Prepare(name) => {
            cache.prepared(query, types, name.clone());
            name
        }
        advice => panic!("{advice:?}"),
    }
}

fn is_prepared(cache: &mut StatementCache, query: &Arc<Query>, types: &[Oid]) -> bool {
    matches!(advise(cache, query, types), Advice::Prepared(..))
}

#[test]
fn the_threshold_counts_executions_by_types() {
    let mut cache = StatementCache::default();
    let select = query("select $1");
    for execution in 1..=5 {
        assert_eq!(
            advise(&mut cache, &select, &[23]),
            Advice::Unprepared,
            "{execution}"
        );
    }
    assert_eq!(advise(&mut cache, &select, &[25]), Advice::Unprepared);
    assert!(matches!(
        advise(&mut cache, &select, &[23]),
        Advice::Prepare(_)
    ));
    // The same text in another object is the same query.
    assert!(matches!(
        advise(&mut cache, &query("select $1"), &[23]),
        Advice::Prepare(_)
    ));
}

#[test]
fn the_caller_decides_first() {
    let mut cache = StatementCache::default();
    let select = query("select");
    for _ in 0..10 {
        let advice = cache.advise(&select, &[], Format::Text, Some(false));
        assert_eq!(advice, Advice::Unprepared);
    }
    assert_eq!(advise(&mut cache, &select, &[]), Advice::Unprepared);
    prepare(&mut cache, &select, &[]);
    assert!(is_prepared(&mut cache, &select, &[]));
    cache.set_threshold(None);
    let advice = cache.advise(&select, &[], Format::Text, Some(true));
    assert_eq!(advice, Advice::Unprepared, "switched off");
    cache.set_threshold(Some(0));
    assert!(matches!(
        advise(&mut cache, &query("other"), &[]),
        Advice::Prepare(_)
    ));
}

#[test]
fn names_are_not_used_twice() {
    let mut cache = StatementCache::default();
    let mut names = std::collections::HashSet::new();
    for number in 0..300 {
        let name = prepare(&mut cache, &query(&format!("select {number}")), &[]);
        assert!(names.insert(name));
    }
    assert_eq!(cache.len(), 100);
    assert_eq!(cache.take_closing().len(), 200);
}

#[test]
fn the_one_not_used_for_longest_goes_first() {
    let mut cache = StatementCache::default();
    cache.set_capacity(Some(2));
    let [a, b, c] = ["a", "b", "c"].map(query);
    prepare(&mut cache, &a, &[]);
    let name = prepare(&mut cache, &b, &[]);
    assert!(is_prepared(&mut cache, &a, &[]));
    prepare(&mut cache, &c, &[]);
    assert!(cache.has_closing());
    assert_eq!(cache.take_closing(), [name]);
    assert!(!cache.has_closing());
    assert!(is_prepared(&mut cache, &a, &[]));
    assert!(is_prepared(&mut cache, &c, &[]));
    assert!(!is_prepared(&mut cache, &b, &[]));
}

#[test]
fn candidates_are_bounded_and_do_not_push_out_what_is_prepared() {
    let mut cache = StatementCache::default();
    cache.set_capacity(Some(3));
    let select = query("select");
    prepare(&mut cache, &select, &[]);
    for number in 0..1000 {
        advise(&mut cache, &query(&format!("select {number}")), &[]);
    }
    assert!(is_prepared(&mut cache, &select, &[]));
    assert_eq!(cache.len(), 1);
    assert!(cache.entries.values().flatten().count() <= 4);
    assert!(!cache.has_closing());
}

#[test]
fn without_capacity_nothing_stays() {
    let mut cache = StatementCache::default();
    cache.set_capacity(Some(0));
    let select = query("select");
    let name = prepare(&mut cache, &select, &[]);
    assert!(cache.is_empty());
    assert_eq!(cache.take_closing(), [name]);
    cache.set_capacity(None);
    for number in 0..500 {
        prepare(&mut cache, &query(&number.to_string()), &[]);
    }
    assert_eq!(cache.len(), 500);
}

#[test]
fn columns_are_known_by_format() {
    let mut cache = StatementCache::default();
    let select = query("select");
    let name = prepare(&mut cache, &select, &[]);
    let fields: Arc<[Field]> = vec![backend::field("a", 23)].into();
    cache.described(&select, &[], Format::Binary, &fields);
    assert_eq!(
        cache.advise(&select, &[], Format::Binary, None),
        Advice::Prepared(name.clone(), Some(fields))
    );
    assert_eq!(
        cache.advise(&select, &[], Format::Text, None),
        Advice::Prepared(name, None)
    );
    // What is not there is not described.
    cache.described(&query("other"), &[], Format::Text, &Arc::from(Vec::new()));
}

#[test]
fn a_statement_forgotten_is_prepared_under_another_name() {
    let mut cache = StatementCache::default();
    let select = query("select");
    let first = prepare(&mut cache, &select, &[23]);
    let fields: Arc<[Field]> = vec![backend::field("a", 23)].into();
    cache.described(&select, &[23], Format::Text, &fields);
    cache.forget(&select, &[23], false);
    assert!(cache.is_empty() && !cache.has_closing());
    let second = prepare(&mut cache, &select, &[23]);
    assert_ne!(first, second);
    assert_eq!(
        advise(&mut cache, &select, &[23]),
        Advice::Prepared(second.clone(), None)
    );
    cache.forget(&select, &[23], true);
    cache.forget(&select, &[23], true);
    assert_eq!(cache.take_closing(), [second]);
}

#[test]
fn what_was_counted_can_be_taken_back() {
    let mut cache = StatementCache::default();
    let select = query("select");
    for _ in 0..20 {
        assert_eq!(advise(&mut cache, &select, &[]), Advice::Unprepared);
        cache.discount(&select, &[]);
    }
    cache.discount(&query("unknown"), &[]);
}

#[test]
fn what_is_excluded_is_prepared_only_on_demand() {
    let mut cache = StatementCache::default();
    let several = query("select; select");
    advise(&mut cache, &several, &[]);
    cache.exclude(&several, &[]);
    cache.discount(&several, &[]);
    for _ in 0..20 {
        assert_eq!(advise(&mut cache, &several, &[]), Advice::Unprepared);
    }
    prepare(&mut cache, &several, &[]);
}

#[test]
fn some_commands_end_statements() {
    for (tag, gone, closed) in [
        ("DISCARD ALL", true, false),
        ("DEALLOCATE ALL", true, false),
        ("DROP TABLE", true, true),
        ("ALTER TABLE", true, true),
        ("ROLLBACK", true, true),
        ("DELETE 3", false, false),
        ("DISCARD TEMP", false, false),
        ("DEALLOCATE", false, false),
        ("RELEASE", false, false),
        ("RESET", false, false),
        ("SELECT 1", false, false),
        ("", false, false),
    ] {
        let mut cache = StatementCache::default();
        let select = query("select");
        let name = prepare(&mut cache, &select, &[]);
        cache.note_command(tag.as_bytes());
        assert_eq!(cache.is_empty(), gone, "{tag}");
        let closing = if closed { vec![name] } else { Vec::new() };
        assert_eq!(cache.take_closing(), closing, "{tag}");
        assert_eq!(is_prepared(&mut cache, &select, &[]), !gone, "{tag}");
    }
}

#[test]
fn preparing_twice_closes_the_first() {
    let mut cache = StatementCache::default();
    let select = query("select");
    cache.prepared(&select, &[], (*b"one").into());
    cache.prepared(&select, &[], (*b"two").into());
    assert_eq!(cache.len(), 1);
    let closing = cache.take_closing();
    assert_eq!(closing.iter().map(|n| &**n).collect::<Vec<_>>(), [b"one"]);
    cache.close_later(closing);
    assert!(cache.has_closing());
}

proptest::proptest! {
    /// However it is used, the counts are true and the bounds are kept.
    #[test]
    fn the_books_balance(steps in proptest::collection::vec((0..8u8, 0..12u8), 0..200)) {
        let mut cache = StatementCache::default();
        cache.set_capacity(Some(4));
        let mut open = std::collections::HashSet::new();
        for (action, which) in steps {
            let query = query(&which.to_string());
            match action {
                0..=3 => {
                    let prepare = (action == 0).then_some(true);
                    if let Advice::Prepare(name) =
                        cache.advise(&query, &[], Format::Text, prepare)
                    {
                        open.insert(name.clone());
                        cache.prepared(&query, &[], name);
                    }
                }
                4 => cache.forget(&query, &[], true),
                5 => cache.discount(&query, &[]),
                6 => cache.exclude(&query, &[]),
                _ => {
                    for name in cache.take_closing() {
                        proptest::prop_assert!(open.remove(&name), "closed once");
                    }
                }
            }
            let entries = || cache.entries.values().flatten();
            let prepared = entries().filter(|entry| entry.name.is_some()).count();
            proptest::prop_assert_eq!(prepared, cache.len());
            proptest::prop_assert_eq!(entries().count() - prepared, cache.candidates);
            proptest::prop_assert!(prepared <= 4 && cache.candidates <= 4);
            proptest::prop_assert_eq!(open.len(), prepared + cache.closing.len());
        }
    }
}

/// A cache for a session that lasts as long as a transaction.
fn transactional() -> StatementCache {
    let mut cache = StatementCache::default();
    cache.set_mode(PrepareMode::Transaction);
    assert!(cache.closes_first() && !cache.keeps_session());
    cache
}

#[test]
fn names_are_believed_for_a_span() {
    let mut cache = transactional();
    let select = query("select");
    let name = prepare(&mut cache, &select, &[]);
    assert_eq!(&*name, b"_px_0");
    assert!(is_prepared(&mut cache, &select, &[]));
    cache.end_span();
    assert_eq!(
        advise(&mut cache, &select, &[]),
        Advice::Prepare(name.clone())
    );
    cache.prepared(&select, &[], name);
    assert!(is_prepared(&mut cache, &select, &[]));
    assert_eq!(cache.len(), 1);
}

#[test]
fn columns_are_known_for_a_span() {
    let mut cache = transactional();
    let select = query("select");
    let name = prepare(&mut cache, &select, &[]);
    let fields: Arc<[Field]> = Arc::new([]);
    cache.described(&select, &[], Format::Text, &fields);
    let known = |cache: &mut StatementCache| match advise(cache, &select, &[]) {
        Advice::Prepared(_, fields) => fields.is_some(),
        advice => panic!("{advice:?}"),
    };
    assert!(known(&mut cache));
    cache.end_span();
    cache.prepared(&select, &[], name);
    assert!(!known(&mut cache));
}

/// As many names as statements, given again and again; nothing is closed behind their back.
#[test]
fn names_are_slots() {
    let mut cache = transactional();
    cache.set_capacity(Some(2));
    let mut names: Vec<_> = (0..6)
        .map(|n| prepare(&mut cache, &query(&format!("select {n}")), &[]))
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3, "one more while the oldest is still there");
    assert!(!cache.has_closing());
    cache.clear(true);
    assert!(!cache.has_closing());
    assert_eq!(&*prepare(&mut cache, &query("select"), &[]), b"_px_0");
}

#[test]
fn commands_end_a_span_where_statements_vanish() {
    for (tag, ends) in [
        ("DISCARD ALL", true),
        ("DEALLOCATE ALL", true),
        ("DROP TABLE", true),
        ("ALTER TABLE", true),
        ("ROLLBACK", false),
        ("INSERT 0 1", false),
    ] {
        let mut cache = transactional();
        let select = query("select");
        prepare(&mut cache, &select, &[]);
        cache.note_command(tag.as_bytes());
        assert_eq!(is_prepared(&mut cache, &select, &[]), !ends, "{tag}");
    }
}

#[test]
fn nothing_is_named_for_a_statement() {
    let mut cache = StatementCache::default();
    cache.set_threshold(Some(0));
    let select = query("select");
    prepare(&mut cache, &select, &[]);
    cache.set_mode(PrepareMode::Statement);
    assert_eq!(cache.take_closing(), [Box::from(*b"_pg3_0")]);
    for prepare in [None, Some(true)] {
        let advice = cache.advise(&select, &[], Format::Text, prepare);
        assert_eq!(advice, Advice::Unprepared);
    }
    for mode in ["session", "transaction", "statement"] {
        assert_eq!(PrepareMode::from_name(mode).unwrap().as_str(), mode);
    }
    assert_eq!(PrepareMode::from_name("named"), None);
}
