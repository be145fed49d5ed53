use std::path::Path;

use tollgate_policy::Policy;

use super::*;
use crate::compile::{Accepted, compile};
use crate::target::{Target, Trust};

fn report(limits: &str, variant: Variant, accepted: Accepted) -> String {
    let text = format!(
        "tollgate: 1\norigin: http://127.0.0.1\n\
         identity: {{issuers: [{{issuer: i, audience: a, algorithms: [HS256], secret_file: s}}], bucket_keys: k}}\n\
         plans: {{gold: {{limits: [{limits}]}}}}\nedge: {{before: {{}}}}\n"
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
