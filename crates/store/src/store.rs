//! The store: one type for both databases.

mod counted_logs;
mod list;
mod meters;
mod notice_list;
mod notices;
mod operations;
mod quota;
mod read;
mod rows;
mod write;

use std::fmt;
use std::sync::Arc;

use tollgate_limiter::Clock;

use crate::backend::{CALL_WAIT_MAX, Pools, within};
use crate::change::Change;
use crate::error::StoreError;
use crate::feed::Feed;
use crate::holder::Holder;
use crate::location::Location;
use crate::record::Record;

pub use counted_logs::LOG_FORKS_MAX;
pub use meters::METERS_PER_CALL_MAX;
pub use notices::NOTICES_PER_CALL_MAX;
pub use quota::COUNTS_PER_CALL_MAX;
pub(crate) use rows::span;
pub use write::{WRITE_KEY_KEPT_MS, Write, Written};

/// The most changes that one call gives.
pub const CHANGES_PER_CALL_MAX: u32 = 1_000;

/// Assignments and overrides, with every change of them. Cheap to clone.
///
/// Every call answers within [`CALL_WAIT_MAX`], with an error if need be. Nothing on a request's path
/// calls it: see [`crate::Directory`].
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    clock: Arc<dyn Clock>,
    location: Location,
}

/// A holder's record, and the version that a writer may insist on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// What is said.
    pub record: Record,
    /// The number of the last change of it; 0 if there was none.
    pub version: u64,
}

impl Store {
    /// Connects, and brings the schema up to date; several instances may do so at once.
    ///
    /// # Errors
    /// When the store cannot be reached, refuses, or was made by a newer version.
    pub async fn open(location: &Location, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Ok(Self {
            pools: Pools::open(location).await?,
            clock,
            location: location.clone(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// What is said of a holder; an empty record of version 0 for one that was never heard of.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn record(&self, holder: &Holder) -> Result<Versioned, StoreError> {
        within(CALL_WAIT_MAX, read::record(&self.pools, holder)).await
    }

    /// Makes one change: what is said, the audit's entry and the notice to all instances, all or none.
    ///
    /// # Errors
    /// When it cannot be done, or the store does not answer. After an error that
    /// [`StoreError::is_passing`] it may be done all the same: repeat it with the same
    /// [`crate::WriteKey`].
    pub async fn write(&self, write: &Write) -> Result<Written, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        within(CALL_WAIT_MAX, write::make(&self.pools, write, now_ms)).await
    }

    /// The number of the last change of all; 0 before the first.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn last_seq(&self) -> Result<u64, StoreError> {
        within(CALL_WAIT_MAX, read::last_seq(&self.pools)).await
    }

    /// Changes after number `seq`, the oldest first, at most [`CHANGES_PER_CALL_MAX`].
    ///
    /// None is ever missing: a change becomes visible only after all with smaller numbers.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn changes_since(&self, seq: u64) -> Result<Vec<Change>, StoreError> {
        within(CALL_WAIT_MAX, read::changes_since(&self.pools, seq)).await
    }

    /// Changes of one holder before number `seq`, the newest first, at most [`CHANGES_PER_CALL_MAX`];
    /// `u64::MAX` begins with the last one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn history(&self, holder: &Holder, seq: u64) -> Result<Vec<Change>, StoreError> {
        within(CALL_WAIT_MAX, read::history(&self.pools, holder, seq)).await
    }

    /// All changes after number `seq`, as they are made.
    #[must_use]
    pub fn feed(&self, seq: u64) -> Feed {
        Feed::new(self.clone(), seq)
    }

    /// Ends all connections, once calls under way are done.
    pub async fn close(&self) {
        self.pools.close().await;
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.pools
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.location).finish()
    }
}
