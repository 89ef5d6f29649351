//! Where the session stands with respect to transactions, as `ReadyForQuery` reports it.

/// The transaction status, numbered as libpq's `PGTransactionStatusType`.
///
/// The server reports three of the five; [`Active`](Self::Active) and [`Unknown`](Self::Unknown) are
/// what a client knows by itself: a query is under way, the connection is bad.
///
/// Manual: <https://www.postgresql.org/docs/18/libpq-status.html#LIBPQ-PQTRANSACTIONSTATUS>
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum TransactionStatus {
    /// Not in a transaction block.
    Idle = 0,
    /// A command is in progress.
    Active = 1,
    /// In a valid transaction block.
    InTransaction = 2,
    /// In a failed transaction block: only its end is accepted.
    InError = 3,
    /// The connection is bad.
    Unknown = 4,
}

impl TransactionStatus {
    /// The status for the byte of a `ReadyForQuery`: `I`, `T` or `E`.
    #[inline]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'I' => Some(Self::Idle),
            b'T' => Some(Self::InTransaction),
            b'E' => Some(Self::InError),
            _ => None,
        }
    }
}
