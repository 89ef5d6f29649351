//! A program that says which address to use in place of one that a cluster announces.
//!
//! It is asked for every row of every list, in whatever thread fetches that: of a connect, or the
//! one behind. The rule it guards: no lock is held while it is asked, and what fails in it stops
//! nobody. It is told once, and the address stays as it was announced.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use psycoxide_cluster::Endpoint;

use super::notes::{Level, Subject, note};

/// Says which address to use in place of one that a cluster announces.
pub trait AddressMapper: fmt::Debug + Send + Sync {
    /// The host and port to connect to; `None` leaves them as they are.
    ///
    /// # Errors
    /// Why it cannot tell, for the log.
    fn map(&self, host: &str, port: u16) -> Result<Option<(String, u16)>, String>;
}

/// The program of one set of options.
#[derive(Debug)]
pub(super) struct Mapper {
    program: Arc<dyn AddressMapper>,
    has_failed: AtomicBool,
}

impl Mapper {
    pub(super) fn new(program: Arc<dyn AddressMapper>) -> Mapper {
        Mapper {
            program,
            has_failed: AtomicBool::new(false),
        }
    }

    /// What it puts in the place of an address, if anything.
    pub(super) fn map(&self, host: &str, port: u16) -> Option<Endpoint> {
        match self.program.map(host, port) {
            Ok(mapped) => mapped.map(|(host, port)| Endpoint::new(host, port)),
            Err(reason) => {
                if !self.has_failed.swap(true, Ordering::AcqRel) && is_new(&reason) {
                    let text = format!(
                        "yb_address_map has no answer for \"{host}\", port {port}, which is used \
                         as it is: {reason}"
                    );
                    note(Subject::Refresh, Level::Warning, text);
                }
                None
            }
        }
    }
}

/// Whether the last failure that was told had another reason: every connect brings options, and so a
/// [`Mapper`], of its own, and most of them the same program.
fn is_new(reason: &str) -> bool {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let mut hasher = DefaultHasher::new();
    reason.hash(&mut hasher);
    let hash = hasher.finish();
    LAST.swap(hash, Ordering::AcqRel) != hash
}
