//! Both directions against what a PostgreSQL 15 server says with `numeric_send` and `numeric_out`.

use proptest::prelude::*;

use super::*;

/// Input text, the server's text, and the server's binary form in hex.
const SERVER: &[(&str, &str, &str)] = &[
    ("0", "0", "0000000000000000"),
    ("-0", "0", "0000000000000000"),
    ("0.00", "0.00", "0000000000000002"),
    ("1", "1", "00010000000000000001"),
    ("-1", "-1", "00010000400000000001"),
    ("10", "10", "0001000000000000000a"),
    ("9999", "9999", "0001000000000000270f"),
    ("10000", "10000", "00010001000000000001"),
    ("10001", "10001", "000200010000000000010001"),
    ("123456789", "123456789", "0003000200000000000109291a85"),
    ("1.20", "1.20", "0002000000000002000107d0"),
    ("-1234.5678", "-1234.5678", "000200004000000404d2162e"),
    ("0.00012", "0.00012", "0002ffff00000005000107d0"),
    ("0.0001", "0.0001", "0001ffff000000040001"),
    ("1E+5", "100000", "0001000100000000000a"),
    ("1e-20", "0.00000000000000000001", "0001fffb000000140001"),
    ("NaN", "NaN", "00000000c0000000"),
    ("sNaN12", "NaN", "00000000c0000000"),
    ("Infinity", "Infinity", "00000000d0000000"),
    ("-Infinity", "-Infinity", "00000000f0000000"),
    ("100000000", "100000000", "00010002000000000001"),
    ("0.1", "0.1", "0001ffff0000000103e8"),
    ("12345.6789", "12345.6789", "0003000100000004000109291a85"),
    (
        "1e30",
        "1000000000000000000000000000000",
        "00010007000000000064",
    ),
    (
        "99999999999999999999.99999999",
        "99999999999999999999.99999999",
        "0007000400000008270f270f270f270f270f270f270f",
    ),
    (
        "1000000.0001",
        "1000000.0001",
        "0003000100000004006400000001",
    ),
    ("0.00000001000", "0.00000001000", "0001fffe0000000b0001"),
    ("00012.50e1", "125.0", "0001000000000001007d"),
    (
        "1180591620717411303424",
        "1180591620717411303424",
        "0006000500000000000b1f7b06541c06046a0d60",
    ),
];

fn bytes(hex: &str) -> Vec<u8> {
    let mut target = vec![0; hex.len() / 2];
    assert!(crate::bytea::decode_hex(hex.as_bytes(), &mut target));
    target
}

fn to_text(binary: &[u8]) -> String {
    let mut out = Vec::new();
    decode_binary(binary).unwrap().write_text(&mut out);
    String::from_utf8(out).unwrap()
}

fn to_binary(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    encode_binary(text, &mut out).unwrap();
    out
}

#[test]
fn agrees_with_the_server() {
    for (input, text, hex) in SERVER {
        assert_eq!(to_text(&bytes(hex)), *text);
        assert_eq!(to_binary(input), bytes(hex), "{input}");
    }
    // The server sends a display scale with infinities; it means nothing.
    assert_eq!(to_text(&bytes("00000000d0000020")), "Infinity");
}

#[test]
fn text_keeps_what_it_was() {
    for (input, expected) in [("1E+5", "1E+5"), ("-0.00", "-0.00"), ("-NaN", "NaN")] {
        let mut out = Vec::new();
        encode_text(input, &mut out).unwrap();
        assert_eq!(out, expected.as_bytes());
    }
    for right in ["0", "-1.20", "1e+16", "NaN", "Infinity", "-Infinity"] {
        assert_eq!(decode_text(right.as_bytes()).unwrap(), right);
    }
    for wrong in ["", "-", "nan()", "1 2", "abc", "\u{661}"] {
        assert!(decode_text(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn texts_that_are_no_numbers() {
    for wrong in [
        "", "-", ".", "1e", "1e+", "1e+-5", "e5", "1.2.3", "0x1", "NaNx", "inf1", " 1", "1_0",
    ] {
        let mut out = b"kept".to_vec();
        assert!(encode_binary(wrong, &mut out).is_err(), "{wrong}");
        assert_eq!(out, b"kept");
    }
}

#[test]
fn limits() {
    assert_eq!(to_text(&to_binary("1e131071")).len(), 131_072);
    assert_eq!(to_text(&to_binary("1e-16383")).len(), 16_385);
    for wrong in [
        "1e131072",
        "1e-16384",
        "1e999999999999",
        "1e99999999999999999999",
    ] {
        assert!(encode_binary(wrong, &mut Vec::new()).is_err(), "{wrong}");
    }
    // Announcing a large weight without digits costs nothing.
    assert_eq!(to_text(&bytes("00007fff00000000")), "0");
}

#[test]
fn malformed_binary() {
    for wrong in [
        "",
        "0001",
        "00010000000000",
        "0001000000000000",
        "000100000000000000010001",
        "00010000000000002710",
        "ffff000000000000",
        "00010000123400000001",
        "00000000000040000001",
        "0000000000004000",
    ] {
        assert!(decode_binary(&bytes(wrong)).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn round_trip(text in "-?[1-9][0-9]{0,40}(\\.[0-9]{1,40})?") {
        prop_assert_eq!(to_text(&to_binary(&text)), text);
    }

    #[test]
    fn small_round_trip(text in "0\\.0{0,20}[1-9][0-9]{0,10}") {
        prop_assert_eq!(to_text(&to_binary(&text)), text);
    }

    #[test]
    fn exponents_are_only_notation(digits in 1u64.., exponent in 0usize..30) {
        let zeroes = "0".repeat(exponent);
        prop_assert_eq!(
            to_binary(&format!("{digits}E+{exponent}")),
            to_binary(&format!("{digits}{zeroes}"))
        );
    }

    #[test]
    fn never_panics(bytes: Vec<u8>, text in "\\PC*") {
        if let Ok(number) = decode_binary(&bytes) {
            number.write_text(&mut Vec::new());
        }
        let _ = encode_binary(&text, &mut Vec::new());
        let _ = decode_text(&bytes);
    }

    #[test]
    fn any_header_is_decoded_or_refused(count in 0i16..4, weight: i16, scale: u16, groups: [u16; 3]) {
        let mut value = Vec::new();
        value.extend_from_slice(&count.to_be_bytes());
        value.extend_from_slice(&weight.to_be_bytes());
        value.extend_from_slice(&[0, 0]);
        value.extend_from_slice(&scale.to_be_bytes());
        for group in groups.iter().take(usize::try_from(count).unwrap()) {
            value.extend_from_slice(&(group % 10_000).to_be_bytes());
        }
        match decode_binary(&value) {
            Ok(number) => number.write_text(&mut Vec::new()),
            Err(_) => prop_assert!(scale > 0x3fff),
        }
    }
}
