//! Both types, both formats, against what a PostgreSQL 15 server sends.

use proptest::prelude::*;

use super::*;

fn stamp(date: (i32, u8, u8), time: (u8, u8, u8, u32)) -> Timestamp {
    Timestamp {
        date: Date::new(date.0, date.1, date.2).unwrap(),
        time: Time::new(time.0, time.1, time.2, time.3).unwrap(),
    }
}

fn style(parameter: &str) -> DateStyle {
    DateStyle::from_parameter(parameter.as_bytes()).unwrap()
}

#[test]
fn timestamp_agrees_with_the_server() {
    for (text, expected, micros) in [
        (
            "2000-01-01 00:00:00",
            stamp((2000, 1, 1), (0, 0, 0, 0)),
            0u64,
        ),
        (
            "1999-12-31 23:59:59.999999",
            stamp((1999, 12, 31), (23, 59, 59, 999_999)),
            u64::MAX,
        ),
        (
            "2020-02-29 12:34:56.7",
            stamp((2020, 2, 29), (12, 34, 56, 700_000)),
            0x0002_42b4_f34a_4a60,
        ),
        (
            "0001-12-31 01:02:03 BC",
            stamp((0, 12, 31), (1, 2, 3, 0)),
            0xff1f_e2ec_85ad_78c0,
        ),
        (
            "9999-12-31 23:59:59.5",
            stamp((9999, 12, 31), (23, 59, 59, 500_000)),
            0x0380_e70b_9133_dee0,
        ),
        (
            "294276-12-31 23:59:59.999999",
            stamp((294_276, 12, 31), (23, 59, 59, 999_999)),
            0x7fff_ff5b_b3b2_9fff,
        ),
        (
            "4713-01-01 00:00:00 BC",
            stamp((-4712, 1, 1), (0, 0, 0, 0)),
            0xfd0f_7fbd_af17_e000,
        ),
    ] {
        let expected = Extended::Finite(expected);
        let found = decode_timestamp_text(text.as_bytes(), DateStyle::default()).unwrap();
        assert_eq!(found, expected, "{text}");
        assert_eq!(decode_binary(&micros.to_be_bytes()).unwrap(), expected);
        let mut out = Vec::new();
        encode_timestamp_binary(expected, &mut out).unwrap();
        assert_eq!(out, micros.to_be_bytes());
    }
}

#[test]
fn infinities() {
    for (text, value, micros) in [
        ("infinity", Extended::Infinity, i64::MAX),
        ("-infinity", Extended::NegativeInfinity, i64::MIN),
    ] {
        let style = style("SQL, DMY");
        assert_eq!(
            decode_timestamp_text(text.as_bytes(), style).unwrap(),
            value
        );
        assert_eq!(decode_binary(&micros.to_be_bytes()).unwrap(), value);
        let mut out = Vec::new();
        encode_timestamp_text(value, &mut out);
        assert_eq!(out, text.as_bytes());
        let found = decode_timestamptz_text(text.as_bytes(), style).unwrap();
        assert_eq!(found.finite(), None);
        out.clear();
        encode_timestamp_binary(value, &mut out).unwrap();
        assert_eq!(out, micros.to_be_bytes());
    }
}

#[test]
fn every_style() {
    let leap = stamp((2020, 2, 29), (12, 34, 56, 700_000));
    let bc = stamp((0, 12, 31), (1, 2, 3, 0));
    let far = stamp((20_020, 2, 28), (12, 34, 56, 0));
    for (parameter, text, expected) in [
        ("SQL, DMY", "29/02/2020 12:34:56.7", leap),
        ("SQL, DMY", "31/12/0001 01:02:03 BC", bc),
        ("SQL, DMY", "28/02/20020 12:34:56", far),
        ("SQL, MDY", "02/29/2020 12:34:56.7", leap),
        ("SQL, YMD", "12/31/0001 01:02:03 BC", bc),
        ("Postgres, YMD", "Sat Feb 29 12:34:56.7 2020", leap),
        ("Postgres, MDY", "Sun Dec 31 01:02:03 0001 BC", bc),
        ("Postgres, DMY", "Sat 29 Feb 12:34:56.7 2020", leap),
        ("Postgres, DMY", "Fri 28 Feb 12:34:56 20020", far),
        ("German, DMY", "29.02.2020 12:34:56.7", leap),
        ("German, DMY", "31.12.0001 01:02:03 BC", bc),
        ("ISO, DMY", "20020-02-28 12:34:56", far),
    ] {
        let found = decode_timestamp_text(text.as_bytes(), style(parameter)).unwrap();
        assert_eq!(found, Extended::Finite(expected), "{parameter} {text}");
    }
}

#[test]
fn timestamptz_has_its_offset() {
    for (text, local, utc_offset) in [
        (
            "2020-02-29 12:34:56.7+05:30",
            stamp((2020, 2, 29), (12, 34, 56, 700_000)),
            19_800,
        ),
        (
            "0001-12-31 01:02:03+05:53:28 BC",
            stamp((0, 12, 31), (1, 2, 3, 0)),
            21_208,
        ),
        (
            "20020-02-28 12:34:56-03",
            stamp((20_020, 2, 28), (12, 34, 56, 0)),
            -10_800,
        ),
        (
            "1900-01-01 00:00:00-03:30:52",
            stamp((1900, 1, 1), (0, 0, 0, 0)),
            -12_652,
        ),
    ] {
        let expected = Extended::Finite(TimestampTz { local, utc_offset });
        let found = decode_timestamptz_text(text.as_bytes(), style("ISO, DMY")).unwrap();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn abbreviations_of_zones_are_refused() {
    for (parameter, text) in [
        ("SQL, DMY", "29/02/2020 12:34:56.7 UTC"),
        ("Postgres, MDY", "Sat Feb 29 12:34:56.7 2020 CET"),
        ("German, DMY", "29.02.2020 12:34:56.7 UTC"),
    ] {
        let style = style(parameter);
        let error = decode_timestamptz_text(text.as_bytes(), style).unwrap_err();
        assert_eq!(error.reason(), &Reason::UnsupportedDateStyle { style });
    }
}

#[test]
fn wrong_texts() {
    for wrong in [
        "",
        "2020-02-29",
        "2020-02-29 ",
        "2020-02-29 12:34",
        "2020-02-29 24:00:00",
        "2020-02-30 12:34:56",
        "2020-02-29T12:34:56",
        "2020-02-29 12:34:56+01",
        "2020-02-29 12:34:56 AD",
        "Sat Feb 29 12:34:56.7 2020 UTC",
        "Sat Feb 29 12:34:56.7",
        "Sat Foo 29 12:34:56.7 2020",
        "Sat Feb 1/ 12:34:56.7 2020",
    ] {
        let found = decode_timestamp_text(wrong.as_bytes(), DateStyle::default());
        assert!(found.is_err(), "{wrong}");
    }
    for wrong in [
        "2020-02-29 12:34:56",
        "2020-02-29 12:34:56+1",
        "2020-02-29 12:34:56 UTC",
    ] {
        let error = decode_timestamptz_text(wrong.as_bytes(), DateStyle::default()).unwrap_err();
        assert!(matches!(error.reason(), Reason::Syntax { .. }), "{wrong}");
    }
    assert!(decode_binary(&[0; 4]).is_err());
}

#[test]
fn out_of_range() {
    let far = Extended::Finite(stamp((300_000, 1, 1), (0, 0, 0, 0)));
    assert!(encode_timestamp_binary(far, &mut Vec::new()).is_err());
}

proptest! {
    #[test]
    fn binary_round_trip(micros: i64) {
        let bytes = micros.to_be_bytes();
        let value = decode_binary(&bytes).unwrap();
        let mut out = Vec::new();
        encode_timestamp_binary(value, &mut out).unwrap();
        prop_assert_eq!(out, bytes);
    }

    #[test]
    fn text_round_trip(micros: i64, utc_offset in -86_399..86_400) {
        let style = DateStyle::default();
        let local = Timestamp::from_micros(micros);
        let mut out = Vec::new();
        encode_timestamp_text(Extended::Finite(local), &mut out);
        prop_assert_eq!(decode_timestamp_text(&out, style).unwrap(), Extended::Finite(local));
        out.clear();
        let value = Extended::Finite(TimestampTz { local, utc_offset });
        encode_timestamptz_text(value, &mut out);
        prop_assert_eq!(decode_timestamptz_text(&out, style).unwrap(), value);
    }

    #[test]
    fn offsets_lead_to_utc(micros in -1i64 << 50..1 << 50, utc_offset in -86_399..86_400) {
        let local = Timestamp::from_micros(micros + i64::from(utc_offset) * 1_000_000);
        prop_assert_eq!(TimestampTz { local, utc_offset }.micros(), Some(micros));
    }

    #[test]
    fn never_panics(bytes: Vec<u8>, text in "[-+/. :0-9BC]{0,30}") {
        for value in [bytes.as_slice(), text.as_bytes()] {
            let _ = decode_timestamp_text(value, DateStyle::default());
            let _ = decode_timestamptz_text(value, DateStyle::default());
            let _ = decode_binary(value);
        }
    }
}
