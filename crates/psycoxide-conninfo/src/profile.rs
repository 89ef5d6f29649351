//! Which defaults apply: YugabyteDB's under our own name, libpq's under psycopg's name.
//!
//! This is the one place that knows the difference; everything else asks it.

/// The set of defaults for what neither the caller, the service file nor the environment says.
///
/// | keyword  | `Yugabyte`  | `Libpq`                                              |
/// |----------|-------------|------------------------------------------------------|
/// | host     | `localhost` | directory of the server's unix socket                |
/// | port     | 5433        | 5432                                                 |
/// | user     | `yugabyte`  | name of the operating system's user                  |
/// | dbname   | `yugabyte`  | same as user                                         |
/// | password | `yugabyte`, only when the user is defaulted too | none             |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The defaults of YugabyteDB's Python driver page.
    #[default]
    Yugabyte,
    /// The defaults of libpq, and so of psycopg.
    Libpq,
}

impl Profile {
    /// The port a server listens on when nobody says otherwise.
    pub fn port(self) -> u16 {
        match self {
            Self::Yugabyte => 5433,
            Self::Libpq => 5432,
        }
    }

    /// The fixed default of a keyword, if this profile has one besides the common table.
    pub(crate) fn compiled(self, keyword: &str) -> Option<&'static str> {
        match (self, keyword) {
            (Self::Yugabyte, "host") => Some("localhost"),
            (Self::Yugabyte, "port") => Some("5433"),
            (Self::Libpq, "port") => Some("5432"),
            (Self::Yugabyte, "user" | "dbname") => Some("yugabyte"),
            _ => None,
        }
    }

    /// The password used when the user is defaulted too.
    pub(crate) fn password(self) -> Option<&'static str> {
        match self {
            Self::Yugabyte => Some("yugabyte"),
            Self::Libpq => None,
        }
    }
}
