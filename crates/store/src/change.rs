//! One change that was made: the audit's entry and what every instance learns, in one.

use crate::error::StoreError;
use crate::holder::Holder;
use crate::record::{Edit, Record};
use crate::texts::{Name, Note};

/// What kind of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// A plan was given.
    Assign,
    /// An assignment was taken back.
    Withdraw,
    /// A limit was given.
    Override,
    /// A limit was taken back.
    Lift,
    /// The change before it was undone.
    Undo,
}

/// One change, with who, when and why, and all that was said of the holder before and after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its number: one more than the change before it, whoever made that. Also the version of the
    /// holder's record after it.
    pub seq: u64,
    /// Whose record.
    pub holder: Holder,
    /// When, by the clock of the instance that wrote, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who.
    pub by: Name,
    /// What.
    pub act: Act,
    /// Why.
    pub note: Note,
    /// What was said before.
    pub before: Record,
    /// What is said since.
    pub after: Record,
}

const ACTS: [(Act, &str); 5] = [
    (Act::Assign, "assign"),
    (Act::Withdraw, "withdraw"),
    (Act::Override, "override"),
    (Act::Lift, "lift"),
    (Act::Undo, "undo"),
];

impl Act {
    pub(crate) fn of(edit: &Edit) -> Self {
        match edit {
            Edit::Assign { .. } => Act::Assign,
            Edit::Withdraw { .. } => Act::Withdraw,
            Edit::Override { .. } => Act::Override,
            Edit::Lift { .. } => Act::Lift,
            Edit::Undo => Act::Undo,
        }
    }

    /// The word for it, as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let known = ACTS.iter().find(|(act, _)| *act == self);
        known.map_or("", |(_, word)| word)
    }

    pub(crate) fn parse(word: &str) -> Result<Self, StoreError> {
        let known = ACTS.iter().find(|(_, known)| *known == word);
        let known = known.map(|(act, _)| *act);
        known.ok_or_else(|| StoreError::damaged("kind of a change", word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_has_a_word_that_is_read_back() {
        for (act, word) in ACTS {
            assert_eq!(act.as_str(), word);
            assert_eq!(Act::parse(word), Ok(act));
        }
        assert!(Act::parse("").is_err());
    }
}
