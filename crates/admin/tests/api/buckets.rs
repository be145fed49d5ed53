//! Live buckets and explain: over the trait that the binary implements.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::{Api, On, get, post, run, subject};

fn left(buckets: &Value, limit: &str, route: &str) -> u64 {
    let mut all = buckets["buckets"].as_array().unwrap().iter();
    let found = all.find(|one| one["limit"] == limit && one["route"] == route);
    found.unwrap()["left"].as_u64().unwrap()
}

on_both! {
    async fn a_grant_is_given_once_for_its_key_and_stands_in_the_audit(api: Api) {
        api.memory.spend("alice", "burst", 4);
        let look = subject("alice", "/buckets?plan_claim=free&route=GET%20/orders");
        assert_eq!(left(&api.get(&look).await, "burst", "GET /orders"), 1);
        let body = json!({
            "act": { "grant": { "units": 2 } }, "limit": "burst", "route": "GET /orders",
            "plan_claim": "free", "note": "ticket 12",
        });
        let grant = || post(&subject("alice", "/buckets/changes"), &body);
        api.act(&grant()).await.problem(400);
        for _ in 0..3 {
            let reply = api.act(&grant().field("idempotency-key", "k")).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_eq!(left(&reply.json(), "burst", "GET /orders"), 3);
        }
        assert_eq!(left(&api.get(&look).await, "burst", "GET /orders"), 3);
        let other = json!({ "act": { "grant": { "units": 3 } } });
        let other = post(&subject("alice", "/buckets/changes"), &other);
        api.act(&other.field("idempotency-key", "k")).await.problem(422);

        let reset = json!({ "act": { "reset": {} }, "plan_claim": "free" });
        let reply = api.act(&post(&subject("alice", "/buckets/changes"), &reset)).await;
        assert_eq!(left(&reply.json(), "burst", "GET /orders"), 5);
        let audit = api.get("/v1/operations").await;
        let audit = audit["operations"].as_array().unwrap();
        assert_eq!(audit.len(), 2, "a repeated grant is no write: {audit:?}");
        assert_eq!((&audit[0]["what"], &audit[1]["what"]), (&json!("buckets.grant"), &json!("buckets.reset")));
        assert_eq!(audit[0]["note"], "ticket 12");
        assert_eq!(audit[0]["detail"]["holder"]["name"], "alice");
        assert_eq!(audit[0]["detail"]["asked"]["act"]["grant"]["units"], 2);
    }
}

#[test]
fn what_cannot_be_granted_is_refused_and_may_be_tried_again() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        let path = subject("alice", "/buckets/changes");
        let grant = |units: u64, limit: &str| {
            let body = json!({ "act": { "grant": { "units": units } }, "limit": limit });
            post(&path, &body).field("idempotency-key", "k")
        };
        for units in [0, (1 << 32) + 1] {
            let problem = api.act(&grant(units, "burst")).await.problem(422);
            assert_eq!(problem["errors"][0]["pointer"], "#/act/grant/units");
        }
        api.act(&grant(1, "none")).await.problem(404);
        assert_eq!(
            api.act(&grant(1, "burst")).await.status,
            200,
            "the key is free again"
        );
        let stats = api.admin.stats();
        assert_eq!((stats.writes, stats.failed_writes), (1, 1));
    });
}

#[test]
fn buckets_come_by_routes_page_by_page() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = subject("alice", &format!("/buckets?limit=1&plan_claim=pro{cursor}"));
            let page = api.get(&path).await;
            let buckets = page["buckets"].as_array().unwrap();
            found.extend(
                buckets
                    .iter()
                    .map(|one| format!("{} {}", one["limit"], one["route"])),
            );
            match page.get("next") {
                Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
                None => break,
            }
        }
        assert_eq!(found.len(), 8, "two limits on four routes: {found:?}");
    });
}

#[test]
fn explain_says_what_would_happen_and_why() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let ask = |path: &str, claim: Option<&str>| {
            let caller = json!({ "issuer": "https://login.example", "subject": "alice", "plan_claim": claim });
            post(
                "/v1/explain",
                &json!({ "method": "GET", "path": path, "caller": caller }),
            )
        };
        let answer = api.act(&ask("/orders/7", None)).await.json();
        assert_eq!(
            (&answer["outcome"], &answer["route"]),
            (&json!("admitted"), &json!("GET /orders/{order_id}"))
        );
        assert_eq!(
            (&answer["plan"], &answer["plan_from"]),
            (&json!("free"), &json!("default"))
        );
        api.memory.spend("alice", "burst", 20);
        let answer = api.act(&ask("/orders/7", Some("pro"))).await.json();
        assert_eq!(
            (&answer["outcome"], &answer["plan_from"]),
            (&json!("limited"), &json!("claim"))
        );
        assert_eq!(
            (&answer["limits"][0]["admits"], &answer["free_in_ms"]),
            (&json!(false), &json!(1_000))
        );
        let answer = api.act(&ask("/a/%2e%2e%2fb", None)).await.json();
        assert_eq!(answer["outcome"], "bad_request");
        for (body, pointer) in [
            (json!({ "method": "G T", "path": "/" }), "#/method"),
            (json!({ "method": "GET", "path": "" }), "#/path"),
            (
                json!({ "method": "GET", "path": "/", "peer": "here" }),
                "#/peer",
            ),
            (
                json!({ "method": "GET", "path": "/", "at_ms": u64::MAX }),
                "#/at_ms",
            ),
            (
                json!({ "method": "GET", "path": "/", "caller": { "issuer": "", "subject": "a" } }),
                "#/caller",
            ),
        ] {
            let problem = api.act(&post("/v1/explain", &body)).await.problem(422);
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
        }
        api.act(&get("/v1/explain")).await.problem(405);
    });
}
