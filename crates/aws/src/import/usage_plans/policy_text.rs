//! The policy as text: plans, limits and routes, with tests of its own.

use std::collections::HashSet;
use std::fmt::Write as _;

use tollgate_policy::{API_KEY_ISSUER, QuotaPeriod};

use super::model::{MethodThrottle, Quota, Throttle, UsagePlan};
use super::names::PlanName;
use super::{Options, THROTTLE};

/// Name of the limit that a quota becomes.
pub(super) const QUOTA: &str = "quota";
/// Plans that get a test.
const TESTED_PLANS_MAX: usize = 20;
/// The largest burst that a test sends at once.
const TESTED_BURST_MAX: u64 = 10_000;
/// A path that no throttled method has.
const TESTED_PATH: &str = "/import-check";

/// A plan with everything that its text needs.
pub(super) struct Written<'a> {
    pub(super) plan: &'a UsagePlan,
    pub(super) name: &'a PlanName,
    pub(super) routes: Vec<MethodThrottle>,
}

/// The policy.
pub(super) fn text(plans: &[Written<'_>], options: &Options<'_>) -> String {
    let mut out = String::from(
        "# From usage plans of API Gateway, by `tollgate import usage-plans`.\n\
         # REPORT.md says what is exact, changed, assumed or lost.\n\
         tollgate: 1\n",
    );
    put(
        &mut out,
        format_args!("origin: {}\n", quoted(options.origin)),
    );
    let keys = quoted(options.keys_file);
    put(
        &mut out,
        format_args!("identity:\n  api_keys: {{file: {keys}}}\n"),
    );
    if let Some(openapi) = options.openapi {
        routes(&mut out, plans, openapi.file, &openapi.routes);
    }
    out.push_str("plans:\n");
    for written in plans {
        plan(&mut out, written);
    }
    if let Some(default) = default_plan(plans) {
        put(
            &mut out,
            format_args!(
                "# The strictest: every imported key names its own plan.\ndefault_plan: {}\n",
                quoted(&default.name.name)
            ),
        );
    }
    tests(&mut out, plans);
    out
}

/// The plan for a caller of whom nothing else is said: the strictest, so that nobody is given more by
/// a slip.
pub(super) fn default_plan<'a, 'p>(plans: &'a [Written<'p>]) -> Option<&'a Written<'p>> {
    plans.iter().min_by(|a, b| {
        let strictness = |plan: &UsagePlan| {
            let rate = plan.throttle.map(|throttle| throttle.rate);
            (
                rate.is_none(),
                rate,
                plan.quota.map_or(u64::MAX, |quota| quota.limit.get()),
            )
        };
        strictness(a.plan).cmp(&strictness(b.plan))
    })
}

/// The document's routes, and those that only the plans have.
fn routes(out: &mut String, plans: &[Written<'_>], file: &str, known: &[(String, String)]) {
    put(out, format_args!("routes:\n  openapi: {}\n", quoted(file)));
    let place = |method: &str, path: &str| (method.to_owned(), super::shape(path));
    let known = known.iter().map(|(method, path)| place(method, path));
    let mut places: HashSet<(String, String)> = known.collect();
    let mut names: Vec<String> = Vec::new();
    for route in plans.iter().flat_map(|plan| &plan.routes) {
        if places.insert(place(&route.method, &route.path)) {
            names.push(route_name(route));
        }
    }
    if !names.is_empty() {
        out.push_str("  list:\n");
        for name in names {
            put(out, format_args!("    - {}\n", quoted(&name)));
        }
    }
}

fn plan(out: &mut String, written: &Written<'_>) {
    let Written { plan, name, routes } = written;
    put(
        out,
        format_args!(
            "  # Usage plan {} {}.\n",
            quoted(&plan.id),
            quoted(&plan.name)
        ),
    );
    put(out, format_args!("  {}:\n", quoted(&name.name)));
    put(out, format_args!("    class: {}\n", quoted(&name.class)));
    let limits = [plan.throttle.map(whole_plan), plan.quota.map(quota)];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    if !limits.is_empty() {
        out.push_str("    limits:\n");
        for limit in limits {
            put(out, format_args!("      - {limit}\n"));
        }
    }
    if !routes.is_empty() {
        out.push_str("    routes:\n");
        for route in routes {
            let limit = bucket(route.throttle);
            let name = quoted(&route_name(route));
            put(out, format_args!("      {name}: [{{{limit}}}]\n"));
        }
    }
}

/// One bucket for a key on all routes that have none of their own.
fn whole_plan(throttle: Throttle) -> String {
    format!("{{{}, across: all_routes}}", bucket(throttle))
}

fn bucket(throttle: Throttle) -> String {
    let rate = throttle.rate.to_policy();
    let rate = rate.map_or_else(|_| String::new(), |written| written.rate.to_string());
    let burst = throttle.burst_or_second();
    format!("name: {THROTTLE}, rate: {rate}, burst: {burst}")
}

fn quota(quota: Quota) -> String {
    let period = quota.period.as_str();
    format!(
        "{{name: {QUOTA}, quota: {}/{period}, on_exceed: block, across: all_routes}}",
        quota.limit
    )
}

fn route_name(route: &MethodThrottle) -> String {
    format!("{} {}", route.method, route.path)
}

/// What a burst of each plan lets through, so that `tollgate check` shows it.
fn tests(out: &mut String, plans: &[Written<'_>]) {
    let tested = plans
        .iter()
        .filter_map(|written| Some((written, admitted(written)?)));
    let mut tested = tested.take(TESTED_PLANS_MAX).peekable();
    if tested.peek().is_some() {
        out.push_str("tests:\n");
    }
    for (written, admitted) in tested {
        let name = &written.name.name;
        let caller = format!(
            "{{sub: import-check, issuer: {}, plan: {}}}",
            quoted(API_KEY_ISSUER),
            quoted(name)
        );
        let title = quoted(&format!("what {name} admits at once"));
        let send = admitted + 1;
        put(
            out,
            format_args!(
                "  - {{name: {title}, as: {caller}, send: {send} x GET {TESTED_PATH} in 0s, \
                 expect: {{allowed: {admitted}, limited: 1}}}}\n"
            ),
        );
    }
}

/// How many requests at once a plan admits on a path without a throttle of its own; `None` where a
/// test could not tell.
fn admitted(written: &Written<'_>) -> Option<u64> {
    let burst = written.plan.throttle?.burst_or_second();
    let quota = written.plan.quota.map(|quota| quota.limit.get());
    let admitted = quota.map_or(burst, |quota| quota.min(burst));
    let is_elsewhere = |route: &MethodThrottle| !route.path.starts_with("/{");
    let counts = admitted <= TESTED_BURST_MAX && written.routes.iter().all(is_elsewhere);
    counts.then_some(admitted)
}

/// A text in double quotes, which YAML reads as JSON does, with what is no ASCII escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    put(&mut out, format_args!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
    out
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}

/// The period that a plan may have, of those that a policy has.
pub(super) fn is_of_a_plan(period: QuotaPeriod) -> bool {
    matches!(
        period,
        QuotaPeriod::Day | QuotaPeriod::Week | QuotaPeriod::Month
    )
}
