//! Values of every type, in both formats.

use psycoxide_protocol::data_row as rows;
use psycoxide_types::array::Token;
use psycoxide_types::date::DateStyle;
use psycoxide_types::{
    Extended, array as arrays, bytea, composite, copy as copies, date, float, hstore, integer,
    interval, json, multirange, network, numeric as numerics, range, text, time,
    timestamp as stamps, uuid,
};

/// The body of a row: the ways to read it agree.
pub fn data_row(data: &[u8]) {
    let Ok(columns) = rows::Columns::new(data) else {
        assert!(rows::validate(data).is_err());
        return;
    };
    let cells: Result<Vec<_>, _> = columns.collect();
    assert_eq!(cells.is_ok(), rows::validate(data).is_ok());
    if let Ok(cells) = cells {
        assert_eq!(rows::column_count(data).map(usize::from), Ok(cells.len()));
        for (index, cell) in (0u16..).zip(&cells) {
            assert_eq!(rows::column(data, index).as_ref(), Ok(cell));
        }
    }
    for index in [0, 1, u16::MAX] {
        let _ = rows::column(data, index);
    }
}

/// Arrays in text and binary; and a list made of the bytes comes back.
pub fn array(data: &[u8]) {
    for delimiter in *b",;" {
        if let Ok(tokens) = arrays::decode_text(data, delimiter) {
            let _ = tokens.lower_bounds();
            // A piece takes a byte at least, so the end is near.
            assert!(tokens.take(data.len() + 2).count() <= data.len() + 1);
        }
    }
    if let Ok(found) = arrays::decode_binary(data) {
        assert!(found.element_count() * 4 <= data.len());
        assert!(found.dimensions().len() <= 6);
        let _ = found.elements().count();
    }
    let elements: Vec<Option<&[u8]>> = data
        .split(|byte| *byte == 0)
        .map(|part| (part != b"\xff").then_some(part))
        .collect();
    let mut written = vec![b'{'];
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            written.push(b',');
        }
        arrays::encode_text_element(*element, b',', &mut written);
    }
    written.push(b'}');
    let mut found = Vec::new();
    for token in arrays::decode_text(&written, b',').expect("what was written is read") {
        match token.expect("what was written is read") {
            Token::Begin | Token::End => {}
            Token::Null => found.push(None),
            Token::Element(element) => {
                let mut value = Vec::new();
                element.unescape_into(&mut value);
                found.push(Some(value));
            }
        }
    }
    let found: Vec<Option<&[u8]>> = found.iter().map(Option::as_deref).collect();
    assert_eq!(found, elements);
}

/// Numbers of any size: binary to text and back.
pub fn numeric(data: &[u8]) {
    if let Ok(found) = numerics::decode_binary(data) {
        // Once through the encoder, zeroes in front that no server sends are gone.
        if let Some(once) = again(&written(found)) {
            assert!(again(&once) == Some(once));
        }
    }
    if let Ok(found) = numerics::decode_text(data) {
        let mut encoded = Vec::new();
        let _ = numerics::encode_binary(found, &mut encoded);
        let _ = numerics::encode_text(found, &mut encoded);
    }
}

fn written(number: numerics::Numeric<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    number.write_text(&mut text);
    text
}

/// The text of a number, encoded and decoded.
fn again(text: &[u8]) -> Option<Vec<u8>> {
    let text = numerics::decode_text(text).expect("what was written is read");
    let mut encoded = Vec::new();
    numerics::encode_binary(text, &mut encoded).ok()?;
    let number = numerics::decode_binary(&encoded).expect("what was encoded is decoded");
    Some(written(number))
}

/// Dates, times and intervals.
pub fn timestamp(data: &[u8]) {
    let style = DateStyle::default();
    for name in [
        &b"ISO, MDY"[..],
        b"SQL, DMY",
        b"Postgres, MDY",
        b"German, DMY",
    ] {
        let style = DateStyle::from_parameter(name).expect("a style of the server");
        let _ = stamps::decode_timestamp_text(data, style);
        let _ = stamps::decode_timestamptz_text(data, style);
        let _ = date::decode_text(data, style);
    }
    if let Ok(found) = stamps::decode_timestamp_text(data, style) {
        let mut written = Vec::new();
        stamps::encode_timestamp_text(found, &mut written);
        assert_eq!(stamps::decode_timestamp_text(&written, style), Ok(found));
    }
    if let Ok(found) = stamps::decode_timestamptz_text(data, style) {
        let mut written = Vec::new();
        stamps::encode_timestamptz_text(found, &mut written);
        assert_eq!(stamps::decode_timestamptz_text(&written, style), Ok(found));
    }
    if let Ok(found) = stamps::decode_binary(data) {
        let mut encoded = Vec::new();
        let finite = matches!(found, Extended::Finite(_));
        if stamps::encode_timestamp_binary(found, &mut encoded).is_ok() {
            assert!(encoded.ends_with(data), "{finite}");
        }
    }
    if let Ok(found) = date::decode_text(data, style) {
        let mut written = Vec::new();
        date::encode_text(found, &mut written);
        assert_eq!(date::decode_text(&written, style), Ok(found));
    }
    let _ = date::decode_binary(data);
    if let Ok(found) = time::decode_time_binary(data) {
        let mut written = Vec::new();
        time::encode_time_text(&found, &mut written);
        assert_eq!(time::decode_time_text(&written), Ok(found));
    }
    if let Ok(found) = time::decode_timetz_binary(data) {
        let mut written = Vec::new();
        time::encode_timetz_text(&found, &mut written);
        assert_eq!(time::decode_timetz_text(&written), Ok(found));
    }
    let _ = time::decode_time_text(data);
    let _ = time::decode_timetz_text(data);
    let _ = interval::decode_text(data);
    if let Ok(found) = interval::decode_binary(data) {
        let mut written = Vec::new();
        interval::encode_text(&found, &mut written);
        assert_eq!(interval::decode_text(&written), Ok(found));
    }
}

/// The other types without parts.
pub fn scalar(data: &[u8]) {
    if let Ok(found) = integer::decode_i64_text(data) {
        let mut written = Vec::new();
        integer::encode_text(found, &mut written);
        assert_eq!(integer::decode_i64_text(&written), Ok(found));
    }
    let _ = integer::decode_int2_binary(data);
    let _ = integer::decode_int4_binary(data);
    let _ = integer::decode_int8_binary(data);
    let _ = integer::decode_oid_binary(data);
    let _ = float::decode_float4_binary(data);
    for found in [float::decode_text(data), float::decode_float8_binary(data)]
        .into_iter()
        .flatten()
    {
        // What is written is Python's form, which differs from the server's where it is not finite.
        if found.is_finite() {
            let mut written = Vec::new();
            float::encode_text(found, &mut written);
            assert_eq!(float::decode_text(&written), Ok(found));
        }
    }
    if let Ok(found) = uuid::decode_text(data) {
        let mut written = Vec::new();
        uuid::encode_text(&found, &mut written);
        assert_eq!(uuid::decode_text(&written), Ok(found));
    }
    let mut written = Vec::new();
    bytea::encode_text(data, &mut written);
    assert_eq!(bytea::decode_text(&written).as_deref(), Ok(data));
    let _ = bytea::decode_text(data);
    let _ = text::decode(data);
    let _ = json::decode_jsonb_binary(data);
    for found in [
        network::decode_inet_text(data),
        network::decode_cidr_text(data),
        network::decode_inet_binary(data),
    ]
    .into_iter()
    .flatten()
    {
        let mut written = Vec::new();
        network::encode_inet_binary(&found, &mut written);
        assert_eq!(network::decode_inet_binary(&written), Ok(found));
    }
    let _ = network::decode_macaddr_text(data);
    let _ = network::decode_macaddr8_text(data);
    let _ = network::decode_macaddr_binary(data);
    let _ = network::decode_macaddr8_binary(data);
}

/// The types made of others.
pub fn nested(data: &[u8]) {
    assert!(composite::decode_text(data).count() <= data.len() + 2);
    if let Ok(fields) = composite::decode_binary(data) {
        assert!(fields.count() <= data.len());
    }
    assert!(hstore::decode_text(data).count() <= data.len() + 1);
    if let Ok(pairs) = hstore::decode_binary(data) {
        assert!(pairs.count() <= data.len());
    }
    let _ = range::decode_text(data);
    if let Ok(found) = range::decode_binary(data) {
        let mut encoded = Vec::new();
        range::encode_binary(&found, &mut encoded).expect("it fitted before");
        assert_eq!(range::decode_binary(&encoded), Ok(found));
    }
    assert!(multirange::decode_text(data).count() <= data.len() + 1);
    if let Ok(ranges) = multirange::decode_binary(data) {
        assert!(ranges.count() <= data.len());
    }
}

/// Rows of COPY.
pub fn copy(data: &[u8]) {
    let mut scratch = Vec::new();
    for field in copies::text::decode_row(data).flatten() {
        let _ = field.unescape(&mut scratch).len();
    }
    if let Ok(rest) = copies::binary::decode_header(data) {
        assert!(rest.len() < data.len());
    }
    if let Ok(Some(fields)) = copies::binary::decode_row(data) {
        assert!(fields.count() <= data.len());
    }
    let fields: Vec<&[u8]> = data.split(|byte| *byte == 0).collect();
    let mut written = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            written.push(b'\t');
        }
        copies::text::encode_field(Some(field), &mut written);
    }
    let found: Vec<Vec<u8>> = copies::text::decode_row(&written)
        .map(|field| {
            let mut value = Vec::new();
            field.expect("no field was NULL").unescape_into(&mut value);
            value
        })
        .collect();
    assert_eq!(found, fields);
}
