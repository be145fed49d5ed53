//! What one policy changes of another, by what it means and not by its text. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tollgate_engine::policy::{
    Across, EdgeConfig, IdentityConfig, Limit, OnChange, OnExceed, Plan, PlanId, Policy,
    QuotaRules, RouteId,
};
use utoipa::ToSchema;

/// The most differences of one answer.
const DIFFERENCES_MAX: usize = 1_000;
/// The most pairs of a plan and a route that are compared; of larger policies only what holds on every
/// route.
const PAIRS_MAX: usize = 2_000_000;

/// What one policy changes of another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Differences {
    /// At most 1,000.
    pub(crate) differences: Vec<Difference>,
    /// Whether there are more.
    pub(crate) has_more: bool,
    /// Whether limits were compared on each route; of very large policies they are on `*` only.
    pub(crate) each_route: bool,
    /// Parts that changed and take effect at the next start of the gateway.
    #[schema(example = json!(["listen"]))]
    pub(crate) at_next_start: Vec<&'static str>,
}

/// One thing that is other.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Difference {
    #[schema(inline)]
    pub(crate) what: What,
    /// The plan, of a plan or a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "pro")]
    pub(crate) plan: Option<String>,
    /// The route, of a route or of a limit on it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "GET /orders/{order_id}")]
    pub(crate) route: Option<String>,
    /// The limit, or the section.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "burst")]
    pub(crate) name: Option<String>,
    /// As it is; none if it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "100/s burst 200 per user")]
    pub(crate) before: Option<String>,
    /// As it would be; none if it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "50/s burst 200 per user")]
    pub(crate) after: Option<String>,
}

/// What a difference is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// A plan comes or goes.
    Plan,
    /// The default plan is another.
    DefaultPlan,
    /// A route comes or goes, or whether it blocks.
    Route,
    /// A limit of a plan, everywhere or on one route.
    Limit,
    /// A section outside plans and routes.
    Section,
}

/// What `after` changes of `before`.
pub(super) fn between(before: &Policy, after: &Policy) -> Differences {
    let mut found = Found(Vec::new());
    let each_route = has_room(before) && has_room(after);
    found.plans(before, after);
    found.routes(before, after);
    found.limits(before, after, each_route);
    found.sections(before, after);
    let has_more = found.0.len() > DIFFERENCES_MAX;
    found.0.truncate(DIFFERENCES_MAX);
    Differences {
        differences: found.0,
        has_more,
        each_route,
        at_next_start: before.needs_restart(after),
    }
}

fn has_room(policy: &Policy) -> bool {
    policy.plans().len().saturating_mul(policy.routes().len()) <= PAIRS_MAX
}

/// Differences, one more than are shown at most.
struct Found(Vec<Difference>);

impl Found {
    /// Keeps it if something is other.
    fn add(&mut self, difference: Difference) {
        if difference.before != difference.after && self.0.len() <= DIFFERENCES_MAX {
            self.0.push(difference);
        }
    }

    fn plans(&mut self, before: &Policy, after: &Policy) {
        let names = |policy: &Policy| -> BTreeSet<String> {
            policy
                .plans()
                .iter()
                .map(|plan| plan.name.to_string())
                .collect()
        };
        let (old, new) = (names(before), names(after));
        for plan in old.union(&new) {
            let is_in = |all: &BTreeSet<String>| all.contains(plan).then(|| "there".to_owned());
            self.add(Difference {
                plan: Some(plan.clone()),
                ..Difference::new(What::Plan, is_in(&old), is_in(&new))
            });
        }
        let default = |policy: &Policy| Some(plan_name(policy, policy.default_plan()));
        self.add(Difference::new(
            What::DefaultPlan,
            default(before),
            default(after),
        ));
    }

    fn routes(&mut self, before: &Policy, after: &Policy) {
        let routes = |policy: &Policy| -> BTreeMap<String, String> {
            let all = policy.routes().iter().map(|(_, route)| {
                let never = if route.never_block {
                    "never blocks"
                } else {
                    "there"
                };
                (route.to_string(), never.to_owned())
            });
            all.collect()
        };
        let (old, new) = (routes(before), routes(after));
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for route in names {
            self.add(Difference {
                route: Some(route.clone()),
                ..Difference::new(
                    What::Route,
                    old.get(route).cloned(),
                    new.get(route).cloned(),
                )
            });
        }
    }

    /// Of plans that are in both: on `*`, and on each route where that is not the whole difference.
    fn limits(&mut self, before: &Policy, after: &Policy, each_route: bool) {
        let by_name: BTreeMap<String, RouteId> = after
            .routes()
            .iter()
            .map(|(id, route)| (route.to_string(), id))
            .collect();
        // A route that comes or goes has, or had, the limits of `*`.
        let mut pairs: BTreeMap<String, (RouteId, RouteId)> = BTreeMap::new();
        for (id, route) in before.routes().iter().filter(|_| each_route) {
            let name = route.to_string();
            let other = by_name.get(&name).copied();
            pairs.insert(name, (id, other.unwrap_or(RouteId::UNMATCHED)));
        }
        for (name, id) in by_name.into_iter().filter(|_| each_route) {
            pairs.entry(name).or_insert((RouteId::UNMATCHED, id));
        }
        for (number, plan) in (0_u16..).zip(before.plans()) {
            let Some(other) = after.plan_named(&plan.name) else {
                continue;
            };
            let on = |id, route, new| {
                let old = before.limits(PlanId(number), id);
                changed(old, after.limits(other, route), new)
            };
            let everywhere = on(RouteId::UNMATCHED, RouteId::UNMATCHED, None);
            self.0
                .extend(everywhere.iter().map(|change| change.of(&plan.name, None)));
            for (name, (id, route)) in &pairs {
                if self.0.len() > DIFFERENCES_MAX {
                    return;
                }
                if (*id, *route) == (RouteId::UNMATCHED, RouteId::UNMATCHED) {
                    continue;
                }
                let here = on(*id, *route, Some(&everywhere));
                self.0
                    .extend(here.iter().map(|change| change.of(&plan.name, Some(name))));
            }
        }
    }

    fn sections(&mut self, before: &Policy, after: &Policy) {
        let mut section = |name: &str, is_other: bool| {
            if is_other {
                self.add(Difference {
                    name: Some(name.to_owned()),
                    ..Difference::new(What::Section, Some("other".to_owned()), None)
                });
            }
        };
        section("origin", before.origin() != after.origin());
        section("identity", identity(before) != identity(after));
        section("responses", before.responses() != after.responses());
        section("forward", before.forwarding() != after.forwarding());
        section("edge", edge(before) != edge(after));
        section("timeouts", before.timeouts() != after.timeouts());
        section("sizes", before.sizes() != after.sizes());
        section("on_failure", before.on_failure() != after.on_failure());
        for part in before.needs_restart(after) {
            section(part, true);
        }
        let said = |policy: &Policy| -> BTreeMap<String, Plan> {
            let plans = policy.plans().iter();
            plans
                .map(|plan| (plan.name.to_string(), plan.clone()))
                .collect()
        };
        let after = said(after);
        for (name, plan) in said(before) {
            // Limits are told apart; this is what its callers are told.
            if after.get(&name).is_some_and(|other| *other != plan) {
                self.add(Difference {
                    plan: Some(name),
                    name: Some("answers".to_owned()),
                    ..Difference::new(What::Section, Some("other".to_owned()), None)
                });
            }
        }
    }
}

/// With plans by their names: their numbers are their places in one policy.
fn identity(policy: &Policy) -> (IdentityConfig, Vec<String>) {
    let mut identity = policy.identity().clone();
    let mut plans = Vec::new();
    let anonymous = identity.anonymous.iter_mut().map(|of| &mut of.plan);
    let certificates = identity.client_certificates.iter_mut();
    let certificates = certificates.filter_map(|of| of.plan.as_mut());
    for plan in anonymous.chain(certificates) {
        plans.push(plan_name(policy, *plan));
        *plan = PlanId(0);
    }
    (identity, plans)
}

/// Likewise.
fn edge(policy: &Policy) -> (Option<EdgeConfig>, Vec<String>) {
    let mut edge = policy.edge().cloned();
    let before = edge.iter_mut().filter_map(|edge| edge.before.as_mut());
    let mut plans = Vec::new();
    for plan in before.filter_map(|before| before.without_id.as_mut()) {
        plans.push(plan_name(policy, *plan));
        *plan = PlanId(0);
    }
    (edge, plans)
}

/// A limit that is other than it was.
#[derive(PartialEq, Eq)]
struct Changed {
    name: String,
    before: Option<String>,
    after: Option<String>,
}

impl Changed {
    fn of(&self, plan: &str, route: Option<&String>) -> Difference {
        Difference {
            plan: Some(plan.to_owned()),
            route: route.cloned(),
            name: Some(self.name.clone()),
            ..Difference::new(What::Limit, self.before.clone(), self.after.clone())
        }
    }
}

/// What is other, without what is so everywhere.
fn changed(old: &[Limit], new: &[Limit], but: Option<&Vec<Changed>>) -> Vec<Changed> {
    if old == new {
        return Vec::new();
    }
    let text = |limits: &[Limit], name: &str| {
        let found = limits.iter().find(|limit| &*limit.name == name);
        found.map(words)
    };
    let names: BTreeSet<&str> = old.iter().chain(new).map(|limit| &*limit.name).collect();
    let changes = names.into_iter().map(|name| Changed {
        name: name.to_owned(),
        before: text(old, name),
        after: text(new, name),
    });
    let is_news = |change: &Changed| {
        change.before != change.after && but.is_none_or(|but| !but.contains(change))
    };
    changes.filter(is_news).collect()
}

/// A limit in words that differ where it does.
fn words(limit: &Limit) -> String {
    let across = match limit.across {
        Across::EachRoute => "",
        Across::AllRoutes => " across all routes",
    };
    let (amount, per, mode) = (&limit.amount, limit.per.as_str(), limit.mode.as_str());
    let cost = limit.cost;
    // As policies say it.
    let on_change = match limit.on_change {
        OnChange::Keep => "keep",
        OnChange::AsIs => "as_is",
        OnChange::Reset => "reset",
    };
    let beyond = limit.quota.as_ref().map(beyond).unwrap_or_default();
    format!("{amount} per {per}{across}, {mode}, cost {cost}, on change {on_change}{beyond}")
}

/// What happens at the edge of a quota.
fn beyond(rules: &QuotaRules) -> String {
    let then = match rules.on_exceed {
        OnExceed::Notify => "serves on".to_owned(),
        OnExceed::Throttle(to) => format!("throttles to {} burst {}", to.rate, to.burst),
        OnExceed::Block => "blocks".to_owned(),
    };
    let share = rules.user_share_percent;
    let share = share.map(|share| format!(", {share} % for one user"));
    let (grace, told, share) = (
        rules.grace_percent,
        &rules.notify_at,
        share.unwrap_or_default(),
    );
    format!(", {then} after {grace} % more, told at {told:?} %{share}")
}

fn plan_name(policy: &Policy, plan: PlanId) -> String {
    let plan = policy.plans().get(usize::from(plan.0));
    plan.map_or_else(String::new, |plan| plan.name.to_string())
}

impl Difference {
    fn new(what: What, before: Option<String>, after: Option<String>) -> Self {
        Self {
            what,
            plan: None,
            route: None,
            name: None,
            before,
            after,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const HEAD: &str =
        "tollgate: 1\norigin: http://127.0.0.1:9000\nidentity: {anonymous: {plan: pro}}\n";

    fn policy(rest: &str) -> Policy {
        parse(&format!("{HEAD}{rest}"))
    }

    fn parse(text: &str) -> Policy {
        Policy::parse("test", text, Path::new("")).unwrap_or_else(|errors| panic!("{errors}"))
    }

    const BEFORE: &str = "
routes: [GET /a, GET /b]
plans:
  free: {limits: [{name: burst, rate: 1/s}]}
  pro: {limits: [{name: burst, rate: 10/s}], routes: {GET /a: [{name: burst, rate: 5/s}]}}
default_plan: free
";

    fn found(after: &str) -> Vec<String> {
        let differences = between(&policy(BEFORE), &policy(after));
        assert!(!differences.has_more && differences.each_route);
        let line = |found: &Difference| {
            let part = |text: &Option<String>| text.clone().unwrap_or("-".to_owned());
            let short =
                |text: &Option<String>| part(text).split(" per ").next().unwrap().to_owned();
            format!(
                "{:?} {} {} {}: {} -> {}",
                found.what,
                part(&found.plan),
                part(&found.route),
                part(&found.name),
                short(&found.before),
                short(&found.after)
            )
        };
        differences.differences.iter().map(line).collect()
    }

    #[test]
    fn a_policy_changes_nothing_of_itself() {
        assert!(found(BEFORE).is_empty());
    }

    #[test]
    fn a_limit_that_is_other_everywhere_is_told_once() {
        let after = BEFORE.replace("rate: 10/s", "rate: 20/s");
        assert_eq!(
            found(&after),
            ["Limit pro - burst: 10/s burst 10 -> 20/s burst 20"]
        );
        let after = BEFORE.replace("rate: 5/s", "rate: 6/s");
        assert_eq!(
            found(&after),
            ["Limit pro GET /a burst: 5/s burst 5 -> 6/s burst 6"]
        );
    }

    #[test]
    fn another_end_of_a_quota_is_a_difference() {
        let quota = |rest: &str| BEFORE.replace("rate: 10/s", &format!("quota: 9/day{rest}"));
        let (before, after) = (policy(&quota("")), policy(&quota(", on_exceed: block")));
        let found = between(&before, &after).differences;
        let words = |text: &Option<String>| text.clone().unwrap_or_default();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_ne!(words(&found[0].before), words(&found[0].after));
        assert!(words(&found[0].after).contains("blocks after 0 % more"));
    }

    #[test]
    fn plans_and_routes_come_and_go() {
        let after = "
routes: [GET /a, GET /c]
plans:
  pro: {limits: [{name: burst, rate: 10/s}], routes: {GET /a: [{name: burst, rate: 5/s}]}}
  gold: {limits: []}
default_plan: pro
never_block: [GET /a]
timeouts: {header: 5s}
";
        assert_eq!(
            found(after),
            [
                "Plan free - -: there -> -",
                "Plan gold - -: - -> there",
                "DefaultPlan - - -: free -> pro",
                "Route - GET /a -: there -> never blocks",
                "Route - GET /b -: there -> -",
                "Route - GET /c -: - -> there",
                "Section - - timeouts: other -> -",
            ]
        );
    }

    #[test]
    fn who_may_come_in_and_what_callers_are_told_is_a_difference() {
        let head = HEAD.replace("identity: {", "identity: {trusted_proxies: [10.0.0.0/8], ");
        let proxies = between(&policy(BEFORE), &parse(&format!("{head}{BEFORE}")));
        let names = proxies
            .differences
            .iter()
            .map(|found| found.name.as_deref());
        assert_eq!(names.collect::<Vec<_>>(), [Some("identity")]);
        let message = BEFORE.replace("free: {", "free: {message: ask us, ");
        assert_eq!(found(&message), ["Section free - answers: other -> -"]);
    }

    #[test]
    fn a_limit_on_a_route_that_comes_is_told() {
        let after = BEFORE.replace("GET /b]", "GET /b, GET /c]").replace(
            "GET /a: [{name",
            "GET /c: [{name: burst, rate: 7/s}], GET /a: [{name",
        );
        assert_eq!(
            found(&after),
            [
                "Route - GET /c -: - -> there",
                "Limit pro GET /c burst: 10/s burst 10 -> 7/s burst 7",
            ]
        );
    }

    #[test]
    fn what_needs_a_start_is_said() {
        let after = format!("{BEFORE}listen: [127.0.0.1:8081]\n");
        let differences = between(&policy(BEFORE), &policy(&after));
        assert_eq!(differences.at_next_start, ["listen"]);
    }
}
