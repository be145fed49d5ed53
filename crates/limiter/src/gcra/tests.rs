//! GCRA against a naive exact oracle, and its boundaries.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn gcra(count: u64, period: Duration, burst: u64) -> Gcra {
    Gcra::new(count, period, burst).unwrap()
}

/// A token bucket that keeps exact rational credit: `credit` in units of 1/interval.
struct Oracle {
    interval: u128,
    capacity: u128,
    credit: u128,
    last: u64,
}

impl Oracle {
    fn new(limit: &Gcra) -> Self {
        let interval = u128::from(limit.interval_ns);
        let capacity = interval * u128::from(limit.burst);
        Self {
            interval,
            capacity,
            credit: capacity,
            last: 0,
        }
    }

    fn decide(&mut self, now: u64, cost: u64) -> bool {
        self.credit = (self.credit + u128::from(now - self.last)).min(self.capacity);
        self.last = now;
        let charge = self.interval * u128::from(cost);
        if charge <= self.credit {
            self.credit -= charge;
            return true;
        }
        false
    }

    fn remaining(&self) -> u64 {
        u64::try_from(self.credit / self.interval).unwrap()
    }
}

#[test]
fn exactly_burst_requests_pass_at_one_instant() {
    let limit = gcra(10, Duration::from_secs(1), 3);
    let mut tat = 0;
    for left in [2, 1, 0] {
        let (reading, state) = limit.decide(tat, Nanos(5), 1);
        assert!(reading.admitted());
        assert_eq!(reading.remaining, left);
        tat = state;
    }
    let (reading, state) = limit.decide(tat, Nanos(5), 1);
    assert!(!reading.admitted());
    assert_eq!(state, tat);
    assert_eq!(reading.retry_after(), Some(Nanos::from_millis(100)));
}

#[test]
fn waiting_exactly_retry_after_is_enough_and_a_nanosecond_less_is_not() {
    let limit = gcra(7, Duration::from_secs(60), 2);
    let (_, tat) = limit.decide(0, Nanos(0), 2);
    let (denied, _) = limit.decide(tat, Nanos(1), 1);
    let wait = denied.retry_after().unwrap();
    assert!(!limit.decide(tat, Nanos(1 + wait.0 - 1), 1).0.admitted());
    assert!(limit.decide(tat, Nanos(1 + wait.0), 1).0.admitted());
}

#[test]
fn a_cost_above_the_burst_is_denied_for_ever_and_spends_nothing() {
    let limit = gcra(10, Duration::from_secs(1), 3);
    let (reading, state) = limit.decide(0, Nanos(9), 4);
    assert!(!reading.admitted());
    assert_eq!(reading.retry_after(), None);
    assert_eq!(reading.remaining, 3);
    assert_eq!(state, 0);
    assert_eq!(limit.decide(0, Nanos(9), u64::MAX).0.retry_after(), None);
}

#[test]
fn a_cost_of_zero_looks_and_makes_no_debt() {
    let limit = gcra(1, Duration::from_secs(1), 1);
    let (_, tat) = limit.decide(0, Nanos(0), 1);
    let (look, state) = limit.decide(tat, Nanos(0), 0);
    assert!(look.admitted());
    assert_eq!(look.remaining, 0);
    assert_eq!(look.next, Nanos::from_secs(1));
    assert_eq!(state, tat);
}

#[test]
fn remaining_never_exceeds_the_burst_after_idling() {
    let limit = gcra(10, Duration::from_secs(1), 5);
    let (reading, _) = limit.decide(0, Nanos::from_secs(1_000_000), 0);
    assert_eq!(reading.remaining, 5);
    assert_eq!(reading.next, Nanos(0));
}

#[test]
fn extremes_are_counted_without_overflow() {
    let month = Duration::from_secs(30 * 86_400);
    let slow = gcra(1, month, 1);
    let (_, tat) = slow.decide(0, Nanos(0), 1);
    assert_eq!(
        slow.decide(tat, Nanos(0), 1).0.retry_after(),
        Some(month.into())
    );
    let fast = gcra(10_000_000, Duration::from_secs(1), 1 << 31);
    let late = Nanos(u64::MAX / 2);
    assert!(fast.decide(0, late, 1 << 31).0.admitted());
}

#[test]
fn rates_that_cannot_be_counted_are_refused() {
    let second = Duration::from_secs(1);
    let refused = |count, period, burst| Gcra::new(count, period, burst).unwrap_err();
    assert_eq!(refused(1, Duration::ZERO, 1), LimitError::PeriodZero);
    assert_eq!(refused(0, second, 1), LimitError::CountZero);
    assert_eq!(refused(1, second, 0), LimitError::BurstZero);
    assert_eq!(refused(2_000_000_000, second, 1), LimitError::TooFast);
    let year = Duration::from_secs(86_400 * 366);
    assert_eq!(refused(1, year, u64::MAX), LimitError::TooSlow);
    // The slowest that can be counted takes a quarter of the clock's range to refill.
    let slowest = Duration::from_nanos(u64::MAX / 4);
    assert!(Gcra::new(1, slowest, 1).is_ok());
    let slower = slowest + Duration::from_nanos(1);
    assert_eq!(refused(1, slower, 1), LimitError::TooSlow);
    assert!(Gcra::new(1_000_000_000, second, 1).is_ok());
}

#[test]
fn a_refund_stops_at_a_full_bucket_and_a_surcharge_goes_beyond_the_burst() {
    let limit = gcra(1, Duration::from_secs(1), 5);
    let now = Nanos::from_secs(100);
    let (_, tat) = limit.decide(0, now, 3);
    assert_eq!(
        limit.decide(limit.refund(tat, now, 2), now, 0).0.remaining,
        4
    );
    let full = limit.refund(tat, now, u64::MAX);
    assert_eq!(full, now.0);
    assert_eq!(limit.decide(full, now, 0).0.remaining, 5);
    assert_eq!(limit.refund(0, now, 1), now.0);

    let owing = limit.surcharge(tat, now, 4);
    let (reading, _) = limit.decide(owing, now, 1);
    assert_eq!(reading.denial, Some(Denial::Wait(Nanos::from_secs(3))));
    assert_eq!((reading.remaining, reading.full), (0, Nanos::from_secs(7)));
    assert_eq!(reading.next, Nanos::from_secs(3));
    // A look is admitted all the same, and changes nothing.
    let (look, after) = limit.decide(owing, now, 0);
    assert_eq!((look.denial, look.remaining, after), (None, 0, owing));
    // Bounded, so that no later time overflows.
    let most = limit.surcharge(tat, now, u64::MAX);
    assert_eq!(most, now.0 + u64::MAX / 4);
}

#[test]
fn a_clock_that_steps_back_yields_no_token() {
    let limit = gcra(10, Duration::from_secs(1), 2);
    let (_, tat) = limit.decide(0, Nanos::from_secs(50), 2);
    for earlier in [0, 1, 49] {
        let (reading, state) = limit.decide(tat, Nanos::from_secs(earlier), 1);
        assert!(!reading.admitted());
        assert_eq!(state, tat);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn agrees_with_the_oracle_on_every_decision(
        count in 1_u64..5_000,
        period_ms in 1_u64..100_000,
        burst in 1_u64..200,
        steps in prop::collection::vec((0_u64..3_000_000_000, 0_u64..8), 1..400),
    ) {
        prop_assume!(u128::from(count) <= u128::from(period_ms) * 1_000_000);
        let limit = gcra(count, Duration::from_millis(period_ms), burst);
        let mut oracle = Oracle::new(&limit);
        let (mut tat, mut now) = (0, 0);
        for (gap, cost) in steps {
            now += gap;
            let (reading, state) = limit.decide(tat, Nanos(now), cost);
            prop_assert_eq!(reading.admitted(), oracle.decide(now, cost));
            prop_assert_eq!(reading.remaining, oracle.remaining());
            if reading.admitted() {
                tat = state;
            } else if let Some(wait) = reading.retry_after() {
                prop_assert!(limit.decide(tat, Nanos(now + wait.0), cost).0.admitted());
                prop_assert!(!limit.decide(tat, Nanos(now + wait.0 - 1), cost).0.admitted());
            }
        }
    }

    #[test]
    fn no_window_admits_more_than_burst_plus_rate_times_its_length(
        burst in 1_u64..20,
        gaps in prop::collection::vec(0_u64..400_000_000, 1..200),
    ) {
        let limit = gcra(10, Duration::from_secs(1), burst);
        let (mut tat, mut now, mut admitted) = (0, 0_u64, Vec::new());
        for gap in gaps {
            now += gap;
            let (reading, state) = limit.decide(tat, Nanos(now), 1);
            if reading.admitted() {
                tat = state;
                admitted.push(now);
            }
        }
        for (i, from) in admitted.iter().enumerate() {
            for (j, to) in admitted.iter().enumerate().skip(i) {
                let bound = burst + (to - from) / 100_000_000;
                prop_assert!((j - i + 1) as u64 <= bound);
            }
        }
    }
}
