//! What is imported means what it meant: the same rules, and none besides.

use super::*;

const FILE: &str = r#"
domain: "rl: edge"
descriptors:
  - key: foo
    rate_limit: {unit: minute, requests_per_unit: 2, name: 'a "b"'}
    descriptors:
      - {key: bar, value: banned, rate_limit: {unit: YEAR, requests_per_unit: 0}}
      - {key: baz, value: "sh*", share_threshold: true, shadow_mode: true, rate_limit: {unit: second, requests_per_unit: 1}}
  - key: qux
    value: 80
    quota_mode: true
    detailed_metric: true
    rate_limit: {unlimited: true, replaces: [{name: 'a "b"'}]}
  - {key: "wild*"}
"#;

fn accepted(text: &str) -> Result<tollgate_policy::Policy, tollgate_policy::Diagnostics> {
    tollgate_policy::Policy::parse("imported.yaml", text, std::path::Path::new("."))
}

fn imported(text: &str) -> DescriptorDomain {
    import_ratelimit_file("f.yaml", text).unwrap().0
}

#[test]
fn a_file_s_rules_are_the_policy_s() {
    let mut domain = imported(FILE);
    let text = policy_text::policy(std::slice::from_ref(&domain));
    let policy = accepted(&text).unwrap_or_else(|found| panic!("{text}\n{found}"));
    // Metrics by value are the one thing that is left out.
    let DomainKind::Rules(rules) = &mut domain.kind else {
        panic!("{domain:?}");
    };
    rules[1].metrics_by_value = false;
    assert_eq!(policy.grpc().unwrap().domains, [domain]);
    assert!(policy.warnings().is_empty());
}

#[test]
fn rules_are_counted_for_the_report() {
    let counts = policy_text::counts(&imported(FILE));
    assert_eq!((counts.rules, counts.limits), (5, 4));
    assert_eq!((counts.metrics_by_value, counts.wildcard_keys), (1, 1));
}

#[test]
fn a_file_without_rules_is_a_domain_that_limits_nothing() {
    let text = policy_text::policy(&[imported("domain: empty\n")]);
    assert_eq!(accepted(&text).unwrap().grpc().unwrap().domains.len(), 1);
}

#[test]
fn two_files_of_one_domain_are_an_error_or_one_domain() {
    let sources = ["one.yaml", "two.yaml"].map(|file| Source {
        file: file.to_owned(),
        text: String::new(),
    });
    let both = || {
        let texts = [
            "{domain: d, descriptors: [{key: a}]}",
            "{domain: d, descriptors: [{key: b}]}",
        ];
        let domains = texts.iter().map(|text| imported(text));
        domains.zip(&sources).collect::<Vec<_>>()
    };
    let error = merge(both(), false).unwrap_err().to_string();
    assert!(error.contains("one.yaml and in two.yaml"), "{error}");
    let merged = merge(both(), true).unwrap();
    assert_eq!(policy_text::counts(&merged[0]).rules, 2);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let wrong = "domain: d\ndescriptors:\n  - key: a\n    rate_limit: {unit: minuet, requests_per_unit: 1}\n  - key: b\n    valeu: c\n";
    let found = import_ratelimit_file("f.yaml", wrong).unwrap_err();
    let lines: Vec<usize> = found.iter().map(|found| found.line).collect();
    assert_eq!(lines, [4, 6]);
}
