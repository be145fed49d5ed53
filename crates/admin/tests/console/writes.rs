//! What the console writes is what the API writes: the same checks, versions and entries of the audit.

use serde_json::{Value, json};
use tollgate_admin::Role;
use tollgate_store::{Counter, Holder, LimitName, Notice, NoticeState, Span};

use crate::seat::{Seat, subject, text, value};
use crate::support::{self, Api, On, POLICY, START_MS, change, get, post, run};

/// Without what tells two entries of the same deed on two holders apart.
fn bare(entry: &Value) -> Value {
    match entry {
        Value::Object(fields) => {
            let own = ["seq", "id", "made", "name"];
            let fields = fields
                .iter()
                .filter(|(name, _)| !own.contains(&name.as_str()));
            fields
                .map(|(name, value)| (name.clone(), bare(value)))
                .collect()
        }
        Value::Array(all) => all.iter().map(bare).collect(),
        other => other.clone(),
    }
}

async fn last(api: &Api, path: &str, what: &str) -> Value {
    let all = api.get(path).await;
    all[what]
        .as_array()
        .unwrap()
        .last()
        .cloned()
        .unwrap_or_default()
}

#[test]
fn every_form_of_a_holder_stands_in_the_audit_as_the_endpoint_does() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        let seat = Seat::take(&api, Role::Operate).await;
        let limit = "{name: burst, rate: 9/s}";
        let made = |version: u64| version.to_string();
        // Changes of bob by the form come after those of alice by the endpoint: 1 and 2, 3 and 4, …
        let (until, until_ms) = ("2023-11-15T00:00", 1_700_006_400_000_u64);
        for (number, (edit, path, fields)) in (0..).zip([
            (
                json!({ "assign": { "plan": "pro", "until_ms": until_ms } }),
                "assign",
                vec![("plan", "pro"), ("from", ""), ("until", until)],
            ),
            (
                json!({ "withdraw": { "made": 1 } }),
                "withdraw",
                vec![("made", "2")],
            ),
            (
                json!({ "override": { "limit": limit, "route": "GET /orders" } }),
                "override",
                vec![("limit", limit), ("route", "GET /orders")],
            ),
            (
                json!({ "lift": { "limit": "burst", "route": "GET /orders" } }),
                "lift",
                vec![("limit", "burst"), ("route", "GET /orders")],
            ),
            (json!({ "undo": {} }), "undo", vec![]),
        ]) {
            let body = json!({ "edit": edit, "note": "order 7" });
            let ask = post(&support::subject("alice", "/changes"), &body).field("if-match", "*");
            assert_eq!(api.send_as(Role::Operate, &ask).await.status, 200, "{path}");
            let by_api = last(&api, "/v1/changes", "changes").await;
            let version = made(if number == 0 { 0 } else { 2 * number });
            let key = format!("key-{number}");
            let fields = [
                &fields[..],
                &[("note", "order 7"), ("version", &version), ("key", &key)],
            ]
            .concat();
            let path = subject(&format!("/holder/{path}"), "bob");
            let to = seat.done(&api, &path, &fields).await;
            let page = seat.page(&api, &to).await;
            assert!(page.contains("class=\"done\" role=\"status\""), "{to}");
            let by_form = last(&api, "/v1/changes", "changes").await;
            assert_eq!(
                (&by_form["name"], &by_form["by"]),
                (&json!("bob"), &json!("the-operate"))
            );
            assert_eq!(bare(&by_form), bare(&by_api));
            // Sent again, as by somebody who pressed the button twice: it is done once.
            assert_eq!(seat.done(&api, &path, &fields).await, to);
            assert_eq!(last(&api, "/v1/changes", "changes").await, by_form);
        }
        for (number, (act, path, fields)) in (0..).zip([
            (
                json!({ "grant": { "units": 3 } }),
                "grant",
                vec![("units", "3"), ("limit", "burst"), ("route", "GET /orders")],
            ),
            (
                json!({ "reset": {} }),
                "reset",
                vec![("limit", "burst"), ("route", "GET /orders")],
            ),
        ]) {
            for name in ["alice", "bob"] {
                api.memory.spend(name, "burst", 5);
            }
            let body =
                json!({ "act": act, "limit": "burst", "route": "GET /orders", "note": "ticket 1" });
            let ask = post(&support::subject("alice", "/buckets/changes"), &body);
            let ask = ask.field("idempotency-key", &format!("api-{number}"));
            assert_eq!(api.send_as(Role::Operate, &ask).await.status, 200);
            let by_api = last(&api, "/v1/operations", "operations").await;
            let key = format!("grant-{number}");
            let fields = [&fields[..], &[("note", "ticket 1"), ("key", &key)]].concat();
            let path = subject(&format!("/holder/{path}"), "bob");
            seat.done(&api, &path, &fields).await;
            let by_form = last(&api, "/v1/operations", "operations").await;
            assert_eq!(bare(&by_form), bare(&by_api));
            seat.done(&api, &path, &fields).await;
            assert_eq!(
                last(&api, "/v1/operations", "operations").await["id"],
                by_form["id"]
            );
            let buckets = |name| support::subject(name, "/buckets?route=GET%20/orders");
            assert_eq!(
                api.get(&buckets("bob")).await,
                api.get(&buckets("alice")).await
            );
        }
    });
}

#[test]
fn a_form_of_an_old_page_changes_nothing() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        let seat = Seat::take(&api, Role::Operate).await;
        let page = seat.page(&api, &subject("/holder", "alice")).await;
        let (version, key) = (value(&page, "version"), value(&page, "key"));
        assert_eq!(version, "0");
        assert_eq!(
            api.act(&change("alice", &json!({ "assign": { "plan": "free" } })))
                .await
                .status,
            200
        );
        let fields = [
            ("plan", "pro"),
            ("version", version.as_str()),
            ("key", key.as_str()),
        ];
        let reply = seat
            .send(&api, &subject("/holder/assign", "alice"), &fields)
            .await;
        assert_eq!(reply.status, 412);
        assert!(text(&reply).contains("It has changed since it was read"));
        for (fields, status, words) in [
            (
                vec![("plan", "gold"), ("version", "1"), ("key", "a")],
                422,
                "no plan of this name",
            ),
            (
                vec![
                    ("plan", "pro"),
                    ("version", "1"),
                    ("key", "b"),
                    ("from", "soon"),
                ],
                422,
                "this is no time",
            ),
            (
                vec![
                    ("plan", "pro"),
                    ("version", "1"),
                    ("key", "c"),
                    ("until", "1999-01-01T00:00"),
                ],
                422,
                "/edit",
            ),
            (
                vec![("plan", "pro"), ("version", "1")],
                400,
                "Idempotency-Key",
            ),
            (vec![("plan", "pro"), ("key", "d")], 422, "/version"),
        ] {
            let reply = seat
                .send(&api, &subject("/holder/assign", "alice"), &fields)
                .await;
            assert_eq!(reply.status, status, "{fields:?}");
            assert!(text(&reply).contains(words), "{fields:?}: {}", text(&reply));
        }
        assert_eq!(api.get("/v1/changes").await["after"], 1);
    });
}

#[test]
fn a_policy_is_looked_at_before_it_is_put_in_force_and_can_be_put_back() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        let seat = Seat::take(&api, Role::Admin).await;
        let page = seat.page(&api, "/policy").await;
        let first = value(&page, "version");
        // Lines end as browsers end them.
        let other = POLICY
            .replace("rate: 10/s", "rate: 11/s")
            .replace('\n', "\r\n");
        let sent = [("version", first.as_str()), ("text", other.as_str())];
        let checked = seat.send(&api, "/policy/check", &sent).await;
        let checked = text(&checked);
        assert!(
            checked.contains("10/s burst 20") && checked.contains("11/s burst 20"),
            "{checked}"
        );
        assert_eq!(
            api.act(&get("/v1/policy")).await.json()["version"],
            first.as_str(),
            "a look changes nothing"
        );
        let text_shown = value(&checked, "text")
            .replace("&quot;", "\"")
            .replace("&gt;", ">");
        assert_eq!(
            text_shown.replace("\r\n", "\n"),
            other.replace("\r\n", "\n")
        );
        let sent = [
            ("version", first.as_str()),
            ("text", other.as_str()),
            ("note", "more for pro"),
        ];
        assert_eq!(
            seat.done(&api, "/policy/apply", &sent).await,
            "/policy?done=applied"
        );
        let now = api.act(&get("/v1/policy")).await.json();
        assert_eq!(now["text"], other.replace("\r\n", "\n"));
        let operation = last(&api, "/v1/operations", "operations").await;
        assert_eq!(
            (&operation["what"], &operation["note"]),
            (&json!("policy.apply"), &json!("more for pro"))
        );

        // Somebody else's page is older than that.
        let third = other.replace("11/s", "12/s");
        let stale = seat
            .send(
                &api,
                "/policy/apply",
                &[("version", &first), ("text", &third)],
            )
            .await;
        assert_eq!(stale.status, 412);
        let unsaid = seat.send(&api, "/policy/apply", &[("text", &third)]).await;
        assert_eq!(unsaid.status, 428);
        let bad = seat
            .send(
                &api,
                "/policy/check",
                &[("version", "x"), ("text", "tollgate: 1\nplan: {}\n")],
            )
            .await;
        assert_eq!(bad.status, 200);
        let bad = text(&bad);
        assert!(
            bad.contains("It cannot be put in force") && bad.contains("line 2, column 1"),
            "{bad}"
        );
        assert!(!bad.contains("action=\"/policy/apply\""));

        let second = now["version"].as_str().unwrap();
        let sent = [
            ("version", second),
            ("to", first.as_str()),
            ("note", "too much"),
        ];
        assert_eq!(
            seat.done(&api, "/policy/roll-back", &sent).await,
            "/policy?done=rolled-back"
        );
        assert_eq!(api.act(&get("/v1/policy")).await.json()["text"], POLICY);
        let operation = last(&api, "/v1/operations", "operations").await;
        assert_eq!(
            (&operation["what"], &operation["by"]),
            (&json!("policy.roll_back"), &json!("the-admin"))
        );
        let audit = seat.page(&api, "/audit").await;
        assert!(audit.find("policy.roll_back").unwrap() < audit.find("policy.apply").unwrap());
    });
}

#[test]
fn a_notice_is_tried_again() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        let seat = Seat::take(&api, Role::Operate).await;
        let store = api.store.as_ref().unwrap();
        let holder = Holder::subject("https://login.example", "alice").unwrap();
        let month = Span::new(START_MS, Some(START_MS + 1_000_000)).unwrap();
        let counter =
            Counter::new(holder, LimitName::parse("monthly").unwrap(), None, month).unwrap();
        let notice = Notice::new(counter, 75, 1_000, "{}".to_owned()).unwrap();
        assert!(store.post_notice(&notice).await.unwrap());
        store
            .hand_out_notices(&[tollgate_store::Channel::Webhook])
            .await
            .unwrap();
        let page = seat.page(&api, "/notices?state=waiting").await;
        assert!(
            page.contains("alice") && page.contains("75 %") && page.contains("webhook"),
            "{page}"
        );
        let id = value(&page, "id");
        let to = seat
            .done(&api, "/notices/retry", &[("id", &id), ("state", "waiting")])
            .await;
        assert_eq!(to, format!("/notices?state=waiting&done={id}"));
        let operation = last(&api, "/v1/operations", "operations").await;
        assert_eq!(
            (&operation["what"], &operation["state"]),
            (&json!("notice.retry"), &json!("done"))
        );
        let waiting = store
            .notices_after(0, Some(NoticeState::Waiting), 10)
            .await
            .unwrap();
        assert_eq!(waiting.entries.len(), 1);
        assert_eq!(seat.get(&api, "/notices?state=lost").await.status, 400);
    });
}
