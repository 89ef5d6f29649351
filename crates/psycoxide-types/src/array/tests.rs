//! Both formats: what a server writes, what no server writes, and anything at all.

use proptest::prelude::*;

use super::*;
use crate::error::{Reason, Result};
use crate::wire::{write_null, write_value};

/// The tokens as readable text: `[a|NULL|[b]]`.
fn read(value: &[u8], delimiter: u8) -> Result<String> {
    let mut shown = String::new();
    let mut scratch = Vec::new();
    for token in decode_text(value, delimiter)? {
        match token? {
            Token::Begin => shown.push('['),
            Token::End => shown.push(']'),
            Token::Null => shown.push_str("NULL|"),
            Token::Element(element) => {
                shown.push_str(&element.unescape(&mut scratch).escape_ascii().to_string());
                shown.push('|');
            }
        }
    }
    Ok(shown)
}

#[test]
fn text_of_a_server() {
    for (text, shown) in [
        ("{}", "[]"),
        ("{1}", "[1|]"),
        ("{1,NULL,3}", "[1|NULL|3|]"),
        ("{{1,2},{3,4}}", "[[1|2|][3|4|]]"),
        ("{{{1},{2}},{{3},{4}}}", "[[[1|][2|]][[3|][4|]]]"),
        (
            r#"{a,"",NULL,"NULL","x y","a\"b\\","{","}",","}"#,
            r#"[a||NULL|NULL|x y|a\"b\\|{|}|,|]"#,
        ),
        ("[0:1]={1,2}", "[1|2|]"),
        ("[-2:-1][5:5]={{1},{2}}", "[[1|][2|]]"),
        ("{{{{{{1}}}}}}", "[[[[[[1|]]]]]]"),
    ] {
        assert_eq!(read(text.as_bytes(), b',').unwrap(), shown, "{text}");
    }
    assert_eq!(
        read(b"{(2,2),(1,1);(4,4),(3,3)}", b';').unwrap(),
        "[(2,2),(1,1)|(4,4),(3,3)|]"
    );
    let tokens = decode_text(b"[-2:-1][5:5]={{1},{2}}", b',').unwrap();
    assert_eq!(tokens.lower_bounds(), [-2, 5]);
    assert!(decode_text(b"{1}", b',').unwrap().lower_bounds().is_empty());
}

#[test]
fn text_no_server_writes() {
    for wrong in [
        "",
        "1",
        "{",
        "}",
        "{1",
        "{1,",
        "{1,}",
        "{,1}",
        "{1}}",
        "{1}x",
        "{\"a}",
        "{\"a\"b}",
        "{a\"b\"}",
        "{1 {2}",
        "{1{2}}",
        "{a\\b}",
        "{1,,2}",
        "[1:2]",
        "[1:2]=",
        "[1:2{1,2}",
        "[a:2]={1,2}",
        "[2:1]={}",
        "[1:99999999999]={1}",
        "[1]={1}",
        "{{1},}",
        "[1:1][1:1][1:1][1:1][1:1][1:1][1:1]={{{{{{{1}}}}}}}",
    ] {
        let error = read(wrong.as_bytes(), b',').unwrap_err();
        assert!(matches!(error.reason(), Reason::Syntax { .. }), "{wrong}");
    }
    for ragged in [
        "{{1,2},{3}}",
        "{1,{2}}",
        "{{1},2}",
        "{{1},{{2}}}",
        "{{{1}},{2}}",
    ] {
        let error = read(ragged.as_bytes(), b',').unwrap_err();
        assert_eq!(error.reason(), &Reason::Ragged, "{ragged}");
    }
    let error = read(b"{{{{{{{1}}}}}}}", b',').unwrap_err();
    assert_eq!(error.reason(), &Reason::TooDeep { limit: 6 });
}

#[test]
fn text_elements_are_quoted_when_needed() {
    for (element, expected) in [
        (None, "NULL"),
        (Some("a"), "a"),
        (Some(""), "\"\""),
        (Some("null"), "\"null\""),
        (Some("x y"), "\"x y\""),
        (Some("a\"b\\"), "\"a\\\"b\\\\\""),
        (Some("{"), "\"{\""),
        (Some("a,b"), "\"a,b\""),
        (Some("a;b"), "a;b"),
    ] {
        let mut out = Vec::new();
        encode_text_element(element.map(str::as_bytes), b',', &mut out);
        assert_eq!(out, expected.as_bytes());
        if let Some(element) = element {
            let mut out = b"{".to_vec();
            out.extend_from_slice(element.as_bytes());
            quote_text_element(&mut out, 1, b',');
            assert_eq!(&out[1..], expected.as_bytes());
        }
    }
}

/// `array[[1,2],[3,null]]::int4[]` of the server.
const BINARY: &[u8] = b"\0\0\0\x02\0\0\0\x01\0\0\0\x17\0\0\0\x02\0\0\0\x01\0\0\0\x02\0\0\0\x01\
    \0\0\0\x04\0\0\0\x01\0\0\0\x04\0\0\0\x02\0\0\0\x04\0\0\0\x03\xff\xff\xff\xff";

#[test]
fn binary_of_a_server() {
    let array = decode_binary(BINARY).unwrap();
    assert_eq!(array.element_oid, 23);
    assert!(array.has_nulls);
    let dimension = Dimension {
        length: 2,
        lower_bound: 1,
    };
    assert_eq!(array.dimensions(), [dimension; 2]);
    let elements: Vec<_> = array.elements().collect::<Result<_>>().unwrap();
    assert_eq!(
        elements,
        [
            Some(&b"\0\0\0\x01"[..]),
            Some(b"\0\0\0\x02"),
            Some(b"\0\0\0\x03"),
            None
        ]
    );

    let mut out = Vec::new();
    encode_binary_header(&[dimension; 2], true, 23, &mut out).unwrap();
    for element in elements {
        match element {
            Some(value) => write_value(&mut out, value, "int4").unwrap(),
            None => write_null(&mut out),
        }
    }
    assert_eq!(out, BINARY);

    let empty = decode_binary(b"\0\0\0\0\0\0\0\0\0\0\0\x17").unwrap();
    assert!(empty.dimensions().is_empty());
    assert_eq!(empty.elements().count(), 0);
}

#[test]
fn binary_that_lies() {
    for length in 0..20 {
        assert!(decode_binary(&BINARY[..length]).is_err(), "{length}");
    }
    for length in 20..BINARY.len() {
        let all = decode_binary(&BINARY[..length])
            .and_then(|array| array.elements().collect::<Result<Vec<_>>>());
        assert!(all.is_err(), "{length}");
    }
    let longer = [BINARY, b"x"].concat();
    let elements = decode_binary(&longer).unwrap().elements();
    assert_eq!(elements.clone().count(), 5);
    let error = elements.last().unwrap().unwrap_err();
    assert_eq!(error.reason(), &Reason::Trailing { extra: 1 });

    let header = |count: i32, flags: u32, lengths: &[i32]| {
        let mut out = count.to_be_bytes().to_vec();
        out.extend_from_slice(&flags.to_be_bytes());
        out.extend_from_slice(&23u32.to_be_bytes());
        for length in lengths {
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&1i32.to_be_bytes());
        }
        out
    };
    assert!(decode_binary(&header(-1, 0, &[])).is_err());
    assert!(decode_binary(&header(1, 2, &[0])).is_err());
    assert!(decode_binary(&header(1, 0, &[-1])).is_err());
    assert!(decode_binary(&header(7, 0, &[1; 7])).is_err());
    assert!(decode_binary(&header(6, 0, &[i32::MAX; 6])).is_err());
    assert!(decode_binary(&header(1, 0, &[i32::MAX])).is_err());
    // No elements, but a list of two thousand million empty lists.
    let nothing = header(2, 0, &[i32::MAX, 0]);
    assert!(decode_binary(&nothing).unwrap().dimensions().is_empty());
}

#[test]
fn too_many_dimensions_are_not_written() {
    let mut out = b"kept".to_vec();
    assert!(encode_binary_header(&[Dimension::default(); 7], false, 23, &mut out).is_err());
    assert_eq!(out, b"kept");
}

proptest! {
    #[test]
    fn text_round_trip(
        elements in proptest::collection::vec(proptest::option::of("[\\PC \"{},;\\\\]*"), 0..10)
    ) {
        let mut out = b"{".to_vec();
        for (index, element) in elements.iter().enumerate() {
            if index > 0 {
                out.push(b';');
            }
            encode_text_element(element.as_deref().map(str::as_bytes), b';', &mut out);
        }
        out.push(b'}');
        let mut found = Vec::new();
        for token in decode_text(&out, b';').unwrap() {
            match token.unwrap() {
                Token::Begin | Token::End => {}
                Token::Null => found.push(None),
                Token::Element(element) => {
                    let mut value = Vec::new();
                    element.unescape_into(&mut value);
                    found.push(Some(String::from_utf8(value).unwrap()));
                }
            }
        }
        prop_assert_eq!(found, elements);
    }

    #[test]
    fn text_never_panics(value in "[\\[\\]{}\",:=a0-9\\\\-]{0,30}", bytes: Vec<u8>) {
        let _ = read(value.as_bytes(), b',');
        let _ = read(&bytes, b',');
    }

    #[test]
    fn text_lists_are_balanced(value in "\\{[{},a]{0,20}\\}") {
        let tokens: Result<Vec<_>> = decode_text(value.as_bytes(), b',').unwrap().collect();
        if let Ok(tokens) = tokens {
            let count = |wanted| tokens.iter().filter(|token| **token == wanted).count();
            prop_assert_eq!(count(Token::Begin), count(Token::End));
        }
    }

    #[test]
    fn binary_never_panics(bytes: Vec<u8>, dimensions in 0i32..8, lengths: [i32; 6]) {
        let mut header = dimensions.to_be_bytes().to_vec();
        header.extend_from_slice(&[0; 8]);
        for length in lengths {
            header.extend_from_slice(&(length % 5).to_be_bytes());
            header.extend_from_slice(&[0, 0, 0, 1]);
        }
        header.extend_from_slice(&bytes);
        for value in [bytes, header] {
            if let Ok(array) = decode_binary(&value) {
                prop_assert!(array.elements().count() <= value.len());
            }
        }
    }
}
