//! Notices: made where a quota's count reaches a threshold, delivered from the store's outbox.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tollgate_engine::policy::OnExceed;
use tollgate_engine::{CountedLimit, Used};
use tollgate_limiter::Clock;
use tollgate_notices::{Channels, Deliverer, Effect, NoticeCounts, QuotaNotice};
use tollgate_store::{Counter, PlanName, Store};

/// Thresholds that are remembered as told; when there are more, all are told to the store again, which has
/// each once.
const TOLD_MAX: usize = 1 << 16;
/// Notices that wait for the store; beyond that they are made again when their count is next seen.
const WAITING_MAX: usize = 1 << 14;

/// Makes notices of what is counted.
#[derive(Default)]
pub(super) struct Notifier {
    told: HashSet<(Counter, u32)>,
    waiting: VecDeque<QuotaNotice>,
}

// === impl Notifier ===

impl Notifier {
    /// Looks at the count of a quota.
    pub(super) fn see(&mut self, row: &Used, limit: &CountedLimit, counter: &Counter, used: u64) {
        let quota = limit.quota.max(1);
        let reached =
            |percent: &&u32| u128::from(used) * 100 >= u128::from(quota) * u128::from(**percent);
        for percent in limit.notify_at.iter().take_while(reached) {
            let key = (counter.clone(), *percent);
            if self.told.contains(&key) || self.waiting.len() >= WAITING_MAX {
                continue;
            }
            let plan = &row.snapshot.policy().plans()[usize::from(row.plan.0)];
            let Ok(name) = PlanName::parse(&plan.name) else {
                continue;
            };
            if self.told.len() >= TOLD_MAX {
                self.told.clear();
            }
            self.told.insert(key);
            self.waiting.push_back(QuotaNotice {
                counter: counter.clone(),
                plan: name,
                threshold_percent: *percent,
                used,
                quota: limit.quota,
                effect: effect(limit, used),
                upgrade_url: plan.upgrade_url.clone(),
            });
        }
    }

    /// Puts what waits into the store's outbox; what it does not take waits on.
    pub(super) async fn post(&mut self, store: &Store) {
        while let Some(notice) = self.waiting.front() {
            let posted = match notice.to_notice() {
                Ok(notice) => store.post_notice(&notice).await,
                Err(error) => {
                    tracing::error!("a notice cannot be kept: {error}");
                    self.waiting.pop_front();
                    continue;
                }
            };
            match posted {
                Ok(_) => {}
                Err(error) if error.is_passing() => return,
                Err(error) => tracing::error!("a notice is lost: {error}"),
            }
            self.waiting.pop_front();
        }
    }
}

/// What happens to requests from now on.
fn effect(limit: &CountedLimit, used: u64) -> Effect {
    let beyond = used >= limit.quota.saturating_add(limit.grace());
    match limit.on_exceed {
        Some(OnExceed::Block) if beyond => Effect::Blocked,
        Some(OnExceed::Throttle(_)) if beyond => Effect::Slower,
        _ => Effect::KeepsServing,
    }
}

/// Delivers from the outbox, as soon as there is a store, until told to stop.
pub(super) async fn deliver(
    channels: Channels,
    mut store: watch::Receiver<Option<Store>>,
    clock: Arc<dyn Clock>,
    counts: Arc<NoticeCounts>,
    stop: CancellationToken,
) {
    let found = tokio::select! {
        found = store.wait_for(Option::is_some) => found.ok().and_then(|found| found.clone()),
        () = stop.cancelled() => return,
    };
    if let Some(store) = found {
        Deliverer::new(channels, store, clock, counts)
            .run(stop)
            .await;
    }
}
