//! Passwords with libpq's names: as the server stores them, so that it need not be told them.
//!
//! <https://www.postgresql.org/docs/current/libpq-misc.html#LIBPQ-PQENCRYPTPASSWORDCONN>

use std::sync::Arc;

use psycoxide_client::{PasswordAlgorithm, Query, SendCommand, encrypt_password};
use psycoxide_connection::ExecStatus;
use psycoxide_protocol::data_row;
use psycoxide_sql::quote;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::pgconn::PGconn;

const ENCRYPTING: &str = "password encryption";

impl PGconn {
    /// The password as the server stores it.
    fn encrypted(
        &self,
        py: Python<'_>,
        password: &[u8],
        user: &[u8],
        algorithm: Option<&[u8]>,
    ) -> PyResult<Vec<u8>> {
        if self.check_ours().is_err() {
            return Err(self.failed_with(ENCRYPTING, "the connection is closed"));
        }
        let algorithm = match algorithm {
            Some(name) => name.to_vec(),
            None => self.server_algorithm(py)?,
        };
        let Some(known) = PasswordAlgorithm::from_name(&algorithm) else {
            let name = String::from_utf8_lossy(&algorithm);
            let text = format!("unrecognized password encryption algorithm \"{name}\"");
            return Err(self.failed_with(ENCRYPTING, &text));
        };
        py.detach(|| encrypt_password(known, user, password))
            .map_err(|error| self.failed(ENCRYPTING, &error))
    }

    /// The server's setting.
    fn server_algorithm(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        let query = Arc::new(Query::new(*b"SHOW password_encryption"));
        let result = self
            .run(py, ENCRYPTING, SendCommand::Query(query))?
            .result();
        let row = result.rows.row(0).unwrap_or_default();
        match data_row::column(row, 0) {
            Ok(Some(name)) if result.status == ExecStatus::TuplesOk => Ok(name.to_vec()),
            _ => Err(self.failed_with(ENCRYPTING, "the server does not tell password_encryption")),
        }
    }
}

#[pymethods]
impl PGconn {
    /// A password as the server stores it. `algorithm`: `b"scram-sha-256"` or `b"md5"`; `None`: the
    /// server is asked.
    #[pyo3(signature = (passwd, user, algorithm=None))]
    fn encrypt_password<'py>(
        &self,
        py: Python<'py>,
        passwd: PyBackedBytes,
        user: PyBackedBytes,
        algorithm: Option<PyBackedBytes>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let stored = self.encrypted(py, &passwd, &user, algorithm.as_deref())?;
        Ok(PyBytes::new(py, &stored))
    }

    /// Changes the password of a user; it is encrypted before it is sent.
    fn change_password(
        &self,
        py: Python<'_>,
        user: PyBackedBytes,
        passwd: PyBackedBytes,
    ) -> PyResult<()> {
        let stored = self.encrypted(py, &passwd, &user, None)?;
        let encoding = self.shared.session.load().quote_encoding;
        let mut sql = b"ALTER USER ".to_vec();
        quote::quote_identifier(&mut sql, &user, encoding)
            .and_then(|()| {
                sql.extend_from_slice(b" PASSWORD ");
                quote::quote_literal(&mut sql, &stored, encoding)
            })
            .map_err(|error| self.failed_with(ENCRYPTING, &error.to_string()))?;
        let command = SendCommand::Query(Arc::new(Query::new(sql)));
        let result = self.run(py, ENCRYPTING, command)?;
        if result.result().status == ExecStatus::CommandOk {
            return Ok(());
        }
        let text = result.message_text(&self.codec());
        Err(self.failed_with(ENCRYPTING, &text))
    }
}
