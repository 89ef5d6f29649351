//! All keywords that have a value, and where each value came from.
//!
//! The rule it guards is libpq's order: given by the caller, then the service file, then the `PG*`
//! variables, then defaults. A value that is given but empty still hides those after it.

use std::borrow::Cow;
use std::fmt;

use crate::environment::{self, Environment};
use crate::keyword::{self, Keyword};
use crate::secret::MASK;
use crate::{Error, Parameters, Profile, redact, service_file};

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The connection string or a keyword argument.
    Given,
    /// The service file.
    Service,
    /// The environment variable of this name.
    Environment(&'static str),
    /// The password file.
    Passfile,
    /// Nobody said anything: the profile's default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("given"),
            Self::Service => f.write_str("service file"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Passfile => f.write_str("password file"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One keyword with its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting {
    /// The keyword.
    pub keyword: &'static Keyword,
    /// The value as text; most are compiled in. Mind [`Keyword::secret`] before showing it.
    pub value: Cow<'static, str>,
    /// Where it came from.
    pub origin: Origin,
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = self.keyword.secret
            || (self.keyword.name == "dbname" && redact::holds_conninfo(&self.value));
        let value = if hidden { MASK } else { &self.value };
        write!(f, "{}={value:?} ({})", self.keyword.name, self.origin)
    }
}

/// The keywords that have a value, in the order of [`keyword::all`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(Vec<Setting>);

impl Settings {
    /// The setting of a canonical name.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.0.iter().find(|setting| setting.keyword.name == name)
    }

    /// All settings in order.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    /// The value of a canonical name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(|setting| &*setting.value)
    }

    /// The setting, unless its value is empty: for keywords where empty means not given.
    pub(crate) fn filled(&self, name: &str) -> Option<&Setting> {
        self.get(name).filter(|setting| !setting.value.is_empty())
    }

    /// The value, unless it is empty.
    pub(crate) fn filled_text(&self, name: &str) -> Option<&str> {
        self.filled(name).map(|setting| &*setting.value)
    }

    /// The value and origin of a name that somebody has set, be it to nothing.
    pub(crate) fn chosen(&self, name: &str) -> Option<&Setting> {
        self.get(name)
            .filter(|setting| setting.origin != Origin::Default)
    }

    /// Replaces or adds a value.
    pub(crate) fn put(&mut self, name: &str, value: &str, origin: Origin) {
        let Some(keyword) = keyword::find(name) else {
            return;
        };
        let value = Cow::Owned(value.to_owned());
        let known = |setting: &&mut Setting| setting.keyword.name == keyword.name;
        match self.0.iter_mut().find(known) {
            Some(setting) => (setting.value, setting.origin) = (value, origin),
            None => {
                let place = keyword::position(keyword);
                let after = |setting: &Setting| keyword::position(setting.keyword) > place;
                let index = self.0.iter().position(after).unwrap_or(self.0.len());
                let setting = Setting {
                    keyword,
                    value,
                    origin,
                };
                self.0.insert(index, setting);
            }
        }
    }
}

/// What to do with a service that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadService {
    /// Fail: somebody wants to connect.
    Fails,
    /// Go on without it: somebody only wants to see the defaults.
    IsIgnored,
}

/// Collects the values of all sources but those that depend on several keywords.
pub(crate) fn gather(
    parameters: &Parameters,
    environment: &dyn Environment,
    profile: Profile,
    bad_service: BadService,
) -> Result<Settings, Error> {
    let service = match parameters.get("service") {
        Some(service) => Some(service.to_owned()),
        None => environment::text(environment, "PGSERVICE")?,
    };
    let of_service = match service.map(|service| service_file::load(&service, environment)) {
        None => Vec::new(),
        Some(Ok(pairs)) => pairs,
        Some(Err(_)) if bad_service == BadService::IsIgnored => Vec::new(),
        Some(Err(error)) => return Err(error),
    };

    let value_in = |pairs: &[(&'static Keyword, String)], keyword: &Keyword| {
        pairs
            .iter()
            .find(|(known, _)| known.name == keyword.name)
            .map(|(_, value)| Cow::Owned(value.clone()))
    };
    let mut settings = Settings::default();
    for keyword in keyword::all() {
        let found = if let Some(value) = value_in(parameters.entries(), keyword) {
            Some((value, Origin::Given))
        } else if let Some(value) = value_in(&of_service, keyword) {
            Some((value, Origin::Service))
        } else if let Some((value, variable)) = of_environment(keyword, environment)? {
            Some((Cow::Owned(value), Origin::Environment(variable)))
        } else {
            keyword
                .compiled(profile)
                .map(|value| (Cow::Borrowed(value), Origin::Default))
        };
        settings.0.extend(found.map(|(value, origin)| Setting {
            keyword,
            value,
            origin,
        }));
    }

    // An address without a name needs no default name.
    if settings.filled("hostaddr").is_some() {
        settings
            .0
            .retain(|s| s.keyword.name != "host" || s.origin != Origin::Default);
    }
    // The system's roots are worth nothing without checking the name.
    if settings.chosen("sslmode").is_none() && settings.text("sslrootcert") == Some("system") {
        settings.put("sslmode", "verify-full", Origin::Default);
    }
    Ok(settings)
}

fn of_environment(
    keyword: &Keyword,
    environment: &dyn Environment,
) -> Result<Option<(String, &'static str)>, Error> {
    if let Some(variable) = keyword.variable
        && let Some(value) = environment::text(environment, variable)?
    {
        return Ok(Some((value, variable)));
    }
    // From before `sslmode`; libpq still takes it.
    let variable = "PGREQUIRESSL";
    let requires_ssl = keyword.name == "sslmode"
        && environment::text(environment, variable)?.is_some_and(|value| value.starts_with('1'));
    Ok(requires_ssl.then(|| ("require".to_owned(), variable)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Fixed;

    fn gathered(text: &str, environment: &Fixed) -> Settings {
        let parameters = Parameters::parse(text).unwrap();
        gather(&parameters, environment, Profile::Libpq, BadService::Fails).unwrap()
    }

    fn shown(settings: &Settings, name: &str) -> String {
        settings
            .get(name)
            .map(|setting| format!("{setting:?}"))
            .unwrap_or_default()
    }

    #[test]
    fn the_order_is_given_service_environment_default() {
        let environment = Fixed::default()
            .home("/h")
            .file("/h/.pg_service.conf", 0o644, "[s]\nuser=su\ndbname=sd\n")
            .variable("PGUSER", "eu")
            .variable("PGHOST", "eh")
            .variable("PGSSLMODE", "");
        let settings = gathered("service=s dbname=gd", &environment);
        assert_eq!(shown(&settings, "dbname"), r#"dbname="gd" (given)"#);
        assert_eq!(shown(&settings, "user"), r#"user="su" (service file)"#);
        assert_eq!(
            shown(&settings, "host"),
            r#"host="eh" (environment PGHOST)"#
        );
        assert_eq!(
            shown(&settings, "sslmode"),
            r#"sslmode="" (environment PGSSLMODE)"#
        );
        assert_eq!(shown(&settings, "port"), r#"port="5432" (default)"#);
        assert_eq!(shown(&settings, "password"), "");
    }

    #[test]
    fn a_service_may_be_named_by_the_environment() {
        let environment = Fixed::default()
            .home("/h")
            .file("/h/.pg_service.conf", 0o644, "[s]\nport=7\n")
            .variable("PGSERVICE", "s");
        assert_eq!(gathered("", &environment).text("port"), Some("7"));

        let environment = environment.variable("PGSERVICE", "t");
        let parameters = Parameters::new();
        let gather = |bad| gather(&parameters, &environment, Profile::Libpq, bad);
        assert!(gather(BadService::Fails).is_err());
        assert_eq!(
            gather(BadService::IsIgnored).unwrap().text("port"),
            Some("5432")
        );
    }

    #[test]
    fn sslmode_depends_on_the_root_certificate_and_an_old_variable() {
        let old = Fixed::default().variable("PGREQUIRESSL", "1");
        assert_eq!(gathered("", &old).text("sslmode"), Some("require"));
        assert_eq!(
            gathered("sslmode=disable", &old).text("sslmode"),
            Some("disable")
        );
        let none = Fixed::default();
        assert_eq!(
            gathered("sslrootcert=system", &none).text("sslmode"),
            Some("verify-full")
        );
        let given = gathered("sslrootcert=system sslmode=require", &none);
        assert_eq!(given.text("sslmode"), Some("require"));
    }

    #[test]
    fn debug_hides_secrets() {
        let settings = gathered(
            "password=hunter2 dbname=postgresql://u:hunter2@h",
            &Fixed::default(),
        );
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
