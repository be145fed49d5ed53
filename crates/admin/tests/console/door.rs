//! Sessions: opened by a good key, ended with it, by a sign-out or by time; no form but our own; what every
//! answer says to browsers.

use std::time::Duration;

use http::Method;
use tollgate_admin::{
    AdminKeys, FAILURES_AT_ONCE, OverTls, Role, SESSION_AGE_MAX, add_key, router,
};
use tollgate_identity::ApiKeysText;
use tower::ServiceExt as _;

use crate::seat::{Seat, cookie, form, subject, text, try_key, value};
use crate::support::{Api, Ask, On, get, run};

#[test]
fn a_wrong_key_opens_nothing_and_counts_as_a_failure_of_the_api() {
    run(async {
        let api = Api::start(On::Nothing).await;
        for number in 0..FAILURES_AT_ONCE {
            let key = match number % 3 {
                0 => "",
                1 => "tga_no",
                _ => &format!("tga_{}", "A".repeat(43)),
            };
            let reply = try_key(&api, key).await;
            assert_eq!(reply.status, 401);
            assert!(
                text(&reply).contains("role=\"alert\"") && text(&reply).contains("No valid key")
            );
            assert!(!text(&reply).contains("AAAA") && reply.field("www-authenticate").is_none());
            assert!(
                !cookie(&reply)
                    .unwrap_or_default()
                    .starts_with("tollgate-session")
            );
        }
        let reply = try_key(&api, "tga_no").await;
        assert_eq!(
            (reply.status.as_u16(), reply.field("retry-after")),
            (429, Some("6"))
        );
        // At the API the same network has to wait, too.
        api.send(&get("/v1/plans")).await.problem(429);
        Seat::take(&api, Role::Read).await;
        let stats = api.admin.stats();
        assert_eq!(
            (stats.unauthenticated, stats.throttled),
            (FAILURES_AT_ONCE, 2)
        );
    });
}

#[test]
fn a_session_ends_with_its_key_by_a_sign_out_and_by_time() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let (one, other) = (
            Seat::take(&api, Role::Read).await,
            Seat::take(&api, Role::Read).await,
        );
        assert_ne!(one.cookie, other.cookie);
        let reply = one.send(&api, "/sign-out", &[]).await;
        assert_eq!(reply.field("location"), Some("/sign-in"));
        assert!(reply.field("set-cookie").unwrap().ends_with("Max-Age=0"));
        assert_eq!(one.get(&api, "/").await.status, 303);
        assert_eq!(other.get(&api, "/").await.status, 200);

        api.clock.advance(SESSION_AGE_MAX - Duration::from_secs(1));
        assert_eq!(other.get(&api, "/").await.status, 200);
        api.clock.advance(Duration::from_secs(1));
        let reply = other.get(&api, "/plans?skip=0").await;
        assert_eq!(
            reply.field("location"),
            Some("/sign-in?next=%2Fplans%3Fskip%3D0")
        );

        let third = Seat::take(&api, Role::Admin).await;
        let mut text = ApiKeysText::empty();
        add_key(&mut text, "the-admin", Role::Admin, None).unwrap();
        api.admin.replace_keys(AdminKeys::of(&text).unwrap());
        assert_eq!(
            third.get(&api, "/keys").await.status,
            303,
            "another key of that name is no help"
        );
        assert_eq!(third.send(&api, "/policy/apply", &[]).await.status, 401);
    });
}

/// Each request asks what the key may do now.
#[test]
fn a_role_that_is_lowered_is_lower_at_once() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let seat = Seat::take(&api, Role::Admin).await;
        assert_eq!(seat.get(&api, "/keys").await.status, 200);
        let digest = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(
            api.key(Role::Admin),
        ));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::fs::write(&path, format!("{digest} the-admin - read -\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        api.admin.replace_keys(AdminKeys::load(&path).unwrap());
        assert_eq!(seat.get(&api, "/keys").await.status, 403);
        assert_eq!(seat.get(&api, "/").await.status, 200);
    });
}

#[test]
fn case_120_a_form_of_another_site_is_refused() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        let seat = Seat::take(&api, Role::Admin).await;
        let other = Seat::take(&api, Role::Admin).await;
        let path = subject("/holder/reset", "alice");
        let own = format!("http://{}", api.address);
        let sent = |token: &str, fields: &[(&'static str, &str)]| {
            let ask = Ask::new(Method::POST, &path).form(&[("token", token), ("key", "k")]);
            let ask = ask.field("cookie", &seat.cookie);
            fields
                .iter()
                .fold(ask, |ask, (name, value)| ask.field(name, value))
        };
        let (mine, theirs) = (seat.token.as_str(), other.token.as_str());
        for (token, fields, status) in [
            (
                mine,
                vec![("sec-fetch-site", "same-origin"), ("origin", "null")],
                303,
            ),
            (mine, vec![("origin", own.as_str())], 303),
            (mine, vec![], 403),
            (mine, vec![("origin", "null")], 403),
            (mine, vec![("origin", "https://evil.example")], 403),
            (
                mine,
                vec![("sec-fetch-site", "cross-site"), ("origin", own.as_str())],
                403,
            ),
            (mine, vec![("sec-fetch-site", "same-site")], 403),
            (theirs, vec![("sec-fetch-site", "same-origin")], 403),
            ("", vec![("sec-fetch-site", "same-origin")], 403),
        ] {
            let reply = api.send(&sent(token, &fields)).await;
            assert_eq!(reply.status, status, "{fields:?}: {}", text(&reply));
        }
        let json = Ask::new(Method::POST, &path).json(&serde_json::json!({ "token": mine }));
        let json = json
            .field("cookie", &seat.cookie)
            .field("sec-fetch-site", "same-origin");
        assert_eq!(api.send(&json).await.status, 415);
        let stats = api.admin.stats();
        assert_eq!(stats.writes, 1, "under one key it is done once");

        // To sign somebody in as somebody else is no other site's business, either.
        let page = api.send(&get("/sign-in")).await;
        let token = value(&text(&page), "token");
        for cookie in ["", "tollgate-visit=other"] {
            let fields = [
                ("token", token.as_str()),
                ("admin-key", api.key(Role::Read)),
            ];
            assert_eq!(
                api.send(&form("/sign-in", cookie, &fields)).await.status,
                403
            );
        }
        let out = Ask::new(Method::POST, "/sign-out")
            .form(&[])
            .field("cookie", &seat.cookie);
        assert_eq!(api.send(&out).await.status, 403);
        assert_eq!(seat.get(&api, "/").await.status, 200);
    });
}

#[test]
fn a_session_is_no_key_and_a_key_is_no_session() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let seat = Seat::take(&api, Role::Admin).await;
        api.send(&get("/v1/plans").field("cookie", &seat.cookie))
            .await
            .problem(401);
        assert_eq!(api.act(&get("/plans")).await.status, 303);
        assert_eq!(
            api.act(&get("/v1/nowhere")).await.problem(404)["status"],
            404
        );
        api.act(&get("/v1")).await.problem(404);
        let reply = seat.get(&api, "/nowhere").await;
        assert_eq!(
            (reply.status.as_u16(), reply.field("content-type")),
            (404, Some("text/html; charset=utf-8"))
        );
        let reply = api.send(&get("/v1x").field("cookie", &seat.cookie)).await;
        assert_eq!(
            reply.field("content-type"),
            Some("text/html; charset=utf-8")
        );
        let put = Ask::new(Method::PUT, "/plans").field("cookie", &seat.cookie);
        let reply = api.send(&put).await;
        assert_eq!(
            (reply.status.as_u16(), reply.field("allow")),
            (405, Some("GET, HEAD"))
        );
        assert!(text(&reply).contains("<h1>"));
        for path in ["/plans", "/nowhere"] {
            let put = api.send(&Ask::new(Method::PUT, path)).await;
            assert_eq!(put.status, 401, "{path}");
        }
    });
}

#[test]
fn every_answer_says_what_browsers_are_to_keep_to() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let seat = Seat::take(&api, Role::Read).await;
        let style = seat.page(&api, "/").await;
        let (_, style) = style
            .split_once("<link rel=\"stylesheet\" href=\"")
            .unwrap();
        let style = style.split('"').next().unwrap().to_owned();
        for (path, status) in [
            ("/", 200),
            ("/nowhere", 404),
            ("/keys", 403),
            ("/sign-in", 303),
            (&style, 200),
            ("/assets/x", 404),
        ] {
            let reply = seat.get(&api, path).await;
            assert_eq!(reply.status, status, "{path}");
            for (name, value) in [
                (
                    "content-security-policy",
                    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
                ),
                ("referrer-policy", "no-referrer"),
                ("x-content-type-options", "nosniff"),
                ("cross-origin-opener-policy", "same-origin"),
            ] {
                assert_eq!(reply.field(name), Some(value), "{path}");
            }
            let is_file = path == style;
            let caching = if is_file {
                "public, max-age=31536000, immutable"
            } else {
                "no-store"
            };
            assert_eq!(reply.field("cache-control"), Some(caching), "{path}");
        }
        assert_eq!(
            api.send(&get(&style)).await.status,
            200,
            "how pages look is for anybody"
        );
        assert_eq!(
            api.send(&get("/sign-in?next=//evil.example")).await.status,
            200
        );
        let to = seat.get(&api, "/sign-in?next=//evil.example").await;
        assert_eq!(to.field("location"), Some("/"));
        let to = seat.get(&api, "/sign-in?next=/plans").await;
        assert_eq!(to.field("location"), Some("/plans"));
    });
}

#[test]
fn over_tls_the_cookie_is_for_tls_alone() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let ask = |over_tls: bool| {
            let mut request = http::Request::get("/sign-in")
                .body(tollgate_admin::Body::empty())
                .unwrap();
            if over_tls {
                request.extensions_mut().insert(OverTls);
            }
            router(&api.admin).oneshot(request)
        };
        for (over_tls, begin, end) in [
            (
                true,
                "__Host-tollgate-visit=",
                "; Path=/; HttpOnly; SameSite=Lax; Secure",
            ),
            (false, "tollgate-visit=", "; Path=/; HttpOnly; SameSite=Lax"),
        ] {
            let reply = ask(over_tls).await.unwrap();
            let cookie = reply.headers()["set-cookie"].to_str().unwrap();
            assert!(
                cookie.starts_with(begin) && cookie.ends_with(end),
                "{cookie}"
            );
        }
    });
}
