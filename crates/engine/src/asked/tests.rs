use std::path::Path;

use http::{HeaderMap, HeaderValue, Method};
use tollgate_limiter::{Nanos, Now};
use tollgate_policy::{Policy, Template};

use super::*;
use crate::{Engine, EngineOptions, Outcome, Principal, RequestHead, Verdict};

const POLICY: &str = "
tollgate: 1
origin: http://127.0.0.1:9
identity: {anonymous: {plan: free}}
routes:
  - GET /orders/{order_id}
  - ANY /items/{id}
  - GET /orders/export
plans:
  free: {limits: [{name: one, window: 1/min}]}
default_plan: free
";

fn engine() -> std::sync::Arc<Engine> {
    let policy = Policy::parse("tollgate.yaml", POLICY, Path::new(".")).unwrap();
    Engine::new(policy, EngineOptions::default()).unwrap()
}

fn decide(engine: &Engine, method: &Method, path: &str, asked: Asked<'_>) -> crate::Decision {
    decide_with(engine, method, path, asked, &HeaderMap::new())
}

fn decide_with(
    engine: &Engine,
    method: &Method,
    path: &str,
    asked: Asked<'_>,
    headers: &HeaderMap,
) -> crate::Decision {
    let head = RequestHead {
        method,
        path,
        query: None,
        headers,
        peer: [192, 0, 2, 1].into(),
        certificate: None,
    };
    let now = Now {
        mono: Nanos::from_secs(1_000),
        unix_ms: 1_800_000_000_000,
    };
    match engine.decide_as(&head, asked, now) {
        Outcome::Decided(decision) => decision,
        Outcome::AwaitKeys(_) => panic!("no keys are wanted"),
    }
}

#[test]
fn a_template_names_the_route_whatever_its_parameters_are_called() {
    let engine = engine();
    let named = |method: &Method, template: &str, path: &str| {
        let template = Template::parse(template).unwrap();
        let asked = Asked {
            template: Some(&template),
            counting: Counting::Nothing,
            ..Asked::default()
        };
        let decision = decide(&engine, method, path, asked);
        let routes = decision.snapshot.policy().routes();
        routes.get(decision.route).to_string()
    };
    // The one who forwards has matched: a path that looks like another route does not matter.
    let order = "GET /orders/{order_id}";
    assert_eq!(named(&Method::GET, "/orders/{id}", "/orders/export"), order);
    assert_eq!(named(&Method::GET, "/orders/{id}", "/prod/orders/7"), order);
    assert_eq!(named(&Method::HEAD, "/orders/{id}", "/orders/7"), order);
    assert_eq!(
        named(&Method::PUT, "/items/{x}", "/items/1"),
        "ANY /items/{id}"
    );
    // What the policy does not have by this name goes by its path.
    assert_eq!(named(&Method::GET, "/{proxy+}", "/orders/7"), order);
    assert_eq!(named(&Method::POST, "/orders/{id}", "/orders/7"), "*");
}

#[test]
fn what_is_not_counted_takes_nothing_and_is_never_limited() {
    let engine = engine();
    let free = Asked {
        counting: Counting::Nothing,
        ..Asked::default()
    };
    for _ in 0..5 {
        let decision = decide(&engine, &Method::GET, "/orders/1", free);
        assert!(matches!(decision.verdict, Verdict::Allow));
        assert!(matches!(decision.principal, Principal::Anonymous(_)));
    }
    let charged = |count| {
        let decision = decide(&engine, &Method::GET, "/orders/1", Asked::default());
        assert_eq!(matches!(decision.verdict, Verdict::Allow), count == 1);
    };
    charged(1);
    charged(2);
    let decision = decide(&engine, &Method::GET, "/orders/1", free);
    assert!(matches!(decision.verdict, Verdict::Allow));
}

#[test]
fn bad_tokens_are_refused_without_end_where_nothing_is_counted() {
    let issuer = "{issuers: [{issuer: 'https://login.example.com', audience: a, algorithms: [EdDSA], \
                  jwks: 'https://login.example.com/keys'}]}";
    let text = POLICY.replace("{anonymous: {plan: free}}", issuer);
    let policy = Policy::parse("tollgate.yaml", &text, Path::new(".")).unwrap();
    let engine = Engine::new(policy, EngineOptions::default()).unwrap();
    let mut labels = std::collections::BTreeSet::new();
    // Others in the second round: what is remembered as bad is refused free of charge.
    for (counting, serials) in [
        (Counting::Nothing, 1000..1300),
        (Counting::Charge, 2000..2300),
    ] {
        for serial in serials {
            let mut headers = HeaderMap::new();
            let token = format!("Bearer e30.e30.{serial}");
            headers.insert("authorization", HeaderValue::try_from(token).unwrap());
            let asked = Asked {
                counting,
                ..Asked::default()
            };
            let decision = decide_with(&engine, &Method::GET, "/orders/1", asked, &headers);
            labels.insert((
                counting == Counting::Charge,
                format!("{:?}", decision.label()),
            ));
        }
    }
    let expected = [
        (false, "Unauthenticated"),
        (true, "Limit"),
        (true, "Unauthenticated"),
    ];
    assert_eq!(
        labels,
        expected
            .map(|(counted, label)| (counted, label.to_owned()))
            .into()
    );
}

#[test]
fn a_look_says_what_would_become_of_a_request_and_takes_nothing() {
    let engine = engine();
    let look = Asked {
        counting: Counting::Look,
        ..Asked::default()
    };
    let verdict = |asked| decide(&engine, &Method::GET, "/orders/1", asked).verdict;
    for _ in 0..3 {
        assert!(matches!(verdict(look), Verdict::Allow));
    }
    assert!(matches!(verdict(Asked::default()), Verdict::Allow));
    assert!(matches!(verdict(look), Verdict::Limit { .. }));
}

#[test]
fn what_a_request_is_asked_to_cost_is_taken_instead_of_the_limits_own() {
    let engine = engine();
    let costing = |cost| Asked {
        cost,
        ..Asked::default()
    };
    let decided = |cost| decide(&engine, &Method::GET, "/orders/1", costing(cost));
    let never = decided(Some(2)).verdict;
    assert!(matches!(never, Verdict::Limit { retry_after: None }));
    let free = decided(Some(0));
    assert_eq!(free.limits.iter().next().unwrap().reading.remaining, 1);
    let one = decided(None);
    assert_eq!(one.limits.iter().next().unwrap().reading.remaining, 0);
}

#[test]
fn what_cannot_be_put_right_by_whoever_forwards_is_refused_before_it_is_counted() {
    let engine = engine();
    let forged = |name: &'static str| {
        let field = (
            http::HeaderName::from_static(name),
            HeaderValue::from_static("x"),
        );
        HeaderMap::from_iter([field])
    };
    let none = HeaderMap::new();
    let own = forged("x-tollgate-subject");
    let folded = forged("x_tollgate_subject");
    let limit = forged("ratelimit-remaining");
    for (path, headers, forwarding, expected) in [
        ("/orders//1", &none, Forwarding::AsDecided, None),
        ("/orders//1", &none, Forwarding::PathAsSent, Some("path")),
        ("/orders//1", &none, Forwarding::AsSent, Some("path")),
        ("/orders/1", &none, Forwarding::AsSent, None),
        ("/orders/1", &own, Forwarding::AsSent, None),
        ("/orders/1", &folded, Forwarding::PathAsSent, None),
        ("/orders/1", &folded, Forwarding::AsSent, Some("claim")),
        ("/orders/1", &limit, Forwarding::AsSent, Some("claim")),
    ] {
        let asked = Asked {
            forwarding,
            cost: Some(0),
            ..Asked::default()
        };
        let decision = decide_with(&engine, &Method::GET, path, asked, headers);
        let refused = match decision.verdict {
            Verdict::BadRequest(Rejection::Rewritten) => Some("path"),
            Verdict::BadRequest(Rejection::Claim) => Some("claim"),
            _ => None,
        };
        assert_eq!(refused, expected, "{path} {headers:?} {forwarding:?}");
        assert_eq!(decision.limits.iter().next().is_none(), refused.is_some());
    }
}

#[test]
fn identity_fields_that_do_not_apply_are_there_and_empty() {
    let engine = engine();
    let decision = decide(&engine, &Method::GET, "/orders/1", Asked::default());
    let mut fields = HeaderMap::new();
    decision.identity_fields(&mut fields);
    assert_eq!(fields["x-tollgate-subject"], "");
    assert_eq!(fields["x-tollgate-account"], "");
    assert_eq!(fields["x-tollgate-plan"], "free");
}
