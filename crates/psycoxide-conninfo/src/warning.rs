//! What was odd in the settings but does not stop a connection; collected in `Config::warnings`.
//!
//! This crate prints nothing: the caller decides whether to log, warn or ignore.

use std::fmt;
use std::path::PathBuf;

/// Something the user should know although the connection can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The password file can be read by others and was ignored.
    PassfilePermissions {
        /// The file.
        path: PathBuf,
    },
    /// The password file is not a regular file and was ignored.
    PassfileNotPlain {
        /// The file.
        path: PathBuf,
    },
    /// The password file exists but could not be read.
    PassfileUnreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
    /// A line of the password file that fits is not valid UTF-8 and was ignored.
    PassfileNotUtf8 {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
    },
    /// A number out of range was replaced by the nearest allowed one.
    Clamped {
        /// The keyword.
        keyword: &'static str,
        /// What was asked for.
        value: String,
        /// What is used.
        used: String,
    },
    /// A keyword that is understood but has no effect in this version.
    NotInEffect {
        /// The keyword.
        keyword: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PassfilePermissions { path } => write!(
                f,
                "password file \"{}\" has group or world access; permissions should be u=rw (0600) or less",
                path.display()
            ),
            Self::PassfileNotPlain { path } => {
                write!(
                    f,
                    "password file \"{}\" is not a plain file",
                    path.display()
                )
            }
            Self::PassfileUnreadable { path, reason } => {
                write!(
                    f,
                    "password file \"{}\" could not be read: {reason}",
                    path.display()
                )
            }
            Self::PassfileNotUtf8 { path, line } => write!(
                f,
                "password file \"{}\", line {line}: not valid UTF-8, ignored",
                path.display()
            ),
            Self::Clamped {
                keyword,
                value,
                used,
            } => {
                write!(
                    f,
                    "value {value} for connection option \"{keyword}\" is out of range, {used} is used"
                )
            }
            Self::NotInEffect { keyword } => {
                write!(
                    f,
                    "connection option \"{keyword}\" has no effect in this version"
                )
            }
        }
    }
}
