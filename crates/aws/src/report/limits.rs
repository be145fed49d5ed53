//! The rules, and each limit of the policy beside what WAF does in its place.

use tollgate_policy::CountBy;

use super::{USUAL_LAG_S, WORST_LAG_S, admitted_at_most, line};
use crate::compile::Deployment;
use crate::rules::{EdgeRule, LimitSource, RuleKey, RuleScope};
use crate::target::Variant;
use crate::waf::capacity;

pub(super) fn write(deployment: &Deployment<'_>, out: &mut String) {
    rules(deployment, out);
    limits(deployment, out);
    gaps(deployment, out);
}

fn rules(deployment: &Deployment<'_>, out: &mut String) {
    line!(out);
    line!(out, "## The rules");
    line!(out);
    let sets = deployment.web_acl_model().unwrap_or_default();
    let capacity = sets.first().map(|set| capacity::of(set, &sets));
    line!(out, "| rule | counts | by | limit | then | WCU |");
    line!(out, "|---|---|---|---|---|---|");
    for rule in &deployment.rules.rules {
        let wcu = capacity.as_ref().and_then(|capacity| {
            let mut rules = capacity.rules.iter();
            rules
                .find(|known| known.name == rule.name)
                .map(|known| known.wcu.units)
        });
        line!(
            out,
            "| `{}` | {} | {} | {} in {} s | {} | {} |",
            rule.name,
            scope(rule),
            key(&rule.key, &deployment.id_header),
            rule.limit,
            rule.window_s,
            if rule.count_only { "count" } else { "429" },
            wcu.unwrap_or_default()
        );
    }
    if let Some(capacity) = capacity {
        line!(out);
        line!(
            out,
            "{} of 10 rate-based rules, {} WCU in all (at most {}).",
            capacity.rate_based_rules,
            capacity.total.units,
            capacity.total.at_most
        );
        for note in &capacity.notes {
            line!(out, "- {note}");
        }
    }
}

/// Beginnings of ids.
fn beginnings(classes: &[String]) -> String {
    let names: Vec<String> = classes.iter().map(|class| format!("`{class}.`")).collect();
    names.join(", ")
}

fn scope(rule: &EdgeRule) -> String {
    match &rule.scope {
        RuleScope::Classes(classes) => format!("ids that begin with {}", beginnings(classes)),
        RuleScope::Cookies(name, classes) => format!(
            "cookies `{name}` that begin with {}, where the field has no id",
            beginnings(classes)
        ),
        RuleScope::NoId => "requests without an id of a known class".to_owned(),
        RuleScope::Path(path) => format!("requests for `{path}`"),
        RuleScope::NoIdOrPath(path) => {
            format!("requests without an id of a known class, and those for `{path}`")
        }
    }
}

fn key(key: &RuleKey, id_header: &str) -> String {
    match key {
        RuleKey::Id(by) => format!("`{id_header}`{}", beside(*by)),
        RuleKey::Cookie(name, by) => format!("cookie `{name}`{}", beside(*by)),
        RuleKey::Address => "address".to_owned(),
        RuleKey::ToldAddress => "address, as the function tells it".to_owned(),
    }
}

fn beside(by: CountBy) -> &'static str {
    match by {
        CountBy::Id => "",
        CountBy::IdAndAddress => " and address",
    }
}

fn limits(deployment: &Deployment<'_>, out: &mut String) {
    line!(out);
    line!(out, "## Each limit, and how far off WAF is");
    line!(out);
    line!(
        out,
        "*At once*: what may come in an instant. *An hour*: what may come in one. *Passes in all*: \
         what a caller gets through who sends ten times its average without pause, before the block \
         begins; usually ({USUAL_LAG_S} s), and at worst ({WORST_LAG_S} s). After that it is \
         blocked until its own requests have left the window; whether those that WAF refuses count \
         among them, AWS does not say."
    );
    let mut all = deployment.rules.rules.iter();
    if all.any(|rule| rule.key.is_each_address()) {
        line!(out);
        line!(
            out,
            "Where a row says *for each address*, WAF's figures in it, right of the arrows and in \
             *passes in all*, are for one address of the user; from n addresses they are n times as \
             many."
        );
    }
    line!(out);
    line!(
        out,
        "| plan | class | limit | the policy says | WAF does | at once | an hour | passes in all |"
    );
    line!(out, "|---|---|---|---|---|---|---|---|");
    for rule in &deployment.rules.rules {
        for limit in &rule.limits {
            row(rule, limit, out);
        }
    }
    let own = deployment
        .rules
        .rules
        .iter()
        .filter(|rule| rule.limits.is_empty());
    let names: Vec<String> = own.map(|rule| format!("`{}`", rule.name)).collect();
    if !names.is_empty() {
        line!(out);
        line!(
            out,
            "No limit of a plan stands behind {}: they bound callers by network.",
            names.join(", ")
        );
    }
    line!(out);
    line!(
        out,
        "A preflight of a browser has no id by design, and counts by its network: {}.",
        match deployment.target.variant {
            Variant::Before => "with all requests without one",
            Variant::After | Variant::Chained => "with all callers for whom nobody vouches",
        }
    );
    let rules = &deployment.rules;
    if !rules.never_blocked.is_empty() {
        line!(out);
        line!(
            out,
            "Never blocked, and so not counted: ids that begin with {}. {}",
            beginnings(&rules.never_blocked),
            match deployment.target.variant {
                Variant::Before =>
                    "A request for such a route that shows no id, or the id of another route, counts \
                     as any other, since WAF does not know routes: whoever calls one should show \
                     its id.",
                Variant::After | Variant::Chained =>
                    "A caller for whom nobody vouches counts there as anywhere.",
            }
        );
    }
    if !rules.unwatched.is_empty() {
        line!(out);
        line!(
            out,
            "**No rule counts ids that begin with {}**: the policy has no limit for them, or none \
             that WAF can watch.",
            beginnings(&rules.unwatched)
        );
    }
}

fn row(rule: &EdgeRule, limit: &LimitSource, out: &mut String) {
    let fit = &limit.fit;
    let waf_hour = rule.limit.saturating_mul(3_600) / rule.window_s;
    let flood = (rule.limit * 10).div_ceil(rule.window_s);
    let mut does = format!("{} in {} s", rule.limit, rule.window_s);
    if rule.key.is_each_address() {
        does.push_str(" for each address");
    } else if fit.is_exact() {
        does.push_str(", as the policy");
    }
    if fit.calendar {
        does.push_str(", from any moment on");
    }
    if let Some(note) = limit.note {
        does.push_str(&format!("; {note}"));
    }
    line!(
        out,
        "| {} | `{}` | {} | {} | {does} | {} → {} | {} → {waf_hour} | {} / {} |",
        limit.plan,
        limit.class,
        limit.limit,
        limit.says,
        fit.at_once,
        rule.limit,
        fit.hour,
        admitted_at_most(rule.limit, flood, USUAL_LAG_S),
        admitted_at_most(rule.limit, flood, WORST_LAG_S)
    );
}

fn gaps(deployment: &Deployment<'_>, out: &mut String) {
    if deployment.rules.gaps.is_empty() {
        return;
    }
    line!(out);
    line!(out, "## What WAF does not watch");
    line!(out);
    line!(
        out,
        "Accepted with `--accept-gaps`; something behind has to hold these."
    );
    line!(out);
    line!(out, "| plan | class | limit | the policy says | why |");
    line!(out, "|---|---|---|---|---|");
    for gap in &deployment.rules.gaps {
        line!(
            out,
            "| {} | `{}` | {} | {} | {} |",
            gap.plan,
            gap.class,
            gap.limit,
            gap.says,
            gap.why
        );
    }
}
