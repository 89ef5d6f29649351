//! Whose fault a failed attempt was, which decides what happens next.
//!
//! The rule it guards: a wrong password is the client's fault. It is tried once, on one node, and
//! no node suffers for it: a server may lock the account after a few failures.
//! <https://www.postgresql.org/docs/current/errcodes-appendix.html>

/// Whose fault it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The node cannot be reached or is going down: refused, reset, unreachable, timed out, a name
    /// that does not resolve, TLS broken off. Its breaker opens; another node is tried.
    Node,
    /// The node is there but cannot take this connection now. Another node is tried; this one is
    /// left alone for a moment.
    Soft,
    /// What we ask for is wrong, here and everywhere. No other node is tried, none is blamed.
    Client,
}

impl Fault {
    /// Whether another node may do better.
    pub fn tries_next(self) -> bool {
        self != Fault::Client
    }

    /// The name used in metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Node => "node",
            Fault::Soft => "soft",
            Fault::Client => "client",
        }
    }
}

/// SQLSTATEs, or their first characters; the first line that fits decides.
const TABLE: &[(&str, Fault)] = &[
    // protocol_violation: poolers answer so to what they do not like about us.
    ("08P01", Fault::Client),
    ("08", Fault::Node),
    // admin_shutdown, crash_shutdown: the node goes.
    ("57P01", Fault::Node),
    ("57P02", Fault::Node),
    // cannot_connect_now: the node comes. It may be ready in a second, so no long wait.
    ("57P03", Fault::Soft),
    // database_dropped.
    ("57P04", Fault::Client),
    // query_canceled and the like, while logging in.
    ("57", Fault::Soft),
    // disk_full, out_of_memory, too_many_connections, configuration_limit_exceeded.
    ("53", Fault::Soft),
    // io_error, undefined_file: this node's disk.
    ("58", Fault::Soft),
    // serialization_failure, deadlock_detected: catalogue reads of YugabyteDB, for a moment.
    ("40", Fault::Soft),
    // internal_error: YugabyteDB reports catalogue mismatches and lost masters so.
    ("XX", Fault::Soft),
];

/// Whose fault an error is that a server answered while connecting, by its SQLSTATE. What is not
/// listed (authorization, unknown database, invalid setting …) is the client's.
pub fn classify(sqlstate: &str) -> Fault {
    let line = TABLE.iter().find(|(state, _)| sqlstate.starts_with(state));
    line.map_or(Fault::Client, |(_, fault)| *fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_is_told_apart() {
        let expected = [
            (Fault::Node, "08000 08001 08003 08004 08006 57P01 57P02"),
            (
                Fault::Soft,
                "57P03 53000 53100 53200 53300 53400 57014 XX000 40001 58030",
            ),
            (
                Fault::Client,
                "28000 28P01 3D000 22023 42704 42501 0A000 08P01 57P04 55000 99999",
            ),
        ];
        for (fault, states) in expected {
            for state in states.split(' ') {
                assert_eq!(classify(state), fault, "{state}");
            }
        }
        assert_eq!(classify(""), Fault::Client);
    }

    #[test]
    fn only_the_clients_faults_end_the_search() {
        assert!(Fault::Node.tries_next() && Fault::Soft.tries_next());
        assert!(!Fault::Client.tries_next());
    }
}
