//! For tests: a scripted server and in-memory links.
