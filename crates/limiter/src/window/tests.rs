//! The sliding window: its estimate against exact fractions, its boundaries, its range.

use std::time::Duration;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn window(max: u64, length: Duration) -> Window {
    Window::new(max, length).unwrap()
}

fn at(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

#[test]
fn exactly_max_pass_in_one_window_and_the_state_is_left_alone_by_a_denial() {
    let limit = window(3, MINUTE);
    let mut state = 0;
    for left in [2, 1, 0] {
        let (reading, after) = limit.decide(state, at(10), 1);
        assert!(reading.admitted());
        assert_eq!(reading.remaining, left);
        state = after;
    }
    let (reading, after) = limit.decide(state, at(10), 1);
    assert_eq!(after, state);
    // The first of three leaves a third into the next window: 50 s to its end, 20 s into it.
    assert_eq!(reading.retry_after(), Some(at(70)));
    assert!(!limit.decide(state, Nanos(at(80).0 - 1), 1).0.admitted());
    assert!(limit.decide(state, at(80), 1).0.admitted());
}

#[test]
fn the_window_before_fades_evenly() {
    let limit = window(100, MINUTE);
    let (_, state) = limit.decide(0, at(30), 80);
    for (second, remaining) in [
        (60, 20),
        (75, 40),
        (90, 60),
        (105, 80),
        (119, 98),
        (120, 100),
    ] {
        let (look, after) = limit.decide(state, at(second), 0);
        assert_eq!((look.remaining, after), (remaining, state), "at {second} s");
    }
    assert!(limit.is_vacant(state, at(120)));
    assert!(!limit.is_vacant(state, Nanos(at(120).0 - 1)));
}

#[test]
fn waiting_exactly_retry_after_is_enough_in_the_same_window() {
    let limit = window(10, MINUTE);
    let (_, state) = limit.decide(0, at(50), 10);
    let (_, state) = limit.decide(state, at(66), 1);
    let (denied, _) = limit.decide(state, at(66), 3);
    let wait = denied.retry_after().unwrap();
    assert!(wait < at(54));
    assert!(
        limit
            .decide(state, Nanos(at(66).0 + wait.0), 3)
            .0
            .admitted()
    );
    assert!(
        !limit
            .decide(state, Nanos(at(66).0 + wait.0 - 1), 3)
            .0
            .admitted()
    );
}

#[test]
fn a_cost_above_the_limit_is_denied_for_ever_and_a_cost_of_zero_is_a_look() {
    let limit = window(10, MINUTE);
    assert_eq!(limit.decide(0, at(1), 11).0.denial, Some(Denial::Never));
    assert_eq!(
        limit.decide(0, at(1), u64::MAX).0.denial,
        Some(Denial::Never)
    );
    let (_, full) = limit.decide(0, at(1), 10);
    let (look, after) = limit.decide(full, at(1), 0);
    assert!(look.admitted());
    assert_eq!((look.remaining, after), (0, full));
    assert_eq!(limit.decide(0, at(1), 0).1, 0);
}

#[test]
fn a_refund_goes_to_the_window_that_was_charged() {
    let limit = window(10, MINUTE);
    let (_, state) = limit.decide(0, at(50), 10);
    let same = limit.refund(state, at(55), at(50), 4);
    assert_eq!(limit.decide(same, at(55), 0).0.remaining, 4);
    // From the next window on it is the one before that shrinks.
    let next = limit.refund(state, at(60), at(50), 4);
    assert_eq!(limit.decide(next, at(60), 0).0.remaining, 4);
    let over = limit.refund(state, at(60), at(50), u64::MAX);
    assert_eq!(limit.decide(over, at(60), 0).0.remaining, 10);
    // Two windows on there is nothing to give back to.
    let (_, fresh) = limit.decide(state, at(130), 10);
    assert_eq!(limit.refund(fresh, at(130), at(50), 4), fresh);
}

#[test]
fn a_surcharge_is_remembered_up_to_twice_the_limit() {
    let limit = window(10, MINUTE);
    let (_, state) = limit.decide(0, at(0), 10);
    let over = limit.surcharge(state, at(0), 8);
    // 18 of 10: a tenth fits when the window before weighs half.
    assert_eq!(limit.decide(over, at(0), 1).0.retry_after(), Some(at(90)));
    let most = limit.surcharge(state, at(0), u64::MAX);
    let wait = limit.decide(most, at(0), 1).0.retry_after().unwrap();
    assert!(wait < at(120));
}

#[test]
fn a_clock_that_steps_back_yields_nothing() {
    let limit = window(10, MINUTE);
    let (_, state) = limit.decide(0, at(600), 10);
    for earlier in [0, 59, 540, 599] {
        let (reading, after) = limit.decide(state, at(earlier), 1);
        assert!(!reading.admitted(), "at {earlier} s");
        assert_eq!(after, state);
    }
}

#[test]
fn what_a_cell_cannot_count_is_refused_with_what_it_can() {
    let second = Duration::from_secs(1);
    assert_eq!(
        Window::new(65_537, second),
        Err(LimitError::TooMany { max: 65_536 })
    );
    assert!(Window::new(65_536, second).is_ok());
    assert!(Window::new(262_144, MINUTE).is_ok());
    assert!(Window::new(2_097_152, MINUTE * 60).is_ok());
    assert!(Window::new(16_777_216, MINUTE * 60 * 24).is_ok());
    assert_eq!(Window::new(0, second), Err(LimitError::CountZero));
    assert_eq!(Window::new(1, Duration::ZERO), Err(LimitError::PeriodZero));
    let year = Duration::from_secs(366 * 86_400);
    assert!(Window::new(1, year).is_ok());
    assert_eq!(Window::new(1, year + second), Err(LimitError::TooSlow));
    let nanosecond = Duration::from_nanos(1);
    assert_eq!(
        Window::new(3, nanosecond),
        Err(LimitError::TooMany { max: 2 })
    );
}

#[test]
fn extremes_are_counted_without_overflow() {
    let year = Duration::from_secs(366 * 86_400);
    for (max, length) in [(1, year), (1 << 30, year), (65_536, Duration::from_secs(1))] {
        let Ok(limit) = Window::new(max, length) else {
            continue;
        };
        for now in [Nanos(0), Nanos(u64::MAX / 3), Nanos(u64::MAX)] {
            let (reading, state) = limit.decide(0, now, max);
            assert!(reading.admitted());
            assert!(!limit.decide(state, now, 1).0.admitted());
        }
    }
}

#[test]
fn a_clock_behind_the_state_finds_both_counts_as_they_are() {
    let limit = window(100, MINUTE);
    let (_, state) = limit.decide(0, at(30), 60);
    let (_, state) = limit.decide(state, at(75), 20);
    // The window of 60 s to 120 s holds 20, the one before 60. Seen from 50 s, it has only just
    // begun, so that the one before counts in full.
    let (look, _) = limit.decide(state, at(50), 0);
    assert_eq!(look.remaining, 100 - 60 - 20);
    assert!(!limit.decide(state, at(50), 21).0.admitted());
    assert!(limit.decide(state, at(50), 20).0.admitted());
}
