//! A text that must not be printed: passwords, keys and tokens on their way through [`Config`].
//!
//! The rule it guards: neither `Debug` nor `Display` shows the content, whatever holds it, and the
//! memory is overwritten when the value is dropped.
//!
//! [`Config`]: crate::Config

use std::fmt;

use zeroize::Zeroizing;

/// What stands in a message where a secret would be.
pub(crate) const MASK: &str = "********";

/// A secret text; read it with [`Secret::reveal`], nothing else shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes over a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself; the name makes its uses easy to find.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing_of_its_content() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)),
            "******** ******** Some(********)"
        );
        assert_eq!(secret.reveal(), "hunter2");
    }
}
