//! One life of a gateway as its clients see it, from the first request to the kill; and what follows from
//! that alone of what the store must have.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::Running;

/// Between two looks at the metrics: they are rendered where usage is written, and must not hold it up.
const LOOK_PAUSE: Duration = Duration::from_millis(5);
const ROWS_WRITTEN: &str = "tollgate_usage_rows_written_total ";

/// One request.
struct Call {
    sent: Instant,
    answered: Instant,
    /// `None`: the gateway was killed before it answered.
    status: Option<u16>,
}

/// One look at how many rows the gateway had written.
struct Look {
    begun: Instant,
    ended: Instant,
    rows: u64,
}

/// The calls of one client, one after the other.
pub(crate) struct Calls(Vec<Call>);

/// Looks, one after the other.
pub(crate) struct Looks(Vec<Look>);

// === impl Calls ===

impl Calls {
    fn of_status(&self, status: Option<u16>) -> impl Iterator<Item = &Call> {
        self.0.iter().filter(move |call| call.status == status)
    }

    /// How many were let through.
    pub(crate) fn admitted(&self) -> u64 {
        self.of_status(Some(200)).count() as u64
    }

    /// How many a limit refused.
    pub(crate) fn limited(&self) -> u64 {
        self.of_status(Some(429)).count() as u64
    }

    /// How many got no answer: nobody but the origin knows what became of them.
    pub(crate) fn cut_off(&self) -> u64 {
        self.of_status(None).count() as u64
    }

    /// Whether some were let through, then all refused, then one was cut off: nothing else is an answer.
    pub(crate) fn are_of_one_quota(&self) -> bool {
        let place = |call: &Call| match call.status {
            Some(200) => Some(0),
            Some(429) => Some(1),
            None => Some(2),
            Some(_) => None,
        };
        let places: Option<Vec<u8>> = self.0.iter().map(place).collect();
        places.is_some_and(|places| places.is_sorted())
    }

    /// How many of those that were let through were answered by then.
    pub(crate) fn admitted_by(&self, moment: Instant) -> u64 {
        let by = self
            .of_status(Some(200))
            .filter(|call| call.answered <= moment);
        by.count() as u64
    }

    /// How many of those that were let through were sent before `moment`; all, if that never came.
    pub(crate) fn admitted_before(&self, moment: Option<Instant>) -> u64 {
        let before = |call: &&Call| moment.is_none_or(|moment| call.sent < moment);
        self.of_status(Some(200)).filter(before).count() as u64
    }

    /// When the one after the first `number` that were let through was answered.
    pub(crate) fn admitted_after(&self, number: u64) -> Option<Instant> {
        let mut admitted = self.of_status(Some(200));
        let next = admitted.nth(usize::try_from(number).unwrap());
        next.map(|call| call.answered)
    }
}

// === impl Looks ===

impl Looks {
    /// A moment such that all that was answered before it must be in the store, if two writes were seen: the
    /// last look that saw neither of the last two. The last of them took what there was after the one before it
    /// was done, and that one was not done then.
    pub(crate) fn sure(&self) -> Option<Instant> {
        let last = self.0.last()?.rows;
        let before_last = self.0.iter().rev().find(|look| look.rows != last)?.rows;
        let earlier = |look: &&Look| look.rows != last && look.rows != before_last;
        self.0.iter().rev().find(earlier).map(|look| look.begun)
    }

    /// How long it took from each write that was seen to the next one.
    pub(crate) fn between_writes(&self) -> Vec<Duration> {
        let writes = self.0.windows(2).filter(|two| two[0].rows != two[1].rows);
        let seen: Vec<Instant> = writes.map(|two| two[1].ended).collect();
        seen.windows(2).map(|two| two[1] - two[0]).collect()
    }

    /// By when the gateway knew what was counted before it, of a caller who was first answered at `first`:
    /// the second write that was seen since then took that caller's row, for it began after the first.
    pub(crate) fn known(&self, first: Instant) -> Option<Instant> {
        let since = self.0.iter().skip_while(|look| look.begun < first);
        let mut rows = since.clone().map(|look| look.rows);
        let at_first = rows.next()?;
        let after_one = rows.find(|rows| *rows != at_first)?;
        let mut after_two = since.skip_while(|look| look.rows <= after_one);
        after_two.next().map(|look| look.ended)
    }
}

/// Until it is told to stop, or the gateway is gone.
pub(crate) fn call(
    running: &Running,
    path: &str,
    token: &str,
    most: usize,
    stop: &AtomicBool,
) -> Calls {
    let mut calls = Vec::new();
    while calls.len() < most && !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let status = running.try_get(path, token).ok().map(|answer| {
            let status = answer.status().as_u16();
            // Read, so that the connection serves the next one; cut off by the kill, it was answered all the same.
            let _cut_off = answer.bytes();
            status
        });
        calls.push(Call {
            sent,
            answered: Instant::now(),
            status,
        });
        if status.is_none() {
            break;
        }
    }
    Calls(calls)
}

/// Until it is told to stop, or the gateway is gone. Counts the writes as it sees them.
pub(crate) fn look(running: &Running, stop: &AtomicBool, writes: &AtomicU64) -> Looks {
    let mut looks: Vec<Look> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let metrics = running
            .try_admin("/metrics")
            .and_then(|answer| answer.text());
        let Ok(metrics) = metrics else { break };
        let of_rows = metrics
            .lines()
            .find_map(|line| line.strip_prefix(ROWS_WRITTEN));
        // A body that was cut off by the kill.
        let Some(rows) = of_rows.and_then(|rows| rows.parse().ok()) else {
            break;
        };
        let ended = Instant::now();
        if looks.last().is_some_and(|last| last.rows != rows) {
            writes.fetch_add(1, Ordering::Relaxed);
        }
        looks.push(Look { begun, ended, rows });
        std::thread::sleep(LOOK_PAUSE);
    }
    Looks(looks)
}
