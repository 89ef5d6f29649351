//! An error's text as libpq lays it out: the message, the line of the query, detail and hint.
//!
//! <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQRESULTERRORMESSAGE>

use std::fmt::Write;
use std::io;

use psycoxide_protocol::backend::ErrorFields;

/// The text of an error report, severity first. `query`: what the position refers to.
pub fn of_fields(fields: &ErrorFields, query: Option<&str>) -> String {
    let text = |code| fields.get(code).map(String::from_utf8_lossy);
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
        if let Some(value) = text(code) {
            let _ = write!(out, "\n{label}:  {value}");
        }
    }
    out
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
