//! What the origin is told: verified identity, and nothing that a client claims.

use http::HeaderMap;
use serde_json::json;
use tollgate_engine::PathRewrite;

use crate::support::{Ask, Bench, REST};

fn forwarded(bench: &Bench, ask: &Ask) -> HeaderMap {
    let decision = bench.decide(ask);
    let mut headers = ask.headers();
    decision.forward_headers(&mut headers);
    headers
}

#[test]
fn verified_identity_is_added() {
    let bench = Bench::usual();
    let token = bench.token(&json!({"sub": "bob", "accountId": "a1", "plan": "gold"}));
    let headers = forwarded(&bench, &Ask::new("GET", "/orders").bearer(&token));
    assert_eq!(headers["x-tollgate-subject"], "bob");
    assert_eq!(headers["x-tollgate-account"], "a1");
    assert_eq!(headers["x-tollgate-plan"], "gold");
    assert!(headers.contains_key("authorization"));
}

#[test]
fn case_051_what_a_client_claims_is_removed_in_every_spelling() {
    let bench = Bench::usual();
    let claims = [
        "x-tollgate-subject",
        "X-Tollgate-Account",
        "x_tollgate_subject",
        "x-tollgate-anything",
        "x-tollgate_plan",
        "x-ratelimit-user-id",
        "x_ratelimit_user_id",
        "ratelimit",
        "ratelimit-policy",
        "x-ratelimit-remaining",
    ];
    let mut ask = Ask::new("GET", "/orders").header("x-tollbooth", "kept");
    for claim in claims {
        ask = ask.header(claim, "forged").header(claim, "twice");
    }
    let headers = forwarded(&bench, &ask);
    let left: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(left, ["x-tollbooth", "x-tollgate-plan"]);
    assert_eq!(headers["x-tollgate-plan"], "anonymous");
}

#[test]
fn names_of_identity_headers_are_the_policys_choice_and_are_stripped_too() {
    let rest = format!(
        "{REST}forward: {{identity_headers: {{subject: x-user, account: off, plan: off}}}}\n"
    );
    let bench = Bench::new(&rest);
    let token = bench.token(&json!({"sub": "bob", "accountId": "a1"}));
    let ask = Ask::new("GET", "/orders")
        .bearer(&token)
        .header("x_user", "root");
    let headers = forwarded(&bench, &ask);
    assert_eq!(headers["x-user"], "bob");
    assert!(headers.get("x_user").is_none());
    assert!(headers.get("x-tollgate-account").is_none());
    assert!(headers.get("x-tollgate-plan").is_none());
}

#[test]
fn what_was_matched_is_what_is_forwarded() {
    let bench = Bench::usual();
    let path = |target| bench.decide(&Ask::new("GET", target)).path;
    assert_eq!(path("/orders/1"), PathRewrite::AsSent);
    let canonical = |path: &str| PathRewrite::Canonical(path.into());
    assert_eq!(path("//orders/%31"), canonical("/orders/1"));
    assert_eq!(path("/x/../orders"), canonical("/orders"));
}

#[test]
fn a_token_in_the_cookie_identifies_and_leaves_with_authorization() {
    let cookie = "  token_cookie: session\n";
    let bench = Bench::with_identity(REST, cookie);
    let crumbs = |token: &str| format!("theme=dark; session={token}; lang=de");
    let in_cookie = Ask::new("GET", "/orders").header("cookie", &crumbs(&bench.user("bob")));
    let in_field = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    assert_eq!(bench.allowed(&in_cookie, 2), 2);
    assert_eq!(bench.allowed(&in_field, 2), 1, "one user, one bucket");
    assert_eq!(
        forwarded(&bench, &in_cookie)["cookie"],
        crumbs(&bench.user("bob"))
    );
    bench.reload_identity(
        &format!("{REST}forward: {{authorization: false}}\n"),
        cookie,
    );
    let headers = forwarded(&bench, &in_cookie);
    assert_eq!(headers["cookie"], "theme=dark; lang=de");
    assert_eq!(headers["x-tollgate-subject"], "bob");
    // Without the rule a cookie is only a cookie.
    let usual = Bench::usual();
    let ask = Ask::new("GET", "/orders").header("cookie", &crumbs(&usual.user("bob")));
    assert_eq!(usual.decide(&ask).plan_name(), Some("anonymous"));
}

#[test]
fn a_token_cookie_beside_another_credential_is_left_aside_and_goes_no_further() {
    let anonymous = "  token_cookie: session\n  invalid_token: anonymous\n";
    let bench = Bench::with_identity(REST, anonymous);
    let (alice, bob) = (bench.user("alice"), bench.user("bob"));
    let cookie = format!("session={bob}; lang=de");
    let with = |authorization: Option<&str>| {
        let ask = Ask::new("GET", "/orders").header("cookie", &cookie);
        authorization.map_or(ask.clone(), |value| ask.header("authorization", value))
    };
    let bearer = format!("Bearer {alice}");
    for (authorization, who) in [
        (Some("Basic eDp5"), None),
        (Some("Bearer a.b.c"), None),
        (Some(bearer.as_str()), Some("alice")),
    ] {
        let headers = forwarded(&bench, &with(authorization));
        assert_eq!(headers["cookie"], "lang=de", "{authorization:?}");
        let subject = headers.get("x-tollgate-subject");
        assert_eq!(subject.map(|value| value.to_str().unwrap()), who);
    }
    assert_eq!(forwarded(&bench, &with(None))["cookie"], cookie);
    let forged = Ask::new("GET", "/orders").header("cookie", "session=a.b.c; lang=de");
    assert_eq!(forwarded(&bench, &forged)["cookie"], "lang=de");
    let preflight = Ask::new("OPTIONS", "/orders")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "GET")
        .header("cookie", &cookie);
    assert_eq!(forwarded(&bench, &preflight)["cookie"], "lang=de");
}

#[test]
fn names_with_underscores_are_guarded_in_the_other_spelling_too() {
    let names = "forward: {identity_headers: {subject: x_user, account: off, plan: off}}\n";
    let bench = Bench::new(&format!("{REST}{names}"));
    let ask = Ask::new("GET", "/orders").bearer(&bench.user("bob"));
    let headers = forwarded(
        &bench,
        &ask.header("x-user", "root").header("x_user", "root"),
    );
    assert!(headers.get("x-user").is_none());
    assert_eq!(
        headers.get_all("x_user").iter().collect::<Vec<_>>(),
        ["bob"]
    );
    // Behind the head too, where a trailer could bring it.
    let snapshot = bench.engine.snapshot();
    let is_ours = |name: &'static str| snapshot.is_ours(&http::HeaderName::from_static(name));
    assert!(is_ours("x-user") && is_ours("x_user") && is_ours("x-tollgate-plan"));
    assert!(!is_ours("x-checksum"));
}
