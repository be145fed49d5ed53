//! What the world does to a route classifier, and what it gets: one bucket, the route `*`, or 400.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::collections::BTreeSet;
use std::path::Path;

use tollgate_policy::{PathError, Policy, RouteId, normalize};

fn policy() -> Policy {
    let text = r#"
tollgate: 1
origin: http://127.0.0.1:9000
identity: {anonymous: {plan: free}}
plans: {free: {}}
routes:
  - GET /orders
  - GET /orders/{order_id}
  - POST /orders/{order_id}:cancel
  - GET /orders/new
  - GET /reports/{name}.{format}
  - ANY /static/{path+}
  - POST /pkg.Svc/Method
  - POST /helloworld.Greeter/SayHello
"#;
    Policy::parse("policy.yaml", text, Path::new(".")).unwrap_or_else(|found| panic!("{found}"))
}

/// The route of a path as sent, or why it is refused.
fn route(policy: &Policy, method: &str, raw: &str) -> Result<String, PathError> {
    let path = normalize(raw)?;
    Ok(policy
        .routes()
        .get(policy.routes().classify(method, &path))
        .to_string())
}

#[test]
fn case_061_a_million_paths_are_one_route() {
    let policy = policy();
    let routes: BTreeSet<RouteId> = (1..=1_000_000_u32)
        .step_by(997)
        .map(|id| policy.routes().classify("GET", &format!("/orders/{id}")))
        .collect();
    assert_eq!(routes.len(), 1);
    assert!(!routes.contains(&RouteId::UNMATCHED));
}

#[test]
fn case_062_other_spellings_are_the_same_route_or_none() {
    let policy = policy();
    for raw in [
        "/orders",
        "/orders/",
        "/%6frders",
        "/%6F%72ders",
        "//orders",
        "/x/../orders",
        "/./orders",
        "///orders//",
    ] {
        assert_eq!(route(&policy, "GET", raw).unwrap(), "GET /orders", "{raw}");
    }
    for raw in [
        "/orders/1",
        "//orders/1",
        "/orders/%31",
        "/orders/1/",
        "/orders/./1",
        "/orders/1%3Fx",
    ] {
        assert_eq!(
            route(&policy, "GET", raw).unwrap(),
            "GET /orders/{order_id}",
            "{raw}"
        );
    }
    for raw in ["/ORDERS", "/Orders/1", "/orders;a=b"] {
        assert_eq!(route(&policy, "GET", raw).unwrap(), "*", "{raw}");
    }
    for (raw, error) in [
        ("/orders%2f1", PathError::EncodedSlash),
        ("/orders%5c1", PathError::Backslash),
        ("/orders\\1", PathError::Backslash),
        ("/orders%00", PathError::Control),
        ("/orders%252f1", PathError::DoubleEncoding),
        ("/orders/%2e%2e/x", PathError::EncodedDot),
        ("/../orders", PathError::AboveRoot),
        ("/x/..;/orders", PathError::DotSegmentParameter),
    ] {
        assert_eq!(route(&policy, "GET", raw), Err(error), "{raw}");
    }
}

#[test]
fn case_063_unknown_paths_share_one_route() {
    let policy = policy();
    for seed in 0..1_000_u32 {
        let path = format!("/{:x}/{seed}", seed.wrapping_mul(2_654_435_761));
        assert_eq!(
            policy.routes().classify("GET", &path),
            RouteId::UNMATCHED,
            "{path}"
        );
    }
}

#[test]
fn case_064_a_literal_wins_over_a_parameter() {
    let policy = policy();
    assert_eq!(
        route(&policy, "GET", "/orders/new").unwrap(),
        "GET /orders/new"
    );
    assert_eq!(
        route(&policy, "GET", "/orders/newer").unwrap(),
        "GET /orders/{order_id}"
    );
}

#[test]
fn case_065_verbs_extensions_and_tails_are_exact() {
    let policy = policy();
    assert_eq!(
        route(&policy, "POST", "/orders/1:cancel").unwrap(),
        "POST /orders/{order_id}:cancel"
    );
    assert_eq!(
        route(&policy, "POST", "/orders/1%3acancel").unwrap(),
        "POST /orders/{order_id}:cancel"
    );
    assert_eq!(route(&policy, "POST", "/orders/:cancel").unwrap(), "*");
    assert_eq!(route(&policy, "POST", "/orders/1:cancelled").unwrap(), "*");
    assert_eq!(
        route(&policy, "GET", "/reports/2026.q3.pdf").unwrap(),
        "GET /reports/{name}.{format}"
    );
    assert_eq!(route(&policy, "GET", "/reports/pdf").unwrap(), "*");
    assert_eq!(
        route(&policy, "DELETE", "/static/a/b/c").unwrap(),
        "ANY /static/{path+}"
    );
    assert_eq!(route(&policy, "GET", "/static/").unwrap(), "*");
}

#[test]
fn case_066_unknown_methods_have_no_route_and_head_has_get_s() {
    let policy = policy();
    let long = "A".repeat(100);
    for method in ["get", "GETX", "OPTIONS", "", "GET ", long.as_str()] {
        assert_eq!(
            route(&policy, method, "/orders").unwrap(),
            "*",
            "{method:?}"
        );
    }
    assert_eq!(route(&policy, "HEAD", "/orders").unwrap(), "GET /orders");
}

#[test]
fn case_067_068_a_target_without_a_leading_slash_is_refused() {
    let policy = policy();
    for raw in ["http://other/orders", "*", "", "orders", "?x", "other:443"] {
        assert_eq!(
            route(&policy, "GET", raw),
            Err(PathError::NotAbsolute),
            "{raw:?}"
        );
    }
}

#[test]
fn case_069_grpc_methods_are_literals() {
    let policy = policy();
    assert_eq!(
        route(&policy, "POST", "/pkg.Svc/Method").unwrap(),
        "POST /pkg.Svc/Method"
    );
    assert_eq!(
        route(&policy, "POST", "/helloworld.Greeter/SayHello").unwrap(),
        "POST /helloworld.Greeter/SayHello"
    );
    assert_eq!(route(&policy, "POST", "/pkg.Svc/method").unwrap(), "*");
    assert_eq!(route(&policy, "POST", "/pkgXSvc/Method").unwrap(), "*");
}

#[test]
fn classifying_and_canonical_paths_allocate_nothing() {
    let policy = policy();
    let standard = policy.default_plan();
    let paths = [
        "/orders/1",
        "/reports/a.b",
        "/static/a/b/c/d",
        "/nothing/at/all",
        "/orders/%C3%A9%20x",
        "/orders/",
    ];
    let counted = allocation_counter::measure(|| {
        for path in paths {
            let canonical = normalize(path).unwrap();
            let id = policy.routes().classify("GET", &canonical);
            std::hint::black_box(policy.limits(standard, id));
        }
    });
    assert_eq!(counted.count_total, 0);
}
