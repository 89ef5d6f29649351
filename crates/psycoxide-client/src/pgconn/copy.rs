//! COPY with libpq's verbs.
//!
//! <https://www.postgresql.org/docs/current/libpq-copy.html>

use crate::connection::Connection;
use crate::error::Error;
use crate::operations::{Operation, Step};

/// How much may wait to be sent before libpq's verbs say, in non-blocking mode, that they take no
/// more.
const LIMIT: usize = 1024 * 1024;
/// From how much on it is sent.
const PIECE: usize = 64 * 1024;

const NO_COPY: &str = "no COPY in progress";

/// What [`GetCopyData`] gives.
#[derive(Debug)]
pub enum CopyOut {
    /// A row, or whatever the server sends in one message.
    Data(Vec<u8>),
    /// Nothing now.
    Nothing,
    /// There are no more.
    End,
}

impl Connection {
    /// Queues data of a COPY to the server, and sends when enough has gathered: `PQputCopyData`.
    /// `false`: in non-blocking mode the queue is full.
    ///
    /// # Errors
    /// When there is no such COPY.
    pub fn put_copy_data(&mut self, data: &[u8]) -> Result<bool, Error> {
        self.check_copy_in()?;
        let before = self.pgconn.machine().outgoing().len();
        if self.answers.is_nonblocking() && before >= LIMIT {
            self.pgconn.flush()?;
            if self.pgconn.machine().outgoing().len() >= LIMIT {
                return Ok(false);
            }
        }
        self.pgconn.machine_mut().copy_data(data)?;
        if self.pgconn.machine().outgoing().len() >= PIECE {
            self.pgconn.flush()?;
        }
        Ok(true)
    }

    /// Ends a COPY to the server; with a reason it fails: `PQputCopyEnd`.
    ///
    /// # Errors
    /// When there is no such COPY.
    pub fn put_copy_end(&mut self, reason: Option<&[u8]>) -> Result<(), Error> {
        self.check_copy_in()?;
        match reason {
            None => self.pgconn.machine_mut().copy_done()?,
            Some(reason) => self.pgconn.machine_mut().copy_fail(reason)?,
        }
        self.pgconn.flush()?;
        Ok(())
    }

    /// Whether so much waits to be sent that a caller who waits should wait now.
    pub fn is_congested(&self) -> bool {
        self.pgconn.machine().outgoing().len() >= PIECE
    }

    fn check_copy_in(&mut self) -> Result<(), Error> {
        if !self.pgconn.is_open() {
            return Err(Error::Misuse(
                "no connection to the server\nno COPY in progress",
            ));
        }
        // The server may have had enough.
        self.look()?;
        if self.pgconn.machine().is_copying_in() && !self.answers.has_received() {
            return Ok(());
        }
        Err(Error::Misuse(NO_COPY))
    }

    /// What [`GetCopyData`] gives if it need not wait.
    ///
    /// # Errors
    /// When there is no COPY from the server.
    pub fn copy_data_at_hand(&mut self) -> Result<CopyOut, Error> {
        if let Some(data) = self.answers.copied.pop_front() {
            return Ok(CopyOut::Data(data));
        }
        if !self.answers.copying_out {
            return Err(Error::Misuse(NO_COPY));
        }
        self.look()?;
        if let Some(data) = self.answers.copied.pop_front() {
            return Ok(CopyOut::Data(data));
        }
        if self.pgconn.machine().is_copying_out() && !self.answers.has_received() {
            return Ok(CopyOut::Nothing);
        }
        self.answers.copying_out = false;
        Ok(CopyOut::End)
    }
}

/// Waits for data of a COPY from the server: `PQgetCopyData`.
#[derive(Debug, Default)]
pub struct GetCopyData(());

impl Operation for GetCopyData {
    type Output = CopyOut;

    fn step(&mut self, connection: &mut Connection) -> Result<Step<CopyOut>, Error> {
        loop {
            match connection.copy_data_at_hand()? {
                CopyOut::Nothing => {}
                output => return Ok(Step::Done(output)),
            }
            if let Some(wait) = connection.receive_more()? {
                return Ok(Step::Wait(wait));
            }
        }
    }
}
