//! COPY with libpq's names.
//!
//! <https://www.postgresql.org/docs/current/libpq-copy.html>

use psycoxide_client::{CopyOut, GetCopyData};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyMemoryView};

use super::arguments::copy_of;
use super::pgconn::PGconn;
use crate::driver;
use crate::news;

#[pymethods]
impl PGconn {
    /// Sends data of a COPY; 1 if they are taken, 0 if in non-blocking mode too much waits to be
    /// sent.
    fn put_copy_data(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<i32> {
        const DOING: &str = "sending copy data";
        if self.check_ours().is_err() {
            return Err(self.failed_with(DOING, "the connection is closed"));
        }
        let copied;
        let data = match buffer.cast::<PyBytes>() {
            Ok(bytes) => bytes.as_bytes(),
            Err(_) => {
                copied = copy_of(buffer)?;
                &copied
            }
        };
        let put = self.shared.with(py, |connection| {
            let taken = connection.put_copy_data(data)?;
            let wait = connection.is_congested() && !connection.answers.is_nonblocking();
            Ok((taken, wait))
        });
        let (taken, wait) = put.map_err(|error| self.failed(DOING, &error))?;
        if wait {
            self.send_all(py, DOING)?;
        }
        news::deliver_low_level(py, &self.shared)?;
        Ok(i32::from(taken))
    }

    /// Ends the COPY; `error`, a text in `bytes`, makes it fail. Returns 1.
    #[pyo3(signature = (error=None))]
    fn put_copy_end(&self, py: Python<'_>, error: Option<PyBackedBytes>) -> PyResult<i32> {
        const DOING: &str = "sending copy end";
        if self.check_ours().is_err() {
            return Err(self.failed_with(DOING, "the connection is closed"));
        }
        let ended = self.shared.with(py, |connection| {
            connection.put_copy_end(error.as_deref())?;
            Ok(!connection.pgconn.is_flushed() && !connection.answers.is_nonblocking())
        });
        if ended.map_err(|error| self.failed(DOING, &error))? {
            self.send_all(py, DOING)?;
        }
        news::deliver_low_level(py, &self.shared)?;
        Ok(1)
    }

    /// Data of a COPY and how many bytes: 0 if there are none now, which occurs only if `async_` is
    /// true, and -1 at the end, or if the COPY has failed: `get_result()` tells.
    fn get_copy_data<'py>(
        &self,
        py: Python<'py>,
        async_: i64,
    ) -> PyResult<(i64, Bound<'py, PyAny>)> {
        const DOING: &str = "receiving copy data";
        if self.check_ours().is_err() {
            return Err(self.failed_with(DOING, "the connection is closed"));
        }
        let mut data = self
            .shared
            .with(py, |connection| connection.copy_data_at_hand());
        if async_ == 0 && matches!(data, Ok(CopyOut::Nothing)) {
            data = driver::try_run(py, &self.shared, &mut GetCopyData::default())?;
        }
        news::deliver_low_level(py, &self.shared)?;
        let empty = || PyBytes::new(py, b"").into_any();
        match data.map_err(|error| self.failed(DOING, &error))? {
            CopyOut::Data(data) => {
                let bytes = PyBytes::new(py, &data);
                let length = i64::try_from(data.len()).unwrap_or(i64::MAX);
                Ok((length, PyMemoryView::from(&bytes)?.into_any()))
            }
            CopyOut::Nothing => Ok((0, empty())),
            CopyOut::End => Ok((-1, empty())),
        }
    }
}
