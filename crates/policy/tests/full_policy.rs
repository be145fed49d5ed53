//! The policy with every key is accepted, means what it says, and fits the schema.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use tollgate_policy::{
    AccessLog, Across, Algorithm, AskedIdentity, CertificateSubject, ClientAuth, CountBy,
    DescriptorAmount, DescriptorMode, DomainKind, ExpectedVerdict, ForwardedStyle, HeaderStyle,
    KeySource, MailTls, Mode, Per, Policy, RouteId, RuleValue, TestCaller, WindowUnit, json_schema,
};

fn full() -> Policy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/full.yaml");
    Policy::load(&path).unwrap_or_else(|found| panic!("{found}"))
}

#[test]
fn the_full_policy_has_no_warnings_but_of_its_one_conflict_and_names_its_inputs() {
    let policy = full();
    // A limit of requests under way stands beside domains that nobody tells the end of requests for.
    let mut warnings = policy.warnings().iter();
    assert!(
        warnings.all(|found| found.message.starts_with("limit `at-once` counts requests")),
        "{}",
        policy.warnings()
    );
    let names: Vec<_> = policy
        .inputs()
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["full.yaml", "openapi.yaml"]);
}

#[test]
fn identity_is_as_written() {
    let policy = full();
    let identity = policy.identity();
    let [login, discovered, file, inline, secret] = identity.issuers.as_slice() else {
        panic!("five issuers")
    };
    assert_eq!(login.audiences, ["https://api.example.com", "mobile"]);
    assert_eq!(login.claims.plan.as_deref(), Some("realm.plan"));
    assert_eq!(login.max_lifetime, Duration::from_secs(86_400));
    assert!(!login.allow_private_addresses);
    assert_eq!(discovered.keys, KeySource::Discovery);
    assert_eq!(
        discovered.algorithms,
        [Algorithm::EdDSA, Algorithm::Es256, Algorithm::Rs256]
    );
    assert_eq!(discovered.leeway, Duration::from_secs(60));
    assert!(matches!(&file.keys, KeySource::File(path) if path.ends_with("tests/keys/jwks.json")));
    assert!(matches!(&inline.keys, KeySource::Inline(text) if text.contains("\"kty\":\"OKP\"")));
    assert!(
        matches!(&secret.keys, KeySource::SecretFile(path) if path.ends_with("keys/hs256.key"))
    );
    assert_eq!(login.claims.client.as_deref(), Some("client_id"));
    assert_eq!(identity.token_cookie.as_deref(), Some("access_token"));
    let failures = identity.failed_verifications.as_ref().unwrap();
    assert_eq!(failures.amount.to_string(), "20/s burst 200");
    let pace = identity.refusal_pace.unwrap();
    assert_eq!(
        (pace.rate.to_string().as_str(), pace.burst.get()),
        ("20/s", 20)
    );
    let api_keys = identity.api_keys.as_ref().unwrap();
    assert_eq!(api_keys.header, "x-api-key");
    assert!(api_keys.file.ends_with("tests/keys/api-keys.txt"));
    assert_eq!(identity.trusted_proxies.len(), 3);
    assert_eq!(identity.trusted_hops, Some(2));
    let anonymous = identity.anonymous.as_ref().unwrap();
    assert_eq!(Some(anonymous.plan), policy.plan_named("anonymous"));
    let certificates = identity.client_certificates.unwrap();
    assert_eq!(certificates.subject, CertificateSubject::SanUri);
    assert_eq!(certificates.plan, policy.plan_named("premium"));
}

#[test]
fn the_edge_is_as_written() {
    let policy = full();
    let edge = policy.edge().unwrap();
    assert_eq!((edge.id_header.as_str(), edge.after), ("x-bucket-id", true));
    let before = edge.before.as_ref().unwrap();
    assert_eq!(before.path, "/my-ids");
    assert_eq!(before.cookie.as_deref(), Some("bucket_id"));
    assert_eq!(before.without_id, policy.plan_named("anonymous"));
    assert_eq!(before.count_by, CountBy::IdAndAddress);
    let per_network = before.per_network.as_ref().unwrap();
    assert_eq!(per_network.amount.to_string(), "5/s burst 50");
    let pass = edge.pass.as_ref().unwrap();
    assert_eq!(pass.header.as_deref(), Some("x-pass"));
    assert_eq!(pass.cookie.as_deref(), Some("pass"));
    assert_eq!(pass.lifetime, Duration::from_secs(300));
}

#[test]
fn notices_go_where_they_are_sent() {
    let policy = full();
    let notices = policy.notices().unwrap();
    let webhook = notices.webhook.as_ref().unwrap();
    assert_eq!(webhook.url, "https://billing.example.com/tollgate?tenant=1");
    assert!(webhook.secrets_file.ends_with("tests/keys/webhook.secrets"));
    let email = notices.email.as_ref().unwrap();
    let server = &email.server;
    assert_eq!(
        (server.host.as_str(), server.port, server.tls),
        ("mail.example.com", 465, MailTls::Wrapped)
    );
    let login = email.login.as_ref().unwrap();
    assert_eq!(login.user, "tollgate");
    assert!(login.password_file.ends_with("tests/keys/smtp.password"));
    assert_eq!(email.to, ["ops@example.com", "billing@example.com"]);
    assert!(email.templates.as_ref().unwrap().ends_with("tests/mail"));
    assert!(notices.stdout);
}

#[test]
fn a_route_s_limit_replaces_the_plan_s_of_the_same_name() {
    let policy = full();
    let standard = policy.plan_named("standard").unwrap();
    assert_eq!(policy.default_plan(), standard);
    let limits = |method: &str, path: &str| {
        let id = policy.routes().classify(method, path);
        let limits = policy.limits(standard, id).iter();
        limits
            .map(|limit| format!("{} {}", limit.name, limit.amount))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        limits("GET", "/items"),
        ["burst 100/s burst 200", "total 5000/h burst 5000"]
    );
    assert_eq!(
        limits("POST", "/items"),
        ["total 5000/h burst 5000", "burst 10/s burst 10"]
    );
    assert_eq!(
        limits("DELETE", "/v2/orders/7"),
        [
            "burst 100/s burst 200",
            "total 5000/h burst 5000",
            "deletes 30/90s burst 30"
        ]
    );
    assert_eq!(
        limits("GET", "/nothing/here"),
        ["total 5000/h burst 5000", "burst 20/s burst 20"]
    );
    let total = &policy.limits(standard, RouteId::UNMATCHED)[0];
    assert_eq!(
        (total.per, total.across, total.mode),
        (Per::Account, Across::AllRoutes, Mode::Shadow)
    );
    let plan = &policy.plans()[usize::from(standard.0)];
    assert_eq!((&*plan.class, plan.headers.len()), ("std", 2));
    assert_eq!(&*policy.plans()[0].class, "anonymou");
}

#[test]
fn routes_are_listed_imported_and_marked() {
    let policy = full();
    let route = |method: &str, path: &str| {
        policy
            .routes()
            .get(policy.routes().classify(method, path))
            .to_string()
    };
    assert_eq!(route("GET", "/v2/orders/7/"), "GET /v2/orders/{order_id}");
    assert_eq!(
        route("POST", "/v2/orders/7:cancel"),
        "POST /v2/orders/{order_id}:cancel"
    );
    assert_eq!(
        route("GET", "/v2/files/a.b.c"),
        "GET /v2/files/{name}.{ext}"
    );
    assert_eq!(route("PATCH", "/static/a/b"), "ANY /static/{path+}");
    assert_eq!(route("GET", "/orders/7"), "*");
    let free: Vec<String> = policy
        .routes()
        .iter()
        .filter(|(_, route)| route.never_block)
        .map(|(_, route)| route.to_string())
        .collect();
    assert_eq!(free, ["GET /billing", "POST /plan"]);
}

#[test]
fn what_envoy_asks_is_as_written() {
    let policy = full();
    let grpc = policy.grpc().unwrap();
    assert_eq!(grpc.listener.address.port(), 8091);
    assert!(grpc.listener.tls.as_ref().unwrap().clients.is_some());
    let names: Vec<&str> = grpc.domains.iter().map(|domain| &*domain.name).collect();
    assert_eq!(names, ["edge", "apis", "messages"]);
    let kinds = [AskedIdentity::Token, AskedIdentity::Verified];
    for (domain, kind) in grpc.domains.iter().zip(kinds) {
        assert_eq!(domain.kind, DomainKind::Policy(kind));
    }
    let DomainKind::Rules(rules) = &grpc.domains[2].kind else {
        panic!("{:?}", grpc.domains[2]);
    };
    assert_eq!(rules[0].value, RuleValue::Exact("marketing".into()));
    assert_eq!(rules[0].limit, None);
    let daily = rules[0].nested[0].limit.as_ref().unwrap();
    let five = DescriptorAmount::PerUnit(5, WindowUnit::Day);
    assert_eq!(
        (daily.amount, daily.name.as_deref()),
        (five, Some("marketing"))
    );
    assert_eq!(rules[1].value, RuleValue::Prefix("+1".into()));
    assert!(rules[1].share_threshold);
    let shared = rules[1].limit.as_ref().unwrap();
    assert_eq!(shared.mode, DescriptorMode::Shadow);
    assert_eq!(shared.replaces, ["marketing".into()]);
    let free = rules[2].limit.as_ref().unwrap();
    assert_eq!(
        (free.amount, free.mode),
        (DescriptorAmount::Unlimited, DescriptorMode::Quota)
    );
}

#[test]
fn the_rest_is_as_written() {
    let policy = full();
    assert_eq!(policy.listeners().len(), 2);
    let tls = policy.listeners()[1].tls.as_ref().unwrap();
    assert!(tls.key.ends_with("tests/tls/key.pem"));
    let clients = tls.clients.as_ref().unwrap();
    assert!(clients.ca.ends_with("tests/tls/clients.pem"));
    assert_eq!(clients.auth, ClientAuth::Optional);
    assert_eq!(policy.admin().unwrap().port(), 9901);
    let admin_api = policy.admin_api().unwrap();
    assert_eq!(admin_api.listener.address.port(), 9902);
    assert!(admin_api.listener.tls.is_some());
    assert!(admin_api.keys.ends_with("admin-keys"));
    let check = policy.check_endpoint().unwrap();
    assert_eq!(check.listener.address.port(), 8082);
    assert!(check.listener.tls.as_ref().unwrap().clients.is_some());
    for (peer, trusted) in [
        ("127.0.0.1", true),
        ("::ffff:10.1.2.3", true),
        ("10.2.0.1", false),
        ("::2", false),
    ] {
        assert_eq!(check.trusts(peer.parse().unwrap()), trusted, "{peer}");
    }
    assert_eq!(policy.origin().endpoints[1].host, "::1");
    assert_eq!(policy.responses().style, HeaderStyle::Draft10);
    assert_eq!(policy.forwarding().subject.as_deref(), Some("x-user"));
    assert_eq!(policy.forwarding().forwarded, ForwardedStyle::Both);
    assert!(!policy.forwarding().forward_authorization);
    assert_eq!(policy.sizes().body_bytes, Some(10 << 20));
    assert_eq!(policy.observability().access_log, AccessLog::Stdout);
    assert_eq!(
        policy.observability().otlp.as_ref().unwrap().service_name,
        "orders-gateway"
    );
}

#[test]
fn tests_are_read_in_both_forms() {
    let policy = full();
    let [compact, steps, anonymous] = policy.tests() else {
        panic!("three tests")
    };
    assert_eq!(compact.name, "test 1");
    assert_eq!(
        (compact.steps[0].count, compact.steps[0].path.as_str()),
        (11, "/items")
    );
    assert_eq!(compact.expect_total.unwrap().limited, Some(1));
    let [first, second, third] = steps.steps.as_slice() else {
        panic!("three steps")
    };
    assert_eq!(
        first.expect.as_ref().unwrap().route.as_deref(),
        Some("POST /items")
    );
    assert_eq!(second.at, Duration::from_millis(50));
    let expect = second.expect.as_ref().unwrap();
    assert_eq!(expect.verdict, Some(ExpectedVerdict::Limit));
    assert_eq!(expect.retry_after, Some(Duration::from_millis(50)));
    assert_eq!(
        (third.query.as_deref(), third.cost),
        (Some("page=2"), Some(1))
    );
    assert!(matches!(&third.caller, Some(TestCaller::User { sub, .. }) if sub == "u2"));
    let ip: IpAddr = "192.0.2.1".parse().unwrap();
    assert_eq!(anonymous.caller, TestCaller::Anonymous { ip: Some(ip) });
    assert!(steps.line > compact.line);
}

#[test]
fn requests_are_spread_evenly() {
    let text = "tollgate: 1\norigin: http://127.0.0.1:9000\nidentity: {anonymous: {plan: a}}\n\
                plans: {a: {limits: [{name: b, rate: 1/s}]}}\n\
                tests: [{as: anonymous, send: 60 x GET / in 1min, expect: {limited: 0}}]\n";
    let policy =
        Policy::parse("p.yaml", text, Path::new(".")).unwrap_or_else(|found| panic!("{found}"));
    let step = &policy.tests()[0].steps[0];
    let times: Vec<u128> = [0, 1, 59]
        .map(|number| step.time_of(number).as_millis())
        .to_vec();
    assert_eq!(times, [0, 1_000, 59_000]);
}

#[test]
fn json_is_read_like_yaml() {
    let text = r#"{"tollgate": 1, "origin": {"urls": ["http://127.0.0.1:9000"]},
        "identity": {"anonymous": {"plan": "a"}},
        "plans": {"a": {"limits": [{"name": "b", "rate": "1/s"}], "routes": {"GET /x/{id}": [{"name": "b", "rate": "2/s"}]}}}}"#;
    let policy =
        Policy::parse("p.json", text, Path::new(".")).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(policy.routes().len(), 2);
}

#[test]
fn the_smallest_policy_has_defaults() {
    let text = "tollgate: 1\norigin: http://127.0.0.1:9000\nidentity: {anonymous: {plan: a}}\nplans:\n  a:\n    routes:\n      POST /x: [{name: b, rate: 1/s}]\n";
    let policy =
        Policy::parse("p.yaml", text, Path::new(".")).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(
        policy.listeners()[0].address,
        "127.0.0.1:8080".parse().unwrap()
    );
    assert_eq!(policy.admin(), Some("127.0.0.1:9901".parse().unwrap()));
    assert_eq!(
        policy.responses().rate_limit_path.as_deref(),
        Some("/rate_limit")
    );
    assert_eq!(policy.routes().len(), 2, "what plans name is what there is");
    assert_eq!(
        policy.default_plan(),
        policy.identity().anonymous.as_ref().unwrap().plan
    );
}

/// As far as the policy's schema goes: what it does not use is a failure, so that nothing is passed
/// over.
fn mismatches(
    value: &serde_json::Value,
    schema: &serde_json::Value,
    root: &serde_json::Value,
    at: &str,
    out: &mut Vec<String>,
) {
    let Some(schema) = schema.as_object() else {
        return;
    };
    for (key, rule) in schema {
        let fits = match key.as_str() {
            "$schema" | "$defs" | "title" | "description" | "examples" | "format" | "default"
            | "required" => true,
            "$ref" => {
                let target = root
                    .pointer(rule.as_str().unwrap().trim_start_matches('#'))
                    .expect("reference");
                mismatches(value, target, root, at, out);
                true
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|form| {
                let mut inner = Vec::new();
                mismatches(value, form, root, at, &mut inner);
                inner.is_empty()
            }),
            "type" => {
                let kinds = rule
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| vec![rule.clone()]);
                kinds.iter().any(|kind| match kind.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("unknown type {other}"),
                })
            }
            "enum" => rule.as_array().unwrap().contains(value),
            "const" => rule == value,
            "minimum" => value
                .as_f64()
                .is_none_or(|value| value >= rule.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|value| value <= rule.as_f64().unwrap()),
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    mismatches(item, rule, root, at, out);
                }
                true
            }
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if let Some(rule) = rule.get(name) {
                        mismatches(inner, rule, root, &format!("{at}.{name}"), out);
                    }
                }
                true
            }
            "additionalProperties" => {
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .all(|(name, inner)| {
                        if schema
                            .get("properties")
                            .is_some_and(|known| known.get(name).is_some())
                        {
                            return true;
                        }
                        if rule.is_object() {
                            mismatches(inner, rule, root, &format!("{at}.{name}"), out);
                        }
                        rule != &serde_json::Value::Bool(false)
                    })
            }
            other => panic!("the schema uses `{other}`, which this test does not know"),
        };
        if !fits {
            out.push(format!("{at}: {key} {rule}"));
        }
    }
    for name in schema
        .get("required")
        .and_then(|names| names.as_array())
        .into_iter()
        .flatten()
    {
        if value
            .as_object()
            .is_some_and(|object| !object.contains_key(name.as_str().unwrap()))
        {
            out.push(format!("{at}: {name} is missing"));
        }
    }
}

fn full_as_json() -> serde_json::Value {
    let text = include_str!("full.yaml");
    serde_saphyr::from_str_with_options(text, serde_saphyr::options! { strict_booleans: true })
        .unwrap()
}

#[test]
fn the_full_policy_fits_the_schema() {
    let schema = json_schema();
    let mut found = Vec::new();
    mismatches(&full_as_json(), &schema, &schema, "", &mut found);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_schema_refuses_unknown_keys_and_wrong_kinds() {
    let schema = json_schema();
    for (pointer, value) in [
        ("/limts", serde_json::json!(1)),
        ("/plans/standard/limts", serde_json::json!([])),
        (
            "/plans/standard/limits/0/on_exceed",
            serde_json::json!("shout"),
        ),
        ("/mode", serde_json::json!("enforced")),
        ("/counting/users", serde_json::json!(0)),
        ("/tollgate", serde_json::json!(2)),
    ] {
        let mut policy = full_as_json();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        policy.pointer_mut(parent).unwrap()[key] = value;
        let mut found = Vec::new();
        mismatches(&policy, &schema, &schema, "", &mut found);
        assert!(!found.is_empty(), "{pointer}");
    }
}

#[test]
fn every_key_is_documented_and_shown_in_the_full_policy() {
    fn keys(schema: &serde_json::Value, out: &mut BTreeSet<String>) {
        if let Some(properties) = schema
            .get("properties")
            .and_then(|properties| properties.as_object())
        {
            for (name, rule) in properties {
                assert!(
                    rule.get("description").is_some(),
                    "`{name}` has no documentation"
                );
                out.insert(name.clone());
            }
        }
        match schema {
            serde_json::Value::Object(members) => {
                members.values().for_each(|member| keys(member, out))
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, out)),
            _ => {}
        }
    }
    fn used(value: &serde_json::Value, out: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(members) => members.iter().for_each(|(name, member)| {
                out.insert(name.clone());
                used(member, out);
            }),
            serde_json::Value::Array(items) => items.iter().for_each(|item| used(item, out)),
            _ => {}
        }
    }
    let (mut known, mut shown) = (BTreeSet::new(), BTreeSet::new());
    keys(&json_schema(), &mut known);
    used(&full_as_json(), &mut shown);
    let missing: Vec<_> = known.difference(&shown).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn api_keys_alone_let_somebody_through_and_need_a_default_among_plans() {
    let parse = |rest: &str| {
        let text = format!(
            "tollgate: 1\norigin: http://127.0.0.1:9000\nidentity: {{api_keys: {{file: keys.txt}}}}\n{rest}"
        );
        Policy::parse("tollgate.yaml", &text, Path::new("etc"))
    };
    let one = "plans: {free: {}}\ntests:\n  - {as: {sub: job, issuer: 'urn:tollgate:api-key'}, send: GET /items, expect: {allowed: 1}}\n";
    let policy = parse(one).unwrap_or_else(|found| panic!("{found}"));
    let keys = policy.identity().api_keys.as_ref().unwrap();
    assert_eq!(keys.header, "x-api-key");
    assert_eq!(keys.file, Path::new("etc/keys.txt"));
    let found = parse("plans: {free: {}, gold: {}}\n").unwrap_err();
    let codes: Vec<_> = found.iter().map(|found| found.code).collect();
    assert_eq!(codes, ["TG0033"], "{found}");
}
