//! The limiters that are measured, each used as its manual says, on one and the same job.
//!
//! The job: a request of a user comes in, is decided and counted. The limit is so wide that everything
//! is admitted, and so slow that every bucket stays live. The time is given, for all of them alike: a server reads its clock once a request and asks
//! several limits, and which clock it reads is not the limiter's merit.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
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
/// `tollgate-batch` decides sixteen requests together, as whoever has a batch or a log does.
/// `tollgate` is used as the gateway does, with the hash of a user's name kept beside the user since
/// its token was verified; `tollgate-hashing` hashes it on every request, as `governor` does.
///
/// `atomic-add` is no limiter: it adds one to a word that is the user's own, which is the least that
/// counting in shared memory takes. What it costs at many keys is this machine's wait for memory.
pub(crate) const CONTENDERS: [&str; 7] = [
    "tollgate",
    "tollgate-batch",
    "tollgate-hashing",
    "governor",
    "throttlecrab",
    "pingora-limits",
    "atomic-add",
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
    fn decide_batch(&self, n: usize) -> usize {
        (n..n + BATCH).filter(|n| self.decide(*n)).count()
    }
}

/// What a contender takes along of each request, in the order of the requests, so that reading it
/// costs all of them the same. It is the caller's, and not counted as the limiter's memory.
pub(crate) struct Requests {
    count: usize,
    users: Vec<u64>,
    names: Vec<String>,
    keys: Vec<BucketKey>,
    hasher: KeyHasher,
}

impl Requests {
    /// What the contender of this name needs for requests of the users in `order`.
    pub(crate) fn of(contender: &str, order: &[u32]) -> Self {
        let hasher = KeyHasher::random().unwrap();
        let key = |user: &u32| hasher.hash(&u64::from(*user).to_le_bytes());
        let name = |user: &u32| format!("user_{user:09}");
        let mut requests = Self {
            count: order.len(),
            users: Vec::new(),
            names: Vec::new(),
            keys: Vec::new(),
            hasher,
        };
        match contender {
            "tollgate" | "tollgate-batch" => requests.keys = order.iter().map(key).collect(),
            "throttlecrab" => requests.names = order.iter().map(name).collect(),
            _ => requests.users = order.iter().map(|user| u64::from(*user)).collect(),
        }
        requests
    }
}

/// The contender of this name.
pub(crate) fn made(name: &str, requests: Requests) -> Box<dyn Contender> {
    match name {
        "tollgate" => Box::new(Tollgate::new(requests)),
        "tollgate-batch" => Box::new(Batch(Tollgate::new(requests))),
        "tollgate-hashing" => Box::new(Hashing(Tollgate::new(requests))),
        "governor" => Box::new(Governor::new(requests)),
        "throttlecrab" => Box::new(Throttlecrab::new(requests)),
        "pingora-limits" => Box::new(Pingora(Rate::new(PERIOD), requests)),
        _ => Box::new(AtomicAdd::new(requests)),
    }
}

const NOW: Now = Now {
    mono: Nanos::from_secs(1),
    unix_ms: 1_800_000_000_000,
};

struct Tollgate {
    table: Arc<Table>,
    limit: Arc<Registered>,
    requests: Requests,
}

impl Tollgate {
    fn new(requests: Requests) -> Self {
        let table = Table::new(TableSize {
            users: requests.count,
            networks: 1,
        })
        .unwrap();
        let limit = Limit::rate(u64::from(BURST), PERIOD, u64::from(BURST)).unwrap();
        Self {
            limit: table.register(&limit).unwrap(),
            table,
            requests,
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
        self.ask(self.requests.keys[n])
    }
}

struct Batch(Tollgate);

impl Contender for Batch {
    fn decide(&self, n: usize) -> bool {
        self.0.decide(n)
    }

    fn decide_batch(&self, n: usize) -> usize {
        let Tollgate {
            table,
            limit,
            requests,
        } = &self.0;
        let checks: [_; BATCH] = std::array::from_fn(|i| Check::new(requests.keys[n + i], limit));
        table.touch(&checks);
        let ask = |check: &&Check<'_>| {
            let mut readings = [Reading::default()];
            let check = std::slice::from_ref(*check);
            table.decide(NOW, check, &mut readings).admitted()
        };
        checks.iter().filter(ask).count()
    }
}

struct Hashing(Tollgate);

impl Contender for Hashing {
    fn decide(&self, n: usize) -> bool {
        let Requests { hasher, users, .. } = &self.0.requests;
        self.0.ask(hasher.hash(&users[n].to_le_bytes()))
    }
}

/// Keyed, over DashMap, under a clock that stands still.
type Keyed = KeyedLimiter<
    u64,
    DashMapStateStore<u64>,
    FakeRelativeClock,
    NoOpMiddleware<governor::nanos::Nanos>,
>;

struct Governor(Keyed, Requests);

impl Governor {
    fn new(requests: Requests) -> Self {
        let burst = NonZeroU32::new(BURST).unwrap();
        let quota = Quota::with_period(PERIOD / BURST)
            .unwrap()
            .allow_burst(burst);
        let clock = FakeRelativeClock::default();
        Self(KeyedLimiter::dashmap_with_clock(quota, clock), requests)
    }
}

impl Contender for Governor {
    fn decide(&self, n: usize) -> bool {
        self.0.check_key(&self.1.users[n]).is_ok()
    }
}

/// For one thread by its design; several share it by a mutex.
struct Throttlecrab(Mutex<RateLimiter<AdaptiveStore>>, Requests);

impl Throttlecrab {
    fn new(requests: Requests) -> Self {
        let store = AdaptiveStore::builder().capacity(requests.count).build();
        Self(Mutex::new(RateLimiter::new(store)), requests)
    }
}

impl Contender for Throttlecrab {
    fn decide(&self, n: usize) -> bool {
        let (burst, now) = (i64::from(BURST), SystemTime::UNIX_EPOCH + PERIOD);
        let period_s = i64::try_from(PERIOD.as_secs()).unwrap();
        let mut limiter = self.0.lock().unwrap();
        let decision = limiter.rate_limit(&self.1.names[n], burst, burst, period_s, 1, now);
        decision.unwrap().0
    }
}

/// Counts in a sketch of fixed size and so never refuses exactly, and reads a clock of its own:
/// another job, shown for scale.
struct Pingora(Rate, Requests);

impl Contender for Pingora {
    fn decide(&self, n: usize) -> bool {
        self.0.observe(&self.1.users[n], 1) <= isize::try_from(BURST).unwrap()
    }
}

/// The floor: the user's number is the place of the user's counter, in as much memory as ours takes.
struct AtomicAdd(Box<[AtomicU64]>, Requests);

impl AtomicAdd {
    /// Words from one user's counter to the next.
    const STRIDE: usize = 4;

    fn new(requests: Requests) -> Self {
        let words = requests.count * Self::STRIDE;
        Self((0..words).map(|_| AtomicU64::new(0)).collect(), requests)
    }
}

impl Contender for AtomicAdd {
    fn decide(&self, n: usize) -> bool {
        let user = usize::try_from(self.1.users[n]).unwrap();
        self.0[user * Self::STRIDE].fetch_add(1, Ordering::Relaxed) < u64::from(BURST)
    }
}
