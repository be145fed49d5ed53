//! What pages say, of a gateway with something to see, and of one without a store.

use tollgate_admin::Role;

use crate::sample;
use crate::seat::{Seat, subject, text};
use crate::support::{Api, On, run};

/// The text of a page, without its tags, each run of space as one.
fn words(page: &str) -> String {
    let mut text = String::new();
    for part in page.split('<').skip(1) {
        text.push(' ');
        text.push_str(part.split_once('>').map_or("", |(_, text)| text));
    }
    let text = text.replace("&amp;", "&").replace('\u{202f}', " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn says(page: &str, expected: &[&str]) {
    let words = words(page);
    for said in expected {
        assert!(words.contains(said), "`{said}` is not in: {words}");
    }
}

#[test]
fn each_page_says_what_is_so() {
    run(async {
        let api = sample::gateway().await;
        let seat = Seat::take(&api, Role::Admin).await;
        let page = seat.page(&api, "/").await;
        says(
            &page,
            &[
                "GET /orders/{order_id} 2 410 188",
                "by the-admin",
                "It answers.",
                "2 waiting",
                "1 given up",
                "2 delivered",
            ],
        );

        assert!(
            !words(&seat.live(&api, "/").await).contains("Notices: "),
            "what is dear is not asked every five seconds"
        );
        let page = seat.page(&api, "/limited").await;
        says(
            &page,
            &[
                "3 callers, each on one route, were limited in the last 60 s.",
                "importer of acme standard GET /orders/{order_id} 188 402 burst (10/s burst 20), 0 left 1 s",
                "carol free POST /orders 8 9 nothing any more –",
                "anonymous callers free POST /orders 4 30 a limit of each network by itself",
            ],
        );
        assert!(
            !words(&page).contains("alice"),
            "who is not limited is not there"
        );
        assert!(
            page.contains("&amp;name=importer&amp;account=acme&amp;plan_claim=standard"),
            "{page}"
        );

        let page = seat.page(&api, &subject("/holder", "alice")).await;
        says(
            &page,
            &[
                "Plan pro , assigned to this subject.",
                "burst GET /orders 120/s burst 240, per user 197 of 240 left, 82 %",
                "monthly all routes 1000000/month",
                "750 000 of 1 000 000 used, 75 %",
                "Requests of the last 30 days, by day",
                "pro 2026-11-27 09:57 no end in force order 4802",
                "{name: burst, rate: 200/s, burst: 240} GET /reports 2026-11-27 09:58 2026-12-11 10:00 in force end of the year",
                "Change 5: override by the-operate.",
            ],
        );
        let live = seat.live(&api, &subject("/holder", "alice")).await;
        assert!(live.contains("197 of 240 left") && !live.contains("Requests of the last 30 days"));
        let explained = format!(
            "{}&method=GET&path=/orders/7",
            subject("/holder", "importer")
        );
        let page = seat.page(&api, &explained).await;
        says(
            &page,
            &[
                "Outcome Refused by a limit (429) , free in 1 s Route GET /orders/{order_id} Plan standard, assigned to this subject",
                "burst 10/s burst 20, per user the plan 1 0 no 1 s",
            ],
        );
        let page = seat.page(&api, "/holders?plan=standard").await;
        says(
            &page,
            &[
                "With the plan standard, now or later",
                "importer subject https://login.example standard 0",
            ],
        );
        assert!(!words(&page).contains("alice"), "whose assignment is over");

        let page = seat.page(&api, "/plans").await;
        says(
            &page,
            &[
                "free (default) burst 1/s burst 5 per user monthly 1000/month in UTC per user, beyond it: block",
            ],
        );
        let page = seat.page(&api, "/plan?name=pro").await;
        says(
            &page,
            &[
                "Assigned to 2",
                "beyond it: notify burst 20/s burst 40 per user",
                "GET /billing (never blocks) as everywhere",
            ],
        );
        assert_eq!(seat.get(&api, "/plan?name=gold").await.status, 404);

        let page = seat.page(&api, "/notices?state=given_up").await;
        says(
            &page,
            &[
                "2 importer monthly 75 % of 50 000 2026-11-30 10:00 webhook: waiting , 1 attempt, next 2026-11-30 10:08 mail: given up , 1 attempt Try again",
            ],
        );
        let page = seat.page(&api, "/audit").await;
        says(
            &page,
            &[
                "6 2026-11-27 09:59:19 the-operate assign carol cancelled",
                "policy.apply done",
                "after the incident of Monday",
            ],
        );
        let page = seat.page(&api, "/keys").await;
        says(&page, &["the-admin admin", "no end accepted"]);
        assert!(!page.contains("tga_"));
    });
}

#[test]
fn an_account_has_a_page_and_a_stranger_too() {
    run(async {
        let api = sample::gateway().await;
        let seat = Seat::take(&api, Role::Operate).await;
        let path = "/holder?kind=account&issuer=https%3A%2F%2Flogin.example&name=acme";
        let page = seat.page(&api, path).await;
        says(
            &page,
            &[
                "account of https://login.example",
                "Nothing was ever changed.",
            ],
        );
        assert!(!page.contains("Explain a request"));
        let page = seat
            .page(&api, &subject("/holder", "nobody&account=&plan_claim="))
            .await;
        says(
            &page,
            &[
                "Plan free , which is the default plan.",
                "None: it has what its account, its tokens and the policy say.",
            ],
        );
        for (path, status) in [
            ("/holder?kind=subject&issuer=&name=a", 400),
            ("/holder?kind=robot&issuer=i&name=a", 400),
            ("/holder?kind=account&issuer=i&name=a&account=b", 400),
            ("/holder?kind=subject&issuer=i", 400),
            ("/holder?kind=subject&issuer=i&name=a&cursor=x", 400),
            (
                "/holder?kind=subject&issuer=i&name=a&path=/&method=a%20b",
                422,
            ),
            ("/audit?changes_before=18446744073709551615", 400),
            ("/plans?skip=-1", 400),
        ] {
            let reply = seat.get(&api, path).await;
            assert_eq!(reply.status, status, "{path}: {}", text(&reply));
            assert!(text(&reply).contains("<h1>"), "{path}");
        }
        let most = u64::MAX;
        for path in [
            format!("/plans?skip={most}"),
            format!("/plan?name=pro&skip={most}"),
        ] {
            assert_eq!(seat.get(&api, &path).await.status, 200, "{path}");
        }
    });
}

#[test]
fn without_a_store_the_rest_is_there() {
    run(async {
        let api = Api::start(On::Nothing).await;
        let seat = Seat::take(&api, Role::Admin).await;
        says(&seat.page(&api, "/").await, &["The policy has none"]);
        says(
            &seat.page(&api, "/holders").await,
            &["the policy has no `store`"],
        );
        let page = seat.page(&api, &subject("/holder", "alice")).await;
        says(
            &page,
            &[
                "5 of 5 left, 100 %",
                "This gateway has no store",
                "Fill buckets up",
                "Explain a request",
            ],
        );
        assert!(!page.contains("Give a plan"));
        for path in ["/notices", "/audit"] {
            let reply = seat.get(&api, path).await;
            assert_eq!(reply.status, 404);
            assert!(text(&reply).contains("This gateway has no store"), "{path}");
        }
        let reset = [("key", "k")];
        seat.done(&api, &subject("/holder/reset", "alice"), &reset)
            .await;
    });
}

#[test]
fn of_very_many_plans_one_is_typed() {
    run(async {
        let plans: String = (0..501)
            .map(|number| format!("  plan-{number}: {{limits: [{{name: burst, rate: 1/s}}]}}\n"))
            .collect();
        let policy = format!(
            "tollgate: 1\norigin: http://127.0.0.1:9000\nidentity: {{anonymous: {{plan: plan-0}}}}\n\
             routes: [GET /]\nplans:\n{plans}default_plan: plan-0\n"
        );
        let none = std::time::Duration::ZERO;
        let api = Api::start_with(On::Sqlite, none, &policy, sample::NOW_MS).await;
        let seat = Seat::take(&api, Role::Operate).await;
        let page = seat.page(&api, &subject("/holder", "alice")).await;
        assert!(page.contains("<input type=\"text\" id=\"assign-plan\" name=\"plan\""));
        let page = seat.page(&api, "/plans").await;
        assert!(page.contains("href=\"/plans?skip=100\"") && !page.contains("plan-100"));
        assert!(
            seat.page(&api, "/plans?skip=500")
                .await
                .contains("plan-500")
        );
    });
}
