//! A policy's amounts in the terms of counting, and in the terms that callers are told.

use tollgate_limiter::{Calendar, CarryOver, Limit, LimitError, Period};
use tollgate_policy::{Amount, OnChange, QuotaPeriod};

/// What rate-limit fields say of a limit.
pub(crate) struct Told {
    /// Units in the window.
    pub(crate) quota: u64,
    /// Seconds of the window, where it has one length.
    pub(crate) window_s: Option<u64>,
}

/// The limit that counts `amount`.
pub(crate) fn counted(amount: &Amount) -> Result<Limit, LimitError> {
    match amount {
        Amount::Rate { rate, burst } => Limit::rate(rate.count.get(), rate.period, burst.get()),
        Amount::Window { max, length } => Limit::window(max.get(), *length),
        Amount::Quota {
            max,
            period,
            zone,
            first_day,
        } => {
            let calendar = Calendar::new(calendar(*period), zone.clone());
            Limit::quota(max.get(), calendar.with_first_day(*first_day))
        }
        Amount::Concurrency { max } => Limit::concurrency(max.get()),
    }
}

/// What a limit's buckets are named under beside its name: another kind of limit, or a quota of
/// another period, has buckets of its own. Else a caller who is moved to and fro between a quota a
/// month and one a minute would find the month's refilled within the minute.
pub(crate) fn kind(amount: &Amount) -> &'static str {
    match amount {
        Amount::Rate { .. } => "rate",
        Amount::Window { .. } => "window",
        Amount::Quota { period, .. } => match period {
            QuotaPeriod::Minute => "quota a minute",
            QuotaPeriod::Hour => "quota an hour",
            QuotaPeriod::Day => "quota a day",
            QuotaPeriod::Week => "quota a week",
            QuotaPeriod::Month => "quota a month",
        },
        Amount::Concurrency { .. } => "concurrency",
    }
}

/// A rate is told as what flows while the burst refills; everything else as it is written.
pub(crate) fn told(amount: &Amount, counted: &Limit) -> Told {
    let quota = counted.capacity();
    match (amount, counted) {
        (Amount::Rate { rate, .. }, Limit::Rate(gcra)) => {
            let window_s = gcra.window().as_secs_ceil().max(1);
            let in_window = u128::from(rate.count.get()) * u128::from(window_s) * 1_000_000_000
                / rate.period.as_nanos().max(1);
            Told {
                quota: u64::try_from(in_window).unwrap_or(u64::MAX).max(1),
                window_s: Some(window_s),
            }
        }
        (Amount::Window { length, .. }, _) => Told {
            quota,
            window_s: Some(length.as_secs() + u64::from(length.subsec_nanos() > 0)),
        },
        (Amount::Quota { period, .. }, _) => Told {
            quota,
            window_s: match period {
                QuotaPeriod::Minute => Some(60),
                QuotaPeriod::Hour => Some(3_600),
                QuotaPeriod::Day => Some(86_400),
                QuotaPeriod::Week => Some(7 * 86_400),
                QuotaPeriod::Month => None,
            },
        },
        _ => Told {
            quota,
            window_s: None,
        },
    }
}

/// What a bucket takes along when its limit changes.
pub(crate) fn carry(on_change: OnChange) -> CarryOver {
    match on_change {
        OnChange::Keep => CarryOver::Keep,
        OnChange::AsIs => CarryOver::AsIs,
        OnChange::Reset => CarryOver::Reset,
    }
}

fn calendar(period: QuotaPeriod) -> Period {
    match period {
        QuotaPeriod::Minute => Period::Minute,
        QuotaPeriod::Hour => Period::Hour,
        QuotaPeriod::Day => Period::Day,
        QuotaPeriod::Week => Period::Week,
        QuotaPeriod::Month => Period::Month,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use tollgate_policy::WINDOW_MAX;

    use super::*;

    #[test]
    fn every_window_that_a_policy_may_name_can_be_counted() {
        let day = Duration::from_secs(86_400);
        let mut longest = day * 366;
        for (least_s, max) in WINDOW_MAX {
            for length in [longest, Duration::from_secs(least_s)] {
                let max = NonZeroU64::new(max).unwrap();
                assert!(
                    counted(&Amount::Window { max, length }).is_ok(),
                    "{max} in {length:?}"
                );
            }
            longest = Duration::from_secs(least_s) - Duration::from_millis(1);
        }
    }
}
