//! Shares to strategies that Envoy enforces.
//!
//! What its filter does with them was read in its source (`rate_limit_quota/global_client_impl.cc`): it
//! knows blanket rules and token buckets, not requests per time unit; a bucket refills evenly at
//! `tokens_per_fill / fill_interval`, intervals and times to live in whole seconds; a bucket begins full
//! when it is replaced, and is not replaced by an equal one.

use std::time::Duration;

use tollgate_engine::DividedRate;

use super::divider::Micro;
use crate::messages::proto;
use crate::messages::proto::UInt32Value;
use crate::messages::quota::{
    BucketAction, BucketId, RateLimitStrategy, TokenBucket, bucket_action, rate_limit_strategy,
};

/// One length for all, since Envoy does not see that two buckets differ in it alone; long, so that the
/// slowest share is still a whole number of tokens.
const FILL_INTERVAL_S: u64 = 3_600;
/// A bucket begins full each time that it is replaced: so it holds no more than a part of a second.
const BURST_PARTS_OF_SECOND: u64 = 4;

/// What a bucket's holder may let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assigned {
    All,
    None,
    /// This share of a rate.
    Share(Micro, DividedRate),
}

/// What a bucket is told, for so long.
pub(super) fn assignment(bucket: BucketId, assigned: Assigned, ttl: Duration) -> BucketAction {
    let ttl_s = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
    let action = bucket_action::QuotaAssignmentAction {
        assignment_time_to_live: Some(seconds(ttl_s)),
        rate_limit_strategy: Some(RateLimitStrategy {
            strategy: Some(strategy(assigned)),
        }),
    };
    BucketAction {
        bucket_id: Some(bucket),
        bucket_action: Some(bucket_action::BucketAction::QuotaAssignmentAction(action)),
    }
}

pub(super) fn abandon(bucket: BucketId) -> BucketAction {
    let action = bucket_action::AbandonAction {};
    BucketAction {
        bucket_id: Some(bucket),
        bucket_action: Some(bucket_action::BucketAction::AbandonAction(action)),
    }
}

fn strategy(assigned: Assigned) -> rate_limit_strategy::Strategy {
    use rate_limit_strategy::{BlanketRule, Strategy};
    let blanket = |rule: BlanketRule| Strategy::BlanketRule(rule.into());
    let (share, rate) = match assigned {
        Assigned::All => return blanket(BlanketRule::AllowAll),
        Assigned::None => return blanket(BlanketRule::DenyAll),
        Assigned::Share(share, rate) => (share, rate),
    };
    let of_requests = share / rate.cost.max(1);
    let tokens = u128::from(of_requests) * u128::from(FILL_INTERVAL_S) / 1_000_000;
    let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
    if tokens == 0 {
        // Less than one in an hour.
        return blanket(BlanketRule::DenyAll);
    }
    let of_burst = u128::from(rate.burst) * u128::from(share) / u128::from(rate.micro_per_s.max(1));
    let of_second = u128::from(of_requests / 1_000_000 / BURST_PARTS_OF_SECOND);
    let burst = u32::try_from(of_burst.min(of_second)).unwrap_or(u32::MAX);
    Strategy::TokenBucket(TokenBucket {
        max_tokens: burst.max(1),
        tokens_per_fill: Some(UInt32Value { value: tokens }),
        fill_interval: Some(seconds(i64::try_from(FILL_INTERVAL_S).unwrap_or(0))),
    })
}

fn seconds(seconds: i64) -> proto::Duration {
    proto::Duration { seconds, nanos: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(share: Micro, micro_per_s: u64, burst: u64) -> Option<(u32, u32)> {
        of_cost(1, share, micro_per_s, burst)
    }

    fn of_cost(cost: u64, share: Micro, micro_per_s: u64, burst: u64) -> Option<(u32, u32)> {
        let rate = DividedRate {
            bucket: 0,
            micro_per_s,
            cost,
            burst,
        };
        match strategy(Assigned::Share(share, rate)) {
            rate_limit_strategy::Strategy::TokenBucket(bucket) => {
                Some((bucket.max_tokens, bucket.tokens_per_fill.unwrap().value))
            }
            _ => None,
        }
    }

    #[test]
    fn shares_lose_less_than_a_request_an_hour_by_rounding() {
        assert_eq!(bucket(33_333_333, 100_000_000, 200), Some((8, 119_999)));
        assert_eq!(bucket(100_000_000, 100_000_000, 5), Some((5, 360_000)));
        // A third of one a minute: 20 an hour.
        assert_eq!(bucket(5_555, 16_666, 1), Some((1, 19)));
        assert_eq!(
            bucket(277, 16_666, 1),
            None,
            "less than one an hour is none"
        );
        assert_eq!(bucket(u64::MAX, u64::MAX, 1), Some((1, u32::MAX)));
        // Units to requests of ten each.
        assert_eq!(of_cost(10, 50_000_000, 100_000_000, 20), Some((1, 18_000)));
    }
}
