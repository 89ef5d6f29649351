//! Clusters as the client sees them: it connects, waits and asks, and the policy of
//! `psycoxide-cluster` decides.
//!
//! ```text
//! Balanced (a connect) ── FindCluster ── FetchServers ──▶ yb_servers()
//!      │                      │ the first one in
//!      │                      ▼
//!      │                 background: one thread a cluster ── FetchServers
//!      ▼
//! Member: the connection's place at its node, in `PgConn`
//! ```
//!
//! The rule it guards: no connect waits for a refresh, and nothing here needs Python (but what a
//! program gives as [`AddressMapper`]): the thread goes on while the interpreter is busy, and stops
//! nobody from exiting. What is worth a line in a log is kept in [`notes`] for whoever can write one.

mod background;
mod fault;
mod find;
mod mapper;
mod member;
pub mod notes;
mod options;
mod servers;

use psycoxide_cluster::{Random, Registry};

pub use background::{go_on, rest, wait_refreshed};
pub use find::FindCluster;
pub use mapper::AddressMapper;
pub use member::Member;
pub use options::ClusterOptions;

pub(crate) use background::{attend, know};
pub(crate) use fault::{fault_of, is_of_another_kind, tell};
pub(crate) use find::{Finder, Found, READABLE, wait_for_bell};
pub(crate) use options::endpoint;

/// The clusters of this process.
pub static REGISTRY: Registry = Registry::new(std::process::id);

/// A generator for the decisions of one connect.
pub(crate) fn random() -> Random {
    let mut seed = [0; 8];
    match getrandom::fill(&mut seed) {
        Ok(()) => Random::new(u64::from_ne_bytes(seed)),
        // Choices that could be foreseen are still choices.
        Err(_) => Random::new(std::process::id().into()),
    }
}
