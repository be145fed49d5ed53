//! Metrics, health, the access log, and `GET /rate_limit` over the wire.

use serde_json::Value;

use tollgate_testkit::Fault;

use crate::support::{PLANS, Running};

#[test]
fn metrics_count_by_route_verdict_and_mode_without_users() {
    let running = Running::start(PLANS);
    let bob = running.token("bob");
    for n in 0..5 {
        running.get(&format!("/orders/{n}"), &bob);
    }
    running.get("/orders/1", "garbage");
    running.eventually("all are counted", || {
        let text = running.metrics();
        let row = |verdict: &str, count: u32| {
            let labels =
                format!("route=\"GET /orders/{{id}}\",verdict=\"{verdict}\",mode=\"enforce\"");
            text.contains(&format!("tollgate_requests_total{{{labels}}} {count}\n"))
        };
        row("allow", 3) && row("limit", 2) && row("unauthenticated", 1)
    });
    let text = running.metrics();
    assert!(
        text.contains("tollgate_responses_total{status=\"429\"} 2"),
        "{text}"
    );
    assert!(text.contains("tollgate_decision_seconds_count 6"), "{text}");
    assert!(text.contains("tollgate_jwks_keys{issuer="), "{text}");
    assert!(text.contains("tollgate_origin_up{endpoint="), "{text}");
    assert!(!text.contains("bob"), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn a_refusal_that_is_held_back_shows_in_metrics_and_access_log() {
    let rest = format!(
        "  refusal_pace: 1/1h\n{PLANS}timeouts: {{body_idle: 20ms}}\naccess_log: access.log\n"
    );
    let running = Running::start(&rest);
    for _ in 0..3 {
        assert_eq!(running.get("/orders", "garbage").status(), 401);
    }
    let metric = "tollgate_refusals_delayed_total 2\n";
    running.eventually("two are counted", || running.metrics().contains(metric));
    let log = running.gateway.folder().join("access.log");
    running.eventually("three lines are written", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.lines().count() == 3)
    });
    let log = std::fs::read_to_string(&log).unwrap();
    let held = |line: &str| serde_json::from_str::<Value>(line).unwrap()["held_us"].as_u64();
    let held: Vec<_> = log.lines().map(held).collect();
    assert_eq!(held, [None, Some(20_000), Some(20_000)]);
}

#[test]
fn case_036_without_keys_the_gateway_is_not_ready_and_lets_no_token_pass() {
    let running = Running::start(PLANS);
    running.issuer.set_fault(Fault::Down);
    let rest = PLANS.to_owned();
    let mut other = running;
    // Another issuer entry starts without keys: its source is unreachable.
    other.rewrite(&format!(
        "    - issuer: https://down.invalid\n      audience: x\n      jwks: http://127.0.0.1:1/jwks.json\n{rest}"
    ));
    other.eventually("not ready", || other.admin("/readyz").status() == 503);
    assert!(
        other
            .admin("/readyz")
            .text()
            .unwrap()
            .contains("https://down.invalid")
    );
    assert_eq!(other.admin("/healthz").status(), 200);
    other.eventually("the log says why", || {
        let output = other.gateway.output();
        let of_issuer = |line: &&str| line.contains("https://down.invalid");
        let line = output
            .lines()
            .filter(of_issuer)
            .find(|line| line.contains("could not be fetched"));
        line.is_some_and(|line| line.contains("Connection refused"))
    });
    // The first issuer's keys are kept though it is down.
    assert_eq!(other.get("/orders", &other.token("bob")).status(), 200);
}

#[test]
fn case_122_the_access_log_escapes_and_holds_neither_token_nor_subject() {
    let running = Running::start(&format!("{PLANS}access_log: access.log\n"));
    let token = running.token("bob@example.com");
    running.get("/orders/%22%1b", &token);
    running.get("/orders/a%22b?secret=1", &token);
    running.get("/orders/1", "garbage");
    let file = running.gateway.folder().join("access.log");
    let mut text = String::new();
    running.eventually("three lines", || {
        text = std::fs::read_to_string(&file).unwrap_or_default();
        text.lines().count() == 3
    });
    assert!(
        !text.contains("bob") && !text.contains(&token) && !text.contains("secret"),
        "{text}"
    );
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let by_status = |status: u16| lines.iter().find(|line| line["status"] == status).unwrap();
    assert_eq!(by_status(400)["verdict"], "bad_request");
    assert_eq!(by_status(401)["verdict"], "unauthenticated");
    let served = by_status(200);
    assert_eq!(served["route"], "GET /orders/{id}");
    assert_eq!(served["plan"], "standard");
    assert!(
        served["bucket"].as_str().unwrap().starts_with("standard."),
        "{served}"
    );
}

#[test]
fn callers_see_their_own_limits() {
    let running = Running::start(PLANS);
    let bob = running.token("bob");
    running.get("/orders", &bob);
    for _ in 0..5 {
        let answer: Value = running
            .get("/rate_limit?path=/orders", &bob)
            .json()
            .unwrap();
        assert_eq!(answer["routes"][0]["limits"][0]["remaining"], 2, "{answer}");
    }
    assert_eq!(running.origin.hits_total(), 1);
}
