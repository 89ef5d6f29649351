//! Messages to the server, byte by byte, and what cannot be encoded.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::collection::vec;
use proptest::prelude::*;
use psycoxide_protocol::frontend::{self, MESSAGE_LIMIT};
use psycoxide_protocol::{EncodeError, Format, ProtocolVersion};

/// What a function appends to a buffer that is not empty; the rest of the buffer must stay as it was.
fn appended(
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<Vec<u8>, EncodeError> {
    let mut out = b"before".to_vec();
    let result = encode(&mut out);
    assert_eq!(&out[..6], b"before");
    let message = out.split_off(6);
    if result.is_err() {
        assert_eq!(message, b"", "a message that fails is not appended");
    }
    result.map(|()| message)
}

fn infallible(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    appended(|out| {
        encode(out);
        Ok(())
    })
    .unwrap()
}

#[test]
fn packets_without_a_type() {
    let parameters: [(&[u8], &[u8]); 2] = [(b"user", b"me"), (b"database", b"")];
    assert_eq!(
        appended(|out| frontend::startup(out, ProtocolVersion::V3_0, &parameters)).unwrap(),
        b"\0\0\0\x1b\0\x03\0\0user\0me\0database\0\0\0"
    );
    assert_eq!(
        appended(|out| frontend::startup(out, ProtocolVersion::V3_2, &[])).unwrap(),
        b"\0\0\0\x09\0\x03\0\x02\0"
    );
    assert_eq!(
        infallible(frontend::ssl_request),
        b"\0\0\0\x08\x04\xd2\x16\x2f"
    );
    assert_eq!(
        infallible(|out| frontend::cancel_request(out, 258, b"key!")),
        b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\x01\x02key!"
    );
    let long = infallible(|out| frontend::cancel_request(out, 1, &[7; 256]));
    assert_eq!(long[..4], 268_u32.to_be_bytes());
    assert_eq!(long.len(), 268);
}

#[test]
fn authentication() {
    assert_eq!(
        appended(|out| frontend::password(out, b"secret")).unwrap(),
        b"p\0\0\0\x0bsecret\0"
    );
    assert_eq!(
        appended(|out| frontend::sasl_initial_response(out, "SCRAM-SHA-256", b"n,,")).unwrap(),
        b"p\0\0\0\x19SCRAM-SHA-256\0\0\0\0\x03n,,"
    );
    assert_eq!(
        appended(|out| frontend::sasl_response(out, b"a\0b")).unwrap(),
        b"p\0\0\0\x07a\0b"
    );
}

#[test]
fn queries() {
    assert_eq!(
        appended(|out| frontend::query(out, b"select 1")).unwrap(),
        b"Q\0\0\0\x0dselect 1\0"
    );
    assert_eq!(
        appended(|out| frontend::parse(out, b"s", b"select $1", &[23, 0])).unwrap(),
        b"P\0\0\0\x1as\0select $1\0\0\x02\0\0\0\x17\0\0\0\0"
    );
    assert_eq!(
        appended(|out| frontend::describe_statement(out, b"s")).unwrap(),
        b"D\0\0\0\x07Ss\0"
    );
    assert_eq!(
        appended(|out| frontend::describe_portal(out, b"")).unwrap(),
        b"D\0\0\0\x06P\0"
    );
    assert_eq!(
        appended(|out| frontend::close_statement(out, b"s")).unwrap(),
        b"C\0\0\0\x07Ss\0"
    );
    assert_eq!(
        appended(|out| frontend::close_portal(out, b"p")).unwrap(),
        b"C\0\0\0\x07Pp\0"
    );
    assert_eq!(
        appended(|out| frontend::execute(out, b"", u32::MAX)).unwrap(),
        b"E\0\0\0\x09\0\xff\xff\xff\xff"
    );
    assert_eq!(infallible(frontend::flush), b"H\0\0\0\x04");
    assert_eq!(infallible(frontend::sync), b"S\0\0\0\x04");
    assert_eq!(infallible(frontend::terminate), b"X\0\0\0\x04");
}

#[test]
fn copy() {
    assert_eq!(
        appended(|out| frontend::copy_data(out, b"a\0")).unwrap(),
        b"d\0\0\0\x06a\0"
    );
    assert_eq!(infallible(frontend::copy_done), b"c\0\0\0\x04");
    assert_eq!(
        appended(|out| frontend::copy_fail(out, b"no")).unwrap(),
        b"f\0\0\0\x07no\0"
    );
}

#[test]
fn formats_are_sent_in_their_short_form() {
    use Format::{Binary, Text};
    for (given, sent) in [
        (&[][..], &b"\0\0"[..]),
        (&[Text], b"\0\0"),
        (&[Text, Text], b"\0\0"),
        (&[Binary], b"\0\x01\0\x01"),
        (&[Binary, Binary], b"\0\x01\0\x01"),
        (&[Binary, Text], b"\0\x02\0\x01\0\0"),
        (&[Text, Binary], b"\0\x02\0\0\0\x01"),
    ] {
        let parameters = b"\xff\xff\xff\xff\xff\xff\xff\xff";
        let message =
            appended(|out| frontend::bind(out, b"", b"", given, 2, parameters, given)).unwrap();
        let body = [b"\0\0", sent, b"\0\x02", parameters, sent].concat();
        assert_eq!(message[5..], body, "{given:?}");
        assert_eq!(
            message[1..5],
            u32::try_from(body.len() + 4).unwrap().to_be_bytes()
        );
    }
}

#[test]
fn strings_with_a_zero_byte_are_refused() {
    let bad = b"a\0b";
    let field = |result: Result<Vec<u8>, EncodeError>| match result {
        Err(EncodeError::ContainsNul { field }) => field,
        other => panic!("{other:?}"),
    };
    let version = ProtocolVersion::V3_0;
    assert_eq!(
        field(appended(|out| frontend::startup(
            out,
            version,
            &[(bad, b"")]
        ))),
        "a startup parameter's name"
    );
    assert_eq!(
        field(appended(|out| frontend::startup(
            out,
            version,
            &[(b"user", bad)]
        ))),
        "a startup parameter's value"
    );
    assert_eq!(
        field(appended(|out| frontend::password(out, bad))),
        "the password"
    );
    assert_eq!(
        field(appended(|out| frontend::sasl_initial_response(
            out, "a\0b", b""
        ))),
        "the SASL mechanism"
    );
    assert_eq!(
        field(appended(|out| frontend::query(out, bad))),
        "the query"
    );
    assert_eq!(
        field(appended(|out| frontend::parse(out, b"", bad, &[]))),
        "the query"
    );
    assert_eq!(
        field(appended(|out| frontend::parse(out, bad, b"", &[]))),
        "the statement's name"
    );
    assert_eq!(
        field(appended(|out| frontend::bind(
            out,
            bad,
            b"",
            &[],
            0,
            b"",
            &[]
        ))),
        "the portal's name"
    );
    assert_eq!(
        field(appended(|out| frontend::bind(
            out,
            b"",
            bad,
            &[],
            0,
            b"",
            &[]
        ))),
        "the statement's name"
    );
    assert_eq!(
        field(appended(|out| frontend::execute(out, bad, 0))),
        "the portal's name"
    );
    assert_eq!(
        field(appended(|out| frontend::describe_statement(out, bad))),
        "the statement's name"
    );
    assert_eq!(
        field(appended(|out| frontend::close_portal(out, bad))),
        "the portal's name"
    );
    assert_eq!(
        field(appended(|out| frontend::copy_fail(out, bad))),
        "the reason to fail a COPY"
    );
}

#[test]
fn counts_beyond_the_protocol_are_refused() {
    let count = 65536;
    assert_eq!(
        appended(|out| frontend::parse(out, b"", b"", &vec![0; count])),
        Err(EncodeError::TooManyParameters { count })
    );
    assert_eq!(
        appended(|out| frontend::bind(out, b"", b"", &[], count, b"", &[])),
        Err(EncodeError::TooManyParameters { count })
    );
    let mut formats = vec![Format::Text; count];
    formats[0] = Format::Binary;
    assert_eq!(
        appended(|out| frontend::bind(out, b"", b"", &[], 0, b"", &formats)),
        Err(EncodeError::TooManyParameters { count })
    );
    assert_eq!(
        appended(|out| frontend::bind(out, b"", b"", &formats[..2], 3, b"", &[])),
        Err(EncodeError::FormatCount {
            formats: 2,
            parameters: 3
        })
    );
    let all = appended(|out| frontend::parse(out, b"", b"", &[7; 65535])).unwrap();
    assert_eq!(all[7..9], [0xff, 0xff]);
    assert_eq!(
        appended(|out| frontend::startup(out, ProtocolVersion::V3_0, &[(b"", b"x")])),
        Err(EncodeError::EmptyParameterName)
    );
}

#[test]
fn messages_beyond_the_servers_limit_are_refused() {
    // Zeroed memory that is never touched: the checks come before any copy.
    let data = vec![0; MESSAGE_LIMIT - 3];
    assert_eq!(
        appended(|out| frontend::copy_data(out, &data)),
        Err(EncodeError::MessageTooLarge {
            length: MESSAGE_LIMIT + 1,
            limit: MESSAGE_LIMIT
        })
    );
    assert!(matches!(
        appended(|out| frontend::bind(out, b"", b"", &[], 1, &data, &[])),
        Err(EncodeError::MessageTooLarge { .. })
    ));
}

/// A message taken apart again: type, then the body.
fn split(message: &[u8]) -> (u8, &[u8]) {
    let length = u32::from_be_bytes(message[1..5].try_into().unwrap());
    assert_eq!(usize::try_from(length).unwrap() + 1, message.len());
    (message[0], &message[5..])
}

fn take<'a>(body: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (head, rest) = body.split_at(length);
    *body = rest;
    head
}

fn take_string<'a>(body: &mut &'a [u8]) -> &'a [u8] {
    let end = body.iter().position(|&byte| byte == 0).unwrap();
    let string = take(body, end);
    take(body, 1);
    string
}

fn take_count(body: &mut &[u8]) -> usize {
    usize::from(u16::from_be_bytes(take(body, 2).try_into().unwrap()))
}

fn take_formats(body: &mut &[u8], count: usize) -> Vec<Format> {
    let given = take_count(body);
    let formats: Vec<_> = (0..given)
        .map(|_| Format::from_code(i16::from_be_bytes(take(body, 2).try_into().unwrap())).unwrap())
        .collect();
    // The server's reading of a short list.
    match formats[..] {
        [] => vec![Format::Text; count],
        [one] => vec![one; count],
        _ => formats,
    }
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Text), Just(Format::Binary)]
}

proptest! {
    #[test]
    fn the_server_reads_what_was_bound(
        portal in "[a-z]{0,8}",
        statement in "[a-z]{0,8}",
        values in vec((proptest::option::of(vec(any::<u8>(), 0..30)), format()), 0..20),
        results in vec(format(), 0..20),
    ) {
        let mut encoded = Vec::new();
        for (value, _) in &values {
            match value {
                None => encoded.extend_from_slice(&(-1_i32).to_be_bytes()),
                Some(value) => {
                    encoded.extend_from_slice(&i32::try_from(value.len()).unwrap().to_be_bytes());
                    encoded.extend_from_slice(value);
                }
            }
        }
        let formats: Vec<_> = values.iter().map(|(_, format)| *format).collect();
        let message = appended(|out| frontend::bind(
            out, portal.as_bytes(), statement.as_bytes(), &formats, values.len(), &encoded, &results,
        )).unwrap();

        let (tag, mut body) = split(&message);
        prop_assert_eq!(tag, b'B');
        prop_assert_eq!(take_string(&mut body), portal.as_bytes());
        prop_assert_eq!(take_string(&mut body), statement.as_bytes());
        prop_assert_eq!(take_formats(&mut body, values.len()), formats);
        prop_assert_eq!(take_count(&mut body), values.len());
        prop_assert_eq!(take(&mut body, encoded.len()), &encoded[..]);
        prop_assert_eq!(take_formats(&mut body, results.len()), results);
        prop_assert!(body.is_empty());
    }

    #[test]
    fn every_message_has_its_own_length(
        a in vec(any::<u8>(), 0..30),
        b in vec(any::<u8>(), 0..30),
        types in vec(any::<u32>(), 0..10),
    ) {
        for result in [
            appended(|out| frontend::parse(out, &a, &b, &types)),
            appended(|out| frontend::query(out, &a)),
            appended(|out| frontend::execute(out, &a, 1)),
            appended(|out| frontend::describe_portal(out, &b)),
            appended(|out| frontend::close_statement(out, &b)),
            appended(|out| frontend::password(out, &a)),
            appended(|out| frontend::sasl_initial_response(out, "X", &a)),
            appended(|out| frontend::copy_data(out, &b)),
            appended(|out| frontend::copy_fail(out, &b)),
        ] {
            match result {
                Ok(message) => {
                    split(&message);
                }
                Err(error) => {
                    let refused = matches!(error, EncodeError::ContainsNul { .. });
                    prop_assert!(refused && (a.contains(&0) || b.contains(&0)));
                }
            }
        }
    }
}
