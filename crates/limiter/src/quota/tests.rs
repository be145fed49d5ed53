//! Calendar quotas: reset at the boundary and not before, whatever the wall clock does.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::calendar::Period;

fn utc(text: &str) -> Now {
    let at: Timestamp = text.parse().unwrap();
    Now {
        mono: Nanos(0),
        unix_ms: u64::try_from(at.as_millisecond()).unwrap(),
    }
}

fn daily(max: u64) -> Quota {
    Quota::new(max, Calendar::new(Period::Day, TimeZone::UTC)).unwrap()
}

#[test]
fn a_quota_is_there_again_exactly_at_the_boundary() {
    let quota = daily(2);
    let (first, state) = quota.decide(0, utc("2026-11-24T22:00:00Z"), 1);
    assert_eq!((first.remaining, first.next.as_secs_ceil()), (1, 7_200));
    let (_, state) = quota.decide(state, utc("2026-11-24T23:59:59.999Z"), 1);
    let (denied, after) = quota.decide(state, utc("2026-11-24T23:59:59.999Z"), 1);
    assert_eq!(denied.retry_after(), Some(Nanos::from_millis(1)));
    assert_eq!(after, state);
    assert!(Quota::is_vacant(state, utc("2026-11-25T00:00:00Z")));
    let (again, _) = quota.decide(state, utc("2026-11-25T00:00:00Z"), 1);
    assert_eq!((again.admitted(), again.remaining), (true, 1));
}

#[test]
fn costs_above_are_denied_for_ever_and_zero_is_a_look() {
    let quota = daily(10);
    let now = utc("2026-11-24T12:00:00Z");
    assert_eq!(quota.decide(0, now, 11).0.denial, Some(Denial::Never));
    assert_eq!(quota.decide(0, now, u64::MAX).0.denial, Some(Denial::Never));
    let (_, full) = quota.decide(0, now, 10);
    let (look, after) = quota.decide(full, now, 0);
    assert_eq!((look.admitted(), look.remaining, after), (true, 0, full));
    let (fresh, untouched) = quota.decide(0, now, 0);
    assert_eq!((fresh.remaining, fresh.full, untouched), (10, Nanos(0), 0));
}

#[test]
fn a_wall_clock_put_back_yields_nothing() {
    let quota = daily(5);
    // Two seconds ahead, into the next day, and put right.
    let (_, state) = quota.decide(0, utc("2026-11-25T00:00:01Z"), 5);
    let (back, after) = quota.decide(state, utc("2026-11-24T23:59:59Z"), 1);
    let day_and_second = Nanos::from_secs(86_400 + 1);
    assert_eq!((back.retry_after(), after), (Some(day_and_second), state));
    assert!(
        !quota
            .decide(state, utc("2026-11-25T12:00:00Z"), 1)
            .0
            .admitted()
    );
    assert!(
        quota
            .decide(state, utc("2026-11-26T00:00:00Z"), 5)
            .0
            .admitted()
    );
}

#[test]
fn a_wall_clock_that_was_a_year_ahead_locks_nobody_out() {
    let quota = daily(5);
    let (_, state) = quota.decide(0, utc("2027-11-24T12:00:00Z"), 5);
    let (right, state) = quota.decide(state, utc("2026-11-24T12:00:00Z"), 5);
    assert!(right.admitted());
    let (denied, _) = quota.decide(state, utc("2026-11-24T12:00:00Z"), 1);
    assert_eq!(denied.retry_after(), Some(Nanos::from_secs(12 * 3_600)));
}

#[test]
fn a_refund_goes_to_the_period_that_was_charged() {
    let quota = daily(10);
    let before = utc("2026-11-24T23:59:00Z");
    let after = utc("2026-11-25T00:01:00Z");
    let (_, state) = quota.decide(0, before, 10);
    let back = quota.refund(state, before, before, 4);
    assert_eq!(quota.decide(back, before, 0).0.remaining, 4);
    let over = quota.refund(state, before, before, u64::MAX);
    assert_eq!(quota.decide(over, before, 0).0.remaining, 10);
    let (_, next) = quota.decide(state, after, 10);
    let late = quota.refund(next, after, before, 4);
    assert_eq!(quota.decide(late, after, 0).0.remaining, 0);
}

#[test]
fn a_surcharge_is_owed_until_the_period_ends() {
    let quota = daily(10);
    let now = utc("2026-11-24T12:00:00Z");
    let (_, state) = quota.decide(0, now, 10);
    let owing = quota.surcharge(state, now, 5);
    let (reading, _) = quota.decide(owing, now, 1);
    assert_eq!((reading.admitted(), reading.remaining), (false, 0));
    let back = quota.refund(owing, now, now, 6);
    assert_eq!(quota.decide(back, now, 0).0.remaining, 1);
    let most = quota.surcharge(state, now, u64::MAX);
    assert!(
        quota
            .decide(most, utc("2026-11-25T00:00:00Z"), 10)
            .0
            .admitted()
    );
}

#[test]
fn the_greatest_quota_is_counted_and_more_is_refused() {
    let calendar = || Calendar::new(Period::Month, TimeZone::UTC);
    assert_eq!(
        Quota::new(MAX + 1, calendar()),
        Err(LimitError::TooMany { max: MAX })
    );
    assert_eq!(Quota::new(0, calendar()), Err(LimitError::CountZero));
    let quota = Quota::new(MAX, calendar()).unwrap();
    let now = utc("2026-11-24T12:00:00Z");
    let (_, state) = quota.decide(0, now, MAX - 1);
    let (last, state) = quota.decide(state, now, 1);
    assert_eq!((last.admitted(), last.remaining), (true, 0));
    assert!(!quota.decide(state, now, 1).0.admitted());
}

#[test]
fn times_beyond_every_calendar_do_not_panic() {
    for quota in [daily(1), Quota::every(1, 7).unwrap()] {
        for unix_ms in [0, u64::MAX / 2, u64::MAX] {
            let now = Now {
                mono: Nanos(0),
                unix_ms,
            };
            assert!(quota.decide(0, now, 1).0.admitted());
        }
    }
}

#[test]
fn the_last_period_that_a_state_can_name_ends_in_the_year_2990() {
    let quota = daily(2);
    let (_, state) = quota.decide(0, utc("3500-01-01T12:00:00Z"), 1);
    assert_eq!(state >> USED_BITS, END_MAX);
    assert_eq!(END_MAX * 60, 32_212_254_660, "5 October 2990, in seconds");
}

#[test]
fn periods_of_one_length_follow_each_other_since_1970() {
    // A month of 30 days as envoyproxy/ratelimit counts it: (now / length) * length.
    let (second, month) = (
        Quota::every(2, 1).unwrap(),
        Quota::every(2, 2_592_000).unwrap(),
    );
    let now = utc("2026-11-24T12:00:00.250Z");
    let (_, state) = second.decide(0, now, 2);
    let (denied, state) = second.decide(state, now, 1);
    assert_eq!(denied.retry_after(), Some(Nanos::from_millis(750)));
    assert!(!Quota::is_vacant(state, utc("2026-11-24T12:00:00.999Z")));
    assert!(Quota::is_vacant(state, utc("2026-11-24T12:00:01Z")));
    let (_, state) = month.decide(0, now, 2);
    let (denied, _) = month.decide(state, now, 1);
    let end_s = (now.unix_s() / 2_592_000 + 1) * 2_592_000;
    let wait = Nanos::from_millis(end_s * 1_000 - now.unix_ms);
    assert_eq!(denied.retry_after(), Some(wait));
}

#[test]
fn a_period_of_one_length_stays_over_for_eight_years_and_comes_not_back_as_a_wall() {
    let quota = Quota::every(3, 60).unwrap();
    let now = utc("2026-11-24T12:00:00Z");
    let (_, state) = quota.decide(0, now, 3);
    for days in [1, 400, 3_000] {
        let later = Now {
            unix_ms: now.unix_ms + days * 86_400_000,
            ..now
        };
        assert!(Quota::is_vacant(state, later), "{days} days on");
    }
    // As seen after 17 years less a day the old end lies a day ahead, which no period's does.
    let strange = Now {
        unix_ms: now.unix_ms + ((1 << 29) - 86_400) * 1_000,
        ..now
    };
    assert!(quota.decide(state, strange, 3).0.admitted());
}

#[test]
fn a_wall_clock_put_back_yields_nothing_in_periods_of_one_length_either() {
    let quota = Quota::every(5, 10).unwrap();
    let (_, state) = quota.decide(0, utc("2026-11-24T12:00:10Z"), 5);
    let back = utc("2026-11-24T12:00:09Z");
    let (denied, after) = quota.decide(state, back, 1);
    assert_eq!(
        (denied.retry_after(), after),
        (Some(Nanos::from_secs(11)), state)
    );
    // A minute ahead is a clock that was wrong: it locks nobody out.
    assert!(
        quota
            .decide(state, utc("2026-11-24T11:59:00Z"), 5)
            .0
            .admitted()
    );
}

#[test]
fn lengths_of_nothing_and_above_a_year_are_refused() {
    assert_eq!(Quota::every(1, 0), Err(LimitError::PeriodZero));
    assert_eq!(Quota::every(1, 366 * 86_400 + 1), Err(LimitError::TooSlow));
    assert!(Quota::every(u64::from(u32::MAX), 366 * 86_400).is_ok());
}
