//! Proving to the server who the client is, and with SCRAM also the other way round.
//!
//! An [`Authenticator`] is made with all it may need, is given each `Authentication…` message, and
//! appends its answers to the outgoing bytes. The rule guarded here: a server is never given more than
//! the owner of the password allows. What may be answered is decided by `require_auth` and the channel
//! binding policy *before* anything is sent; a request out of order is refused; and a SCRAM exchange
//! counts only when the server's own signature has been verified.
//!
//! Randomness comes from the owner, and so does the cache of derived keys.
//!
//! Manual: <https://www.postgresql.org/docs/18/auth-methods.html>,
//! <https://www.postgresql.org/docs/18/sasl-authentication.html>

mod channel_binding;
mod error;
mod md5;
mod password;
mod require_auth;
mod scram;
pub mod verifier;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use psycoxide_protocol::backend::Authentication;
use psycoxide_protocol::frontend;

pub use channel_binding::{ChannelBinding, TlsBinding};
pub use error::AuthError;
pub use password::Password;
pub use require_auth::{Method, RequireAuth, RequireAuthError};
pub use scram::{NONCE_LENGTH, ScramKeyCache};

use channel_binding::choose_mechanism;
use scram::{ClientFirst, ServerProof};

/// What an [`Authenticator`] works with.
#[derive(Clone, Debug)]
pub struct AuthOptions {
    /// The user of the startup packet; MD5 digests it, SCRAM keys are cached for it.
    pub user: Vec<u8>,
    /// The password; an empty one counts as none, as in libpq.
    pub password: Option<Password>,
    /// Whether SCRAM must, may or must not be bound to the TLS connection.
    pub channel_binding: ChannelBinding,
    /// What there is to bind to.
    pub tls: TlsBinding,
    /// The methods the server may use.
    pub require_auth: RequireAuth,
    /// Random bytes, new for every connection: the client's nonce.
    pub nonce: [u8; NONCE_LENGTH],
    /// Keys derived by earlier connections. Without it every connection derives its own.
    pub scram_keys: Option<Arc<ScramKeyCache>>,
}

/// How the exchange stands after a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The server speaks next.
    Continue,
    /// The server has accepted the client, and has done all that was required of it.
    Done,
}

/// The client's side of authentication.
///
/// Call [`handle`](Self::handle) with each `Authentication…` message until it answers
/// [`Progress::Done`]. After an error the connection must be closed.
///
/// ```
/// use psycoxide_connection::auth::{
///     AuthOptions, Authenticator, ChannelBinding, Password, Progress, RequireAuth, TlsBinding,
/// };
/// use psycoxide_protocol::backend::Authentication;
///
/// let mut authenticator = Authenticator::new(AuthOptions {
///     user: b"alice".to_vec(),
///     password: Some(Password::new("secret")),
///     channel_binding: ChannelBinding::Prefer,
///     tls: TlsBinding::Plain,
///     require_auth: RequireAuth::default(),
///     nonce: [0; 18], // random in earnest
///     scram_keys: None,
/// });
/// let mut out = Vec::new();
/// authenticator.handle(Authentication::CleartextPassword, &mut out)?;
/// assert_eq!(out, b"p\0\0\0\x0bsecret\0");
/// assert_eq!(authenticator.handle(Authentication::Ok, &mut out)?, Progress::Done);
/// # Ok::<(), psycoxide_connection::auth::AuthError>(())
/// ```
pub struct Authenticator {
    options: AuthOptions,
    state: State,
    needs_password: bool,
    used_password: bool,
}

/// What has been said so far.
enum State {
    /// Nothing.
    Start,
    /// The password, or its digest, was sent.
    Answered,
    /// SCRAM: the client's first message was sent.
    ScramFirst(Box<ClientFirst>),
    /// SCRAM: the client's proof was sent, the server's is awaited.
    ScramFinal(Box<ServerProof>),
    /// SCRAM: both sides have proved that they know the password.
    ScramVerified { bound: bool },
    /// The server has accepted the client, or the exchange has failed.
    Ended,
}

impl Authenticator {
    /// An exchange in which nothing has been said.
    pub fn new(options: AuthOptions) -> Self {
        Self {
            options,
            state: State::Start,
            needs_password: false,
            used_password: false,
        }
    }

    /// Whether the server wanted a password and none was given.
    pub fn needs_password(&self) -> bool {
        self.needs_password
    }

    /// Whether the password was used, whatever came of it.
    pub fn used_password(&self) -> bool {
        self.used_password
    }

    /// Handles a message and appends the answer, if there is one, to `out`.
    ///
    /// # Errors
    ///
    /// The server asks for what is not allowed, not supported or not possible without a password,
    /// speaks out of turn, or fails to prove that it knows the password. Nothing was appended.
    pub fn handle(
        &mut self,
        request: Authentication<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Progress, AuthError> {
        // A failed exchange stays ended: a second try of the server finds nothing to answer.
        let state = std::mem::replace(&mut self.state, State::Ended);
        self.state = match (state, request) {
            (state, Authentication::Ok) => {
                self.accepted(&state)?;
                return Ok(Progress::Done);
            }
            (State::Start, Authentication::CleartextPassword) => {
                self.check_method(Method::Password, "a cleartext password")?;
                frontend::password(out, self.password()?.reveal())?;
                State::Answered
            }
            (State::Start, Authentication::Md5Password { salt }) => {
                self.check_method(Method::Md5, "a hashed password")?;
                let user = self.options.user.clone();
                let digest = md5::digest(&user, self.password()?, salt);
                frontend::password(out, &digest)?;
                State::Answered
            }
            (State::Start, Authentication::Sasl { mechanisms }) => {
                let first = self.begin_scram(&mechanisms)?;
                frontend::sasl_initial_response(out, first.mechanism(), first.message())?;
                State::ScramFirst(Box::new(first))
            }
            (State::ScramFirst(first), Authentication::SaslContinue(message)) => {
                let cache = self.options.scram_keys.as_ref();
                let password = self
                    .options
                    .password
                    .as_ref()
                    .ok_or(AuthError::NoPassword)?;
                let (answer, proof) = first.handle(message, &self.options.user, password, cache)?;
                frontend::sasl_response(out, &answer)?;
                State::ScramFinal(Box::new(proof))
            }
            (State::ScramFinal(proof), Authentication::SaslFinal(message)) => {
                let bound = proof.is_bound();
                proof.verify(message, self.options.scram_keys.as_ref())?;
                State::ScramVerified { bound }
            }
            (State::Start, Authentication::Unsupported(code)) => {
                return Err(self.unsupported(code));
            }
            (_, request) => {
                return Err(AuthError::OutOfOrder {
                    request: error::name(&request),
                });
            }
        };
        Ok(Progress::Continue)
    }

    /// The server has accepted the client: was it asked to do more first?
    fn accepted(&self, state: &State) -> Result<(), AuthError> {
        let bound = match state {
            State::Start => {
                if !self.options.require_auth.allows(Method::None) {
                    return Err(self.requirement("server did not complete authentication"));
                }
                false
            }
            State::Answered => false,
            State::ScramVerified { bound } => *bound,
            State::ScramFirst(_) | State::ScramFinal(_) => return Err(AuthError::Incomplete),
            State::Ended => {
                return Err(AuthError::OutOfOrder {
                    request: "AuthenticationOk",
                });
            }
        };
        if self.options.channel_binding == ChannelBinding::Require && !bound {
            return Err(AuthError::ChannelBindingSkipped);
        }
        Ok(())
    }

    /// Whether the server may ask for `method`, which no channel binding protects.
    fn check_method(&self, method: Method, request: &str) -> Result<(), AuthError> {
        if !self.options.require_auth.allows(method) {
            return Err(self.requirement(&format!("server requested {request}")));
        }
        if self.options.channel_binding == ChannelBinding::Require {
            return Err(AuthError::ChannelBindingNotOffered);
        }
        Ok(())
    }

    fn begin_scram(&mut self, mechanisms: &[&str]) -> Result<ClientFirst, AuthError> {
        let require_auth = &self.options.require_auth;
        if !require_auth.allows(Method::ScramSha256) && !require_auth.allows(Method::Oauth) {
            return Err(self.requirement("server requested SASL authentication"));
        }
        let binding =
            choose_mechanism(mechanisms, self.options.channel_binding, &self.options.tls)?;
        let Some(binding) = binding else {
            return Err(self.no_mechanism(mechanisms));
        };
        if !self.options.require_auth.allows(Method::ScramSha256) {
            let request = format!("server requested {} authentication", binding.mechanism());
            return Err(self.requirement(&request));
        }
        self.password()?;
        Ok(ClientFirst::new(binding, &self.options.nonce))
    }

    /// None of the mechanisms is SCRAM.
    fn no_mechanism(&self, mechanisms: &[&str]) -> AuthError {
        if mechanisms.contains(&"OAUTHBEARER") && !self.options.require_auth.allows(Method::Oauth) {
            return self.requirement("server requested OAUTHBEARER authentication");
        }
        AuthError::UnsupportedMechanisms {
            offered: mechanisms.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    fn unsupported(&self, code: i32) -> AuthError {
        let checked = match code {
            7 => self.check_method(Method::Gss, "GSSAPI authentication"),
            9 => self.check_method(Method::Sspi, "SSPI authentication"),
            _ => Ok(()),
        };
        checked
            .err()
            .unwrap_or(AuthError::UnsupportedMethod { code })
    }

    /// The password, noting that it was wanted.
    fn password(&mut self) -> Result<&Password, AuthError> {
        match &self.options.password {
            Some(password) if !password.reveal().is_empty() => {
                self.used_password = true;
                Ok(password)
            }
            _ => {
                self.needs_password = true;
                Err(AuthError::NoPassword)
            }
        }
    }

    fn requirement(&self, reason: &str) -> AuthError {
        AuthError::Requirement {
            requirement: self.options.require_auth.to_string(),
            reason: reason.to_owned(),
        }
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Start => "start",
            State::Answered => "answered",
            State::ScramFirst(_) => "SCRAM, first message sent",
            State::ScramFinal(_) => "SCRAM, proof sent",
            State::ScramVerified { .. } => "SCRAM, verified",
            State::Ended => "ended",
        };
        formatter
            .debug_struct("Authenticator")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
