//! Every endpoint × who calls: nobody without a good key, and nobody below the role, gets anything.

use http::Method;
use serde_json::{Value, json};
use tollgate_admin::{Role, endpoints};

use crate::support::{Api, Ask, ISSUER, On, POLICY, change, run};

/// What each endpoint is to be asked, the least role that gets something, and the status then.
struct Row {
    method: &'static str,
    path: &'static str,
    least: Role,
    body: Value,
    status: u16,
}

fn row(least: Role, method: &'static str, path: &'static str, body: Value, status: u16) -> Row {
    Row {
        method,
        path,
        least,
        body,
        status,
    }
}

/// The table as it is meant, apart from the one that the router is made of.
fn meant() -> Vec<Row> {
    use Role::{Admin, Operate, Read};
    let none = || Value::Null;
    let text = || json!({ "text": POLICY });
    let holder = "/v1/holders/{kind}/{issuer}/{name}";
    let under = |rest: &str| -> &'static str { format!("{holder}{rest}").leak() };
    let grant = json!({ "act": { "grant": { "units": 1 } } });
    let assign = json!({ "edit": { "assign": { "plan": "pro" } } });
    let question = json!({ "method": "GET", "path": "/orders" });
    vec![
        row(Read, "GET", "/v1/openapi.json", none(), 200),
        row(Read, "GET", "/v1/plans", none(), 200),
        row(Read, "GET", "/v1/routes", none(), 200),
        row(Read, "GET", "/v1/holders", none(), 200),
        row(Read, "GET", holder, none(), 200),
        row(Read, "GET", under("/counts"), none(), 200),
        row(Read, "GET", under("/usage"), none(), 200),
        row(Read, "GET", under("/changes"), none(), 200),
        row(Operate, "POST", under("/changes"), assign, 200),
        row(Read, "GET", under("/buckets"), none(), 200),
        row(Operate, "POST", under("/buckets/changes"), grant, 200),
        row(Read, "GET", "/v1/changes", none(), 200),
        row(Read, "GET", "/v1/operations", none(), 200),
        row(Read, "GET", "/v1/notices", none(), 200),
        row(Operate, "POST", "/v1/notices/{id}/retry", none(), 404),
        row(Read, "POST", "/v1/explain", question, 200),
        row(Read, "GET", "/v1/traffic", none(), 200),
        row(Admin, "GET", "/v1/policy", none(), 200),
        row(Read, "GET", "/v1/policy/versions", none(), 200),
        row(Admin, "POST", "/v1/policy/validate", text(), 200),
        row(Admin, "POST", "/v1/policy/diff", text(), 200),
        row(Admin, "PUT", "/v1/policy", text(), 200),
        row(
            Admin,
            "POST",
            "/v1/policy/rollback",
            json!({ "version": "f00" }),
            404,
        ),
        row(Admin, "GET", "/v1/keys", none(), 200),
    ]
}

fn ask(row: &Row, who: &str) -> Ask {
    let path = row
        .path
        .replace("{kind}", "subject")
        .replace("{issuer}", ISSUER)
        .replace("{name}", "alice")
        .replace("{id}", "7");
    let ask = Ask::new(row.method.parse().unwrap(), &path);
    let ask = match row.body {
        Value::Null => ask,
        ref body => ask.json(body),
    };
    ask.field("if-match", "*").field("idempotency-key", who)
}

/// Words that only somebody who may see them may see.
const SECRETS: [&str; 5] = ["alice", "login.example", "burst", "the-read", "orders"];

#[test]
fn the_routers_table_is_the_one_that_is_meant() {
    let mut meant: Vec<_> = meant()
        .into_iter()
        .map(|row| (row.path.to_owned(), row.method.to_owned(), row.least))
        .collect();
    meant.sort();
    let found = endpoints().into_iter();
    let found: Vec<_> = found.map(|one| (one.path, one.method, one.least)).collect();
    assert_eq!(found, meant);
}

#[test]
fn who_has_no_good_key_or_too_low_a_role_gets_nothing() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        let edit = json!({ "assign": { "plan": "free" } });
        assert_eq!(api.act(&change("alice", &edit)).await.status, 200);
        let before = api.store.as_ref().unwrap().last_seq().await.unwrap();
        let wrong = format!("tga_{}", "A".repeat(43));
        let read = api.key(Role::Read).to_owned();
        let bad: [(&str, Option<String>); 8] = [
            ("no field", None),
            ("no bearer", Some(format!("Basic {read}"))),
            ("empty", Some("Bearer ".to_owned())),
            ("garbage", Some("Bearer \u{e4}\u{f6}".to_owned())),
            ("a key that is none", Some(format!("Bearer {wrong}"))),
            ("a part of a key", Some(format!("Bearer {}", &read[..46]))),
            (
                "another case",
                Some(format!("Bearer {}", read.to_uppercase())),
            ),
            ("two keys", Some(format!("Bearer {read}, Bearer {read}"))),
        ];
        let mut tried = 0;
        let nowhere = row(Role::Read, "GET", "/v1/nowhere", Value::Null, 404);
        let no_method = row(Role::Read, "DELETE", "/v1/plans", Value::Null, 405);
        for row in meant().iter().chain([&nowhere, &no_method]) {
            for (what, field) in &bad {
                // Its network has failures again: else the answer is 429, which another test looks at.
                api.clock.advance(std::time::Duration::from_secs(60));
                let asked = match field {
                    None => ask(row, "nobody"),
                    Some(field) => ask(row, "nobody").field("authorization", field),
                };
                let reply = api.send(&asked).await;
                let at = format!("{} {} with {what}", row.method, row.path);
                assert_eq!(reply.status, 401, "{at}");
                reply.problem(401);
                assert!(
                    reply
                        .field("www-authenticate")
                        .unwrap()
                        .starts_with("Bearer realm=")
                );
                let text = String::from_utf8_lossy(&reply.bytes);
                for secret in SECRETS {
                    assert!(!text.contains(secret), "{at}: {text}");
                }
                tried += 1;
            }
            for (role, _) in api.keys.clone() {
                let reply = api.send_as(role, &ask(row, role.as_str())).await;
                let at = format!("{} {} as {role}", row.method, row.path);
                if role >= row.least {
                    assert_eq!(reply.status, row.status, "{at}: {reply:?}");
                } else {
                    reply.problem(403);
                    let text = String::from_utf8_lossy(&reply.bytes);
                    for secret in SECRETS {
                        assert!(!text.contains(secret), "{at}: {text}");
                    }
                }
                assert_eq!(reply.field("cache-control"), Some("no-store"), "{at}");
                tried += 1;
            }
        }
        assert_eq!(tried, (meant().len() + 2) * 11);
        // What changed was changed by the two roles that may, once each.
        let changes = api
            .store
            .as_ref()
            .unwrap()
            .changes_since(before)
            .await
            .unwrap();
        let by: Vec<_> = changes.iter().map(|change| change.by.to_string()).collect();
        assert_eq!(by, ["the-operate", "the-admin"]);
    });
}

#[test]
fn a_role_is_asked_before_the_request_is_read() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        for path in ["/v1/holders/nobody/%ff/x/changes", "/v1/policy/validate"] {
            let nonsense = Ask::new(Method::POST, path).body("{");
            api.send_as(Role::Read, &nonsense).await.problem(403);
        }
    });
}
