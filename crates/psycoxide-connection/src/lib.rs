//! The connection state machine: bytes in, events and bytes out; no I/O.
