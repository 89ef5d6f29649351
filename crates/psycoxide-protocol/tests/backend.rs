//! Messages of the server: what was encoded is decoded, whatever else is refused and never a panic.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use psycoxide_protocol::backend::{
    Authentication, CopyResponse, ErrorFields, Field, Message, field, tag,
};
use psycoxide_protocol::frame::{self, HEADER_LENGTH};
use psycoxide_protocol::{DecodeError, Format, TransactionStatus, data_row};
use psycoxide_testkit::backend as encode;

/// Decodes one whole message, as a reader of the stream does.
fn decode(bytes: &[u8]) -> Result<Message<'_>, DecodeError> {
    let frame = frame::peek(bytes)?.expect("the header is there");
    assert_eq!(frame.length, bytes.len());
    Message::decode(frame.tag, frame.body(bytes).expect("the body is there"))
}

/// One of each message, with what it means.
fn samples() -> Vec<(Vec<u8>, Message<'static>)> {
    let fields = ErrorFields::new([
        (field::SEVERITY, &b"FEHLER"[..]),
        (field::SEVERITY_NONLOCALIZED, b"ERROR"),
        (field::SQLSTATE, b"42P01"),
        (field::MESSAGE, b"relation \"x\" does not exist"),
    ]);
    let columns = vec![
        Field {
            name: b"id".to_vec(),
            table: 16384,
            column: 1,
            type_oid: 23,
            size: 4,
            modifier: -1,
            format: Format::Binary,
        },
        encode::field("", 25),
    ];
    let copy = || CopyResponse {
        format: Format::Binary,
        column_formats: vec![Format::Binary, Format::Text],
    };
    let formats = [Format::Binary, Format::Text];
    vec![
        (
            encode::authentication_ok(),
            Message::Authentication(Authentication::Ok),
        ),
        (
            encode::authentication_cleartext_password(),
            Message::Authentication(Authentication::CleartextPassword),
        ),
        (
            encode::authentication_md5_password([1, 2, 3, 4]),
            Message::Authentication(Authentication::Md5Password { salt: [1, 2, 3, 4] }),
        ),
        (
            encode::authentication_sasl(&["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]),
            Message::Authentication(Authentication::Sasl {
                mechanisms: vec!["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"],
            }),
        ),
        (
            encode::authentication(11, b"r=x"),
            Message::Authentication(Authentication::SaslContinue(b"r=x")),
        ),
        (
            encode::authentication(12, b"v=x"),
            Message::Authentication(Authentication::SaslFinal(b"v=x")),
        ),
        (
            encode::authentication(7, b"anything"),
            Message::Authentication(Authentication::Unsupported(7)),
        ),
        (
            encode::backend_key_data(u32::MAX, &[9; 32]),
            Message::BackendKeyData {
                pid: u32::MAX,
                key: &[9; 32],
            },
        ),
        (encode::bind_complete(), Message::BindComplete),
        (encode::close_complete(), Message::CloseComplete),
        (
            encode::command_complete("SELECT 1"),
            Message::CommandComplete { tag: b"SELECT 1" },
        ),
        (
            encode::copy_response(tag::COPY_IN_RESPONSE, Format::Binary, &formats),
            Message::CopyInResponse(copy()),
        ),
        (
            encode::copy_response(tag::COPY_OUT_RESPONSE, Format::Binary, &formats),
            Message::CopyOutResponse(copy()),
        ),
        (
            encode::copy_response(tag::COPY_BOTH_RESPONSE, Format::Binary, &formats),
            Message::CopyBothResponse(copy()),
        ),
        (encode::copy_data(b"1\t2\n"), Message::CopyData(b"1\t2\n")),
        (encode::copy_done(), Message::CopyDone),
        (
            encode::data_row(&[Some(b"a"), None]),
            Message::DataRow(b"\0\x02\0\0\0\x01a\xff\xff\xff\xff"),
        ),
        (encode::empty_query_response(), Message::EmptyQueryResponse),
        (
            encode::error_response(&fields),
            Message::ErrorResponse(fields.clone()),
        ),
        (
            encode::notice_response(&fields),
            Message::NoticeResponse(fields),
        ),
        (
            encode::message(tag::FUNCTION_CALL_RESPONSE, b"\0\0\0\x01x"),
            Message::FunctionCallResponse,
        ),
        (
            encode::negotiate_protocol_version(2, &["_pq_.x", "_pq_.y"]),
            Message::NegotiateProtocolVersion {
                newest_minor: 2,
                unrecognized: vec![b"_pq_.x", b"_pq_.y"],
            },
        ),
        (encode::no_data(), Message::NoData),
        (
            encode::notification_response(7, "channel", "payload"),
            Message::NotificationResponse {
                pid: 7,
                channel: b"channel",
                payload: b"payload",
            },
        ),
        (
            encode::parameter_description(&[23, 0, u32::MAX]),
            Message::ParameterDescription(vec![23, 0, u32::MAX]),
        ),
        (
            encode::parameter_status("TimeZone", "Europe/Rome"),
            Message::ParameterStatus {
                name: b"TimeZone",
                value: b"Europe/Rome",
            },
        ),
        (encode::parse_complete(), Message::ParseComplete),
        (encode::portal_suspended(), Message::PortalSuspended),
        (
            encode::ready_for_query(b'E'),
            Message::ReadyForQuery(TransactionStatus::InError),
        ),
        (
            encode::row_description(&columns),
            Message::RowDescription(columns),
        ),
    ]
}

#[test]
fn every_message_is_decoded() {
    let samples = samples();
    for (bytes, message) in &samples {
        assert_eq!(decode(bytes).as_ref(), Ok(message));
    }
    for tag in tag::ALL {
        assert!(
            samples.iter().any(|(bytes, _)| bytes[0] == *tag),
            "{}",
            tag::name(*tag)
        );
    }
}

/// Whether the body is, by nature, bytes that may end anywhere.
fn opaque(message: &Message<'_>) -> bool {
    matches!(
        message,
        Message::CopyData(_)
            | Message::DataRow(_)
            | Message::Authentication(
                Authentication::SaslContinue(_)
                    | Authentication::SaslFinal(_)
                    | Authentication::Unsupported(_)
            )
    )
}

#[test]
fn every_truncation_is_an_error() {
    for (bytes, message) in samples() {
        let body = &bytes[HEADER_LENGTH..];
        // A key may have any length from 4 to 256, the code is never left out.
        let shortest = match message {
            Message::BackendKeyData { .. } => 8,
            Message::Authentication(_) if opaque(&message) => 4,
            _ if opaque(&message) => continue,
            _ => body.len(),
        };
        for end in 0..shortest {
            let result = Message::decode(bytes[0], &body[..end]);
            assert!(
                result.is_err(),
                "{message:?} cut to {end} bytes gives {result:?}"
            );
        }
    }
}

#[test]
fn every_byte_too_many_is_an_error() {
    for (bytes, message) in samples() {
        if opaque(&message) || matches!(message, Message::BackendKeyData { .. }) {
            continue;
        }
        let mut body = bytes[HEADER_LENGTH..].to_vec();
        body.push(0);
        assert!(
            Message::decode(bytes[0], &body).is_err(),
            "{message:?} with a byte more"
        );
    }
}

#[test]
fn impossible_values_are_told_apart() {
    for (tag, body, error) in [
        (b'?', &b""[..], DecodeError::UnknownTag { tag: b'?' }),
        (
            b'Z',
            b"A",
            DecodeError::UnknownTransactionStatus { byte: b'A' },
        ),
        (
            b'K',
            b"\0\0\0\x01key",
            DecodeError::CancelKeyLength { length: 3 },
        ),
        (
            b'K',
            &[1; 4 + 257],
            DecodeError::CancelKeyLength { length: 257 },
        ),
        (
            b'G',
            b"\x02\0\0",
            DecodeError::UnknownFormat { tag: b'G', code: 2 },
        ),
        (
            b'H',
            b"\0\0\x01\0\x07",
            DecodeError::UnknownFormat { tag: b'H', code: 7 },
        ),
        (
            b'R',
            b"\0\0\0\x0aSCR\xc3\xa4M\0\0",
            DecodeError::MechanismName,
        ),
        (
            b'v',
            b"\0\x04\0\0\0\0\0\0",
            DecodeError::UnknownVersion { code: 4 << 16 },
        ),
        (
            b'V',
            b"\xff\xff\xff\xfe",
            DecodeError::FieldLength {
                tag: b'V',
                length: -2,
            },
        ),
        (b'C', b"SELECT 1", DecodeError::Unterminated { tag: b'C' }),
    ] {
        assert_eq!(
            Message::decode(tag, body),
            Err(error),
            "{}",
            body.escape_ascii()
        );
    }
}

/// The manual's form: the minor version alone.
#[test]
fn a_minor_version_alone_is_understood() {
    assert_eq!(
        Message::decode(b'v', b"\0\0\0\x02\0\0\0\0"),
        Ok(Message::NegotiateProtocolVersion {
            newest_minor: 2,
            unrecognized: vec![]
        })
    );
}

/// Counts far beyond what the body holds must not be allocated for.
#[test]
fn counts_are_not_believed() {
    for tag in [b'T', b't', b'G', b'v'] {
        let body = [&b"\0"[..], &[0xff; 7]].concat();
        assert!(Message::decode(tag, &body).is_err());
    }
    assert!(Message::decode(b'v', b"\0\x03\0\0\xff\xff\xff\xff\0").is_err());
}

#[test]
fn error_fields_are_found_by_code() {
    let bytes = encode::error("FATAL", "28P01", "password authentication failed");
    let Ok(Message::ErrorResponse(fields)) = decode(&bytes) else {
        panic!("an error")
    };
    assert_eq!(
        fields.sqlstate(),
        Some(psycoxide_protocol::sqlstate::INVALID_PASSWORD)
    );
    assert_eq!(fields.message(), b"password authentication failed");
    assert_eq!(fields.severity(), Some(&b"FATAL"[..]));
    assert_eq!(fields.get(field::HINT), None);
    assert_eq!(fields.iter().count(), 4);
    assert_eq!(
        format!("{fields:?}"),
        r#"{'S': "FATAL", 'V': "FATAL", 'C': "28P01", 'M': "password authentication failed"}"#
    );
    let quoted = ErrorFields::new([(field::MESSAGE, "r\u{f4}le \"x\"".as_bytes())]);
    assert_eq!(format!("{quoted:?}"), r#"{'M': "rôle \"x\""}"#);
    let old = ErrorFields::new([
        (field::SEVERITY, &b"ERRORE"[..]),
        (0, b"x"),
        (b'M', b"a\0b"),
    ]);
    assert_eq!(old.severity(), Some(&b"ERRORE"[..]));
    assert_eq!(old.message(), b"a");
    assert_eq!(old.iter().count(), 2);
    assert_eq!(ErrorFields::default().message(), b"");
}

#[test]
fn errors_name_the_message() {
    let error = Message::decode(b'T', b"\0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "a RowDescription message ends within a field"
    );
    let error = frame::peek(b"H\x54\x54\x50/1.1").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("a CopyOutResponse message of"),
        "{error}"
    );
    assert!(size_of::<DecodeError>() <= 16);
}

/// A string as it can travel.
fn string() -> impl Strategy<Value = Vec<u8>> {
    vec(1..=u8::MAX, 0..20)
}

fn column() -> impl Strategy<Value = Field> {
    let numbers = (
        any::<u32>(),
        any::<i16>(),
        any::<u32>(),
        any::<i16>(),
        any::<i32>(),
    );
    (string(), numbers, any::<bool>()).prop_map(
        |(name, (table, column, type_oid, size, modifier), binary)| Field {
            name,
            table,
            column,
            type_oid,
            size,
            modifier,
            format: if binary { Format::Binary } else { Format::Text },
        },
    )
}

fn cells() -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
    vec(option::of(vec(any::<u8>(), 0..40)), 0..30)
}

fn row(cells: &[Option<Vec<u8>>]) -> Vec<u8> {
    let cells: Vec<_> = cells.iter().map(Option::as_deref).collect();
    encode::data_row(&cells)
}

proptest! {
    #[test]
    fn rows_come_back(cells in cells()) {
        let bytes = row(&cells);
        let Ok(Message::DataRow(body)) = decode(&bytes) else { panic!("a row") };
        prop_assert_eq!(data_row::validate(body), Ok(()));
        prop_assert_eq!(data_row::column_count(body).map(usize::from), Ok(cells.len()));
        let found: Result<Vec<_>, _> =
            data_row::Columns::new(body).unwrap().map(|cell| cell.map(|cell| cell.map(<[u8]>::to_vec))).collect();
        prop_assert_eq!(found.as_ref(), Ok(&cells));
        for (index, cell) in (0_u16..).zip(&cells) {
            prop_assert_eq!(data_row::column(body, index), Ok(cell.as_deref()));
        }
    }

    #[test]
    fn rows_cut_anywhere_are_refused(cells in cells(), cut in any::<prop::sample::Index>()) {
        let bytes = row(&cells);
        let body = &bytes[HEADER_LENGTH..];
        prop_assert!(data_row::validate(&body[..cut.index(body.len())]).is_err());
    }

    #[test]
    fn row_descriptions_come_back(columns in vec(column(), 0..20)) {
        let bytes = encode::row_description(&columns);
        prop_assert_eq!(decode(&bytes), Ok(Message::RowDescription(columns)));
    }

    #[test]
    fn error_fields_come_back(fields in vec((1..=u8::MAX, string()), 0..20)) {
        let pairs = fields.iter().map(|(code, value)| (*code, &value[..]));
        let bytes = encode::error_response(&ErrorFields::new(pairs.clone()));
        let Ok(Message::ErrorResponse(decoded)) = decode(&bytes) else { panic!("an error") };
        prop_assert!(decoded.iter().eq(pairs));
    }

    #[test]
    fn arbitrary_bodies_never_panic(
        index in any::<prop::sample::Index>(),
        body in vec(any::<u8>(), 0..200),
    ) {
        // What comes of it is the type's business; that it comes is what is asserted.
        let _ = Message::decode(*index.get(tag::ALL), &body).map(|message| format!("{message:?}"));
        let _ = data_row::column(&body, 3);
        prop_assert_eq!(
            data_row::validate(&body).is_ok(),
            data_row::Columns::new(&body).is_ok_and(|mut columns| columns.all(|cell| cell.is_ok()))
        );
    }

    #[test]
    fn damaged_messages_never_panic(
        sample in any::<prop::sample::Index>(),
        position in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let samples = samples();
        let (mut bytes, _) = sample.get(&samples).clone();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        if let Ok(Some(frame)) = frame::peek(&bytes) {
            let body = frame.body(&bytes).unwrap_or_default();
            if let Ok(Message::DataRow(body)) = Message::decode(frame.tag, body) {
                let _ = data_row::validate(body);
            }
        }
    }

    #[test]
    fn headers_of_arbitrary_bytes_are_plausible_or_refused(bytes in vec(any::<u8>(), 0..12)) {
        match frame::peek(&bytes) {
            Ok(None) => prop_assert!(bytes.len() < HEADER_LENGTH),
            Ok(Some(frame)) => {
                prop_assert!(tag::ALL.contains(&frame.tag));
                prop_assert!((HEADER_LENGTH..=(1 << 30) + 1).contains(&frame.length));
            }
            Err(_) => prop_assert!(bytes.len() >= HEADER_LENGTH),
        }
    }
}
