//! The vectors of bucket ids, which every implementation has to make.

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_aws::target::{Target, Trust, Variant};
use tollgate_edge::function::{Function, Kvs};
use tollgate_policy::Template;

use crate::compare;
use crate::njs;
use crate::outcome::Outcome;
use crate::policies;
use crate::request::Request;
use crate::setup::{NOW_S, Setup};
use crate::tokens;

const TEMPLATE: &str = include_str!("../../../aws/src/function/edge.js");

fn cases() -> Value {
    let text = include_str!("../../../identity/tests/vectors/bucket-id.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    assert_eq!(vectors["cases"].as_array().unwrap().len(), 60);
    vectors
}

/// For each case's issuer, class and route there is one in the policy.
const POLICY: &str = r#"
identity:
  issuers:
    - {issuer: "https://login.example.com", audience: api, algorithms: [HS256], secret_file: hs256.key}
    - {issuer: "https://other.example.com", audience: api, algorithms: [HS256], secret_file: staff.key}
  failed_verifications: off
  bucket_keys: buckets.keys
routes:
  list: [GET /, POST /, PATCH /, "GET /orders/{order_id}", "POST /orders/{order_id}",
    "PATCH /orders/{order_id}", "GET /v1/{a}/{b}", "POST /v1/{a}/{b}", "PATCH /v1/{a}/{b}"]
plans:
  a: {class: a, limits: [{name: burst, window: 60/min}]}
  std: {class: std, limits: [{name: burst, window: 600/min}]}
  gold: {class: gold, limits: [{name: burst, window: 6000/min}]}
default_plan: a
edge:
  after: true
  pass: {}
"#;

/// By passes: a token's subject may be neither empty nor have control characters, as some of the
/// cases' do. Those of the route `GET *`, which no policy has, are in the other test alone.
#[test]
fn every_vector_is_the_id_of_a_request() {
    let vectors = cases();
    let key = |kid: &str| vectors["keys"][kid].as_str().unwrap();
    let mut compared = 0;
    for (kid, other) in [("k1", "k2"), ("k2", "k1")] {
        let ring = format!(
            "{kid} {} - - current\n{other} {} - - accepted\n",
            key(kid),
            key(other)
        );
        let case = policies::case("vectors", POLICY, &ring);
        let setup = Setup::new(&case, Target::new(Variant::After, Trust::Pass));
        let cases = vectors["cases"].as_array().unwrap().iter();
        let cases = cases.filter(|case| case["kid"] == kid && case["template"] != "*");
        let (requests, ids): (Vec<Request>, Vec<Outcome>) = cases
            .map(|case| {
                let id = case["id"].as_str().map(str::to_owned);
                (with_pass(case, key(kid)), Outcome::Passed { id })
            })
            .unzip();
        compared += requests.len();
        for got in compare::in_both(&setup, &requests) {
            assert_eq!(got, ids);
        }
    }
    assert_eq!(compared, 56);
}

fn with_pass(case: &Value, key: &str) -> Request {
    let kid = case["kid"].as_str().unwrap();
    let header = format!(r#"{{"alg":"HS256","kid":"{kid}","typ":"tollgate-pass+jwt"}}"#);
    let claims = json!({
        "iss": case["iss"], "sub": case["sub"], "account": case["account"], "class": case["class"],
        "iat": NOW_S, "exp": NOW_S + 300,
    });
    let pass = tokens::signed(
        header.as_bytes(),
        claims.to_string().as_bytes(),
        key.as_bytes(),
    );
    let template = Template::parse(case["template"].as_str().unwrap()).unwrap();
    let mut request = Request::get(&template.path(|index| index.to_string()));
    request.method = case["method"].as_str().unwrap().to_owned();
    request.add("x-tollgate-pass", pass);
    request
}

#[test]
fn every_vector_is_what_the_functions_own_code_makes() {
    let vectors = cases();
    let functions = ["bytesOf", "mac", "lp", "rootOf", "userOf", "name"]
        .map(function_text)
        .join("\n");
    let handler = "
async function handler(event) {
    const ring = {k: {}};
    ring.k[event.kid] = [event.key];
    const user = userOf(event.iss, event.sub, event.account);
    const root = rootOf({user: user}, ring, event.kid);
    return {root: root, id: name(root, event.kid, event.class, {m: event.method, t: event.template})};
}
";
    let source = format!("import crypto from 'crypto';\n{functions}{handler}");
    let cases = vectors["cases"].as_array().unwrap().iter();
    let events: Vec<Value> = cases
        .map(|case| {
            let mut event = case.clone();
            event["key"] = vectors["keys"][case["kid"].as_str().unwrap()].clone();
            event
        })
        .collect();
    let folder = TempDir::new().unwrap();
    let in_njs = njs::run(folder.path(), &source, Some(&[]), &events);
    let mut embedded = Function::new(&source, Kvs::new()).unwrap();
    for (event, in_njs) in events.iter().zip(in_njs) {
        let expected = json!({ "root": event["root"], "id": event["id"] });
        assert_eq!(in_njs.unwrap(), expected, "{event}");
        assert_eq!(embedded.call(event).unwrap(), expected, "{event}");
    }
}

/// A function of the template, before it is shortened, as it is where no condition holds.
fn function_text(name: &str) -> String {
    let start = TEMPLATE.find(&format!("\nfunction {name}(")).unwrap();
    let end = start + TEMPLATE[start..].find("\n}\n").unwrap();
    let mut is_left_out = false;
    let lines = TEMPLATE[start..end].lines().filter(|line| {
        if line.starts_with("//#") {
            is_left_out = line.starts_with("//#if");
            return false;
        }
        !is_left_out
    });
    lines.chain(["}"]).collect::<Vec<_>>().join("\n")
}
