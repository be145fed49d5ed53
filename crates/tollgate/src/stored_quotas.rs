//! What a store has counted of a caller's quotas, for whoever looks at one caller: a gateway that has just been
//! started knows of it only what came since.

use std::collections::HashSet;

use tollgate_engine::{CountedLimit, Engine, Inspected, QuotaUsed, Used, User};
use tollgate_limiter::{Now, Spent};
use tollgate_store::{Count, Counter, Holder, LimitName, Name, RouteName, Span, Store, StoreError};

/// The quotas of a row of usage, with whose they are.
pub(crate) fn quotas(row: &Used) -> impl Iterator<Item = (&User, QuotaUsed<'_>)> {
    let user = row.user.as_deref().into_iter();
    user.flat_map(|user| row.quotas().map(move |quota| (user, quota)))
}

/// Where a quota is counted in the store.
pub(crate) fn counter(user: &User, quota: &QuotaUsed<'_>) -> Result<Counter, StoreError> {
    let (holder, account) = match quota.account() {
        Some(account) => (Holder::account(&user.issuer, account)?, None),
        None => (
            Holder::subject(&user.issuer, &user.subject)?,
            user.account.as_deref().map(Name::parse).transpose()?,
        ),
    };
    let (from_min, until_min) = quota.period();
    let period = Span::new(from_min * 60_000, Some(until_min * 60_000))?;
    let limit = LimitName::parse(&quota.limit.name)?;
    let route = quota.route().map(RouteName::parse).transpose()?;
    Ok(Counter::new(holder, limit, route, period)?.in_account(account))
}

/// All that a store has counted of a user and its account in the periods of now.
pub(crate) async fn counts(store: &Store, user: &User, now: Now) -> Result<Vec<Count>, StoreError> {
    let mut counts = Vec::new();
    // A user that stands for an account has no name.
    if !user.subject.is_empty() {
        let holder = Holder::subject(&user.issuer, &user.subject)?;
        counts.extend(store.counts_of(&holder, now.unix_ms).await?);
    }
    if let Some(account) = &user.account {
        let holder = Holder::account(&user.issuer, account)?;
        counts.extend(store.counts_of(&holder, now.unix_ms).await?);
    }
    Ok(counts)
}

/// Takes over what was counted of the quotas that were found; what this process has counted since stays.
pub(crate) fn recall(engine: &Engine, found: &Inspected, counts: &[Count], now: Now) {
    let Some(used) = found.used() else { return };
    let mut known = HashSet::new();
    for (user, quota) in quotas(&used) {
        let Ok(counter) = counter(user, &quota) else {
            continue;
        };
        let count = counts.iter().find(|count| count.counter == counter);
        if let Some(count) = count.filter(|_| known.insert(counter)) {
            engine.recall_quota(&quota, Spent::AtLeast(count.units), now);
        }
    }
}

/// The counter of one of the limits that were found, if it is a quota that a store counts.
pub(crate) fn counter_of(found: &Inspected, limit: &CountedLimit) -> Option<Counter> {
    let used = found.used()?;
    let mut of_limit = quotas(&used).filter(|(_, quota)| quota.limit.name == limit.name);
    let (user, quota) = of_limit.next()?;
    counter(user, &quota).ok()
}
