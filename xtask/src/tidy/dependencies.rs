//! Arrows point down only: which of our packages each may use.

use serde_json::Value;

use super::Breach;

/// Package, and what of ours it may depend on. A package that is not listed may not exist.
///
/// `docs/architecture.md` draws this table; a new arrow is a decision, not a convenience.
const MAY_USE: [(&str, &[&str]); 20] = [
    ("tollgate-limiter", &[]),
    ("tollgate-policy", &[]),
    ("tollgate-identity", &[]),
    (
        "tollgate-engine",
        &["tollgate-limiter", "tollgate-policy", "tollgate-identity"],
    ),
    ("tollgate-store", &["tollgate-limiter", "tollgate-policy"]),
    ("tollgate-insight", &["tollgate-policy"]),
    (
        "tollgate-notices",
        &["tollgate-limiter", "tollgate-policy", "tollgate-store"],
    ),
    (
        "tollgate-fetch",
        &["tollgate-policy", "tollgate-identity", "tollgate-engine"],
    ),
    ("tollgate-proxy", &["tollgate-engine"]),
    ("tollgate-tower", &["tollgate-engine"]),
    ("tollgate-envoy", &["tollgate-engine"]),
    (
        "tollgate-lambda",
        &[
            "tollgate-policy",
            "tollgate-identity",
            "tollgate-engine",
            "tollgate-fetch",
            // How API Gateway keeps an answer, and by what.
            "tollgate-aws",
        ],
    ),
    ("tollgate-aws", &["tollgate-policy", "tollgate-identity"]),
    ("tollgate-edge", &["tollgate-aws", "tollgate-limiter"]),
    (
        "tollgate-admin",
        &["tollgate-engine", "tollgate-identity", "tollgate-store"],
    ),
    (
        "tollgate",
        &[
            "tollgate-limiter",
            "tollgate-policy",
            "tollgate-identity",
            "tollgate-engine",
            "tollgate-fetch",
            "tollgate-proxy",
            "tollgate-tower",
            "tollgate-envoy",
            "tollgate-aws",
            "tollgate-admin",
            "tollgate-edge",
            "tollgate-insight",
            "tollgate-store",
            "tollgate-notices",
            // The demo shows the gateway between them.
            "tollgate-testkit",
        ],
    ),
    ("tollgate-testkit", &[]),
    (
        "tollgate-bench",
        // The layer is measured within the benchmark's own process.
        &["tollgate-engine", "tollgate-tower", "tollgate-testkit"],
    ),
    (
        "tollgate-conformance",
        &[
            "tollgate-policy",
            "tollgate-identity",
            "tollgate-engine",
            "tollgate-testkit",
        ],
    ),
    ("xtask", &[]),
];

/// What any package's tests may use besides.
const TESTS_MAY_USE: &[&str] = &["tollgate-testkit", "tollgate-conformance"];

/// What the tests of one package may use besides: the emitted function, which `tollgate-edge` runs,
/// is held against the engine.
const TESTS_OF_MAY_USE: [(&str, &[&str]); 1] = [(
    "tollgate-edge",
    &["tollgate-engine", "tollgate-policy", "tollgate-identity"],
)];

/// Breaches of the table, from what `cargo metadata --no-deps` prints.
pub(crate) fn check(metadata: &Value) -> Vec<Breach> {
    let packages = metadata["packages"].as_array();
    let packages: Vec<&Value> = packages.into_iter().flatten().collect();
    let ours: Vec<&str> = packages.iter().map(|package| name(package)).collect();
    let mut breaches = Vec::new();
    for package in packages {
        let user = name(package);
        let Some((_, allowed)) = MAY_USE.iter().find(|(listed, _)| *listed == user) else {
            breaches.push(breach(
                user,
                "is not in the table of xtask/src/tidy/dependencies.rs",
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = name(dependency);
            let for_tests = dependency["kind"] == "dev";
            let in_tests = TESTS_MAY_USE.contains(&used) || tests_of_may_use(user, used);
            let fine = allowed.contains(&used) || (for_tests && in_tests);
            if ours.contains(&used) && !fine {
                breaches.push(breach(user, &format!("may not depend on {used}")));
            }
        }
    }
    breaches
}

fn tests_of_may_use(user: &str, used: &str) -> bool {
    let of_user = TESTS_OF_MAY_USE.iter().find(|(listed, _)| *listed == user);
    of_user.is_some_and(|(_, allowed)| allowed.contains(&used))
}

fn name(value: &Value) -> &str {
    value["name"].as_str().unwrap_or_default()
}

fn breach(package: &str, rule: &str) -> Breach {
    Breach {
        place: package.to_owned(),
        line: None,
        rule: rule.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(user: &str, used: &str, kind: Option<&str>) -> Vec<String> {
        let metadata = json!({ "packages": [
            { "name": user, "dependencies": [{ "name": used, "kind": kind }] },
            { "name": "tollgate-engine", "dependencies": [] },
            { "name": "tollgate-testkit", "dependencies": [] },
        ] });
        check(&metadata)
            .into_iter()
            .map(|breach| breach.to_string())
            .collect()
    }

    #[test]
    fn an_arrow_up_is_a_breach_also_in_tests() {
        let expected = ["tollgate-limiter: may not depend on tollgate-engine"];
        assert_eq!(rules("tollgate-limiter", "tollgate-engine", None), expected);
        assert_eq!(
            rules("tollgate-limiter", "tollgate-engine", Some("dev")),
            expected
        );
        assert!(rules("tollgate-proxy", "tollgate-engine", None).is_empty());
    }

    #[test]
    fn the_testkit_is_for_tests_and_for_the_binary() {
        assert!(rules("tollgate-proxy", "tollgate-testkit", Some("dev")).is_empty());
        assert_eq!(
            rules("tollgate-proxy", "tollgate-testkit", None),
            ["tollgate-proxy: may not depend on tollgate-testkit"]
        );
        assert!(rules("tollgate", "tollgate-testkit", None).is_empty());
    }

    #[test]
    fn the_engine_is_for_tests_of_the_edge() {
        assert!(rules("tollgate-edge", "tollgate-engine", Some("dev")).is_empty());
        assert_eq!(
            rules("tollgate-edge", "tollgate-engine", None),
            ["tollgate-edge: may not depend on tollgate-engine"]
        );
    }

    #[test]
    fn a_package_that_the_table_lacks_is_a_breach() {
        let found = rules("tollgate-helpers", "serde", None);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("tollgate-helpers: is not in the table"));
    }
}
