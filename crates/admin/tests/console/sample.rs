//! A gateway with something to see: plans, callers, one who is limited, quotas, notices, changes.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_admin::{CallerTraffic, Role, RouteTraffic, Traffic, TrafficPoint};
use tollgate_store::{
    Attempted, Batch, BatchWriter, Caller, Channel, Counter, Holder, Issuer, LimitName, Meter,
    Name, Notice, PlanName, RouteName, Series, Span, Store, Usage,
};

use crate::support::{self, Api, On, get, post};

/// 30 November 2026, 10:00:20.
pub(crate) const NOW_MS: u64 = 1_796_032_820_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const MINUTE_MS: u64 = 60 * 1_000;
/// Between two changes.
const CHANGE_MS: u64 = 61 * 1_000;

pub(crate) const POLICY: &str = "\
tollgate: 1
origin: http://127.0.0.1:9000
identity:
  issuers:
    - issuer: https://login.example
      audience: https://api.example
      jwks: https://login.example/.well-known/jwks.json
      algorithms: [EdDSA]
  anonymous: {plan: free}
routes: [GET /orders, 'GET /orders/{order_id}', POST /orders, GET /reports, GET /billing]
plans:
  free:
    limits: [{name: burst, rate: 1/s, burst: 5}, {name: monthly, quota: 1000/month, across: all_routes, on_exceed: block}]
  standard:
    limits: [{name: burst, rate: 10/s, burst: 20}, {name: monthly, quota: 50000/month, across: all_routes, notify_at: [75%, 90%]}]
    routes: {GET /reports: [{name: burst, rate: 1/s, burst: 5, cost: 5}]}
  pro:
    limits: [{name: burst, rate: 100/s, burst: 200}, {name: monthly, quota: 1000000/month, across: all_routes}]
    routes: {POST /orders: [{name: burst, rate: 20/s, burst: 40}]}
default_plan: free
never_block: [GET /billing]
";

fn holder(name: &str) -> Holder {
    Holder::subject("https://login.example", name).unwrap()
}

/// Numbers that look like those of a day's work, and are the same in each run.
fn wave(step: u64, of: u64, most: u64) -> u64 {
    let rising = step * 2 % (2 * of);
    let height = if rising < of { rising } else { 2 * of - rising };
    most / 3 + height * most * 2 / (3 * of) + step * 7_919 % (most / 10 + 1)
}

pub(crate) async fn gateway() -> Api {
    let api = Api::start_with(
        On::Sqlite,
        Duration::ZERO,
        POLICY,
        NOW_MS - 3 * DAY_MS - 6 * CHANGE_MS,
    )
    .await;
    changes(&api).await;
    api.clock.advance(Duration::from_millis(3 * DAY_MS));
    let more = POLICY.replace("rate: 100/s, burst: 200", "rate: 120/s, burst: 240");
    let current = api.act(&get("/v1/policy")).await;
    let put = support::Ask::new(http::Method::PUT, "/v1/policy");
    let put = put.json(&json!({ "text": more, "note": "more for pro" }));
    let put = put.field("if-match", current.field("etag").unwrap());
    assert_eq!(api.act(&put).await.status, 200);
    let store = api.store.clone().unwrap();
    usage(&store).await;
    notices(&store).await;
    api.memory.assign("alice", "pro");
    api.memory.assign("importer", "standard");
    api.memory.spend("alice", "burst", 43);
    api.memory.spend("alice", "monthly", 750_000);
    api.memory.spend("importer", "burst", 20);
    api.memory.went_through(traffic());
    let reset =
        json!({ "act": { "reset": {} }, "limit": "burst", "note": "after the incident of Monday" });
    let reset = post(&support::subject("carol", "/buckets/changes"), &reset);
    assert_eq!(api.send_as(Role::Operate, &reset).await.status, 200);
    api
}

async fn changes(api: &Api) {
    let later = NOW_MS + 11 * DAY_MS;
    let edits: [(&str, Value, &str); 6] = [
        (
            "alice",
            json!({ "assign": { "plan": "standard" } }),
            "order 4711",
        ),
        (
            "bob",
            json!({ "assign": { "plan": "pro", "until_ms": later } }),
            "trial of two weeks",
        ),
        (
            "importer",
            json!({ "assign": { "plan": "standard" } }),
            "nightly import",
        ),
        (
            "alice",
            json!({ "assign": { "plan": "pro" } }),
            "order 4802",
        ),
        (
            "alice",
            json!({ "override": { "limit": "{name: burst, rate: 200/s, burst: 240}", "route": "GET /reports", "until_ms": later } }),
            "end of the year",
        ),
        (
            "carol",
            json!({ "assign": { "plan": "free" } }),
            "cancelled",
        ),
    ];
    for (name, edit, note) in edits {
        let body = json!({ "edit": edit, "note": note });
        let ask = post(&support::subject(name, "/changes"), &body).field("if-match", "*");
        assert_eq!(api.send_as(Role::Operate, &ask).await.status, 200, "{name}");
        api.clock.advance(Duration::from_millis(CHANGE_MS));
    }
}

async fn usage(store: &Store) {
    let mut batch = Batch::new(BatchWriter::random().unwrap(), 1);
    for day in 0..30 {
        let series = Series {
            caller: Caller::Subject {
                issuer: Issuer::parse("https://login.example").unwrap(),
                subject: Name::parse("alice").unwrap(),
                account: None,
            },
            plan: Some(PlanName::parse("pro").unwrap()),
            route: Some(RouteName::parse("GET /orders").unwrap()),
        };
        let used = Usage {
            admitted: wave(day, 7, 36_000),
            limited: if day % 7 == 3 { 4_000 } else { day * 20 },
            refused: wave(day, 5, 400),
            ..Usage::default()
        };
        let meter = Meter::at(series, NOW_MS - (29 - day) * DAY_MS).unwrap();
        batch.meter(meter, &used).unwrap();
    }
    let month = month();
    let counter = |name| {
        Counter::new(
            holder(name),
            LimitName::parse("monthly").unwrap(),
            None,
            month,
        )
        .unwrap()
    };
    batch.add(counter("alice"), 750_000).unwrap();
    batch.add(counter("importer"), 46_200).unwrap();
    store.add_counts(&batch).await.unwrap();
}

fn month() -> Span {
    let begin_ms = NOW_MS - NOW_MS % DAY_MS - 29 * DAY_MS;
    Span::new(begin_ms, Some(begin_ms + 30 * DAY_MS)).unwrap()
}

async fn notices(store: &Store) {
    let post = |name: &'static str, percent, quota| {
        let counter = Counter::new(
            holder(name),
            LimitName::parse("monthly").unwrap(),
            None,
            month(),
        );
        Notice::new(counter.unwrap(), percent, quota, "{}".to_owned()).unwrap()
    };
    for notice in [post("alice", 75, 1_000_000), post("importer", 75, 50_000)] {
        assert!(store.post_notice(&notice).await.unwrap());
    }
    let channels = [Channel::Webhook, Channel::Email];
    store.hand_out_notices(&channels).await.unwrap();
    for channel in channels {
        let taken = store
            .take_notices(channel, 10, Duration::from_secs(60))
            .await
            .unwrap();
        for due in taken.notices {
            let outcome = match (due.id, channel) {
                (2, Channel::Email) => Attempted::GivenUp,
                (2, Channel::Webhook) => Attempted::AgainAtMs(NOW_MS + 8 * MINUTE_MS),
                _ => Attempted::Delivered,
            };
            store.settle_notice(&due, outcome).await.unwrap();
        }
    }
    assert!(
        store
            .post_notice(&post("importer", 90, 50_000))
            .await
            .unwrap()
    );
}

fn traffic() -> Traffic {
    let series = (0..360).map(|step: u64| TrafficPoint {
        at_ms: NOW_MS - (359 - step) * 10_000,
        length_ms: 10_000,
        admitted: wave(step, 90, 900),
        limited: if (150..190).contains(&step) {
            260
        } else {
            step % 40
        },
        refused: step % 11,
    });
    let route = |route: &str, admitted, limited| RouteTraffic {
        route: route.to_owned(),
        admitted,
        limited,
    };
    let caller = |subject: Option<&str>,
                  account: Option<&str>,
                  plan: &str,
                  route: &str,
                  admitted,
                  limited| CallerTraffic {
        issuer: subject.map(|_| "https://login.example".to_owned()),
        subject: subject.map(str::to_owned),
        account: account.map(str::to_owned),
        // Of those with an account, their tokens say it.
        plan_claim: account.map(|_| plan.to_owned()),
        plan: plan.to_owned(),
        route: route.to_owned(),
        admitted,
        limited,
    };
    Traffic {
        series: series.collect(),
        as_of_ms: NOW_MS,
        window_s: 60,
        routes: vec![
            route("GET /orders/{order_id}", 2_410, 188),
            route("POST /orders", 655, 12),
            route("GET /orders", 1_322, 0),
            route("GET /reports", 41, 0),
            route("*", 7, 0),
        ],
        callers: vec![
            caller(
                Some("importer"),
                Some("acme"),
                "standard",
                "GET /orders/{order_id}",
                402,
                188,
            ),
            caller(Some("carol"), None, "free", "POST /orders", 9, 8),
            caller(None, None, "free", "POST /orders", 30, 4),
            caller(Some("alice"), None, "pro", "GET /orders", 1_010, 0),
        ],
    }
}
