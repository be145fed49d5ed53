//! Every page and form × who asks: nobody without a session, and nobody below the role, gets anything.

use http::Method;
use tollgate_admin::{Role, pages};

use crate::seat::{Seat, form, subject, text};
use crate::support::{Api, Ask, On, POLICY, change, run};

/// What each is asked with, its least role, and the status then.
type Row = (
    Role,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    u16,
);

/// The table as it is meant, apart from the one that the router is made of. Forms without what they need are
/// refused for that, which is after their role was asked.
fn meant() -> Vec<Row> {
    use Role::{Admin, Operate, Read};
    const KEY: &[(&str, &str)] = &[("key", "k")];
    const NOTICE: &[(&str, &str)] = &[("id", "7")];
    const TEXT: &[(&str, &str)] = &[("version", "x"), ("text", POLICY)];
    const BACK: &[(&str, &str)] = &[("version", "x"), ("to", "f00")];
    vec![
        (Read, "GET", "/", &[], 200),
        (Read, "GET", "/limited", &[], 200),
        (Read, "GET", "/holders", &[], 200),
        (Read, "GET", "/holder", &[], 200),
        (Operate, "POST", "/holder/assign", &[], 422),
        (Operate, "POST", "/holder/withdraw", &[], 422),
        (Operate, "POST", "/holder/override", &[], 422),
        (Operate, "POST", "/holder/lift", &[], 422),
        (Operate, "POST", "/holder/undo", &[], 422),
        (Operate, "POST", "/holder/grant", KEY, 422),
        (Operate, "POST", "/holder/reset", KEY, 303),
        (Read, "GET", "/plans", &[], 200),
        (Read, "GET", "/plan", &[], 200),
        (Read, "GET", "/notices", &[], 200),
        (Operate, "POST", "/notices/retry", NOTICE, 404),
        (Read, "GET", "/policy", &[], 200),
        (Admin, "POST", "/policy/check", TEXT, 200),
        // The text is in force already.
        (Admin, "POST", "/policy/apply", TEXT, 303),
        (Admin, "POST", "/policy/roll-back", BACK, 404),
        (Read, "GET", "/audit", &[], 200),
        (Admin, "GET", "/keys", &[], 200),
    ]
}

fn path(path: &str) -> String {
    match path {
        "/plan" => "/plan?name=pro".to_owned(),
        _ if path == "/holder" || path.starts_with("/holder/") => subject(path, "alice"),
        _ => path.to_owned(),
    }
}

/// Words that only somebody who may see them may see.
const SECRETS: [&str; 4] = ["alice", "login.example", "burst", "the-read"];

#[test]
fn the_consoles_table_is_the_one_that_is_meant() {
    let mut meant: Vec<_> = meant()
        .into_iter()
        .map(|(least, method, path, ..)| (path.to_owned(), method.to_owned(), least))
        .collect();
    meant.sort();
    let found = pages().into_iter();
    let found: Vec<_> = found.map(|one| (one.path, one.method, one.least)).collect();
    assert_eq!(found, meant);
}

#[test]
fn who_has_not_signed_in_or_has_too_low_a_role_gets_nothing() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        let edit = serde_json::json!({ "assign": { "plan": "free" } });
        assert_eq!(api.act(&change("alice", &edit)).await.status, 200);
        let before = api.store.as_ref().unwrap().last_seq().await.unwrap();
        let mut seats = Vec::new();
        for (role, _) in &api.keys {
            seats.push((*role, Seat::take(&api, *role).await));
        }
        let stranger = "tollgate-session=AAAA";
        let mut tried = 0;
        for (least, method, at, fields, status) in meant() {
            let path = path(at);
            for cookie in ["", stranger] {
                let reply = match method {
                    "GET" => {
                        api.send(&Ask::new(Method::GET, &path).field("cookie", cookie))
                            .await
                    }
                    _ => api.send(&form(&path, cookie, fields)).await,
                };
                let expected = if method == "GET" { 303 } else { 401 };
                assert_eq!(reply.status, expected, "{method} {path}");
                for secret in SECRETS {
                    assert!(!text(&reply).contains(secret), "{path}");
                }
                tried += 1;
            }
            for (role, seat) in &seats {
                let reply = match method {
                    "GET" => seat.get(&api, &path).await,
                    _ => seat.send(&api, &path, fields).await,
                };
                let at = format!("{method} {path} as {role}");
                if *role >= least {
                    assert_eq!(reply.status, status, "{at}: {}", text(&reply));
                } else {
                    assert_eq!(reply.status, 403, "{at}");
                    assert!(!text(&reply).contains("burst"), "{at}");
                }
                tried += 1;
            }
        }
        assert_eq!(tried, meant().len() * 5);
        let last = api.store.as_ref().unwrap().last_seq().await.unwrap();
        assert_eq!(
            last, before,
            "none of these forms says enough to change anything"
        );
    });
}

/// Who may not send a form is not shown it.
#[test]
fn a_form_is_shown_to_who_may_send_it() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        let edit = serde_json::json!({ "assign": { "plan": "free" } });
        assert_eq!(api.act(&change("alice", &edit)).await.status, 200);
        for (role, _) in api.keys.clone() {
            let seat = Seat::take(&api, role).await;
            for page in [
                "/", "/holders", "/notices", "/policy", "/holder", "/plans", "/audit",
            ] {
                let shown = seat.page(&api, &path(page)).await;
                for (least, method, form, ..) in meant() {
                    let is_there = shown.contains(&format!("action=\"{form}"));
                    assert!(
                        method == "GET" || !is_there || role >= least,
                        "{form} on {page} as {role}"
                    );
                }
                let (is_holder, is_policy) = (page == "/holder", page == "/policy");
                let has = |form: &str| shown.contains(&format!("action=\"{form}"));
                assert_eq!(has("/holder/assign"), is_holder && role >= Role::Operate);
                assert_eq!(has("/holder/withdraw"), is_holder && role >= Role::Operate);
                assert_eq!(has("/policy/check"), is_policy && role >= Role::Admin);
                assert_eq!(shown.contains("href=\"/keys\""), role >= Role::Admin);
                let shows_text = is_policy && shown.contains("127.0.0.1:9000");
                assert_eq!(shows_text, is_policy && role >= Role::Admin);
            }
        }
    });
}
