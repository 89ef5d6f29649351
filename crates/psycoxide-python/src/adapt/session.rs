//! The session's settings that values depend on: encoding, date style, time zone.
//!
//! Intervals are read whatever their style is.
//!
//! The server reports them as `ParameterStatus`. The connection keeps the current [`Session`] in a
//! [`SessionHandle`] and replaces it when a report arrives; whoever loads or dumps takes the
//! current one first and works with that one to the end of the row.

use std::sync::{Arc, PoisonError, RwLock};

use psycoxide_sql::Encoding;
use psycoxide_types::date::DateStyle;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTzInfo;

use super::encoding::ClientEncoding;
use super::load::recent::RecentLoaders;
use super::timezone::Zone;

/// Settings of one session at one moment.
pub struct Session {
    /// How text travels.
    pub encoding: ClientEncoding,
    /// The same, for quoting.
    pub quote_encoding: Encoding,
    /// How dates are written, and the order of day and month.
    pub date_style: DateStyle,
    /// Whether a backslash in a plain string literal is itself.
    pub standard_conforming_strings: bool,
    /// The name of the session's time zone, None if the server did not say.
    timezone: Option<Box<str>>,
    zone: PyOnceLock<Zone>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Session")
            .field("encoding", &self.encoding)
            .field("date_style", &self.date_style)
            .field("timezone", &self.timezone)
            .finish_non_exhaustive()
    }
}

impl Default for Session {
    fn default() -> Self {
        Session {
            encoding: ClientEncoding::Utf8,
            quote_encoding: Encoding::from_name("UTF8"),
            date_style: DateStyle::default(),
            standard_conforming_strings: true,
            timezone: None,
            zone: PyOnceLock::new(),
        }
    }
}

impl Session {
    /// The settings that the server has reported; what it did not report has its default.
    pub fn from_parameters(parameter: &dyn Fn(&str) -> Option<String>) -> Session {
        let mut session = Session::default();
        if let Some(name) = parameter("client_encoding") {
            session.encoding = ClientEncoding::from_name(&name)
                .unwrap_or(ClientEncoding::Unsupported("that the server reports"));
            session.quote_encoding = Encoding::from_name(&name);
        }
        if let Some(style) = parameter("DateStyle") {
            session.date_style = DateStyle::from_parameter(style.as_bytes()).unwrap_or_default();
        }
        if let Some(setting) = parameter("standard_conforming_strings") {
            session.standard_conforming_strings = setting == "on";
        }
        session.timezone = parameter("TimeZone").map(String::into_boxed_str);
        session
    }

    /// The session's time zone; UTC if it is unknown (to the server or to Python).
    #[inline]
    pub fn zone(&self, py: Python<'_>) -> PyResult<&Zone> {
        self.zone
            .get_or_try_init(py, || Zone::named(py, self.timezone.as_deref()))
    }
}

/// The current [`Session`] of a connection, shared with its transformers.
#[derive(Clone, Debug, Default)]
pub struct SessionHandle(Arc<Current>);

#[derive(Debug, Default)]
struct Current {
    session: RwLock<Arc<Session>>,
    loaders: RecentLoaders,
}

impl SessionHandle {
    /// A handle on these settings.
    pub fn new(session: Session) -> Self {
        SessionHandle(Arc::new(Current {
            session: RwLock::new(Arc::new(session)),
            loaders: RecentLoaders::default(),
        }))
    }

    /// The settings now.
    #[inline]
    pub fn load(&self) -> Arc<Session> {
        let current = self.0.session.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// What the connection's cursors have loaded rows with.
    pub fn recent_loaders(&self) -> &RecentLoaders {
        &self.0.loaders
    }

    /// Replaces the settings, after a `ParameterStatus`.
    pub fn store(&self, session: Session) {
        let session = Arc::new(session);
        let old = std::mem::replace(
            &mut *self
                .0
                .session
                .write()
                .unwrap_or_else(PoisonError::into_inner),
            session,
        );
        drop(old);
    }
}

/// What `PGconn._session()` returns: the way from a Python connection to its [`SessionHandle`].
#[pyclass(frozen, module = "psycoxide._core")]
#[derive(Debug)]
pub struct SessionRef {
    /// The connection's settings.
    pub handle: SessionHandle,
}

impl SessionRef {
    /// The handle of a connection object, or of one with default settings if there is none.
    pub fn of_connection(connection: Option<&Bound<'_, PyAny>>) -> PyResult<SessionHandle> {
        let Some(connection) = connection else {
            return Ok(SessionHandle::default());
        };
        let py = connection.py();
        let Some(pgconn) = connection.getattr_opt(pyo3::intern!(py, "pgconn"))? else {
            return Ok(SessionHandle::default());
        };
        let Some(session) = pgconn.getattr_opt(pyo3::intern!(py, "_session"))? else {
            return Ok(SessionHandle::default());
        };
        match session.call0()?.cast::<SessionRef>() {
            Ok(session) => Ok(session.get().handle.clone()),
            Err(_) => Ok(SessionHandle::default()),
        }
    }
}

#[pymethods]
impl SessionRef {
    /// The name of Python's codec for the client encoding, None if Python has none.
    #[getter]
    fn encoding(&self) -> Option<&'static str> {
        self.handle.load().encoding.python_name()
    }

    /// The session's time zone.
    #[getter]
    fn timezone(&self, py: Python<'_>) -> PyResult<Py<PyTzInfo>> {
        Ok(self.handle.load().zone(py)?.tzinfo.clone_ref(py))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reported_settings() {
        let session = Session::from_parameters(&|name| {
            let value = match name {
                "client_encoding" => "LATIN9",
                "standard_conforming_strings" => "off",
                _ => return None,
            };
            Some(value.to_owned())
        });
        assert_eq!(session.encoding, ClientEncoding::Codec("iso8859-15"));
        assert!(!session.standard_conforming_strings);
        assert_eq!(session.date_style, DateStyle::default());
    }

    #[test]
    fn a_handle_sees_the_change() {
        let handle = SessionHandle::default();
        let other = handle.clone();
        handle.store(Session {
            standard_conforming_strings: false,
            ..Session::default()
        });
        assert!(!other.load().standard_conforming_strings);
    }
}
