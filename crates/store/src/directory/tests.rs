//! The directory, and what counts for a caller, against a naive oracle.

use proptest::prelude::*;

use super::*;
use crate::change::Act;
use crate::holder::Holder;
use crate::limit_text::LimitText;
use crate::limit_text::RouteName;
use crate::record::{Edit, Occasion, Start};
use crate::texts::{Name, Note, PlanName};

const ISSUER: &str = "https://login.example";
const PLANS: [&str; 4] = ["free", "pro", "gold", "trial"];
const ROUTES: [&str; 2] = ["GET /a", "GET /b"];
const LIMITS: [&str; 2] = ["burst", "daily"];

/// A change of one of a few holders, at one of a few moments.
#[derive(Debug, Clone)]
struct Step {
    holder: usize,
    now_ms: u64,
    edit: Edit,
}

fn start() -> impl Strategy<Value = Start> {
    prop_oneof![Just(Start::Now), (0..60_u64).prop_map(Start::AtMs)]
}

fn until() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), (1..80_u64).prop_map(Some)]
}

fn a_route() -> impl Strategy<Value = Option<RouteName>> {
    let routes = proptest::sample::select(ROUTES.as_slice());
    proptest::option::of(routes.prop_map(|route| RouteName::parse(route).unwrap()))
}

fn edit() -> impl Strategy<Value = Edit> {
    let plan = proptest::sample::select(PLANS.as_slice());
    let assign = (plan, start(), until()).prop_map(|(plan, from, until_ms)| Edit::Assign {
        plan: PlanName::parse(plan).unwrap(),
        from,
        until_ms,
    });
    let limit = (proptest::sample::select(LIMITS.as_slice()), 1..9_u32);
    let limit = limit.prop_map(|(name, rate)| {
        LimitText::parse(&format!("{{name: {name}, rate: {rate}/s}}")).unwrap()
    });
    let overriding = (limit, a_route(), start(), until());
    let overriding = overriding.prop_map(|(limit, route, from, until_ms)| Edit::Override {
        limit,
        route,
        from,
        until_ms,
    });
    let name = proptest::sample::select(LIMITS.as_slice());
    let lift = (name, a_route()).prop_map(|(limit, route)| Edit::Lift {
        limit: limit.to_owned(),
        route,
        made: None,
    });
    let withdraw = (1..40_u64).prop_map(|made| Edit::Withdraw { made });
    prop_oneof![4 => assign, 3 => overriding, 1 => lift, 1 => withdraw, 1 => Just(Edit::Undo)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step =
        (0..3_usize, 0..4_u64, edit()).prop_map(|(holder, later, edit)| (holder, later, edit));
    proptest::collection::vec(step, 1..40).prop_map(|steps| {
        let mut now_ms = 0;
        let timed = steps.into_iter().map(|(holder, later, edit)| {
            now_ms += later;
            Step {
                holder,
                now_ms,
                edit,
            }
        });
        timed.collect()
    })
}

/// What was said and never taken back, in words that no code is shared with: for each holder, every
/// assignment ever made that still counts.
fn naive_plan(record: &Record, at_ms: u64) -> Option<String> {
    let mut best: Option<(u64, String)> = None;
    for entry in record.assignments() {
        let (from, until) = (
            entry.span.from_ms(),
            entry.span.until_ms().unwrap_or(u64::MAX),
        );
        let newer = best.as_ref().is_none_or(|(of_best, _)| from >= *of_best);
        if from <= at_ms && at_ms < until && newer {
            best = Some((from, entry.plan.to_string()));
        }
    }
    best.map(|(_, plan)| plan)
}

/// All that is in force for a name, sorted by how strong it is, the strongest last.
fn naive_limit(records: [&Record; 2], route: &str, name: &str, at_ms: u64) -> Option<String> {
    let mut found = Vec::new();
    for (level, record) in [(1, records[0]), (0, records[1])] {
        for entry in record.overrides() {
            let on = entry.route.as_ref().map(RouteName::as_str);
            let in_time =
                entry.span.from_ms() <= at_ms && at_ms < entry.span.until_ms().unwrap_or(u64::MAX);
            let on_route = on.is_none_or(|on| on == route);
            if entry.limit.name() == name && in_time && on_route {
                let strength = (level, on.is_some(), entry.span.from_ms(), entry.made);
                found.push((strength, entry.limit.as_str().to_owned()));
            }
        }
    }
    found.sort();
    found.pop().map(|(_, limit)| limit)
}

/// Makes the steps as a store would, in order; those that cannot be made change nothing.
fn changes(steps: &[Step], holders: &[Holder; 3]) -> Vec<Change> {
    let mut records = [const {
        (
            Record {
                assignments: Vec::new(),
                overrides: Vec::new(),
            },
            None,
        )
    }; 3];
    let mut changes = Vec::new();
    for step in steps {
        let (record, last): &mut (Record, Option<Record>) = &mut records[step.holder];
        let on = Occasion {
            seq: changes.len() as u64 + 1,
            now_ms: step.now_ms,
            note: &Note::default(),
            last: last.as_ref(),
        };
        let edited = record.edited(&step.edit, on);
        let Ok(after) = edited else { continue };
        let before = std::mem::replace(record, after.clone());
        *last = Some(before.clone());
        changes.push(Change {
            seq: changes.len() as u64 + 1,
            holder: holders[step.holder].clone(),
            at_ms: step.now_ms,
            by: Name::parse("ops").unwrap(),
            act: Act::of(&step.edit),
            note: Note::default(),
            before,
            after,
        });
    }
    changes
}

fn holders() -> [Holder; 3] {
    [
        Holder::subject(ISSUER, "alice").unwrap(),
        Holder::subject(ISSUER, "acme").unwrap(),
        Holder::account(ISSUER, "acme").unwrap(),
    ]
}

proptest! {
    #[test]
    fn the_directory_and_the_record_say_what_a_naive_reader_says(steps in steps()) {
        let directory = Directory::new(10).unwrap();
        let holders = holders();
        let mut latest = [NOTHING.clone(), NOTHING.clone(), NOTHING.clone()];
        for change in changes(&steps, &holders) {
            directory.apply(&change).unwrap();
            let index = holders.iter().position(|holder| *holder == change.holder).unwrap();
            latest[index] = change.after;
        }
        let account = Some(directory.account_key(ISSUER, "acme"));
        for (name, record) in [("alice", &latest[0]), ("acme", &latest[1])] {
            let standing = Standing { subject: record, account: Some(&latest[2]) };
            let key = directory.subject_key(ISSUER, name);
            for at_ms in 0..200 {
                let expected = naive_plan(record, at_ms).map(|plan| (Level::Subject, plan));
                let expected = expected
                    .or_else(|| naive_plan(&latest[2], at_ms).map(|plan| (Level::Account, plan)));
                let pure = standing.plan_at(at_ms);
                let pure = pure.map(|(level, entry)| (level, entry.plan.to_string()));
                prop_assert_eq!(&pure, &expected);
                let found = directory.plan_at(key, account, at_ms);
                let found = found
                    .map(|(level, plan)| (level, directory.plan_name(plan).unwrap().to_string()));
                prop_assert_eq!(&found, &expected);
            }
            for at_ms in (0..200).step_by(7) {
                for route in ROUTES {
                    let route_name = RouteName::parse(route).unwrap();
                    let expected = LIMITS.iter().filter_map(|limit| {
                        naive_limit([record, &latest[2]], route, limit, at_ms)
                    });
                    let expected: Vec<String> = expected.collect();
                    let found = directory.overrides_at(key, account, route_name.as_str(), at_ms);
                    let found: Vec<String> =
                        found.iter().map(|(_, entry)| entry.limit.as_str().to_owned()).collect();
                    prop_assert_eq!(&found, &expected);
                }
            }
        }
    }

    /// Whatever is left out as past, from the moment of an edit on it changes only what it is about.
    #[test]
    fn an_edit_of_limits_leaves_plans_alone_and_the_other_way_round(steps in steps()) {
        for change in changes(&steps, &holders()) {
            let limits = |record: &Record, at_ms| {
                let of_route = |route| {
                    LIMITS.map(|name| naive_limit([record, &NOTHING], route, name, at_ms))
                };
                ROUTES.map(of_route)
            };
            for at_ms in change.at_ms..200 {
                let (before, after) = (&change.before, &change.after);
                match change.act {
                    Act::Override | Act::Lift => prop_assert_eq!(
                        naive_plan(before, at_ms),
                        naive_plan(after, at_ms)
                    ),
                    Act::Assign | Act::Withdraw => {
                        prop_assert_eq!(limits(before, at_ms), limits(after, at_ms));
                    }
                    Act::Undo => {}
                }
            }
        }
    }

    /// With a plan that does not end, there is no moment without one, whatever is given after it.
    #[test]
    fn plans_that_are_only_given_leave_nobody_without_one(steps in steps()) {
        let first = Edit::Assign {
            plan: PlanName::parse("free").unwrap(),
            from: Start::AtMs(0),
            until_ms: None,
        };
        let first = Step { holder: 0, now_ms: 0, edit: first };
        let given = steps.into_iter().filter(|step| matches!(step.edit, Edit::Assign { .. }));
        let steps: Vec<Step> = [first].into_iter().chain(given).collect();
        for change in changes(&steps, &holders()) {
            if change.holder.name.as_str() == "alice" {
                for at_ms in change.at_ms..200 {
                    prop_assert!(naive_plan(&change.after, at_ms).is_some(), "{at_ms}");
                }
            }
        }
    }
}

proptest! {
    /// Also where keys do not lie evenly.
    #[test]
    fn a_key_is_found_where_a_binary_search_finds_it(
        keys in proptest::collection::btree_set((0..5_u64, 0..5_u64), 0..20),
        wide in proptest::collection::btree_set((any::<u64>(), any::<u64>()), 0..200),
        asked in (0..6_u64, 0..6_u64),
    ) {
        for keys in [keys, wide] {
            let held = Held::Plan { plan: AssignedPlan(0), from_ms: 0 };
            let keys: Vec<HolderKey> = keys.into_iter().map(|(a, b)| HolderKey(a, b)).collect();
            let entries: Vec<Entry> = keys.iter().map(|key| key.entry(held.clone())).collect();
            for key in keys.iter().chain([&HolderKey(asked.0, asked.1)]) {
                prop_assert_eq!(shard::place(&entries, *key), keys.binary_search(key));
            }
        }
    }
}

#[test]
fn an_entry_is_32_bytes() {
    assert_eq!(size_of::<Entry>(), 32);
}

#[test]
fn readers_see_one_plan_or_the_other_while_it_changes() {
    let directory = Directory::new(10).unwrap();
    let alice = Holder::subject(ISSUER, "alice").unwrap();
    let change = |plan: &str| {
        let edit = Edit::Assign {
            plan: PlanName::parse(plan).unwrap(),
            from: Start::AtMs(0),
            until_ms: None,
        };
        let step = Step {
            holder: 0,
            now_ms: 0,
            edit,
        };
        let holders = [alice.clone(), alice.clone(), alice.clone()];
        changes(&[step], &holders).remove(0)
    };
    let (free, pro) = (change("free"), change("pro"));
    directory.apply(&free).unwrap();
    let key = directory.subject_key(ISSUER, "alice");
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for _ in 0..20_000 {
                assert!(
                    directory.plan_at(key, None, 1).is_some(),
                    "an instant without a plan"
                );
            }
        });
        while !reader.is_finished() {
            directory.apply(&pro).unwrap();
            directory.apply(&free).unwrap();
        }
    });
    assert_eq!(directory.holders(), 1);
}
