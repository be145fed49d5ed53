//! The feed: every change of the store, into memory as it is made.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tollgate_limiter::Clock;
use tollgate_store::{Feed, Store};

use super::{Kept, Opened};

/// Between two attempts to reach a store that is away.
const RETRY: Duration = Duration::from_secs(1);

/// Follows the store until it is aborted; `found` is told of it as soon as there is one.
pub(super) async fn follow(
    kept: Arc<Kept>,
    opened: Option<Opened>,
    clock: Arc<dyn Clock>,
    found: watch::Sender<Option<Store>>,
) {
    let Opened { store, loaded } = match opened {
        Some(opened) => opened,
        None => reach(&kept, &clock).await,
    };
    let mut feed = store.feed(loaded.seq);
    found.send_replace(Some(store));
    loop {
        take_over(&kept, &mut feed).await;
    }
}

/// Tries until the store can be had.
async fn reach(kept: &Kept, clock: &Arc<dyn Clock>) -> Opened {
    loop {
        tokio::time::sleep(RETRY).await;
        match kept.try_open(Arc::clone(clock)).await {
            Ok(opened) => {
                let holders = opened.loaded.holders;
                tracing::info!(store = %kept.location, holders, "the store is there: plans and overrides loaded");
                return opened;
            }
            Err(error) => tracing::debug!(store = %kept.location, "still no store: {error}"),
        }
    }
}

async fn take_over(kept: &Kept, feed: &mut Feed) {
    let state = &kept.state;
    match feed.next().await {
        Ok(changes) => {
            if !state.reachable.swap(true, Ordering::Relaxed) {
                tracing::info!(store = %kept.location, "the store answers again");
            }
            for change in &changes {
                match kept.directory.apply(change) {
                    Ok(()) => state.changes.fetch_add(1, Ordering::Relaxed),
                    Err(error) => {
                        tracing::error!(change = change.seq, "a change is not in force: {error}");
                        state.changes_failed.fetch_add(1, Ordering::Relaxed)
                    }
                };
            }
            kept.count_holders();
        }
        Err(error) => {
            if state.reachable.swap(false, Ordering::Relaxed) {
                tracing::error!(
                    store = %kept.location,
                    "the store does not answer, plans and overrides stay as they are: {error}"
                );
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}
