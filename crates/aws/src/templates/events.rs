//! Events for `aws cloudfront test-function`, and what the function is to answer to each.

use serde_json::{Value, json};

use crate::compile::Deployment;
use crate::target::Trust;

pub(super) fn events(deployment: &Deployment<'_>) -> Vec<(String, String)> {
    let nobody = nobody(deployment);
    let plain = |method: &str, uri: &str, headers: Value| event(method, uri, &headers);
    let twice = json!({"authorization": {
        "value": "Bearer a.b.c",
        "multiValue": [{"value": "Bearer a.b.c"}, {"value": "Bearer d.e.f"}],
    }});
    let garbage = json!({"authorization": {"value": "Bearer garbage"}});
    let preflight = json!({
        "origin": {"value": "https://app.example.com"},
        "access-control-request-method": {"value": "POST"},
    });
    let forged = json!({deployment.id_header.as_str(): {"value": "std.k1.AAAAAAAAAAAAAAAAAAAAAA"}});
    let is_pass = deployment.target.trust == Trust::Pass;
    let lenient =
        deployment.policy.identity().invalid_token == tollgate_policy::InvalidToken::Anonymous;
    let invalid = if is_pass || lenient {
        nobody.clone()
    } else {
        "401".to_owned()
    };
    let several = if is_pass {
        nobody.clone()
    } else {
        "400".to_owned()
    };
    let of_forged = if deployment.target.variant.sets_id() {
        nobody.clone()
    } else {
        "403 or 401".to_owned()
    };
    let all: Vec<(&str, Value, String)> = vec![
        ("no-credential", plain("GET", "/", json!({})), nobody),
        ("garbage-token", plain("GET", "/", garbage), invalid),
        ("two-tokens", plain("GET", "/", twice), several),
        (
            "preflight",
            plain("OPTIONS", "/", preflight),
            "the request".to_owned(),
        ),
        (
            "encoded-slash",
            plain("GET", "/a%2Fb", json!({})),
            "400".to_owned(),
        ),
        (
            "above-root",
            plain("GET", "/../a", json!({})),
            "400".to_owned(),
        ),
        ("forged-id", plain("GET", "/", forged), of_forged),
    ];
    let mut expected = serde_json::Map::new();
    let mut files = Vec::new();
    for (name, event, outcome) in all {
        expected.insert(name.to_owned(), outcome.into());
        files.push((format!("events/{name}.json"), super::pretty(&event)));
    }
    let expected = super::pretty(&Value::Object(expected));
    files.push(("events/expected.json".to_owned(), expected));
    files
}

/// What a caller without a credential gets.
fn nobody(deployment: &Deployment<'_>) -> String {
    let passes =
        deployment.policy.identity().anonymous.is_some() || deployment.target.trust == Trust::Pass;
    let answer = match (passes, deployment.target.variant.sets_id()) {
        (false, _) => "401",
        (true, true) => "the request, with the id of its network",
        (true, false) => "the request",
    };
    answer.to_owned()
}

fn event(method: &str, uri: &str, headers: &Value) -> Value {
    json!({
        "version": "1.0",
        "context": {"eventType": "viewer-request", "requestId": "tollgate-test"},
        "viewer": {"ip": "198.51.100.7"},
        "request": {
            "method": method,
            "uri": uri,
            "querystring": {},
            "headers": headers,
            "cookies": {},
        },
    })
}
