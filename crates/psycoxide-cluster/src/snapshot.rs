//! What `yb_servers()` said, made safe.
//!
//! The rule it guards: whatever a server answers (columns missing, rows twice, ports out of range,
//! names with a slash, a million rows), the result is a bounded list of places that can at least be
//! tried, and what was left out is told.

use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::Endpoint;
use crate::node::{AddressKind, NodeType, Placement};

/// More nodes than the largest clusters have; rows beyond are ignored.
const MAX_NODES: usize = 2048;

/// The longest name of a host; anything longer, of a placement too, is nonsense.
const MAX_NAME: usize = 255;

/// A row of `yb_servers()`, its columns read by name. A column that is missing, or NULL, is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerRow {
    /// The address inside the cluster.
    pub host: Option<String>,
    /// The port.
    pub port: Option<i64>,
    /// `primary` or `read_replica`.
    pub node_type: Option<String>,
    /// The cloud provider.
    pub cloud: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The zone.
    pub zone: Option<String>,
    /// The address for those outside.
    pub public_ip: Option<String>,
    /// The tserver's identity.
    pub uuid: Option<String>,
    /// The cluster's identity.
    pub universe_uuid: Option<String>,
    /// What `yb_address_map` puts in place of the host and port; filled in by the caller.
    pub mapped: Option<Endpoint>,
}

/// The answer of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The rows.
    pub rows: Vec<ServerRow>,
    /// The configured host that was asked; none when a node was asked that was known before.
    pub contact: Option<Endpoint>,
    /// The address the contact's name led to.
    pub peer: Option<IpAddr>,
}

/// A row that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Which row, from 0.
    pub row: usize,
    /// Why.
    pub reason: RejectedReason,
}

/// Why a row was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectedReason {
    /// There is no host, or it is not a name or an address.
    Host,
    /// The port is not between 1 and 65535.
    Port,
    /// The node, or the place, was there already.
    Duplicate,
    /// There are too many.
    TooMany,
}

/// A row that makes sense.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) uuid: Option<Arc<str>>,
    pub(crate) private: Endpoint,
    pub(crate) public: Option<Endpoint>,
    pub(crate) mapped: Option<Endpoint>,
    pub(crate) placement: Placement,
    pub(crate) node_type: NodeType,
}

/// A snapshot that makes sense.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    pub(crate) universe: Option<Arc<str>>,
    pub(crate) nodes: Vec<Listed>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) address_kind: Option<AddressKind>,
}

impl Listing {
    /// Checks a snapshot. `default_port` is for the time before the function told the port.
    pub(crate) fn new(snapshot: &Snapshot, default_port: u16) -> Self {
        let mut listing = Listing::default();
        let mut uuids = FxHashSet::default();
        let mut places = FxHashSet::default();
        for (row, server) in snapshot.rows.iter().enumerate() {
            if listing.nodes.len() >= MAX_NODES {
                let reason = RejectedReason::TooMany;
                listing.rejected.push(Rejected { row, reason });
                break;
            }
            let checked = Listed::new(server, default_port).and_then(|listed| {
                let known = listed
                    .uuid
                    .as_ref()
                    .is_some_and(|uuid| uuids.contains(uuid))
                    || places.contains(&listed.private.normalised());
                if known {
                    Err(RejectedReason::Duplicate)
                } else {
                    Ok(listed)
                }
            });
            match checked {
                Err(reason) => listing.rejected.push(Rejected { row, reason }),
                Ok(listed) => {
                    uuids.extend(listed.uuid.clone());
                    places.insert(listed.private.normalised());
                    listing.nodes.push(listed);
                }
            }
            if listing.universe.is_none() {
                listing.universe = text(&server.universe_uuid);
            }
        }
        listing.address_kind = address_kind(&listing.nodes, snapshot);
        listing
    }
}

impl Listed {
    fn new(row: &ServerRow, default_port: u16) -> Result<Self, RejectedReason> {
        let host = host(&row.host).ok_or(RejectedReason::Host)?;
        let port = match row.port {
            None => default_port,
            Some(port) => u16::try_from(port)
                .ok()
                .filter(|port| *port > 0)
                .ok_or(RejectedReason::Port)?,
        };
        let part = |part: &Option<String>| text(part).unwrap_or_else(|| Arc::from(""));
        Ok(Self {
            uuid: text(&row.uuid),
            private: Endpoint::new(host, port),
            public: self::host(&row.public_ip).map(|host| Endpoint::new(host, port)),
            mapped: row.mapped.clone(),
            placement: Placement {
                cloud: part(&row.cloud),
                region: part(&row.region),
                zone: part(&row.zone),
            },
            node_type: NodeType::read(row.node_type.as_deref()),
        })
    }
}

/// A host name or address. A slash would be a directory of sockets on *our* machine, a comma
/// several hosts: neither is a server's to choose.
fn host(value: &Option<String>) -> Option<Arc<str>> {
    let host = text(value)?;
    let is_odd = |c: char| c.is_whitespace() || matches!(c, '/' | '\\' | ',' | '@' | '[' | ']');
    (!host.contains(is_odd)).then_some(host)
}

/// A name without control characters, which a terminal could take for orders.
fn text(value: &Option<String>) -> Option<Arc<str>> {
    let text = value.as_deref()?.trim();
    let fits = !text.is_empty() && text.len() <= MAX_NAME && !text.contains(char::is_control);
    fits.then(|| Arc::from(text))
}

/// Which kind of address we came in by, if the answer tells.
fn address_kind(nodes: &[Listed], snapshot: &Snapshot) -> Option<AddressKind> {
    let contact = snapshot.contact.as_ref()?;
    let peer = snapshot.peer.map(|peer| peer.to_string());
    let is_ours = |endpoint: &Endpoint| {
        endpoint.is_host(&contact.host) || peer.as_ref().is_some_and(|peer| endpoint.is_host(peer))
    };
    if nodes.iter().any(|node| is_ours(&node.private)) {
        return Some(AddressKind::Private);
    }
    let mut publics = nodes.iter().filter_map(|node| node.public.as_ref());
    publics.any(is_ours).then_some(AddressKind::Public)
}

#[cfg(test)]
#[path = "snapshot/tests.rs"]
mod tests;
