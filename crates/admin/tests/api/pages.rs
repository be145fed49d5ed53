//! Lists: whole, each entry once, though others write meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_store::{
    Attempted, Batch, BatchWriter, Channel, Counter, Holder, LimitName, Notice, Span,
};

use crate::on_both;
use crate::support::{Api, START_MS, change, get, post, subject};

/// All entries of a list, page by page, with something done between two of them.
async fn all(api: &Api, path: &str, list: &str, mut between: impl AsyncFnMut(usize)) -> Vec<Value> {
    let (mut entries, mut next) = (Vec::new(), None::<String>);
    for round in 0.. {
        let query = next
            .map(|next| format!("&cursor={next}"))
            .unwrap_or_default();
        let page = api.get(&format!("{path}{query}")).await;
        entries.extend(page[list].as_array().unwrap().iter().cloned());
        match page.get("next") {
            Some(cursor) => next = Some(cursor.as_str().unwrap().to_owned()),
            None => break,
        }
        between(round).await;
    }
    entries
}

fn names(holders: &[Value]) -> Vec<&str> {
    holders
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect()
}

on_both! {
    async fn every_holder_that_is_there_all_the_while_is_listed_once(api: Api) {
        let pro = json!({ "assign": { "plan": "pro" } });
        let free = json!({ "assign": { "plan": "free" } });
        let mut expected = BTreeSet::new();
        for number in 0..25 {
            let name = format!("user-{number:02}");
            let plan = if number % 2 == 0 { &pro } else { &free };
            assert_eq!(api.act(&change(&name, plan)).await.status, 200);
            expected.insert(name);
        }
        let write = async |round: usize| {
            for name in [format!("a-{round}"), format!("user-{round:02}"), format!("z-{round}")] {
                assert_eq!(api.act(&change(&name, &pro)).await.status, 200);
            }
        };
        let found = all(&api, "/v1/holders?limit=4", "holders", write).await;
        let found = names(&found);
        let once: BTreeSet<_> = found.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(once.len(), found.len(), "none twice");
        assert!(expected.is_subset(&once), "{:?}", expected.difference(&once));

        let of_plan = all(&api, "/v1/holders?limit=3&plan=free", "holders", async |_| {}).await;
        assert!(!of_plan.is_empty() && of_plan.iter().all(|one| one["plan"] == "free"));
        let odd = |name: &str| name[5..].parse::<u32>().is_ok_and(|number| number % 2 == 1);
        assert!(names(&of_plan).into_iter().all(odd));
    }

    async fn the_audit_is_followed_without_a_gap(api: Api) {
        let (mut seen, mut after) = (Vec::new(), 0);
        for round in 0..6 {
            for number in 0..3 {
                let name = format!("user-{round}-{number}");
                let edit = json!({ "assign": { "plan": "pro" } });
                assert_eq!(api.act(&change(&name, &edit)).await.status, 200);
            }
            let page = api.get(&format!("/v1/changes?after={after}&limit=2")).await;
            seen.extend(page["changes"].as_array().unwrap().iter().map(|one| one["seq"].as_u64().unwrap()));
            after = page["after"].as_u64().unwrap();
            assert_eq!(page["has_more"], true);
        }
        let rest = api.get(&format!("/v1/changes?after={after}")).await;
        seen.extend(rest["changes"].as_array().unwrap().iter().map(|one| one["seq"].as_u64().unwrap()));
        assert_eq!(seen, (1..=18).collect::<Vec<_>>());
        let end = api.get("/v1/changes?after=18").await;
        assert_eq!((&end["after"], &end["has_more"]), (&json!(18), &json!(false)));
    }

    async fn plans_and_routes_are_those_of_the_policy_in_force(api: Api) {
        let plans = all(&api, "/v1/plans?limit=1", "plans", async |_| {}).await;
        let short: Vec<_> = plans.iter().map(|plan| (&plan["name"], &plan["default"])).collect();
        assert_eq!(short, [(&json!("free"), &json!(true)), (&json!("pro"), &json!(false))]);
        assert_eq!(plans[1]["limits"][0]["amount"], "10/s burst 20");
        let routes = all(&api, "/v1/routes?limit=2&plan=pro", "routes", async |_| {}).await;
        let names: Vec<_> = routes.iter().map(|route| route["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["*", "GET /orders", "POST /orders", "GET /orders/{order_id}"]);
        let amounts: Vec<_> = routes[2]["limits"].as_array().unwrap().iter().map(|limit| &limit["amount"]).collect();
        assert_eq!(amounts, ["1000/month in UTC", "2/s burst 2"]);
        api.act(&get("/v1/routes?plan=gold")).await.problem(404);
    }

    async fn counts_and_notices_are_seen_and_a_notice_is_tried_again(api: Api) {
        let store = api.store.clone().unwrap();
        let holder = Holder::subject("https://login.example", "alice").unwrap();
        let limit = LimitName::parse("monthly").unwrap();
        let month = Span::new(START_MS, Some(START_MS + 1_000_000)).unwrap();
        let counter = Counter::new(holder, limit, None, month).unwrap();
        let mut batch = Batch::new(BatchWriter::random().unwrap(), 1);
        batch.add(counter.clone(), 750).unwrap();
        store.add_counts(&batch).await.unwrap();
        let counts = api.get(&subject("alice", "/counts")).await;
        let expected = json!({
            "limit": "monthly", "units": 750, "from_ms": START_MS, "until_ms": START_MS + 1_000_000,
        });
        assert_eq!(counts["counts"], json!([expected]));

        for threshold in [75, 90, 100] {
            let notice = Notice::new(counter.clone(), threshold, 1_000, "{}".to_owned()).unwrap();
            assert!(store.post_notice(&notice).await.unwrap());
        }
        let lease = Duration::from_secs(30);
        store.hand_out_notices(&[Channel::Webhook]).await.unwrap();
        let taken = store.take_notices(Channel::Webhook, 100, lease).await.unwrap().notices;
        store.settle_notice(&taken[0], Attempted::Delivered).await.unwrap();
        store.settle_notice(&taken[1], Attempted::GivenUp).await.unwrap();
        let page = api.get("/v1/notices?limit=2").await;
        let rest = api.get(&format!("/v1/notices?limit=2&after={}", page["after"])).await;
        assert_eq!(page["notices"].as_array().unwrap().len(), 2);
        assert_eq!((&rest["notices"][0]["deliveries"][0]["state"], rest.get("after")), (&json!("waiting"), None));
        assert_eq!(rest["notices"][0]["deliveries"][0]["channel"], "webhook");
        let given_up = api.get("/v1/notices?state=given_up").await;
        assert_eq!(given_up["notices"].as_array().unwrap().len(), 1);
        assert_eq!(given_up["notices"][0]["threshold_percent"], 90);

        let retry = |id: u64| post(&format!("/v1/notices/{id}/retry"), &Value::Null);
        let reply = api.act(&retry(taken[1].id)).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["state"]), (200, &json!("waiting")));
        let again = store.take_notices(Channel::Webhook, 100, lease).await.unwrap();
        assert_eq!(again.notices[0].id, taken[1].id);
        api.act(&retry(taken[0].id)).await.problem(409);
        api.act(&retry(9_999)).await.problem(404);
        let audit = api.get("/v1/operations").await;
        let audit: Vec<_> = audit["operations"].as_array().unwrap().iter().map(|one| (&one["what"], &one["state"], &one["detail"]["id"])).collect();
        let what = json!("notice.retry");
        let (done, failed) = (json!("done"), json!("failed"));
        let ids = [json!(taken[1].id), json!(taken[0].id), json!(9_999)];
        assert_eq!(audit, [(&what, &done, &ids[0]), (&what, &failed, &ids[1]), (&what, &failed, &ids[2])]);
    }
}
