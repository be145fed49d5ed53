//! A clock that runs faster than the machine's, so that a window of a minute passes in seconds.

use std::sync::Arc;

use tollgate_limiter::{Clock, Nanos, Now};

use crate::EdgeError;

/// The fastest: an hour in a second.
pub const SPEED_MAX: u32 = 3_600;

/// Time since the start, times `speed`.
pub struct SpedClock {
    inner: Arc<dyn Clock>,
    start: Now,
    speed: u32,
}

// === impl SpedClock ===

impl SpedClock {
    /// A clock that shows what `inner` shows, and goes on `speed` times as fast.
    ///
    /// # Errors
    /// When `speed` is 0 or above [`SPEED_MAX`].
    pub fn new(inner: Arc<dyn Clock>, speed: u32) -> Result<Self, EdgeError> {
        if speed == 0 || speed > SPEED_MAX {
            return Err(EdgeError::Speed {
                speed,
                max: SPEED_MAX,
            });
        }
        let start = inner.now();
        Ok(Self {
            inner,
            start,
            speed,
        })
    }
}

impl Clock for SpedClock {
    fn now(&self) -> Now {
        let now = self.inner.now();
        let speed = u64::from(self.speed);
        let passed = |now: u64, start: u64| now.saturating_sub(start).saturating_mul(speed);
        let mono = passed(now.mono.0, self.start.mono.0);
        let unix_ms = passed(now.unix_ms, self.start.unix_ms);
        Now {
            mono: Nanos(self.start.mono.0.saturating_add(mono)),
            unix_ms: self.start.unix_ms.saturating_add(unix_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tollgate_limiter::FakeClock;

    use super::*;

    #[test]
    fn a_minute_passes_in_a_second_at_speed_60() {
        let inner = Arc::new(FakeClock::at_unix_ms(1_000_000));
        let clock = SpedClock::new(inner.clone(), 60).unwrap();
        assert_eq!(clock.now(), inner.now());
        inner.advance(Duration::from_secs(1));
        assert_eq!(clock.now().mono, Nanos::from_secs(60));
        assert_eq!(clock.now().unix_ms, 1_060_000);
        assert!(SpedClock::new(inner.clone(), 0).is_err());
        assert!(SpedClock::new(inner, 3_601).is_err());
    }
}
