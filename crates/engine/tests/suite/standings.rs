//! Plans that users are assigned and limits of their own: over the credential's plan, and at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tollgate_engine::{
    AnswerContext, Level, OwnLimit, PlanNumber, PlanSource, Standing, Standings,
};
use tollgate_policy::Limit;

use crate::support::{Ask, Bench, REST};

/// What is said of users and accounts, by name; overrides with the route that they are for.
#[derive(Debug, Default)]
struct Said(Mutex<HashMap<String, Record>>);

/// A plan, and overrides: of one route or of all.
type Record = (Option<&'static str>, Vec<Own>);
type Own = (Option<&'static str>, &'static str);

const PLANS: [&str; 3] = ["standard", "gold", "gone"];

impl Said {
    fn plan(&self, name: &str, plan: Option<&'static str>) {
        self.0.lock().unwrap().entry(name.into()).or_default().0 = plan;
    }

    fn own(&self, name: &str, route: Option<&'static str>, limit: &'static str) {
        let mut said = self.0.lock().unwrap();
        said.entry(name.into()).or_default().1.push((route, limit));
    }
}

impl Standings for Said {
    fn standing(&self, user: &tollgate_engine::User, route: &str, _at_ms: u64) -> Standing {
        let said = self.0.lock().unwrap();
        let account = user.account.as_deref().unwrap_or_default();
        let levels = [(Level::Subject, &*user.subject), (Level::Account, account)];
        let mut standing = Standing::default();
        for (level, name) in levels {
            let Some((plan, own)) = said.get(name) else {
                continue;
            };
            let number = plan.and_then(|plan| PLANS.iter().position(|known| *known == plan));
            let number = number.map(|number| (level, PlanNumber(number.try_into().unwrap())));
            standing.plan = standing.plan.or(number);
            for (_, text) in own.iter().filter(|(on, _)| on.is_none_or(|on| on == route)) {
                let limit = Arc::new(Limit::parse("own", text).unwrap());
                let taken = |known: &OwnLimit| known.limit.name == limit.name;
                if !standing.limits.iter().any(taken) {
                    standing.limits.push(OwnLimit {
                        on_route: true,
                        level,
                        text: (*text).into(),
                        limit,
                    });
                }
            }
        }
        standing
    }

    fn plan_name(&self, plan: PlanNumber) -> Option<Arc<str>> {
        PLANS.get(plan.0 as usize).map(|name| (*name).into())
    }
}

fn bench() -> (Bench, Arc<Said>) {
    let said = Arc::new(Said::default());
    (Bench::with_standings(REST, said.clone()), said)
}

/// Alice of the account `acme`, whose token says `standard`.
fn alice(bench: &Bench, target: &str) -> Ask {
    let claims = json!({"sub": "alice", "accountId": "acme", "plan": "standard"});
    Ask::new("GET", target).bearer(&bench.token(&claims))
}

fn plan_of(bench: &Bench, ask: &Ask) -> (String, PlanSource) {
    let decision = bench.decide(ask);
    let name = decision.plan_name().unwrap().to_owned();
    (name, decision.plan_source.unwrap())
}

#[test]
fn of_plans_the_subjects_is_before_the_accounts_before_the_credentials_before_the_default() {
    let (bench, said) = bench();
    let ask = alice(&bench, "/orders");
    assert_eq!(
        plan_of(&bench, &ask),
        ("standard".into(), PlanSource::Credential)
    );
    said.plan("acme", Some("gold"));
    let of_account = PlanSource::Assignment(Level::Account);
    assert_eq!(plan_of(&bench, &ask), ("gold".into(), of_account));
    said.plan("alice", Some("standard"));
    let of_subject = PlanSource::Assignment(Level::Subject);
    assert_eq!(plan_of(&bench, &ask), ("standard".into(), of_subject));
    let bob = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    assert_eq!(
        plan_of(&bench, &bob),
        ("standard".into(), PlanSource::Default)
    );
    let nobody = Ask::new("GET", "/orders");
    assert_eq!(plan_of(&bench, &nobody).1, PlanSource::Anonymous);
}

#[test]
fn a_plan_that_the_policy_does_not_have_leaves_the_one_before_it() {
    let (bench, said) = bench();
    said.plan("alice", Some("gone"));
    let ask = alice(&bench, "/orders");
    assert_eq!(
        plan_of(&bench, &ask),
        ("standard".into(), PlanSource::Credential)
    );
    // A policy that has it is asked anew.
    let rest = REST.replace(
        "  gold:",
        "  gone:\n    limits: [{name: burst, rate: 1/s}]\n  gold:",
    );
    bench.reload_identity(&rest, "");
    let of_subject = PlanSource::Assignment(Level::Subject);
    assert_eq!(plan_of(&bench, &ask), ("gone".into(), of_subject));
}

#[test]
fn a_change_of_plan_counts_at_once_and_keeps_the_share_that_was_used() {
    let (bench, said) = bench();
    let ask = alice(&bench, "/orders");
    // 2 of 3 used.
    assert_eq!(bench.allowed(&ask, 2), 2);
    said.plan("alice", Some("gold"));
    // 2 of 3 of 5, rounded up against the user: 1.66 are left.
    let decision = bench.decide(&ask);
    let burst = decision.limits.iter().next().unwrap();
    assert_eq!((&*burst.limit.name, burst.reading.remaining), ("burst", 0));
    assert!(burst.reading.admitted());
}

#[test]
fn an_override_replaces_the_limit_of_its_name_on_its_route_and_others_add_up() {
    let (bench, said) = bench();
    said.own(
        "alice",
        Some("GET /orders"),
        "{name: burst, rate: 1/s, burst: 7}",
    );
    said.own(
        "alice",
        Some("GET /orders"),
        "{name: extra, rate: 1/h, burst: 6}",
    );
    said.own("acme", None, "{name: burst, rate: 1/s, burst: 2}");
    assert_eq!(bench.allowed(&alice(&bench, "/orders"), 10), 6);
    assert_eq!(bench.allowed(&alice(&bench, "/orders/1"), 10), 2);
    let decision = bench.decide(&alice(&bench, "/orders"));
    let names: Vec<_> = decision
        .limits
        .iter()
        .map(|state| state.limit.name.to_string())
        .collect();
    assert_eq!(names, ["burst", "extra"]);
    // Nobody else has it.
    let bob = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    assert_eq!(bench.allowed(&bob, 10), 3);
}

#[test]
fn an_override_that_is_off_takes_the_limit_away() {
    let (bench, said) = bench();
    said.own("alice", None, "{name: burst, rate: 1/s, mode: off}");
    assert_eq!(bench.allowed(&alice(&bench, "/orders"), 50), 50);
}

#[test]
fn a_policy_that_only_counts_makes_overrides_count_only() {
    let said = Arc::new(Said::default());
    let bench = Bench::with_standings(&format!("mode: shadow\n{REST}"), said.clone());
    said.own("alice", None, "{name: burst, rate: 1/h, burst: 1}");
    assert_eq!(bench.allowed(&alice(&bench, "/orders"), 9), 9);
}

#[test]
fn an_override_per_network_counts_the_network() {
    let (bench, said) = bench();
    said.own(
        "acme",
        None,
        "{name: burst, rate: 1/h, burst: 3, per: network}",
    );
    let other = json!({"sub": "carol", "accountId": "acme"});
    let carol = Ask::new("GET", "/orders").bearer(&bench.token(&other));
    assert_eq!(bench.allowed(&alice(&bench, "/orders"), 2), 2);
    assert_eq!(bench.allowed(&carol, 9), 1);
    assert_eq!(bench.allowed(&carol.from("198.51.100.9"), 9), 3);
}

#[test]
fn overrides_beyond_what_one_decision_consults_are_left_out_and_counted() {
    let (bench, said) = bench();
    let texts: Vec<&'static str> = (0..20)
        .map(|n| &*format!("{{name: own{n}, rate: 1/s, burst: 100}}").leak())
        .collect();
    for text in texts {
        said.own("alice", None, text);
    }
    let decision = bench.decide(&alice(&bench, "/orders"));
    assert_eq!(decision.limits.iter().count(), 16);
    assert_eq!(bench.engine.snapshot().own_limits_left_out(), 5);
}

#[test]
fn callers_see_their_own_limits() {
    let (bench, said) = bench();
    said.plan("alice", Some("gold"));
    said.own(
        "alice",
        Some("GET /billing"),
        "{name: burst, rate: 1/s, burst: 7}",
    );
    let ask = alice(&bench, "/rate_limit");
    let decision = bench.decide(&ask);
    let context = AnswerContext::default();
    let answer = bench
        .engine
        .own_answer(&decision, &ask.head(), &context)
        .unwrap();
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(body["plan"], "gold");
    let bursts: Vec<(&str, &Value)> = body["routes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|route| {
            (
                route["route"].as_str().unwrap(),
                &route["limits"][0]["burst"],
            )
        })
        .collect();
    let of = |name: &str| bursts.iter().find(|(route, _)| *route == name).unwrap().1;
    assert_eq!(of("GET /billing"), &json!(7));
    assert_eq!(of("GET /orders"), &json!(5));
}
