//! From limits to rules: what is the same becomes one, what cannot be is told.

use tollgate_policy::{Across, FailMode, Limit, Mode, Per, Plan, Policy};

use super::{EdgeRule, Gap, LimitSource, RuleKey, RuleScope, Rules, classes};
use crate::classes::Classes;
use crate::fit::{Fit, Unfit};
use crate::target::{PER_NETWORK_WINDOW_S, Target, Variant};
use crate::waf::check::{LIMIT_MIN, RATE_BASED_PER_WEB_ACL_MAX};

/// Said where a limit by network is counted over all routes of its class.
const ALL_ROUTES_OF_CLASS: &str = "WAF counts an address over all routes of the class together";
/// Said where a rule without ids is all that an anonymous caller meets.
const ALL_ROUTES: &str = "WAF counts an address over all routes together";

pub(super) fn collect(policy: &Policy, target: &Target) -> Rules {
    let known = classes(policy);
    let mut rules = Rules {
        rules: Vec::new(),
        gaps: Vec::new(),
        never_blocked: Vec::new(),
        classes: known.iter().map(|(_, class, _)| class.clone()).collect(),
    };
    let anonymous = policy
        .identity()
        .anonymous
        .as_ref()
        .map(|anonymous| anonymous.plan);
    let mut no_id = None;
    for (plan_id, class, route) in &known {
        let plan = &policy.plans()[usize::from(plan_id.0)];
        if policy.routes().get(*route).never_block {
            rules.never_blocked.push(class.clone());
            continue;
        }
        let is_anonymous = anonymous == Some(*plan_id);
        let limits = policy.limits(*plan_id, *route);
        for limit in limits.iter().filter(|limit| limit.mode != Mode::Off) {
            match watched(limit, is_anonymous, target) {
                Ok((key, fit, note)) => {
                    let source = source(plan, limit, class, fit, note);
                    let rule = rule(plan, limit, key, source, target);
                    if is_anonymous && target.variant == Variant::Before {
                        // Nobody without a token has an id to count by: the strictest limit
                        // holds for all routes.
                        let rule = EdgeRule {
                            name: format!("{}-no-id", target.name),
                            scope: RuleScope::NoId,
                            ..rule
                        };
                        no_id = Some(match no_id {
                            None => rule,
                            Some(other) => stricter(other, rule),
                        });
                    } else {
                        rules.add(rule);
                    }
                }
                Err(why) => rules.gaps.push(Gap {
                    plan: plan.name.to_string(),
                    limit: limit.name.to_string(),
                    says: limit.amount.to_string(),
                    class: class.clone(),
                    why,
                }),
            }
        }
    }
    rules.of_target(policy, target, no_id);
    rules.name_apart();
    rules
}

/// By what a limit is watched, and how.
fn watched(
    limit: &Limit,
    is_anonymous: bool,
    target: &Target,
) -> Result<(RuleKey, Fit, Option<&'static str>), Unfit> {
    let by_network = matches!(limit.per, Per::Network) || is_anonymous;
    if matches!(limit.per, Per::Account | Per::Global) && !is_anonymous
        || matches!(limit.per, Per::Global)
    {
        return Err(Unfit::Shared);
    }
    let fit = Fit::of(limit)?;
    match (target.variant.sets_id(), by_network) {
        // The id of an anonymous caller is its network's.
        (true, true) if is_anonymous => match limit.across {
            Across::EachRoute => Ok((RuleKey::Id, fit, None)),
            Across::AllRoutes => Err(Unfit::AcrossRoutes),
        },
        (true, true) => Ok((RuleKey::ToldAddress, fit, Some(ALL_ROUTES_OF_CLASS))),
        (false, true) if is_anonymous => Ok((RuleKey::Address, fit, Some(ALL_ROUTES))),
        (false, true) => Ok((RuleKey::Address, fit, Some(ALL_ROUTES_OF_CLASS))),
        (_, false) if limit.across == Across::AllRoutes => Err(Unfit::AcrossRoutes),
        (_, false) => Ok((RuleKey::Id, fit, None)),
    }
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

/// The rule that admits less, for the limits of both.
fn stricter(one: EdgeRule, other: EdgeRule) -> EdgeRule {
    let a_minute = |rule: &EdgeRule| rule.limit * 60 / rule.window_s;
    let (mut kept, left) = if a_minute(&other) < a_minute(&one) {
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
                && (known.limit, known.window_s) == (rule.limit, rule.window_s)
                && (known.count_only, &known.body, &known.headers)
                    == (rule.count_only, &rule.body, &rule.headers)
        };
        let Some(known) = self.rules.iter_mut().find(same) else {
            self.rules.push(rule);
            return;
        };
        if let (RuleScope::Classes(classes), RuleScope::Classes(more)) =
            (&mut known.scope, rule.scope)
        {
            for class in more {
                if !classes.contains(&class) {
                    classes.push(class);
                }
            }
        }
        known.limits.extend(rule.limits);
    }

    /// The rules that no limit of the policy asks for: who shows no id, no pass, or mints one.
    fn of_target(&mut self, policy: &Policy, target: &Target, no_id: Option<EdgeRule>) {
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
            let class = Classes::of(policy).without_pass;
            self.classes.push(class.clone());
            let scope = RuleScope::Classes(vec![class]);
            self.rules.push(own("unverified", RuleKey::Id, scope));
            if target.on_failure == FailMode::Open {
                self.rules
                    .push(own("no-id", RuleKey::ToldAddress, RuleScope::NoId));
            }
            return;
        }
        let before = policy.edge().and_then(|edge| edge.before.as_ref());
        if let Some(cookie) = before.and_then(|before| before.cookie.clone()) {
            // One cookie is good for all routes, so that the most that any class has is the least
            // that all of them need.
            let widest = self
                .rules
                .iter()
                .max_by_key(|rule| rule.limit * 600 / rule.window_s);
            let widest = widest.map(|rule| (rule.limit, rule.window_s));
            let mut rule = own("cookie", RuleKey::Cookie(cookie), RuleScope::NoId);
            if let Some((limit, window_s)) = widest {
                (rule.limit, rule.window_s) = (limit, window_s);
            }
            self.rules.push(rule);
        }
        let mut no_id = no_id.unwrap_or_else(|| own("no-id", RuleKey::Address, RuleScope::NoId));
        if let Some(before) = before {
            let path = before.path.clone();
            if self.rules.len() + 2 > RATE_BASED_PER_WEB_ACL_MAX {
                // No room for a rule of its own: minting counts with what has no id.
                no_id.scope = RuleScope::NoIdOrPath(path);
            } else {
                let mut rule = own("mint", RuleKey::Address, RuleScope::Path(path));
                let budget = before.per_network.as_ref();
                if let Some(fit) = budget.and_then(|limit| Fit::of(limit).ok()) {
                    (rule.limit, rule.window_s) = (fit.limit, fit.window_s);
                }
                self.rules.push(rule);
            }
        }
        self.rules.push(no_id);
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
