//! An error's text as libpq lays it out: the message, the line of the query, detail and hint.
//!
//! <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQRESULTERRORMESSAGE>

use std::borrow::Cow;
use std::fmt::Write;
use std::io;

use psycoxide_protocol::backend::ErrorFields;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The text of an error report, severity first. `query`: what the position refers to.
pub fn of_fields(fields: &ErrorFields, query: Option<&str>) -> String {
    lay_out(fields, query, true, String::from_utf8_lossy)
}

/// The same, in the encoding that the server has sent it in. `context`: with the call stack.
pub fn bytes_of_fields(fields: &ErrorFields, query: Option<&[u8]>, context: bool) -> Vec<u8> {
    let is_utf8 = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    if fields.iter().all(|(_, value)| is_utf8(value)) && query.is_none_or(is_utf8) {
        let query = query.map(String::from_utf8_lossy);
        return lay_out(fields, query.as_deref(), context, String::from_utf8_lossy).into_bytes();
    }
    // A character for each byte, there and back: the columns are right in encodings of one byte.
    let query = query.map(characters);
    let text = lay_out(fields, query.as_deref(), context, characters);
    text.chars()
        .map(|c| u8::try_from(c).unwrap_or(b'?'))
        .collect()
}

fn characters(bytes: &[u8]) -> Cow<'_, str> {
    Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect())
}

fn lay_out(
    fields: &ErrorFields,
    query: Option<&str>,
    context: bool,
    decode: fn(&[u8]) -> Cow<'_, str>,
) -> String {
    let text = |code| fields.get(code).map(decode);
    let mut out = String::new();
    if let Some(severity) = text(b'S') {
        let _ = write!(out, "{severity}:  ");
    }
    out.push_str(&text(b'M').unwrap_or_default());
    let position = |code| -> Option<usize> { text(code)?.parse().ok() };
    match (position(b'P'), query) {
        (Some(position), Some(query)) => push_line(&mut out, query, position),
        (Some(position), None) => {
            let _ = write!(out, " at character {position}");
        }
        (None, _) => {
            if let (Some(position), Some(query)) = (position(b'p'), text(b'q')) {
                push_line(&mut out, &query, position);
            }
        }
    }
    let labels = [
        (b'D', "DETAIL"),
        (b'H', "HINT"),
        (b'q', "QUERY"),
        (b'W', "CONTEXT"),
    ];
    for (code, label) in labels {
        if code == b'W' && !context {
            continue;
        }
        if let Some(value) = text(code) {
            let _ = write!(out, "\n{label}:  {value}");
        }
    }
    out
}

/// What is said of an error that says nothing.
pub const NO_DETAILS: &str = "no error details available";

/// A message as text; what the codec cannot decode is replaced. An unknown codec counts as UTF-8.
pub fn decode(bytes: &[u8], encoding: &str) -> String {
    if !matches!(encoding, "" | "utf-8" | "utf8") {
        let decoded = Python::attach(|py| {
            PyBytes::new(py, bytes)
                .call_method1("decode", (encoding, "replace"))?
                .extract::<String>()
        });
        if let Ok(text) = decoded {
            return text;
        }
    }
    String::from_utf8_lossy(bytes).into_owned()
}

/// How many characters of the line are shown on either side of the position.
const BEFORE: usize = 50;
const AFTER: usize = 60;

/// The line of the query in which the error is, and a mark below it.
fn push_line(out: &mut String, query: &str, position: usize) {
    let Some(index) = position.checked_sub(1) else {
        return;
    };
    let characters: Vec<char> = query.chars().collect();
    if index > characters.len() {
        return;
    }
    let is_end = |c: &char| matches!(c, '\n' | '\r');
    let start = characters[..index]
        .iter()
        .rposition(is_end)
        .map_or(0, |at| at + 1);
    let end = characters[index..]
        .iter()
        .position(is_end)
        .map_or(characters.len(), |at| index + at);
    let number = characters[..start].iter().filter(|c| **c == '\n').count() + 1;
    let cut_left = index - start > BEFORE;
    let left = if cut_left { index - BEFORE } else { start };
    let cut_right = end - index > AFTER;
    let right = if cut_right { index + AFTER } else { end };
    let mut head = format!("LINE {number}: ");
    if cut_left {
        head.push_str("...");
    }
    let show = |c: &char| if *c == '\t' { ' ' } else { *c };
    let line: String = characters[left..right].iter().map(show).collect();
    let dots = if cut_right { "..." } else { "" };
    let indent = head.chars().count() + (index - left);
    let _ = write!(out, "\n{head}{line}{dots}\n{:indent$}^", "");
}

/// What the system says, without the number that Rust adds.
pub fn io(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}
