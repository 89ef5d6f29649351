//! `hstore` to a dictionary of strings.
//!
//! See the manual's [hstore](https://www.postgresql.org/docs/current/hstore.html).

use psycoxide_types::{Format, hstore};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::LoadContext;
use crate::adapt::error::Result;

/// The dictionary; NULL is None.
pub fn load<'py>(
    cx: &mut LoadContext<'_, 'py>,
    format: Format,
    data: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let py = cx.py;
    let encoding = cx.session.encoding;
    let pairs = PyDict::new(py);
    match format {
        Format::Text => {
            let (mut key_buffer, mut value_buffer) = (Vec::new(), Vec::new());
            for pair in hstore::decode_text(data) {
                let (key, value) = pair?;
                let key = encoding.load_str(py, key.unescape(&mut key_buffer))?;
                let value = value
                    .map(|value| encoding.load_str(py, value.unescape(&mut value_buffer)))
                    .transpose()?;
                pairs.set_item(key, value)?;
            }
        }
        Format::Binary => {
            for pair in hstore::decode_binary(data)? {
                let (key, value) = pair?;
                let key = encoding.load_str(py, key)?;
                let value = value
                    .map(|value| encoding.load_str(py, value))
                    .transpose()?;
                pairs.set_item(key, value)?;
            }
        }
    }
    Ok(pairs.into_any())
}
