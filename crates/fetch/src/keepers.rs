//! Keepers of key sets: one task an issuer, renewed when the policy changes.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tollgate_engine::{KeySourceSlot, Snapshot};
use tollgate_identity::{Fetch, KeyHolder, KeyLocation, RefreshPace, keep_keys};
use tollgate_policy::KeySource;

use crate::ClientError;
use crate::http::HttpFetch;

/// The running keepers. A keeper lives as long as some policy in force wants its holder.
pub struct Keepers {
    public: Arc<dyn Fetch>,
    private: Arc<dyn Fetch>,
    running: Vec<Keeper>,
}

struct Keeper {
    issuer: String,
    holder: Arc<KeyHolder>,
    task: JoinHandle<()>,
    /// What the log was told last.
    told: Told,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    generation: u64,
    failures: u64,
}

// === impl Keepers ===

impl Keepers {
    /// Keepers of nothing yet.
    ///
    /// # Errors
    /// When the platform's certificate store cannot be read.
    pub fn new() -> Result<Self, ClientError> {
        Ok(Self {
            public: Arc::new(HttpFetch::new(false)?),
            private: Arc::new(HttpFetch::new(true)?),
            running: Vec::new(),
        })
    }

    /// Starts keepers for new holders and ends those that no issuer of `snapshot` uses. Needs a
    /// tokio runtime, on which they run.
    pub fn follow(&mut self, snapshot: &Snapshot) {
        let wanted = snapshot.key_sources();
        self.running.retain(|keeper| {
            let kept = wanted
                .iter()
                .any(|slot| Arc::ptr_eq(&slot.holder, &keeper.holder));
            if !kept {
                keeper.task.abort();
            }
            kept
        });
        for slot in wanted {
            let known = |keeper: &Keeper| Arc::ptr_eq(&keeper.holder, &slot.holder);
            if self.running.iter().any(known) {
                continue;
            }
            if let Some(location) = location(slot) {
                self.running.push(self.start(slot, location));
            }
        }
    }

    /// Tells the log what changed since the last look: new keys, and fetches that failed.
    pub fn report(&mut self) {
        for keeper in &mut self.running {
            let status = keeper.holder.status();
            let now = Told {
                generation: status.generation,
                failures: status.failures,
            };
            if now == keeper.told {
                continue;
            }
            let (issuer, keys) = (&keeper.issuer, status.keys);
            if now.failures > keeper.told.failures {
                let why = status.last_error.unwrap_or_default();
                tracing::warn!(issuer, keys, why, "keys could not be fetched");
            }
            if now.generation != keeper.told.generation {
                tracing::info!(issuer, keys, "keys in use");
            }
            for (reason, count) in &status.ignored {
                tracing::warn!(issuer, reason = reason.code(), count, "keys ignored");
            }
            keeper.told = now;
        }
    }

    fn start(&self, slot: &KeySourceSlot, location: KeyLocation) -> Keeper {
        let pace = RefreshPace {
            interval: slot.config.refresh,
            ..RefreshPace::default()
        };
        let fetch = if slot.config.allow_private_addresses {
            self.private.clone()
        } else {
            self.public.clone()
        };
        let holder = slot.holder.clone();
        let task = tokio::spawn(async move {
            keep_keys(holder, location, fetch, pace).await;
        });
        Keeper {
            issuer: slot.issuer.clone(),
            holder: slot.holder.clone(),
            task,
            told: Told::default(),
        }
    }
}

impl std::fmt::Debug for Keepers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keepers")
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Keepers {
    fn drop(&mut self) {
        for keeper in &self.running {
            keeper.task.abort();
        }
    }
}

/// Where keys are fetched from; `None` for keys that came with the policy.
fn location(slot: &KeySourceSlot) -> Option<KeyLocation> {
    match &slot.config.keys {
        KeySource::Url(url) => Some(KeyLocation::Url(url.clone())),
        KeySource::Discovery => Some(KeyLocation::Discovery {
            issuer: slot.issuer.clone(),
        }),
        KeySource::File(_) | KeySource::Inline(_) | KeySource::SecretFile(_) => None,
    }
}
