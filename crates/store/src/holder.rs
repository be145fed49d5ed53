//! Who holds a plan or a limit: a subject or an account of an issuer.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::texts::{Issuer, Name};

/// What a [`Holder`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HolderKind {
    /// One verified caller.
    Subject,
    /// All callers of one account.
    Account,
}

/// A subject or an account. Names are those of one issuer: two issuers may use the same.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// Which of both.
    pub kind: HolderKind,
    /// Who vouches for the name.
    pub issuer: Issuer,
    /// The subject or the account.
    pub name: Name,
}

// === impl HolderKind ===

impl HolderKind {
    /// As it is stored.
    pub(crate) fn number(self) -> i64 {
        match self {
            HolderKind::Subject => 1,
            HolderKind::Account => 2,
        }
    }

    pub(crate) fn of_number(number: i64) -> Result<Self, StoreError> {
        match number {
            1 => Ok(HolderKind::Subject),
            2 => Ok(HolderKind::Account),
            other => Err(StoreError::damaged("kind of a holder", other)),
        }
    }
}

// === impl Holder ===

impl Holder {
    /// A verified caller.
    ///
    /// # Errors
    /// [`StoreError::Text`] for what cannot be in a verified token.
    pub fn subject(issuer: &str, subject: &str) -> Result<Self, StoreError> {
        Self::new(HolderKind::Subject, issuer, subject)
    }

    /// An account.
    ///
    /// # Errors
    /// [`StoreError::Text`] for what cannot be in a verified token.
    pub fn account(issuer: &str, account: &str) -> Result<Self, StoreError> {
        Self::new(HolderKind::Account, issuer, account)
    }

    pub(crate) fn new(kind: HolderKind, issuer: &str, name: &str) -> Result<Self, StoreError> {
        Ok(Self {
            kind,
            issuer: Issuer::parse(issuer)?,
            name: Name::parse(name)?,
        })
    }
}

/// Shows no name: logs name users by bucket id.
impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder")
            .field("kind", &self.kind)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_shows_no_name_in_logs() {
        let holder = Holder::subject("https://login.example", "alice").unwrap();
        assert!(!format!("{holder:?}").contains("alice"));
    }

    #[test]
    fn a_kind_is_stored_and_read_alike() {
        for kind in [HolderKind::Subject, HolderKind::Account] {
            assert_eq!(HolderKind::of_number(kind.number()), Ok(kind));
        }
        assert!(HolderKind::of_number(0).is_err());
    }
}
