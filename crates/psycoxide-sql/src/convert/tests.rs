//! Tests of the conversion for server-side binding.

use super::*;
use proptest::prelude::*;

fn text(query: &str) -> String {
    String::from_utf8(convert(query.as_bytes()).unwrap().template).unwrap()
}

fn names(query: &str) -> Vec<String> {
    convert(query.as_bytes()).unwrap().names.unwrap()
}

#[test]
fn positional_placeholders_are_numbered_as_they_come() {
    let query = convert(b"select %s, %b || %t").unwrap();
    assert_eq!(query.template, b"select $1, $2 || $3");
    assert_eq!(
        query.formats,
        [
            ParameterFormat::Auto,
            ParameterFormat::Binary,
            ParameterFormat::Text
        ]
    );
    assert_eq!(query.names, None);
    assert_eq!(query.placeholders, [0, 1, 2]);
}

#[test]
fn named_placeholders_are_numbered_by_first_use() {
    let query = convert(b"select %(a)s, %(b)s, %(a)s").unwrap();
    assert_eq!(query.template, b"select $1, $2, $1");
    assert_eq!(names("select %(a)s, %(b)s, %(a)s"), ["a", "b"]);
    assert_eq!(query.placeholders, [0, 1, 0]);
    assert_eq!(query.formats.len(), 2);
}

#[test]
fn placeholders_in_literals_and_comments_count() {
    assert_eq!(text("select '%s' -- %s"), "select '$1' -- $2");
    assert_eq!(text("select 5 %%%s"), "select 5 %$1");
    assert_eq!(text("select '%%'"), "select '%'");
}

#[test]
fn one_name_has_one_format() {
    let error = convert(b"%(a)s, %(b)b, %(a)t, %(b)s").unwrap_err();
    assert_eq!(error, Error::DifferentFormats { name: "a".into() });
    // Mistakes in the text come first.
    let error = convert(b"%(a)s, %(a)t, %d").unwrap_err();
    assert!(matches!(error, Error::UnsupportedPlaceholder { .. }));
}

#[test]
fn as_many_parameters_as_the_protocol_can_count() {
    let query = "%s".repeat(MAX_PARAMETERS);
    assert_eq!(convert(query.as_bytes()).unwrap().formats.len(), 65_535);
    let query = "%s".repeat(MAX_PARAMETERS + 1);
    assert_eq!(
        convert(query.as_bytes()).unwrap_err(),
        Error::TooManyParameters { count: 65_536 }
    );
    // Repeated names are one parameter each.
    let query = "%(a)s".repeat(MAX_PARAMETERS + 1);
    assert_eq!(convert(query.as_bytes()).unwrap().formats.len(), 1);
}

#[test]
fn names_are_read_in_the_given_encoding() {
    let error = convert(b"%(\xe9)s").unwrap_err();
    assert!(matches!(error, Error::UndecodableName { .. }));
    let latin1 = |name: &[u8]| Some(name.iter().map(|&byte| char::from(byte)).collect());
    let query = convert_with(b"%(\xe9)s", latin1).unwrap();
    assert_eq!(query.names.unwrap(), ["é"]);
}

#[test]
fn parameters_must_suit_the_query() {
    let positional = convert(b"%s, %s").unwrap();
    assert_eq!(positional.check_sequence(2), Ok(()));
    assert_eq!(
        positional.check_sequence(1).unwrap_err().to_string(),
        "the query has 2 placeholders but 1 parameters were passed"
    );
    assert_eq!(
        positional.check_mapping(|_| true),
        Err(Error::SequenceRequired)
    );

    let named = convert(b"%(c)s, %(a)s, %(b)s").unwrap();
    assert_eq!(named.check_mapping(|_| true), Ok(()));
    assert_eq!(
        named
            .check_mapping(|name| name == "b")
            .unwrap_err()
            .to_string(),
        "query parameter missing: a, c"
    );
    assert_eq!(named.check_sequence(3), Err(Error::MappingRequired));
    assert!(matches!(
        named.check_sequence(0),
        Err(Error::CountMismatch { .. })
    ));

    let none = convert(b"select 1").unwrap();
    assert_eq!(none.check_sequence(0), Ok(()));
    assert_eq!(none.check_mapping(|_| false), Ok(()));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(query in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = convert(&query);
    }

    #[test]
    fn percent_soup_neither_panics_nor_lies(query in "[%()sbtxa \n]{0,24}") {
        if let Ok(converted) = convert(query.as_bytes()) {
            let highest = converted.placeholders.iter().max().map_or(0, |index| index + 1);
            prop_assert_eq!(highest, converted.formats.len());
            if let Some(names) = &converted.names {
                prop_assert_eq!(names.len(), converted.formats.len());
            }
        }
    }

    #[test]
    fn doubling_every_percent_gives_the_text_back(query in ".*") {
        let converted = convert(query.replace('%', "%%").as_bytes()).unwrap();
        prop_assert_eq!(converted.template, query.as_bytes());
        prop_assert!(converted.placeholders.is_empty());
    }

    #[test]
    fn numbering_follows_first_use(
        names in prop::collection::vec("[a-d]", 0..12),
    ) {
        let query: String = names.iter().map(|name| format!("<%({name})s>")).collect();
        let converted = convert(query.as_bytes()).unwrap();
        let distinct = converted.names.clone().unwrap_or_default();
        let back: Vec<&str> =
            converted.placeholders.iter().map(|&index| distinct[index].as_str()).collect();
        prop_assert_eq!(back, names);
        let expected: String =
            converted.placeholders.iter().map(|index| format!("<${}>", index + 1)).collect();
        prop_assert_eq!(converted.template, expected.as_bytes());
        let mut seen = 0;
        for &index in &converted.placeholders {
            prop_assert!(index <= seen);
            seen = seen.max(index + 1);
        }
    }
}
