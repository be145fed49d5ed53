//! Counts across a restart: every live bucket, with the secret that names them.

use std::io::{self, Write};
use std::sync::Arc;

use tollgate_limiter::{Now, Restored, Saved};
use tollgate_policy::Policy;

use crate::engine::{Engine, EngineOptions};
use crate::error::EngineError;
use crate::keys::HashKey;

const HASH_KEY_BYTES: usize = 16;

/// What [`Engine::save`] wrote, for [`Engine::resume`].
///
/// Holds the key that buckets are named under: keep it as private as any other secret. Whoever has
/// it can tell which bucket is whose, and aim at sets of the table.
#[derive(Clone)]
pub struct SavedCounts {
    hash: HashKey,
    saved: Saved,
    /// The key and the table, as written.
    bytes: Vec<u8>,
}

// === impl SavedCounts ===

impl SavedCounts {
    /// Reads what [`Engine::save`] wrote.
    ///
    /// # Errors
    /// [`EngineError::Snapshot`] when it is something else, damaged, or cut off.
    pub fn read(bytes: Vec<u8>) -> Result<Self, EngineError> {
        let damaged = tollgate_limiter::SnapshotError::Damaged;
        let (hash, table) = bytes.split_first_chunk::<HASH_KEY_BYTES>().ok_or(damaged)?;
        Ok(Self {
            hash: HashKey(*hash),
            saved: Saved::of(table)?,
            bytes,
        })
    }

    fn table(&self) -> &[u8] {
        self.bytes.get(HASH_KEY_BYTES..).unwrap_or_default()
    }

    /// When it was taken: the clock of the engine that resumes goes on from here
    /// ([`tollgate_limiter::SystemClock::resuming`]).
    #[must_use]
    pub fn taken_at(&self) -> Now {
        self.saved.at
    }
}

impl std::fmt::Debug for SavedCounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedCounts")
            .field("saved", &self.saved)
            .finish_non_exhaustive()
    }
}

// === impl Engine ===

impl Engine {
    /// As [`Engine::new`], with the counts that an earlier process saved. `now` is read from the
    /// clock that goes on from [`SavedCounts::taken_at`].
    ///
    /// # Errors
    /// As [`Engine::new`], and when the counts are of a table of another size.
    pub fn resume(
        policy: Policy,
        options: EngineOptions,
        counts: &SavedCounts,
        now: Now,
    ) -> Result<(Arc<Self>, Restored), EngineError> {
        let engine = Self::build(policy, options, counts.hash)?;
        let restored = engine.table().restore(now, counts.table())?;
        Ok((engine, restored))
    }

    /// Writes every live bucket to `out`, and the key that names them: keep it private.
    ///
    /// Deciding goes on meanwhile. What is under way is left out, since it ends with the process.
    ///
    /// # Errors
    /// What `out` says.
    pub fn save(&self, now: Now, mut out: impl Write) -> io::Result<Saved> {
        out.write_all(&self.hash_key().0)?;
        self.table().save(now, out)
    }
}
