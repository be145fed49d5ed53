//! The policy: read, validated, compared, put in force once, rolled back.

use http::Method;
use serde_json::{Value, json};
use tollgate_admin::Role;

use crate::on_both;
use crate::support::{Api, Ask, On, POLICY, get, post, run};

fn put(text: &str, version: &str) -> Ask {
    let body = json!({ "text": text, "note": "more" });
    Ask::new(Method::PUT, "/v1/policy")
        .json(&body)
        .field("if-match", version)
}

fn more() -> String {
    POLICY.replace("rate: 10/s, burst: 20", "rate: 30/s, burst: 60")
}

on_both! {
    async fn a_policy_is_put_in_force_once_and_rolled_back(api: Api) {
        let before = api.act(&get("/v1/policy")).await;
        let first = before.field("etag").unwrap().to_owned();
        assert_eq!(before.json()["text"], POLICY);
        let text = more();
        let now = api.act(&put(&text, &first)).await;
        assert_eq!(now.status, 200, "{now:?}");
        let second = now.field("etag").unwrap().to_owned();
        assert_ne!(first, second);
        assert_eq!(api.get("/v1/plans").await["plans"][1]["limits"][0]["amount"], "30/s burst 60");

        // Sent again after a time-out: it is in force already. Another one that saw the first is late.
        let again = api.act(&put(&text, &first)).await;
        assert_eq!((again.status.as_u16(), again.field("etag")), (200, Some(second.as_str())));
        let late = api.act(&put(&text.replace("30/s", "31/s"), &first)).await;
        late.problem(412);
        assert_eq!(late.field("etag"), Some(second.as_str()));

        let version = first.trim_matches('"');
        let back = |to: &str| post("/v1/policy/rollback", &json!({ "version": to }));
        api.act(&back(version)).await.problem(428);
        api.act(&back(version).field("if-match", &first)).await.problem(412);
        let done = api.act(&back(version).field("if-match", &second)).await;
        assert_eq!((done.status.as_u16(), done.field("etag")), (200, Some(first.as_str())));
        assert_eq!(api.get("/v1/plans").await["plans"][1]["limits"][0]["amount"], "10/s burst 20");
        let known = get("/v1/policy").field("if-none-match", &first);
        assert_eq!(api.act(&known).await.status, 304);

        let versions = api.get("/v1/policy/versions").await;
        let by: Vec<_> = versions["versions"].as_array().unwrap().iter().map(|one| one.get("by")).collect();
        assert_eq!(by, [Some(&json!("the-admin")), Some(&json!("the-admin")), None]);
        let audit = api.get("/v1/operations").await;
        let audit: Vec<_> = audit["operations"].as_array().unwrap().iter().map(|one| format!("{} {}", one["what"], one["state"]).replace('"', "")).collect();
        assert_eq!(audit, [
            "policy.apply done", "policy.apply failed", "policy.roll_back failed", "policy.roll_back done",
        ]);
    }
}

#[test]
fn a_policy_that_is_no_good_changes_nothing_and_says_all_that_is_wrong() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let bad = POLICY
            .replace("rate: 1/s", "rate: much")
            .replace("quota: 1000/month", "quota: 1");
        let problem = api.act(&put(&bad, "*")).await.problem(422);
        let errors = problem["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 2, "{problem}");
        assert!(errors.iter().all(|error| error["pointer"] == "#/text"));
        assert!(
            errors[0]["detail"]
                .as_str()
                .unwrap()
                .starts_with("policy:6:"),
            "{problem}"
        );
        assert_eq!(api.act(&get("/v1/policy")).await.json()["text"], POLICY);

        let validate = |text: &str| post("/v1/policy/validate", &json!({ "text": text }));
        let trial = api.act(&validate(&bad)).await.json();
        assert_eq!(
            (&trial["ok"], trial["findings"].as_array().unwrap().len()),
            (&json!(false), 2)
        );
        assert!(
            trial["findings"][0]["code"]
                .as_str()
                .unwrap()
                .starts_with("TG")
        );

        let test = |allowed: u64| {
            format!(
                "{POLICY}tests:\n  - {{name: a burst, as: anonymous, send: 30 x GET /orders in 0s, \
                 expect: {{allowed: {allowed}, limited: {}}}}}\n",
                30 - allowed
            )
        };
        let trial = api.act(&validate(&test(5))).await.json();
        assert_eq!(
            (&trial["ok"], &trial["tests"]["passed"]),
            (&json!(true), &json!(1)),
            "{trial}"
        );
        let trial = api.act(&validate(&test(6))).await.json();
        assert_eq!(
            (&trial["ok"], &trial["tests"]["failed"][0]["test"]),
            (&json!(false), &json!("a burst"))
        );
        api.act(&put(&test(6), "*")).await.problem(422);
        assert_eq!(api.act(&get("/v1/policy")).await.json()["text"], POLICY);
    });
}

#[test]
fn a_difference_is_told_before_it_is_made() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let diff = |text: &str| post("/v1/policy/diff", &json!({ "text": text }));
        let none = api.act(&diff(POLICY)).await.json();
        assert_eq!(
            (&none["differences"], &none["at_next_start"]),
            (&json!([]), &json!([]))
        );
        let found = api.act(&diff(&more())).await.json();
        let found = found["differences"].as_array().unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (&found[0]["what"], &found[0]["plan"]),
            (&json!("limit"), &json!("pro"))
        );
        api.act(&diff("nonsense: [")).await.problem(422);
        assert_eq!(api.act(&get("/v1/policy")).await.json()["text"], POLICY);
    });
}

#[test]
fn a_policy_may_be_as_large_as_a_policy_file() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let validate = |bytes: usize| {
            let text = format!("{POLICY}# {}\n", "x".repeat(bytes));
            post("/v1/policy/validate", &json!({ "text": text }))
        };
        let trial = api.act(&validate(4_000_000)).await.json();
        assert_eq!(trial["ok"], true, "{trial}");
        let trial = api.act(&validate(4_300_000)).await.json();
        assert_eq!(trial["ok"], false);
        api.act(&validate(9_000_000)).await.problem(413);
    });
}

/// Who may not put a policy in force may not have the gateway read files for it either.
#[test]
fn the_files_that_a_policy_names_are_read_for_those_only_who_may_change_it() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let text = POLICY.replace("routes: [", "routes: {openapi: /etc/passwd}\n# [");
        let ask = post("/v1/policy/validate", &json!({ "text": text }));
        api.send_as(Role::Operate, &ask).await.problem(403);
        let trial: Value = api.act(&ask).await.json();
        assert_eq!(trial["ok"], false);
    });
}
