//! A table that is far too small, for many keys and limits at once, as time goes on.
//!
//! Keys lose their cells when these are vacant, come back, share overflow buckets and leave them
//! again. Whatever happens, each decision is that of a log: the key's own, or its limit's common one.

use std::collections::HashMap;

use proptest::prelude::*;
use tollgate_limiter::{
    BucketKey, Check, KeyHasher, Lease, Nanos, Now, Reading, Table, TableSize, Verdict,
};

use crate::log::{Log, Rule};

const START_UNIX_MS: u64 = 1_792_872_000_000;

/// Whose log counts a check: a key's under a limit, or the overflow bucket of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Key(u64, usize),
    Overflow(usize),
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    // Short ones, so that cells are vacant again all the time.
    let rate = (1_u64..2_000_000_000, 1_u64..4)
        .prop_map(|(interval_ns, burst)| Rule::Rate { interval_ns, burst });
    let window = (1_u64..5, 1_000_000_000_u64..3_000_000_000)
        .prop_map(|(max, length_ns)| Rule::Window { max, length_ns });
    let concurrency = (1_u64..3).prop_map(|max| Rule::Concurrency { max });
    prop::collection::vec(prop_oneof![4 => rate, 2 => window, 1 => concurrency], 4)
}

/// One request: how much later, and for each of up to four limits which of the keys asks.
type Step = (u64, Vec<(u64, usize)>, u8);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![Just(0_u64), 0_u64..200_000_000, 0_u64..3_000_000_000];
    let asked = prop::collection::vec((0_u64..60, 0_usize..4), 1..5);
    prop::collection::vec((gap, asked, any::<u8>()), 300..500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_decision_is_that_of_the_key_s_log_or_of_the_overflow_bucket_s(
        rules in rules(), steps in steps(),
    ) {
        // One home, and the seven sets behind it: 56 cells for 240 buckets.
        let table = Table::new(TableSize { users: 1, networks: 1 }).unwrap();
        let hasher = KeyHasher::with_key([3; 16]);
        let limits: Vec<_> = rules.iter().map(|rule| table.register(&rule.limit()).unwrap()).collect();
        let key = |user: u64, limit: usize| -> BucketKey {
            hasher.key(&[&user.to_le_bytes(), &limit.to_le_bytes()])
        };
        let mut logs: HashMap<Whose, Log> = HashMap::new();
        let mut under_way: Vec<(Lease, Vec<Whose>)> = Vec::new();
        let mut now = Now { mono: Nanos(0), unix_ms: START_UNIX_MS };
        for (gap, mut asked, ends) in steps {
            now.mono.0 += gap;
            asked.sort_unstable();
            asked.dedup();
            while under_way.len() > usize::from(ends % 8) {
                let (lease, held) = under_way.swap_remove(usize::from(ends) % under_way.len());
                drop(lease);
                held.iter().for_each(|whose| logs.get_mut(whose).unwrap().release(1));
            }
            let checks: Vec<_> = asked
                .iter()
                .map(|(user, limit)| Check::new(key(*user, *limit), &limits[*limit]))
                .collect();
            let mut readings = vec![Reading::default(); checks.len()];
            let verdict = table.decide(now, &checks, &mut readings);
            let mut held = Vec::new();
            // Several newcomers of one decision may draw on one overflow bucket, one after the other.
            let mut drawn: HashMap<usize, u64> = HashMap::new();
            for ((user, limit), reading) in asked.iter().zip(&readings) {
                let whose = if reading.overflowed {
                    Whose::Overflow(*limit)
                } else {
                    Whose::Key(*user, *limit)
                };
                let log = logs.entry(whose).or_insert_with(|| Log::new(rules[*limit].clone()));
                let before = drawn.entry(*limit).or_default();
                let cost = 1 + if reading.overflowed { *before } else { 0 };
                let admits = cost <= rules[*limit].capacity() && log.admits(now, cost);
                prop_assert_eq!(reading.admitted(), admits, "{:?} {:?}", whose, reading);
                *before += u64::from(reading.overflowed && admits);
            }
            prop_assert_eq!(verdict.admitted(), readings.iter().all(Reading::admitted));
            let Verdict::Admitted(lease) = verdict else {
                continue;
            };
            for ((user, limit), reading) in asked.iter().zip(&readings) {
                let whose = if reading.overflowed {
                    Whose::Overflow(*limit)
                } else {
                    Whose::Key(*user, *limit)
                };
                logs.get_mut(&whose).unwrap().admit(now, 1);
                if matches!(rules[*limit], Rule::Concurrency { .. }) {
                    held.push(whose);
                }
            }
            under_way.push((lease, held));
        }
    }
}
