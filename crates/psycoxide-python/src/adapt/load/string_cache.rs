//! Strings of one column that come again and again.
//!
//! A column of few distinct short values (states, names of kinds) is loaded from a small table of
//! the strings made before. Whether that pays is found out on the way: a column of distinct values
//! gives the table up after a few hundred rows.

use pyo3::prelude::*;

use super::json::slot_of;

/// The longest text that is looked up, in bytes.
const LONGEST: usize = 24;
const SLOTS: usize = 128;
/// So many texts are loaded before there is a table.
const FEW: u32 = 16;
/// After so many look-ups the hits are counted.
const TRIAL: u32 = 256;

#[derive(Debug)]
struct Entry {
    length: u8,
    bytes: [u8; LONGEST],
    object: Py<PyAny>,
}

/// The strings of one column.
#[derive(Debug, Default)]
pub struct StringCache {
    slots: Vec<Option<Entry>>,
    lookups: u32,
    hits: u32,
    off: bool,
}

impl StringCache {
    /// The string for these bytes, made by `make` if it is not there.
    #[inline]
    pub fn get<'py, E>(
        &mut self,
        py: Python<'py>,
        data: &[u8],
        make: impl FnOnce(&[u8]) -> Result<Bound<'py, PyAny>, E>,
    ) -> Result<Bound<'py, PyAny>, E> {
        if self.off || data.len() > LONGEST {
            return make(data);
        }
        self.lookups += 1;
        if self.slots.is_empty() {
            if self.lookups < FEW {
                return make(data);
            }
            self.slots.resize_with(SLOTS, || None);
        }
        if self.lookups == TRIAL {
            if self.hits < TRIAL / 2 {
                self.off = true;
                self.slots = Vec::new();
                return make(data);
            }
            self.lookups = 0;
            self.hits = 0;
        }
        let Some(slot) = self.slots.get_mut(slot_of(data, SLOTS)) else {
            return make(data);
        };
        if let Some(entry) = slot
            && entry.bytes.get(..usize::from(entry.length)) == Some(data)
        {
            self.hits += 1;
            return Ok(entry.object.bind(py).clone());
        }
        let object = make(data)?;
        let mut bytes = [0; LONGEST];
        if let Some(target) = bytes.get_mut(..data.len()) {
            target.copy_from_slice(data);
        }
        *slot = Some(Entry {
            // At most LONGEST.
            length: data.len() as u8,
            bytes,
            object: object.clone().unbind(),
        });
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use pyo3::types::PyString;

    use super::*;

    fn get<'py>(cache: &mut StringCache, py: Python<'py>, text: &str) -> Bound<'py, PyAny> {
        let made = cache.get(py, text.as_bytes(), |data| {
            Ok::<_, Infallible>(PyString::new(py, std::str::from_utf8(data).unwrap()).into_any())
        });
        let Ok(made) = made;
        assert_eq!(made.extract::<String>().unwrap(), text);
        made
    }

    #[test]
    fn few_values_are_shared() {
        Python::initialize();
        Python::attach(|py| {
            let mut cache = StringCache::default();
            for _ in 1..FEW {
                get(&mut cache, py, "new");
                assert!(cache.slots.is_empty());
            }
            let first = get(&mut cache, py, "completed");
            for _ in 0..2000 {
                get(&mut cache, py, "open");
                get(&mut cache, py, "");
            }
            assert!(get(&mut cache, py, "completed").is(&first));
            assert!(!cache.off);
        });
    }

    #[test]
    fn many_values_switch_it_off() {
        Python::initialize();
        Python::attach(|py| {
            let mut cache = StringCache::default();
            for number in 0..1000 {
                get(&mut cache, py, &format!("value {number}"));
            }
            assert!(cache.off);
        });
    }
}
