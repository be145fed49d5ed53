//! The limiters that are measured, each used as its manual says, on one and the same job.
//!
//! The job: a request of a user comes in, is decided and counted. The limit is so wide that everything is admitted, and so slow that every bucket stays
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
    BucketKey, Check, KeyHasher, Limit, Nanos, Now, Reading, Registered, Table, TableSize,
};

/// Names of the contenders; ours are the first three.
///
/// `tollgate-batch` decides eight requests together, as whoever has a batch or a log does.
/// `tollgate` is used as the gateway does, with the hash of a user's name kept beside the user since
/// its token was verified; `tollgate-hashing` hashes it on every request, as `governor` does.
pub(crate) const CONTENDERS: [&str; 6] = [
    "tollgate",
    "tollgate-batch",
    "tollgate-hashing",
    "governor",
    "throttlecrab",
    "pingora-limits",
];

/// Requests that are handed over at a time.
pub(crate) const BATCH: usize = 16;

const BURST: u32 = 100_000;
/// In which the burst grows back: a request in 26 seconds.
const PERIOD: Duration = Duration::from_secs(30 * 86_400);

/// A limiter under measurement.
pub(crate) trait Contender: Sync {
    /// Decides the request number `n` of the order that it was made with.
    fn decide(&self, n: usize) -> bool;

    /// Decides the requests from number `n` on, one after the other or together; how many pass.
    fn decide_eight(&self, n: usize) -> usize {
        (n..n + BATCH).filter(|n| self.decide(*n)).count()
    }
}

/// The contender of this name, for requests of the users in `order`.
///
/// What it takes along of each user lies in that order, so that reading it costs all the same.
pub(crate) fn made(name: &str, order: &[u32]) -> Box<dyn Contender> {
    match name {
        "tollgate" => Box::new(Tollgate::new(order)),
        "tollgate-batch" => Box::new(Batch(Tollgate::new(order))),
        "tollgate-hashing" => Box::new(Hashing(Tollgate::new(order), numbers(order))),
        "governor" => Box::new(Governor::new(order)),
        "throttlecrab" => Box::new(Throttlecrab::new(order)),
        _ => Box::new(Pingora(Rate::new(PERIOD), numbers(order))),
    }
}

fn numbers(order: &[u32]) -> Vec<u64> {
    order.iter().map(|user| u64::from(*user)).collect()
}

const NOW: Now = Now {
    mono: Nanos::from_secs(1),
    unix_ms: 1_800_000_000_000,
};

struct Tollgate {
    table: Arc<Table>,
    limit: Arc<Registered>,
    hasher: KeyHasher,
    users: Vec<BucketKey>,
}

impl Tollgate {
    fn new(order: &[u32]) -> Self {
        let table = Table::new(TableSize {
            users: order.len(),
            networks: 1,
        })
        .unwrap();
        let limit = Limit::rate(u64::from(BURST), PERIOD, u64::from(BURST)).unwrap();
        let hasher = KeyHasher::random().unwrap();
        let key = |user: u64| hasher.hash(&user.to_le_bytes());
        Self {
            users: numbers(order).into_iter().map(key).collect(),
            limit: table.register(&limit).unwrap(),
            table,
            hasher,
        }
    }

    fn ask(&self, key: BucketKey) -> bool {
        let mut readings = [Reading::default()];
        let checks = [Check::new(key, &self.limit)];
        self.table.decide(NOW, &checks, &mut readings).admitted()
    }
}

impl Contender for Tollgate {
    fn decide(&self, n: usize) -> bool {
        self.ask(self.users[n])
    }
}

struct Batch(Tollgate);

impl Contender for Batch {
    fn decide(&self, n: usize) -> bool {
        self.0.decide(n)
    }

    fn decide_eight(&self, n: usize) -> usize {
        let Tollgate {
            table,
            limit,
            users,
            ..
        } = &self.0;
        let checks: [_; BATCH] = std::array::from_fn(|i| Check::new(users[n + i], limit));
        table.touch(&checks);
        let ask = |check: &&Check<'_>| {
            let mut readings = [Reading::default()];
            let check = std::slice::from_ref(*check);
            table.decide(NOW, check, &mut readings).admitted()
        };
        checks.iter().filter(ask).count()
    }
}

struct Hashing(Tollgate, Vec<u64>);

impl Contender for Hashing {
    fn decide(&self, n: usize) -> bool {
        self.0.ask(self.0.hasher.hash(&self.1[n].to_le_bytes()))
    }
}

struct Governor(
    KeyedLimiter<
        u64,
        DashMapStateStore<u64>,
        FakeRelativeClock,
        NoOpMiddleware<governor::nanos::Nanos>,
    >,
    Vec<u64>,
);

impl Governor {
    fn new(order: &[u32]) -> Self {
        let burst = NonZeroU32::new(BURST).unwrap();
        let quota = Quota::with_period(PERIOD / BURST)
            .unwrap()
            .allow_burst(burst);
        let clock = FakeRelativeClock::default();
        Self(
            KeyedLimiter::dashmap_with_clock(quota, clock),
            numbers(order),
        )
    }
}

impl Contender for Governor {
    fn decide(&self, n: usize) -> bool {
        self.0.check_key(&self.1[n]).is_ok()
    }
}

/// For one thread by its design; several share it by a mutex.
struct Throttlecrab {
    limiter: Mutex<RateLimiter<AdaptiveStore>>,
    names: Vec<String>,
}

impl Throttlecrab {
    fn new(order: &[u32]) -> Self {
        let store = AdaptiveStore::builder().capacity(order.len()).build();
        let name = |user: &u32| format!("user_{user:09}");
        Self {
            limiter: Mutex::new(RateLimiter::new(store)),
            names: order.iter().map(name).collect(),
        }
    }
}

impl Contender for Throttlecrab {
    fn decide(&self, n: usize) -> bool {
        let name = &self.names[n];
        let (burst, now) = (i64::from(BURST), SystemTime::UNIX_EPOCH + PERIOD);
        let period_s = i64::try_from(PERIOD.as_secs()).unwrap();
        let mut limiter = self.limiter.lock().unwrap();
        let decision = limiter.rate_limit(name, burst, burst, period_s, 1, now);
        decision.unwrap().0
    }
}

/// Counts in a sketch of fixed size and so never refuses exactly, and reads a clock of its own:
/// another job, shown for scale.
struct Pingora(Rate, Vec<u64>);

impl Contender for Pingora {
    fn decide(&self, n: usize) -> bool {
        self.0.observe(&self.1[n], 1) <= isize::try_from(BURST).unwrap()
    }
}
