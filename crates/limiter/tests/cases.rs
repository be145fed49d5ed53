//! The adversarial cases of counting and arithmetic, by their numbers, through the table.
//!
//! 74 is in `threads.rs`, 80 in `src/calendar/tests.rs`, 88 to 91 in `capacity.rs` and `flood/`, 87
//! and the header's side of 86 in the engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "tests may panic, and read better with values"
)]

use std::sync::Arc;
use std::time::Duration;

use tollgate_limiter::{
    BucketKey, Calendar, CarryOver, Charged, Check, Clock, Denial, FakeClock, KeyHasher, Limit,
    Nanos, Now, Period, Reading, Registered, Table, TableSize, Verdict,
};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const NOON_UNIX_MS: u64 = 1_792_929_600_000;

struct Bench {
    table: Arc<Table>,
    clock: FakeClock,
}

impl Bench {
    fn new() -> Self {
        Self {
            table: Table::new(TableSize {
                users: 1_000,
                networks: 1,
            })
            .unwrap(),
            clock: FakeClock::at_unix_ms(NOON_UNIX_MS),
        }
    }

    fn limit(&self, limit: Limit) -> Arc<Registered> {
        self.table.register(&limit).unwrap()
    }

    fn decide(&self, checks: &[Check<'_>]) -> (Verdict, Vec<Reading>) {
        let mut readings = vec![Reading::default(); checks.len()];
        let verdict = self.table.decide(self.clock.now(), checks, &mut readings);
        (verdict, readings)
    }

    fn ask(&self, limit: &Arc<Registered>, cost: u64) -> Reading {
        let check = Check {
            cost,
            ..Check::new(key(1), limit)
        };
        self.decide(&[check]).1[0]
    }

    /// How many of `count` requests pass now.
    fn passed(&self, limit: &Arc<Registered>, count: usize) -> usize {
        (0..count).filter(|_| self.ask(limit, 1).admitted()).count()
    }
}

fn key(n: u64) -> BucketKey {
    KeyHasher::with_key([4; 16]).hash(&n.to_le_bytes())
}

fn daily(max: u64) -> Limit {
    Limit::quota(max, Calendar::new(Period::Day, jiff::tz::TimeZone::UTC)).unwrap()
}

#[test]
fn case_076_extreme_rates_neither_overflow_nor_drift() {
    // Each is spent for the time of ten million intervals, as fast as it allows.
    for (count, period, burst) in [
        (1, DAY * 30, 1),
        (10_000_000, SECOND, 1 << 31),
        (7, SECOND * 60, 1),
        (1, DAY * 366, 1 << 7),
    ] {
        let limit = Limit::rate(count, period, burst).unwrap();
        let full = limit.decide(0, Now::default(), burst).1;
        let interval = u64::try_from(period.as_nanos().div_ceil(u128::from(count))).unwrap();
        let steps = 1_000.min(u64::MAX / 4 / interval);
        let (mut state, mut mono) = (full, 0);
        for _ in 0..steps {
            let at = |mono| Now {
                mono: Nanos(mono),
                unix_ms: 0,
            };
            let wait = limit.decide(state, at(mono), 1).0.retry_after().unwrap();
            mono += wait.0;
            let (reading, after) = limit.decide(state, at(mono), 1);
            assert!(reading.admitted());
            state = after;
        }
        let exact = period.as_nanos() as f64 / count as f64 * steps as f64;
        let drift = (mono as f64 - exact) / exact;
        assert!(
            (0.0..1e-9).contains(&drift),
            "{count} in {period:?}: {drift}"
        );
    }
}

#[test]
fn case_077_a_cost_of_zero_looks_and_one_above_the_capacity_is_never_charged() {
    let bench = Bench::new();
    for limit in [
        Limit::rate(1, DAY, 10).unwrap(),
        Limit::window(10, DAY).unwrap(),
        daily(10),
        Limit::concurrency(10).unwrap(),
    ] {
        let limit = bench.limit(limit);
        for cost in [11, 1 << 32, u64::MAX] {
            let refused = bench.ask(&limit, cost);
            assert_eq!(refused.denial, Some(Denial::Never));
            assert_eq!((refused.remaining, refused.retry_after()), (10, None));
        }
        let look = bench.ask(&limit, 0);
        assert_eq!((look.admitted(), look.remaining), (true, 10));
        let check = Check {
            cost: 10,
            ..Check::new(key(1), &limit)
        };
        let (verdict, readings) = bench.decide(&[check]);
        assert!(verdict.admitted());
        assert_eq!(readings[0].remaining, 0);
        let look = bench.ask(&limit, 0);
        assert_eq!((look.admitted(), look.remaining), (true, 0));
        // Every kind in turn on one bucket: start the next from nothing spent.
        drop(verdict);
        let quick = bench.limit(Limit::rate(1, SECOND, 1_000).unwrap());
        let reset = Check {
            carry: CarryOver::Reset,
            cost: 1,
            ..Check::new(key(1), &quick)
        };
        assert!(bench.decide(&[reset]).0.admitted());
        bench.clock.advance(SECOND * 2);
    }
}

#[test]
fn case_078_steps_of_the_wall_clock_move_no_rate_and_give_no_quota_back() {
    let bench = Bench::new();
    let rate = bench.limit(Limit::rate(1, SECOND * 10, 5).unwrap());
    assert_eq!(bench.passed(&rate, 9), 5);
    for step_ms in [-11_000_i64, 11_000, -86_400_000, 86_400_000 * 400, -1_000] {
        let now = bench.clock.now().unix_ms;
        bench
            .clock
            .step_wall(now.checked_add_signed(step_ms).unwrap());
        let refused = bench.ask(&rate, 1);
        assert_eq!(refused.retry_after(), Some(Nanos::from_secs(10)));
    }
    bench.clock.step_wall(NOON_UNIX_MS);
    let other = Bench::new();
    let quota = other.limit(daily(5));
    assert_eq!(other.passed(&quota, 9), 5);
    for step_ms in [-11_000_i64, -60_000, 11_000] {
        let now = other.clock.now().unix_ms;
        other
            .clock
            .step_wall(now.checked_add_signed(step_ms).unwrap());
        assert_eq!(other.passed(&quota, 1), 0);
    }
}

#[test]
fn case_078_a_monotonic_clock_that_steps_back_yields_no_token() {
    let bench = Bench::new();
    let rate = bench.limit(Limit::rate(1, SECOND * 10, 5).unwrap());
    bench.clock.advance(SECOND * 100);
    assert_eq!(bench.passed(&rate, 9), 5);
    for back in [99, 50, 0] {
        bench.clock.step_mono(Nanos::from_secs(back));
        let refused = bench.ask(&rate, 1);
        // Told from the clock that the client can wait by.
        let wait = Nanos::from_secs(110 - back);
        assert_eq!(refused.retry_after(), Some(wait));
    }
    bench.clock.step_mono(Nanos::from_secs(110));
    assert_eq!(bench.passed(&rate, 9), 1);
}

#[test]
fn case_079_a_machine_that_slept_grants_no_more_than_if_it_had_not() {
    let bench = Bench::new();
    let rate = bench.limit(Limit::rate(1, SECOND, 5).unwrap());
    assert_eq!(bench.passed(&rate, 9), 5);
    // CLOCK_MONOTONIC stands still, the wall clock has moved on ten minutes.
    let now = bench.clock.now().unix_ms;
    bench.clock.step_wall(now + 600_000);
    assert_eq!(bench.passed(&rate, 9), 0);
    bench.clock.advance(SECOND * 2);
    assert_eq!(bench.passed(&rate, 9), 2);
    // A clock that had counted the pause would have granted one full burst, and no more.
    bench.clock.advance(SECOND * 600);
    assert_eq!(bench.passed(&rate, 9), 5);
}

#[test]
fn case_081_only_the_calendar_doubles_at_its_edge() {
    let last_moment = Duration::from_millis(999);
    let around_the_edge = |limit: Limit| {
        let bench = Bench::new();
        let limit = bench.limit(limit);
        bench.clock.advance(SECOND * 59 + last_moment);
        let before = bench.passed(&limit, 200);
        bench.clock.advance(Duration::from_millis(2));
        (before, bench.passed(&limit, 200))
    };
    let minute = SECOND * 60;
    assert_eq!(
        around_the_edge(Limit::rate(100, minute, 100).unwrap()),
        (100, 0)
    );
    assert_eq!(
        around_the_edge(Limit::window(100, minute).unwrap()),
        (100, 0)
    );
    let calendar = Calendar::new(Period::Minute, jiff::tz::TimeZone::UTC);
    assert_eq!(
        around_the_edge(Limit::quota(100, calendar).unwrap()),
        (100, 100)
    );
}

#[test]
fn case_082_a_refusal_by_one_limit_charges_no_other() {
    let bench = Bench::new();
    let wide = bench.limit(Limit::rate(1, DAY, 100).unwrap());
    let monthly = bench.limit(daily(100));
    let at_once = bench.limit(Limit::concurrency(100).unwrap());
    let narrow = bench.limit(Limit::window(1, DAY).unwrap());
    let checks = [
        Check::new(key(1), &wide),
        Check::new(key(2), &monthly),
        Check::new(key(3), &at_once),
        Check::new(key(4), &narrow),
    ];
    let (verdict, _) = bench.decide(&checks);
    assert!(verdict.admitted());
    for _ in 0..50 {
        let (refused, readings) = bench.decide(&checks);
        assert!(!refused.admitted());
        let left: Vec<u64> = readings.iter().map(|reading| reading.remaining).collect();
        assert_eq!(left, [99, 99, 99, 0]);
        let refusing: Vec<bool> = readings.iter().map(Reading::admitted).collect();
        assert_eq!(refusing, [true, true, true, false]);
    }
}

#[test]
fn case_083_giving_back_more_than_was_charged_stops_at_a_full_bucket() {
    let bench = Bench::new();
    for (n, limit) in [
        Limit::rate(1, DAY, 10).unwrap(),
        Limit::window(10, DAY).unwrap(),
        daily(10),
    ]
    .into_iter()
    .enumerate()
    {
        let limit = bench.limit(limit);
        let check = Check {
            cost: 3,
            ..Check::new(key(n as u64), &limit)
        };
        assert!(bench.decide(&[check]).0.admitted());
        let charged = |cost| Charged {
            at: bench.clock.now(),
            cost,
            overflowed: false,
        };
        let settle = |charged, actual| {
            let after = bench
                .table
                .settle(bench.clock.now(), check, charged, actual);
            after.remaining
        };
        assert_eq!(settle(charged(3), 1), 9);
        assert_eq!(settle(charged(u64::MAX), 0), 10);
        // What was used beyond the estimate is taken, also when nothing is left of it.
        assert_eq!(settle(charged(0), 12), 0);
        assert_eq!(settle(charged(3), 0), 1);
    }
}

#[test]
fn case_084_a_changed_limit_carries_over_what_was_spent() {
    let hundred = Limit::rate(100, SECOND, 100).unwrap();
    let ten = Limit::rate(10, SECOND, 10).unwrap();
    let left_after = |spent: u64, from: &Limit, to: &Limit, carry| {
        let bench = Bench::new();
        bench.ask(&bench.limit(from.clone()), spent);
        let to = bench.limit(to.clone());
        let look = Check {
            cost: 0,
            carry,
            ..Check::new(key(1), &to)
        };
        bench.decide(&[look]).1[0].remaining
    };
    // Lowered with 50 used; raised; and the pair of numbers that a published report complains of.
    assert_eq!(left_after(50, &hundred, &ten, CarryOver::Keep), 5);
    assert_eq!(left_after(50, &hundred, &ten, CarryOver::AsIs), 0);
    assert_eq!(left_after(50, &hundred, &ten, CarryOver::Reset), 10);
    assert_eq!(left_after(10, &ten, &hundred, CarryOver::Keep), 0);
    assert_eq!(left_after(10, &ten, &hundred, CarryOver::AsIs), 90);
    assert_eq!(left_after(2, &hundred, &ten, CarryOver::AsIs), 8);
    assert_eq!(left_after(98, &hundred, &ten, CarryOver::Keep), 0);
    // From one algorithm to another as well.
    assert_eq!(
        left_after(50, &hundred, &daily(1_000), CarryOver::Keep),
        500
    );
    let window = Limit::window(20, DAY).unwrap();
    assert_eq!(left_after(5, &ten, &window, CarryOver::Keep), 10);
}

#[test]
fn case_084_a_change_while_requests_are_under_way_releases_what_it_counted() {
    let bench = Bench::new();
    let two = bench.limit(Limit::concurrency(2).unwrap());
    let five = bench.limit(Limit::concurrency(5).unwrap());
    let rate = bench.limit(Limit::rate(1, DAY, 9).unwrap());
    let (first, _) = bench.decide(&[Check::new(key(1), &two)]);
    let (second, readings) = bench.decide(&[Check::new(key(1), &five)]);
    assert_eq!(readings[0].remaining, 3);
    drop(first);
    assert_eq!(bench.ask(&five, 0).remaining, 4);
    // Counted as a rate since: the end of a request that began before takes nothing from it.
    assert!(bench.ask(&rate, 2).admitted());
    drop(second);
    assert_eq!(bench.ask(&rate, 0).remaining, 7);
}

#[test]
fn case_084_a_wait_told_after_a_change_is_enough_and_time_wears_it_off() {
    let hour = Duration::from_secs(3_600);
    let rate = Limit::rate(10, hour, 10).unwrap();
    let calendar = Calendar::new(Period::Minute, jiff::tz::TimeZone::UTC);
    let limits = [
        rate.clone(),
        Limit::window(10, SECOND * 60).unwrap(),
        Limit::quota(10, calendar).unwrap(),
        Limit::window(10, SECOND * 10).unwrap(),
    ];
    for from in &limits {
        for to in &limits {
            let bench = Bench::new();
            assert_eq!(bench.passed(&bench.limit(from.clone()), 20), 10);
            let to = bench.limit(to.clone());
            let wait = bench.ask(&to, 1).retry_after().unwrap();
            bench.clock.advance(wait.into());
            assert!(bench.ask(&to, 1).admitted(), "{from:?} {to:?}");
        }
    }
    // Hammered under two plans in turn, a bucket still refills, and no faster than a limit allows.
    let bench = Bench::new();
    let pair = [
        bench.limit(limits[1].clone()),
        bench.limit(limits[3].clone()),
    ];
    let mut passed = 0;
    for turn in 0..6_000_usize {
        bench.clock.advance(Duration::from_millis(10));
        passed += usize::from(bench.ask(&pair[turn % 2], 1).admitted());
    }
    // A minute: 10 a minute and 10 in ten seconds, each with a burst of 10.
    assert!((20..=10 + 60).contains(&passed), "{passed}");
}

#[test]
fn case_085_counts_beyond_2_53_are_exact_and_beyond_2_63_saturate() {
    let limit = Limit::rate(1_000_000_000, SECOND, 1 << 60).unwrap();
    let now = Now::default();
    let (reading, state) = limit.decide(0, now, (1 << 53) + 1);
    assert_eq!(reading.remaining, (1 << 60) - (1 << 53) - 1);
    let (reading, _) = limit.decide(state, now, 1);
    assert_eq!(reading.remaining, (1 << 60) - (1 << 53) - 2);
    for cost in [1 << 63, u64::MAX] {
        assert_eq!(limit.decide(state, now, cost).0.denial, Some(Denial::Never));
    }
    let owing = limit.settle(state, now, now, 0, u64::MAX);
    assert!(!limit.decide(owing, now, 1).0.admitted());
}

#[test]
fn case_086_whoever_waits_exactly_as_told_is_admitted() {
    let bench = Bench::new();
    let limit = bench.limit(Limit::rate(7, SECOND * 60, 3).unwrap());
    assert_eq!(bench.passed(&limit, 5), 3);
    for _ in 0..20 {
        let wait = bench.ask(&limit, 1).retry_after().unwrap();
        bench
            .clock
            .advance(Duration::from(wait) - Duration::from_nanos(1));
        let almost = bench.ask(&limit, 1);
        assert_eq!(almost.retry_after(), Some(Nanos(1)));
        // Rounded up to seconds, as a header tells it, it is long enough all the more.
        assert_eq!(almost.retry_after().unwrap().as_secs_ceil(), 1);
        bench.clock.advance(Duration::from_nanos(1));
        assert!(bench.ask(&limit, 1).admitted());
    }
}

#[test]
fn times_at_the_end_of_the_range_are_decided_without_a_panic() {
    let bench = Bench::new();
    for mono in [u64::MAX / 2, u64::MAX - 1, u64::MAX] {
        for unix_ms in [0, NOON_UNIX_MS, u64::MAX] {
            let now = Now {
                mono: Nanos(mono),
                unix_ms,
            };
            for (n, limit) in [
                Limit::rate(1, DAY, 3).unwrap(),
                Limit::window(3, DAY).unwrap(),
                daily(3),
                Limit::concurrency(3).unwrap(),
            ]
            .into_iter()
            .enumerate()
            {
                let limit = bench.limit(limit);
                let check = Check::new(key(100 + n as u64), &limit);
                let mut readings = [Reading::default()];
                let _ = bench.table.decide(now, &[check], &mut readings);
                let charged = Charged {
                    at: now,
                    cost: 1,
                    overflowed: false,
                };
                bench.table.settle(now, check, charged, u64::MAX);
            }
        }
    }
}
