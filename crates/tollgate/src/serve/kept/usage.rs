//! Usage to the store: meters and counts of quotas, in batches that count once; and back what all
//! instances have counted.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tollgate_engine::{Engine, Used};
use tollgate_limiter::{CarryOver, Clock};
use tollgate_store::{
    Batch, BatchWriter, COUNTS_PER_BATCH_MAX, Caller, Count, Counter, Issuer, METERS_PER_BATCH_MAX,
    Meter, Name, PlanName, RouteName, Series, Store, StoreError, Summed, Usage,
};

use super::notify;
use super::{Activity, State};
use crate::stored_quotas::{counter, quotas};

/// How often what is left is sent at the end, before it is given up.
const LAST_ATTEMPTS: u32 = 3;
/// How often counts of periods that are over are forgotten.
const TIDY_INTERVAL: Duration = Duration::from_secs(600);
/// How long they are kept: longer than any batch waits.
const COUNTS_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// Calls of one tidying, each of up to 5,000 counts.
const TIDY_CALLS_MAX: u32 = 200;
/// Between two attempts at the end.
const LAST_RETRY: Duration = Duration::from_millis(200);

/// Writes what the engine took down.
pub(super) struct Writer {
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    state: Arc<State>,
    /// Whether anybody is told of thresholds.
    tells: bool,
    /// Who looks at what goes through.
    activity: Option<Arc<Activity>>,
    /// Of this process; made when the first batch is.
    writer: Option<BatchWriter>,
    number: u64,
    /// Whether the last attempt failed.
    failing: bool,
    /// To be sent, the oldest first; each again until it is answered.
    waiting: VecDeque<Packed>,
}

/// A batch, and the rows that it is made of.
struct Packed {
    batch: Batch,
    /// Of how many units its counters are.
    quotas: HashMap<Counter, u64>,
    rows: Vec<Used>,
}

/// Units that go to one counter.
struct Counted {
    counter: Counter,
    units: u64,
    quota: u64,
    carry: CarryOver,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(
        engine: Arc<Engine>,
        clock: Arc<dyn Clock>,
        state: Arc<State>,
        tells: bool,
        activity: Option<Arc<Activity>>,
    ) -> Self {
        Self {
            engine,
            clock,
            state,
            tells,
            activity,
            writer: None,
            number: 0,
            failing: false,
            waiting: VecDeque::new(),
        }
    }

    /// Writes every `flush` until it is stopped, then once more.
    pub(super) async fn run(
        mut self,
        mut store: watch::Receiver<Option<Store>>,
        flush: Duration,
        stop: CancellationToken,
    ) {
        let mut tick = tokio::time::interval(flush);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tidy = tokio::time::interval(TIDY_INTERVAL);
        tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let stopped = tokio::select! {
                _ = tidy.tick() => {
                    let found = store.borrow().clone();
                    self.tidy(found.as_ref()).await;
                    continue;
                }
                _ = tick.tick() => false,
                () = stop.cancelled() => true,
            };
            let found = store.borrow_and_update().clone();
            match (found, stopped) {
                (Some(store), false) => {
                    self.flush(&store).await;
                }
                (Some(store), true) => return self.finish(&store).await,
                (None, true) => return self.give_up(),
                // Rows wait in the engine, which has room for so many.
                (None, false) => {}
            }
        }
    }

    /// Forgets counts of periods that are long over, some at a time.
    async fn tidy(&self, store: Option<&Store>) {
        let Some(store) = store else { return };
        let kept_ms = u64::try_from(COUNTS_KEPT.as_millis()).unwrap_or(u64::MAX);
        let ended_ms = self.clock.now().unix_ms.saturating_sub(kept_ms);
        for _ in 0..TIDY_CALLS_MAX {
            match store.forget_counts(ended_ms).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => return tracing::debug!("counts not forgotten: {error}"),
            }
        }
    }

    async fn finish(mut self, store: &Store) {
        for attempt in 1..=LAST_ATTEMPTS {
            if self.flush(store).await {
                return;
            }
            if attempt < LAST_ATTEMPTS {
                tokio::time::sleep(LAST_RETRY).await;
            }
        }
        self.give_up();
    }

    fn give_up(self) {
        let waiting: usize = self.waiting.iter().map(|packed| packed.rows.len()).sum();
        let lost = waiting + self.engine.take_usage().len();
        if lost > 0 {
            tracing::error!(
                rows = lost,
                "usage lost: the store did not answer until the end"
            );
        }
    }

    /// Sends what waits; `false` when the store did not take it.
    async fn flush(&mut self, store: &Store) -> bool {
        // What waited from the last time, then what came since.
        if !self.send(store).await {
            return false;
        }
        if let Err(error) = self.pack() {
            tracing::error!("usage not written: {error}");
            return false;
        }
        self.send(store).await
    }

    async fn send(&mut self, store: &Store) -> bool {
        while let Some(packed) = self.waiting.front() {
            let told = |sums: &[Summed]| match self.tells {
                true => notify::notices(&packed.rows, sums),
                false => Vec::new(),
            };
            match store.add_and_tell(&packed.batch, told).await {
                Ok(sums) => {
                    let rows = packed.rows.len() as u64;
                    self.state.rows_written.fetch_add(rows, Ordering::Relaxed);
                    self.failing = false;
                    let packed = self.waiting.pop_front();
                    let rows = packed.map(|packed| packed.rows).unwrap_or_default();
                    self.take_back(&rows, &sums.unwrap_or_default());
                }
                // A disk that is full or a password that was changed will be mended; the batch waits.
                Err(error) if !error.is_callers() => {
                    self.failed("usage not written yet", &error);
                    return false;
                }
                Err(error) => {
                    // It would be refused again: what comes after it must not wait for it.
                    let rows = packed.rows.len() as u64;
                    self.state.rows_lost.fetch_add(rows, Ordering::Relaxed);
                    self.state.writes_failed.fetch_add(1, Ordering::Relaxed);
                    tracing::error!("usage lost: {error}");
                    self.waiting.pop_front();
                }
            }
        }
        true
    }

    /// What all instances have counted, into this one's buckets.
    fn take_back(&self, rows: &[Used], sums: &[Count]) {
        let sums = sums.iter().map(|count| (&count.counter, count));
        let sums: HashMap<&Counter, &Count> = sums.collect();
        let (now, given_back) = (self.clock.now(), &self.state.given_back);
        for (user, quota) in rows.iter().flat_map(quotas) {
            let counter = counter(user, &quota).ok();
            let count = counter.and_then(|counter| sums.get(&counter));
            if let Some(spent) = count.and_then(|count| given_back.spent(count, quota.limit)) {
                self.engine.recall_quota(&quota, spent, now);
            }
        }
        // Only now: a counter has a row for each of its routes.
        given_back.see(sums.into_values());
    }

    fn failed(&mut self, what: &str, error: &StoreError) {
        self.state.writes_failed.fetch_add(1, Ordering::Relaxed);
        // Said with the first of a row of failures; the metric counts them all.
        if std::mem::replace(&mut self.failing, true) {
            tracing::debug!("{what}: {error}");
        } else {
            tracing::error!("{what}: {error}");
        }
    }

    /// What the engine took down, as batches.
    fn pack(&mut self) -> Result<(), StoreError> {
        let mut rows = self.engine.take_usage();
        if let Some(activity) = &self.activity {
            activity.add(&rows);
        }
        // As they were made: what was counted under a quota before another one took its place goes first.
        rows.sort_unstable_by_key(|row| row.order);
        let mut current: Option<Packed> = None;
        for row in rows {
            let counters = match counters(&row) {
                Ok(counters) => counters,
                Err(error) => {
                    self.unwritable(&error);
                    continue;
                }
            };
            let full = current.take_if(|packed| !packed.has_room(&counters));
            self.waiting.extend(full);
            let packed = match &mut current {
                Some(packed) => packed,
                None => current.insert(self.empty()?),
            };
            if let Err(error) = packed.add(row, counters) {
                self.unwritable(&error);
            }
        }
        self.waiting.extend(current);
        Ok(())
    }

    fn unwritable(&self, error: &StoreError) {
        self.state.rows_lost.fetch_add(1, Ordering::Relaxed);
        tracing::error!("usage of one caller lost: {error}");
    }

    fn empty(&mut self) -> Result<Packed, StoreError> {
        let writer = match self.writer {
            Some(writer) => writer,
            None => *self.writer.insert(BatchWriter::random()?),
        };
        self.number += 1;
        Ok(Packed {
            batch: Batch::new(writer, self.number),
            quotas: HashMap::new(),
            rows: Vec::new(),
        })
    }
}

// === impl Packed ===

impl Packed {
    /// Whether a row with these counters fits: by their number, and since a counter of two quotas is two
    /// batches, the first of which is carried over.
    fn has_room(&self, counters: &[Counted]) -> bool {
        let same = |new: &Counted| {
            let known = self.quotas.get(&new.counter);
            known.is_none_or(|quota| *quota == new.quota)
        };
        self.rows.len() < METERS_PER_BATCH_MAX
            && self.quotas.len() + counters.len() <= COUNTS_PER_BATCH_MAX
            && counters.iter().all(same)
    }

    fn add(&mut self, row: Used, counters: Vec<Counted>) -> Result<(), StoreError> {
        let meter = Meter::at(series(&row)?, row.minute.saturating_mul(60_000))?;
        let usage = Usage {
            admitted: row.admitted,
            limited: row.limited,
            bytes_out: row.response_bytes,
            cost_units: row.units,
            ..Usage::default()
        };
        self.batch.meter(meter, &usage)?;
        for Counted {
            counter,
            units,
            quota,
            carry,
        } in counters
        {
            self.batch.add_of(counter.clone(), units, quota, carry)?;
            self.quotas.insert(counter, quota);
        }
        self.rows.push(row);
        Ok(())
    }
}

fn counters(row: &Used) -> Result<Vec<Counted>, StoreError> {
    let counted = quotas(row).map(|(user, quota)| {
        Ok(Counted {
            counter: counter(user, &quota)?,
            units: quota.units,
            quota: quota.limit.quota,
            carry: quota.limit.carry(),
        })
    });
    counted.collect()
}

fn series(row: &Used) -> Result<Series, StoreError> {
    let policy = row.snapshot.policy();
    let caller = match &row.user {
        None => Caller::Anonymous,
        Some(user) => Caller::Subject {
            issuer: Issuer::parse(&user.issuer)?,
            subject: Name::parse(&user.subject)?,
            account: user.account.as_deref().map(Name::parse).transpose()?,
        },
    };
    let plan = &policy.plans()[usize::from(row.plan.0)];
    let route = policy.routes().get(row.route).to_string();
    let route = Some(route).filter(|route| route != "*");
    Ok(Series {
        caller,
        plan: Some(PlanName::parse(&plan.name)?),
        route: route.as_deref().map(RouteName::parse).transpose()?,
    })
}
