//! Five policies in every variant: they compile, and AWS would take what comes out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic"
)]

use std::path::Path;

use tollgate_aws::compile::{Accepted, compile};
use tollgate_aws::target::{Target, Trust, Variant};
use tollgate_aws::waf::capacity;
use tollgate_policy::Policy;

fn load(name: &str) -> Policy {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies");
    Policy::load(&folder.join(name)).unwrap_or_else(|found| panic!("{found}"))
}

fn target(policy: &Policy, variant: Variant) -> Target {
    Target::new(variant, Trust::default_for(policy))
}

#[test]
fn every_policy_compiles_in_every_variant() {
    for name in [
        "one-plan",
        "three-by-three",
        "openapi",
        "anonymous",
        "issuers",
    ] {
        let policy = load(&format!("{name}.yaml"));
        for variant in Variant::ALL {
            let accepted = Accepted::default();
            let deployment = compile(&policy, target(&policy, variant), accepted)
                .unwrap_or_else(|error| panic!("{name} {variant}: {error}"));
            let sets = deployment.web_acl_model().unwrap();
            let wcu = capacity::of(&sets[0], &sets);
            println!(
                "{name} {variant}: {} rules, {wcu:?}",
                deployment.rules.rules.len()
            );
            for rule in &deployment.rules.rules {
                println!(
                    "   {} {}/{} {:?} {:?}",
                    rule.name, rule.limit, rule.window_s, rule.key, rule.scope
                );
            }
        }
    }
}
