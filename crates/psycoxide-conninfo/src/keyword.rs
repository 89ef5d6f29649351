//! The keywords a connection string may hold: libpq 18's, the driver's own and the cluster's.
//!
//! The rule it guards: a keyword nobody knows is an error, never ignored; what is stored is always
//! the canonical name. libpq's names match exactly, as libpq wants them; the others' match in any case, with `_`, `-` or `.` between the words or none, because the smart drivers of the other
//! languages write them so (`topologyKeys`, `load-balance`).
//!
//! Manual: [Parameter Key Words](https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS).

mod cluster;
mod driver;
mod libpq;

use crate::Profile;

/// Where a keyword comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Documented for libpq 18.
    Libpq,
    /// This driver's own; a server never sees it.
    Driver,
    /// Understood by the cluster layer; a server never sees it.
    Cluster,
}

/// One keyword with what a connection dialogue needs to know of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Keyword {
    /// The canonical name.
    pub name: &'static str,
    /// The environment variable that gives its value, if there is one.
    pub variable: Option<&'static str>,
    /// The default in the common table; [`Keyword::compiled`] knows the profile's too.
    default: Option<&'static str>,
    /// A label for a dialogue.
    pub label: &'static str,
    /// How a dialogue shows the value: `""` as is, `"*"` hidden, `"D"` not by default.
    pub display: &'static str,
    /// Width of the field in a dialogue, in characters.
    pub width: u32,
    /// Whether the value must never be printed.
    pub secret: bool,
    /// Where the keyword comes from.
    pub family: Family,
}

impl Keyword {
    /// The default that depends on nothing but the profile.
    pub fn compiled(&self, profile: Profile) -> Option<&'static str> {
        profile.compiled(self.name).or(self.default)
    }
}

/// All keywords: libpq's in libpq's order, then the driver's, then the cluster's.
pub fn all() -> impl Iterator<Item = &'static Keyword> {
    libpq::KEYWORDS
        .iter()
        .chain(driver::KEYWORDS)
        .chain(cluster::KEYWORDS)
}

/// The keyword of this name; another spelling of one that is not libpq's will do.
pub fn find(name: &str) -> Option<&'static Keyword> {
    if let Some(keyword) = all().find(|keyword| keyword.name == name) {
        return Some(keyword);
    }
    let folded = fold(name);
    let canonical = cluster::ALIASES
        .iter()
        .find(|(alias, _)| fold(alias) == folded)
        .map(|(_, canonical)| *canonical);
    all().find(|keyword| match canonical {
        Some(canonical) => keyword.name == canonical,
        None => {
            (keyword.family != Family::Libpq || keyword.name == "load_balance_hosts")
                && fold(keyword.name) == folded
        }
    })
}

/// The place of a keyword in [`all`], which is also the order of a parsed connection string.
pub(crate) fn position(keyword: &Keyword) -> usize {
    all()
        .position(|other| other.name == keyword.name)
        .unwrap_or(usize::MAX)
}

/// The keyword the user may have meant, for an error message.
pub fn suggest(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    // One slip in a short word, two or three in a long one.
    let allowed = match name.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=10 => 2,
        _ => 3,
    };
    let names = all().map(|keyword| (keyword.name, keyword.name));
    HABITS
        .iter()
        .copied()
        .chain(names)
        .map(|(known, keyword)| (strsim::damerau_levenshtein(&name, known), keyword))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, keyword)| keyword)
}

/// Names other drivers use for the same thing.
const HABITS: &[(&str, &str)] = &[
    ("database", "dbname"),
    ("db", "dbname"),
    ("username", "user"),
    ("pass", "password"),
    ("passwd", "password"),
    ("pwd", "password"),
    ("hostname", "host"),
    ("server", "host"),
    ("timeout", "connect_timeout"),
    ("connection_timeout", "connect_timeout"),
    ("ssl", "sslmode"),
    ("ssl_mode", "sslmode"),
    ("sslca", "sslrootcert"),
    ("encoding", "client_encoding"),
    ("charset", "client_encoding"),
    ("appname", "application_name"),
];

fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | '.'))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_even_without_separators() {
        let mut names: Vec<String> = all().map(|keyword| fold(keyword.name)).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn libpq_names_match_exactly() {
        assert_eq!(find("host").map(|k| k.name), Some("host"));
        assert!(find("HOST").is_none());
        assert!(find("ssl-mode").is_none());
        assert!(find("").is_none());
    }

    #[test]
    fn cluster_names_match_in_the_spellings_of_the_other_drivers() {
        for (given, canonical) in [
            ("load_balance", "load_balance"),
            ("load-balance", "load_balance"),
            ("loadBalance", "load_balance"),
            ("LOAD_BALANCE", "load_balance"),
            ("loadBalanceHosts", "load_balance_hosts"),
            ("topologyKeys", "topology_keys"),
            ("yb-servers-refresh-interval", "yb_servers_refresh_interval"),
            (
                "failed_host_ttl_seconds",
                "failed_host_reconnect_delay_secs",
            ),
            (
                "failedHostReconnectDelaySecs",
                "failed_host_reconnect_delay_secs",
            ),
            (
                "fallback-to-topology-keys-only",
                "fallback_to_topology_keys_only",
            ),
            (
                "yb.failover.secondaryClusterHosts",
                "yb_failover_secondary_cluster_hosts",
            ),
        ] {
            assert_eq!(find(given).map(|k| k.name), Some(canonical), "{given}");
        }
    }

    #[test]
    fn suggests_what_was_meant() {
        for (given, meant) in [
            ("database", Some("dbname")),
            ("databse", Some("dbname")),
            ("db", Some("dbname")),
            ("hots", Some("host")),
            ("pasword", Some("password")),
            ("aplication_name", Some("application_name")),
            ("topologykey", Some("topology_keys")),
            ("foo", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(suggest(given), meant, "{given}");
        }
    }
}
