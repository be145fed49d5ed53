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
                template: None,
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
