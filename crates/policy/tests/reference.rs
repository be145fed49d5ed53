//! The reference of the policy file and its JSON Schema in `docs/` say what the code says.
//!
//! After a change of a key: `TOLLGATE_UPDATE=1 cargo test -p tollgate-policy --test reference`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may panic"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

const HEAD: &str = "# Reference of the policy file

Every key, from the same source as the [JSON Schema](tollgate.schema.json). How they work together
is told in [policy.md](policy.md). Durations are written `250ms`, `10s`, `5min`, `1h`, `30d`.

| key | meaning |
|---|---|
";

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .join(name)
}

/// Follows `$ref` into the schema's definitions.
fn resolved<'a>(schema: &'a Value, node: &'a Value) -> &'a Value {
    let name = node["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next());
    name.map_or(node, |name| resolved(schema, &schema["$defs"][name]))
}

/// The sections that a value may be, with what to write for a step into them.
fn sections<'a>(
    schema: &'a Value,
    node: &'a Value,
    step: &str,
    found: &mut Vec<(String, &'a Value)>,
) {
    let node = resolved(schema, node);
    let known = |section: &Value, found: &[(String, &Value)]| {
        found.iter().any(|(_, other)| *other == section)
    };
    if node["properties"].is_object() && !known(node, found) {
        found.push((step.to_owned(), node));
    }
    for alternatives in ["anyOf", "oneOf"] {
        for alternative in node[alternatives].as_array().into_iter().flatten() {
            sections(schema, alternative, step, found);
        }
    }
    if node["items"].is_object() {
        sections(schema, &node["items"], &format!("{step}[]"), found);
    }
    if node["additionalProperties"].is_object() {
        sections(
            schema,
            &node["additionalProperties"],
            &format!("{step}.NAME"),
            found,
        );
    }
}

/// Rows of a section and of those in it; `above` are those that it stands in, which it may hold again.
fn rows<'a>(
    schema: &'a Value,
    section: &'a Value,
    path: &str,
    above: &[&'a Value],
    out: &mut String,
) {
    let above = [above, &[section]].concat();
    for (key, value) in section["properties"].as_object().into_iter().flatten() {
        let path = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        let meaning = value["description"].as_str().unwrap_or_default();
        let meaning = meaning.replace('\n', " ").replace('|', "\\|");
        writeln!(out, "| `{path}` | {meaning} |").unwrap();
        let mut inner = Vec::new();
        sections(schema, value, &path, &mut inner);
        for (path, section) in inner {
            if !above.contains(&section) {
                rows(schema, section, &path, &above, out);
            }
        }
    }
}

fn compare(name: &str, expected: &str) {
    let path = docs(name);
    if std::env::var_os("TOLLGATE_UPDATE").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == expected,
        "docs/{name} is not what the code says; run \
         `TOLLGATE_UPDATE=1 cargo test -p tollgate-policy --test reference`"
    );
}

#[test]
fn the_reference_is_up_to_date() {
    let schema = tollgate_policy::json_schema();
    let mut text = HEAD.to_owned();
    rows(&schema, &schema, "", &[], &mut text);
    assert!(text.contains("| `plans.NAME.limits[].rate` |"), "{text}");
    compare("policy-reference.md", &text);
}

#[test]
fn the_published_schema_is_up_to_date() {
    let schema = tollgate_policy::json_schema();
    compare("tollgate.schema.json", &format!("{schema:#}\n"));
}
