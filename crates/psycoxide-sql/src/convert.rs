//! Conversion for server-side binding: `%s` becomes `$1`.
//!
//! Positional placeholders are numbered as they come; a named one has the number of its first use,
//! so that its value is sent once. See "Passing parameters to SQL queries" of the psycopg manual
//! and [`Bind`](https://www.postgresql.org/docs/current/protocol-message-formats.html).

use crate::Error;
use crate::scan::{ParameterFormat, Scanner, Token};
use std::collections::HashMap;

/// How many parameters a `Bind` message can count: its field is 16 bits wide.
pub const MAX_PARAMETERS: usize = 65_535;

/// A query for server-side binding. Independent of values: worth keeping for the next execution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// The query with `$1` … `$n` and single `%`.
    pub template: Vec<u8>,
    /// The requested format of each parameter, `$1` first.
    pub formats: Vec<ParameterFormat>,
    /// The name of each parameter, in order of first use; `None` if the query has no named ones.
    pub names: Option<Vec<String>>,
    /// For each placeholder, in order of the text, the index (from 0) of its parameter.
    pub placeholders: Vec<usize>,
}

impl Converted {
    /// Checks that a sequence of `count` parameters suits the query.
    ///
    /// # Errors
    /// [`Error::MappingRequired`] if the query has names, [`Error::CountMismatch`].
    pub fn check_sequence(&self, count: usize) -> Result<(), Error> {
        check_sequence(self.names.as_deref(), self.formats.len(), count)
    }

    /// Checks that a mapping of parameters suits the query; `has` says whether it holds a name.
    ///
    /// # Errors
    /// [`Error::SequenceRequired`] if the query has positional placeholders,
    /// [`Error::MissingParameters`].
    pub fn check_mapping(&self, has: impl FnMut(&str) -> bool) -> Result<(), Error> {
        check_mapping(self.names.as_deref(), self.formats.len(), has)
    }
}

/// Converts a query whose names are UTF-8.
///
/// # Errors
/// Anything but a mismatch between query and values, see [`Error`].
pub fn convert(query: &[u8]) -> Result<Converted, Error> {
    convert_with(query, decode_utf8)
}

/// Converts a query in another encoding: `decode` reads names, and answers `None` to those it
/// cannot read.
///
/// # Errors
/// As [`convert`].
pub fn convert_with(
    query: &[u8],
    decode: impl FnMut(&[u8]) -> Option<String>,
) -> Result<Converted, Error> {
    // A `$n` is seldom longer than what it stands for; room for a few that are.
    const SPARE: usize = 16;
    let mut template = Vec::with_capacity(query.len() + SPARE);
    let mut parameters = Parameters::new(decode);
    for token in Scanner::new(query) {
        match token? {
            Token::Text(text) => template.extend_from_slice(text),
            Token::Placeholder { name, format } => {
                let index = parameters.add(name, format)?;
                template.push(b'$');
                template.extend_from_slice(itoa::Buffer::new().format(index + 1).as_bytes());
            }
        }
    }
    if let Some(name) = parameters.conflict.take() {
        return Err(Error::DifferentFormats { name });
    }
    let count = parameters.formats.len();
    if count > MAX_PARAMETERS {
        return Err(Error::TooManyParameters { count });
    }
    Ok(Converted {
        template,
        formats: parameters.formats,
        names: parameters.names,
        placeholders: parameters.placeholders,
    })
}

/// Numbers the parameters of a query while it is read.
pub(crate) struct Parameters<'a, D> {
    decode: D,
    index_of: HashMap<&'a [u8], usize>,
    pub(crate) formats: Vec<ParameterFormat>,
    pub(crate) names: Option<Vec<String>>,
    pub(crate) placeholders: Vec<usize>,
    /// The first name that was used with different formats.
    pub(crate) conflict: Option<String>,
}

impl<'a, D: FnMut(&[u8]) -> Option<String>> Parameters<'a, D> {
    pub(crate) fn new(decode: D) -> Self {
        Self {
            decode,
            index_of: HashMap::new(),
            formats: Vec::new(),
            names: None,
            placeholders: Vec::new(),
            conflict: None,
        }
    }

    /// The index of the parameter of the next placeholder.
    pub(crate) fn add(
        &mut self,
        name: Option<&'a [u8]>,
        format: ParameterFormat,
    ) -> Result<usize, Error> {
        let index = match name {
            None => {
                self.formats.push(format);
                self.formats.len() - 1
            }
            Some(name) => self.add_named(name, format)?,
        };
        self.placeholders.push(index);
        Ok(index)
    }

    fn add_named(&mut self, name: &'a [u8], format: ParameterFormat) -> Result<usize, Error> {
        if let Some(&index) = self.index_of.get(name) {
            if self.conflict.is_none() && self.formats.get(index) != Some(&format) {
                self.conflict = self.names.as_ref().and_then(|n| n.get(index).cloned());
            }
            return Ok(index);
        }
        let decoded = (self.decode)(name).ok_or_else(|| Error::UndecodableName {
            name: String::from_utf8_lossy(name).into_owned(),
        })?;
        let index = self.formats.len();
        self.index_of.insert(name, index);
        self.formats.push(format);
        self.names.get_or_insert_default().push(decoded);
        Ok(index)
    }
}

pub(crate) fn decode_utf8(name: &[u8]) -> Option<String> {
    std::str::from_utf8(name).ok().map(str::to_owned)
}

pub(crate) fn check_sequence(
    names: Option<&[String]>,
    placeholders: usize,
    parameters: usize,
) -> Result<(), Error> {
    if placeholders != parameters {
        return Err(Error::CountMismatch {
            placeholders,
            parameters,
        });
    }
    match names {
        Some(_) => Err(Error::MappingRequired),
        None => Ok(()),
    }
}

pub(crate) fn check_mapping(
    names: Option<&[String]>,
    placeholders: usize,
    mut has: impl FnMut(&str) -> bool,
) -> Result<(), Error> {
    let Some(names) = names else {
        // Without placeholders there is nothing to look up: any mapping will do.
        return match placeholders {
            0 => Ok(()),
            _ => Err(Error::SequenceRequired),
        };
    };
    let mut missing: Vec<String> = names.iter().filter(|name| !has(name)).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    missing.sort_unstable();
    Err(Error::MissingParameters { names: missing })
}

#[cfg(test)]
mod tests;
