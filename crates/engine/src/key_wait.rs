//! A wait for the keys of an issuer that nobody has seen yet.

use std::sync::Arc;
use std::time::Duration;

use tollgate_identity::KeyHolder;

/// The longest that a request may wait for an issuer's keys before it is answered without them.
pub const KEY_WAIT_MAX: Duration = Duration::from_millis(200);

/// A wait for an issuer's keys. The caller bounds it by [`KEY_WAIT_MAX`].
#[derive(Debug)]
pub struct KeyWait {
    holder: Arc<KeyHolder>,
    generation: u64,
}

// === impl KeyWait ===

impl KeyWait {
    pub(crate) fn new(holder: Arc<KeyHolder>) -> Self {
        let generation = holder.generation();
        Self { holder, generation }
    }

    /// Returns when newer keys are there.
    pub async fn wait(&self) {
        self.holder.changed(self.generation).await;
    }
}
