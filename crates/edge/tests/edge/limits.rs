//! The compiled web ACL under the model of WAF, over real sockets and with a clock that is moved.

use std::time::Duration;

use tollgate_aws::waf::simulate::Settings;
use tollgate_edge::Summary;
use tollgate_edge::waf::simulated;

use crate::client::{Answer, get};
use crate::stage::{Stage, fixture};

const ID: &str = "x-ratelimit-user-id";

fn set(variant: &str) -> Stage {
    let folder = fixture(variant);
    let waf = simulated(&folder, Settings::default()).unwrap();
    Stage::set(folder, waf, None)
}

/// One request a second for `seconds`, and what came back.
fn each_second(stage: &Stage, fields: &[(&str, &str)], seconds: usize) -> Vec<Answer> {
    let send = |_| {
        let answer = get(stage.address, "/orders", fields);
        stage.clock.advance(Duration::from_secs(1));
        answer
    };
    (0..seconds).map(send).collect()
}

fn admitted(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

/// Ten in a minute; the eleventh is seen at the look after it, and 20 s later has its effect.
fn is_an_overrun(summary: &Summary) {
    let rule = &summary.rules[0];
    assert_eq!(rule.rule.name, "tollgate-std");
    assert_eq!(rule.rule.limit, 10);
    assert_eq!(rule.most_admitted, 40);
    assert!(
        summary.to_string().contains("(30 over the limit)"),
        "{summary}"
    );
}

#[test]
fn a_flood_is_blocked_after_the_look_and_the_lag_and_the_overrun_is_measured() {
    for variant in ["after", "chained"] {
        let stage = set(variant);
        let answers = each_second(&stage, &[("x-user", "ada")], 60);
        assert_eq!(admitted(&answers), 40, "{variant}");
        let limited = answers.last().unwrap();
        assert_eq!(limited.status, 429);
        assert_eq!(limited.body, r#"{"error":"limited"}"#);
        assert!(limited.head.contains("retry-after: 60"), "{}", limited.head);
        assert!(limited.head.contains("content-type: application/json"));
        // Another user is not the worse for it.
        assert_eq!(
            get(stage.address, "/orders", &[("x-user", "bob")]).status,
            200
        );
        let lines = stage.lines();
        assert_eq!(lines[59]["by"], "waf");
        assert_eq!(lines[59]["rule"], "tollgate-std");
        is_an_overrun(&stage.end());
    }
}

#[test]
fn before_a_request_without_an_id_is_not_counted() {
    let stage = set("before");
    let id = get(stage.address, "/id", &[("x-user", "ada")]).body;
    let without = each_second(&stage, &[("x-user", "ada")], 60);
    assert!(without.iter().all(|answer| answer.status == 403));
    stage.clock.advance(Duration::from_secs(60));
    let with = each_second(&stage, &[("x-user", "ada"), (ID, &id)], 60);
    assert_eq!(admitted(&with), 40);
    is_an_overrun(&stage.end());
}

#[test]
fn the_lock_of_the_compiled_web_acl_holds() {
    let stage = set("after");
    let behind = stage.behind.unwrap();
    assert_eq!(get(behind, "/orders", &[(ID, "std.k1.forged")]).status, 403);
    assert_eq!(
        get(stage.address, "/orders", &[("x-user", "ada")]).status,
        200
    );
    let lines = stage.lines();
    assert_eq!(
        (&lines[0]["by"], &lines[0]["rule"]),
        (&"lock".into(), &"tollgate-lock".into())
    );
    let summary = stage.end();
    assert_eq!(summary.rules[0].counted, 1);
}
