//! `REPORT.md`: what the deployment promises, what it does not, and by how much.

mod limits;
mod people;

use tollgate_policy::FailMode;

use crate::compile::Deployment;
use crate::function::FUNCTION_BYTES_MAX;
use crate::prices::Prices;
use crate::target::Variant;

/// How often WAF looks at its counts, in seconds (AWS: about every ten).
pub const EVALUATION_S: u64 = 10;
/// Within what time it usually begins to block, in seconds (AWS: "usually below 30 seconds").
pub const USUAL_LAG_S: u64 = 30;
/// What "up to several minutes" is taken for, in seconds.
pub const WORST_LAG_S: u64 = 300;

/// The report, in Markdown.
#[must_use]
pub fn markdown(deployment: &Deployment<'_>, prices: &Prices) -> String {
    let mut out = String::new();
    head(deployment, &mut out);
    people::write(deployment, &mut out);
    limits::write(deployment, &mut out);
    function(deployment, &mut out);
    failures(deployment, &mut out);
    cost(deployment, prices, &mut out);
    out
}

/// Requests that can pass in a window before WAF has stopped a caller who sends `per_second`.
///
/// A full window passes by right; then what comes until WAF has looked and acted.
#[must_use]
pub fn admitted_at_most(limit: u64, per_second: u64, lag_s: u64) -> u64 {
    limit.saturating_add(per_second.saturating_mul(lag_s.saturating_add(EVALUATION_S)))
}

/// Writing to a string does not fail.
macro_rules! line {
    ($out:expr) => {
        $out.push('\n')
    };
    ($out:expr, $($text:tt)*) => {{
        let _ = std::fmt::Write::write_fmt($out, format_args!($($text)*));
        $out.push('\n');
    }};
}
pub(crate) use line;

fn head(deployment: &Deployment<'_>, out: &mut String) {
    let target = &deployment.target;
    line!(out, "# What this deployment promises");
    line!(out);
    line!(
        out,
        "Variant `{}`, trust `{}`. {}",
        target.variant,
        target.trust,
        match target.variant {
            Variant::After =>
                "The function names each request by its user and route; a web ACL at the origin \
                 counts the names.",
            Variant::Before =>
                "A web ACL at the distribution counts the ids that clients present; the function \
                 refuses an id that is not the caller's own.",
            Variant::Chained =>
                "A first distribution names each request; a second one, with the web ACL, counts \
                 the names.",
        }
    );
    line!(out);
    line!(
        out,
        "This is a cost ceiling with a known failure mode, not an exact limit: AWS WAF estimates \
         rates, looks at them about every {EVALUATION_S} s, and acts usually within {USUAL_LAG_S} s \
         and at worst after several minutes (AWS WAF developer guide). Exact limits need the \
         gateway."
    );
    if target.shadow {
        line!(out);
        line!(
            out,
            "**Shadow mode: every rule only counts. Nobody is limited.**"
        );
    }
}

fn function(deployment: &Deployment<'_>, out: &mut String) {
    let function = &deployment.function;
    line!(out);
    line!(out, "## The function");
    line!(out);
    line!(
        out,
        "- `{}`: {} of {FUNCTION_BYTES_MAX} bytes, named by its content, since CloudFront goes on \
         throttling a function that failed by its name",
        deployment.function_name,
        function.source.len()
    );
    line!(
        out,
        "- reads of the key-value store for one request: at most {}; values that hold routes: {}",
        function.store_reads_max,
        function.stored_routes.len()
    );
    line!(
        out,
        "- compute utilisation: not known before it runs at AWS. An estimate by what others \
         published: AWS' own HS256 sample 19 of 100, two reads and three HMACs 11 of 100. Measure \
         it with the events of this folder: `aws cloudfront test-function`"
    );
    if deployment.target.log {
        line!(
            out,
            "- one line of JSON a request in `/aws/cloudfront/function/{}` (us-east-1): `rid` is \
             the request's id in the access log, `b` the bucket id, `r` the route. CloudWatch \
             charges for it",
            deployment.function_name
        );
    }
}

fn failures(deployment: &Deployment<'_>, out: &mut String) {
    line!(out);
    line!(out, "## When something fails");
    line!(out);
    line!(out, "| what fails | what happens |");
    line!(out, "|---|---|");
    let store = match deployment.target.on_failure {
        FailMode::Closed => {
            "every request is answered 503 by the function (`--fail-open` would let it through)"
        }
        FailMode::Open => match deployment.target.variant {
            Variant::After | Variant::Chained => {
                "requests pass without an id and without identity (`--fail-open`); only the \
                     rule for requests without an id counts them, by address"
            }
            Variant::Before => {
                "requests pass unverified (`--fail-open`): WAF counts those that show an id by \
                     what they show, so that a made-up id for every request is not limited while it \
                     lasts, and the others by address"
            }
        },
    };
    line!(out, "| the key-value store cannot be read | {store} |");
    line!(
        out,
        "| the function itself fails (an exception, too much time) | CloudFront's documentation \
         says 503; another source says that such a request goes on without the function. Neither \
         was tried: plan for both. {} |",
        match (deployment.target.variant, deployment.target.on_failure) {
            (Variant::Before, _) => "WAF has counted what the client showed",
            (_, FailMode::Closed) =>
                "In the latter case the web ACL answers 403 to what has no id of a known class; whoever \
                 writes one of its own into the field is counted under that",
            (_, FailMode::Open) => "In the latter case addresses are counted",
        }
    );
    line!(
        out,
        "| a rule is changed (limit, window, keys, scope) | WAF starts its counts anew and may limit \
         nobody for up to a minute |"
    );
    line!(
        out,
        "| a key is rotated | counts under the old key's ids are left behind: up to one more \
         window for each user. Put the new key in the store first (propagation was measured by \
         others at about 30 s), then make it current |"
    );
}

fn cost(deployment: &Deployment<'_>, prices: &Prices, out: &mut String) {
    let rules = deployment.web_acl["Rules"].as_array().map_or(0, Vec::len);
    let cost = prices.edge(
        deployment.target.variant,
        rules,
        deployment.function.store_reads_max,
    );
    line!(out);
    line!(out, "## What it costs");
    line!(out);
    line!(
        out,
        "At the prices of {} (US dollars, us-east-1 and North America; `--prices FILE` takes your \
         own, and flat-rate plans are different):",
        prices.dated
    );
    line!(out);
    line!(
        out,
        "- {:.2} a month for the web ACL and its {rules} rules",
        cost.month
    );
    line!(
        out,
        "- {:.2} a million requests that pass, without what is behind",
        cost.passed
    );
    line!(
        out,
        "- {:.2} a million requests that WAF blocks",
        cost.blocked
    );
    line!(
        out,
        "- beside it, a million of: REST API requests {:.2}, HTTP API requests {:.2}, Lambda calls \
         {:.2} without their duration, DynamoDB writes {:.3}",
        prices.rest_requests,
        prices.http_requests,
        prices.lambda_requests,
        prices.dynamodb_writes
    );
}

#[cfg(test)]
mod tests;
