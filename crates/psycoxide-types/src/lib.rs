//! Values of PostgreSQL's types to bytes and back, text and binary.
