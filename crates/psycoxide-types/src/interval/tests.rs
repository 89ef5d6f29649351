//! All four styles and the binary form, as a PostgreSQL 15 server writes them.

use proptest::prelude::*;

use super::*;

/// One interval a line: `postgres`, `postgres_verbose`, `sql_standard`, `iso_8601`, and binary.
const SERVER: &[([&str; 4], u128)] = &[
    (
        ["00:00:00", "@ 0", "0", "PT0S"],
        0x00000000000000000000000000000000,
    ),
    (
        ["1 day", "@ 1 day", "1 0:00:00", "P1D"],
        0x00000000000000000000000100000000,
    ),
    (
        ["-1 days", "@ 1 day ago", "-1 0:00:00", "P-1D"],
        0x0000000000000000ffffffff00000000,
    ),
    (
        [
            "1 year 2 mons 3 days 04:05:06.789",
            "@ 1 year 2 mons 3 days 4 hours 5 mins 6.789 secs",
            "+1-2 +3 +4:05:06.789",
            "P1Y2M3DT4H5M6.789S",
        ],
        0x000000036c97ca88000000030000000e,
    ),
    (
        [
            "-1 years -2 mons +3 days -04:05:06",
            "@ 1 year 2 mons -3 days 4 hours 5 mins 6 secs ago",
            "-1-2 +3 -4:05:06",
            "P-1Y-2M3DT-4H-5M-6S",
        ],
        0xfffffffc93743f8000000003fffffff2,
    ),
    (
        ["1 mon", "@ 1 mon", "0-1", "P1M"],
        0x00000000000000000000000000000001,
    ),
    (
        ["-1 mons", "@ 1 mon ago", "-0-1", "P-1M"],
        0x000000000000000000000000ffffffff,
    ),
    (
        [
            "1 year -00:00:01",
            "@ 1 year -1 sec",
            "+1-0 +0 -0:00:01",
            "P1YT-1S",
        ],
        0xfffffffffff0bdc0000000000000000c,
    ),
    (
        [
            "-00:00:00.000001",
            "@ 0.000001 secs ago",
            "-0:00:00.000001",
            "PT-0.000001S",
        ],
        0xffffffffffffffff0000000000000000,
    ),
    (
        ["100:00:00", "@ 100 hours", "100:00:00", "PT100H"],
        0x00000053d1ac10000000000000000000,
    ),
    (
        [
            "1 day -00:00:01",
            "@ 1 day -1 sec",
            "+0-0 +1 -0:00:01",
            "P1DT-1S",
        ],
        0xfffffffffff0bdc00000000100000000,
    ),
    (
        [
            "-1 days +02:00:00",
            "@ 1 day -2 hours ago",
            "+0-0 -1 +2:00:00",
            "P-1DT2H",
        ],
        0x00000001ad274800ffffffff00000000,
    ),
    (
        [
            "-1 days -02:00:00",
            "@ 1 day 2 hours ago",
            "-1 2:00:00",
            "P-1DT-2H",
        ],
        0xfffffffe52d8b800ffffffff00000000,
    ),
    (
        [
            "1 mon -1 days",
            "@ 1 mon -1 days",
            "+0-1 -1 +0:00:00",
            "P1M-1D",
        ],
        0x0000000000000000ffffffff00000001,
    ),
    (
        ["-1 years -1 mons", "@ 1 year 1 mon ago", "-1-1", "P-1Y-1M"],
        0x000000000000000000000000fffffff3,
    ),
    (
        [
            "2562047788:00:00",
            "@ 2562047788 hours",
            "2562047788:00:00",
            "PT2562047788H",
        ],
        0x7ffffffffcbc30000000000000000000,
    ),
    (
        [
            "178000000 years",
            "@ 178000000 years",
            "178000000-0",
            "P178000000Y",
        ],
        0x0000000000000000000000007f50c600,
    ),
    (
        [
            "-178000000 years",
            "@ 178000000 years ago",
            "-178000000-0",
            "P-178000000Y",
        ],
        0x00000000000000000000000080af3a00,
    ),
    (
        [
            "-1 days -00:00:00.5",
            "@ 1 day 0.5 secs ago",
            "-1 0:00:00.5",
            "P-1DT-0.5S",
        ],
        0xfffffffffff85ee0ffffffff00000000,
    ),
    (
        ["01:00:00", "@ 1 hour", "1:00:00", "PT1H"],
        0x00000000d693a4000000000000000000,
    ),
    (
        ["00:01:00", "@ 1 min", "0:01:00", "PT1M"],
        0x00000000039387000000000000000000,
    ),
];

#[test]
fn agrees_with_the_server() {
    for (texts, binary) in SERVER {
        let expected = decode_binary(&binary.to_be_bytes()).unwrap();
        for text in texts {
            assert_eq!(decode_text(text.as_bytes()).unwrap(), expected, "{text}");
        }
        let mut out = Vec::new();
        encode_binary(&expected, &mut out);
        assert_eq!(out, binary.to_be_bytes());
    }
}

#[test]
fn fields_are_where_they_belong() {
    let interval = decode_text(b"1 year 2 mons 3 days 04:05:06.789").unwrap();
    let expected = Interval {
        months: 14,
        days: 3,
        micros: 14_706_789_000,
    };
    assert_eq!(interval, expected);
}

#[test]
fn the_smallest_one_is_not_an_overflow() {
    let smallest = Interval {
        months: 0,
        days: 0,
        micros: i64::MIN,
    };
    let text = b"-2562047788:00:54.775808";
    assert_eq!(decode_text(text).unwrap(), smallest);
    let mut out = Vec::new();
    encode_text(&smallest, &mut out);
    assert_eq!(out, text);
    assert!(decode_text(b"2562047788:00:54.775808").is_err());
}

#[test]
fn infinities() {
    for (text, interval) in [
        ("infinity", Interval::INFINITY),
        ("-infinity", Interval::NEGATIVE_INFINITY),
    ] {
        assert_eq!(decode_text(text.as_bytes()).unwrap(), interval);
        let mut out = Vec::new();
        encode_text(&interval, &mut out);
        assert_eq!(out, text.as_bytes());
    }
}

#[test]
fn signs_are_written_where_they_matter() {
    for (months, days, micros, expected) in [
        (0, 0, 0, "00:00:00"),
        (0, 1, 3_000_005, "1 days 00:00:03.000005"),
        (0, -1, 3_000_000, "-1 days +00:00:03"),
        (0, 1, -1, "1 days -00:00:00.000001"),
        (-14, 3, 0, "-14 mons +3 days +00:00:00"),
        (0, 0, 360_000_000_000, "100:00:00"),
    ] {
        let mut out = Vec::new();
        let interval = Interval {
            months,
            days,
            micros,
        };
        encode_text(&interval, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn texts_that_are_no_intervals() {
    for wrong in [
        "",
        "P",
        "PT",
        "P1",
        "P1X",
        "P1DT",
        "PT1D",
        "P1.5D",
        "@",
        "@ ",
        "x",
        "1 fortnight",
        "1 day 2",
        "04:05",
        "04:60:00",
        "04:05:06.",
        "1 day ago ago",
        "ago 1 day",
        "1.5 days",
        "1-2-3",
        "1 day  2 hours",
        "99999999999 days",
        "200000000 years",
        "P99999999999999999999D",
        "04:05:06 1 day",
        "Infinity",
    ] {
        assert!(decode_text(wrong.as_bytes()).is_err(), "{wrong}");
    }
    assert!(decode_binary(&[0; 15]).is_err());
    assert!(decode_binary(&[0; 17]).is_err());
}

#[test]
fn styles_by_name() {
    for (name, style) in [
        ("postgres", IntervalStyle::Postgres),
        ("postgres_verbose", IntervalStyle::PostgresVerbose),
        ("sql_standard", IntervalStyle::SqlStandard),
        ("iso_8601", IntervalStyle::Iso8601),
    ] {
        assert_eq!(IntervalStyle::from_parameter(name.as_bytes()), Some(style));
    }
    assert_eq!(IntervalStyle::from_parameter(b"other"), None);
}

proptest! {
    #[test]
    fn round_trip(months: i32, days: i32, micros: i64) {
        let interval = Interval { months, days, micros };
        let mut out = Vec::new();
        encode_text(&interval, &mut out);
        prop_assert_eq!(decode_text(&out).unwrap(), interval);
        out.clear();
        encode_binary(&interval, &mut out);
        prop_assert_eq!(decode_binary(&out).unwrap(), interval);
    }

    #[test]
    fn never_panics(bytes: Vec<u8>, text in "(P|@ )?([-+.:0-9]{0,10}( |Y|M|D|T|H|S|days|ago|secs)){0,5}") {
        let _ = decode_text(&bytes);
        let _ = decode_text(text.as_bytes());
        let _ = decode_binary(&bytes);
    }
}
