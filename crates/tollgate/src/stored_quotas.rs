//! What a store has counted of a caller's quotas, for whoever looks at one caller: a gateway that has just been
//! started knows of it only what came since.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use tollgate_engine::{CountedLimit, Engine, Inspected, QuotaUsed, Used, User};
use tollgate_limiter::{CarryOver, Now, Spent};
use tollgate_store::{Count, Counter, Holder, LimitName, Name, RouteName, Span, Store, StoreError};

/// Counts of which something was given back that are remembered.
const GIVEN_BACK_MAX: usize = 10_000;

/// Of which counts something was given back, and how often that was when it was last seen: a count that was
/// read before says too much, and one that was read after says how much it is.
///
/// State: written by whoever gives back and by the writer of usage, read before a count is taken over.
#[derive(Debug, Default)]
pub(crate) struct GivenBack(Mutex<HashMap<Counter, u64>>);

/// A quota, as one that is given back is told to the store.
#[derive(Debug)]
pub(crate) struct StoredQuota {
    pub(crate) counter: Counter,
    pub(crate) quota: u64,
    pub(crate) carry: CarryOver,
}

// === impl GivenBack ===

impl GivenBack {
    /// What a count says of a quota, in the units of today; `None` where it was read too early to say anything.
    pub(crate) fn spent(&self, count: &Count, limit: &CountedLimit) -> Option<Spent> {
        let units = count.units_of(limit.quota, limit.carry());
        let seen = self.0.lock().get(&count.counter).copied();
        match count.given_back.cmp(&seen.unwrap_or_default()) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(Spent::AtLeast(units)),
            // What was counted since is in the next batch, and comes back with it.
            std::cmp::Ordering::Greater => Some(Spent::Exactly(units)),
        }
    }

    /// Remembers what these counts say.
    pub(crate) fn see<'a>(&self, counts: impl IntoIterator<Item = &'a Count>) {
        let mut seen = self.0.lock();
        for count in counts {
            if count.given_back == 0 {
                continue;
            }
            if seen.len() >= GIVEN_BACK_MAX && !seen.contains_key(&count.counter) {
                // To take a count as it is once more does no harm.
                seen.clear();
            }
            let known = seen.entry(count.counter.clone()).or_default();
            *known = count.given_back.max(*known);
        }
    }
}

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
pub(crate) fn recall(
    engine: &Engine,
    found: &Inspected,
    counts: &[Count],
    given_back: &GivenBack,
    now: Now,
) {
    let Some(used) = found.used() else { return };
    let mut known = HashSet::new();
    for (user, quota) in quotas(&used) {
        let Ok(counter) = counter(user, &quota) else {
            continue;
        };
        let count = counts.iter().find(|count| count.counter == counter);
        let Some(count) = count.filter(|_| known.insert(counter)) else {
            continue;
        };
        if let Some(spent) = given_back.spent(count, quota.limit) {
            engine.recall_quota(&quota, spent, now);
        }
    }
}

/// Takes over what the store says of one of the limits that were found.
pub(crate) fn recall_exactly(
    engine: &Engine,
    found: &Inspected,
    limit: &CountedLimit,
    spent: Spent,
    now: Now,
) {
    let Some(used) = found.used() else { return };
    let mut of_limit = quotas(&used).filter(|(_, quota)| quota.limit.name == limit.name);
    if let Some((_, quota)) = of_limit.next() {
        engine.recall_quota(&quota, spent, now);
    }
}

/// One of the limits that were found, if it is a quota that a store counts.
pub(crate) fn stored(found: &Inspected, limit: &CountedLimit) -> Option<StoredQuota> {
    let used = found.used()?;
    let mut of_limit = quotas(&used).filter(|(_, quota)| quota.limit.name == limit.name);
    let (user, quota) = of_limit.next()?;
    Some(StoredQuota {
        counter: counter(user, &quota).ok()?,
        quota: limit.quota,
        carry: limit.carry(),
    })
}
