//! The service file: named sets of parameters in INI form.
//!
//! The rule it guards: the user's file comes before the system's and the first section of the name
//! counts alone; a line in it that cannot be used is an error with file and line, never skipped.
//! Manual: [The Connection Service File](https://www.postgresql.org/docs/18/libpq-pgservice.html).

use std::io;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::environment::Environment;
use crate::key_value::is_space;
use crate::keyword::{self, Keyword};

/// Where Debian and its family keep the system's file; `PGSYSCONFDIR` overrides it.
const SYSTEM_DIRECTORY: &str = "/etc/postgresql-common";

type Pairs = Vec<(&'static Keyword, String)>;

/// The parameters of a service.
pub(crate) fn load(service: &str, environment: &dyn Environment) -> Result<Pairs, Error> {
    let named = environment.variable("PGSERVICEFILE").map(PathBuf::from);
    let is_named = named.is_some();
    let user = named.or_else(|| {
        environment
            .home_directory()
            .map(|home| home.join(".pg_service.conf"))
    });

    let mut searched = Vec::new();
    if let Some(path) = user {
        match read(&path, environment)? {
            Some(text) => {
                if let Some(pairs) = find(&text, service, &path)? {
                    return Ok(pairs);
                }
            }
            None if is_named => return Err(Error::ServiceFileNotFound { path }),
            None => {}
        }
        searched.push(path);
    }

    let directory = environment
        .variable("PGSYSCONFDIR")
        .unwrap_or_else(|| SYSTEM_DIRECTORY.into());
    let path = PathBuf::from(directory).join("pg_service.conf");
    if let Some(text) = read(&path, environment)?
        && let Some(pairs) = find(&text, service, &path)?
    {
        return Ok(pairs);
    }
    searched.push(path);
    Err(Error::ServiceNotFound {
        service: service.to_owned(),
        searched,
    })
}

fn read(path: &Path, environment: &dyn Environment) -> Result<Option<String>, Error> {
    let unreadable = |reason: String| Error::ServiceFileUnreadable {
        path: path.to_owned(),
        reason,
    };
    match environment.read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(unreadable("not valid UTF-8".to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

/// The pairs of the first section of this name.
fn find(text: &str, service: &str, path: &Path) -> Result<Option<Pairs>, Error> {
    let header = format!("[{service}]");
    let mut section: Option<Pairs> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_matches(is_space);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('[') {
            if section.is_some() {
                break;
            }
            if line.starts_with(&header) {
                section = Some(Vec::new());
            }
        } else if let Some(pairs) = &mut section {
            let (keyword, value) = read_pair(line, path, index + 1)?;
            // As in libpq, the first of repeated keywords counts here.
            if !pairs.iter().any(|(known, _)| known.name == keyword.name) {
                pairs.push((keyword, value.to_owned()));
            }
        }
    }
    Ok(section)
}

fn read_pair<'a>(
    text: &'a str,
    path: &Path,
    line: usize,
) -> Result<(&'static Keyword, &'a str), Error> {
    let syntax = |reason: String| Error::ServiceFileSyntax {
        path: path.to_owned(),
        line,
        reason,
    };
    if text.starts_with("ldap") {
        return Err(syntax("LDAP lookup is not supported".to_owned()));
    }
    let Some((name, value)) = text.split_once('=') else {
        return Err(syntax("missing \"=\" after the keyword".to_owned()));
    };
    if name == "service" {
        return Err(Error::NestedService {
            path: path.to_owned(),
            line,
        });
    }
    if value.contains('\0') {
        return Err(syntax(
            "the value contains a NUL (0x00) character".to_owned(),
        ));
    }
    match keyword::find(name) {
        Some(keyword) => Ok((keyword, value)),
        None if name.ends_with(is_space) => {
            Err(syntax("no space may stand before \"=\"".to_owned()))
        }
        None => Err(syntax(match keyword::suggest(name) {
            Some(known) => format!("unknown keyword \"{name}\" (did you mean \"{known}\"?)"),
            None => format!("unknown keyword \"{name}\""),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Fixed;

    const USER: &str = "/home/ann/.pg_service.conf";

    fn loaded(environment: &Fixed) -> Result<String, String> {
        let environment = environment.clone().home("/home/ann");
        let pairs = load("s", &environment).map_err(|error| error.to_string())?;
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(keyword, value)| format!("{}={value}", keyword.name))
            .collect();
        Ok(pairs.join(","))
    }

    fn with(content: &str) -> Result<String, String> {
        loaded(&Fixed::default().file(USER, 0o644, content))
    }

    #[test]
    fn reads_the_first_section_of_the_name() {
        for (content, expected) in [
            ("[s]\nport=2\nuser=su\n", "port=2,user=su"),
            ("#c\nport=1\nnonsense\n[s]\n\n # c\n  port=2 \n", "port=2"),
            ("[s]\nport=2\nport=3\n[s]\nuser=x\n", "port=2"),
            ("[t]\nport=1\n [s] \r\nport=2\r\n[t]\nuser=x", "port=2"),
            ("[s]\nuser= x # y\n", "user= x # y"),
            ("[s]\nuser=a=b\ndbname=\n", "user=a=b,dbname="),
            ("[s]\napplication_name='a b'\n", "application_name='a b'"),
            ("[s]\ntopology_keys=c.r.z\n", "topology_keys=c.r.z"),
            ("[s]\n", ""),
        ] {
            assert_eq!(with(content).as_deref(), Ok(expected), "{content}");
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        for (content, reason) in [
            ("[s]\nport\n", "missing \"=\" after the keyword"),
            ("[s]\nport = 2\n", "no space may stand before \"=\""),
            ("[s]\n=x\n", "unknown keyword \"\""),
            ("[s]\nfoo=1\n", "unknown keyword \"foo\""),
            (
                "[s]\nhots=1\n",
                "unknown keyword \"hots\" (did you mean \"host\"?)",
            ),
            ("[s]\nrequiressl=1\n", "unknown keyword \"requiressl\""),
            ("[s]\nldap://h/dn\n", "LDAP lookup is not supported"),
        ] {
            let expected = format!("syntax error in service file \"{USER}\", line 2: {reason}");
            assert_eq!(with(content), Err(expected));
        }
        let nested = format!(
            "nested service specifications not supported in service file \"{USER}\", line 2"
        );
        assert_eq!(with("[s]\nservice=t\n"), Err(nested));
    }

    #[test]
    fn files_are_searched_in_order() {
        let system = "[s]\nport=9\n";
        let both = Fixed::default().file(USER, 0o644, "[t]\nport=1\n").file(
            "/etc/postgresql-common/pg_service.conf",
            0o644,
            system,
        );
        assert_eq!(loaded(&both).as_deref(), Ok("port=9"));

        let directory = Fixed::default().variable("PGSYSCONFDIR", "/sys").file(
            "/sys/pg_service.conf",
            0o644,
            system,
        );
        assert_eq!(loaded(&directory).as_deref(), Ok("port=9"));

        let named = Fixed::default()
            .variable("PGSERVICEFILE", "/x")
            .file("/x", 0o644, system);
        assert_eq!(loaded(&named).as_deref(), Ok("port=9"));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            loaded(&Fixed::default()),
            Err(format!(
                "definition of service \"s\" not found in \"{USER}\" or \
                 \"/etc/postgresql-common/pg_service.conf\""
            ))
        );
        let named = Fixed::default().variable("PGSERVICEFILE", "/x");
        assert_eq!(
            loaded(&named),
            Err("service file \"/x\" not found".to_owned())
        );
        let binary = Fixed::default().file(USER, 0o644, vec![0xff]);
        assert!(loaded(&binary).unwrap_err().contains("not valid UTF-8"));
    }
}
