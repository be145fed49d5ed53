//! Bytes as a sequence of calls: limits, decisions, settling, leases, clocks, in any order.

use std::sync::Arc;
use std::time::Duration;

use tollgate_limiter::{
    BucketKey, Calendar, CarryOver, Charged, Check, Denial, Enforcement, Lease, Limit, Nanos, Now,
    Partition, Period, Reading, Registered, Table, TableSize, Verdict,
};

/// Bytes, read from the front; zeros when they are used up.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number of any size, small ones more often.
    fn number(&mut self) -> u64 {
        let bytes = self.byte() % 9;
        (0..bytes).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    fn limit(&mut self) -> Option<Limit> {
        let (kind, count, length) = (self.byte(), self.number(), self.number());
        let length = Duration::from_nanos(length);
        match kind % 4 {
            0 => Limit::rate(count, length, self.number()),
            1 => Limit::window(count, length),
            2 => {
                let period = Period::ALL[usize::from(kind / 4) % Period::ALL.len()];
                Limit::quota(
                    count,
                    Calendar::new(period, tollgate_limiter::jiff::tz::TimeZone::UTC),
                )
            }
            _ => Limit::concurrency(count),
        }
        .ok()
    }
}

/// A table, the limits that it knows, and what is under way in it.
struct Run {
    table: Arc<Table>,
    limits: Vec<Arc<Registered>>,
    under_way: Vec<Lease>,
    now: Now,
}

/// Limits that one run may know at most.
const LIMITS: usize = 8;

/// Runs the calls that `data` stands for.
pub(crate) fn run(data: &[u8]) {
    let size = TableSize {
        users: 4,
        networks: 2,
    };
    let mut run = Run {
        table: Table::new(size).unwrap(),
        limits: Vec::new(),
        under_way: Vec::new(),
        now: Now::default(),
    };
    let mut input = Input(data);
    while !input.0.is_empty() {
        run.step(&mut input);
    }
}

impl Run {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() % 8 {
            0 => {
                if let Some(limit) = input.limit()
                    && self.limits.len() < LIMITS
                {
                    self.limits.push(self.table.register(&limit).unwrap());
                }
            }
            1 => {
                self.now.mono.0 = self.now.mono.0.saturating_add(input.number());
                self.now.unix_ms = self.now.unix_ms.saturating_add(input.number());
            }
            2 => {
                // A clock that steps: backwards, too.
                self.now.mono = Nanos(input.number());
                self.now.unix_ms = input.number();
            }
            3 => {
                let count = usize::from(input.byte());
                self.under_way.truncate(count);
            }
            4 => self.settle(input),
            _ => self.decide(input),
        }
    }

    /// A check of a few keys, so that they meet.
    fn check<'a>(&self, input: &mut Input<'_>, limits: &'a [Arc<Registered>]) -> Option<Check<'a>> {
        let limit = limits.get(usize::from(input.byte()) % limits.len().max(1))?;
        let flags = input.byte();
        Some(Check {
            key: BucketKey(u64::from(flags & 0b111_1111) << 57 | u64::from(input.byte() % 4)),
            partition: [Partition::Users, Partition::Networks][usize::from(flags >> 7)],
            limit,
            cost: input.number(),
            enforcement: [Enforcement::Binding, Enforcement::Shadow][usize::from(flags & 1)],
            carry: [CarryOver::Keep, CarryOver::AsIs, CarryOver::Reset][usize::from(flags % 3)],
        })
    }

    fn decide(&mut self, input: &mut Input<'_>) {
        let limits = self.limits.clone();
        let count = 1 + input.byte() % 5;
        let checks: Vec<Check<'_>> = (0..count)
            .filter_map(|_| self.check(input, &limits))
            .collect();
        let mut peeked = [Reading::default(); 8];
        let mut readings = [Reading::default(); 8];
        let expected = self.table.peek(self.now, &checks, &mut peeked);
        let verdict = self.table.decide(self.now, &checks, &mut readings);
        let readings = &readings[..checks.len()];
        for (check, reading) in checks.iter().zip(readings) {
            assert!(reading.remaining <= check.limit.limit().capacity());
            assert!(check.cost > 0 || reading.admitted());
            let hopeless = check.cost > check.limit.limit().capacity();
            assert_eq!(
                hopeless && check.cost > 0,
                reading.denial == Some(Denial::Never)
            );
        }
        let binding = checks.iter().zip(readings);
        let mut binding = binding.filter(|(check, _)| check.enforcement == Enforcement::Binding);
        assert_eq!(
            verdict.admitted(),
            binding.all(|(_, reading)| reading.admitted())
        );
        // A newcomer that finds no room, or two checks of one bucket, may read otherwise in a peek.
        if checks.len() == 1 && !readings[0].overflowed {
            assert_eq!(expected, verdict.admitted());
        }
        if let ([check], [reading]) = (&checks[..], readings) {
            self.waits_are_enough(check, *reading);
        }
        if let Verdict::Admitted(lease) = verdict {
            self.under_way.push(lease);
        }
    }

    fn waits_are_enough(&self, check: &Check<'_>, reading: Reading) {
        let Some(wait) = reading.retry_after() else {
            return;
        };
        let later = Now {
            mono: Nanos(self.now.mono.0.saturating_add(wait.0)),
            unix_ms: self.now.unix_ms.saturating_add(wait.0.div_ceil(1_000_000)),
        };
        // Beyond 34 years of uptime or the year 2990 time stands still.
        if later.mono.0 > 1 << 59 || later.unix_ms > 30_000_000_000_000 || reading.overflowed {
            return;
        }
        let mut after = [Reading::default()];
        self.table.peek(later, &[*check], &mut after);
        assert!(
            after[0].admitted(),
            "{wait:?} was not enough for {check:?}: {after:?}"
        );
    }

    fn settle(&mut self, input: &mut Input<'_>) {
        let limits = self.limits.clone();
        let Some(check) = self.check(input, &limits) else {
            return;
        };
        let charged = Charged {
            at: Now {
                mono: Nanos(input.number()),
                unix_ms: input.number(),
            },
            cost: input.number(),
            overflowed: input.byte().is_multiple_of(16),
        };
        let after = self.table.settle(self.now, check, charged, input.number());
        assert!(after.remaining <= check.limit.limit().capacity());
    }
}
