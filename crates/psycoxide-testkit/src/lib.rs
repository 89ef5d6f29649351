//! For tests: a scripted server and in-memory links.
//!
//! A [`Script`] is a list of steps from the server's point of view: what it expects, what it sends and
//! how it cuts it up, when it closes. [`Player`] plays it without I/O; [`Link`] joins a player to a
//! client under test in memory; [`Server`] plays scripts to real sockets, at ports that [`listen`] gives
//! to one test alone.
//!
//! [`backend`] encodes the server's messages, the counterpart of `psycoxide_protocol::backend`.
//!
//! The crate takes nothing from a network that is not the loopback, and no other crate depends on it
//! but for tests. A script that is not kept to panics or returns a [`Mismatch`] that says where.

pub mod backend;

mod link;
mod listen;
mod player;
mod script;
mod server;

pub use link::Link;
pub use listen::listen;
pub use player::{Action, Mismatch, Player};
pub use script::{Script, Step};
pub use server::Server;
