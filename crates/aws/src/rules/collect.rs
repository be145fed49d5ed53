//! From limits to rules: what is the same becomes one, what cannot be is told.

use tollgate_policy::{Across, CountBy, FailMode, Limit, Mode, Per, Plan, PlanId, Policy, RouteId};

use super::{EdgeRule, Gap, LimitSource, RuleKey, RuleScope, Rules, classes};
use crate::classes::Classes;
use crate::fit::{Fit, Unfit};
use crate::target::{PER_NETWORK_WINDOW_S, Target, Trust, Variant};
use crate::waf::check::{LIMIT_MIN, RATE_BASED_PER_WEB_ACL_MAX};

/// Said where a limit by network is counted over all routes of its class.
const ALL_ROUTES_OF_CLASS: &str =
    "WAF counts an address over all routes of the rule's classes together";
/// Said where a rule without ids is all that an anonymous caller meets.
const ALL_ROUTES: &str = "WAF counts an address over all routes together";

/// Said where one cookie is counted over all routes of its plan.
const ALL_ROUTES_OF_PLAN: &str = "WAF counts a cookie over all routes together";

/// What callers without an id are held to: the strictest limit that is, and the strictest that is
/// only watched.
#[derive(Default)]
struct NoId {
    enforced: Option<EdgeRule>,
    shadow: Option<EdgeRule>,
}

pub(super) fn collect(policy: &Policy, target: &Target) -> Rules {
    let known = classes(policy);
    let mut rules = Rules {
        rules: Vec::new(),
        gaps: Vec::new(),
        never_blocked: Vec::new(),
        unwatched: Vec::new(),
        classes: known.iter().map(|(_, class, _)| class.clone()).collect(),
    };
    let mut no_id = NoId::default();
    for (plan_id, class, route) in &known {
        let plan = &policy.plans()[usize::from(plan_id.0)];
        if policy.routes().get(*route).never_block {
            rules.never_blocked.push(class.clone());
            continue;
        }
        let callers = Callers::of(policy, target, *plan_id);
        let limits = policy.limits(*plan_id, *route);
        for limit in limits.iter().filter(|limit| limit.mode != Mode::Off) {
            for is_nobody in callers.kinds() {
                match watched(limit, is_nobody, policy, target) {
                    Ok((key, fit, note)) => {
                        let source = source(plan, limit, class, fit, note);
                        let rule = rule(plan, limit, key, source, target);
                        if is_nobody && target.variant == Variant::Before {
                            no_id.take(rule, target);
                        } else {
                            rules.add(rule);
                        }
                    }
                    Err(why) => rules.gap(plan, limit, class, why),
                }
            }
        }
        let enforced = |rule: &&EdgeRule| target.shadow || !rule.count_only;
        let mut enforced = rules.rules.iter().filter(enforced);
        let is_watched = enforced.any(|rule| rule.scope.names(class));
        if callers.users && !is_watched {
            rules.unwatched.push(class.clone());
        }
    }
    let before = policy.edge().and_then(|edge| edge.before.as_ref());
    let cookie = before.and_then(|before| before.cookie.as_deref());
    if let Some(cookie) = cookie.filter(|_| target.variant == Variant::Before) {
        rules.by_cookie(policy, target, cookie, &known);
    }
    rules.of_target(policy, target, no_id);
    rules.name_apart();
    rules
}

/// Who can have a plan at the edge.
struct Callers {
    /// Callers with a token or a pass.
    users: bool,
    /// Those without, and in `before` those who show no id: they count by their network.
    nobody: bool,
}

impl Callers {
    fn of(policy: &Policy, target: &Target, plan: PlanId) -> Callers {
        let identity = policy.identity();
        let mut issuers = identity.issuers.iter();
        let users = match target.trust {
            // The gateway may have had a plan from anywhere.
            Trust::Pass => true,
            _ if plan == policy.default_plan() => !identity.issuers.is_empty(),
            _ => issuers.any(|issuer| issuer.claims.plan.is_some()),
        };
        let before = policy.edge().and_then(|edge| edge.before.as_ref());
        let without_id = before.filter(|_| target.variant == Variant::Before);
        let without_id = without_id.and_then(|before| before.without_id);
        let anonymous = identity.anonymous.as_ref().map(|anonymous| anonymous.plan);
        Callers {
            users,
            nobody: [anonymous, without_id].contains(&Some(plan)),
        }
    }

    /// For each kind there is, whether it is nobody.
    fn kinds(&self) -> impl Iterator<Item = bool> {
        let users = self.users.then_some(false);
        users.into_iter().chain(self.nobody.then_some(true))
    }
}

/// By what a limit is watched, and how.
fn watched(
    limit: &Limit,
    is_nobody: bool,
    policy: &Policy,
    target: &Target,
) -> Result<(RuleKey, Fit, Option<&'static str>), Unfit> {
    let by_network = is_nobody || limit.per == Per::Network;
    let is_shared = limit.per == Per::Global || (limit.per == Per::Account && !is_nobody);
    if is_shared {
        return Err(Unfit::Shared);
    }
    let fit = Fit::of(limit)?;
    match (target.variant.sets_id(), by_network) {
        // The id of nobody in particular is its network's.
        (true, true) if is_nobody => match limit.across {
            Across::EachRoute => Ok((RuleKey::Id(CountBy::Id), fit, None)),
            Across::AllRoutes => Err(Unfit::AcrossRoutes),
        },
        (true, true) => Ok((RuleKey::ToldAddress, fit, Some(ALL_ROUTES_OF_CLASS))),
        (false, true) if is_nobody => Ok((RuleKey::Address, fit, Some(ALL_ROUTES))),
        (false, true) => Ok((RuleKey::Address, fit, Some(ALL_ROUTES_OF_CLASS))),
        (_, false) if limit.across == Across::AllRoutes => Err(Unfit::AcrossRoutes),
        (_, false) => Ok((RuleKey::Id(count_by(policy, target)), fit, None)),
    }
}

/// By what ids are counted: those that the function sets are nobody's to copy.
fn count_by(policy: &Policy, target: &Target) -> CountBy {
    let before = policy.edge().and_then(|edge| edge.before.as_ref());
    let before = before.filter(|_| target.variant == Variant::Before);
    before.map_or(CountBy::Id, |before| before.count_by)
}

fn source(
    plan: &Plan,
    limit: &Limit,
    class: &str,
    fit: Fit,
    note: Option<&'static str>,
) -> LimitSource {
    LimitSource {
        plan: plan.name.to_string(),
        limit: limit.name.to_string(),
        says: limit.amount.to_string(),
        class: class.to_owned(),
        fit,
        note,
    }
}

fn rule(
    plan: &Plan,
    limit: &Limit,
    key: RuleKey,
    source: LimitSource,
    target: &Target,
) -> EdgeRule {
    let has_own_answer = plan.message.is_some() || plan.upgrade_url.is_some();
    EdgeRule {
        name: format!(
            "{}-{}-{}-{}",
            target.name, source.class, source.fit.limit, source.fit.window_s
        ),
        key,
        scope: RuleScope::Classes(vec![source.class.clone()]),
        limit: source.fit.limit,
        window_s: source.fit.window_s,
        count_only: target.shadow || limit.mode == Mode::Shadow,
        body: if has_own_answer {
            format!("limited-{}", plan.class)
        } else {
            "limited".to_owned()
        },
        headers: plan.headers.clone(),
        limits: vec![source],
    }
}

// === impl NoId ===

impl NoId {
    /// Nobody without an id can be told from another but by the address: of each kind of rule the
    /// strictest holds for all routes.
    fn take(&mut self, rule: EdgeRule, target: &Target) {
        let is_shadow = rule.count_only && !target.shadow;
        let kept = if is_shadow {
            &mut self.shadow
        } else {
            &mut self.enforced
        };
        let name = if is_shadow { "no-id-shadow" } else { "no-id" };
        let rule = EdgeRule {
            name: format!("{}-{name}", target.name),
            scope: RuleScope::NoId,
            ..rule
        };
        *kept = Some(match kept.take() {
            None => rule,
            Some(other) => stricter(other, rule),
        });
    }
}

/// The rule that admits less on average, for the limits of both.
fn stricter(one: EdgeRule, other: EdgeRule) -> EdgeRule {
    let (mut kept, left) = if other.limit * one.window_s < one.limit * other.window_s {
        (other, one)
    } else {
        (one, other)
    };
    kept.limits.extend(left.limits);
    kept
}

// === impl Rules ===

impl Rules {
    /// Adds a rule, or its classes to one that says the same.
    fn add(&mut self, rule: EdgeRule) {
        let same = |known: &&mut EdgeRule| {
            known.key == rule.key
                && known.scope.is_like(&rule.scope)
                && (known.limit, known.window_s) == (rule.limit, rule.window_s)
                && (known.count_only, &known.body, &known.headers)
                    == (rule.count_only, &rule.body, &rule.headers)
        };
        let Some(known) = self.rules.iter_mut().find(same) else {
            self.rules.push(rule);
            return;
        };
        known.scope.take(rule.scope);
        for limit in rule.limits {
            if !known.limits.contains(&limit) {
                known.limits.push(limit);
            }
        }
    }

    fn gap(&mut self, plan: &Plan, limit: &Limit, class: &str, why: Unfit) {
        let gap = Gap {
            plan: plan.name.to_string(),
            limit: limit.name.to_string(),
            says: limit.amount.to_string(),
            class: class.to_owned(),
            why,
        };
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }

    /// Rules for those who show their root in a cookie: by it all routes of a plan count together,
    /// against the plan's own limits. What a route has beyond those does not hold there.
    fn by_cookie(
        &mut self,
        policy: &Policy,
        target: &Target,
        cookie: &str,
        known: &[(PlanId, String, RouteId)],
    ) {
        let plans = (0_u16..).map(PlanId).zip(policy.plans());
        for (plan_id, plan) in plans {
            if !Callers::of(policy, target, plan_id).users {
                continue;
            }
            let mut own: Vec<EdgeRule> = Vec::new();
            for limit in policy.limits(plan_id, RouteId::UNMATCHED) {
                // What cannot be watched is a gap of the plan's class already.
                if limit.mode == Mode::Off {
                    continue;
                }
                if let Ok((key, fit, note)) = watched(limit, false, policy, target) {
                    let class = &*plan.class;
                    let note = note.or(Some(ALL_ROUTES_OF_PLAN));
                    let source = source(plan, limit, class, fit, note);
                    let rule = rule(plan, limit, key, source, target);
                    own.push(EdgeRule {
                        name: format!("{}-cookie", rule.name),
                        key: match rule.key {
                            RuleKey::Id(by) => RuleKey::Cookie(cookie.to_owned(), by),
                            key => key,
                        },
                        scope: RuleScope::Cookies(cookie.to_owned(), vec![class.to_owned()]),
                        ..rule
                    });
                }
            }
            for (_, class, route) in known.iter().filter(|(id, ..)| *id == plan_id) {
                if policy.routes().get(*route).never_block {
                    continue;
                }
                for limit in policy.limits(plan_id, *route) {
                    let watched = watched(limit, false, policy, target);
                    let watched = watched.ok().filter(|_| limit.mode == Mode::Enforce);
                    let holds = |key: &RuleKey, fit: &Fit| {
                        let is_like = |rule: &EdgeRule| {
                            (rule.key == RuleKey::Address) == (*key == RuleKey::Address)
                        };
                        own.iter().any(|rule| is_like(rule) && rule.is_within(fit))
                    };
                    if let Some((key, fit, _)) = watched
                        && !holds(&key, &fit)
                    {
                        self.gap(plan, limit, class, Unfit::ByCookie);
                    }
                }
            }
            for rule in own {
                self.add(rule);
            }
        }
    }

    /// The rules that no limit of the policy asks for: who shows no id, no pass, or mints one.
    fn of_target(&mut self, policy: &Policy, target: &Target, no_id: NoId) {
        let own = |name: &str, key: RuleKey, scope: RuleScope| EdgeRule {
            name: format!("{}-{name}", target.name),
            key,
            scope,
            limit: target.per_network.max(LIMIT_MIN),
            window_s: PER_NETWORK_WINDOW_S,
            count_only: target.shadow,
            body: "limited".to_owned(),
            headers: Vec::new(),
            limits: Vec::new(),
        };
        if target.variant.sets_id() {
            // Preflights, and who shows no pass: the id is the network's.
            let class = Classes::of(policy).nobody;
            self.classes.push(class.clone());
            let scope = RuleScope::Classes(vec![class]);
            self.rules
                .push(own("unverified", RuleKey::Id(CountBy::Id), scope));
            if target.on_failure == FailMode::Open {
                self.rules
                    .push(own("no-id", RuleKey::ToldAddress, RuleScope::NoId));
            }
            return;
        }
        let before = policy.edge().and_then(|edge| edge.before.as_ref());
        let least = no_id.enforced;
        let mut least = least.unwrap_or_else(|| own("no-id", RuleKey::Address, RuleScope::NoId));
        self.rules.extend(no_id.shadow);
        // Without a budget, minting is as free as the policy says.
        let budget = before.and_then(|before| Some((before, before.per_network.as_ref()?)));
        if let Some((before, budget)) = budget {
            let path = before.path.clone();
            if self.rules.len() + 2 > RATE_BASED_PER_WEB_ACL_MAX {
                // No room for a rule of its own: minting counts with what has no id.
                least.scope = RuleScope::NoIdOrPath(path);
            } else {
                let mut rule = own("mint", RuleKey::Address, RuleScope::Path(path));
                match Fit::of(budget) {
                    Ok(fit) => (rule.limit, rule.window_s) = (fit.limit, fit.window_s),
                    Err(why) => self.gaps.push(Gap {
                        plan: "(minting ids)".to_owned(),
                        limit: "per_network".to_owned(),
                        says: budget.amount.to_string(),
                        class: before.path.clone(),
                        why,
                    }),
                }
                self.rules.push(rule);
            }
        }
        self.rules.push(least);
    }

    /// Names are unique in a web ACL.
    fn name_apart(&mut self) {
        let mut seen: Vec<String> = Vec::new();
        for rule in &mut self.rules {
            let base = rule.name.clone();
            let mut number = 1;
            while seen.contains(&rule.name) {
                number += 1;
                rule.name = format!("{base}-{number}");
            }
            seen.push(rule.name.clone());
        }
    }
}
