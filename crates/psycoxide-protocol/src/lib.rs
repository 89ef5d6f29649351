//! Messages of the PostgreSQL frontend/backend protocol, version 3: bytes and nothing else.
