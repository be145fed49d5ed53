//! Values that cannot be logged by accident.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use crate::IdentityError;

/// Shortest accepted HS256 secret in bytes: as long as the hash (RFC 7518 section 3.2).
pub const SECRET_BYTES_MIN: usize = 32;
/// Longest accepted HS256 secret in bytes.
pub const SECRET_BYTES_MAX: usize = 4096;

/// A value whose `Debug` and `Display` show only that it is there.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself; each call is a place to look at in a review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The secret of an HS256 issuer, 32 to 4096 bytes, zeroed when dropped.
#[derive(Clone)]
pub struct Secret(Redacted<Zeroizing<Vec<u8>>>);

impl Secret {
    /// Takes the bytes over.
    ///
    /// # Errors
    /// [`IdentityError::SecretLength`] when it is shorter than the hash or absurdly long.
    pub fn new(bytes: Vec<u8>) -> Result<Self, IdentityError> {
        let mut bytes = bytes;
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) {
            bytes.zeroize();
            return Err(IdentityError::SecretLength);
        }
        Ok(Self(Redacted::new(Zeroizing::new(bytes))))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redacted_value_never_shows_itself() {
        let value = Redacted::new("hunter2");
        assert_eq!(
            format!("{value} {value:?} {value:#?}"),
            "[redacted] [redacted] [redacted]"
        );
        let secret = Secret::new(vec![b'x'; 32]).unwrap();
        assert_eq!(format!("{secret:?}"), "[redacted]");
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(
            Secret::new(vec![b'x'; 31]).err(),
            Some(IdentityError::SecretLength)
        );
        assert_eq!(
            Secret::new(vec![b'x'; 4097]).err(),
            Some(IdentityError::SecretLength)
        );
    }
}
