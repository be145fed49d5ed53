//! The emitted function: it fits, for every policy and variant, and says so where it does not.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::path::Path;

use tollgate_aws::function::{self, FUNCTION_BYTES_MAX, FunctionError};
use tollgate_aws::target::{Target, TargetError, Trust, Variant};
use tollgate_policy::Policy;

fn policy(name: &str) -> Policy {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies");
    Policy::load(&folder.join(name)).unwrap_or_else(|found| panic!("{found}"))
}

const POLICIES: [&str; 5] = [
    "one-plan.yaml",
    "three-by-three.yaml",
    "openapi.yaml",
    "anonymous.yaml",
    "issuers.yaml",
];

#[test]
fn every_policy_and_variant_fits_in_ten_kilobytes() {
    for name in POLICIES {
        let policy = policy(name);
        for variant in Variant::ALL {
            for trust in [Trust::Hs256, Trust::Pass, Trust::Unverified] {
                let target = Target::new(variant, trust);
                if target.check(&policy, true).is_err() {
                    continue;
                }
                let function = function::compile(&policy, &target)
                    .unwrap_or_else(|error| panic!("{name} {variant} {trust}: {error}"));
                assert!(function.source.len() <= FUNCTION_BYTES_MAX);
                println!(
                    "{name} {variant} {trust}: {} bytes, {} values in the store, {} reads",
                    function.source.len(),
                    function.stored_routes.len(),
                    function.store_reads_max
                );
            }
        }
    }
}

#[test]
fn shortcuts_are_left_out_before_routes_go_to_the_store() {
    for (name, has_shortcuts) in [("one-plan.yaml", true), ("openapi.yaml", false)] {
        let target = Target::new(Variant::After, Trust::Hs256);
        let function = function::compile(&policy(name), &target).unwrap();
        assert_eq!(function.source.contains("atob("), has_shortcuts, "{name}");
        assert_eq!(function.stored_routes, [], "{name}");
    }
}

#[test]
fn trust_that_cannot_be_kept_is_refused() {
    let check = |name: &str, variant, trust, accept| {
        Target::new(variant, trust).check(&policy(name), accept)
    };
    let refused = check("three-by-three.yaml", Variant::After, Trust::Hs256, false);
    assert!(
        matches!(refused, Err(TargetError::NotHs256 { .. })),
        "{refused:?}"
    );
    let refused = check("one-plan.yaml", Variant::After, Trust::Unverified, false);
    assert_eq!(refused, Err(TargetError::UnverifiedNotAccepted));
    assert_eq!(
        check("one-plan.yaml", Variant::After, Trust::Unverified, true),
        Ok(())
    );
    let refused = check("anonymous.yaml", Variant::After, Trust::Pass, false);
    assert_eq!(refused, Err(TargetError::NoPass));
    assert_eq!(
        Trust::default_for(&policy("three-by-three.yaml")),
        Trust::Pass
    );
    assert_eq!(Trust::default_for(&policy("one-plan.yaml")), Trust::Hs256);
}

#[test]
fn what_does_not_fit_is_refused_with_what_would() {
    let routes: Vec<String> = (0..300).map(|n| format!("GET /all/resource{n}")).collect();
    let text = format!(
        "tollgate: 1\norigin: http://127.0.0.1\nidentity: {{anonymous: {{plan: p}}}}\n\
         routes: {{list: [{}]}}\nplans: {{p: {{}}}}\n",
        routes.join(", ")
    );
    let policy = Policy::parse("tollgate.yaml", &text, Path::new(".")).unwrap();
    let refused = function::compile(&policy, &Target::new(Variant::After, Trust::Hs256));
    let Err(FunctionError::TooWide {
        path,
        children,
        fit,
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((path.as_str(), children), ("/all", 300));
    assert!(fit > 20 && fit < 300);
}
