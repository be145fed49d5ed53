//! What can go wrong with the store, in the words of whoever asked it.

/// Why something could not be read from the store, or written to it.
///
/// Nothing of the database's client shows: its words are texts here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The text that says where the store is cannot be read.
    #[error("location of the store: {reason}")]
    Location {
        /// What is wrong, without any part of a password.
        reason: String,
    },
    /// A name, note or key that cannot be stored; the same on both backends.
    #[error("{what} {reason}")]
    Text {
        /// Which text.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Times that cannot be: an end before its beginning, or beyond the year 9999.
    #[error("from {from_ms} until {until_ms:?} is no span of time (milliseconds since 1970)")]
    Span {
        /// The beginning, in milliseconds since 1970.
        from_ms: u64,
        /// The end, in milliseconds since 1970.
        until_ms: Option<u64>,
    },
    /// A limit that a policy could not have either.
    #[error("not a limit: {findings}")]
    Limit {
        /// What is wrong with it, as the policy's reader says it.
        findings: String,
    },
    /// A route that a policy could not have either.
    #[error("not a route: {findings}")]
    Route {
        /// What is wrong with it, as the policy's reader says it.
        findings: String,
    },
    /// One holder would have more entries, or a directory more holders, than are allowed.
    #[error("more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// What is to be withdrawn or lifted is not there.
    #[error("no such {what}")]
    NotThere {
        /// What was looked for.
        what: &'static str,
    },
    /// Nothing was ever changed for this holder.
    #[error("nothing to undo")]
    NothingToUndo,
    /// Somebody else changed the holder's record since it was read.
    #[error("the record is of version {found}, not {expected}")]
    Conflict {
        /// The version that the writer had read.
        expected: u64,
        /// The version that is stored.
        found: u64,
    },
    /// A write key that another write has used, and that is not forgotten yet.
    #[error("this write key was used for another write")]
    KeyReused,
    /// Lines of a log that somebody else has counted since its reader looked.
    #[error("somebody else counted lines of this log meanwhile")]
    CountedMeanwhile,
    /// The schema was made by a newer version of Tollgate.
    #[error(
        "the store has schema {found}, this version of Tollgate knows up to {known}: start the newer version, or restore the backup from before its first start"
    )]
    NewerSchema {
        /// The version stored.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The store does not answer: down, failing over, cut off, or the file is not reachable.
    #[error("the store is unreachable: {reason}")]
    Unreachable {
        /// The client's words.
        reason: String,
    },
    /// The store did not do it in time.
    #[error("the store gave no answer within {waited_ms} ms")]
    TimedOut {
        /// How long was waited.
        waited_ms: u64,
    },
    /// Another writer held the store for too long.
    #[error("the store is busy: {reason}")]
    Busy {
        /// The database's words.
        reason: String,
    },
    /// The disk under the store is full.
    #[error("no room left in the store: {reason}")]
    Full {
        /// The database's words.
        reason: String,
    },
    /// The database does not let us in: a wrong password, no such database, no right to a table.
    #[error("the store refuses: {reason}")]
    Refused {
        /// The database's words.
        reason: String,
    },
    /// What is stored cannot be: the file is damaged, or was changed by hand.
    #[error("the store is damaged: {reason}")]
    Damaged {
        /// What was found.
        reason: String,
    },
    /// Anything else that the database said: a defect of ours.
    #[error("the store failed: {reason}")]
    Failed {
        /// The database's words.
        reason: String,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    Randomness,
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing it: the store was away, busy
    /// or slow. A write may have happened all the same; repeat it with its [`crate::WriteKey`].
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            StoreError::Unreachable { .. } | StoreError::TimedOut { .. } | StoreError::Busy { .. }
        )
    }

    /// Whether the caller is at fault, and not the store.
    #[must_use]
    pub fn is_callers(&self) -> bool {
        matches!(
            self,
            StoreError::Location { .. }
                | StoreError::Text { .. }
                | StoreError::Span { .. }
                | StoreError::Limit { .. }
                | StoreError::Route { .. }
                | StoreError::TooMany { .. }
                | StoreError::NotThere { .. }
                | StoreError::NothingToUndo
                | StoreError::Conflict { .. }
                | StoreError::KeyReused
                | StoreError::CountedMeanwhile
        )
    }

    pub(crate) fn damaged(what: &str, why: impl std::fmt::Display) -> Self {
        StoreError::Damaged {
            reason: format!("{what}: {why}"),
        }
    }
}
