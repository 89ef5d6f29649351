//! Connections that spread over a cluster: the first list, what it may hold, whose fault what is.
//!
//! The servers are scripts, each with one connection after the other. All tests share the registry
//! of the process, so each has a cluster of its own: other contacts, other nodes, at ports that no
//! other test gets, and another name of the universe.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod addresses;
mod counts;
mod faults;
mod finding;
mod lists;
mod stand_in;
#[path = "../support/mod.rs"]
mod support;
