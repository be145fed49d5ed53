use std::path::Path;

use tollgate_policy::Policy;

use super::*;
use crate::compile::{Accepted, compile};
use crate::target::{Target, Trust};

fn report(limits: &str, variant: Variant, accepted: Accepted) -> String {
    report_of("", limits, variant, accepted)
}

fn report_of(before: &str, limits: &str, variant: Variant, accepted: Accepted) -> String {
    let text = format!(
        "tollgate: 1\norigin: http://127.0.0.1\n\
         identity: {{issuers: [{{issuer: i, audience: a, algorithms: [HS256], secret_file: s}}], bucket_keys: k}}\n\
         plans: {{gold: {{limits: [{limits}]}}}}\nedge: {{before: {{{before}}}}}\n"
    );
    let policy = Policy::parse("p.yaml", &text, Path::new(".")).unwrap();
    let trust = if accepted.unverified {
        Trust::Unverified
    } else {
        Trust::Hs256
    };
    let deployment = compile(&policy, Target::new(variant, trust), accepted).unwrap();
    markdown(&deployment, &Prices::default())
}

#[test]
fn a_limit_stands_beside_what_waf_does() {
    let report = report(
        "{name: burst, rate: 10/s, burst: 100}",
        Variant::After,
        Accepted::default(),
    );
    let row = "| gold | `gold` | burst | 10/s burst 100 | 600 in 60 s | 100 → 600 | 36100 → 36000 | 4600 / 31600 |";
    assert!(report.contains(row), "{report}");
    assert!(report.contains("x-tollgate-lock"), "the lock is a duty");
}

#[test]
fn what_waf_cannot_watch_is_listed() {
    let accepted = Accepted {
        gaps: true,
        ..Accepted::default()
    };
    let report = report(
        "{name: monthly, quota: 1000/month, on_exceed: block}",
        Variant::Before,
        accepted,
    );
    assert!(
        report.contains("| gold | `gold` | monthly | 1000/month in UTC |"),
        "{report}"
    );
}

#[test]
fn unverified_claims_are_never_silent() {
    let accepted = Accepted {
        unverified: true,
        ..Accepted::default()
    };
    let report = report("{name: burst, rate: 10/s}", Variant::After, accepted);
    assert!(report.contains("spend a victim's limit"), "{report}");
}

#[test]
fn who_can_spend_a_copied_id_is_told_by_what_is_counted() {
    let of = |before: &str| {
        let limit = "{name: burst, window: 60/min}";
        report_of(before, limit, Variant::Before, Accepted::default())
    };
    let alone = of("");
    for said in [
        "counts that against the user all the same",
        "| 60 in 60 s, as the policy | 60 → 60 | 3600 → 3600 | 460 / 3160 |",
        "| `x-ratelimit-user-id` | 60 in 60 s | 429 | 34 |",
    ] {
        assert!(alone.contains(said), "{said}: {alone}");
    }
    assert!(!alone.contains("for each address"), "{alone}");
    let with_address = of("count_by: id_and_address");
    for said in [
        "counts that at the address it comes from",
        "from n addresses n times, and anew when its address changes",
        "| 60 in 60 s for each address | 60 → 60 | 3600 → 3600 | 460 / 3160 |",
        "from n addresses they are n times as many",
        "| `x-ratelimit-user-id` and address | 60 in 60 s | 429 | 64 |",
    ] {
        assert!(with_address.contains(said), "{said}: {with_address}");
    }
}
