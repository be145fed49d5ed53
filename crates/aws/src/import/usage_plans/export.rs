//! What `aws apigateway get-…` prints.

use serde_json::Value;

use super::document;
use super::found::{Fidelity, Found};
use super::model::{KeyUsage, Link, Usage};

/// Reads one answer of the service. `plan` is whose keys a list of keys of a plan has: the answer
/// itself does not say.
pub(super) fn read(file: &str, plan: Option<&str>, answer: &Value, found: &mut Found) {
    if answer["position"].is_string() || answer["NextToken"].is_string() {
        let fix = "export it again without `--no-paginate` and `--max-items`";
        found.problem(file, "this is one page of several", fix);
        return;
    }
    if answer["items"].is_object() {
        usage(file, answer, found);
        return;
    }
    let items = match &answer["items"] {
        Value::Array(items) => items.as_slice(),
        // One plan or key by itself: `get-usage-plan`, `get-api-key`.
        _ => std::slice::from_ref(answer),
    };
    for item in items {
        match kind(item) {
            Some(Kind::Plan) => document::plan(file, item, found),
            Some(Kind::Key) => found.keys.push(document::key(item, Vec::new())),
            Some(Kind::PlanKey) => match (plan, document::text(&item["id"])) {
                (Some(plan), Some(key)) => found.links.push(Link {
                    plan: plan.to_owned(),
                    key,
                }),
                (_, None) => {
                    let fix = "export it again with `aws apigateway get-usage-plan-keys`";
                    found.problem(file, "a key of a plan has no id", fix);
                    return;
                }
                (None, _) => {
                    let what = "these are the keys of a usage plan, and nothing says of which";
                    let fix = "write the plan's id before the file: `PLAN_ID=FILE`";
                    found.problem(file, what, fix);
                    return;
                }
            },
            None => {
                found.problem(file, super::detect::UNKNOWN, super::detect::KNOWN);
                return;
            }
        }
    }
}

/// What an item is.
enum Kind {
    Plan,
    Key,
    PlanKey,
}

fn kind(item: &Value) -> Option<Kind> {
    let has = |key: &str| item.get(key).is_some();
    if has("type") && has("id") {
        return Some(Kind::PlanKey);
    }
    if has("apiStages") || has("throttle") || has("quota") {
        return Some(Kind::Plan);
    }
    if has("enabled") || has("stageKeys") || has("createdDate") {
        return Some(Kind::Key);
    }
    // A plan without limits and stages is its names.
    (has("id") && has("name")).then_some(Kind::Plan)
}

/// `{usagePlanId, startDate, endDate, items: {key: [[used, remaining], …]}}`.
fn usage(file: &str, answer: &Value, found: &mut Found) {
    let Some(plan) = document::text(&answer["usagePlanId"]) else {
        let fix = "export it again with `aws apigateway get-usage`";
        found.problem(file, "a usage has no `usagePlanId`", fix);
        return;
    };
    let items = answer["items"].as_object().into_iter().flatten();
    let keys = items.map(|(key, days)| {
        let days = days.as_array().into_iter().flatten();
        let mut usage = KeyUsage {
            key: document::secret(key),
            used: 0,
            remaining: None,
        };
        for day in days {
            usage.used = usage
                .used
                .saturating_add(day[0].as_u64().unwrap_or_default());
            usage.remaining = day[1].as_i64().or(usage.remaining);
        }
        usage
    });
    let keys = keys.collect();
    let date = |key: &str| document::text(&answer[key]).unwrap_or_else(|| "?".to_owned());
    found.usage.push(Usage {
        plan,
        from: date("startDate"),
        to: date("endDate"),
        keys,
    });
    let lost = Fidelity::Lost;
    if found.notes.iter().all(|note| note.what != USAGE_LOST) {
        found.note(lost, USAGE_LOST, USAGE_WHY);
    }
}

const USAGE_LOST: &str = "usage so far";
const USAGE_WHY: &str = "it is told below and not carried over: every key begins its current day, \
                         week or month with its whole quota, and may so have up to two in it";
