//! The number by which the server names a type, a table or another object of its catalog.

/// An object identifier. Zero means "none" or "not known".
///
/// Manual: <https://www.postgresql.org/docs/18/datatype-oid.html>
pub type Oid = u32;
