//! The time, in a process that stands still between requests.

use tollgate_engine::limiter::{Clock, Now, SystemClock};

/// Lambda freezes an instance between two requests. The gateway's clock looks at the wall clock 20
/// times a second of monotonic time, which stands still meanwhile: the first request after a pause
/// would be judged by the time of the last one, and an expired token pass. So the wall clock is
/// looked at for every request.
#[derive(Debug, Default)]
pub(crate) struct ThawingClock(SystemClock);

impl ThawingClock {
    pub(crate) fn now(&self) -> Now {
        Now {
            mono: self.0.now().mono,
            unix_ms: SystemClock::new().now().unix_ms,
        }
    }
}
