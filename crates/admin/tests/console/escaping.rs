//! Whatever a name or a note is, it is text on the page and nothing else.

use serde_json::json;
use tollgate_admin::{CallerTraffic, Role, RouteTraffic, Traffic};

use crate::seat::{Seat, subject};
use crate::support::{Api, On, post, run};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;";

#[test]
fn markup_in_names_and_notes_is_text() {
    run(async {
        let api = Api::start(On::Sqlite).await;
        let encoded: String = form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
        let path = format!(
            "/v1/holders/subject/{0}/{0}/changes",
            encoded.replace('+', "%20")
        );
        for edit in [
            json!({ "assign": { "plan": "pro" } }),
            json!({ "override": { "limit": "{name: burst, rate: 1/s} # <b>", "route": "GET /orders" } }),
        ] {
            let ask = post(&path, &json!({ "edit": edit, "note": HOSTILE })).field("if-match", "*");
            let reply = api.act(&ask).await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
        let reset = json!({ "act": { "reset": {} }, "note": HOSTILE, "plan_claim": HOSTILE });
        let reset = api
            .act(&post(&path.replace("/changes", "/buckets/changes"), &reset))
            .await;
        assert_eq!(reset.status, 200);
        let caller = CallerTraffic {
            issuer: Some(HOSTILE.to_owned()),
            subject: Some(HOSTILE.to_owned()),
            account: Some(HOSTILE.to_owned()),
            plan_claim: Some(HOSTILE.to_owned()),
            plan: HOSTILE.to_owned(),
            route: HOSTILE.to_owned(),
            admitted: 1,
            limited: 1,
        };
        let route = RouteTraffic {
            route: HOSTILE.to_owned(),
            admitted: 1,
            limited: 1,
        };
        api.memory.went_through(Traffic {
            series: Vec::new(),
            as_of_ms: 0,
            window_s: 60,
            routes: vec![route],
            callers: vec![caller],
        });
        let seat = Seat::take(&api, Role::Admin).await;
        let holder = format!(
            "/holder?kind=subject&issuer={encoded}&name={encoded}&account={encoded}&plan_claim={encoded}"
        );
        let explained = format!("{holder}&method=GET&path={encoded}");
        let next = format!("/sign-in?next=/{encoded}");
        let held = format!("/holders?plan={}", "%3Cscript%3Ealert(1)");
        for (path, times) in [
            ("/", 1),
            ("/limited", 4),
            ("/holders", 2),
            (&held, 1),
            (&holder, 8),
            (&explained, 9),
            ("/audit", 3),
        ] {
            let page = seat.page(&api, path).await;
            let found = page.matches("&lt;script&gt;alert(1)").count();
            assert!(found >= times, "{path}: {found}");
            for raw in ["<script>alert", "<img src=x", "\"'><"] {
                assert!(!page.contains(raw), "{path}: {page}");
            }
        }
        for path in [
            "/plan?name=%3Cscript%3E",
            &subject("/holder", "a&done=%3Cscript%3E"),
            &next,
        ] {
            let reply = seat.get(&api, path).await;
            let page = crate::seat::text(&reply);
            assert!(!page.contains("<script>"), "{path}: {page}");
        }
    });
}
