//! What is accepted with a warning, and how modes and defaults combine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::path::Path;

use tollgate_policy::{CertificateSubject, ClientAuth, KeySource, Mode, Policy, RouteId, Severity};

const HEAD: &str = "tollgate: 1\norigin: http://127.0.0.1:9000\n";

fn parse(rest: &str) -> Policy {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    Policy::parse("policy.yaml", &format!("{HEAD}{rest}"), &base)
        .unwrap_or_else(|found| panic!("{found}"))
}

/// Code, line, help.
fn warnings(policy: &Policy) -> Vec<(&'static str, usize, &str)> {
    let all = policy.warnings().iter();
    all.map(|found| {
        assert_eq!(found.severity, Severity::Warning);
        (found.code, found.line, found.help.as_deref().unwrap())
    })
    .collect()
}

#[test]
fn what_a_route_says_beyond_its_meaning_is_told() {
    let policy = parse(
        "identity: {anonymous: {plan: free}}
plans: {free: {}}
routes:
  - GTE /a
  - GET /b#top
  - GET /c?x={x}
  - GET /d//e
  - GET /f/:id
",
    );
    assert_eq!(
        warnings(&policy),
        [
            ("TG0021", 6, "did you mean `GET /a`?"),
            ("TG0023", 7, "write `GET /b`"),
            ("TG0023", 8, "write `GET /c`"),
            ("TG0023", 9, "write single slashes"),
            (
                "TG0023",
                10,
                "write a parameter as `{name}`; for the text, write `%3A`"
            ),
        ]
    );
    let id = policy.routes().classify("GET", "/d/e");
    assert_eq!(policy.routes().get(id).to_string(), "GET /d//e");
}

#[test]
fn what_envoy_s_questions_cannot_be_held_to_is_told() {
    let policy = parse(
        "identity: {anonymous: {plan: free}}
plans: {free: {limits: [{name: slow, concurrency: 5}]}}
grpc:
  listen: 0.0.0.0:8081
  domains:
    edge: {identity: token}
    other: {descriptors: [{key: a}]}
",
    );
    assert_eq!(
        warnings(&policy),
        [
            (
                "TG0042",
                6,
                "add `client_ca: envoys.pem` to `tls`, or listen on `127.0.0.1:8081`"
            ),
            (
                "TG0042",
                8,
                "write a `rate` for what comes through Envoy, or let Tollgate forward it"
            ),
        ]
    );
}

#[test]
fn trusting_everybody_s_word_is_told() {
    let policy = parse(
        "identity:
  anonymous: {plan: free, trusted_proxies: [\"::/0\"]}
  trusted_proxies: [0.0.0.0/0, 10.0.0.0/8]
plans: {free: {}}
",
    );
    let codes: Vec<_> = warnings(&policy)
        .iter()
        .map(|found| (found.0, found.1))
        .collect();
    assert_eq!(codes, [("TG0026", 4), ("TG0026", 5)]);
    assert_eq!(policy.identity().trusted_proxies.len(), 3);
}

#[test]
fn a_check_endpoint_that_is_too_open_or_closed_to_proxies_is_told() {
    let found = |check: &str| {
        let policy = parse(&format!(
            "check: {check}\nidentity: {{anonymous: {{plan: free}}}}\nplans: {{free: {{}}}}\n"
        ));
        let codes = warnings(&policy).into_iter().map(|found| found.0);
        codes.collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(found("{}"), none);
    let under_way = parse(
        "check: {}
identity: {anonymous: {plan: free}}
plans: {free: {limits: [{name: at_once, concurrency: 2}]}}
",
    );
    assert_eq!(warnings(&under_way)[0].0, "TG0042");
    assert_eq!(found("{listen: 10.0.0.4:8082}"), ["TG0042", "TG0026"]);
    assert_eq!(
        found("{listen: 10.0.0.4:8082, trusted_peers: [0.0.0.0/0], tls: {cert: a, key: b}}"),
        ["TG0026"]
    );
    assert_eq!(
        found("{listen: 10.0.0.4:8082, trusted_peers: [10.0.0.5], tls: {cert: a, key: b}}"),
        none
    );
}

#[test]
fn an_import_tells_of_its_base_path_and_of_what_is_listed_twice() {
    let policy = parse(
        "identity: {anonymous: {plan: free}}
plans: {free: {}}
routes:
  openapi: openapi.yaml
  list: [\"GET /orders/{id}\", GET /mine]
",
    );
    let found: Vec<_> = policy
        .warnings()
        .iter()
        .map(|found| (found.code, found.line, found.file.ends_with("openapi.yaml")))
        .collect();
    assert_eq!(found, [("TG0022", 7, false), ("TG0037", 4, true)]);
    assert_eq!(policy.routes().len(), 8);
}

#[test]
fn a_claimed_plan_that_is_none_is_told_but_allowed() {
    let policy = parse(
        "identity: {issuers: [{issuer: https://a.example.com, audience: x}]}
plans: {free: {limits: [{name: burst, rate: 1/s}]}}
tests: [{as: {sub: u, plan: fre}, send: GET /, expect: {allowed: 1}}]
",
    );
    assert_eq!(warnings(&policy), [("TG0010", 5, "did you mean `free`?")]);
}

#[test]
fn the_least_strict_mode_is_in_force() {
    for (policy, plan, limit, expected) in [
        ("enforce", "enforce", "enforce", Some(Mode::Enforce)),
        ("shadow", "enforce", "enforce", Some(Mode::Shadow)),
        ("enforce", "shadow", "enforce", Some(Mode::Shadow)),
        ("enforce", "enforce", "shadow", Some(Mode::Shadow)),
        ("shadow", "off", "enforce", None),
        ("off", "enforce", "enforce", None),
        ("enforce", "enforce", "off", None),
    ] {
        let policy = parse(&format!(
            "mode: {policy}
identity: {{anonymous: {{plan: free}}}}
plans: {{free: {{mode: {plan}, limits: [{{name: burst, rate: 1/s, mode: {limit}}}]}}}}
"
        ));
        let limits = policy.limits(policy.default_plan(), RouteId::UNMATCHED);
        assert_eq!(limits.first().map(|limit| limit.mode), expected);
    }
}

#[test]
fn a_limit_that_is_off_on_a_route_takes_the_plan_s_away() {
    let policy = parse(
        "identity: {anonymous: {plan: free}}
plans:
  free:
    limits: [{name: burst, rate: 1/s}, {name: day, rate: 9/d}]
    routes:
      GET /free: [{name: burst, rate: 1/s, mode: off}]
",
    );
    let id = policy.routes().classify("GET", "/free");
    let names = |id| {
        let limits = policy.limits(policy.default_plan(), id).iter();
        limits
            .map(|limit| limit.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(id), ["day"]);
    assert_eq!(names(RouteId::UNMATCHED), ["burst", "day"]);
}

#[test]
fn the_default_plan_is_the_only_one_or_the_anonymous_one_without_issuers() {
    let only = parse(
        "identity: {issuers: [{issuer: https://a.example.com, audience: x}]}\nplans: {gold: {}}\n",
    );
    assert_eq!(only.plan_named("gold"), Some(only.default_plan()));
    let anonymous = parse("identity: {anonymous: {plan: b}}\nplans: {a: {}, b: {}}\n");
    assert_eq!(anonymous.plan_named("b"), Some(anonymous.default_plan()));
}

#[test]
fn keys_of_this_machine_may_be_fetched_plainly() {
    let policy = parse(
        "identity:
  issuers:
    - {issuer: http://127.0.0.1:7000, audience: x}
    - {issuer: b, audience: x, jwks: http://localhost:7000/jwks}
    - {issuer: c, audience: x, jwks: http://keys.internal/jwks, allow_private_addresses: true}
    - {issuer: d, audience: x, jwks: https://10.1.2.3/jwks}
    - {issuer: e, audience: x, jwks: https://keys.example.com/jwks}
plans: {free: {}}
",
    );
    let issuers = &policy.identity().issuers;
    let private: Vec<bool> = issuers
        .iter()
        .map(|issuer| issuer.allow_private_addresses)
        .collect();
    assert_eq!(private, [true, true, true, true, false]);
    assert_eq!(issuers[0].keys, KeySource::Discovery);
    assert!(policy.warnings().is_empty());
}

const MUTUAL: &str =
    "listen: {address: '127.0.0.1:0', tls: {cert: c.pem, key: k.pem, client_ca: ca.pem";

#[test]
fn client_certificates_are_identity_enough() {
    let policy = parse(&format!(
        "{MUTUAL}}}}}
identity: {{client_certificates: {{}}}}
plans: {{free: {{}}}}
tests:
  - {{as: {{sub: 'spiffe://example.org/a'}}, send: GET /, expect: {{allowed: 1}}}}
"
    ));
    assert_eq!(warnings(&policy), []);
    let clients = policy.listeners()[0].tls.as_ref().unwrap().clients.as_ref();
    let clients = clients.unwrap();
    assert!(clients.ca.ends_with("tests/ca.pem"));
    assert_eq!(clients.auth, ClientAuth::Required);
    let certificates = policy.identity().client_certificates.unwrap();
    assert_eq!(certificates.subject, CertificateSubject::SanUri);
    assert_eq!(certificates.plan, None);
}

#[test]
fn a_plan_for_every_caller_leaves_nothing_to_a_default() {
    let policy = parse(&format!(
        "{MUTUAL}}}}}
identity: {{client_certificates: {{plan: services}}, anonymous: {{plan: free}}}}
plans: {{free: {{}}, services: {{}}}}
"
    ));
    assert_eq!(warnings(&policy), []);
}

#[test]
fn certificates_that_nobody_needs_and_nobody_uses_are_told() {
    let rest = "
identity: {anonymous: {plan: free}}
plans: {free: {}}
";
    let policy = parse(&format!("{MUTUAL}, client_auth: optional}}}}{rest}"));
    let help = "add `client_certificates: {}` to `identity`, or write `required`";
    assert_eq!(warnings(&policy), [("TG0042", 3, help)]);
    // As a lock on the door they are good for something.
    let policy = parse(&format!("{MUTUAL}}}}}{rest}"));
    assert_eq!(warnings(&policy), []);
}
