//! Plans that change at any moment between decisions, held against a model that is nothing but the rules.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use tollgate_engine::{Level, PlanNumber, Standing, Standings, User, Verdict};

use crate::support::{Ask, Bench};

/// Plans and their quotas: small, so that they are used up, and no multiples of each other.
const PLANS: [(&str, u64); 3] = [("small", 5), ("middle", 12), ("large", 37)];
const RULES: [&str; 3] = ["keep", "as_is", "reset"];
const CALLERS: [&str; 2] = ["alice", "bob"];
const ROUTES: [&str; 2] = ["/orders", "/items"];

/// The plan of each caller, by its place in [`PLANS`].
#[derive(Debug, Default)]
struct Assigned([AtomicU32; 2]);

impl Standings for Assigned {
    fn standing(&self, user: &User, _route: &str, _at_ms: u64) -> Standing {
        let caller = CALLERS.iter().position(|name| *name == &*user.subject);
        let number = self.0[caller.unwrap()].load(Ordering::Relaxed);
        Standing {
            plan: Some((Level::Subject, PlanNumber(number))),
            limits: Vec::new(),
        }
    }

    fn plan_name(&self, plan: PlanNumber) -> Option<Arc<str>> {
        PLANS.get(plan.0 as usize).map(|(name, _)| (*name).into())
    }
}

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A caller is given a plan.
    Change { caller: usize, plan: usize },
    /// A caller asks for a route.
    Ask { caller: usize, route: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let change = (0..CALLERS.len(), 0..PLANS.len());
    let ask = (0..CALLERS.len(), 0..ROUTES.len());
    let step = prop_oneof![
        1 => change.prop_map(|(caller, plan)| Step::Change { caller, plan }),
        3 => ask.prop_map(|(caller, route)| Step::Ask { caller, route }),
    ];
    prop::collection::vec(step, 1..120)
}

/// The least share that all quotas are whole numbers of.
const SHARES: u64 = 5 * 12 * 37;
/// What rounding to the finest step may take, in all changes of one case, of a unit.
const ROUNDING: f64 = 1e-6;

/// What one caller has spent on one route.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    /// By `keep`, in shares: another plan changes none of it.
    shares: u64,
    /// By `as_is` and by `reset`, in units.
    as_is: u64,
    reset: u64,
    /// The plan that it was last asked under.
    quota: u64,
}

impl Spent {
    fn under(&mut self, quota: u64) {
        if quota != self.quota {
            self.as_is = self.as_is.min(quota);
            self.reset = 0;
            self.quota = quota;
        }
    }

    fn ask(&mut self) {
        self.shares += SHARES / self.quota;
        self.as_is += 1;
        self.reset += 1;
    }

    /// What is left by each rule.
    fn left(&self) -> [f64; 3] {
        let quota = self.quota as f64;
        let kept = quota * (SHARES.saturating_sub(self.shares)) as f64 / SHARES as f64;
        [kept, quota - self.as_is as f64, quota - self.reset as f64]
    }
}

fn policy() -> String {
    let plans = PLANS.map(|(plan, quota)| {
        let limits = RULES.map(|rule| {
            format!("{{name: {rule}, quota: {quota}/month, on_exceed: block, on_change: {rule}}}")
        });
        format!("  {plan}: {{limits: [{}]}}\n", limits.join(", "))
    });
    let plans = plans.concat();
    format!(
        "\nroutes: [GET /orders, GET /items]\nplans:\n  anonymous: {{limits: []}}\n{plans}default_plan: small\n"
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn case_084_plans_that_change_between_decisions_leave_what_the_rules_say(steps in steps()) {
        let assigned = Arc::new(Assigned::default());
        let bench = Bench::with_standings(&policy(), assigned.clone());
        let tokens = CALLERS.map(|caller| bench.user(caller));
        let mut model: HashMap<(usize, usize), Spent> = HashMap::new();
        let mut plans = [0; 2];
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Change { caller, plan } => {
                    assigned.0[caller].store(u32::try_from(plan).unwrap(), Ordering::Relaxed);
                    plans[caller] = plan;
                }
                Step::Ask { caller, route } => {
                    let (plan, quota) = PLANS[plans[caller]];
                    let spent = model.entry((caller, route)).or_default();
                    spent.under(quota);
                    let before = spent.left();
                    let decision = bench.decide(&Ask::new("GET", ROUTES[route]).bearer(&tokens[caller]));
                    prop_assert_eq!(decision.plan_name(), Some(plan), "step {}", number);
                    let admitted = matches!(decision.verdict, Verdict::Allow);
                    let may = before.iter().all(|left| *left >= 1.0 - ROUNDING);
                    let must = before[0] >= 1.0 + ROUNDING && before.iter().all(|left| *left >= 1.0);
                    // The last unit of a share that was rounded may be a step short.
                    prop_assert!(if admitted { may } else { !must }, "step {number}: {before:?} were left");
                    if admitted {
                        spent.ask();
                    }
                    for (state, exact) in decision.limits.iter().zip(spent.left()) {
                        let left = state.reading.remaining as f64;
                        prop_assert!(
                            left <= exact + ROUNDING && exact < left + 1.0 + ROUNDING,
                            "step {number}: {left} are left by {} of {exact}", state.limit.name
                        );
                    }
                }
            }
        }
    }
}
