//! A line of values with an infinity at both ends: dates and timestamps.

/// A finite value, or one of the two infinities that PostgreSQL's dates and timestamps have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Extended<T> {
    /// `-infinity`: earlier than everything else.
    NegativeInfinity,
    /// An ordinary value.
    Finite(T),
    /// `infinity`: later than everything else.
    Infinity,
}

impl<T> Extended<T> {
    /// The value, unless it is infinite.
    pub fn finite(self) -> Option<T> {
        match self {
            Self::Finite(value) => Some(value),
            Self::NegativeInfinity | Self::Infinity => None,
        }
    }

    /// Applies `function` to a finite value.
    #[inline]
    pub fn map<U>(self, function: impl FnOnce(T) -> U) -> Extended<U> {
        match self {
            Self::NegativeInfinity => Extended::NegativeInfinity,
            Self::Finite(value) => Extended::Finite(function(value)),
            Self::Infinity => Extended::Infinity,
        }
    }

    /// The infinity that a text stands for, if it does.
    #[inline]
    pub(crate) fn infinity_from_text(text: &[u8]) -> Option<Self> {
        match text {
            b"infinity" => Some(Self::Infinity),
            b"-infinity" => Some(Self::NegativeInfinity),
            _ => None,
        }
    }

    /// The text of an infinity, or the finite value.
    pub(crate) fn or_text(self) -> Result<T, &'static [u8]> {
        match self {
            Self::NegativeInfinity => Err(b"-infinity"),
            Self::Finite(value) => Ok(value),
            Self::Infinity => Err(b"infinity"),
        }
    }
}
