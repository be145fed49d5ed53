//! A flood of keys that were never seen before, into a table that holds far fewer.

#[path = "../memory/mod.rs"]
mod memory;

use std::sync::Arc;
use std::time::Duration;

use tollgate_limiter::{
    BucketKey, Check, KeyHasher, Limit, Nanos, Now, Reading, Registered, Table, TableSize,
};

/// How large it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    /// Live buckets that the table is for.
    pub(crate) capacity: usize,
    /// Distinct keys.
    pub(crate) keys: u64,
    /// Requests of each key, one after the other.
    pub(crate) requests_each: u64,
    /// Users who have spent everything before it begins, and go on asking throughout.
    pub(crate) exhausted: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    /// Requests of the flood's keys that passed.
    pub(crate) admitted: u64,
    /// Requests that passed beyond burst + rate · t of their key: over-admission.
    pub(crate) over_admitted: u64,
    /// The bound on it: what one overflow bucket admits.
    pub(crate) over_admitted_bound: u64,
    /// Requests of exhausted users that passed.
    pub(crate) exhausted_admitted: u64,
    /// Requests of exhausted users.
    pub(crate) exhausted_asked: u64,
    /// Requests that shared an overflow bucket.
    pub(crate) overflowed: u64,
    /// Most resident memory beyond what it was when the table was full, in bytes.
    pub(crate) memory_growth: u64,
    /// What the table takes, in bytes.
    pub(crate) table_bytes: usize,
    /// The bound on what all keys together may pass: a burst for every cell, and what the overflow
    /// bucket lets through.
    pub(crate) admitted_bound: u64,
}

/// A burst of 3, one in an hour: within the flood nothing grows back.
const BURST: u64 = 3;
const HOUR: Duration = Duration::from_secs(3_600);

impl Flood {
    /// Runs it on this thread; `progress` is told every so many keys.
    pub(crate) fn run(self, mut progress: impl FnMut(u64)) -> Outcome {
        let table = Table::new(TableSize {
            users: self.capacity,
            networks: 1,
        })
        .unwrap();
        let limit = table
            .register(&Limit::rate(1, HOUR, BURST).unwrap())
            .unwrap();
        let hasher = KeyHasher::random().unwrap();
        let key = |kind: &[u8], n: u64| hasher.key(&[kind, &n.to_le_bytes()]);
        let mut outcome = Outcome {
            table_bytes: table.bytes(),
            ..Outcome::default()
        };
        for user in 0..self.exhausted {
            for _ in 0..BURST {
                assert!(ask(&table, &limit, key(b"exhausted", user)));
            }
        }
        let every = (self.keys / 200).max(1);
        let mut resident = None;
        for n in 0..self.keys {
            let own = key(b"flood", n);
            let asked = (0..self.requests_each).filter(|_| ask(&table, &limit, own));
            let admitted = asked.count() as u64;
            outcome.admitted += admitted;
            outcome.over_admitted += admitted.saturating_sub(BURST);
            if n % every == 0 {
                for user in 0..self.exhausted {
                    let passed = ask(&table, &limit, key(b"exhausted", user));
                    outcome.exhausted_admitted += u64::from(passed);
                    outcome.exhausted_asked += 1;
                }
                // From when every page of the table has been touched.
                if n > self.capacity as u64 * 2 {
                    let now = memory::resident_bytes();
                    let then = *resident.get_or_insert(now);
                    outcome.memory_growth = outcome.memory_growth.max(now.saturating_sub(then));
                }
                progress(n);
            }
        }
        outcome.over_admitted_bound = BURST;
        outcome.overflowed = table.overflowed();
        // Every cell that the table has, full once, and the overflow bucket.
        let cells = table.bytes() as u64 / 128 * 7;
        outcome.admitted_bound = (cells + 1) * BURST;
        outcome
    }
}

fn ask(table: &Arc<Table>, limit: &Arc<Registered>, key: BucketKey) -> bool {
    const NOW: Now = Now {
        mono: Nanos(0),
        unix_ms: 0,
    };
    let mut readings = [Reading::default()];
    let verdict = table.decide(NOW, &[Check::new(key, limit)], &mut readings);
    verdict.admitted()
}
