//! The rules as a web ACL, in the shape that CloudFormation and the API share.

use serde_json::{Value, json};
use tollgate_policy::{CountBy, FailMode, Policy};

use super::{EdgeRule, RuleKey, RuleScope, Rules};
use crate::function::{CLIENT_HEADER, id_header};
use crate::target::{Target, Variant};

/// The field by which a web ACL behind CloudFront knows that a request came through it.
pub const LOCK_HEADER: &str = "x-tollgate-lock";
/// Stands for the lock's secret, which templates have as a parameter.
pub const LOCK_PLACEHOLDER: &str = "TOLLGATE_LOCK_SECRET";

/// The web ACL: the lock where it stands behind CloudFront, then the rules.
#[must_use]
pub fn web_acl(rules: &Rules, policy: &Policy, target: &Target) -> Value {
    let id_header = id_header(policy);
    let mut written = Vec::new();
    if target.variant.sets_id() {
        written.push(lock(target));
        if target.on_failure == FailMode::Closed {
            written.push(named_only(rules, &id_header, target));
        }
    }
    let scopes = || rules.rules.iter().map(|rule| &rule.scope);
    let by_cookie = scopes().any(|scope| matches!(scope, RuleScope::Cookies(..)));
    if by_cookie {
        let in_field = starts_with_any(&rules.classes, &id_header);
        written.push(labels(FIELD, &in_field, written.len(), target));
        let mut shown = vec![has_label(FIELD)];
        for scope in scopes() {
            if let RuleScope::Cookies(name, classes) = scope {
                shown.extend(rooted(name, classes));
            }
        }
        written.push(labels(KNOWN, &any(shown), written.len(), target));
    } else if scopes().any(|scope| matches!(scope, RuleScope::NoIdOrPath(_))) {
        let in_field = starts_with_any(&rules.classes, &id_header);
        written.push(labels(KNOWN, &in_field, written.len(), target));
    }
    for rule in &rules.rules {
        let priority = written.len();
        written.push(rule.write(priority, &rules.classes, by_cookie, &id_header));
    }
    let scope = match target.variant {
        Variant::After => "REGIONAL",
        Variant::Before | Variant::Chained => "CLOUDFRONT",
    };
    json!({
        "Name": format!("{}-{}", target.name, target.variant),
        "Scope": scope,
        "DefaultAction": {"Allow": {}},
        "CustomResponseBodies": bodies(rules, policy),
        "Rules": written,
        "VisibilityConfig": visibility(&target.name),
    })
}

/// What comes through the function has an id: without one, something has gone on without the
/// function.
fn named_only(rules: &Rules, id_header: &str, target: &Target) -> Value {
    let name = format!("{}-named-only", target.name);
    let action = if target.shadow {
        json!({"Count": {}})
    } else {
        json!({"Block": {"CustomResponse": {"ResponseCode": 403}}})
    };
    json!({
        "Name": name,
        "Priority": 1,
        "Action": action,
        "Statement": not(&starts_with_any(&rules.classes, id_header)),
        "VisibilityConfig": visibility(&name),
    })
}

/// Who comes past CloudFront has no id that anybody vouches for.
fn lock(target: &Target) -> Value {
    let name = format!("{}-lock", target.name);
    json!({
        "Name": name,
        "Priority": 0,
        "Action": {"Block": {"CustomResponse": {"ResponseCode": 403}}},
        "Statement": not(&matches(&header(LOCK_HEADER), "EXACTLY", LOCK_PLACEHOLDER)),
        "VisibilityConfig": visibility(&name),
    })
}

/// The label of a request with an id of a known class in the field.
const FIELD: &str = "tollgate:field";
/// The label of a request with an id of a known class, in the field or in the cookie.
const KNOWN: &str = "tollgate:known";

/// Labels requests, so that later rules need not spell all classes: Terraform's provider takes no
/// deeper nesting.
fn labels(label: &str, statement: &Value, priority: usize, target: &Target) -> Value {
    let (_, what) = label.split_once(':').unwrap_or_default();
    let name = format!("{}-{what}", target.name);
    json!({
        "Name": name,
        "Priority": priority,
        "Action": {"Count": {}},
        "RuleLabels": [{"Name": label}],
        "Statement": statement,
        "VisibilityConfig": visibility(&name),
    })
}

fn has_label(label: &str) -> Value {
    json!({"LabelMatchStatement": {"Scope": "LABEL", "Key": label}})
}

/// A cookie that begins with one of these classes: the cookie itself, since in the field `Cookie`
/// another one's name or value could look like it.
fn rooted(name: &str, classes: &[String]) -> impl Iterator<Item = Value> {
    let field = json!({"Cookies": {
        "MatchPattern": {"IncludedCookies": [name]},
        "MatchScope": "VALUE",
        "OversizeHandling": "CONTINUE",
    }});
    let one = move |class: &String| matches(&field, "STARTS_WITH", &format!("{class}."));
    classes.iter().map(one)
}

impl EdgeRule {
    fn write(
        &self,
        priority: usize,
        classes: &[String],
        by_cookie: bool,
        id_header: &str,
    ) -> Value {
        let scope = match &self.scope {
            RuleScope::Classes(classes) => starts_with_any(classes, id_header),
            RuleScope::Cookies(name, classes) => {
                let shown = any(rooted(name, classes).collect());
                json!({"AndStatement": {"Statements": [not(&has_label(FIELD)), shown]}})
            }
            RuleScope::Path(path) => matches(&json!({"UriPath": {}}), "EXACTLY", path),
            RuleScope::NoId if by_cookie => not(&has_label(KNOWN)),
            RuleScope::NoId => not(&starts_with_any(classes, id_header)),
            RuleScope::NoIdOrPath(path) => {
                let path = matches(&json!({"UriPath": {}}), "EXACTLY", path);
                any(vec![path, not(&has_label(KNOWN))])
            }
        };
        let mut rate = json!({
            "Limit": self.limit,
            "EvaluationWindowSec": self.window_s,
            "ScopeDownStatement": scope,
        });
        match &self.key {
            RuleKey::Id(by) => {
                rate["AggregateKeyType"] = "CUSTOM_KEYS".into();
                rate["CustomKeys"] = custom_keys("Header", id_header, *by);
            }
            RuleKey::Cookie(name, by) => {
                rate["AggregateKeyType"] = "CUSTOM_KEYS".into();
                rate["CustomKeys"] = custom_keys("Cookie", name, *by);
            }
            RuleKey::Address => rate["AggregateKeyType"] = "IP".into(),
            RuleKey::ToldAddress => {
                rate["AggregateKeyType"] = "FORWARDED_IP".into();
                rate["ForwardedIPConfig"] =
                    json!({"HeaderName": CLIENT_HEADER, "FallbackBehavior": "MATCH"});
            }
        }
        let action = if self.count_only {
            json!({"Count": {}})
        } else {
            self.block()
        };
        json!({
            "Name": self.name,
            "Priority": priority,
            "Action": action,
            "Statement": {"RateBasedStatement": rate},
            "VisibilityConfig": visibility(&self.name),
        })
    }

    /// WAF knows no time at which a caller is let through again: the window is the longest that
    /// its own requests can count.
    fn block(&self) -> Value {
        let mut headers = vec![
            json!({"Name": "retry-after", "Value": self.window_s.to_string()}),
            json!({"Name": "cache-control", "Value": "no-store"}),
        ];
        let own = self.headers.iter().take(HEADERS_MAX - headers.len());
        headers.extend(own.map(|(name, value)| json!({"Name": name, "Value": value})));
        json!({"Block": {"CustomResponse": {
            "ResponseCode": 429,
            "CustomResponseBodyKey": self.body,
            "ResponseHeaders": headers,
        }}})
    }
}

/// The most fields of an answer (AWS).
const HEADERS_MAX: usize = 10;

/// Problem documents (RFC 9457), the same for every request: WAF fills nothing in.
fn bodies(rules: &Rules, policy: &Policy) -> Value {
    let mut bodies = serde_json::Map::new();
    for rule in &rules.rules {
        let class = rule.body.strip_prefix("limited-");
        let plan = policy
            .plans()
            .iter()
            .find(|plan| Some(&*plan.class) == class);
        let detail = plan.and_then(|plan| plan.message.as_deref());
        let mut problem = json!({
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Too Many Requests",
            "status": 429,
            "detail": detail.unwrap_or("you have reached the limit of your plan here"),
        });
        if let Some(url) = plan.and_then(|plan| plan.upgrade_url.as_deref()) {
            problem["upgrade_url"] = url.into();
        }
        let body = json!({"ContentType": "APPLICATION_JSON", "Content": problem.to_string()});
        bodies.insert(rule.body.clone(), body);
    }
    Value::Object(bodies)
}

fn visibility(name: &str) -> Value {
    json!({
        "SampledRequestsEnabled": true,
        "CloudWatchMetricsEnabled": true,
        "MetricName": name,
    })
}

/// What is shown, and the address of the connection where that counts too.
fn custom_keys(kind: &str, name: &str, by: CountBy) -> Value {
    let shown = json!({ kind: named(name) });
    match by {
        CountBy::Id => json!([shown]),
        CountBy::IdAndAddress => json!([shown, {"IP": {}}]),
    }
}

fn named(name: &str) -> Value {
    json!({"Name": name, "TextTransformations": plain()})
}

fn header(name: &str) -> Value {
    json!({"SingleHeader": {"Name": name}})
}

fn plain() -> Value {
    json!([{"Priority": 0, "Type": "NONE"}])
}

fn matches(field: &Value, position: &str, text: &str) -> Value {
    json!({"ByteMatchStatement": {
        "FieldToMatch": field,
        "PositionalConstraint": position,
        "SearchString": text,
        "TextTransformations": plain(),
    }})
}

fn starts_with_any(classes: &[String], id_header: &str) -> Value {
    any(starting(classes, id_header).collect())
}

fn starting(classes: &[String], id_header: &str) -> impl Iterator<Item = Value> {
    let one = |class: &String| matches(&header(id_header), "STARTS_WITH", &format!("{class}."));
    classes.iter().map(one)
}

fn any(mut statements: Vec<Value>) -> Value {
    if statements.len() == 1 {
        statements.remove(0)
    } else {
        json!({"OrStatement": {"Statements": statements}})
    }
}

fn not(statement: &Value) -> Value {
    json!({"NotStatement": {"Statement": statement}})
}
