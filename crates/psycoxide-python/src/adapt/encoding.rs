//! Client encodings: PostgreSQL's names, Python's codecs, and text both ways.
//!
//! UTF-8 is done here; every other encoding goes through Python's codec of that name. `SQL_ASCII`
//! means that the server does not know either: such text is loaded as `bytes`, and strings are sent
//! in UTF-8. See the manual's
//! [character set support](https://www.postgresql.org/docs/current/multibyte.html).

use psycoxide_types::text;
use pyo3::exceptions::PyUnicodeDecodeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::error::{Failure, NotSupportedError, Result};
use crate::raw::string;

/// How text travels in this session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientEncoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// Unknown: loaded as bytes.
    SqlAscii,
    /// Any other, by the name of Python's codec.
    Codec(&'static str),
    /// One without a codec in Python, by PostgreSQL's name's place in the table.
    Unsupported(&'static str),
}

/// PostgreSQL's name of each encoding, in capital letters without punctuation, its official
/// spelling, and the name of Python's codec ("" if Python has none).
const ENCODINGS: [(&str, &str, &str); 41] = [
    ("ABC", "ABC", "cp1258"),
    ("ALT", "ALT", "cp866"),
    ("BIG5", "BIG5", "big5"),
    ("EUCCN", "EUC_CN", "gb2312"),
    ("EUCJIS2004", "EUC_JIS_2004", "euc_jis_2004"),
    ("EUCJP", "EUC_JP", "euc_jp"),
    ("EUCKR", "EUC_KR", "euc_kr"),
    ("EUCTW", "EUC_TW", ""),
    ("GB18030", "GB18030", "gb18030"),
    ("GBK", "GBK", "gbk"),
    ("ISO88595", "ISO_8859_5", "iso8859-5"),
    ("ISO88596", "ISO_8859_6", "iso8859-6"),
    ("ISO88597", "ISO_8859_7", "iso8859-7"),
    ("ISO88598", "ISO_8859_8", "iso8859-8"),
    ("JOHAB", "JOHAB", "johab"),
    ("KOI8R", "KOI8R", "koi8-r"),
    ("KOI8U", "KOI8U", "koi8-u"),
    ("LATIN1", "LATIN1", "iso8859-1"),
    ("LATIN10", "LATIN10", "iso8859-16"),
    ("LATIN2", "LATIN2", "iso8859-2"),
    ("LATIN3", "LATIN3", "iso8859-3"),
    ("LATIN4", "LATIN4", "iso8859-4"),
    ("LATIN5", "LATIN5", "iso8859-9"),
    ("LATIN6", "LATIN6", "iso8859-10"),
    ("LATIN7", "LATIN7", "iso8859-13"),
    ("LATIN8", "LATIN8", "iso8859-14"),
    ("LATIN9", "LATIN9", "iso8859-15"),
    ("MULEINTERNAL", "MULE_INTERNAL", ""),
    ("SHIFTJIS2004", "SHIFT_JIS_2004", "shift_jis_2004"),
    ("SJIS", "SJIS", "shift_jis"),
    ("UHC", "UHC", "cp949"),
    ("WIN1250", "WIN1250", "cp1250"),
    ("WIN1251", "WIN1251", "cp1251"),
    ("WIN1252", "WIN1252", "cp1252"),
    ("WIN1253", "WIN1253", "cp1253"),
    ("WIN1254", "WIN1254", "cp1254"),
    ("WIN1255", "WIN1255", "cp1255"),
    ("WIN1256", "WIN1256", "cp1256"),
    ("WIN1257", "WIN1257", "cp1257"),
    ("WIN1258", "WIN1258", "cp1258"),
    ("WIN866", "WIN866", "cp866"),
];

impl ClientEncoding {
    /// The encoding that PostgreSQL calls so; letter case and punctuation do not count.
    pub fn from_name(name: &str) -> Option<ClientEncoding> {
        let name: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_uppercase())
            .collect();
        match name.as_str() {
            "UTF8" | "UNICODE" => return Some(ClientEncoding::Utf8),
            "SQLASCII" => return Some(ClientEncoding::SqlAscii),
            _ => {}
        }
        let at = ENCODINGS
            .binary_search_by_key(&name.as_str(), |entry| entry.0)
            .ok()?;
        let (_, official, codec) = *ENCODINGS.get(at)?;
        Some(if codec.is_empty() {
            ClientEncoding::Unsupported(official)
        } else {
            ClientEncoding::Codec(codec)
        })
    }

    /// The name of Python's codec, as `ConnectionInfo.encoding` shows it.
    pub fn python_name(self) -> Option<&'static str> {
        match self {
            ClientEncoding::Utf8 => Some("utf-8"),
            ClientEncoding::SqlAscii => Some("ascii"),
            ClientEncoding::Codec(codec) => Some(codec),
            ClientEncoding::Unsupported(_) => None,
        }
    }

    /// The Python object for a text value: `str`, or `bytes` under `SQL_ASCII`.
    #[inline]
    pub fn load<'py>(self, py: Python<'py>, data: &[u8]) -> Result<Bound<'py, PyAny>> {
        match self {
            ClientEncoding::Utf8 => match string::from_utf8(py, data)? {
                Some(text) => Ok(text.into_any()),
                None => Err(invalid(text::invalid_utf8(data, "text"))),
            },
            ClientEncoding::SqlAscii => Ok(PyBytes::new(py, data).into_any()),
            ClientEncoding::Codec(codec) => decode_by_codec(py, codec, data),
            ClientEncoding::Unsupported(name) => Err(unsupported(name)),
        }
    }

    /// The `str` for text that is always text (names, labels, messages).
    pub fn load_str<'py>(self, py: Python<'py>, data: &[u8]) -> Result<Bound<'py, PyString>> {
        let encoding = match self {
            ClientEncoding::SqlAscii => ClientEncoding::Utf8,
            other => other,
        };
        let text = encoding.load(py, data)?;
        text.cast_into()
            .map_err(|error| Failure::Python(error.into()))
    }

    /// Appends a string in this encoding.
    #[inline]
    pub fn dump(self, text: &Bound<'_, PyString>, out: &mut Vec<u8>) -> Result<()> {
        match self {
            ClientEncoding::Utf8 | ClientEncoding::SqlAscii => {
                out.extend_from_slice(text.to_str()?.as_bytes());
            }
            ClientEncoding::Codec(codec) => {
                let bytes = text.call_method1(intern!(text.py(), "encode"), (codec,))?;
                let bytes = bytes.cast_into::<PyBytes>().map_err(PyErr::from)?;
                out.extend_from_slice(bytes.as_bytes());
            }
            ClientEncoding::Unsupported(name) => return Err(unsupported(name)),
        }
        Ok(())
    }
}

#[cold]
fn invalid(error: psycoxide_types::Error) -> Failure {
    Failure::Codec(error)
}

#[cold]
fn unsupported(name: &str) -> Failure {
    Failure::Python(NotSupportedError::new_err(format!(
        "codec not available in Python: {name:?}: set client_encoding to UTF8"
    )))
}

fn decode_by_codec<'py>(
    py: Python<'py>,
    codec: &'static str,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let bytes = PyBytes::new(py, data);
    bytes
        .call_method1(intern!(py, "decode"), (codec,))
        .map_err(|error| {
            if error.is_instance_of::<PyUnicodeDecodeError>(py) {
                Failure::Range(error.value(py).to_string())
            } else {
                Failure::Python(error)
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_known_to_python() {
        assert!(ENCODINGS.is_sorted_by(|a, b| a.0 < b.0));
        Python::initialize();
        Python::attach(|py| {
            let codecs = py.import("codecs").unwrap();
            for (_, _, codec) in ENCODINGS {
                if !codec.is_empty() {
                    codecs.call_method1("lookup", (codec,)).unwrap();
                }
            }
        });
    }

    #[test]
    fn names() {
        for name in ["UTF8", "utf-8", "Unicode"] {
            assert_eq!(ClientEncoding::from_name(name), Some(ClientEncoding::Utf8));
        }
        let latin = ClientEncoding::from_name("latin9").unwrap();
        assert_eq!(latin.python_name(), Some("iso8859-15"));
        assert_eq!(
            ClientEncoding::from_name("sql_ascii")
                .unwrap()
                .python_name(),
            Some("ascii")
        );
        assert_eq!(
            ClientEncoding::from_name("EUC_TW").unwrap().python_name(),
            None
        );
        assert_eq!(ClientEncoding::from_name("klingon"), None);
    }

    #[test]
    fn both_ways() {
        Python::initialize();
        Python::attach(|py| {
            let euro = PyString::new(py, "€");
            let latin = ClientEncoding::Codec("iso8859-15");
            let mut out = Vec::new();
            latin.dump(&euro, &mut out).unwrap();
            assert_eq!(out, b"\xa4");
            assert!(latin.load(py, &out).unwrap().eq(&euro).unwrap());
            assert!(ClientEncoding::Utf8.load(py, b"\xa4").is_err());
            assert!(
                ClientEncoding::Codec("iso8859-1")
                    .dump(&euro, &mut out)
                    .is_err()
            );
            let raw = ClientEncoding::SqlAscii.load(py, b"\xa4").unwrap();
            assert!(raw.is_instance_of::<PyBytes>());
        });
    }
}
