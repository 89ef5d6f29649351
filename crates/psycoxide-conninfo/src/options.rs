//! Lists of all options in the form of libpq's `PQconninfoOption`, for `pq.Conninfo`.
//!
//! Manual: [PQconndefaults](https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PQCONNDEFAULTS).

use std::fmt;

use crate::keyword::{self, Family, Keyword};
use crate::secret::MASK;
use crate::settings::{BadService, Settings, gather};
use crate::{Environment, Error, Parameters, Profile};

/// One option as a connection dialogue sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct ConninfoOption {
    /// The keyword.
    pub keyword: &'static str,
    /// The environment variable that gives its value.
    pub envvar: Option<&'static str>,
    /// The compiled-in default.
    pub compiled: Option<&'static str>,
    /// The current value.
    pub value: Option<String>,
    /// Label of the field in a dialogue.
    pub label: &'static str,
    /// How to show the value: `""` as is, `"*"` hidden, `"D"` not by default.
    pub dispchar: &'static str,
    /// Width of the field in characters.
    pub dispsize: u32,
    /// Whether libpq has this option too, or only the cluster layer.
    pub family: Family,
}

impl ConninfoOption {
    fn new(keyword: &'static Keyword, profile: Profile, value: Option<String>) -> Self {
        Self {
            keyword: keyword.name,
            envvar: keyword.variable,
            compiled: keyword.compiled(profile),
            value,
            label: keyword.label,
            dispchar: keyword.display,
            dispsize: keyword.width,
            family: keyword.family,
        }
    }
}

impl fmt::Debug for ConninfoOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = keyword::find(self.keyword).is_some_and(|keyword| keyword.secret);
        let value = self
            .value
            .as_deref()
            .map(|value| if secret { MASK } else { value });
        write!(f, "{}={value:?}", self.keyword)
    }
}

/// All options with the values they have when nothing is given.
///
/// A service that cannot be read is passed over, as is a user the operating system does not know.
pub fn default_options(
    environment: &dyn Environment,
    profile: Profile,
) -> Result<Vec<ConninfoOption>, Error> {
    let mut settings = gather(
        &Parameters::new(),
        environment,
        profile,
        BadService::IsIgnored,
    )?;
    if settings.get("user").is_none()
        && let Ok(user) = environment.user_name()
    {
        settings.put("user", &user, crate::Origin::Default);
    }
    Ok(options_of(&settings, profile))
}

/// All options with what a connection string says, and no value for the others.
pub fn parsed_options(parameters: &Parameters, profile: Profile) -> Vec<ConninfoOption> {
    keyword::all()
        .map(|keyword| {
            let value = parameters.get(keyword.name).map(str::to_owned);
            ConninfoOption::new(keyword, profile, value)
        })
        .collect()
}

/// All options with the values in use.
pub fn options_of(settings: &Settings, profile: Profile) -> Vec<ConninfoOption> {
    keyword::all()
        .map(|keyword| {
            let value = settings.text(keyword.name).map(str::to_owned);
            ConninfoOption::new(keyword, profile, value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Fixed;

    fn value<'a>(options: &'a [ConninfoOption], keyword: &str) -> Option<&'a str> {
        options
            .iter()
            .find(|option| option.keyword == keyword)?
            .value
            .as_deref()
    }

    #[test]
    fn defaults_follow_profile_and_environment() {
        let environment = Fixed::default().user("ann").variable("PGPORT", "7");
        let libpq = default_options(&environment, Profile::Libpq).unwrap();
        assert_eq!(
            libpq
                .iter()
                .filter(|option| option.family == Family::Libpq)
                .count(),
            50
        );
        assert_eq!(value(&libpq, "user"), Some("ann"));
        assert_eq!(value(&libpq, "port"), Some("7"));
        assert_eq!(value(&libpq, "dbname"), None);
        assert_eq!(value(&libpq, "options"), Some(""));
        let port = libpq
            .iter()
            .find(|option| option.keyword == "port")
            .unwrap();
        assert_eq!((port.envvar, port.compiled), (Some("PGPORT"), Some("5432")));
        assert_eq!(
            (port.label, port.dispchar, port.dispsize),
            ("Database-Port", "", 6)
        );

        let yugabyte = default_options(&Fixed::default(), Profile::Yugabyte).unwrap();
        assert_eq!(value(&yugabyte, "user"), Some("yugabyte"));
        assert_eq!(value(&yugabyte, "host"), Some("localhost"));
        assert_eq!(value(&yugabyte, "port"), Some("5433"));
    }

    #[test]
    fn parsed_options_hold_only_what_is_said() {
        let parameters = Parameters::parse("password=hunter2").unwrap();
        let options = parsed_options(&parameters, Profile::Libpq);
        assert_eq!(
            options
                .iter()
                .filter(|option| option.value.is_some())
                .count(),
            1
        );
        assert_eq!(value(&options, "password"), Some("hunter2"));
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
