//! Time: the only place of the project that reads a clock for decisions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds: an instant since an origin of the process's own, or the length of a span.
///
/// 64 bits hold 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

/// One reading of the clocks, taken once a request and passed down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time, for everything that is counted: a step of the wall clock neither refills
    /// nor starves a bucket.
    pub mono: Nanos,
    /// Wall-clock time in milliseconds since 1970-01-01 UTC, for token expiry and for people.
    pub unix_ms: u64,
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Reads both clocks.
    fn now(&self) -> Now;
}

/// The machine's clocks.
///
/// The monotonic one is the operating system's `CLOCK_MONOTONIC`: it stands still while a machine
/// is suspended, so that a resumed machine grants no more than it would have without the pause.
///
/// Reading it costs one look at that clock. The wall clock is looked at 20 times a second and
/// interpolated between: a step of it is seen at most 50 ms late.
#[derive(Clone, Debug)]
pub struct SystemClock {
    origin: Instant,
    /// What the monotonic side showed at `origin`.
    start: Nanos,
    wall: Arc<Wall>,
}

/// The wall clock as it was seen last. Two words that need not be of one moment: the distance is
/// right whichever look it is of.
#[derive(Debug, Default)]
struct Wall {
    /// Wall-clock milliseconds since 1970 at the clock's origin, by the last look.
    at_origin_ms: AtomicU64,
    /// When the next look is due, in milliseconds since the clock's origin.
    due_ms: AtomicU64,
}

const LOOK_INTERVAL_MS: u64 = 50;

/// The longest that a process is believed to have been away: 400 days.
const AWAY_MS_MAX: u64 = 400 * 86_400 * 1_000;

/// A clock that stands still until told to move, for tests of one's own.
#[derive(Debug, Default)]
pub struct FakeClock {
    mono_ns: AtomicU64,
    unix_ms: AtomicU64,
}

// === impl Nanos ===

impl Nanos {
    /// A span of whole seconds, saturating.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// A span of whole milliseconds, saturating.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Whole seconds, rounded up: what a `Retry-After` header may say without lying.
    #[must_use]
    pub const fn as_secs_ceil(self) -> u64 {
        self.0.div_ceil(1_000_000_000)
    }
}

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(nanos: Nanos) -> Self {
        Duration::from_nanos(nanos.0)
    }
}

// === impl Now ===

impl Now {
    /// Whole seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn unix_s(&self) -> u64 {
        self.unix_ms / 1_000
    }

    /// Whole minutes since 1970-01-01 UTC.
    pub(crate) const fn unix_min(&self) -> u64 {
        self.unix_ms / 60_000
    }
}

// === impl SystemClock ===

impl SystemClock {
    /// A clock whose monotonic origin is this call.
    #[must_use]
    pub fn new() -> Self {
        let wall = Wall::default();
        wall.look(0);
        Self {
            origin: Instant::now(),
            start: Nanos(0),
            wall: Arc::new(wall),
        }
    }

    /// A clock whose monotonic side goes on from an earlier process's, with the time that passed
    /// on the wall clock since `saved` added: buckets restored from a snapshot find their time.
    ///
    /// A wall clock that went back meanwhile adds nothing; one that was put forward adds its step, at
    /// most 400 days: longer than any rate takes, and short enough that one start with a wrong clock
    /// does not use up the range of all later ones.
    #[must_use]
    pub fn resuming(saved: Now) -> Self {
        let clock = Self::new();
        let away_ms = clock.now().unix_ms.saturating_sub(saved.unix_ms);
        let away_ms = away_ms.min(AWAY_MS_MAX);
        let start = saved.mono.0.saturating_add(Nanos::from_millis(away_ms).0);
        Self {
            start: Nanos(start),
            ..clock
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Now {
        let passed = Nanos::from(self.origin.elapsed()).0;
        let passed_ms = passed / 1_000_000;
        if passed_ms >= self.wall.due_ms.load(Ordering::Relaxed) {
            self.wall.look(passed_ms);
        }
        let at_origin_ms = self.wall.at_origin_ms.load(Ordering::Relaxed);
        Now {
            mono: Nanos(self.start.0.saturating_add(passed)),
            unix_ms: at_origin_ms.saturating_add(passed_ms),
        }
    }
}

// === impl Wall ===

impl Wall {
    #[cold]
    fn look(&self, passed_ms: u64) {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let unix_ms = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX);
        self.at_origin_ms
            .store(unix_ms.saturating_sub(passed_ms), Ordering::Relaxed);
        self.due_ms
            .store(passed_ms + LOOK_INTERVAL_MS, Ordering::Relaxed);
    }
}

// === impl FakeClock ===

impl FakeClock {
    /// A clock that shows `unix_ms` on the wall and zero on the monotonic side.
    #[must_use]
    pub fn at_unix_ms(unix_ms: u64) -> Self {
        Self {
            mono_ns: AtomicU64::new(0),
            unix_ms: AtomicU64::new(unix_ms),
        }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        self.mono_ns.fetch_add(Nanos::from(by).0, Ordering::SeqCst);
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.unix_ms.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the monotonic side alone, backwards too: what no machine should do, and some do.
    pub fn step_mono(&self, to: Nanos) {
        self.mono_ns.store(to.0, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, forwards or backwards: what NTP or a person does.
    pub fn step_wall(&self, unix_ms: u64) {
        self.unix_ms.store(unix_ms, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Now {
        Now {
            mono: Nanos(self.mono_ns.load(Ordering::SeqCst)),
            unix_ms: self.unix_ms.load(Ordering::SeqCst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_up_so_that_retry_after_never_lies() {
        assert_eq!(Nanos(0).as_secs_ceil(), 0);
        assert_eq!(Nanos(1).as_secs_ceil(), 1);
        assert_eq!(Nanos::from_secs(1).as_secs_ceil(), 1);
        assert_eq!(Nanos(1_000_000_001).as_secs_ceil(), 2);
    }

    #[test]
    fn a_wall_clock_step_leaves_monotonic_time_alone() {
        let clock = FakeClock::at_unix_ms(1_000_000);
        clock.advance(Duration::from_secs(2));
        clock.step_wall(5);
        assert_eq!(clock.now().mono, Nanos::from_secs(2));
        assert_eq!(clock.now().unix_ms, 5);
    }

    #[test]
    fn a_resumed_clock_goes_on_from_the_saved_time_and_what_passed_since() {
        let saved = Now {
            mono: Nanos::from_secs(1_000),
            unix_ms: SystemClock::new().now().unix_ms - 5_000,
        };
        let resumed = SystemClock::resuming(saved).now().mono;
        assert!(resumed >= Nanos::from_secs(1_005) && resumed < Nanos::from_secs(1_065));
        let resumed = |unix_ms| SystemClock::resuming(Now { unix_ms, ..saved }).now().mono;
        // Saved by a clock that was ahead, and by one that had not been set yet.
        assert!(resumed(u64::MAX) >= saved.mono && resumed(u64::MAX) < Nanos::from_secs(1_060));
        let days = Nanos::from_secs(400 * 86_400 + 1_000);
        assert!(resumed(0) >= days && resumed(0).0 < days.0 + 60_000_000_000);
    }

    #[test]
    fn the_system_clock_does_not_run_backwards() {
        let clock = SystemClock::new();
        let first = clock.now();
        assert!(clock.now().mono >= first.mono);
        assert!(first.unix_s() > 1_700_000_000);
    }
}
