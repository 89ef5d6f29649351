//! `target_session_attrs`: whether the server reached is of the kind that was asked for.
//!
//! Servers since PostgreSQL 14 report what is needed unasked; older ones, and YugabyteDB's that
//! stem from 11, are asked.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-TARGET-SESSION-ATTRS>

use psycoxide_connection::Machine;

/// The kind of server that is good enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionAttrs {
    /// Any.
    #[default]
    Any,
    /// One whose sessions can write.
    ReadWrite,
    /// One whose sessions only read.
    ReadOnly,
    /// One that is no standby.
    Primary,
    /// A standby.
    Standby,
    /// A standby, or any if there is none.
    PreferStandby,
}

/// What is known of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is of the kind.
    Suits,
    /// It is not, and why.
    Refused(&'static str),
    /// It has to be asked: a query whose first value says `on` (or `t`) or not.
    Ask(&'static [u8]),
}

impl SessionAttrs {
    /// What the settings that the server reports say.
    pub(crate) fn judge(self, machine: &Machine) -> Verdict {
        let on = |name| machine.parameter_status(name).map(|value| value == "on");
        match self {
            SessionAttrs::Any => Verdict::Suits,
            SessionAttrs::ReadWrite | SessionAttrs::ReadOnly => {
                match (on("default_transaction_read_only"), on("in_hot_standby")) {
                    (Some(read_only), Some(standby)) => self.answer(read_only || standby),
                    _ => Verdict::Ask(b"SHOW transaction_read_only"),
                }
            }
            SessionAttrs::Primary | SessionAttrs::Standby | SessionAttrs::PreferStandby => {
                match on("in_hot_standby") {
                    Some(standby) => self.answer(standby),
                    None => Verdict::Ask(b"SELECT pg_catalog.pg_is_in_recovery()"),
                }
            }
        }
    }

    /// What it means that the server is read-only, or a standby.
    pub(crate) fn answer(self, yes: bool) -> Verdict {
        let reason = match (self, yes) {
            (SessionAttrs::ReadWrite, true) => "session is read-only",
            (SessionAttrs::ReadOnly, false) => "session is not read-only",
            (SessionAttrs::Primary, true) => "server is in hot standby mode",
            (SessionAttrs::Standby | SessionAttrs::PreferStandby, false) => {
                "server is not in hot standby mode"
            }
            _ => return Verdict::Suits,
        };
        Verdict::Refused(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_kind_accepts() {
        use SessionAttrs::{PreferStandby, Primary, ReadOnly, ReadWrite, Standby};
        for (attrs, accepts) in [
            (ReadWrite, false),
            (ReadOnly, true),
            (Primary, false),
            (Standby, true),
            (PreferStandby, true),
        ] {
            assert_eq!(attrs.answer(accepts), Verdict::Suits, "{attrs:?}");
            assert!(
                matches!(attrs.answer(!accepts), Verdict::Refused(_)),
                "{attrs:?}"
            );
        }
    }

    #[test]
    fn a_silent_server_is_asked() {
        let machine = Machine::default();
        assert_eq!(SessionAttrs::Any.judge(&machine), Verdict::Suits);
        assert!(matches!(
            SessionAttrs::ReadWrite.judge(&machine),
            Verdict::Ask(_)
        ));
        assert!(matches!(
            SessionAttrs::Primary.judge(&machine),
            Verdict::Ask(_)
        ));
    }
}
