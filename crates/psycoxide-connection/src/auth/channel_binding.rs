//! Which SCRAM mechanism to use, and what binds it to the TLS connection.
//!
//! With binding, the exchange proves that both ends see the same server certificate: a man in the
//! middle with a certificate of his own is found out. Even without, the `y` in the client's first
//! message tells the server that the client would have bound, so that one which did offer it notices
//! that the offer was removed on the way.
//!
//! Manual: <https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNECT-CHANNEL-BINDING>;
//! RFC 5802, sections 6 and 7; RFC 5929, section 4 (`tls-server-end-point`).

use super::AuthError;

/// The `channel_binding` parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ChannelBinding {
    /// Never bind.
    Disable,
    /// Bind where both sides can.
    #[default]
    Prefer,
    /// Bind or fail.
    Require,
}

/// What the connection gives to bind to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum TlsBinding {
    /// The connection is not encrypted.
    #[default]
    Plain,
    /// It is encrypted, but the signature algorithm of the server's certificate has no hash of its
    /// own, so that there is no `tls-server-end-point`. Ed25519 is such an algorithm.
    Unavailable,
    /// The hash of the server's certificate: `tls-server-end-point`.
    ServerEndPoint(Vec<u8>),
}

/// The mechanism chosen and what its messages say about binding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Binding {
    /// `n`: the client does not bind.
    NotSupported,
    /// `y`: the client would bind, and believes that the server cannot.
    NotOffered,
    /// `p`: bound to this data.
    ServerEndPoint(Vec<u8>),
}

const SCRAM: &str = "SCRAM-SHA-256";
const SCRAM_PLUS: &str = "SCRAM-SHA-256-PLUS";

impl Binding {
    pub(super) fn mechanism(&self) -> &'static str {
        match self {
            Self::ServerEndPoint(_) => SCRAM_PLUS,
            Self::NotSupported | Self::NotOffered => SCRAM,
        }
    }

    /// The `gs2-header` of RFC 5802.
    pub(super) fn header(&self) -> &'static str {
        match self {
            Self::NotSupported => "n,,",
            Self::NotOffered => "y,,",
            Self::ServerEndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    /// The binding data, which follows the header in the client's final message.
    pub(super) fn data(&self) -> &[u8] {
        match self {
            Self::ServerEndPoint(hash) => hash,
            Self::NotSupported | Self::NotOffered => &[],
        }
    }
}

/// Chooses among the server's mechanisms; `None` when there is none that the policy lets us use.
pub(super) fn choose_mechanism(
    mechanisms: &[&str],
    policy: ChannelBinding,
    tls: &TlsBinding,
) -> Result<Option<Binding>, AuthError> {
    let plus_offered = mechanisms.contains(&SCRAM_PLUS);
    let required = policy == ChannelBinding::Require;
    match tls {
        TlsBinding::Plain if required => return Err(AuthError::ChannelBindingWithoutTls),
        TlsBinding::Plain if plus_offered => return Err(AuthError::PlusWithoutTls),
        TlsBinding::Unavailable if required => return Err(AuthError::ChannelBindingUnavailable),
        TlsBinding::ServerEndPoint(hash) if plus_offered && policy != ChannelBinding::Disable => {
            return Ok(Some(Binding::ServerEndPoint(hash.clone())));
        }
        _ if required => return Err(AuthError::ChannelBindingNotOffered),
        _ => {}
    }
    if !mechanisms.contains(&SCRAM) {
        return Ok(None);
    }
    // Here PLUS was not offered, or the client does not bind.
    let could_bind = matches!(tls, TlsBinding::ServerEndPoint(_));
    Ok(Some(if could_bind && policy == ChannelBinding::Prefer {
        Binding::NotOffered
    } else {
        Binding::NotSupported
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[&str] = &[SCRAM_PLUS, SCRAM];
    const ONLY_SCRAM: &[&str] = &[SCRAM];
    const ONLY_PLUS: &[&str] = &[SCRAM_PLUS];

    /// The whole table: what is offered, the policy, what there is to bind to, what is chosen.
    #[test]
    fn the_choice_follows_offer_policy_and_connection() {
        use ChannelBinding::{Disable, Prefer, Require};
        let end_point = || TlsBinding::ServerEndPoint(vec![1, 2]);
        let bound = || Ok(Some(Binding::ServerEndPoint(vec![1, 2])));
        let no = || Ok(Some(Binding::NotSupported));
        for (offered, policy, tls, expected) in [
            (BOTH, Prefer, end_point(), bound()),
            (BOTH, Require, end_point(), bound()),
            (BOTH, Disable, end_point(), no()),
            (
                ONLY_SCRAM,
                Prefer,
                end_point(),
                Ok(Some(Binding::NotOffered)),
            ),
            (
                ONLY_SCRAM,
                Require,
                end_point(),
                Err(AuthError::ChannelBindingNotOffered),
            ),
            (ONLY_SCRAM, Disable, end_point(), no()),
            (ONLY_PLUS, Prefer, end_point(), bound()),
            (ONLY_PLUS, Disable, end_point(), Ok(None)),
            (BOTH, Prefer, TlsBinding::Unavailable, no()),
            (
                BOTH,
                Require,
                TlsBinding::Unavailable,
                Err(AuthError::ChannelBindingUnavailable),
            ),
            (ONLY_PLUS, Prefer, TlsBinding::Unavailable, Ok(None)),
            (
                BOTH,
                Prefer,
                TlsBinding::Plain,
                Err(AuthError::PlusWithoutTls),
            ),
            (
                BOTH,
                Disable,
                TlsBinding::Plain,
                Err(AuthError::PlusWithoutTls),
            ),
            (
                BOTH,
                Require,
                TlsBinding::Plain,
                Err(AuthError::ChannelBindingWithoutTls),
            ),
            (
                ONLY_SCRAM,
                Require,
                TlsBinding::Plain,
                Err(AuthError::ChannelBindingWithoutTls),
            ),
            (ONLY_SCRAM, Prefer, TlsBinding::Plain, no()),
            (&["OAUTHBEARER"], Prefer, TlsBinding::Plain, Ok(None)),
        ] {
            let chosen = choose_mechanism(offered, policy, &tls);
            assert_eq!(chosen, expected, "{offered:?} {policy:?} {tls:?}");
        }
    }
}
