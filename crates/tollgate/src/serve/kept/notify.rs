//! Notices: made where a quota's count reaches a threshold, delivered from the store's outbox.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tollgate_engine::policy::OnExceed;
use tollgate_engine::{CountedLimit, Used};
use tollgate_limiter::Clock;
use tollgate_notices::{Channels, Deliverer, Effect, NoticeCounts, NoticesError, QuotaNotice};
use tollgate_store::{Count, Counter, Notice, PlanName, Store, Summed};

use crate::stored_quotas::{counter, quotas};

/// The notices of what was added: one for each threshold that a count went past.
pub(super) fn notices(rows: &[Used], sums: &[Summed]) -> Vec<Notice> {
    let sums: HashMap<&Counter, &Summed> =
        sums.iter().map(|sum| (&sum.count.counter, sum)).collect();
    let mut made = HashMap::new();
    for row in rows {
        for (user, quota) in quotas(row) {
            let counter = counter(user, &quota).ok();
            let Some(sum) = counter.and_then(|counter| sums.get(&counter)) else {
                continue;
            };
            for percent in gone_past(quota.limit, sum) {
                let key = (&sum.count.counter, percent);
                made.entry(key)
                    .or_insert_with(|| notice(row, quota.limit, percent, &sum.count));
            }
        }
    }
    let made = made.into_values().filter_map(|notice| match notice {
        Ok(notice) => Some(notice),
        Err(error) => {
            tracing::error!("a notice cannot be kept: {error}");
            None
        }
    });
    made.collect()
}

/// The thresholds between what was counted before and what is now.
fn gone_past(limit: &CountedLimit, sum: &Summed) -> impl Iterator<Item = u32> {
    let (before, now) = (u128::from(sum.before), u128::from(sum.count.units));
    let units = u128::from(limit.quota);
    let is_new = move |percent: &u32| {
        let threshold = units * u128::from(*percent);
        before * 100 < threshold && threshold <= now * 100
    };
    limit.notify_at.iter().copied().filter(is_new)
}

fn notice(
    row: &Used,
    limit: &CountedLimit,
    threshold_percent: u32,
    count: &Count,
) -> Result<Notice, NoticesError> {
    let plan = &row.snapshot.policy().plans()[usize::from(row.plan.0)];
    let notice = QuotaNotice {
        counter: count.counter.clone(),
        plan: PlanName::parse(&plan.name)?,
        threshold_percent,
        used: count.units,
        quota: limit.quota,
        effect: effect(limit, count.units),
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
