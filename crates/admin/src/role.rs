//! What a caller of the admin API may do.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

/// Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks at everything but the keys of the admin API.
    Read,
    /// Changes what is said of one holder: plans, limits, buckets, notices.
    Operate,
    /// Changes what holds for all: the policy.
    Admin,
}

/// The words, from the least.
const WORDS: [(Role, &str); 3] = [
    (Role::Read, "read"),
    (Role::Operate, "operate"),
    (Role::Admin, "admin"),
];

/// Not the name of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is `read`, `operate` or `admin`")]
pub struct NoRole;

impl Role {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let known = WORDS.iter().find(|(role, _)| *role == self);
        known.map_or("", |(_, word)| word)
    }
}

impl FromStr for Role {
    type Err = NoRole;

    fn from_str(word: &str) -> Result<Self, NoRole> {
        let known = WORDS.iter().find(|(_, known)| *known == word);
        known.map(|(role, _)| *role).ok_or(NoRole)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_in_order_and_read_back() {
        for pair in WORDS.windows(2) {
            assert!(pair[0].0 < pair[1].0);
        }
        for (role, word) in WORDS {
            assert_eq!((role.as_str(), word.parse()), (word, Ok(role)));
        }
        assert!("Admin".parse::<Role>().is_err() && "".parse::<Role>().is_err());
    }
}
