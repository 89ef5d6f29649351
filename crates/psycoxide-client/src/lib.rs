//! Joins machine, transport and conninfo: PgConn, operations, results.
