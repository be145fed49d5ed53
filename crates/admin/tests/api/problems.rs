//! Whatever is wrong, the answer is a problem document with the status that says so.

use std::io::{Read as _, Write as _};

use http::Method;
use serde_json::json;
use tollgate_admin::Role;

use crate::support::{Api, Ask, On, get, post, run, subject};

#[test]
fn each_kind_of_wrong_has_its_status() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        let changes = subject("alice", "/changes");
        let good = json!({ "edit": { "undo": {} } });
        let with = |kind: &'static str| {
            let ask = Ask::new(Method::POST, &changes).body(&good.to_string());
            ask.field("content-type", kind).field("if-match", "*")
        };
        let large = json!({ "edit": { "undo": {} }, "note": "n".repeat(65_536) });
        let long = json!({ "edit": { "undo": {} }, "note": "n".repeat(1_025) });
        let deep = "[".repeat(60_000);
        for (ask, status) in [
            (get("/v1/nowhere"), 404),
            (get("/v1/"), 404),
            (get("/v1/plans/"), 404),
            (Ask::new(Method::PATCH, "/v1/plans"), 405),
            (with("text/plain"), 415),
            (with("application/jsonp"), 415),
            (Ask::new(Method::POST, &changes).field("if-match", "*"), 415),
            (with("application/json; charset=utf-8"), 409),
            (post(&changes, &large).field("if-match", "*"), 413),
            (post(&changes, &long).field("if-match", "*"), 422),
            (post(&changes, &json!([])).field("if-match", "*"), 422),
            (post("/v1/explain", &json!({})), 422),
            (
                Ask::new(Method::POST, "/v1/explain")
                    .body("{")
                    .field("content-type", "application/json"),
                400,
            ),
            (
                Ask::new(Method::POST, "/v1/explain")
                    .body(&deep)
                    .field("content-type", "application/json"),
                422,
            ),
            (get("/v1/plans?limit=0"), 400),
            (get("/v1/plans?limit=101"), 400),
            (get("/v1/plans?limit=x"), 400),
            (get("/v1/plans?pages=1"), 400),
            (get("/v1/plans?limit=1&limit=2"), 400),
            (get("/v1/plans?cursor=abc"), 400),
            (get("/v1/holders?plan=two%20words"), 400),
            (get("/v1/holders?cursor=eyJhIjoxfQ"), 400),
            (get("/v1/changes?after=-1"), 400),
            (get("/v1/changes?after=18446744073709551616"), 400),
            (get("/v1/notices?state=lost"), 400),
            (get("/v1/holders/robot/i/alice"), 400),
            (get("/v1/holders/subject/i/%00"), 400),
            (get("/v1/holders/subject/i/%FF"), 400),
            (
                get(&format!("/v1/holders/subject/i/{}", "a".repeat(256))),
                400,
            ),
            (get("/v1/holders/subject/i/a/buckets?account="), 400),
            (get("/v1/holders/account/i/a/buckets?account=b"), 400),
            (
                get("/v1/holders/subject/i/a/buckets?route=GET%20/none"),
                404,
            ),
            (post("/v1/notices/x/retry", &json!({})), 400),
        ] {
            api.act(&ask).await.problem(status);
        }
    });
}

#[test]
fn the_largest_numbers_are_no_trouble() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        let most = u64::MAX / 2;
        for path in [
            format!("/v1/changes?after={most}"),
            format!("/v1/operations?after={most}"),
            format!("/v1/notices?after={most}"),
            subject("alice", &format!("/changes?before={most}")),
        ] {
            api.get(&path).await;
        }
        api.act(&post(&format!("/v1/notices/{most}/retry"), &json!({})))
            .await
            .problem(404);
        let most = u64::MAX;
        api.act(&get(&format!("/v1/changes?after={most}")))
            .await
            .problem(400);
        api.act(&post(&format!("/v1/notices/{most}/retry"), &json!({})))
            .await
            .problem(404);
        let edit = json!({ "assign": { "plan": "pro", "from_ms": most } });
        let ask = crate::support::change("alice", &edit);
        api.act(&ask).await.problem(422);
    });
}

/// A body that says less of its length than it has, or nothing: what counts is what comes.
#[test]
fn a_body_without_a_length_is_counted_as_it_comes() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let key = api.key(Role::Read).to_owned();
        let address = api.address;
        let sent = tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let head = format!(
                "POST /v1/explain HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n\
                 content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            let chunk = format!("1000\r\n{}\r\n", " ".repeat(4_096));
            // 4 KiB at a time, until the server has had enough.
            for _ in 0..64 {
                if stream.write_all(chunk.as_bytes()).is_err() {
                    break;
                }
            }
            let mut answer = String::new();
            let _cut_off = stream.read_to_string(&mut answer);
            answer
        });
        let answer = sent.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    });
}
