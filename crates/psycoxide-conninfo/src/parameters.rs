//! What the caller said, as pairs of known keywords and texts, nothing defaulted.
//!
//! It is the common form of connection strings, URIs and keyword arguments. The rule it guards: each
//! keyword is canonical and occurs once; no value is looked at, so `port=abc` passes here and fails in
//! [`resolve`](crate::resolve), as with libpq.

use std::fmt;

use crate::keyword::{self, Keyword};
use crate::secret::MASK;
use crate::{Error, key_value, redact, uri};

/// An ordered set of connection parameters.
///
/// ```
/// use psycoxide_conninfo::Parameters;
///
/// let mut parameters = Parameters::parse("port=5433 host=localhost")?;
/// parameters.set("application_name", "my app")?;
/// assert_eq!(parameters.to_conninfo(), "host=localhost port=5433 application_name='my app'");
/// # Ok::<(), psycoxide_conninfo::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    entries: Vec<(&'static Keyword, String)>,
}

impl Parameters {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `keyword=value ...` or a `postgresql://` URI, as documented for libpq 18.
    ///
    /// The result is in the order of [`keyword::all`], whatever the order of the text; the last of
    /// repeated keywords counts. Both are what psycopg's `conninfo_to_dict` does.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.contains('\0') {
            return Err(Error::ContainsNul {
                place: "connection string".to_owned(),
            });
        }
        let pairs = match uri::strip_scheme(text) {
            Some(_) => uri::parse(text)?,
            None => key_value::parse(text)?,
        };
        let mut parameters = Self::new();
        for (keyword, value) in pairs {
            parameters.put(keyword, value);
        }
        parameters
            .entries
            .sort_by_cached_key(|(keyword, _)| keyword::position(keyword));
        Ok(parameters)
    }

    /// Sets one parameter: in its place if it is there, at the end otherwise.
    ///
    /// Fails for an unknown keyword and for a NUL in the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        if value.contains('\0') {
            return Err(Error::ContainsNul {
                place: format!("connection option \"{name}\""),
            });
        }
        let Some((keyword, value)) = known(name, value.to_owned()) else {
            return Err(Error::UnknownKeyword {
                keyword: name.to_owned(),
                suggestion: keyword::suggest(name),
                after_secret: false,
            });
        };
        self.put(keyword, value);
        Ok(())
    }

    /// Sets all parameters of another set, which wins.
    pub fn merge(&mut self, other: &Self) {
        for (keyword, value) in &other.entries {
            self.put(keyword, value.clone());
        }
    }

    /// The value of a keyword, an alias of it included.
    pub fn get(&self, name: &str) -> Option<&str> {
        let keyword = keyword::find(name)?;
        let (_, value) = self.entries.iter().find(|(k, _)| k.name == keyword.name)?;
        Some(value)
    }

    /// All pairs in order, with canonical names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.entries
            .iter()
            .map(|(keyword, value)| (keyword.name, value.as_str()))
    }

    /// How many keywords are set.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no keyword is set.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes a `keyword=value` string that [`parse`](Self::parse) reads back.
    pub fn to_conninfo(&self) -> String {
        let pairs: Vec<String> = self
            .iter()
            .map(|(name, value)| format!("{name}={}", key_value::quote(value)))
            .collect();
        pairs.join(" ")
    }

    /// Replaces a `dbname` that is a connection string or URI by what it says.
    ///
    /// As with libpq's `expand_dbname`: its parameters win over those before `dbname` and lose to
    /// those after it. A `dbname` inside it is taken as it is.
    pub fn expand_dbname(&self) -> Result<Self, Error> {
        let mut expanded = Self::new();
        for (keyword, value) in &self.entries {
            if keyword.name == "dbname" && redact::holds_conninfo(value) {
                expanded.merge(&Self::parse(value)?);
            } else {
                expanded.put(keyword, value.clone());
            }
        }
        Ok(expanded)
    }

    pub(crate) fn entries(&self) -> &[(&'static Keyword, String)] {
        &self.entries
    }

    fn put(&mut self, keyword: &'static Keyword, value: String) {
        match self
            .entries
            .iter_mut()
            .find(|(k, _)| k.name == keyword.name)
        {
            Some((_, old)) => *old = value,
            None => self.entries.push((keyword, value)),
        }
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.entries.iter().map(|(keyword, value)| {
            let hidden =
                keyword.secret || (keyword.name == "dbname" && redact::holds_conninfo(value));
            (keyword.name, if hidden { MASK } else { value })
        });
        f.debug_map().entries(shown).finish()
    }
}

/// Merges keyword arguments into a connection string, as psycopg's `make_conninfo` does.
///
/// Without arguments the string is only checked and comes back as it is. An argument that is `None` leaves what
/// the string says.
///
/// ```
/// use psycoxide_conninfo::make_conninfo;
///
/// let conninfo = make_conninfo("postgresql://h/d", &[("user", Some("a b")), ("port", None)])?;
/// assert_eq!(conninfo, "dbname=d host=h user='a b'");
/// # Ok::<(), psycoxide_conninfo::Error>(())
/// ```
pub fn make_conninfo(conninfo: &str, arguments: &[(&str, Option<&str>)]) -> Result<String, Error> {
    let mut parameters = Parameters::parse(conninfo)?;
    if arguments.is_empty() {
        return Ok(conninfo.to_owned());
    }
    for (name, value) in arguments {
        if let Some(value) = value {
            parameters.set(name, value)?;
        }
    }
    Ok(parameters.to_conninfo())
}

/// Pairs a name with its keyword; nothing if nobody knows it.
pub(crate) fn known(name: &str, value: String) -> Option<(&'static Keyword, String)> {
    // From before `sslmode`; libpq still takes it.
    if name == "requiressl" {
        let mode = if value.starts_with('1') {
            "require"
        } else {
            "prefer"
        };
        return known("sslmode", mode.to_owned());
    }
    keyword::find(name).map(|keyword| (keyword, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parsing_orders_and_keeps_the_last() {
        let parameters = Parameters::parse("port=5 host=a user=x host=b").unwrap();
        let pairs: Vec<_> = parameters.iter().collect();
        assert_eq!(pairs, [("user", "x"), ("host", "b"), ("port", "5")]);
        assert_eq!(parameters.get("host"), Some("b"));
        assert_eq!(parameters.get("dbname"), None);
        assert_eq!(parameters.len(), 3);
    }

    #[test]
    fn setting_keeps_the_place_and_appends_what_is_new() {
        let mut parameters = Parameters::parse("user=x host=a").unwrap();
        parameters.set("application_name", "n").unwrap();
        parameters.set("user", "").unwrap();
        parameters.set("topologyKeys", "c.r.z").unwrap();
        assert_eq!(
            parameters.to_conninfo(),
            "user='' host=a application_name=n topology_keys=c.r.z"
        );
        assert_eq!(parameters.get("topology-keys"), Some("c.r.z"));
    }

    #[test]
    fn unknown_keywords_and_nul_are_errors() {
        let mut parameters = Parameters::new();
        let error = parameters.set("usr", "x").unwrap_err().to_string();
        assert_eq!(
            error,
            r#"invalid connection option "usr" (did you mean "user"?)"#
        );
        let error = parameters.set("host", "a\0b").unwrap_err().to_string();
        assert_eq!(
            error,
            r#"connection option "host" contains a NUL (0x00) character"#
        );
        let error = Parameters::parse("host=a\0").unwrap_err().to_string();
        assert_eq!(error, "connection string contains a NUL (0x00) character");
        assert!(parameters.is_empty());
    }

    #[test]
    fn the_old_name_of_sslmode_is_translated() {
        assert_eq!(
            Parameters::parse("requiressl=1").unwrap().to_conninfo(),
            "sslmode=require"
        );
        assert_eq!(
            Parameters::parse("requiressl=0").unwrap().to_conninfo(),
            "sslmode=prefer"
        );
    }

    #[test]
    fn dbname_is_expanded_when_asked() {
        let mut parameters = Parameters::new();
        for (name, value) in [
            ("host", "a"),
            ("dbname", "postgresql://b:1/d?dbname=host%3Dx"),
            ("port", "2"),
        ] {
            parameters.set(name, value).unwrap();
        }
        let expanded = parameters.expand_dbname().unwrap();
        assert_eq!(expanded.to_conninfo(), "host=b dbname=host=x port=2");
        let plain = Parameters::parse("dbname=d").unwrap();
        assert_eq!(plain.expand_dbname().unwrap(), plain);
    }

    #[test]
    fn debug_hides_secrets() {
        let parameters = Parameters::parse(
            "user=u password=hunter2 sslpassword=hunter2 dbname='password=hunter2'",
        )
        .unwrap();
        let shown = format!("{parameters:?}");
        assert!(
            shown.contains("\"u\"") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    #[test]
    fn make_conninfo_is_psycopgs() {
        for (conninfo, arguments, expected) in [
            ("host=b ", &[][..], "host=b "),
            ("host=b ", &[("port", None)], "host=b"),
            ("host=a port=5", &[("host", Some(""))], "host='' port=5"),
            (
                "port=5 host=a",
                &[("user", Some("x"))],
                "host=a port=5 user=x",
            ),
            (
                "",
                &[("password", Some("x")), ("host", Some("y"))],
                "password=x host=y",
            ),
        ] {
            assert_eq!(make_conninfo(conninfo, arguments).unwrap(), expected);
        }
        assert!(make_conninfo("foo", &[]).is_err());
        assert!(make_conninfo("foo", &[("port", None)]).is_err());
        assert!(make_conninfo("", &[("foo", Some("x"))]).is_err());
    }

    fn pair() -> impl Strategy<Value = (&'static str, String)> {
        let names: Vec<&'static str> = keyword::all().map(|keyword| keyword.name).collect();
        (proptest::sample::select(names), "[^\0]{0,12}")
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(pairs in proptest::collection::vec(pair(), 0..8)) {
            let mut parameters = Parameters::new();
            for (name, value) in &pairs {
                parameters.set(name, value).unwrap();
            }
            let mut read = Parameters::parse(&parameters.to_conninfo()).unwrap();
            for (name, value) in parameters.iter() {
                prop_assert_eq!(read.get(name), Some(value));
            }
            prop_assert_eq!(read.len(), parameters.len());
            // From the second time on the order is settled, and so is the text.
            let text = read.to_conninfo();
            read = Parameters::parse(&text).unwrap();
            prop_assert_eq!(read.to_conninfo(), text);
        }

        #[test]
        fn percent_encoded_values_are_read_back(pairs in proptest::collection::vec(pair(), 0..8)) {
            let mut parameters = Parameters::new();
            let mut uri = "postgresql:///?".to_owned();
            for (name, value) in &pairs {
                let encoded: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
                uri.push_str(&format!("{name}={encoded}&"));
                parameters.set(name, value).unwrap();
            }
            let read = Parameters::parse(&uri).unwrap();
            for (name, value) in parameters.iter() {
                prop_assert_eq!(read.get(name), Some(value));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = Parameters::parse(&text);
            let _ = Parameters::parse(&format!("postgresql://{text}"));
        }

        #[test]
        fn any_text_of_separators_is_read_or_refused(
            text in "(postgres(ql)?://)?([a-z]{1,3}|host|user|password|[=' \\\\@:/?&,%\\[\\]]|%2[0f]){0,20}"
        ) {
            if let Ok(parameters) = Parameters::parse(&text) {
                let again = Parameters::parse(&parameters.to_conninfo()).unwrap();
                prop_assert_eq!(again, parameters);
            }
        }
    }
}
