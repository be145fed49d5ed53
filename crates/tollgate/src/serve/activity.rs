//! What goes through now, for people who look: the last minute by route and caller, the last hour as a series.
//!
//! It is fed by whoever takes usage from the engine, some times a minute. Nothing of it is on the path of
//! requests, and nothing outlives the process.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;
use tollgate_admin::{CallerTraffic, RouteTraffic, Traffic, TrafficPoint};
use tollgate_engine::{Engine, Snapshot, Used, User, VerdictLabel};
use tollgate_limiter::Clock;
use tollgate_policy::{PlanId, RouteId};

/// How long one slice gathers.
const SLICE_MS: u64 = 5_000;
/// Of how long slices are summed up.
const WINDOW_MS: u64 = 60_000;
/// Callers in one slice, each on each route; others are counted for their route only.
const CALLERS_MAX: usize = 5_000;
/// Entries of a list that is shown.
const SHOWN_MAX: usize = 100;
/// Between two points of the series.
const POINT: Duration = Duration::from_secs(10);
/// Points that are kept: an hour.
const POINTS_MAX: usize = 360;
/// How often usage is taken where nobody else takes it.
const TAKE: Duration = Duration::from_secs(1);

/// Sums of late.
///
/// State: written by whoever takes usage and by a task of its own; read by the admin API.
pub(super) struct Activity {
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    sums: Mutex<Sums>,
}

#[derive(Default)]
struct Sums {
    slices: VecDeque<Slice>,
    series: VecDeque<TrafficPoint>,
    /// When usage was last taken.
    taken_ms: u64,
    /// Totals at the last point.
    before: Option<TrafficPoint>,
}

#[derive(Default)]
struct Slice {
    begun_ms: u64,
    callers: HashMap<Key, Tally>,
    routes: HashMap<(RouteId, usize), Tally>,
}

/// A caller, by its key, on a route of a policy, by its place in memory.
type Key = (u128, RouteId, usize);

#[derive(Clone)]
struct Tally {
    snapshot: Arc<Snapshot>,
    route: RouteId,
    plan: PlanId,
    user: Option<Arc<User>>,
    admitted: u64,
    limited: u64,
}

// === impl Activity ===

impl Activity {
    pub(super) fn new(engine: Arc<Engine>, clock: Arc<dyn Clock>) -> Self {
        let sums = Sums {
            taken_ms: clock.now().unix_ms,
            ..Sums::default()
        };
        Self {
            engine,
            clock,
            sums: Mutex::new(sums),
        }
    }

    /// Adds what was used.
    pub(super) fn add(&self, rows: &[Used]) {
        let now_ms = self.clock.now().unix_ms;
        let mut sums = self.sums.lock();
        sums.taken_ms = now_ms;
        let slice = sums.current(now_ms);
        // What waited for a store that was away is not of late.
        let since_min = now_ms.saturating_sub(WINDOW_MS) / 60_000;
        for row in rows.iter().filter(|row| row.minute >= since_min) {
            slice.add(row);
        }
    }

    /// Goes on with the series; takes usage too where nobody else does. Runs until dropped.
    pub(super) async fn run(self: Arc<Self>, takes: bool) {
        let mut points = tokio::time::interval(POINT);
        let mut takings = tokio::time::interval(TAKE);
        points.set_missed_tick_behavior(MissedTickBehavior::Delay);
        takings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = points.tick() => self.point(),
                _ = takings.tick(), if takes => self.add(&self.engine.take_usage()),
            }
        }
    }

    /// What there is to see.
    pub(super) fn traffic(&self) -> Traffic {
        let now_ms = self.clock.now().unix_ms;
        let mut sums = self.sums.lock();
        sums.forget(now_ms);
        let mut callers: HashMap<Key, Tally> = HashMap::new();
        let mut routes: HashMap<(RouteId, usize), Tally> = HashMap::new();
        for slice in &sums.slices {
            merge(&mut callers, &slice.callers);
            merge(&mut routes, &slice.routes);
        }
        let series = sums.series.iter().copied().collect();
        let as_of_ms = sums.taken_ms;
        drop(sums);
        Traffic {
            series,
            as_of_ms,
            window_s: WINDOW_MS / 1_000,
            routes: shown(routes).iter().map(Tally::of_route).collect(),
            callers: shown(callers).iter().map(Tally::of_caller).collect(),
        }
    }

    fn point(&self) {
        let totals = self.totals();
        let mut sums = self.sums.lock();
        if let Some(before) = sums.before.replace(totals) {
            if sums.series.len() == POINTS_MAX {
                sums.series.pop_front();
            }
            sums.series.push_back(TrafficPoint {
                at_ms: totals.at_ms,
                length_ms: totals.at_ms.saturating_sub(before.at_ms),
                admitted: totals.admitted.saturating_sub(before.admitted),
                limited: totals.limited.saturating_sub(before.limited),
                refused: totals.refused.saturating_sub(before.refused),
            });
        }
    }

    /// Since the start.
    fn totals(&self) -> TrafficPoint {
        let mut totals = TrafficPoint {
            at_ms: self.clock.now().unix_ms,
            ..TrafficPoint::default()
        };
        for row in self.engine.with_totals(|totals| totals.rows()) {
            let sum = match row.verdict {
                VerdictLabel::Allow | VerdictLabel::LimitShadow => &mut totals.admitted,
                VerdictLabel::Limit => &mut totals.limited,
                VerdictLabel::Own => continue,
                _ => &mut totals.refused,
            };
            *sum += row.count;
        }
        totals
    }
}

// === impl Sums ===

impl Sums {
    fn current(&mut self, now_ms: u64) -> &mut Slice {
        self.forget(now_ms);
        let begins = now_ms - now_ms % SLICE_MS;
        if self
            .slices
            .back()
            .is_none_or(|last| last.begun_ms != begins)
        {
            self.slices.push_back(Slice {
                begun_ms: begins,
                ..Slice::default()
            });
        }
        let last = self.slices.len() - 1;
        &mut self.slices[last]
    }

    /// Also slices of a time to come, where the clock was set back.
    fn forget(&mut self, now_ms: u64) {
        let since_ms = now_ms.saturating_sub(WINDOW_MS);
        self.slices
            .retain(|slice| (since_ms..=now_ms).contains(&slice.begun_ms));
    }
}

// === impl Slice ===

impl Slice {
    fn add(&mut self, row: &Used) {
        let policy = Arc::as_ptr(&row.snapshot).addr();
        let tally = Tally {
            snapshot: Arc::clone(&row.snapshot),
            route: row.route,
            plan: row.plan,
            user: row.user.clone(),
            admitted: row.admitted,
            limited: row.limited,
        };
        let caller = row.user.as_ref().map_or(0, |user| user.key.0);
        let key = (caller, row.route, policy);
        if self.callers.len() < CALLERS_MAX || self.callers.contains_key(&key) {
            put(&mut self.callers, key, &tally);
        }
        put(&mut self.routes, (row.route, policy), &tally);
    }
}

// === impl Tally ===

impl Tally {
    fn of_route(&self) -> RouteTraffic {
        RouteTraffic {
            route: self.route_name(),
            admitted: self.admitted,
            limited: self.limited,
        }
    }

    fn of_caller(&self) -> CallerTraffic {
        let user = self.user.as_deref();
        let plans = self.snapshot.policy().plans();
        let plan = plans.get(usize::from(self.plan.0));
        CallerTraffic {
            issuer: user.map(|user| user.issuer.to_string()),
            subject: user.map(|user| user.subject.to_string()),
            account: user.and_then(|user| user.account.as_deref().map(str::to_owned)),
            plan_claim: user.and_then(|user| user.plan.as_deref().map(str::to_owned)),
            plan: plan.map(|plan| plan.name.to_string()).unwrap_or_default(),
            route: self.route_name(),
            admitted: self.admitted,
            limited: self.limited,
        }
    }

    fn route_name(&self) -> String {
        self.snapshot.policy().routes().get(self.route).to_string()
    }
}

fn put<K: std::hash::Hash + Eq>(into: &mut HashMap<K, Tally>, key: K, tally: &Tally) {
    into.entry(key)
        .and_modify(|sum| {
            sum.admitted += tally.admitted;
            sum.limited += tally.limited;
            // The plan that is in force now.
            sum.plan = tally.plan;
        })
        .or_insert_with(|| tally.clone());
}

fn merge<K: std::hash::Hash + Eq + Copy>(into: &mut HashMap<K, Tally>, from: &HashMap<K, Tally>) {
    for (key, tally) in from {
        put(into, *key, tally);
    }
}

/// The most limited first, then the most used.
fn shown<K>(sums: HashMap<K, Tally>) -> Vec<Tally> {
    let mut all: Vec<Tally> = sums.into_values().collect();
    let rank = |tally: &Tally| std::cmp::Reverse((tally.limited, tally.admitted));
    if all.len() > SHOWN_MAX {
        all.select_nth_unstable_by_key(SHOWN_MAX, rank);
        all.truncate(SHOWN_MAX);
    }
    all.sort_by_key(rank);
    all
}
