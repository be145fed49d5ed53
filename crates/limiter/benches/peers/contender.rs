//! The limiters that are measured, each used as its manual says, on one and the same job.
//!
//! The job: a user's number comes in, the key of its bucket is made, the request is decided and
//! counted. The limit is so wide that everything is admitted, and so slow that every bucket stays
//! live. The time is given, for all of them alike: a server reads its clock once a request and asks
//! several limits, and which clock it reads is not the limiter's merit.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use governor::clock::FakeRelativeClock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter as KeyedLimiter};
use pingora_limits::rate::Rate;
use throttlecrab::{AdaptiveStore, RateLimiter};
use tollgate_limiter::{
    Check, KeyHasher, Limit, Nanos, Now, Reading, Registered, Table, TableSize,
};

/// Names of the contenders; ours is the first.
pub(crate) const CONTENDERS: [&str; 4] = ["tollgate", "governor", "throttlecrab", "pingora-limits"];

const BURST: u32 = 100_000;
/// In which the burst grows back: a request in 26 seconds.
const PERIOD: Duration = Duration::from_secs(30 * 86_400);

/// A limiter under measurement.
pub(crate) trait Contender: Sync {
    /// Decides one request of a user.
    fn decide(&self, user: u64) -> bool;
}

/// The contender of this name, with room for `keys`; `names` are the keys of one that wants text.
pub(crate) fn made(name: &str, keys: usize, names: Vec<String>) -> Box<dyn Contender> {
    match name {
        "tollgate" => Box::new(Tollgate::new(keys)),
        "governor" => Box::new(Governor::new()),
        "throttlecrab" => Box::new(Throttlecrab::new(keys, names)),
        _ => Box::new(Pingora(Rate::new(Duration::from_secs(3_600)))),
    }
}

const NOW: Now = Now {
    mono: Nanos::from_secs(1),
    unix_ms: 1_800_000_000_000,
};

struct Tollgate {
    table: Arc<Table>,
    limit: Arc<Registered>,
    hasher: KeyHasher,
}

impl Tollgate {
    fn new(keys: usize) -> Self {
        let table = Table::new(TableSize {
            users: keys,
            networks: 1,
        })
        .unwrap();
        let limit = Limit::rate(u64::from(BURST), PERIOD, u64::from(BURST)).unwrap();
        Self {
            limit: table.register(&limit).unwrap(),
            table,
            hasher: KeyHasher::random().unwrap(),
        }
    }
}

impl Contender for Tollgate {
    fn decide(&self, user: u64) -> bool {
        let key = self.hasher.hash(&user.to_le_bytes());
        let mut readings = [Reading::default()];
        let checks = [Check::new(key, &self.limit)];
        self.table.decide(NOW, &checks, &mut readings).admitted()
    }
}

struct Governor(
    KeyedLimiter<
        u64,
        DashMapStateStore<u64>,
        FakeRelativeClock,
        NoOpMiddleware<governor::nanos::Nanos>,
    >,
);

impl Governor {
    fn new() -> Self {
        let burst = NonZeroU32::new(BURST).unwrap();
        let quota = Quota::with_period(PERIOD / BURST)
            .unwrap()
            .allow_burst(burst);
        Self(KeyedLimiter::dashmap_with_clock(
            quota,
            FakeRelativeClock::default(),
        ))
    }
}

impl Contender for Governor {
    fn decide(&self, user: u64) -> bool {
        self.0.check_key(&user).is_ok()
    }
}

/// For one thread by its design; several share it by a mutex.
struct Throttlecrab {
    limiter: Mutex<RateLimiter<AdaptiveStore>>,
    names: Vec<String>,
}

impl Throttlecrab {
    fn new(keys: usize, names: Vec<String>) -> Self {
        let store = AdaptiveStore::builder().capacity(keys).build();
        Self {
            limiter: Mutex::new(RateLimiter::new(store)),
            names,
        }
    }
}

impl Contender for Throttlecrab {
    fn decide(&self, user: u64) -> bool {
        let name = &self.names[usize::try_from(user).unwrap()];
        let (burst, now) = (i64::from(BURST), SystemTime::UNIX_EPOCH + PERIOD);
        let period_s = i64::try_from(PERIOD.as_secs()).unwrap();
        let mut limiter = self.limiter.lock().unwrap();
        let decision = limiter.rate_limit(name, burst, burst, period_s, 1, now);
        decision.unwrap().0
    }
}

/// Counts in a sketch of fixed size and so never refuses exactly, and reads a clock of its own:
/// another job, shown for scale.
struct Pingora(Rate);

impl Contender for Pingora {
    fn decide(&self, user: u64) -> bool {
        self.0.observe(&user, 1) <= isize::try_from(BURST).unwrap()
    }
}
