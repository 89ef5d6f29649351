//! All clusters of the process, found by their contact hosts or by their identity.
//!
//! The rule it guards: the same cluster is one cluster, whichever of its hosts it was reached by and
//! whoever the user is; and two clusters never share anything. A server that merely *claims* to be of
//! a known cluster changes nothing there: its list is not taken over, the known one is refreshed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHashMap;

use crate::bootstrap::{BootstrapTurn, Entry};
use crate::cluster::Cluster;
use crate::endpoint::sorted;
use crate::fork_local::{ForkLocal, ProcessId};
use crate::merge::{ClusterKey, MergeReport};
use crate::random::Random;
use crate::schedule::Reason;
use crate::snapshot::{Listing, Snapshot};
use crate::state::State;
use crate::{Endpoint, Error};

/// The port of servers that do not tell it.
const DEFAULT_PORT: u16 = 5433;

/// A bound for the contact hosts of one cluster, should a program make up names for ever.
const MAX_CONTACTS: usize = 64;

/// The clusters of a process. The program has one, as a `static`.
#[derive(Debug)]
pub struct Registry {
    process: ProcessId,
    state: ForkLocal<RegistryState>,
}

#[derive(Debug, Default)]
struct RegistryState {
    clusters: Vec<Arc<Cluster>>,
    entries: FxHashMap<Vec<Endpoint>, Arc<Entry>>,
}

/// The outcome of a bootstrap.
#[derive(Clone, Debug)]
pub struct Bootstrapped {
    /// The cluster, perhaps one that was known by other hosts.
    pub cluster: Arc<Cluster>,
    /// What the list changed; nothing when the cluster was known.
    pub report: MergeReport,
    /// Whether the cluster is new here, and wants a background task.
    pub is_new: bool,
}

impl Registry {
    /// An empty registry. `process` gives the number of the process: `std::process::id`.
    pub const fn new(process: ProcessId) -> Self {
        Self {
            process,
            state: ForkLocal::new(),
        }
    }

    /// The way to the cluster behind these hosts. A host that has a fixed address (`hostaddr`) is
    /// given by that.
    pub fn entry(&self, contacts: &[Endpoint]) -> Arc<Entry> {
        let mut state = self.state.lock((self.process)(), RegistryState::default);
        let entry = state.entries.entry(sorted(contacts));
        entry
            .or_insert_with(|| Arc::new(Entry::new(self.process, contacts.to_vec())))
            .clone()
    }

    /// All clusters.
    pub fn clusters(&self) -> Vec<Arc<Cluster>> {
        let state = self.state.lock((self.process)(), RegistryState::default);
        state.clusters.clone()
    }

    /// A contact host gave a list of nodes.
    ///
    /// # Errors
    /// When the list is of no use; others may try after a pause.
    pub fn bootstrapped(
        &self,
        turn: BootstrapTurn,
        snapshot: &Snapshot,
        now: Instant,
        random: &mut Random,
    ) -> Result<Bootstrapped, Error> {
        let port = snapshot.contact.as_ref().map_or(DEFAULT_PORT, |it| it.port);
        let listing = Listing::new(snapshot, port);
        if listing.nodes.is_empty() {
            turn.fail(now, random);
            return Err(Error::NoUsableRow {
                rejected: listing.rejected.len(),
            });
        }
        let key = ClusterKey::of(&listing);
        let lacks_some = |state: &mut State| state.lacks_some_of(&listing);
        let mut report = MergeReport::default();
        let (cluster, is_new) = self.find_or_insert(
            |state| state.is_same(&key, &listing),
            |state| {
                state.default_port = port;
                state.schedule.succeed(now, random);
                state.counters.refreshes += 1;
                report = state.merge(listing.clone(), now)?;
                Ok::<(), Error>(())
            },
        )?;
        if !is_new && cluster.with(lacks_some) {
            cluster.request_refresh(Reason::Asked, now);
        }
        self.settle(turn, &cluster);
        Ok(Bootstrapped {
            cluster,
            report,
            is_new,
        })
    }

    /// A contact host does not know `yb_servers()`: it is plain PostgreSQL, and the configured
    /// hosts are the list of nodes.
    pub fn bootstrapped_static(&self, turn: BootstrapTurn) -> Bootstrapped {
        let contacts = turn.entry().contacts().to_vec();
        let key = ClusterKey::Static(sorted(&contacts));
        let Ok((cluster, is_new)) = self.find_or_insert::<Infallible>(
            |state| state.key.as_ref() == Some(&key),
            |state| {
                state.make_static(&contacts);
                Ok(())
            },
        );
        self.settle(turn, &cluster);
        Bootstrapped {
            cluster,
            report: MergeReport::default(),
            is_new,
        }
    }

    /// Forgets everything. Connections that are open keep working and count nowhere any more.
    pub fn clear(&self) {
        let mut state = self.state.lock((self.process)(), RegistryState::default);
        let entries: Vec<Arc<Entry>> = state.entries.drain().map(|(_, entry)| entry).collect();
        state.clusters.clear();
        drop(state);
        // Whoever still holds an entry finds the way anew.
        entries.iter().for_each(|entry| entry.reset());
    }

    /// Forgets one cluster: another one has taken its place. Whoever connects next asks the
    /// configured hosts.
    pub fn forget(&self, cluster: &Arc<Cluster>) {
        let mut state = self.state.lock((self.process)(), RegistryState::default);
        state.clusters.retain(|known| !Arc::ptr_eq(known, cluster));
        let entries: Vec<Arc<Entry>> = state.entries.values().cloned().collect();
        drop(state);
        let leads_there = |entry: &&Arc<Entry>| entry.leads_to(cluster);
        entries
            .iter()
            .filter(leads_there)
            .for_each(|entry| entry.reset());
    }

    /// The cluster that is the same, or a new one. Both steps under one lock, so that two callers
    /// who found the same new cluster by different hosts do not make two of it.
    fn find_or_insert<E>(
        &self,
        is_same: impl Fn(&State) -> bool,
        fill: impl FnOnce(&mut State) -> Result<(), E>,
    ) -> Result<(Arc<Cluster>, bool), E> {
        let mut state = self.state.lock((self.process)(), RegistryState::default);
        // Nobody is woken under this lock: looking changes nothing, and no one knows the new one.
        let mut clusters = state.clusters.iter();
        if let Some(known) = clusters.find(|cluster| cluster.with(|state| is_same(state))) {
            return Ok((known.clone(), false));
        }
        let cluster = Arc::new(Cluster::new(self.process));
        cluster.with(fill)?;
        state.clusters.push(cluster.clone());
        Ok((cluster, true))
    }

    fn settle(&self, turn: BootstrapTurn, cluster: &Arc<Cluster>) {
        let contacts = turn.entry().contacts().to_vec();
        cluster.with(|state| {
            for contact in contacts {
                let is_known = state
                    .contacts
                    .iter()
                    .any(|known| known.is_same_as(&contact));
                if !is_known && state.contacts.len() < MAX_CONTACTS {
                    state.contacts.push(contact);
                }
            }
        });
        turn.succeed(cluster.clone());
    }
}
