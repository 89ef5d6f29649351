//! JSON to Python objects, with the results of `json.loads`.
//!
//! The parser here knows what servers send and makes the objects directly. At anything else (a
//! lone surrogate, an endless nesting, a syntax error) it gives up without a trace and the whole
//! text goes to `json.loads`, so that odd values and errors are exactly Python's. A hook set with
//! `set_json_loads` replaces both.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyRecursionError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};

use psycoxide_types::json::decode_jsonb_binary;

use super::{LoadContext, objects};
use crate::adapt::codec::JsonMode;
use crate::adapt::error::{Failure, Result};
use crate::raw::string;

/// The function that programs have set to parse JSON, if any.
static LOADS: Mutex<Option<Py<PyAny>>> = Mutex::new(None);

/// Sets the function that parses JSON in the whole process; None for the native parser.
#[pyfunction]
#[pyo3(name = "_set_json_loads")]
pub fn set_json_loads(loads: Option<Py<PyAny>>) {
    let replaced = std::mem::replace(
        &mut *LOADS.lock().unwrap_or_else(PoisonError::into_inner),
        loads,
    );
    drop(replaced);
}

fn hook(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    let loads = LOADS.lock().unwrap_or_else(PoisonError::into_inner);
    loads.as_ref().map(|loads| loads.bind(py).clone())
}

/// The object for a JSON text.
pub fn load<'py>(cx: &mut LoadContext<'_, 'py>, data: &[u8]) -> Result<Bound<'py, PyAny>> {
    let py = cx.py;
    if let Some(hook) = hook(py) {
        return Ok(hook.call1((PyBytes::new(py, data),))?);
    }
    parse(cx, data, false)
}

/// A loader of documents that somebody wants otherwise.
#[derive(Debug)]
pub struct JsonLoader {
    /// Whether a version stands before the text.
    pub has_version: bool,
    /// What becomes of the text.
    pub mode: JsonMode,
}

impl JsonLoader {
    /// The object for a document.
    pub fn load<'py>(
        &self,
        cx: &mut LoadContext<'_, 'py>,
        data: &[u8],
    ) -> Result<Bound<'py, PyAny>> {
        let data = if self.has_version {
            decode_jsonb_binary(data)?
        } else {
            data
        };
        match &self.mode {
            JsonMode::Decimals => parse(cx, data, true),
            JsonMode::Raw => Ok(PyBytes::new(cx.py, data).into_any()),
            JsonMode::Hook(hook) => Ok(hook.bind(cx.py).call1((PyBytes::new(cx.py, data),))?),
        }
    }
}

fn parse<'py>(
    cx: &mut LoadContext<'_, 'py>,
    data: &[u8],
    decimals: bool,
) -> Result<Bound<'py, PyAny>> {
    let py = cx.py;
    if let Ok(text) = simdutf8::basic::from_utf8(data) {
        let mut parser = Parser {
            py,
            text,
            position: 0,
            keys: &mut cx.scratch.keys,
            depth: 0,
            decimals,
        };
        if let Some(value) = parser.document() {
            return Ok(value);
        }
    }
    parse_by_python(py, data, decimals)
}

/// `json.loads`; whatever it refuses is a value that the server should not have sent.
#[cold]
fn parse_by_python<'py>(py: Python<'py>, data: &[u8], decimals: bool) -> Result<Bound<'py, PyAny>> {
    static JSON_LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let loads = JSON_LOADS.get_or_try_init(py, || {
        PyResult::Ok(py.import("json")?.getattr("loads")?.unbind())
    })?;
    let options = PyDict::new(py);
    if decimals {
        options.set_item("parse_float", objects::decimal_class(py)?)?;
    }
    loads
        .bind(py)
        .call((PyBytes::new(py, data),), Some(&options))
        .map_err(|error| {
            if error.is_instance_of::<PyValueError>(py)
                || error.is_instance_of::<PyRecursionError>(py)
            {
                Failure::Range(format!("invalid JSON: {}", error.value(py)))
            } else {
                Failure::Python(error)
            }
        })
}

/// Nesting beyond this goes to Python, which has its own limit.
const MAX_DEPTH: usize = 128;

/// More digits than this may not fit in 64 bits.
const INT64_DIGITS: usize = 18;

struct Parser<'a, 'py> {
    py: Python<'py>,
    text: &'a str,
    /// Invariant: at most the text's length, and not inside of a character.
    position: usize,
    keys: &'a mut KeyCache,
    depth: usize,
    /// Whether numbers with a fraction or an exponent become a `Decimal`.
    decimals: bool,
}

impl<'a, 'py> Parser<'a, 'py> {
    /// The only value of the text.
    fn document(&mut self) -> Option<Bound<'py, PyAny>> {
        self.skip_space();
        let value = self.value()?;
        self.skip_space();
        (self.position == self.text.len()).then_some(value)
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes().get(self.position).copied()
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.position += 1;
        }
    }

    #[inline]
    fn word(&mut self, word: &[u8]) -> Option<()> {
        let end = self.position + word.len();
        if self.bytes().get(self.position..end)? != word {
            return None;
        }
        self.position = end;
        Some(())
    }

    fn value(&mut self) -> Option<Bound<'py, PyAny>> {
        match self.peek()? {
            b'"' => {
                self.position += 1;
                Some(self.string()?.into_any())
            }
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b't' => {
                self.word(b"true")?;
                Some(PyBool::new(self.py, true).to_owned().into_any())
            }
            b'f' => {
                self.word(b"false")?;
                Some(PyBool::new(self.py, false).to_owned().into_any())
            }
            b'n' => {
                self.word(b"null")?;
                Some(self.py.None().into_bound(self.py))
            }
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    fn nested(
        &mut self,
        parse: fn(&mut Self) -> Option<Bound<'py, PyAny>>,
    ) -> Option<Bound<'py, PyAny>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.position += 1;
        let value = parse(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Option<Bound<'py, PyAny>> {
        let object = PyDict::new(self.py);
        self.skip_space();
        if self.peek()? == b'}' {
            self.position += 1;
            return Some(object.into_any());
        }
        loop {
            self.skip_space();
            self.word(b"\"")?;
            let key = self.key()?;
            self.skip_space();
            self.word(b":")?;
            self.skip_space();
            let value = self.value()?;
            object.set_item(key, value).ok()?;
            self.skip_space();
            let separator = self.peek()?;
            self.position += 1;
            match separator {
                b',' => {}
                b'}' => return Some(object.into_any()),
                _ => return None,
            }
        }
    }

    fn array(&mut self) -> Option<Bound<'py, PyAny>> {
        let array = PyList::empty(self.py);
        self.skip_space();
        if self.peek()? == b']' {
            self.position += 1;
            return Some(array.into_any());
        }
        loop {
            self.skip_space();
            array.append(self.value()?).ok()?;
            self.skip_space();
            let separator = self.peek()?;
            self.position += 1;
            match separator {
                b',' => {}
                b']' => return Some(array.into_any()),
                _ => return None,
            }
        }
    }

    /// The rest of a string up to its closing quote, which is passed; true if it has escapes.
    #[inline]
    fn raw_string(&mut self) -> Option<(&'a str, bool)> {
        let start = self.position;
        let mut escaped = false;
        loop {
            let rest = self.bytes().get(self.position..)?;
            // Control characters must be escaped; keys and values are short, so one pass by bytes.
            let at = rest
                .iter()
                .position(|&byte| byte == b'"' || byte == b'\\' || byte < b' ')?;
            self.position += at;
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    // The escaped byte is ASCII or the text is refused later.
                    self.position += 2;
                }
                _ => return None,
            }
        }
        let raw = self.text.get(start..self.position)?;
        self.position += 1;
        Some((raw, escaped))
    }

    fn string(&mut self) -> Option<Bound<'py, PyString>> {
        let (raw, escaped) = self.raw_string()?;
        if escaped {
            return Some(PyString::new(self.py, &unescape(raw)?));
        }
        string::from_utf8(self.py, raw.as_bytes()).ok()?
    }

    fn key(&mut self) -> Option<Bound<'py, PyString>> {
        let (raw, escaped) = self.raw_string()?;
        if escaped {
            return Some(PyString::new(self.py, &unescape(raw)?));
        }
        self.keys.get(self.py, raw)
    }

    fn number(&mut self) -> Option<Bound<'py, PyAny>> {
        let start = self.position;
        if self.peek()? == b'-' {
            self.position += 1;
        }
        let first = self.peek()?;
        let integral = self.digits()?;
        if first == b'0' && integral > 1 {
            return None;
        }
        let mut is_float = false;
        if self.peek() == Some(b'.') {
            is_float = true;
            self.position += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            is_float = true;
            self.position += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.position += 1;
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.position)?;
        if is_float && self.decimals {
            return objects::decimal(self.py, text).ok();
        }
        if is_float {
            return Some(PyFloat::new(self.py, text.parse().ok()?).into_any());
        }
        if integral <= INT64_DIGITS {
            let number: i64 = text.parse().ok()?;
            return Some(number.into_pyobject(self.py).ok()?.into_any());
        }
        self.py.get_type::<PyInt>().call1((text,)).ok()
    }

    /// Passes at least one digit; says how many.
    #[inline]
    fn digits(&mut self) -> Option<usize> {
        let start = self.position;
        while let Some(b'0'..=b'9') = self.peek() {
            self.position += 1;
        }
        (self.position > start).then(|| self.position - start)
    }
}

/// The text that a string with escapes stands for; nothing if an escape is wrong or half a
/// surrogate pair, which Rust's strings cannot hold.
fn unescape(raw: &str) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((run, escape)) = rest.split_once('\\') {
        text.push_str(run);
        let mut letters = escape.chars();
        let letter = letters.next()?;
        rest = letters.as_str();
        text.push(match letter {
            '"' | '\\' | '/' => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = hex_unit(rest)?;
                rest = rest.get(4..)?;
                if (0xd800..0xdc00).contains(&unit) {
                    let low = hex_unit(rest.strip_prefix("\\u")?)?;
                    if !(0xdc00..0xe000).contains(&low) {
                        return None;
                    }
                    rest = rest.get(6..)?;
                    char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))?
                } else {
                    char::from_u32(unit)?
                }
            }
            _ => return None,
        });
    }
    text.push_str(rest);
    Some(text)
}

fn hex_unit(text: &str) -> Option<u32> {
    let digits = text.get(..4)?;
    // `from_str_radix` takes a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

/// Keys of objects seen before: most documents of a column have the same ones.
#[derive(Debug, Default)]
pub struct KeyCache {
    slots: Vec<Option<(Box<str>, Py<PyString>)>>,
}

const KEY_SLOTS: usize = 256;
const LONGEST_KEY: usize = 48;

impl KeyCache {
    #[inline]
    fn get<'py>(&mut self, py: Python<'py>, key: &str) -> Option<Bound<'py, PyString>> {
        if key.len() > LONGEST_KEY {
            return string::from_utf8(py, key.as_bytes()).ok()?;
        }
        if self.slots.is_empty() {
            self.slots.resize_with(KEY_SLOTS, || None);
        }
        let slot = self.slots.get_mut(slot_of(key.as_bytes(), KEY_SLOTS))?;
        if let Some((known, object)) = slot
            && **known == *key
        {
            return Some(object.bind(py).clone());
        }
        let object = string::from_utf8(py, key.as_bytes()).ok()??;
        *slot = Some((key.into(), object.clone().unbind()));
        Some(object)
    }
}

/// A slot for some bytes, in a table of a power of two slots.
#[inline]
pub(super) fn slot_of(bytes: &[u8], slots: usize) -> usize {
    let mut hash = bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    let mut tail = [0u8; 8];
    let rest = chunks.remainder();
    if let Some(target) = tail.get_mut(..rest.len()) {
        target.copy_from_slice(rest);
    }
    hash = (hash.rotate_left(5) ^ u64::from_le_bytes(tail)).wrapping_mul(0x517c_c1b7_2722_0a95);
    (hash >> 40) as usize & (slots - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'py>(py: Python<'py>, text: &str) -> Option<Bound<'py, PyAny>> {
        let mut keys = KeyCache::default();
        let mut parser = Parser {
            py,
            text,
            position: 0,
            keys: &mut keys,
            depth: 0,
            decimals: false,
        };
        parser.document()
    }

    #[test]
    fn like_json_loads() {
        Python::initialize();
        Python::attach(|py| {
            let loads = py.import("json").unwrap().getattr("loads").unwrap();
            for text in [
                "null",
                "true",
                "false",
                "0",
                "-0",
                "-0.0",
                "1",
                "-17",
                "1.5",
                "1e5",
                "1E-7",
                "1e999",
                "12345678901234567890123",
                "999999999999999999",
                "-999999999999999999",
                "1000000000000000000",
                r#""""#,
                r#""a""#,
                r#""é日😀""#,
                r#""\u00e9\n\t\"\\\/\b\f\r""#,
                r#""\ud83d\ude00x""#,
                "[]",
                "[ ]",
                "[1, [2, []], {}]",
                "{}",
                r#"{"a": 1, "b": {"a": [true, null]}}"#,
                r#"{"a": 1, "a": 2}"#,
                " [1 , 2 ]\n",
                r#"{"\u0061": 1}"#,
            ] {
                let found = parse(py, text).unwrap_or_else(|| panic!("{text}"));
                let expected = loads.call1((text,)).unwrap();
                assert_eq!(
                    found.repr().unwrap().to_string(),
                    expected.repr().unwrap().to_string()
                );
            }
        });
    }

    #[test]
    fn gives_up() {
        Python::initialize();
        Python::attach(|py| {
            for text in [
                "",
                " ",
                "nul",
                "tru",
                "NaN",
                "Infinity",
                "-",
                "01",
                "1.",
                "1e",
                ".5",
                "+1",
                "1 2",
                "[1,]",
                "[1",
                "{",
                r#"{"a"}"#,
                r#"{"a":}"#,
                r#"{"a":1,}"#,
                r#"{1:2}"#,
                "\"a",
                "\"\\x\"",
                "\"\\ud800\"",
                "\"\\ud800\\u0041\"",
                "\"\\u12\"",
                "\"\\u+123\"",
                "\"a\nb\"",
                "\"\\",
                "[[",
                "\"\\é\"",
                "\u{a0}1",
            ] {
                assert!(parse(py, text).is_none(), "{text}");
            }
            assert!(parse(py, &"[".repeat(100_000)).is_none());
            let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
            assert!(parse(py, &deep).is_some());
        });
    }

    #[test]
    fn keys_are_shared() {
        Python::initialize();
        Python::attach(|py| {
            let mut keys = KeyCache::default();
            let first = keys.get(py, "name").unwrap();
            assert!(keys.get(py, "name").unwrap().is(&first));
            for number in 0..2000 {
                let key = format!("key{number}");
                assert_eq!(keys.get(py, &key).unwrap().to_str().unwrap(), key);
            }
        });
    }
}
