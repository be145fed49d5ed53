//! A quota as the limits that one decision consults: itself, a user's share of it, the rate beyond it.

use std::num::NonZeroU64;
use std::sync::Arc;

use tollgate_limiter::{Enforcement, Table};
use tollgate_policy::{Amount, BURST_MAX, Limit, Mode, OnExceed, Per, Throttle, percent_of};

use super::{CountedLimit, Owner};
use crate::error::EngineError;
use crate::keys::HashKey;

/// The limits that count `limit`: one, unless it is a quota with more to it.
pub(super) fn expanded(
    limit: &Limit,
    owner: Owner<'_>,
    hash: &HashKey,
    buckets: &Table,
) -> Result<Vec<CountedLimit>, EngineError> {
    let Some(rules) = &limit.quota else {
        return Ok(vec![CountedLimit::new(limit, owner, hash, buckets)?]);
    };
    let serves_on = rules.on_exceed != OnExceed::Block;
    let quota = |limit: &Limit| {
        let (with_grace, grace) = with_grace(limit, rules.grace_percent);
        let mut counted = CountedLimit::new(&with_grace, owner, hash, buckets)?;
        counted.grace = grace;
        counted.amount = limit.amount.to_string().into();
        counted.quota = counted.quota.saturating_sub(grace);
        counted.serves_on = serves_on;
        counted.on_exceed = Some(rules.on_exceed);
        if limit.mode == Mode::Enforce {
            counted.notify_at = Arc::clone(&rules.notify_at);
        }
        if serves_on {
            counted.enforcement = Enforcement::Shadow;
        }
        Ok::<_, EngineError>(counted)
    };
    let mut all = vec![quota(limit)?];
    if let Some(percent) = rules.user_share_percent {
        all.push(quota(&user_share(limit, percent))?);
    }
    if let OnExceed::Throttle(throttle) = rules.on_exceed {
        let mut counted = CountedLimit::new(&beyond(limit, throttle), owner, hash, buckets)?;
        counted.throttles = all.len();
        all.push(counted);
    }
    Ok(all)
}

/// The quota and its grace, and how many units that is more.
fn with_grace(limit: &Limit, percent: u32) -> (Limit, u64) {
    let mut limit = limit.clone();
    let mut grace = 0;
    if let Amount::Quota { max, .. } = &mut limit.amount
        && percent > 0
    {
        let room = BURST_MAX - max.get().min(BURST_MAX);
        grace = percent_of(*max, percent).get().min(room);
        *max = max.saturating_add(grace);
    }
    (limit, grace)
}

/// What one user may use of an account's quota.
fn user_share(limit: &Limit, percent: u32) -> Limit {
    let mut share = Limit {
        name: Arc::from(format!("{}.share", limit.name)),
        per: Per::User,
        ..limit.clone()
    };
    if let Amount::Quota { max, .. } = &mut share.amount {
        *max = percent_of(*max, percent);
    }
    share
}

/// The rate beyond the quota, for those whom the quota is counted for.
fn beyond(limit: &Limit, Throttle { rate, burst }: Throttle) -> Limit {
    Limit {
        name: Arc::from(format!("{}.throttle", limit.name)),
        amount: Amount::Rate { rate, burst },
        cost: NonZeroU64::MIN,
        quota: None,
        ..limit.clone()
    }
}
