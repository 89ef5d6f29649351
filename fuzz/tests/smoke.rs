//! Every fuzz target on made-up bytes, on any toolchain, in a few seconds.
//!
//! Bytes alone seldom get past a first check, so what is tried is put together from pieces that each
//! target knows, whole and damaged, and from noise.

use proptest::prelude::*;
use psycoxide_testkit::backend;

/// Pieces that mean something somewhere.
fn pieces() -> Vec<Vec<u8>> {
    let mut pieces: Vec<Vec<u8>> = [
        // Connection strings.
        "host=a,b port=1,2 ",
        "password='it''s' ",
        "user = 'a\\'b' ",
        "postgresql://",
        "ann:p%40ss@[::1]:5432,b/db?sslmode=require&ssl=true",
        "options=-c\\ x=y",
        "dbname=postgres://h",
        // Queries.
        "select %s, %b, %t, ",
        "%(name)s",
        "%(name)b",
        "%%",
        "%",
        "%(",
        "-- %s\n",
        "'%s'",
        "$$%s$$",
        "/* %s */",
        "E'\\'%s'",
        // Values.
        "{1,NULL,\"a\\\"b\"}",
        "[0:1]={{1,2},{3,4}}",
        "{",
        "}",
        "NaN",
        "-Infinity",
        "1e-7",
        "0.10",
        "12345678901234567890.123",
        "2024-02-29 23:59:60.999999+05:30:15 BC",
        "infinity",
        "24:00:00",
        "Wed Dec 17 07:37:16 1997 PST",
        "1 year 2 mons -3 days +04:05:06.7",
        "P1Y2M3DT4H5M6S",
        "@ 1 year 2 mons -3 days ago",
        "(1,\"a\"\"b\",)",
        "\"a\"=>\"b\", \"c\"=>NULL",
        "[1,2)",
        "empty",
        "{[1,2),(3,4]}",
        "\\x00ff",
        "\\\\000\\377",
        "192.168.0.1/24",
        "::1/128",
        "08:00:2b:01:02:03",
        "550e8400-e29b-41d4-a716-446655440000",
        "a\tb\\N\\t\n",
    ]
    .map(|text: &str| text.as_bytes().to_vec())
    .into();
    // Messages, alone and as conversations.
    let row = backend::data_row(&[Some(b"1"), None]);
    let described = backend::row_description(&[backend::field("a", 23), backend::field("b", 25)]);
    pieces.extend([
        row[5..].to_vec(),
        [
            &[1, 0][..],
            &backend::authentication_ok(),
            &backend::ready_for_query(b'I'),
        ]
        .concat(),
        [
            &[0b0101, 7][..],
            &described,
            &row,
            &backend::command_complete("SELECT 1"),
        ]
        .concat(),
        [
            &[0b1001, 9][..],
            &backend::parse_complete(),
            &backend::bind_complete(),
            &described,
            &row,
            &backend::error("ERROR", "22012", "x"),
            &backend::ready_for_query(b'E'),
        ]
        .concat(),
        [
            &[0b0101, 3][..],
            &backend::copy_response(b'W', psycoxide_protocol::Format::Text, &[]),
            &backend::copy_data(b"x"),
            &backend::copy_done(),
        ]
        .concat(),
        backend::authentication_sasl(&["SCRAM-SHA-256"]),
        backend::error("FATAL", "57P01", "x"),
        backend::notification_response(1, "c", "p"),
        backend::parameter_status("a", "b"),
        backend::negotiate_protocol_version(0, &["_pq_.x"]),
        backend::parameter_description(&[23]),
        backend::command_complete("SELECT 1"),
        backend::ready_for_query(b'I'),
        backend::copy_done(),
    ]);
    // Binary values: numeric 1.5, an array of two, a range, a COPY header and row.
    pieces.extend([
        b"\0\x02\0\0\0\0\0\x01\0\x01\x13\x88".to_vec(),
        b"\0\0\0\x01\0\0\0\x01\0\0\0\x17\0\0\0\x02\0\0\0\x01\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff"
            .to_vec(),
        b"\x02\0\0\0\x04\0\0\0\x01\0\0\0\x04\0\0\0\x02".to_vec(),
        b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01x".to_vec(),
        b"\0\0\0\0\0\0\0\x01".to_vec(),
        b"\x02\x20\0\x04\x7f\0\0\x01".to_vec(),
    ]);
    pieces
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    let piece = proptest::sample::select(pieces());
    let noise = proptest::collection::vec(any::<u8>(), 0..20);
    let parts = proptest::collection::vec(prop_oneof![3 => piece, 1 => noise], 1..6);
    let damage = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (parts, damage, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(parts, damage, end, cut)| {
            let mut bytes = parts.concat();
            if !bytes.is_empty() {
                for (index, byte) in damage {
                    let position = index.index(bytes.len());
                    bytes[position] = byte;
                }
                if cut {
                    bytes.truncate(end.index(bytes.len()));
                }
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_target_fails(bytes in input()) {
        for (name, target) in psycoxide_fuzz::TARGETS {
            let outcome = std::panic::catch_unwind(|| target(&bytes));
            prop_assert!(outcome.is_ok(), "{name}: {:?}", bytes.escape_ascii().to_string());
        }
    }
}

/// The pieces by themselves: each is something to one target at least.
#[test]
fn the_pieces_alone() {
    for bytes in pieces() {
        for (_, target) in psycoxide_fuzz::TARGETS {
            target(&bytes);
        }
    }
}
