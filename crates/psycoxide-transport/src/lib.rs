//! Sockets, TLS, name resolution and polling: the only system calls.
