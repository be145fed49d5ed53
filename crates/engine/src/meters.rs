//! Counters of decisions: route × verdict, without labels that users could multiply.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tollgate_policy::{RouteId, RouteTable};

/// A verdict as metrics and logs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum VerdictLabel {
    /// Forwarded.
    Allow,
    /// Refused by a limit.
    Limit,
    /// Forwarded, though a limit in shadow would have refused.
    LimitShadow,
    /// 401.
    Unauthenticated,
    /// 403.
    Forbidden,
    /// 400.
    BadRequest,
    /// 503.
    Unavailable,
    /// Answered by Tollgate itself.
    Own,
}

/// One route's count of one verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterRow {
    /// The route, as in the policy.
    pub route: String,
    /// The verdict.
    pub verdict: VerdictLabel,
    /// Requests.
    pub count: u64,
}

/// Upper bounds of the buckets of decision time, nanoseconds; above the last is one bucket more.
pub const DURATION_BOUNDS_NS: [u64; 12] = [
    250,
    500,
    1_000,
    2_000,
    4_000,
    8_000,
    16_000,
    32_000,
    64_000,
    250_000,
    1_000_000,
    200_000_000,
];

const VERDICTS: usize = 8;
const DURATIONS: usize = DURATION_BOUNDS_NS.len() + 1;

/// Routes whose counts outlive the policies that named them; later ones fold into `*`.
const RETIRED_ROUTES_MAX: usize = 50_000;

/// Counters under one policy. Written by every thread in its own shard, read by a scrape.
#[derive(Debug)]
pub(crate) struct Meters {
    labels: Vec<String>,
    shards: Box<[Shard]>,
}

#[derive(Debug)]
struct Shard {
    verdicts: Box<[[AtomicU64; VERDICTS]]>,
    durations: [AtomicU64; DURATIONS],
    duration_ns: AtomicU64,
}

/// Counts over all policies since the start.
#[derive(Debug)]
pub struct MeterTotals {
    current: Arc<Meters>,
    /// Earlier policies' counters, until no request under them is left.
    draining: Vec<Arc<Meters>>,
    retired: BTreeMap<String, [u64; VERDICTS]>,
    retired_durations: ([u64; DURATIONS], u64),
}

// === impl VerdictLabel ===

impl VerdictLabel {
    /// Every verdict, in the order of their numbers.
    pub const ALL: [Self; VERDICTS] = [
        Self::Allow,
        Self::Limit,
        Self::LimitShadow,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::BadRequest,
        Self::Unavailable,
        Self::Own,
    ];

    /// The verdict, without the mode: a limit in shadow is a `limit` too.
    #[must_use]
    pub const fn verdict(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Limit | Self::LimitShadow => "limit",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::BadRequest => "bad_request",
            Self::Unavailable => "unavailable",
            Self::Own => "own",
        }
    }

    /// `shadow` when the verdict was not enforced.
    #[must_use]
    pub const fn mode(self) -> &'static str {
        match self {
            Self::LimitShadow => "shadow",
            _ => "enforce",
        }
    }
}

// === impl Meters ===

impl Meters {
    pub(crate) fn new(routes: &RouteTable, shards: usize) -> Self {
        let shard = || Shard {
            verdicts: (0..routes.len()).map(|_| Default::default()).collect(),
            durations: Default::default(),
            duration_ns: AtomicU64::new(0),
        };
        Self {
            labels: routes.iter().map(|(_, route)| route.to_string()).collect(),
            shards: (0..shards.max(1)).map(|_| shard()).collect(),
        }
    }

    pub(crate) fn count(&self, route: RouteId, verdict: VerdictLabel, elapsed: Duration) {
        let shard = &self.shards[thread_number() % self.shards.len()];
        if let Some(row) = shard.verdicts.get(route.0 as usize) {
            row[verdict as usize].fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let bucket = DURATION_BOUNDS_NS.partition_point(|bound| *bound < nanos);
        shard.durations[bucket].fetch_add(1, Ordering::Relaxed);
        shard.duration_ns.fetch_add(nanos, Ordering::Relaxed);
    }

    fn rows(&self) -> impl Iterator<Item = (&str, [u64; VERDICTS])> {
        self.labels.iter().enumerate().map(|(route, label)| {
            let mut counts = [0; VERDICTS];
            for shard in &self.shards {
                for (count, meter) in counts.iter_mut().zip(&shard.verdicts[route]) {
                    *count += meter.load(Ordering::Relaxed);
                }
            }
            (label.as_str(), counts)
        })
    }

    fn durations(&self) -> ([u64; DURATIONS], u64) {
        let (mut counts, mut sum) = ([0; DURATIONS], 0_u64);
        for shard in &self.shards {
            for (count, meter) in counts.iter_mut().zip(&shard.durations) {
                *count += meter.load(Ordering::Relaxed);
            }
            sum = sum.saturating_add(shard.duration_ns.load(Ordering::Relaxed));
        }
        (counts, sum)
    }
}

// === impl MeterTotals ===

impl MeterTotals {
    pub(crate) fn new(current: Arc<Meters>) -> Self {
        Self {
            current,
            draining: Vec::new(),
            retired: BTreeMap::new(),
            retired_durations: ([0; DURATIONS], 0),
        }
    }

    /// Starts counting under a new policy; what the old one counted stays in the totals.
    pub(crate) fn supersede(&mut self, next: Arc<Meters>) {
        let old = std::mem::replace(&mut self.current, next);
        self.draining.push(old);
        self.fold_drained();
    }

    /// Requests by route and verdict, without the zeros.
    pub fn rows(&mut self) -> Vec<MeterRow> {
        self.fold_drained();
        let mut totals = self.retired.clone();
        for meters in self.draining.iter().chain([&self.current]) {
            for (label, counts) in meters.rows() {
                if counts.iter().any(|count| *count > 0) {
                    add(totals.entry(label.to_owned()).or_default(), counts);
                }
            }
        }
        let row = |(route, counts): (String, [u64; VERDICTS])| {
            VerdictLabel::ALL
                .into_iter()
                .zip(counts)
                .filter(|(_, count)| *count > 0)
                .map(move |(verdict, count)| MeterRow {
                    route: route.clone(),
                    verdict,
                    count,
                })
        };
        totals.into_iter().flat_map(row).collect()
    }

    /// Decision times: counts by bucket of [`DURATION_BOUNDS_NS`] and their sum in nanoseconds.
    pub fn durations(&mut self) -> (Vec<u64>, u64) {
        self.fold_drained();
        let (mut counts, mut sum) = self.retired_durations;
        for meters in self.draining.iter().chain([&self.current]) {
            let (more, nanos) = meters.durations();
            add(&mut counts, more);
            sum = sum.saturating_add(nanos);
        }
        (counts.to_vec(), sum)
    }

    /// Folds in the counters that no request can write any more: ours is the only reference.
    fn fold_drained(&mut self) {
        let (done, draining) = std::mem::take(&mut self.draining)
            .into_iter()
            .partition(|meters| Arc::strong_count(meters) == 1);
        self.draining = draining;
        let done: Vec<Arc<Meters>> = done;
        for meters in done {
            for (label, counts) in meters.rows() {
                if counts.iter().all(|count| *count == 0) {
                    continue;
                }
                let full = self.retired.len() >= RETIRED_ROUTES_MAX;
                let known = !full || self.retired.contains_key(label);
                let label = if known { label } else { "*" };
                add(self.retired.entry(label.to_owned()).or_default(), counts);
            }
            let (counts, sum) = meters.durations();
            add(&mut self.retired_durations.0, counts);
            self.retired_durations.1 = self.retired_durations.1.saturating_add(sum);
        }
    }
}

fn add<const N: usize>(totals: &mut [u64; N], counts: [u64; N]) {
    for (total, count) in totals.iter_mut().zip(counts) {
        *total = total.saturating_add(count);
    }
}

/// A small number for each thread that counts, in the order of their first request.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    NUMBER.with(|number| {
        if number.get() == usize::MAX {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}
