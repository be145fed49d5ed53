//! Random runs of table and oracle side by side.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use tollgate_limiter::{
    Check, Denial, Enforcement, KeyHasher, Lease, Nanos, Now, Period, Reading, Table, TableSize,
    Verdict,
};

use crate::log::{Log, Rule};

/// 2026-10-24T20:00:00Z: the clocks of Europe go back a few hours later.
const START_UNIX_MS: u64 = 1_792_872_000_000;

/// One request: how much later than the one before, what it costs, which limits it consults (bits),
/// and whether what is under way ends first.
type Step = (u64, u64, u8, bool);

const ZONES: [&str; 4] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
];

fn rules() -> impl Strategy<Value = Rule> {
    prop_oneof![
        (1_u64..3_000_000_000, 1_u64..40)
            .prop_map(|(interval_ns, burst)| Rule::Rate { interval_ns, burst }),
        (1_u64..40, 1_000_000_u64..40_000_000_000)
            .prop_map(|(max, length_ns)| Rule::Window { max, length_ns }),
        (
            1_u64..40,
            prop::sample::select(&Period::ALL[..]),
            prop::sample::select(&ZONES[..]),
        )
            .prop_map(|(max, period, zone)| Rule::Quota { max, period, zone }),
        (
            1_u64..40,
            prop_oneof![Just(1_u32), 1_u32..5_000, Just(2_592_000)]
        )
            .prop_map(|(max, length_s)| Rule::FixedWindow { max, length_s }),
        (1_u64..6).prop_map(|max| Rule::Concurrency { max }),
    ]
}

fn gaps() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => Just(0_u64),
        5 => 0_u64..2_000_000_000,
        2 => 0_u64..4_000_000_000_000,
        1 => 0_u64..40_000_000_000_000,
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        (gaps(), 0_u64..5, 1_u8..8, prop::bool::weighted(0.3)),
        200..400,
    )
}

static DECISIONS: AtomicU64 = AtomicU64::new(0);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_200))]

    fn table_and_log_agree_on_every_decision(
        rules in prop::collection::vec((rules(), any::<bool>()), 3..=3),
        steps in steps(),
    ) {
        let table = Table::new(TableSize { users: 64, networks: 1 }).unwrap();
        let hasher = KeyHasher::with_key([9; 16]);
        let limits: Vec<_> = rules.iter().map(|(rule, _)| table.register(&rule.limit()).unwrap()).collect();
        let mut logs: Vec<Log> = rules.iter().map(|(rule, _)| Log::new(rule.clone())).collect();
        let mut under_way: Vec<(Lease, Vec<(usize, u64)>)> = Vec::new();
        let mut now = Now { mono: Nanos(0), unix_ms: START_UNIX_MS };
        for (gap, cost, which, ends) in steps {
            now.mono.0 += gap;
            now.unix_ms = START_UNIX_MS + now.mono.0 / 1_000_000;
            if ends && !under_way.is_empty() {
                let (lease, held) = under_way.remove(0);
                drop(lease);
                for (i, cost) in held {
                    logs[i].release(cost);
                }
            }
            let asked: Vec<usize> = (0..3).filter(|i| which & (1 << i) != 0).collect();
            let check = |i: usize| Check {
                cost,
                enforcement: if rules[i].1 { Enforcement::Shadow } else { Enforcement::Binding },
                ..Check::new(hasher.hash(&[i as u8]), &limits[i])
            };
            let checks: Vec<Check<'_>> = asked.iter().map(|i| check(*i)).collect();
            let mut readings = vec![Reading::default(); checks.len()];

            let alone: Vec<bool> = asked.iter().map(|i| logs[*i].admits(now, cost)).collect();
            let expected = asked.iter().zip(&alone).all(|(i, admits)| *admits || rules[*i].1);
            prop_assert_eq!(table.peek(now, &checks, &mut readings), expected);
            let verdict = table.decide(now, &checks, &mut readings);
            prop_assert_eq!(verdict.admitted(), expected);
            DECISIONS.fetch_add(checks.len() as u64, Ordering::Relaxed);

            let mut held = Vec::new();
            for (place, i) in asked.iter().enumerate() {
                prop_assert_eq!(readings[place].admitted(), alone[place]);
                if expected && alone[place] {
                    logs[*i].admit(now, cost);
                    if matches!(logs[*i].rule(), Rule::Concurrency { .. }) && cost > 0 {
                        held.push((*i, cost));
                    }
                }
                prop_assert!(!readings[place].overflowed);
                prop_assert_eq!(readings[place].remaining, logs[*i].remaining(now));
                waits_are_exact(&logs[*i], now, cost, readings[place])?;
            }
            if let Verdict::Admitted(lease) = verdict {
                prop_assert_eq!(lease.is_empty(), held.is_empty());
                under_way.push((lease, held));
            }
        }
    }
}

/// A client that waits exactly as long as it is told is admitted, and a moment less is too little.
fn waits_are_exact(log: &Log, now: Now, cost: u64, reading: Reading) -> Result<(), TestCaseError> {
    let later = |wait: u64| Now {
        mono: Nanos(now.mono.0 + wait),
        unix_ms: START_UNIX_MS + (now.mono.0 + wait) / 1_000_000,
    };
    // A quota tells its wait in whole milliseconds, as the wall clock does.
    let quota = matches!(log.rule(), Rule::Quota { .. } | Rule::FixedWindow { .. });
    let moment = if quota { 1_000_000 } else { 1 };
    match reading.denial {
        Some(Denial::Wait(wait)) => {
            prop_assert!(log.admits(later(wait.0), cost));
            prop_assert!(!log.admits(later(wait.0 - moment), cost));
        }
        Some(Denial::Never) => prop_assert!(cost > log.rule().capacity()),
        Some(Denial::Busy) => {
            let concurrency = matches!(log.rule(), Rule::Concurrency { .. });
            prop_assert!(concurrency);
            prop_assert!(cost <= log.rule().capacity());
        }
        None => {}
    }
    let (left, capacity) = (reading.remaining, log.rule().capacity());
    if let Rule::Concurrency { .. } = log.rule() {
        prop_assert_eq!((reading.next, reading.full), (Nanos(0), Nanos(0)));
        return Ok(());
    }
    prop_assert_eq!(reading.next.0 > 0, left < capacity);
    if reading.next.0 > 0 {
        prop_assert!(log.remaining(later(reading.next.0)) > left);
        prop_assert_eq!(log.remaining(later(reading.next.0 - moment)), left);
    }
    prop_assert!(reading.full >= reading.next);
    if reading.full.0 > 0 {
        prop_assert_eq!(log.remaining(later(reading.full.0)), capacity);
        prop_assert!(log.spent_anything(later(reading.full.0 - moment)));
        prop_assert!(!log.spent_anything(later(reading.full.0)));
    } else {
        prop_assert_eq!(left, capacity);
    }
    Ok(())
}

#[test]
fn a_million_decisions_are_those_of_the_oracle() {
    table_and_log_agree_on_every_decision();
    let decisions = DECISIONS.load(Ordering::Relaxed);
    assert!(decisions >= 1_000_000, "{decisions}");
}
