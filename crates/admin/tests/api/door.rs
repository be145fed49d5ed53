//! The door: failures are bounded, good keys never wait for them, keys come and go while it is open.

use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tollgate_admin::{AdminKeys, FAILURES_AT_ONCE, REQUESTS_MAX, Role, add_key};
use tollgate_identity::ApiKeysText;

use crate::support::{Api, Ask, On, get, run};

#[test]
fn who_fails_too_often_is_told_to_wait_and_good_keys_are_not() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let wrong = get("/v1/plans").key("tga_no");
        for _ in 0..FAILURES_AT_ONCE {
            assert_eq!(api.send(&wrong).await.status, 401);
        }
        let guess = get("/v1/plans").key(&format!("tga_{}", "A".repeat(43)));
        for ask in [&wrong, &guess, &get("/v1/plans"), &get("/v1/nowhere")] {
            let reply = api.send(ask).await;
            reply.problem(429);
            assert_eq!(reply.field("retry-after"), Some("6"));
            assert!(reply.field("www-authenticate").is_none());
        }
        assert_eq!(api.send_as(Role::Read, &get("/v1/plans")).await.status, 200);
        api.clock.advance(Duration::from_secs(6));
        assert_eq!(api.send(&wrong).await.status, 401);
        let stats = api.admin.stats();
        let counted = (stats.unauthenticated, stats.throttled, stats.requests);
        assert_eq!(counted, (FAILURES_AT_ONCE + 1, 4, 1));
    });
}

#[test]
fn a_key_is_good_from_when_it_is_there_until_its_end_or_until_it_is_gone() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let mut text = ApiKeysText::empty();
        let end_s = crate::support::START_MS / 1_000 + 60;
        let key = add_key(&mut text, "for-an-hour", Role::Admin, Some(end_s)).unwrap();
        let ask = get("/v1/keys").key(key.expose());
        assert_eq!(api.send(&ask).await.status, 401);
        api.admin.replace_keys(AdminKeys::of(&text).unwrap());
        let old = api.send_as(Role::Admin, &get("/v1/keys")).await;
        assert_eq!(old.status, 401, "those before are gone");

        let listed = api.send(&ask).await.json();
        let keys = listed["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0]["name"], "for-an-hour");
        assert_eq!(
            (&keys[0]["role"], &keys[0]["accepted"]),
            (&"admin".into(), &true.into())
        );
        let secret = &key.expose()[4..];
        assert!(!listed.to_string().contains(secret));

        api.clock.advance(Duration::from_secs(60));
        assert_eq!(api.send(&ask).await.status, 401);
    });
}

#[test]
fn head_is_get_without_a_body_and_other_methods_are_named() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let reply = api.act(&Ask::new(Method::HEAD, "/v1/plans")).await;
        assert_eq!((reply.status.as_u16(), reply.bytes.len()), (200, 0));
        for (method, path, allow) in [
            (Method::DELETE, "/v1/plans", "GET, HEAD"),
            (Method::OPTIONS, "/v1/policy", "GET, HEAD, PUT"),
            (Method::GET, "/v1/explain", "POST"),
            (Method::TRACE, "/v1/policy/diff", "POST"),
        ] {
            let reply = api.act(&Ask::new(method, path)).await;
            reply.problem(405);
            assert_eq!(reply.field("allow"), Some(allow), "{path}");
        }
    });
}

/// Requests whose body does not come hold their places: one more is sent away at once, not queued.
#[test]
fn more_than_are_allowed_at_once_are_refused() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let head = format!(
            "POST /v1/explain HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n",
            api.key(Role::Read)
        );
        let mut waiting = Vec::new();
        for _ in 0..REQUESTS_MAX {
            let mut stream = tokio::net::TcpStream::connect(api.address).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            waiting.push(stream);
        }
        while api.admin.stats().requests < REQUESTS_MAX as u64 {
            tokio::task::yield_now().await;
        }
        let reply = api.send_as(Role::Read, &get("/v1/plans")).await;
        reply.problem(503);
        assert_eq!(reply.field("retry-after"), Some("1"));
        assert_eq!(
            api.send(&get("/v1/plans")).await.status,
            401,
            "who may not come in is told so"
        );
        assert_eq!(api.admin.stats().overloaded, 1);

        let mut answer = String::new();
        let stream = &mut waiting[0];
        stream.write_all(b"{}").await.unwrap();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 422 "), "{answer}");
        assert_eq!(api.send_as(Role::Read, &get("/v1/plans")).await.status, 200);
    });
}

#[test]
fn a_gateway_without_a_store_says_so_and_answers_the_rest() {
    run(async {
        let api = Api::start(On::Nothing).await;
        for path in [
            "/v1/holders",
            "/v1/changes",
            "/v1/operations",
            "/v1/notices",
        ] {
            let problem = api.act(&get(path)).await.problem(404);
            assert_eq!(problem["type"], "urn:tollgate:problem:no-store");
        }
        for path in [
            "/v1/plans",
            "/v1/routes",
            "/v1/traffic",
            "/v1/policy/versions",
        ] {
            api.get(path).await;
        }
    });
}
