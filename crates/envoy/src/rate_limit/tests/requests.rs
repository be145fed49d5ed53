//! Domains that the policy decides: a caller's credential is verified, or its name is believed.

use std::time::Duration;

use tonic::Code as Status;

use crate::messages::proto::{Kind, UInt64Value};
use crate::messages::rate_limit::RateLimitResponse;
use crate::testing::{Bench, is_ok, request};

const POLICY: &str = r#"identity:
  issuers:
    - {issuer: https://i, audience: us, algorithms: [EdDSA], jwks: https://i/jwks}
  anonymous: {plan: anonymous}
plans:
  anonymous: {limits: [{name: calls, rate: 1/min, burst: 2}]}
  standard:
    limits: [{name: calls, rate: 1/min, burst: 5}, {name: slow, concurrency: 1}]
    routes: {"GET /orders/{id}": [{name: calls, rate: 1/min, burst: 3}]}
  gold: {limits: [{name: calls, rate: 1/min, burst: 9}]}
default_plan: standard
grpc:
  domains:
    edge: {identity: token}
    apis: {identity: verified}
"#;

const HERE: (&str, &str) = ("remote_address", "198.51.100.7");
const GET: (&str, &str) = ("method", "GET");
const PATH: (&str, &str) = ("path", "/items?page=2");

type Entries<'a> = &'a [(&'a str, &'a str)];

fn said<'a>(answer: &'a RateLimitResponse, name: &str) -> Option<&'a str> {
    match answer
        .dynamic_metadata
        .as_ref()?
        .fields
        .get(name)?
        .kind
        .as_ref()?
    {
        Kind::StringValue(value) => Some(value),
        _ => None,
    }
}

fn header<'a>(answer: &'a RateLimitResponse, name: &str) -> Option<&'a str> {
    let mut fields = answer.response_headers_to_add.iter();
    fields
        .find(|field| field.key == name)
        .map(|field| &*field.value)
}

#[tokio::test]
async fn a_verified_token_has_its_plan_s_limits_on_every_route() {
    let bench = Bench::new(POLICY).with_keys();
    let token = format!("Bearer {}", bench.token("alice"));
    let asked = |path| [GET, ("path", path), HERE, ("authorization", &*token)];
    assert_eq!(bench.passed("edge", &asked("/items?page=2")).await, 5);
    assert_eq!(bench.passed("edge", &asked("/orders/1")).await, 3);
    // Another token of the same user, bare, from somewhere else: the same buckets.
    let bare = bench.token("alice");
    let elsewhere = [
        GET,
        PATH,
        ("remote_address", "203.0.113.9"),
        ("token", &*bare),
    ];
    assert_eq!(bench.passed("edge", &elsewhere).await, 0);
    let bob = bench.token("bob");
    assert_eq!(
        bench
            .passed("edge", &[GET, PATH, HERE, ("token", &bob)])
            .await,
        5
    );
    assert_eq!(bench.services.stats().rate_limit_unidentified.get(), 0);
}

#[tokio::test]
async fn answers_carry_fields_metadata_and_a_status_and_never_the_subject() {
    let bench = Bench::new(POLICY).with_keys();
    let token = bench.token("alice-of-secrets");
    let asked: &[&[(&str, &str)]] = &[&[GET, PATH, HERE, ("token", &token)]];
    let answer = bench.ask("edge", asked).await;
    assert!(
        header(&answer, "ratelimit")
            .unwrap()
            .starts_with("\"calls\";r=4")
    );
    assert!(header(&answer, "ratelimit-policy").is_some());
    assert_eq!(said(&answer, "verdict"), Some("allow"));
    assert_eq!(said(&answer, "plan"), Some("standard"));
    assert_eq!(said(&answer, "route"), Some("*"));
    let id = said(&answer, "bucket_id").unwrap();
    assert!(id.starts_with(said(&answer, "class").unwrap()));
    assert_eq!(said(&answer, "violated"), None);
    for _ in 0..5 {
        bench.ask("edge", asked).await;
    }
    let refused = bench.ask("edge", asked).await;
    assert!(!is_ok(&refused));
    assert_eq!(said(&refused, "violated"), Some("calls"));
    assert_eq!(header(&refused, "retry-after"), Some("60"));
    assert!(String::from_utf8_lossy(&refused.raw_body).contains("violated-policies"));
    let status = &refused.statuses[0];
    assert_eq!(status.current_limit.as_ref().unwrap().name, "calls");
    assert_eq!((status.limit_remaining, refused.statuses.len()), (0, 1));
    for answer in [answer, refused] {
        assert!(!format!("{answer:?}").contains("secrets"));
    }
}

#[tokio::test]
async fn a_bad_token_is_over_limit_and_says_why_and_none_is_anonymous() {
    let bench = Bench::new(POLICY).with_keys();
    let answer = bench
        .ask("edge", &[&[GET, PATH, HERE, ("token", "not.a.token")]])
        .await;
    assert!(!is_ok(&answer));
    assert_eq!(said(&answer, "verdict"), Some("unauthenticated"));
    assert_eq!(
        header(&answer, "x-tollgate-verdict"),
        Some("unauthenticated")
    );
    assert!(
        header(&answer, "www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
    assert_eq!(bench.services.stats().rate_limit_unauthenticated.get(), 1);
    assert_eq!(bench.passed("edge", &[GET, PATH, HERE]).await, 2);
    assert_eq!(bench.passed("edge", &[GET, PATH, HERE]).await, 0);
    let other = ("masked_remote_address", "203.0.113.0/24");
    assert_eq!(bench.passed("edge", &[GET, PATH, other]).await, 2);
}

#[tokio::test]
async fn a_named_caller_has_the_limits_that_its_token_would_have() {
    let bench = Bench::new(POLICY).with_keys();
    let named = [
        ("issuer", "https://i"),
        ("subject", "alice"),
        GET,
        PATH,
        HERE,
    ];
    let token = bench.token("alice");
    assert_eq!(
        bench
            .passed("edge", &[GET, PATH, HERE, ("token", &token)])
            .await,
        5
    );
    assert_eq!(
        bench.passed("apis", &named).await,
        0,
        "one user, one bucket"
    );
    let gold = [
        ("issuer", "https://i"),
        ("subject", "bob"),
        ("plan", "gold"),
        GET,
        PATH,
    ];
    assert_eq!(bench.passed("apis", &gold).await, 9);
    let nobody = [("subject", ""), GET, PATH, HERE];
    assert_eq!(bench.passed("apis", &nobody).await, 2);
    let answer = bench.ask("apis", &[&nobody]).await;
    assert_eq!(said(&answer, "caller"), Some("anonymous"));
}

#[tokio::test]
async fn what_cannot_be_understood_is_an_error_that_says_what_is_missing() {
    let bench = Bench::new(POLICY).with_keys();
    let cases: &[(&str, Entries<'_>, &str)] = &[
        ("edge", &[PATH], "no `method`"),
        ("edge", &[GET], "no `path`"),
        ("edge", &[GET, PATH, ("pth", "/x")], "a key that"),
        ("edge", &[GET, PATH, PATH], "`path` twice"),
        (
            "edge",
            &[GET, PATH, ("subject", "alice")],
            "identity: verified",
        ),
        ("apis", &[GET, PATH, ("token", "x")], "identity: token"),
        ("apis", &[GET, PATH, ("subject", "alice")], "no `issuer`"),
        (
            "edge",
            &[GET, PATH, ("remote_address", "here")],
            "no IP address",
        ),
    ];
    for (domain, entries, message) in cases {
        let status = bench
            .try_ask(request(domain, &[entries]))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Status::InvalidArgument, "{entries:?}");
        assert!(status.message().contains(message), "{entries:?}: {status}");
    }
    let two = bench
        .try_ask(request("edge", &[&[GET, PATH], &[GET, PATH]]))
        .await;
    assert!(two.unwrap_err().message().contains("one descriptor"));
}

#[tokio::test]
async fn a_path_with_two_meanings_is_over_limit_and_a_template_names_its_route() {
    let bench = Bench::new(POLICY).with_keys();
    let strange = bench
        .ask("edge", &[&[GET, ("path", "/a/%2e%2e%2fb"), HERE]])
        .await;
    assert!(!is_ok(&strange));
    assert_eq!(header(&strange, "x-tollgate-verdict"), Some("bad_request"));
    let token = bench.token("alice");
    let of_template = [
        GET,
        ("template", "/orders/{other}"),
        HERE,
        ("token", &*token),
    ];
    let answer = bench.ask("edge", &[&of_template]).await;
    assert!(is_ok(&answer), "{answer:?}");
    assert_eq!(said(&answer, "route"), Some("GET /orders/{id}"));
}

#[tokio::test]
async fn what_a_caller_can_make_unreadable_is_over_limit_and_no_error() {
    let bench = Bench::new(POLICY).with_keys();
    let long = "s".repeat(256);
    let cases: &[(&str, Entries<'_>)] = &[
        ("edge", &[("method", "G E T"), PATH]),
        ("edge", &[GET, PATH, ("token", "a\nb")]),
        ("edge", &[GET, PATH, ("authorization", "Bearer \u{e9}")]),
        (
            "edge",
            &[GET, PATH, ("authorization", "Bearer a, Bearer b")],
        ),
        ("apis", &[GET, PATH, ("issuer", "i"), ("subject", &long)]),
        ("edge", &[GET, ("path", "no slash"), HERE]),
    ];
    for (domain, entries) in cases {
        let answer = bench.ask(domain, &[entries]).await;
        assert!(!is_ok(&answer), "{entries:?}");
        assert!(
            header(&answer, "x-tollgate-verdict").is_some(),
            "{entries:?}"
        );
    }
    assert_eq!(bench.services.stats().rate_limit_errors.get(), 0);
}

#[tokio::test]
async fn tollgate_s_own_paths_are_paths_like_any_other_here() {
    let bench = Bench::new(POLICY).with_keys();
    let own = ("path", "/rate_limit");
    assert_eq!(bench.passed("edge", &[GET, own, HERE]).await, 2);
}

#[tokio::test]
async fn hits_multiply_costs_and_a_look_takes_nothing() {
    let bench = Bench::new(POLICY).with_keys();
    let token = bench.token("alice");
    let ask = async |hits| {
        let mut asked = request("edge", &[&[GET, PATH, HERE, ("token", &token)]]);
        asked.descriptors[0].hits_addend = Some(UInt64Value { value: hits });
        is_ok(&bench.try_ask(asked).await.unwrap())
    };
    assert!(!ask(6).await, "above the burst");
    assert!(ask(4).await);
    assert!(!ask(2).await);
    assert!(ask(0).await && ask(0).await);
    assert!(ask(1).await);
    assert!(!ask(0).await, "nothing is left");
}

#[tokio::test]
async fn case_093_failure_modes_are_answers_and_no_errors() {
    for (mode, verdict, unavailable) in [("closed", "unavailable", 1), ("open", "allow", 0)] {
        // Keys never come: nobody can say who calls.
        let bench = Bench::new(&format!("{POLICY}on_failure: {{identity: {mode}}}\n"));
        let token = bench.token("alice");
        let started = tokio::time::Instant::now();
        tokio::time::pause();
        let answer = bench
            .ask("edge", &[&[GET, PATH, HERE, ("token", &token)]])
            .await;
        assert!(started.elapsed() < Duration::from_secs(5));
        tokio::time::resume();
        assert_eq!(is_ok(&answer), mode == "open");
        assert_eq!(said(&answer, "verdict"), Some(verdict));
        let stats = bench.services.stats();
        assert_eq!(stats.rate_limit_unavailable.get(), unavailable);
        assert_eq!(stats.rate_limit_unidentified.get(), 1 - unavailable);
        assert_eq!(stats.rate_limit_errors.get(), 0);
        match mode {
            "closed" => assert_eq!(header(&answer, "x-tollgate-verdict"), Some("unavailable")),
            _ => assert_eq!(said(&answer, "caller"), Some("anonymous")),
        }
    }
}
