//! Answers on the wire: statuses, fields, problem documents, gRPC.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tollgate_engine::{AnswerContext, Decision};

use crate::support::{Ask, Bench, REST};

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

fn limited(bench: &Bench, ask: &Ask) -> Decision {
    bench.allowed(ask, 100);
    bench.decide(ask)
}

#[test]
fn a_429_says_when_why_and_where_to_upgrade() {
    let bench = Bench::usual();
    let gold = bench.token(&json!({"sub": "g", "plan": "gold"}));
    let decision = limited(&bench, &Ask::new("GET", "/orders").bearer(&gold));
    let answer = decision.answer(&AnswerContext::default()).unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let headers = answer.headers();
    assert_eq!(headers[RETRY_AFTER], "1");
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
    assert_eq!(headers["x-support"], "gold-line");
    assert_eq!(
        headers["ratelimit-policy"],
        "\"burst\";q=10;w=1,\"hourly\";q=6;w=216"
    );
    assert_eq!(
        headers["ratelimit"],
        "\"burst\";r=0;t=1,\"hourly\";r=1;t=36"
    );
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(
        body,
        json!({
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Request cannot be satisfied as assigned quota has been exceeded",
            "status": 429,
            "detail": "ask your account manager",
            "violated-policies": ["burst"],
            "upgrade_url": "https://example.com/upgrade",
        })
    );
}

#[test]
fn case_086_a_client_that_waits_as_told_is_served() {
    let bench = Bench::usual();
    let ask = Ask::new("POST", "/orders").bearer(&bench.user("bob"));
    let answer = limited(&bench, &ask)
        .answer(&AnswerContext::default())
        .unwrap();
    let wait: u64 = text(answer.headers(), "retry-after").parse().unwrap();
    bench.advance(wait * 1_000);
    assert_eq!(bench.allowed(&ask, 1), 1);
}

#[test]
fn a_head_request_gets_the_same_head_and_no_body() {
    let bench = Bench::usual();
    let decision = limited(
        &bench,
        &Ask::new("HEAD", "/orders").bearer(&bench.user("bob")),
    );
    let context = AnswerContext {
        head_only: true,
        ..AnswerContext::default()
    };
    let answer = decision.answer(&context).unwrap();
    assert!(answer.body().is_empty());
    let full = decision.answer(&AnswerContext::default()).unwrap();
    assert_eq!(answer.headers(), full.headers());
}

#[test]
fn a_401_names_the_error_only_when_there_was_a_token() {
    let bench = Bench::usual();
    let bad = bench.decide(&Ask::new("GET", "/orders").bearer("x.y.z"));
    let answer = bad.answer(&AnswerContext::default()).unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let challenge = answer.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.starts_with("Bearer realm=\"tollgate\", error=\"invalid_token\""));
    assert!(!challenge.contains("x.y.z"));
    assert!(answer.headers().get("ratelimit").is_none());
}

#[test]
fn a_400_says_what_is_ambiguous() {
    let bench = Bench::usual();
    let decision = bench.decide(&Ask::new("GET", "/a%2fb"));
    let answer = decision.answer(&AnswerContext::default()).unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(body["type"], "about:blank");
}

#[test]
fn a_grpc_caller_gets_resource_exhausted_with_the_wait() {
    let bench = Bench::usual();
    let ask = Ask::new("POST", "/orders")
        .bearer(&bench.user("bob"))
        .header("content-type", "application/grpc+proto");
    let decision = limited(&bench, &ask);
    assert!(ask.head().is_grpc());
    let context = AnswerContext {
        is_grpc: true,
        ..AnswerContext::default()
    };
    let answer = decision.answer(&context).unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(text(answer.headers(), "grpc-status"), "8");
    assert_eq!(text(answer.headers(), "grpc-retry-pushback-ms"), "1000");
    assert!(answer.headers().contains_key("grpc-status-details-bin"));
    assert!(answer.body().is_empty());
}

#[test]
fn every_header_style_speaks_its_own_dialect() {
    let styles = [
        ("draft-10", "ratelimit", "\"burst\";r=2;t=1"),
        ("draft-03", "ratelimit-limit", "10, 10;w=1"),
        ("draft-03", "ratelimit-remaining", "2"),
        ("draft-03", "ratelimit-reset", "1"),
        ("x-ratelimit", "x-ratelimit-reset", "1"),
        ("x-ratelimit-epoch", "x-ratelimit-reset", "1767225601"),
        ("github", "x-ratelimit-used", "1"),
        ("github", "x-ratelimit-resource", "burst"),
        ("github", "x-ratelimit-reset", "1767225601"),
    ];
    for (style, name, expected) in styles {
        let bench = Bench::new(&format!("{REST}responses: {{headers: {style}}}\n"));
        let decision = bench.decide(&Ask::new("GET", "/orders").bearer(&bench.user("bob")));
        let mut headers = HeaderMap::new();
        decision.response_headers(&mut headers);
        assert_eq!(text(&headers, name), expected, "{style}: {headers:?}");
        assert!(!decision.is_silent(), "{style}");
    }
    let bench = Bench::new(&format!("{REST}responses: {{headers: none}}\n"));
    let decision = bench.decide(&Ask::new("GET", "/orders").bearer(&bench.user("bob")));
    let mut headers = HeaderMap::new();
    decision.response_headers(&mut headers);
    assert!(decision.is_silent() && headers.is_empty(), "{headers:?}");
    let decision = limited(
        &bench,
        &Ask::new("GET", "/orders").bearer(&bench.user("bob")),
    );
    let answer = decision.answer(&AnswerContext::default()).unwrap();
    assert!(answer.headers().get("ratelimit").is_none());
    assert!(answer.headers().contains_key(RETRY_AFTER));
}

#[test]
fn callers_see_their_own_limits_free_of_charge() {
    let bench = Bench::usual();
    let token = bench.user("bob");
    bench.allowed(&Ask::new("GET", "/orders").bearer(&token), 2);
    for _ in 0..20 {
        let ask = Ask::new("GET", "/rate_limit?method=GET&path=/orders").bearer(&token);
        let decision = bench.decide(&ask);
        let context = AnswerContext::default();
        let answer = bench
            .engine
            .own_answer(&decision, &ask.head(), &context)
            .unwrap();
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(body["plan"], "standard");
        assert_eq!(body["routes"][0]["route"], "GET /orders");
        assert_eq!(body["routes"][0]["limits"][0]["remaining"], 1);
        assert_eq!(body["routes"][0]["limits"][0]["burst"], 3);
    }
    let ask = Ask::new("GET", "/rate_limit").bearer(&token);
    let decision = bench.decide(&ask);
    let answer = bench
        .engine
        .own_answer(&decision, &ask.head(), &AnswerContext::default());
    let body: Value = serde_json::from_slice(answer.unwrap().body()).unwrap();
    assert_eq!(body["routes"].as_array().unwrap().len(), 5);
}
