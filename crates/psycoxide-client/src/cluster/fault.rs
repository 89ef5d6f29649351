//! Whose fault it was that a connection was not made.
//!
//! The rule it guards: what is wrong with us, or on this machine, is no node's fault. A rejected
//! certificate ends the search: whoever presents it may be anybody.

use std::time::Instant;

use psycoxide_cluster::{Attempt, Fault, Random, classify};
use psycoxide_connection::Error as MachineError;
use psycoxide_transport::TlsError;

use crate::error::Error;

/// Whose fault it was.
pub(crate) fn fault_of(error: &Error) -> Fault {
    match error {
        Error::Connect(attempts) => attempts
            .last()
            .map_or(Fault::Node, |attempt| fault_of(&attempt.error)),
        Error::Machine(MachineError::Server(fields)) => {
            classify(fields.sqlstate().unwrap_or_default())
        }
        Error::Machine(
            MachineError::Auth(_) | MachineError::Misuse(_) | MachineError::Encode(_),
        ) => Fault::Client,
        Error::Machine(_) | Error::Timeout { .. } | Error::Closed | Error::Lost => Fault::Node,
        Error::Io { source, .. } if psycoxide_transport::is_local(source) => Fault::Client,
        Error::Io { .. } => Fault::Node,
        Error::Tls(error) => of_tls(error),
        // It answers, but not as it should: overloaded, or not a server of ours.
        Error::TlsFailed | Error::SessionAttrs { .. } => Fault::Soft,
        Error::TlsRefused | Error::Conninfo(_) | Error::Misuse(_) | Error::Cluster(_) => {
            Fault::Client
        }
    }
}

/// Tells an attempt that it came to nothing, and why. Whose fault it was.
///
/// A node that was not even asked, because something is wrong on this machine, is neither blamed nor
/// thought to be well; one of another kind than `target_session_attrs` wants is well.
pub(crate) fn tell(attempt: Attempt, error: &Error, now: Instant, random: &mut Random) -> Fault {
    let fault = fault_of(error);
    if is_of_another_kind(error) {
        attempt.failed(Fault::Client, now, random);
    } else if was_asked(error) {
        attempt.failed(fault, now, random);
    }
    fault
}

/// Whether a server was reached that `target_session_attrs` does not want.
pub(crate) fn is_of_another_kind(error: &Error) -> bool {
    match error {
        Error::SessionAttrs { .. } => true,
        Error::Connect(attempts) => attempts
            .last()
            .is_some_and(|attempt| is_of_another_kind(&attempt.error)),
        _ => false,
    }
}

fn was_asked(error: &Error) -> bool {
    match error {
        Error::Connect(attempts) => attempts
            .last()
            .is_none_or(|attempt| was_asked(&attempt.error)),
        Error::Io { source, .. } => !psycoxide_transport::is_local(source),
        Error::Conninfo(_) | Error::Misuse(_) | Error::Cluster(_) => false,
        _ => true,
    }
}

fn of_tls(error: &TlsError) -> Fault {
    match error {
        TlsError::Io(_) | TlsError::Closed | TlsError::NoCloseNotify | TlsError::NotTls => {
            Fault::Node
        }
        _ => Fault::Client,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::error::Attempt;

    #[test]
    fn nodes_are_blamed_for_what_they_do_only() {
        let io = |kind| Error::io("connecting")(io::Error::from(kind));
        let raw = |number| Error::io("connecting")(io::Error::from_raw_os_error(number));
        assert_eq!(fault_of(&io(io::ErrorKind::ConnectionRefused)), Fault::Node);
        assert_eq!(fault_of(&io(io::ErrorKind::NotFound)), Fault::Node);
        // EMFILE of Linux.
        assert_eq!(fault_of(&raw(24)), Fault::Client);
        assert_eq!(fault_of(&Error::Tls(TlsError::Closed)), Fault::Node);
        assert_eq!(
            fault_of(&Error::Tls(TlsError::UnknownIssuer)),
            Fault::Client
        );
        assert_eq!(fault_of(&Error::TlsRefused), Fault::Client);
        assert_eq!(
            fault_of(&Error::SessionAttrs { reason: "" }),
            Fault::Soft,
            "another node may be of the kind"
        );
    }

    #[test]
    fn who_was_not_asked_is_not_known_to_be_well() {
        let io = |number| Error::io("connecting")(io::Error::from_raw_os_error(number));
        // EMFILE and ECONNREFUSED of Linux.
        assert!(!was_asked(&io(24)) && was_asked(&io(111)));
        assert!(!was_asked(&Error::Misuse("")) && was_asked(&Error::TlsRefused));
    }

    #[test]
    fn the_last_attempt_at_a_node_counts() {
        let attempt = |error| Attempt {
            place: String::new(),
            error,
        };
        let refused = || Error::io("connecting")(io::ErrorKind::ConnectionRefused.into());
        let error = Error::Connect(vec![attempt(Error::TlsRefused), attempt(refused())]);
        assert_eq!(fault_of(&error), Fault::Node);
        let error = Error::Connect(vec![attempt(refused()), attempt(Error::TlsRefused)]);
        assert_eq!(fault_of(&error), Fault::Client);
    }
}
