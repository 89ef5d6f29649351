//! Which password belongs to which host.
//!
//! Configured hosts have theirs looked up when the configuration is resolved. The nodes of a cluster
//! become known later, so the source stays: each node gets the password of its own name.

use std::sync::Arc;

use crate::config::Config;
use crate::passfile::{Key, Passfile};
use crate::{Environment, Origin, Secret, Warning};

/// Where the hosts' passwords come from. Nothing of it is ever printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passwords(Source);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Source {
    #[default]
    None,
    /// One password for all.
    Same(Secret, Origin),
    /// Each host's own, or a default.
    Own {
        passfile: Option<Arc<Passfile>>,
        default: Option<Secret>,
        dbname: String,
        user: String,
    },
}

impl Passwords {
    pub(crate) fn of(
        config: &Config,
        environment: &dyn Environment,
        warnings: &mut Vec<Warning>,
    ) -> Self {
        if let Some(setting) = config.settings.filled("password") {
            return Self(Source::Same(Secret::new(&*setting.value), setting.origin));
        }
        let passfile = config
            .passfile
            .as_ref()
            .and_then(|path| Passfile::load(path, environment, warnings));
        // Somebody who says the password is empty does not want ours, and ours is for our user only.
        let silent = config.settings.get("password").is_none();
        let default = config
            .profile
            .password()
            .filter(|_| silent && config.user_origin == Origin::Default);
        Self(Source::Own {
            passfile: passfile.map(Arc::new),
            default: default.map(Secret::from),
            dbname: config.dbname.clone(),
            user: config.user.clone(),
        })
    }

    /// The password for a host that was not configured: the node of a cluster.
    pub fn find(&self, host: &str, port: u16) -> Option<Secret> {
        // Warnings are about lines of the file; who configured hosts has heard them.
        let found = self.look_up(host, port, &mut Vec::new());
        found.map(|(password, _)| password)
    }

    pub(crate) fn look_up(
        &self,
        host: &str,
        port: u16,
        warnings: &mut Vec<Warning>,
    ) -> Option<(Secret, Origin)> {
        match &self.0 {
            Source::None => None,
            Source::Same(password, origin) => Some((password.clone(), *origin)),
            Source::Own {
                passfile,
                default,
                dbname,
                user,
            } => {
                let key = Key {
                    host,
                    port,
                    dbname,
                    user,
                };
                passfile
                    .as_ref()
                    .and_then(|file| file.find(key, warnings))
                    .map(|password| (password, Origin::Passfile))
                    .or_else(|| default.clone().map(|password| (password, Origin::Default)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::environment::Fixed;
    use crate::{Parameters, Profile, resolve};

    #[test]
    fn nodes_have_the_password_of_their_own_name() {
        let environment =
            Fixed::default()
                .home("/h")
                .file("/h/.pgpass", 0o600, "a:1:*:u:pa\nb:2:*:u:pb\n");
        let find = |text: &str, host, port| {
            let parameters = Parameters::parse(text).unwrap();
            let config = resolve(&parameters, &environment, Profile::Yugabyte).unwrap();
            let found = config.passwords.find(host, port);
            assert!(!format!("{config:?}").contains("pb"));
            found.map(|secret| secret.reveal().to_owned())
        };
        assert_eq!(find("host=a port=1 user=u", "b", 2).as_deref(), Some("pb"));
        assert_eq!(find("host=a port=1 user=u", "c", 2), None);
        assert_eq!(
            find("host=a user=u password=x", "c", 2).as_deref(),
            Some("x")
        );
        assert_eq!(find("host=a", "c", 2).as_deref(), Some("yugabyte"));
    }
}
