//! The description of the API, made of the table of endpoints: what all of them have is said here once.

use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::problem::{PROBLEM_JSON, ProblemBody};
use crate::table::{Row, rows};

const ABOUT: &str = "Plans, limits of their own, live buckets, notices and the policy of one Tollgate. \
    Every request needs a key of this API as a bearer token; a key has a role, and each role may what those \
    before it may: `read`, `operate`, `admin`. Times are milliseconds since 1970. Errors are problem \
    documents (RFC 9457).";

const TAGS: [(&str, &str); 10] = [
    ("plans", "Plans and routes of the policy in force."),
    (
        "holders",
        "Subjects and accounts: their plans and limits over time, what is counted for them.",
    ),
    ("buckets", "What one caller has left, in this process."),
    ("explain", "What would become of a request, and why."),
    ("traffic", "What went through of late, in this process."),
    (
        "policy",
        "The policy: read, validate, compare, put in force, roll back.",
    ),
    ("notices", "What is to be told about quotas."),
    ("audit", "Who changed what, when and why."),
    ("keys", "The keys of this API."),
    ("openapi", "This description."),
];

/// What may happen to any request, by the names of responses that all share.
const ANY: [(&str, &str, &str); 7] = [
    (
        "400",
        "Malformed",
        "Path, query, header field or JSON cannot be read.",
    ),
    ("401", "Unauthenticated", "Without a valid key."),
    ("403", "Forbidden", "The key's role is too low."),
    (
        "404",
        "NotFound",
        "There is no such thing, or this gateway has no store.",
    ),
    (
        "429",
        "TooManyFailures",
        "Too many requests without a valid key from this network; `Retry-After` says when to try again.",
    ),
    (
        "500",
        "Failed",
        "A defect, or a store that is damaged; the gateway's log says which.",
    ),
    (
        "503",
        "Unavailable",
        "The store does not answer, too much is under way, or it took too long; try again after `Retry-After`.",
    ),
];
/// And to one with a body.
const WITH_BODY: [(&str, &str, &str); 4] = [
    ("408", "SlowBody", "The body did not come in time."),
    ("413", "TooLarge", "The body is too large."),
    ("415", "MediaType", "The body is not `application/json`."),
    (
        "422",
        "Invalid",
        "The body says what cannot be; `errors` has the places.",
    ),
];

/// OpenAPI 3.1, as JSON for people too.
#[must_use]
pub fn text() -> String {
    format!("{:#}\n", document())
}

fn document() -> Value {
    let rows = rows();
    let mut paths = Map::new();
    for row in &rows {
        let item = paths.entry(row.path.clone()).or_insert(json!({}));
        item[row.method.as_str().to_lowercase()] = operation(row);
    }
    let shared = ANY.iter().chain(&WITH_BODY);
    let responses: Map<String, Value> = shared
        .map(|(_, name, description)| ((*name).to_owned(), problem(description)))
        .collect();
    let tags = TAGS.map(|(name, description)| json!({ "name": name, "description": description }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate admin API",
            "version": "1",
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "tags": tags,
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "tga_…",
                    "description": "A key of this API: `tga_` and 43 characters.",
                },
            },
            "responses": responses,
            "schemas": schemas(&rows),
        },
    })
}

fn operation(row: &Row) -> Value {
    let item = row.routes.1.paths.get(&row.path);
    let item = item.and_then(|item| serde_json::to_value(item).ok());
    let method = row.method.as_str().to_lowercase();
    let mut operation = item.map(|item| item[&method].clone()).unwrap_or_default();
    operation["operationId"] = json!(operation_id(&method, &row.path));
    let said = operation["description"].as_str().unwrap_or_default();
    let role = format!("{said}\n\nLeast role: `{}`.", row.least);
    operation["description"] = json!(role.trim_start());
    parameters(row, &mut operation);
    let with_body = if operation["requestBody"].is_object() {
        WITH_BODY.as_slice()
    } else {
        &[]
    };
    for (status, name, _) in ANY.iter().chain(with_body) {
        let shared = json!({ "$ref": format!("#/components/responses/{name}") });
        operation["responses"][status] = shared;
    }
    for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if status.starts_with('4') && response["description"].is_string() {
            response["content"] = problem_content();
        }
    }
    operation
}

/// `getV1HoldersKindIssuerName`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let mut id = method.to_owned();
    for word in words {
        let mut letters = word.chars();
        id.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        id.push_str(letters.as_str());
    }
    id
}

/// Those that stand in a path's template, and the header fields that go with what may be answered.
fn parameters(row: &Row, operation: &mut Value) {
    let has = |status: &str| operation["responses"][status].is_object();
    let mut all = Vec::new();
    if row.path.contains("{issuer}") {
        all.push(json!({
            "name": "kind", "in": "path", "required": true,
            "description": "What the holder is.",
            "schema": { "type": "string", "enum": ["subject", "account"] },
            "example": "subject",
        }));
        all.push(json!({
            "name": "issuer", "in": "path", "required": true,
            "description": "Who vouches for the name, as in tokens; percent-encoded, slashes too.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 512 },
            "example": "https://login.example.com",
        }));
        all.push(json!({
            "name": "name", "in": "path", "required": true,
            "description": "The subject or the account, as in tokens; percent-encoded.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
            "example": "alice",
        }));
    }
    if has("428") {
        all.push(json!({
            "name": "If-Match", "in": "header", "required": true,
            "description": "The `ETag` that was read, or `*` for whatever version it is.",
            "schema": { "type": "string", "pattern": "^(\\*|\"[0-9a-f]{1,64}\")$" },
            "example": "*",
        }));
    }
    if has("304") {
        all.push(json!({
            "name": "If-None-Match", "in": "header", "required": false,
            "description": "An `ETag` that is known: 304 if it still is the one.",
            "schema": { "type": "string" },
            "example": "\"12\"",
        }));
    }
    if row.path.ends_with("/changes") && row.method == http::Method::POST {
        all.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "New for each write: one that is sent again under its key is done once.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
            "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
        }));
    }
    let own = operation["parameters"].as_array().cloned();
    all.extend(own.unwrap_or_default());
    if !all.is_empty() {
        operation["parameters"] = Value::Array(all);
    }
}

fn problem(description: &str) -> Value {
    json!({ "description": description, "content": problem_content() })
}

fn problem_content() -> Value {
    json!({ PROBLEM_JSON: { "schema": { "$ref": "#/components/schemas/Problem" } } })
}

fn schemas(rows: &[Row]) -> Map<String, Value> {
    let mut all: Vec<(String, RefOr<Schema>)> = Vec::new();
    ProblemBody::schemas(&mut all);
    all.push(("Problem".to_owned(), ProblemBody::schema()));
    all.extend(rows.iter().flat_map(|row| row.routes.0.iter().cloned()));
    let json = |(name, schema)| Some((name, serde_json::to_value(schema).ok()?));
    all.into_iter().filter_map(json).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every `$ref` below a value.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_description_refers_to_what_it_has_and_has_what_it_refers_to() {
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for kind in ["schemas", "responses"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                let reference = format!("#/components/{kind}/{name}");
                assert!(found.contains(&reference), "{reference} is not used");
            }
        }
    }

    #[test]
    fn every_endpoint_is_described_under_an_id_of_its_own() {
        let document = document();
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path}");
                assert!(
                    ids.insert(operation["operationId"].to_string()),
                    "{method} {path}"
                );
                let described = operation["description"].as_str().unwrap();
                assert!(described.contains("Least role: `"), "{described}");
            }
        }
        assert_eq!(ids.len(), rows().len());
    }
}
