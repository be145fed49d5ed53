//! All changes as they are made, wherever they are made.

use crate::backend::Bell;
use crate::change::Change;
use crate::error::StoreError;
use crate::store::Store;

/// Reads every change once, in order.
///
/// PostgreSQL tells at once that something changed; SQLite is looked at four times a second, and so is
/// PostgreSQL besides, in case that it could not tell. What changed is always read from the store, from
/// the last number seen on: whatever happened to a connection meanwhile, nothing is missed.
pub struct Feed {
    store: Store,
    seen: u64,
    bell: Bell,
}

impl Feed {
    pub(crate) fn new(store: Store, seen: u64) -> Self {
        let bell = Bell::of(store.pools());
        Self { store, seen, bell }
    }

    /// The number of the last change that it gave, or from which it started.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// The next changes, the oldest first, as soon as there is one. Loses nothing when it is dropped
    /// while it waits.
    ///
    /// # Errors
    /// When the store does not answer. The feed goes on from where it was when it is asked again; wait a
    /// moment before that.
    pub async fn next(&mut self) -> Result<Vec<Change>, StoreError> {
        loop {
            let changes = self.store.changes_since(self.seen).await?;
            if let Some(last) = changes.last() {
                self.seen = last.seq;
                return Ok(changes);
            }
            self.bell.wait().await;
        }
    }
}
