//! The only place that reads the process: variables, home directory, user name, files.
//!
//! Everything else asks an [`Environment`], so the rest of the crate is a function of its arguments and
//! tests describe their own world with [`Fixed`]. Variables: manual,
//! [Environment Variables](https://www.postgresql.org/docs/18/libpq-envars.html).

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::Error;

/// What resolving asks of its surroundings.
pub trait Environment {
    /// An environment variable, set but empty included.
    fn variable(&self, name: &str) -> Option<OsString>;
    /// The home directory of the user.
    fn home_directory(&self) -> Option<PathBuf>;
    /// The operating system's name of the user, or why it is not known.
    fn user_name(&self) -> Result<String, String>;
    /// What a path is; symbolic links are followed.
    fn status(&self, path: &Path) -> io::Result<FileStatus>;
    /// The content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// File, directory or something else.
    pub kind: FileKind,
    /// Permission bits, where the system has them.
    pub permissions: Option<u32>,
}

/// The kinds of file that make a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A pipe, a device, a socket.
    Other,
}

/// A variable as text.
pub(crate) fn text(
    environment: &dyn Environment,
    name: &'static str,
) -> Result<Option<String>, Error> {
    match environment.variable(name) {
        None => Ok(None),
        Some(value) => match value.into_string() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(Error::VariableNotUtf8 { variable: name }),
        },
    }
}

/// The real process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process;

impl Environment for Process {
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn home_directory(&self) -> Option<PathBuf> {
        std::env::home_dir().filter(|path| !path.as_os_str().is_empty())
    }

    #[cfg(unix)]
    fn user_name(&self) -> Result<String, String> {
        let uid = nix::unistd::geteuid();
        match nix::unistd::User::from_uid(uid) {
            Ok(Some(user)) => Ok(user.name),
            Ok(None) => Err(format!("local user with ID {uid} does not exist")),
            Err(errno) => Err(errno.desc().to_owned()),
        }
    }

    #[cfg(not(unix))]
    fn user_name(&self) -> Result<String, String> {
        std::env::var("USERNAME").map_err(|error| format!("USERNAME: {error}"))
    }

    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        let metadata = std::fs::metadata(path)?;
        let kind = match () {
            () if metadata.is_file() => FileKind::File,
            () if metadata.is_dir() => FileKind::Directory,
            () => FileKind::Other,
        };
        #[cfg(unix)]
        let permissions = {
            use std::os::unix::fs::PermissionsExt;
            Some(metadata.permissions().mode())
        };
        #[cfg(not(unix))]
        let permissions = None;
        Ok(FileStatus { kind, permissions })
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}

/// A world made up for a test: nothing is there but what was put there.
///
/// ```
/// use psycoxide_conninfo::environment::Fixed;
///
/// let environment = Fixed::default()
///     .variable("PGPORT", "5435")
///     .home("/home/ann")
///     .user("ann")
///     .file("/home/ann/.pgpass", 0o600, "*:*:*:ann:secret\n");
/// # let _ = environment;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    variables: HashMap<String, OsString>,
    home: Option<PathBuf>,
    user: Option<String>,
    entries: HashMap<PathBuf, (FileStatus, Vec<u8>)>,
}

impl Fixed {
    /// Sets a variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the home directory.
    #[must_use]
    pub fn home(mut self, path: impl Into<PathBuf>) -> Self {
        self.home = Some(path.into());
        self
    }

    /// Sets the user's name.
    #[must_use]
    pub fn user(mut self, name: &str) -> Self {
        self.user = Some(name.to_owned());
        self
    }

    /// Adds a regular file.
    #[must_use]
    pub fn file(self, path: &str, permissions: u32, content: impl Into<Vec<u8>>) -> Self {
        self.entry(path, FileKind::File, permissions, content.into())
    }

    /// Adds a directory.
    #[must_use]
    pub fn directory(self, path: &str) -> Self {
        self.entry(path, FileKind::Directory, 0o755, Vec::new())
    }

    /// Adds anything.
    #[must_use]
    pub fn entry(mut self, path: &str, kind: FileKind, mode: u32, content: Vec<u8>) -> Self {
        let status = FileStatus {
            kind,
            permissions: Some(mode),
        };
        self.entries.insert(PathBuf::from(path), (status, content));
        self
    }
}

impl Environment for Fixed {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn home_directory(&self) -> Option<PathBuf> {
        self.home.clone()
    }

    fn user_name(&self) -> Result<String, String> {
        self.user.clone().ok_or_else(|| "no user".to_owned())
    }

    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        match self.entries.get(path) {
            Some((status, _)) => Ok(*status),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.entries.get(path) {
            Some((_, content)) => Ok(content.clone()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn the_process_knows_its_user_and_files() {
        assert!(!Process.user_name().unwrap().is_empty());
        assert_eq!(Process.variable("PSYCOXIDE_NO_SUCH_VARIABLE"), None);

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        std::fs::write(&path, "x").unwrap();
        assert_eq!(Process.status(&path).unwrap().kind, FileKind::File);
        assert_eq!(
            Process.status(directory.path()).unwrap().kind,
            FileKind::Directory
        );
        assert_eq!(
            Process.status(Path::new("/dev/null")).unwrap().kind,
            FileKind::Other
        );
        assert_eq!(Process.read(&path).unwrap(), b"x");
        assert!(Process.status(&directory.path().join("g")).is_err());
    }

    #[test]
    fn a_variable_that_is_not_utf8_is_an_error() {
        let environment = Fixed::default().variable("PGUSER", OsString::from_vec(vec![0xff]));
        let error = text(&environment, "PGUSER").unwrap_err();
        assert_eq!(error, Error::VariableNotUtf8 { variable: "PGUSER" });
    }
}
