//! Metrics, health, the access log, and `GET /rate_limit` over the wire.

use std::collections::BTreeSet;

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::Value;

use tollgate_testkit::{Algorithm, Fault, Issuer};

use crate::support::{AUDIENCE, PLANS, Running};

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

/// Names and labels of all series, without their values, once so many requests are counted.
fn series(running: &Running, requests: u64) -> BTreeSet<String> {
    let mut metrics = String::new();
    running.eventually("all are counted", || {
        metrics = running.metrics();
        ["tollgate_requests_total{", "tollgate_responses_total{"]
            .iter()
            .all(|family| {
                let rows = metrics.lines().filter(|line| line.starts_with(family));
                let counts =
                    rows.map(|row| row.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap());
                counts.sum::<u64>() == requests
            })
    });
    let samples = metrics.lines().filter(|line| !line.starts_with('#'));
    let names = samples.filter_map(|line| line.rsplit_once(' '));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn case_121_no_number_of_users_paths_or_key_ids_makes_another_series() {
    let running = Running::start(PLANS);
    let stranger = Issuer::with_keys(&[Algorithm::EdDsa]).unwrap();
    let call = |number: u32| {
        let user = running.token(&format!("user-{number}"));
        // The last is beyond the limit, so that every verdict was there before.
        for _ in 0..4 {
            running.get(&format!("/orders/{number}"), &user);
        }
        running.get(&format!("/no/such/path/{number}"), &user);
        let foreign = stranger.token("mallory").audience(AUDIENCE).mint();
        running.get("/orders", &foreign);
        let unknown_key = format!("{{\"alg\":\"EdDSA\",\"kid\":\"key-{number}\"}}");
        let claims = foreign.split_once('.').unwrap().1;
        let unknown_key = data_encoding::BASE64URL_NOPAD.encode(unknown_key.as_bytes());
        running.get("/orders", &format!("{unknown_key}.{claims}"));
    };
    call(0);
    let before = series(&running, 7);
    for number in 1..30 {
        call(number);
    }
    let after = series(&running, 30 * 7);
    assert_eq!(before, after);
    let named = |name: &String| {
        ["user-", "/no/such", "key-", "mallory"]
            .iter()
            .any(|part| name.contains(part))
    };
    assert!(!after.iter().any(named), "{after:?}");
}

#[test]
fn case_120_the_admin_listener_only_tells_and_is_on_loopback_unless_told() {
    let running = Running::start(PLANS);
    for path in ["/metrics", "/healthz", "/readyz", "/", "/plans"] {
        let url = running.admin(path).url().clone();
        for method in [
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ] {
            // As a page in somebody's browser would.
            let request = running.client.request(method, url.clone());
            let answer = request
                .header("origin", "https://evil.example")
                .send()
                .unwrap();
            assert_eq!(answer.status(), 405, "{path}");
            assert_eq!(answer.headers()["allow"], "GET, HEAD");
        }
        let request = running
            .client
            .get(url)
            .header("origin", "https://evil.example");
        let headers = request.send().unwrap().headers().clone();
        let shares = |name: &HeaderName| name.as_str().starts_with("access-control-");
        assert!(!headers.keys().any(shares), "{headers:?}");
    }
    let policy = tollgate_policy::Policy::parse(
        "tollgate.yaml",
        &format!(
            "tollgate: 1\norigin: http://127.0.0.1:9\nidentity: {{anonymous: {{plan: standard}}}}\n{PLANS}"
        ),
        std::path::Path::new("."),
    );
    assert!(policy.unwrap().admin().unwrap().ip().is_loopback());
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
