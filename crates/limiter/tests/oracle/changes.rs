//! A bucket under another limit: the same share, the same units, or nothing, and never a gift.

use std::time::Duration;

use proptest::prelude::*;
use tollgate_limiter::{Calendar, CarryOver, Limit, Nanos, Now, Period};

fn limits() -> impl Strategy<Value = Limit> {
    let second = Duration::from_secs(1);
    prop_oneof![
        (1_u64..1_000, 1_u32..100_000, 1_u64..5_000)
            .prop_map(move |(count, seconds, burst)| Limit::rate(count, second * seconds, burst)),
        (1_u64..5_000, 1_u32..100_000)
            .prop_map(move |(max, seconds)| Limit::window(max, second * seconds)),
        (1_u64..5_000, prop::sample::select(&Period::ALL[..])).prop_map(|(max, period)| {
            Limit::quota(max, Calendar::new(period, jiff::tz::TimeZone::UTC))
        }),
    ]
    .prop_map(|limit| limit.unwrap())
}

fn now() -> impl Strategy<Value = Now> {
    (0_u64..1 << 50).prop_map(|mono| Now {
        mono: Nanos(mono),
        unix_ms: 1_792_872_000_000 + mono / 1_000_000,
    })
}

fn remaining(limit: &Limit, state: u64, now: Now) -> u64 {
    limit.decide(state, now, 0).0.remaining
}

/// `a / b`, rounded down, of products that may not fit 64 bits.
fn scaled(a: u64, by: u64, over: u64) -> u64 {
    u64::try_from(u128::from(a) * u128::from(by) / u128::from(over)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn keep_keeps_the_share_to_within_a_unit_and_never_below(
        from in limits(), to in limits(), now in now(), share in 0.0_f64..=1.0,
    ) {
        let spent = (from.capacity() as f64 * share) as u64;
        let (_, state) = from.decide(0, now, spent);
        let carried = to.carried_from(&from, state, now, CarryOver::Keep);
        let left = remaining(&to, carried, now);
        // What is left of the new limit is what was left of the old one, scaled and rounded down.
        let exact = scaled(from.capacity() - spent, to.capacity(), from.capacity());
        prop_assert!(left <= exact, "a gift: {left} of {exact}");
        prop_assert!(left + 1 >= exact, "a loss: {left} of {exact}");
        if spent == from.capacity() {
            prop_assert_eq!(left, 0, "an exhausted bucket stays exhausted");
        }
        if spent == 0 {
            prop_assert_eq!(left, to.capacity(), "a fresh one stays fresh");
        }
    }

    #[test]
    fn as_is_keeps_the_units_and_locks_nobody_out_for_longer_than_a_spent_bucket(
        from in limits(), to in limits(), now in now(), share in 0.0_f64..=1.0,
    ) {
        let spent = (from.capacity() as f64 * share) as u64;
        let (_, state) = from.decide(0, now, spent);
        let carried = to.carried_from(&from, state, now, CarryOver::AsIs);
        let exact = to.capacity().saturating_sub(spent);
        let left = remaining(&to, carried, now);
        prop_assert!(left <= exact && left + 1 >= exact, "{left} of {exact}");
        let (_, full) = to.decide(0, now, to.capacity());
        let waits = |state| to.decide(state, now, 1).0.retry_after().unwrap_or_default();
        prop_assert!(waits(carried) <= waits(full));
    }

    #[test]
    fn reset_leaves_a_fresh_bucket(
        from in limits(), to in limits(), now in now(), spent in 0_u64..5_000,
    ) {
        let (_, state) = from.decide(0, now, spent.min(from.capacity()));
        let carried = to.carried_from(&from, state, now, CarryOver::Reset);
        prop_assert_eq!(remaining(&to, carried, now), to.capacity());
        prop_assert!(to.is_vacant(carried, now));
    }

    /// Two plans of one user asked in turn, as with two tokens of different age: going back and
    /// forth gives nothing, and costs a 32,768th part of the limit a time at most.
    #[test]
    fn changing_back_and_forth_neither_forgives_nor_wears_down(
        a in limits(), b in limits(), now in now(), share in 0.0_f64..=1.0,
    ) {
        let spent = (a.capacity() as f64 * share) as u64;
        let (_, mut state) = a.decide(0, now, spent);
        let before = remaining(&a, state, now);
        for _ in 0..100 {
            let there = b.carried_from(&a, state, now, CarryOver::Keep);
            state = a.carried_from(&b, there, now, CarryOver::Keep);
        }
        let after = remaining(&a, state, now);
        prop_assert!(after <= before);
        let worn = 1 + 200 * a.capacity() / 32_768;
        prop_assert!(after + worn >= before, "{before} wore down to {after}");
    }

    #[test]
    fn what_is_under_way_is_kept_whatever_the_rule(
        max in 1_u64..100, other in 1_u64..100, under_way in 0_u64..100, to in limits(), now in now(),
    ) {
        let from = Limit::concurrency(max).unwrap();
        let wider = Limit::concurrency(other).unwrap();
        for carry in [CarryOver::Keep, CarryOver::AsIs, CarryOver::Reset] {
            prop_assert_eq!(wider.carried_from(&from, under_way, now, carry), under_way);
            // Requests under way are not units spent.
            let rated = to.carried_from(&from, under_way, now, carry);
            prop_assert_eq!(remaining(&to, rated, now), to.capacity());
        }
    }

    #[test]
    fn settling_gives_back_at_most_what_fills_the_bucket_and_takes_what_was_used(
        limit in limits(), now in now(), charged in 0_u64..5_000, actual in 0_u64..5_000,
        others in 0_u64..5_000,
    ) {
        let capacity = limit.capacity();
        let charged = charged.min(capacity);
        let others = others.min(capacity - charged);
        let (_, state) = limit.decide(0, now, charged + others);
        let settled = limit.settle(state, now, now, charged, actual);
        let expected = capacity.saturating_sub(others + actual);
        prop_assert_eq!(remaining(&limit, settled, now), expected);
        let twice = limit.settle(settled, now, now, capacity, 0);
        prop_assert!(remaining(&limit, twice, now) <= capacity);
    }
}

/// Windows of one length keep their two counts apart: the same limit a little later is the same.
#[test]
fn a_change_in_the_middle_of_a_window_moves_nothing_in_time() {
    let minute = Duration::from_secs(60);
    let (small, large) = (
        Limit::window(100, minute).unwrap(),
        Limit::window(1_000, minute).unwrap(),
    );
    let at = |seconds| Now {
        mono: Nanos::from_secs(seconds),
        unix_ms: 0,
    };
    let (_, state) = small.decide(0, at(30), 80);
    let (_, state) = small.decide(state, at(70), 10);
    let carried = large.carried_from(&small, state, at(75), CarryOver::Keep);
    for second in [75, 90, 119, 120, 150, 179, 180] {
        let (one, ten) = (
            remaining(&small, state, at(second)),
            remaining(&large, carried, at(second)),
        );
        assert!(
            (one * 10..one * 10 + 10).contains(&ten),
            "{second} s: {one}, {ten}"
        );
    }
}
