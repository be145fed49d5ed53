//! Changes of holders: the record, versions, keys, the audit; what the policy does not have is refused.

use std::time::Duration;

use serde_json::json;
use tollgate_admin::Role;

use crate::on_both;
use crate::support::{START_MS, change, get, post, subject};

on_both! {
    async fn a_plan_and_a_limit_are_given_seen_and_undone(api: Api) {
        let nobody = api.act(&get(&subject("alice", ""))).await;
        assert_eq!((nobody.status.as_u16(), nobody.field("etag")), (200, Some("\"0\"")));
        let assign = json!({ "assign": { "plan": "pro", "until_ms": START_MS + 1_000 } });
        let body = json!({ "edit": assign, "note": "order 7" });
        let ask = post(&subject("alice", "/changes"), &body).field("if-match", "\"0\"");
        let made = api.send_as(Role::Operate, &ask).await;
        assert_eq!((made.status.as_u16(), made.field("etag")), (200, Some("\"1\"")));
        let made = made.json();
        assert_eq!((&made["repeated"], &made["change"]["by"]), (&json!(false), &json!("the-operate")));

        let limit = json!({ "override": { "limit": "{name: burst, rate: 50/s}", "route": "GET /orders" } });
        assert_eq!(api.act(&change("alice", &limit)).await.status, 200);
        let alice = api.get(&subject("alice", "")).await;
        assert_eq!((&alice["plan"], &alice["kind"]), (&json!("pro"), &json!("subject")));
        assert_eq!(alice["issuer"], "https://login.example");
        let assignment = json!({
            "made": 1, "plan": "pro", "note": "order 7",
            "from_ms": START_MS, "until_ms": START_MS + 1_000,
        });
        assert_eq!(alice["record"]["assignments"], json!([assignment]));
        assert_eq!(alice["record"]["overrides"][0]["route"], "GET /orders");
        api.clock.advance(Duration::from_secs(1));
        assert!(api.get(&subject("alice", "")).await.get("plan").is_none(), "it is over");

        assert_eq!(api.act(&change("alice", &json!({ "undo": {} }))).await.status, 200);
        let alice = api.get(&subject("alice", "")).await;
        assert_eq!(alice["record"]["overrides"], json!([]));
        let history = api.get(&subject("alice", "/changes")).await;
        let acts: Vec<_> = history["changes"].as_array().unwrap().iter().map(|one| &one["act"]).collect();
        assert_eq!(acts, ["undo", "override", "assign"]);
        let reader = get(&subject("alice", "")).field("if-none-match", "\"3\"");
        let reply = api.send_as(Role::Read, &reader).await;
        assert_eq!((reply.status.as_u16(), reply.bytes.len()), (304, 0));
    }

    async fn a_name_is_its_bytes_whatever_they_are(api: Api) {
        for name in ["a%2Fb", "a%252Fb", "m%C3%B6bel", "%2E%2E", "a+b", "a%20b", "%22%3B--"] {
            let reply = api.act(&change(name, &json!({ "assign": { "plan": "pro" } }))).await;
            assert_eq!(reply.status, 200, "{name}: {reply:?}");
        }
        let all = api.get("/v1/holders").await;
        let mut names: Vec<_> = all["holders"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        let mut expected = ["a/b", "a%2Fb", "möbel", "..", "a+b", "a b", "\";--"];
        expected.sort_unstable();
        assert_eq!(names, expected);
    }

    async fn the_same_write_is_made_once_for_its_key(api: Api) {
        let body = json!({ "edit": { "assign": { "plan": "pro" } } });
        let ask = |version: &str| {
            let ask = post(&subject("alice", "/changes"), &body);
            ask.field("if-match", version).field("idempotency-key", "\"8e03978e\"")
        };
        let first = api.act(&ask("\"0\"")).await.json();
        for _ in 0..3 {
            let again = api.act(&ask("\"0\"")).await;
            assert_eq!((again.status.as_u16(), again.field("etag")), (200, Some("\"1\"")));
            let again = again.json();
            assert_eq!((&again["repeated"], &again["change"]), (&json!(true), &first["change"]));
        }
        let other = api.act(&ask("*")).await.problem(422);
        assert_eq!(other["type"], "urn:tollgate:problem:idempotency-key-reused");
        let by_other = api.send_as(Role::Operate, &ask("\"0\"")).await;
        by_other.problem(422);
        assert_eq!(api.get("/v1/changes").await["after"], 1);
    }

    async fn of_writers_that_saw_the_same_version_one_wins(api: Api) {
        const WRITERS: usize = 8;
        for round in 0_u64..5 {
            let ask = |writer: usize| {
                let plan = ["free", "pro"][writer % 2];
                let body = json!({ "edit": { "assign": { "plan": plan } }, "note": writer.to_string() });
                post(&subject("alice", "/changes"), &body).field("if-match", &format!("\"{round}\""))
            };
            let asks: Vec<_> = (0..WRITERS).map(ask).collect();
            let mut replies = Vec::new();
            let mut sent: Vec<_> = asks.iter().map(|ask| Box::pin(api.act(ask))).collect();
            // All at once, on one thread: each is asked for its next step in turn.
            std::future::poll_fn(|context| {
                sent.retain_mut(|reply| match reply.as_mut().poll(context) {
                    std::task::Poll::Ready(reply) => {
                        replies.push(reply);
                        false
                    }
                    std::task::Poll::Pending => true,
                });
                if sent.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
            let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
            assert_eq!((won.len(), lost.len()), (1, WRITERS - 1));
            for reply in lost {
                reply.problem(412);
                assert_eq!(reply.field("etag"), Some(format!("\"{}\"", round + 1).as_str()));
            }
        }
        assert_eq!(api.get("/v1/changes").await["after"], 5);
    }

    async fn what_the_policy_does_not_have_is_refused_with_its_place(api: Api) {
        for (edit, pointer) in [
            (json!({ "assign": { "plan": "gold" } }), "#/edit/assign/plan"),
            (json!({ "assign": { "plan": "two words" } }), "#/edit/assign/plan"),
            (json!({ "assign": { "plan": "pro", "until_ms": 1 } }), "#/edit"),
            (json!({ "assign": { "plan": 7 } }), "#/edit/assign/plan"),
            (json!({ "assign": { "plan": "pro", "untill_ms": 1 } }), "#/edit/assign/untill_ms"),
            (json!({ "assign": { "plan": "pro", "until_ms": -1 } }), "#/edit/assign/until_ms"),
            (json!({ "override": { "limit": "{name: burst}" } }), "#/edit/override/limit"),
            (
                json!({ "override": { "limit": "{name: burst, rate: 1/s}", "route": "GET /none" } }),
                "#/edit/override/route",
            ),
            (
                json!({ "override": { "limit": "{name: burst, rate: 1/s}", "route": "GET /orders/{id}" } }),
                "#/edit/override/route",
            ),
            (json!({ "lift": { "limit": "" } }), "#/edit/lift/limit"),
            (json!({ "undo": { "all": true } }), "#/edit/undo/all"),
            (json!({ "explode": {} }), "#/edit"),
        ] {
            let problem = api.act(&change("alice", &edit)).await.problem(422);
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{edit}: {problem}");
        }
        let named = json!({ "override": { "limit": "{name: burst, rate: 1/s}", "route": "GET /orders/{id}" } });
        let problem = api.act(&change("alice", &named)).await.problem(422);
        assert!(problem["detail"].as_str().unwrap().contains("`GET /orders/{order_id}`"));
        for edit in [json!({ "undo": {} }), json!({ "withdraw": { "made": 9 } }), json!({ "lift": { "limit": "x" } })] {
            api.act(&change("alice", &edit)).await.problem(409);
        }
        assert_eq!(api.get("/v1/changes").await["after"], 0);
    }

    async fn a_change_without_a_version_or_of_another_is_not_made(api: Api) {
        let body = json!({ "edit": { "assign": { "plan": "pro" } } });
        let ask = || post(&subject("alice", "/changes"), &body);
        api.act(&ask()).await.problem(428);
        for (version, status) in [("\"1\"", 412), ("W/\"0\"", 412), ("\"x\"", 412), ("0", 400), ("\"0\", \"1\"", 400)] {
            api.act(&ask().field("if-match", version)).await.problem(status);
        }
        let long = "k".repeat(256);
        for key in ["", "a b", &long] {
            let ask = ask().field("if-match", "*").field("idempotency-key", key);
            api.act(&ask).await.problem(400);
        }
        assert_eq!(api.get("/v1/changes").await["after"], 0);
    }
}
