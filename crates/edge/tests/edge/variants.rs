//! What happens to requests in each variant, with a WAF that counts exactly.

use std::collections::HashMap;
use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use tollgate_edge::By;
use tollgate_edge::waf::{Block, RateRule, Seen, Verdict, Waf};
use tollgate_limiter::Nanos;

use crate::client::{get, send};
use crate::stage::{Stage, fixture};

const ID: &str = "x-ratelimit-user-id";
const LOCK: (&str, &str) = ("x-tollgate-lock", "REPLACE-WITH-A-SECRET");
const LIMIT: u64 = 3;

/// The fixtures' web ACL without approximations: three requests of an id in a fixed minute.
struct Exact {
    locked: bool,
    counts: HashMap<(String, u64), u64>,
    sources: Vec<std::net::IpAddr>,
}

impl Exact {
    fn new(locked: bool) -> Box<Self> {
        Box::new(Self {
            locked,
            counts: HashMap::new(),
            sources: Vec::new(),
        })
    }
}

fn block(rule: &str, by_rate: bool, status: u16) -> Option<Block> {
    let response = Response::builder().status(status).header("x-from", "waf");
    Some(Block {
        rule: Some(rule.to_owned()),
        by_rate,
        response: response.body(Bytes::new()).unwrap(),
    })
}

impl Waf for Exact {
    fn rate_rules(&self) -> Vec<RateRule> {
        vec![RateRule {
            name: "std".to_owned(),
            limit: LIMIT,
            window_s: 60,
        }]
    }

    fn decide(&mut self, seen: &Seen<'_>, now: Nanos) -> Verdict {
        self.sources.push(seen.source);
        let headers = &seen.head.headers;
        if self.locked && headers.get(LOCK.0).is_none_or(|value| value != LOCK.1) {
            return Verdict {
                block: block("lock", false, 403),
                counted: Vec::new(),
            };
        }
        let Some(id) = headers.get(ID) else {
            return Verdict::default();
        };
        let id = id.to_str().unwrap().to_owned();
        let minute = now.0 / Nanos::from_secs(60).0;
        let count = self.counts.entry((id.clone(), minute)).or_default();
        *count += 1;
        Verdict {
            block: if *count > LIMIT {
                block("std", true, 429)
            } else {
                None
            },
            counted: vec![(0, id.into_bytes())],
        }
    }
}

#[test]
fn after_each_user_has_a_limit_of_ones_own() {
    let stage = Stage::set(fixture("after"), Exact::new(true), None);
    let statuses = |user: &str| -> Vec<u16> {
        let fields = [("x-user", user), (ID, "std.k1.forged")];
        (0..4)
            .map(|_| get(stage.address, "/orders", &fields).status)
            .collect()
    };
    assert_eq!(statuses("ada"), [200, 200, 200, 429]);
    assert_eq!(statuses("bob"), [200, 200, 200, 429]);
    stage.clock.advance(Duration::from_secs(60));
    assert_eq!(statuses("ada"), [200, 200, 200, 429]);
    let lines = stage.lines();
    assert_eq!(lines.len(), 12);
    assert_eq!(lines[0]["by"], "origin");
    assert_eq!(lines[0]["class"], "std");
    assert_eq!(lines[0]["log"], serde_json::json!(["user ada"]));
    assert_eq!(lines[3]["by"], "waf");
    assert_eq!(lines[3]["rule"], "std");
    assert_eq!(lines[3]["status"], 429);
    let summary = stage.end();
    let rule = &summary.rules[0];
    assert_eq!((rule.counted, rule.blocked, rule.most_admitted), (12, 3, 3));
    assert_eq!(
        summary.by,
        [
            (By::Function, 0),
            (By::Waf, 3),
            (By::Lock, 0),
            (By::Origin, 9)
        ]
    );
}

#[test]
fn after_the_origin_gets_what_the_policy_names_and_no_forged_id() {
    let stage = Stage::set(fixture("after"), Exact::new(true), None);
    let fields = [
        ("x-user", "ada"),
        (ID, "std.k1.forged"),
        (ID, "std.k1.again"),
        ("accept", "text/html"),
        ("x-secret", "of the viewer"),
        ("cookie", "a=1"),
        ("x-tollgate-lock", "guess"),
        ("x-forwarded-for", "203.0.113.9"),
    ];
    let answer = get(stage.address, "/orders?x=1", &fields);
    assert_eq!(answer.status, 200);
    let ids = answer.received(ID);
    assert_eq!(ids.len(), 1);
    assert!(
        ids[0].starts_with("std.k1.") && !ids[0].contains("forged"),
        "{ids:?}"
    );
    assert_eq!(answer.received("accept"), ["text/html"]);
    assert_eq!(answer.received("cookie"), ["a=1"]);
    assert_eq!(answer.received("x-secret"), [""; 0]);
    assert_eq!(answer.received("x-user"), [""; 0]);
    assert_eq!(answer.received(LOCK.0), [LOCK.1]);
    assert_eq!(answer.received("x-tollgate-client"), ["127.0.0.1"]);
    assert_eq!(
        answer.received("x-forwarded-for"),
        ["203.0.113.9, 127.0.0.1"]
    );
    assert!(
        answer.body.contains("\"target\":\"/orders?x=1\""),
        "{}",
        answer.body
    );
    stage.end();
}

#[test]
fn after_the_way_around_cloudfront_ends_at_the_lock() {
    for variant in ["after", "chained"] {
        let stage = Stage::set(fixture(variant), Exact::new(true), None);
        let behind = stage.behind.unwrap();
        assert_eq!(get(behind, "/orders", &[(ID, "std.k1.forged")]).status, 403);
        assert_eq!(
            get(behind, "/orders", &[("x-tollgate-lock", "guess")]).status,
            403
        );
        assert_eq!(get(behind, "/orders", &[LOCK]).status, 200);
        let lines = stage.lines();
        assert_eq!(lines[0]["by"], "lock");
        assert_eq!(lines[0]["entry"], "behind");
        assert_eq!(lines[0]["rule"], "lock");
        assert_eq!(lines[2]["by"], "origin");
        stage.end();
    }
}

#[test]
fn after_a_function_that_fails_is_503_and_one_that_breaks_the_rules_502() {
    let stage = Stage::set(fixture("after"), Exact::new(true), None);
    let user = [("x-user", "ada")];
    let thrown = get(stage.address, "/throw", &user);
    assert_eq!(thrown.status, 503);
    assert!(thrown.body.contains("on purpose"), "{}", thrown.body);
    assert_eq!(get(stage.address, "/kvs", &user).status, 503);
    assert_eq!(get(stage.address, "/forbidden", &user).status, 502);
    let refused = get(stage.address, "/orders", &[]);
    assert_eq!(refused.status, 401);
    assert_eq!(refused.body, "who are you?");
    assert!(
        refused.head.contains("www-authenticate: bearer"),
        "{}",
        refused.head
    );
    for line in stage.lines() {
        assert_eq!(line["by"], "function");
    }
    assert!(
        stage.lines()[0]["error"]
            .as_str()
            .unwrap()
            .contains("on purpose")
    );
    stage.end();
}

#[test]
fn before_waf_counts_what_the_client_brings_and_the_function_checks_it() {
    let stage = Stage::set(fixture("before"), Exact::new(false), None);
    assert!(stage.behind.is_none());
    let user = ("x-user", "ada");
    let id = get(stage.address, "/id", &[user]).body;
    let own = [user, (ID, id.as_str())];
    let statuses: Vec<u16> = (0..4)
        .map(|_| get(stage.address, "/orders", &own).status)
        .collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    let forged = [user, (ID, "std.k1.forged")];
    assert_eq!(get(stage.address, "/orders", &forged).status, 403);
    assert_eq!(get(stage.address, "/orders", &[user]).status, 403);
    let lines = stage.lines();
    assert_eq!(lines[4]["by"], "waf");
    assert_eq!(lines[4]["id"], id);
    assert_eq!(lines[5]["by"], "function");
    assert_eq!(lines[5]["id"], "std.k1.forged");
    stage.end();
}

#[test]
fn chained_the_function_stands_before_the_waf_of_the_second_distribution() {
    let stage = Stage::set(fixture("chained"), Exact::new(true), None);
    let fields = [("x-user", "ada"), (ID, "std.k1.forged")];
    let statuses: Vec<u16> = (0..4)
        .map(|_| get(stage.address, "/a", &fields).status)
        .collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    stage.end();
}

#[test]
fn an_origin_of_ones_own_is_asked_and_its_body_comes_back() {
    let origin = tollgate_testkit::Origin::start().unwrap();
    let stage = Stage::set(
        fixture("after"),
        Exact::new(true),
        Some(origin.url().to_owned()),
    );
    let user = [("x-user", "ada")];
    let echoed = send(stage.address, "POST", "/echo", &user, "a body");
    assert_eq!(echoed.status, 200);
    assert!(echoed.body.contains("a body"), "{}", echoed.body);
    assert_eq!(get(stage.address, "/status?code=418", &user).status, 418);
    assert_eq!(origin.hits_total(), 2);
    stage.end();
}

#[test]
fn an_origin_that_is_not_there_is_502_with_the_reason() {
    // A port that was free a moment ago, and that nobody listens on.
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let stage = Stage::set(
        fixture("after"),
        Exact::new(true),
        Some(format!("http://{free}")),
    );
    let answer = get(stage.address, "/orders", &[("x-user", "ada")]);
    assert_eq!(answer.status, 502);
    assert!(answer.body.contains("does not answer"), "{}", answer.body);
    stage.end();
}
