//! Decision tables that comparable systems publish, each with its source.
//!
//! What another system calls its burst is not always what we call ours; the tests say how one is
//! written as the other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::time::Duration;

use tollgate_limiter::{Gcra, Nanos, Reading, Window};

/// A bucket under one rate.
struct Bucket {
    limit: Gcra,
    tat: u64,
}

impl Bucket {
    fn new(count: u64, period: Duration, burst: u64) -> Self {
        Self {
            limit: Gcra::new(count, period, burst).unwrap(),
            tat: 0,
        }
    }

    fn ask(&mut self, now: Nanos, cost: u64) -> Reading {
        let reading;
        (reading, self.tat) = self.limit.decide(self.tat, now, cost);
        reading
    }

    /// How many of `count` requests at one instant pass.
    fn burst(&mut self, now: Nanos, count: usize) -> usize {
        (0..count).filter(|_| self.ask(now, 1).admitted()).count()
    }
}

/// redis-cell, README, "Usage": `CL.THROTTLE user123 15 30 60 1` answers `0 16 15 -1 2`: allowed, of
/// a limit of 16, 15 left, no retry, and full again in 2 s. Its `max_burst` does not count the
/// first request: `max_burst` 15 is our burst of 16.
#[test]
fn redis_cell_answers_16_15_and_2() {
    let mut bucket = Bucket::new(30, Duration::from_secs(60), 15 + 1);
    let first = bucket.ask(Nanos::from_secs(1_000), 1);
    assert!(first.admitted());
    assert_eq!(bucket.limit.burst(), 16);
    assert_eq!(first.remaining, 15);
    assert_eq!(first.retry_after(), None);
    assert_eq!(first.full.as_secs_ceil(), 2);
    // "The number of seconds until the user should retry": after all are spent, one every 2 s.
    assert_eq!(bucket.burst(Nanos::from_secs(1_000), 20), 15);
    let limited = bucket.ask(Nanos::from_secs(1_000), 1);
    assert_eq!(limited.retry_after().unwrap().as_secs_ceil(), 2);
    assert_eq!(limited.full.as_secs_ceil(), 32);
    // A quantity of 0 looks, as `CL.THROTTLE … 0` does.
    assert!(bucket.ask(Nanos::from_secs(1_000), 0).admitted());
}

/// nginx, "Rate Limiting with NGINX" (blog, 2017) and ngx_http_limit_req_module: at `rate=10r/s`
/// with no burst a second request within 100 ms is rejected. With `burst=20 nodelay` 21 requests
/// that arrive together pass and the 22nd is rejected; 501 ms later 5 slots are free, and of 20 that
/// arrive then 5 pass. nginx's burst does not count the first request either.
#[test]
fn nginx_frees_a_slot_every_100_milliseconds() {
    let mut plain = Bucket::new(10, Duration::from_secs(1), 1);
    assert_eq!(plain.burst(Nanos(0), 2), 1);
    assert!(!plain.ask(Nanos::from_millis(99), 1).admitted());
    assert!(plain.ask(Nanos::from_millis(100), 1).admitted());

    let mut nodelay = Bucket::new(10, Duration::from_secs(1), 20 + 1);
    assert_eq!(nodelay.burst(Nanos(0), 22), 21);
    assert_eq!(nodelay.burst(Nanos::from_millis(501), 20), 5);
}

/// Amazon API Gateway, "Throttle requests to your REST APIs", the four examples at 10,000 requests a
/// second with a burst of 5,000.
#[test]
fn aws_token_bucket_serves_what_its_documentation_says() {
    let bucket = || Bucket::new(10_000, Duration::from_secs(1), 5_000);
    let millisecond = Nanos::from_millis;

    // 10,000 in a second, ten every millisecond: all are processed.
    let mut even = bucket();
    let served: usize = (0..1_000).map(|ms| even.burst(millisecond(ms), 10)).sum();
    assert_eq!(served, 10_000);

    // 10,000 in the first millisecond: 5,000 are served, the rest is throttled.
    assert_eq!(bucket().burst(millisecond(0), 10_000), 5_000);

    // 5,000 in the first millisecond, 5,000 evenly through the other 999: all are processed.
    let mut mixed = bucket();
    let first = mixed.burst(millisecond(0), 5_000);
    let rest: usize = (1..1_000).map(|ms| mixed.burst(millisecond(ms), 5)).sum();
    assert_eq!((first, rest), (5_000, 999 * 5));

    // 5,000 in the first millisecond and 5,000 in the 101st: 6,000 are processed.
    let mut spikes = bucket();
    let served = spikes.burst(millisecond(0), 5_000) + spikes.burst(millisecond(100), 5_000);
    assert_eq!(served, 6_000);
}

/// Cloudflare, "How we built rate limiting capable of scaling to millions of domains" (2017): at 50 a
/// minute, with 42 requests in the minute before and 18 in the current one, 15 s into it, the
/// estimate is 42 · (60 − 15) / 60 + 18 = 49.5.
#[test]
fn cloudflare_s_estimate_is_forty_nine_and_a_half() {
    let estimate = |max| {
        let limit = Window::new(max, Duration::from_secs(60)).unwrap();
        let (_, state) = limit.decide(0, Nanos::from_secs(30), 42);
        let (_, state) = limit.decide(state, Nanos::from_secs(74), 18);
        max - limit.decide(state, Nanos::from_secs(75), 0).0.remaining
    };
    // 49.5 takes the room of 50 whole requests, of 50 as of 1,000.
    assert_eq!(estimate(1_000), 50);
    // Where the minute before is not full yet when the 18 come, they pass one by one.
    let limit = Window::new(50, Duration::from_secs(60)).unwrap();
    let (_, state) = limit.decide(0, Nanos::from_secs(30), 42);
    let (reading, state) = limit.decide(state, Nanos::from_secs(75), 18);
    assert!(reading.admitted());
    assert_eq!(reading.remaining, 0);
    // Ours refuses what would make it 50.5; half a unit fades in 60 s · 0.5 / 42.
    let (denied, _) = limit.decide(state, Nanos::from_secs(75), 1);
    let wait = denied.retry_after().unwrap();
    assert_eq!(wait.0, 60_000_000_000_u64.div_ceil(84));
}

/// Stripe, "Scaling your API with rate limiters" (2017) and Heroku's throttling by ITU-T I.371: a
/// cell that arrives at its theoretical arrival time less the tolerance conforms, a moment earlier
/// it does not.
#[test]
fn a_cell_conforms_exactly_at_its_time_less_the_tolerance() {
    let mut bucket = Bucket::new(1, Duration::from_nanos(1_000), 3);
    assert_eq!(bucket.burst(Nanos(10_000), 4), 3);
    assert!(!bucket.ask(Nanos(10_999), 1).admitted());
    assert!(bucket.ask(Nanos(11_000), 1).admitted());
    assert!(!bucket.ask(Nanos(11_000), 1).admitted());
}
