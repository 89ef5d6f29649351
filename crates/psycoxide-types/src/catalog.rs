//! PostgreSQL's built-in types: names, OIDs, array types, delimiters, what a range ranges over.
//!
//! The table and the constants are generated from a server by `tools/gen_catalog.py`. Types of
//! extensions and users have other OIDs in every database and are not here.
//! <https://www.postgresql.org/docs/current/catalog-pg-type.html>

pub mod oid;
mod table;

use crate::Oid;

/// A built-in type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Type {
    /// The name in `pg_type`, such as `int4`; with quotes where SQL needs them: `"char"`.
    pub name: &'static str,
    /// The OID.
    pub oid: Oid,
    /// The OID of the array type.
    pub array_oid: Oid,
    /// The name in SQL, such as `integer`.
    pub regtype: &'static str,
    /// What separates the elements of an array's text.
    pub delimiter: u8,
    /// What kind of type it is.
    pub kind: Kind,
}

/// Whether a type is made of another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A type of its own.
    Base,
    /// A range.
    Range {
        /// The type of the bounds.
        subtype: Oid,
    },
    /// A multirange.
    Multirange {
        /// The type of the ranges.
        range: Oid,
        /// The type of their bounds.
        subtype: Oid,
    },
}

/// All of them, ordered by OID.
pub fn types() -> &'static [Type] {
    table::TYPES
}

/// The type with an OID.
pub fn by_oid(oid: Oid) -> Option<&'static Type> {
    let index = types().binary_search_by_key(&oid, |known| known.oid).ok()?;
    types().get(index)
}

/// The type of the elements of an array type.
pub fn by_array_oid(oid: Oid) -> Option<&'static Type> {
    types().iter().find(|known| known.array_oid == oid)
}

/// The type with a name, as `pg_type` or as SQL has it.
pub fn by_name(name: &str) -> Option<&'static Type> {
    types()
        .iter()
        .find(|known| known.name == name || known.regtype == name)
}

const fn base(
    name: &'static str,
    oid: Oid,
    array_oid: Oid,
    regtype: &'static str,
    delimiter: u8,
) -> Type {
    Type {
        name,
        oid,
        array_oid,
        regtype,
        delimiter,
        kind: Kind::Base,
    }
}

const fn range(
    name: &'static str,
    oid: Oid,
    array_oid: Oid,
    regtype: &'static str,
    subtype: Oid,
) -> Type {
    Type {
        kind: Kind::Range { subtype },
        ..base(name, oid, array_oid, regtype, b',')
    }
}

const fn multirange(
    name: &'static str,
    oid: Oid,
    array_oid: Oid,
    regtype: &'static str,
    range: Oid,
    subtype: Oid,
) -> Type {
    Type {
        kind: Kind::Multirange { range, subtype },
        ..base(name, oid, array_oid, regtype, b',')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_by_oid() {
        assert!(types().is_sorted_by(|left, right| left.oid < right.oid));
    }

    #[test]
    fn found_by_oid_and_by_name() {
        for known in types() {
            assert_eq!(by_oid(known.oid), Some(known));
            assert_eq!(by_array_oid(known.array_oid), Some(known));
            assert_eq!(by_name(known.name), Some(known));
            assert_eq!(by_name(known.regtype), Some(known));
        }
        assert_eq!(by_oid(oid::UNKNOWN), None);
        assert_eq!(by_name("nothing"), None);
    }

    #[test]
    fn what_everybody_knows() {
        let integer = by_name("integer").unwrap();
        assert_eq!(
            (integer.name, integer.oid, integer.array_oid),
            ("int4", 23, 1007)
        );
        assert_eq!(by_name("\"char\"").unwrap().oid, oid::CHAR);
        assert_eq!(by_name("box").unwrap().delimiter, b';');
        let subtype = oid::DATE;
        assert_eq!(by_name("daterange").unwrap().kind, Kind::Range { subtype });
        let range = oid::DATERANGE;
        let kind = Kind::Multirange { range, subtype };
        assert_eq!(by_name("datemultirange").unwrap().kind, kind);
    }
}
