//! The sum of what is in force, by an oracle of its own, is never above the rate.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const RATE: Micro = 100_000_000;
const TTL_S: u64 = 30;

/// What whoever enforces shares believes: the last that it was told, until its time is over.
#[derive(Default)]
struct Oracle {
    told: HashMap<HolderId, (Micro, Nanos)>,
}

impl Oracle {
    fn in_force(&self, now: Nanos) -> Micro {
        let current = self.told.values().filter(|(_, until)| *until > now);
        current.map(|(share, _)| *share).sum()
    }
}

fn seconds(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

/// Reports, and tells the oracle; `cut_off` hears nothing.
fn report(
    divider: &mut Divider,
    oracle: &mut Oracle,
    (holder, demand): (u64, Micro),
    at_s: u64,
    cut_off: &[u64],
) -> Micro {
    report_of(RATE, divider, oracle, (holder, demand), at_s, cut_off)
}

/// As [`report`], of another rate.
fn report_of(
    rate: Micro,
    divider: &mut Divider,
    oracle: &mut Oracle,
    (holder, demand): (u64, Micro),
    at_s: u64,
    cut_off: &[u64],
) -> Micro {
    let until = seconds(at_s + TTL_S);
    let holder = HolderId(holder);
    let outcome = divider.report((holder, demand), rate, (seconds(at_s), until), |lowered| {
        (!cut_off.contains(&lowered.holder.0)).then_some(until)
    });
    let outcome = outcome.unwrap();
    for lowered in &outcome.lowered {
        if let Some(told) = oracle.told.get_mut(&lowered.holder) {
            *told = (lowered.micro_per_s, until);
        }
    }
    oracle.told.insert(holder, (outcome.share, until));
    outcome.share
}

#[test]
fn who_comes_back_under_its_name_has_its_share_at_once_and_who_has_none_waits() {
    for (name, share) in [(Some("a"), RATE / 2), (Some("b"), 0), (None, 0)] {
        let mut divider = Divider::default();
        let busy = 200_000_000;
        let until = seconds(TTL_S);
        let report = |divider: &mut Divider, holder| {
            let times = (seconds(1), until);
            let reported = (HolderId(holder), busy);
            let told = |_| Some(until);
            divider.report(reported, RATE, times, told).unwrap().share
        };
        report(&mut divider, 1);
        divider.name(HolderId(1), &Arc::from("a"));
        report(&mut divider, 2);
        report(&mut divider, 1);
        divider.lose(HolderId(1));
        // The other one takes nothing of what was lost.
        assert_eq!(report(&mut divider, 2), RATE / 2);
        if let Some(name) = name {
            divider.came_back(&Arc::from(name));
        }
        let again = report(&mut divider, 3);
        // Without the name there is half for two, told to the other first.
        assert_eq!(again, if share == 0 { RATE / 4 } else { share });
        assert!(divider.in_force(seconds(1)) <= RATE);
    }
}

#[test]
fn the_first_has_all_and_a_newcomer_its_share_at_its_first_report() {
    let (mut divider, mut oracle) = (Divider::default(), Oracle::default());
    let busy = 200_000_000;
    assert_eq!(report(&mut divider, &mut oracle, (1, busy), 0, &[]), RATE);
    assert_eq!(
        report(&mut divider, &mut oracle, (2, busy), 1, &[]),
        RATE / 2
    );
    let third = report(&mut divider, &mut oracle, (3, busy), 2, &[]);
    assert!(is_close(third, RATE / 3), "{third}");
    assert!(oracle.in_force(seconds(2)) <= RATE);
}

#[test]
fn shares_follow_demand_and_small_changes_change_nothing() {
    let (mut divider, mut oracle) = (Divider::default(), Oracle::default());
    for round in 0..10 {
        report(&mut divider, &mut oracle, (1, 90_000_000), round * 5, &[]);
        report(&mut divider, &mut oracle, (2, 30_000_000), round * 5, &[]);
    }
    let now = seconds(46);
    assert!(is_close(oracle.told[&HolderId(1)].0, RATE * 3 / 4));
    assert!(is_close(oracle.told[&HolderId(2)].0, RATE / 4));
    let before = oracle.told[&HolderId(1)].0;
    let after = report(&mut divider, &mut oracle, (1, 88_000_000), 46, &[]);
    assert_eq!(before, after);
    assert!(oracle.in_force(now) <= RATE);
}

#[test]
fn whoever_has_no_demand_keeps_little_and_can_begin_again() {
    let (mut divider, mut oracle) = (Divider::default(), Oracle::default());
    for round in 0..40 {
        report(&mut divider, &mut oracle, (1, 100_000_000), round * 5, &[]);
        report(&mut divider, &mut oracle, (2, 0), round * 5, &[]);
    }
    let idle = oracle.told[&HolderId(2)].0;
    assert!(idle > 0 && idle < RATE / 20, "{idle}");
    for round in 40..50 {
        report(&mut divider, &mut oracle, (2, 100_000_000), round * 5, &[]);
        report(&mut divider, &mut oracle, (1, 100_000_000), round * 5, &[]);
    }
    assert!(oracle.told[&HolderId(2)].0 > RATE * 2 / 5);
}

#[test]
fn what_a_lost_holder_has_is_given_to_nobody_before_its_time_is_over() {
    let (mut divider, mut oracle) = (Divider::default(), Oracle::default());
    let busy = 200_000_000;
    report(&mut divider, &mut oracle, (1, busy), 0, &[]);
    report(&mut divider, &mut oracle, (2, busy), 1, &[]);
    divider.lose(HolderId(1));
    assert_eq!(
        report(&mut divider, &mut oracle, (2, busy), 10, &[]),
        RATE / 2
    );
    assert_eq!(
        report(&mut divider, &mut oracle, (2, busy), 30, &[]),
        RATE / 2,
        "it was told of half at one second, for thirty"
    );
    assert_eq!(report(&mut divider, &mut oracle, (2, busy), 31, &[]), RATE);
    let mut empty = divider.clone();
    empty.abandon(HolderId(2));
    assert!(empty.is_empty_at(seconds(31)));
    assert!(!divider.is_empty_at(seconds(31)));
}

#[test]
fn a_lower_rate_is_told_to_all_who_hear_at_the_next_report() {
    let (mut divider, mut oracle) = (Divider::default(), Oracle::default());
    let busy = 200_000_000;
    for holder in 1..=4 {
        report(&mut divider, &mut oracle, (holder, busy), 0, &[]);
    }
    divider.lose(HolderId(4));
    let lost = oracle.told[&HolderId(4)].0;
    // One that wants nothing more than it has reports first.
    let lower = RATE / 2;
    report_of(lower, &mut divider, &mut oracle, (1, 1_000_000), 1, &[]);
    let heard: Micro = (1..=3).map(|holder| oracle.told[&HolderId(holder)].0).sum();
    assert!(heard + lost <= lower, "{heard} and {lost}");
    // What a lost one has may be above it alone.
    report_of(lost / 2, &mut divider, &mut oracle, (1, busy), 2, &[]);
    assert_eq!(oracle.in_force(seconds(2)), lost);
    for holder in 1..=3 {
        report_of(lost / 2, &mut divider, &mut oracle, (holder, busy), 30, &[]);
    }
    let all = oracle.in_force(seconds(30));
    assert!(all <= lost / 2 && is_close(all, lost / 2), "{all}");
}

#[test]
fn there_are_so_many_holders_and_no_more_until_one_is_gone() {
    let mut divider = Divider::default();
    let ask = |divider: &mut Divider, holder: usize, at_s| {
        let holder = HolderId(u64::try_from(holder).unwrap());
        let times = (seconds(at_s), seconds(at_s + TTL_S));
        let told = divider.report((holder, 1), RATE, times, |_| Some(seconds(at_s + TTL_S)));
        told.is_some()
    };
    for holder in 0..HOLDERS_MAX {
        assert!(ask(&mut divider, holder, 0));
    }
    assert!(!ask(&mut divider, HOLDERS_MAX, 1));
    assert!(ask(&mut divider, 7, 1), "who has a share keeps it");
    divider.lose(HolderId(0));
    assert!(!ask(&mut divider, HOLDERS_MAX, 1));
    divider.abandon(HolderId(1));
    assert!(ask(&mut divider, HOLDERS_MAX, 1));
}

#[derive(Clone, Debug)]
enum Step {
    Report(u64, Micro),
    Lose(u64),
    Abandon(u64),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_u64..6, 0_u64..300_000_000).prop_map(|(holder, demand)| Step::Report(holder, demand)),
        1 => (0_u64..6).prop_map(Step::Lose),
        1 => (0_u64..6).prop_map(Step::Abandon),
        4 => (0_u64..12).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_sum_in_force_is_never_above_the_rate(steps in steps(), cut_off in 0_u64..8) {
        let (mut divider, mut oracle) = (Divider::default(), Oracle::default());
        let mut at_s = 0;
        // A lost holder comes back as another: streams are not resumed.
        let mut names: HashMap<u64, u64> = HashMap::new();
        let mut next = 100;
        for step in steps {
            match step {
                Step::Report(holder, demand) => {
                    let name = *names.entry(holder).or_insert_with(|| { next += 1; next });
                    let deaf: Vec<u64> = names.get(&cut_off).copied().into_iter().filter(|deaf| *deaf != name).collect();
                    report(&mut divider, &mut oracle, (name, demand), at_s, &deaf);
                }
                Step::Lose(holder) => {
                    if let Some(name) = names.remove(&holder) {
                        divider.lose(HolderId(name));
                    }
                }
                Step::Abandon(holder) => {
                    if let Some(name) = names.remove(&holder) {
                        divider.abandon(HolderId(name));
                        oracle.told.remove(&HolderId(name));
                    }
                }
                Step::Wait(more) => at_s += more,
            }
            let now = seconds(at_s);
            prop_assert!(oracle.in_force(now) <= RATE, "{} at {at_s} s", oracle.in_force(now));
            prop_assert_eq!(oracle.in_force(now), divider.in_force(now));
        }
    }
}
