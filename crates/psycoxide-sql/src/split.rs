//! Conversion for client-side binding: a query cut at its placeholders, to be joined by literals.
//!
//! The same rules as for server-side binding, but a name may be used with several formats (a
//! literal has none) and there is no limit to the number of parameters.

use crate::Error;
use crate::convert::{Parameters, check_mapping, check_sequence, decode_utf8};
use crate::scan::{ParameterFormat, Scanner, Token};

/// A query for client-side binding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The text without its placeholders, with single `%`.
    text: Vec<u8>,
    /// For each placeholder where in `text` it stood, and the index of its parameter; ascending.
    cuts: Vec<(usize, usize)>,
    /// The format of each parameter, as its first placeholder asked for it.
    pub formats: Vec<ParameterFormat>,
    /// The name of each parameter, in order of first use; `None` if the query has no named ones.
    pub names: Option<Vec<String>>,
}

impl Split {
    /// The number of parameters.
    pub fn parameter_count(&self) -> usize {
        self.formats.len()
    }

    /// For each placeholder, in order of the text, the index (from 0) of its parameter.
    pub fn placeholders(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.cuts.iter().map(|&(_, parameter)| parameter)
    }

    /// The text around the placeholders: one part more than there are placeholders.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.cuts.iter().map(|cut| cut.0));
        let ends = self.cuts.iter().map(|cut| cut.0);
        starts
            .zip(ends.chain(std::iter::once(self.text.len())))
            .map(|(start, end)| self.text.get(start..end).unwrap_or_default())
    }

    /// Appends the query to `out`; `literal(index, out)` appends the literal of a parameter.
    ///
    /// # Errors
    /// What `literal` returns; `out` then holds a part of the query.
    pub fn assemble<E>(
        &self,
        out: &mut Vec<u8>,
        mut literal: impl FnMut(usize, &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        out.reserve(self.text.len());
        let mut placeholders = self.placeholders();
        for part in self.parts() {
            out.extend_from_slice(part);
            if let Some(parameter) = placeholders.next() {
                literal(parameter, out)?;
            }
        }
        Ok(())
    }

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

/// Cuts a query whose names are UTF-8.
///
/// # Errors
/// Anything but a mismatch between query and values, see [`Error`].
///
/// ```
/// let query = psycoxide_sql::split(b"select %s, '100%%', %s").unwrap();
/// let mut bound = Vec::new();
/// query
///     .assemble(&mut bound, |index, out| {
///         out.extend_from_slice([&b"1"[..], b"'a'"][index]);
///         Ok::<(), std::convert::Infallible>(())
///     })
///     .unwrap();
/// assert_eq!(bound, b"select 1, '100%', 'a'");
/// ```
pub fn split(query: &[u8]) -> Result<Split, Error> {
    split_with(query, decode_utf8)
}

/// Cuts a query in another encoding: `decode` reads names, and answers `None` to those it cannot
/// read.
///
/// # Errors
/// As [`split`].
pub fn split_with(
    query: &[u8],
    decode: impl FnMut(&[u8]) -> Option<String>,
) -> Result<Split, Error> {
    let mut text = Vec::with_capacity(query.len());
    let mut cuts = Vec::new();
    let mut parameters = Parameters::new(decode);
    for token in Scanner::new(query) {
        match token? {
            Token::Text(part) => text.extend_from_slice(part),
            Token::Placeholder { name, format } => {
                cuts.push((text.len(), parameters.add(name, format)?));
            }
        }
    }
    Ok(Split {
        text,
        cuts,
        formats: parameters.formats,
        names: parameters.names,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert;
    use proptest::prelude::*;

    #[test]
    fn parts_surround_placeholders() {
        let query = split(b"%s and %s").unwrap();
        let parts: Vec<&[u8]> = query.parts().collect();
        assert_eq!(parts, [&b""[..], b" and ", b""]);
        let query = split(b"select 1").unwrap();
        assert_eq!(query.parts().collect::<Vec<_>>(), [b"select 1"]);
        assert_eq!(query.parameter_count(), 0);
    }

    #[test]
    fn a_name_may_have_several_formats() {
        let query = split(b"%(a)s %(a)b").unwrap();
        assert_eq!(query.placeholders().collect::<Vec<_>>(), [0, 0]);
        assert_eq!(query.formats, [ParameterFormat::Auto]);
    }

    #[test]
    fn literals_may_hold_percents_and_errors_come_through() {
        let query = split(b"a %s %(").unwrap_err();
        assert!(matches!(query, Error::IncompletePlaceholder { .. }));
        let query = split(b"a %s b %s").unwrap();
        let mut out = b"> ".to_vec();
        let result = query.assemble(&mut out, |index, out| {
            out.extend_from_slice(b"'%s'");
            if index == 1 { Err("no") } else { Ok(()) }
        });
        assert_eq!(result, Err("no"));
        assert_eq!(out, b"> a '%s' b '%s'");
    }

    #[test]
    fn there_is_no_limit_to_literals() {
        let query = "%s".repeat(crate::MAX_PARAMETERS + 1);
        assert_eq!(split(query.as_bytes()).unwrap().parameter_count(), 65_536);
    }

    proptest! {
        #[test]
        fn both_bindings_agree(query in "[%()sa \n]{0,24}") {
            let server = convert(query.as_bytes());
            let client = split(query.as_bytes());
            prop_assert_eq!(server.is_ok(), client.is_ok());
            let (Ok(server), Ok(client)) = (server, client) else { return Ok(()) };
            let mut bound = Vec::new();
            client
                .assemble(&mut bound, |index, out| {
                    out.extend_from_slice(format!("${}", index + 1).as_bytes());
                    Ok::<(), std::convert::Infallible>(())
                })
                .unwrap();
            prop_assert_eq!(bound, server.template);
            prop_assert_eq!(client.names.clone(), server.names);
        }
    }
}
