//! Which node next: what a process knows of its clusters, and how it chooses.
//!
//! The crate does *not* connect, wait, read the clock or draw random numbers: time and a seeded
//! [`Random`] are arguments, and what has to be done is returned. It parses nothing but the rows of
//! `yb_servers()`, which come as plain structs.
//!
//! ```text
//! Registry ── one per process, a static
//!  ├─ Entry    the configured hosts of one connection string ──┐ bootstrap, once
//!  └─ Cluster  nodes, counts, breakers, events, metrics ◀──────┘
//!       ├─ Search ─▶ Attempt ─▶ Lease      a connection's way, and its end
//!       └─ RefreshTurn, probe              the background task's work
//! ```
//!
//! # Calling order
//!
//! 1. [`Registry::entry`] with the configured hosts, then [`Entry::begin`]: take the
//!    [`Cluster`], or fetch the first list for everybody ([`Bootstrap::Lead`]), or wait.
//! 2. The leader connects to a configured host, asks `yb_servers()` and tells
//!    [`Registry::bootstrapped`]; without that function [`Registry::bootstrapped_static`]; when no
//!    host can be reached [`BootstrapTurn::fail`]. If [`Bootstrapped::is_new`], it starts the
//!    cluster's background task.
//! 3. With `yb_servers_refresh_interval=0`: [`Cluster::request_refresh`], and wait for
//!    [`Cluster::is_refreshed`], at most [`REFRESH_PATIENCE`].
//! 4. [`Search::next`] until it gives an [`Attempt`]: connect to its endpoint within its allowance.
//! 5. Tell the outcome. [`Attempt::connected`] gives the [`Lease`] that the connection keeps until
//!    its end; after [`Attempt::failed`] go on with step 4 if [`Fault::tries_next`], else raise.
//!    [`classify`] knows whose fault an SQLSTATE is; what goes wrong before a server can answer is
//!    the node's ([`Fault::Node`]), unless it is a rejected certificate, or local
//!    ([`Fault::Client`]).
//! 6. The connection ends: drop the lease, or [`Lease::lost`] if it was found broken.
//!
//! The background task sleeps until [`Cluster::next_refresh`] or [`Cluster::next_probe`] (waking on
//! [`Topic::Schedule`]), then asks for the list ([`Cluster::begin_refresh`]) or tries a node that
//! was down ([`Cluster::probe`]).
//!
//! ```
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//! use psycoxide_cluster::*;
//!
//! static REGISTRY: Registry = Registry::new(std::process::id);
//!
//! let (mut random, now) = (Random::new(42), Instant::now());
//! let contact = Endpoint::new("127.0.0.1", 5433);
//! let entry = REGISTRY.entry(&[contact.clone()]);
//! let cluster = match entry.begin(now, Duration::from_secs(5)) {
//!     Bootstrap::Lead(turn) => {
//!         // select * from yb_servers(), on a connection to the contact
//!         let row = |host: &str| ServerRow {
//!             host: Some(host.to_owned()),
//!             port: Some(5433),
//!             ..ServerRow::default()
//!         };
//!         let snapshot = Snapshot {
//!             rows: vec![row("127.0.0.1"), row("127.0.0.2"), row("127.0.0.3")],
//!             contact: Some(contact),
//!             peer: None,
//!         };
//!         REGISTRY.bootstrapped(turn, &snapshot, now, &mut random)?.cluster
//!     }
//!     _ => unreachable!("nobody else is here"),
//! };
//!
//! let options = Arc::new(Options::default());
//! let mut leases = Vec::new();
//! for _ in 0..12 {
//!     let mut search = Search::new(options.clone(), now, Some(Duration::from_secs(9)));
//!     let Next::Attempt(attempt) = search.next(&cluster, now, &mut random)? else {
//!         unreachable!("all nodes are there and nobody else connects");
//!     };
//!     assert!(attempt.allowance() <= Some(Duration::from_secs(3)));
//!     // … connect to attempt.endpoint() …
//!     leases.push(attempt.connected(now));
//! }
//! assert!(cluster.nodes(now).iter().all(|node| node.live == 4));
//! drop(leases);
//! assert!(cluster.nodes(now).iter().all(|node| node.live == 0));
//! # Ok::<(), Error>(())
//! ```

mod bootstrap;
mod breaker;
mod budget;
mod candidates;
mod cluster;
mod endpoint;
mod error;
mod events;
mod fault;
mod fork_local;
mod latency;
mod lease;
mod line;
mod merge;
mod metrics;
mod node;
mod options;
mod policy;
mod random;
mod refresh;
mod registry;
mod schedule;
mod search;
mod snapshot;
mod state;
mod topology;
mod wakers;

use std::time::Duration;

pub use bootstrap::{Bootstrap, BootstrapTurn, Entry};
pub use breaker::{BreakerState, SOFT_PENALTY};
pub use budget::attempt_share;
pub use cluster::{Attachment, Cluster, RefreshTicket};
pub use endpoint::Endpoint;
pub use error::Error;
pub use events::{Event, EventKind, Events};
pub use fault::{Fault, classify};
pub use fork_local::ProcessId;
pub use lease::{Attempt, Lease};
pub use merge::{ClusterKey, MergeReport};
pub use metrics::{Counters, Metrics, NodeStatus};
pub use node::{AddressKind, NodeId, NodeInfo, NodeType, Placement};
pub use options::{LoadBalance, Options, Policy, PublicIp};
pub use random::Random;
pub use refresh::{ControlTarget, RefreshTurn};
pub use registry::{Bootstrapped, Registry};
pub use schedule::{Due, Reason};
pub use search::{Next, Search};
pub use snapshot::{Rejected, RejectedReason, ServerRow, Snapshot};
pub use topology::{TopologyKey, TopologyKeys};
pub use wakers::Topic;

/// How long a connect waits for the refresh it asked for, with `yb_servers_refresh_interval=0`.
pub const REFRESH_PATIENCE: Duration = Duration::from_millis(250);
