//! The rules as a web ACL, in the shape that CloudFormation and the API share.

use serde_json::{Value, json};
use tollgate_policy::Policy;

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
    }
    let merged = |rule: &EdgeRule| matches!(rule.scope, RuleScope::NoIdOrPath(_));
    if rules.rules.iter().any(merged) {
        written.push(known(rules, &id_header, written.len(), target));
    }
    for rule in &rules.rules {
        let priority = written.len();
        written.push(rule.write(priority, rules, &id_header));
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

/// What a request with an id of a known class is labelled as.
const KNOWN: &str = "tollgate:known";

/// Labels what has an id, so that a later rule need not spell all classes: Terraform's provider
/// takes no deeper nesting.
fn known(rules: &Rules, id_header: &str, priority: usize, target: &Target) -> Value {
    let name = format!("{}-known", target.name);
    json!({
        "Name": name,
        "Priority": priority,
        "Action": {"Count": {}},
        "RuleLabels": [{"Name": KNOWN}],
        "Statement": starts_with_any(&rules.classes, id_header),
        "VisibilityConfig": visibility(&name),
    })
}

impl Rules {
    /// Requests with no id in a field, nor in the cookie where one is counted by it.
    fn without_id(&self, id_header: &str) -> Value {
        let cookie = self.rules.iter().find_map(|rule| match &rule.key {
            RuleKey::Cookie(name) => Some(format!("{name}=")),
            _ => None,
        });
        let cookie = cookie.map(|text| matches(&header("cookie"), "CONTAINS", &text));
        not(&any(starting(&self.classes, id_header)
            .chain(cookie)
            .collect()))
    }
}

impl EdgeRule {
    fn write(&self, priority: usize, rules: &Rules, id_header: &str) -> Value {
        let scope = match (&self.scope, &self.key) {
            (RuleScope::Classes(classes), _) => starts_with_any(classes, id_header),
            (RuleScope::Path(path), _) => matches(&json!({"UriPath": {}}), "EXACTLY", path),
            (RuleScope::NoId, RuleKey::Address) => rules.without_id(id_header),
            (RuleScope::NoId, _) => not(&starts_with_any(&rules.classes, id_header)),
            (RuleScope::NoIdOrPath(path), _) => {
                let path = matches(&json!({"UriPath": {}}), "EXACTLY", path);
                let known = json!({"LabelMatchStatement": {"Scope": "LABEL", "Key": KNOWN}});
                any(vec![path, not(&known)])
            }
        };
        let mut rate = json!({
            "Limit": self.limit,
            "EvaluationWindowSec": self.window_s,
            "ScopeDownStatement": scope,
        });
        match &self.key {
            RuleKey::Id => {
                rate["AggregateKeyType"] = "CUSTOM_KEYS".into();
                rate["CustomKeys"] = json!([{"Header": named(id_header)}]);
            }
            RuleKey::Cookie(name) => {
                rate["AggregateKeyType"] = "CUSTOM_KEYS".into();
                rate["CustomKeys"] = json!([{"Cookie": named(name)}]);
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
