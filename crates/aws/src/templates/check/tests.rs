//! One broken deployment for each check; web ACLs have a table of their own (`crate::waf::check`).

use std::path::Path;

use serde_json::json;
use tollgate_policy::Policy;

use super::*;
use crate::compile::{Accepted, compile};
use crate::target::{Target, Trust};

fn policy() -> Policy {
    let text = "tollgate: 1\norigin: http://127.0.0.1\nedge: {before: {}}\n\
        identity: {issuers: [{issuer: i, audience: a, algorithms: [HS256], secret_file: s}], bucket_keys: k}\n\
        plans: {p: {limits: [{name: burst, window: 60/min}]}}\n";
    Policy::parse("p.yaml", text, Path::new(".")).unwrap()
}

fn entry(key: &str, value: &str) -> (String, Zeroizing<String>) {
    (key.to_owned(), Zeroizing::new(value.to_owned()))
}

/// What is found once `spoil` has changed the deployment or its store.
fn found(
    variant: Variant,
    spoil: impl FnOnce(&mut Deployment<'_>, &mut Vec<(String, Zeroizing<String>)>),
) -> Vec<FolderError> {
    let policy = policy();
    let target = Target::new(variant, Trust::Hs256);
    let mut deployment = compile(&policy, target, Accepted::default()).unwrap();
    let mut store = vec![entry("keys", "{}")];
    spoil(&mut deployment, &mut store);
    check(&deployment, &store)
}

#[test]
fn what_is_compiled_passes() {
    for variant in Variant::ALL {
        assert_eq!(found(variant, |_, _| {}), []);
    }
}

#[test]
fn each_fault_is_found() {
    let refused = found(Variant::After, |deployment, _| {
        deployment.function.source.push_str(&" ".repeat(10_240));
    });
    assert!(matches!(
        refused[..],
        [FolderError::Function(SubsetError::TooLarge { .. })]
    ));
    let refused = found(Variant::After, |deployment, _| {
        deployment.function.source.push_str("setTimeout(1)");
    });
    assert!(matches!(
        refused[..],
        [FolderError::Function(SubsetError::Word { .. })]
    ));
    let refused = found(Variant::After, |deployment, _| {
        deployment.function_name = "no name".to_owned();
    });
    assert_eq!(refused, [FolderError::FunctionName("no name".to_owned())]);
    for header in [
        "x-edge-id",
        "X-Amz-Cf-Id",
        "x-real-ip",
        "host",
        "via",
        "x-cache-id",
    ] {
        let refused = found(Variant::After, |deployment, _| {
            deployment.id_header = header.to_owned();
        });
        assert_eq!(refused, [FolderError::Header(header.to_owned())]);
    }
    let long = "x-".to_owned() + &"i".repeat(WAF_NAME_BYTES_MAX);
    let refused = found(Variant::Before, |deployment, _| {
        deployment.id_header = long.clone()
    });
    assert_eq!(refused, [FolderError::Header(long)]);
    let (key, value) = (
        "k".repeat(STORE_KEY_BYTES_MAX + 1),
        "v".repeat(STORE_VALUE_BYTES_MAX + 1),
    );
    let refused = found(Variant::After, |_, store| {
        store.push(entry(&key, ""));
        store.push(entry("routes", &value));
    });
    let of = |key: &str, bytes| FolderError::StoreEntry {
        key: key.to_owned(),
        bytes,
    };
    assert_eq!(refused, [of(&key, key.len()), of("routes", value.len())]);
    let refused = found(Variant::Before, |deployment, _| {
        deployment.web_acl["Scope"] = json!("REGIONAL");
    });
    assert_eq!(refused, [FolderError::Scope("\"REGIONAL\"".to_owned())]);
}

#[test]
fn a_web_acl_with_too_many_rates_is_refused_before() {
    let limits: Vec<String> = (1..=11)
        .map(|n| format!("p{n}: {{limits: [{{name: b, window: {n}0/min}}]}}"))
        .collect();
    let text = format!(
        "tollgate: 1\norigin: http://127.0.0.1\ndefault_plan: p1\n\
         identity: {{issuers: [{{issuer: i, audience: a, algorithms: [HS256], secret_file: s, claims: {{plan: plan}}}}], bucket_keys: k}}\n\
         plans: {{{}}}\n",
        limits.join(", ")
    );
    let policy = Policy::parse("p.yaml", &text, Path::new(".")).unwrap();
    let target = Target::new(Variant::After, Trust::Hs256);
    let refused = compile(&policy, target, Accepted::default())
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("12 rate-based rules") && refused.contains("room for 10"),
        "{refused}"
    );
}
