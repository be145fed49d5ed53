//! Notices: made where a quota's count reaches a threshold, delivered from the store's outbox.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tollgate_engine::policy::OnExceed;
use tollgate_engine::{CountedLimit, QuotaUsed, Used};
use tollgate_limiter::Clock;
use tollgate_notices::{Channels, Deliverer, Effect, NoticeCounts, NoticesError, QuotaNotice};
use tollgate_store::{Counter, Notice, PlanName, Store};

use super::usage::Seen;

/// Thresholds that are remembered as told; when there are more, all are told to the store again, which has
/// each once.
const TOLD_MAX: usize = 1 << 16;

/// Makes notices of what is counted.
#[derive(Default)]
pub(super) struct Notifier {
    told: HashSet<(Counter, u32)>,
}

// === impl Notifier ===

impl Notifier {
    /// The notices that are due with these counts, for the store to keep in the same step.
    pub(super) fn notices<'a>(&self, seen: impl Iterator<Item = Seen<'a>>) -> Vec<Notice> {
        let due = seen.flat_map(|(row, quota, counter, used)| {
            let reached = reached(&quota, used).map(move |percent| (counter.clone(), percent));
            let new = reached.filter(|key| !self.told.contains(key));
            new.filter_map(move |(counter, percent)| {
                match notice(row, quota.limit, counter, percent, used) {
                    Ok(notice) => Some(notice),
                    Err(error) => {
                        tracing::error!("a notice cannot be kept: {error}");
                        None
                    }
                }
            })
        });
        due.collect()
    }

    /// The store has them now.
    pub(super) fn told<'a>(&mut self, seen: impl Iterator<Item = Seen<'a>>) {
        for (_, quota, counter, used) in seen {
            for percent in reached(&quota, used) {
                if self.told.len() >= TOLD_MAX {
                    self.told.clear();
                }
                self.told.insert((counter.clone(), percent));
            }
        }
    }
}

/// The thresholds that a count has reached.
fn reached<'a>(quota: &QuotaUsed<'a>, used: u64) -> impl Iterator<Item = u32> + use<'a> {
    let units = quota.limit.quota;
    let is_reached =
        move |percent: &u32| u128::from(used) * 100 >= u128::from(units) * u128::from(*percent);
    quota.limit.notify_at.iter().copied().take_while(is_reached)
}

fn notice(
    row: &Used,
    limit: &CountedLimit,
    counter: Counter,
    threshold_percent: u32,
    used: u64,
) -> Result<Notice, NoticesError> {
    let plan = &row.snapshot.policy().plans()[usize::from(row.plan.0)];
    let notice = QuotaNotice {
        counter,
        plan: PlanName::parse(&plan.name)?,
        threshold_percent,
        used,
        quota: limit.quota,
        effect: effect(limit, used),
        upgrade_url: plan.upgrade_url.clone(),
    };
    notice.to_notice()
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
