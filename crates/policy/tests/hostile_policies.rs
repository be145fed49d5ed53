//! No bytes make the reader of policies panic, and none make it slow.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::path::Path;

use proptest::prelude::*;
use tollgate_policy::{Policy, json_schema};

const FULL: &str = include_str!("full.yaml");

/// Finds and renders everything, which must end either way.
fn read(text: &str) {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    match Policy::parse("fuzzed.yaml", text, &base) {
        Ok(policy) => {
            let _ = policy.warnings().render(true);
            for (id, route) in policy.routes().iter() {
                let _ = (route.to_string(), policy.limits(policy.default_plan(), id));
            }
        }
        Err(found) => {
            assert!(found.has_errors(), "a refusal has a reason");
            let _ = found.render(true);
        }
    }
}

/// Words of the policy language, and what breaks parsers.
fn fragment() -> impl Strategy<Value = String> {
    let words = prop_oneof![
        Just("tollgate: 1\n"),
        Just("origin: http://127.0.0.1:9000\n"),
        Just("plans:\n"),
        Just("  free:\n"),
        Just("    limits:\n"),
        Just("      - {name: burst, rate: 5/s}\n"),
        Just("identity: {anonymous: {plan: free}}\n"),
        Just("routes: [GET /a, 'GET /{b}']\n"),
        Just("tests: [{as: anonymous, send: GET /, expect: {allowed: 1}}]\n"),
        Just("&a "),
        Just("*a"),
        Just("<<: "),
        Just("!!int "),
        Just("|\n"),
        Just("? "),
        Just("- "),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just("\t"),
        Just("---\n"),
        Just("%YAML 1.2\n"),
        Just("'"),
        Just("\""),
        Just("\u{feff}"),
        Just("1e999"),
        Just(".nan"),
        Just("0x10"),
        Just("99999999999999999999999999999999999999999"),
        Just("\u{0}"),
        Just("10000000000/366d"),
        Just("GET /a/{b+}/c"),
        Just("é日\u{200f}"),
        Just("\r\n"),
        Just("# c\n"),
        Just("null"),
    ];
    prop_oneof![8 => words.prop_map(str::to_owned), 1 => ".{0,8}"]
}

/// The full policy with some bytes cut, doubled or put in.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        0_usize..24,
        prop_oneof![Just(None), fragment().prop_map(Some)],
    );
    proptest::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut text: Vec<char> = FULL.chars().collect();
        for (place, length, new) in edits {
            let at = place.index(text.len());
            let end = (at + length).min(text.len());
            match new {
                Some(new) => drop(text.splice(at..end, new.chars())),
                None => drop(text.drain(at..end)),
            }
            if text.is_empty() {
                text.push('x');
            }
        }
        text.into_iter().collect()
    })
}

/// One value of the full policy replaced by something else.
fn replaced() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just(serde_json::json!(null)),
        Just(serde_json::json!(-1)),
        Just(serde_json::json!(0)),
        Just(serde_json::json!(1.5)),
        Just(serde_json::json!(u64::MAX)),
        Just(serde_json::json!([])),
        Just(serde_json::json!({})),
        Just(serde_json::json!("")),
        Just(serde_json::json!("0/s")),
        Just(serde_json::json!(["GET /x", "GET /{y}", "*"])),
        Just(serde_json::json!({"a": 1})),
        ".{0,12}".prop_map(serde_json::Value::from),
    ];
    (any::<prop::sample::Index>(), value).prop_map(|(place, value)| {
        let mut policy: serde_json::Value = serde_saphyr::from_str_with_options(
            FULL,
            serde_saphyr::options! { strict_booleans: true },
        )
        .unwrap();
        let mut places = Vec::new();
        pointers(&policy, String::new(), &mut places);
        *policy
            .pointer_mut(&places[place.index(places.len())])
            .unwrap() = value;
        serde_json::to_string_pretty(&policy).unwrap()
    })
}

fn pointers(value: &serde_json::Value, at: String, out: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            for (key, member) in members {
                pointers(
                    member,
                    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                    out,
                );
            }
        }
        serde_json::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, format!("{at}/{index}"), out);
            }
        }
        _ => {}
    }
    out.push(at);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    #[test]
    fn any_text_is_answered(text in ".{0,200}") {
        read(&text);
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tollgate.yaml");
        std::fs::write(&path, &bytes).unwrap();
        prop_assert!(Policy::load(&path).is_err());
    }

    #[test]
    fn any_fragments_are_answered(fragments in proptest::collection::vec(fragment(), 0..24)) {
        read(&fragments.concat());
    }

    #[test]
    fn a_mutated_policy_is_answered(text in mutated()) {
        read(&text);
    }

    #[test]
    fn a_policy_with_one_other_value_is_answered(text in replaced()) {
        read(&text);
    }
}

#[test]
fn bombs_end_soon() {
    let mut aliases = "tollgate: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    let mut merges = "tollgate: 1\na0: &a0 {a: 1, b: 2}\n".to_owned();
    for level in 1..40 {
        let alias = format!("*a{}", level - 1);
        aliases.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![alias.clone(); 10].join(", ")
        ));
        merges.push_str(&format!(
            "a{level}: &a{level} {{<<: [{alias}, {alias}], c: {alias}}}\n"
        ));
    }
    for text in [
        aliases,
        merges,
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        "? ".repeat(100_000),
        "a: b\n".repeat(100_000),
        "k".repeat(1_000_000),
    ] {
        read(&text);
    }
}

#[test]
fn many_findings_are_counted_and_not_all_shown() {
    let keys: String = (0..5_000).map(|index| format!("key{index}: 1\n")).collect();
    let found = Policy::parse("p.yaml", &format!("tollgate: 1\n{keys}"), Path::new("."))
        .expect_err("broken");
    assert!(found.len() <= 201, "{}", found.len());
    assert!(found.to_string().contains("more findings are not shown"));
}

#[test]
fn the_schema_is_itself_bounded_and_named() {
    let schema = json_schema();
    assert_eq!(schema["title"], "Tollgate policy");
    assert!(
        schema["$schema"]
            .as_str()
            .is_some_and(|draft| draft.contains("2020-12"))
    );
}
