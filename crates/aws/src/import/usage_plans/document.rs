//! One plan or key, from the JSON of the service's own model; templates are brought into it first.

use std::num::NonZeroU64;

use serde_json::{Map, Value};
use tollgate_identity::Redacted;
use tollgate_policy::QuotaPeriod;
use zeroize::Zeroizing;

use super::found::Found;
use super::model::{Key, KeyValue, MethodThrottle, PlanStage, Quota, Throttle, UsagePlan};
use super::rate::{RateError, RatePerSecond};

const NUMBER_FIX: &str = "write the number itself, or export the plan with `aws apigateway \
                          get-usage-plans`";
const SECTION_FIX: &str = "write it out, or export the plan with `aws apigateway get-usage-plans`: \
                           what only a deployment knows cannot be read";
const NOTHING_FIX: &str =
    "give it a value above zero, or remove the plan and its keys from the file";

/// A plan, and where it stands.
struct Reader<'a> {
    file: &'a str,
    plan: &'a str,
    found: &'a mut Found,
}

/// Reads `{id, name, throttle, quota, apiStages}`.
pub(super) fn plan(file: &str, document: &Value, found: &mut Found) {
    let Some(id) = text(&document["id"]) else {
        let fix = "keep the `id` that `aws apigateway get-usage-plans` gives";
        found.problem(file, "a usage plan has no id", fix);
        return;
    };
    let name = text(&document["name"]).unwrap_or_else(|| id.clone());
    let mut reader = Reader {
        file,
        plan: &name,
        found,
    };
    let throttle = reader.throttle("its throttle", &document["throttle"]);
    let quota = reader.quota(&document["quota"]);
    let stages = match &document["apiStages"] {
        Value::Array(stages) => stages.as_slice(),
        Value::Null => &[],
        _ => {
            reader.problem("its stages are not a list", SECTION_FIX);
            &[]
        }
    };
    let stages = stages.iter().map(|stage| reader.stage(stage));
    let stages = stages.collect();
    found.plans.push(UsagePlan {
        id,
        name,
        throttle,
        quota,
        stages,
    });
}

/// Reads `{id, name, value, enabled}`.
pub(super) fn key(document: &Value, plans: Vec<String>) -> Key {
    Key {
        id: text(&document["id"]),
        name: text(&document["name"]).unwrap_or_default(),
        value: document["value"].as_str().map(secret),
        enabled: boolean(&document["enabled"]),
        plans,
    }
}

pub(super) fn secret(value: &str) -> KeyValue {
    Redacted::new(Zeroizing::new(value.to_owned()))
}

/// A text that is not empty.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A truth value, also as templates write it.
pub(super) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A number's own text, also where a template put it into quotes.
fn number(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.trim().to_owned()),
        _ => None,
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn problem(&mut self, what: &str, fix: &str) {
        let what = format!("usage plan {:?}: {what}", self.plan);
        self.found.problem(self.file, what, fix);
    }

    /// Whether there is something to read. What is written in a way that cannot be read is never taken
    /// for nothing: that would open the plan.
    fn is_section(&mut self, whose: &str, document: &Value) -> bool {
        match document {
            Value::Null => false,
            Value::Object(entries) if entries.keys().all(|key| !key.contains("::")) => {
                !entries.is_empty()
            }
            _ => {
                self.problem(&format!("{whose} cannot be read"), SECTION_FIX);
                false
            }
        }
    }

    /// A token bucket; `None` where nothing is limited, or what is said is no limit.
    fn throttle(&mut self, whose: &str, document: &Value) -> Option<Throttle> {
        if !self.is_section(whose, document) {
            return None;
        }
        let (rate, burst) = (&document["rateLimit"], &document["burstLimit"]);
        if rate.is_null() {
            let what = format!("{whose} has no rate, and what that means is not documented");
            self.problem(&what, "give it a rate, or remove it");
            return None;
        }
        let Some(text) = number(rate) else {
            self.problem(&format!("the rate of {whose} is not a number"), NUMBER_FIX);
            return None;
        };
        let rate = RatePerSecond::parse(&text).and_then(|rate| rate.to_policy().map(|_| rate));
        let rate = match rate {
            Ok(rate) => rate,
            Err(error) => {
                let fix = match error {
                    RateError::NotANumber => NUMBER_FIX,
                    RateError::TooFast => "write a rate of at most 10000000",
                    _ => NOTHING_FIX,
                };
                self.problem(&format!("the rate of {whose} {error}"), fix);
                return None;
            }
        };
        let burst = match burst {
            Value::Null => None,
            given => Some(self.whole(&format!("the burst of {whose}"), given)?),
        };
        let throttle = Throttle { rate, burst };
        if let Err(error) = rate.refills(throttle.burst_or_second()) {
            self.problem(&format!("{whose} {error}"), "write a smaller burst");
            return None;
        }
        Some(throttle)
    }

    fn quota(&mut self, document: &Value) -> Option<Quota> {
        if !self.is_section("its quota", document) {
            return None;
        }
        let period = match text(&document["period"]).unwrap_or_default().as_str() {
            "DAY" => QuotaPeriod::Day,
            "WEEK" => QuotaPeriod::Week,
            "MONTH" => QuotaPeriod::Month,
            _ => {
                let what = "the period of its quota is none of DAY, WEEK and MONTH";
                self.problem(what, "write one of them");
                return None;
            }
        };
        let limit = self.whole("the limit of its quota", &document["limit"])?;
        let offset = number(&document["offset"]);
        Some(Quota {
            limit,
            offset: offset
                .and_then(|offset| offset.parse().ok())
                .unwrap_or_default(),
            period,
        })
    }

    /// A whole number from 1 to 2^32.
    fn whole(&mut self, what: &str, value: &Value) -> Option<NonZeroU64> {
        // A template's number may be written `200.0`.
        let given = number(value).and_then(|text| {
            let whole = text.strip_suffix(".0").unwrap_or(&text);
            whole.parse::<u64>().ok()
        });
        match given {
            Some(0) => {
                let what = format!("{what} is zero, which admits nothing: no limit says that");
                self.problem(&what, NOTHING_FIX);
            }
            Some(value) if value > tollgate_policy::BURST_MAX => {
                self.problem(&format!("{what} is above 2^32"), "write a smaller number");
            }
            Some(value) => return NonZeroU64::new(value),
            None => self.problem(&format!("{what} is not a whole number"), NUMBER_FIX),
        }
        None
    }

    fn stage(&mut self, document: &Value) -> PlanStage {
        let nothing = Map::new();
        let throttles = match &document["throttle"] {
            Value::Object(throttles)
                if self.is_section("a stage's throttle", &document["throttle"]) =>
            {
                throttles
            }
            Value::Object(_) | Value::Null => &nothing,
            other => {
                self.is_section("a stage's throttle", other);
                &nothing
            }
        };
        let methods = throttles
            .iter()
            .filter_map(|(place, throttle)| self.method(place, throttle));
        let methods = methods.collect();
        PlanStage {
            api: text(&document["apiId"]).unwrap_or_else(|| "?".to_owned()),
            stage: text(&document["stage"]).unwrap_or_else(|| "?".to_owned()),
            methods,
        }
    }

    /// `/path/METHOD`; the root's is `//METHOD`.
    fn method(&mut self, place: &str, throttle: &Value) -> Option<MethodThrottle> {
        // As in a JSON pointer, which the service's patches are; no resource's path has a tilde.
        let place = place.replace("~1", "/").replace("~0", "~");
        let split = place.rsplit_once('/');
        let method = split.map(|(_, method)| method.to_ascii_uppercase());
        let method = method.filter(|method| {
            !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase())
        });
        let (Some((path, _)), Some(method)) = (split, method) else {
            let what = format!("the method throttle {place:?} names no path and method");
            self.problem(&what, "write for example \"/pets/{id}/GET\"");
            return None;
        };
        let path = if path.is_empty() { "/" } else { path };
        if let Err(error) = tollgate_policy::Template::parse(path) {
            let what = format!("the method throttle {place:?} is no route: {error}");
            self.problem(
                &what,
                "write the path of a resource, for example \"/pets/{id}/GET\"",
            );
            return None;
        }
        let throttle = self.throttle(&format!("the throttle of {place:?}"), throttle)?;
        Some(MethodThrottle {
            path: path.to_owned(),
            method,
            throttle,
        })
    }
}
