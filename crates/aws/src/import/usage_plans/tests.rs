use std::path::Path;

use serde_json::json;
use tollgate_policy::Policy;

use super::*;

mod any_input;
mod fidelity_told;
mod keys;
mod round_trip;
mod templates;

/// A plan as `aws apigateway get-usage-plans` prints it.
const PLANS: &str = r#"{
    "items": [
        {
            "id": "c7y23b",
            "name": "Gold",
            "description": "for those who pay",
            "apiStages": [
                {
                    "apiId": "a1b2c3d4e5",
                    "stage": "prod",
                    "throttle": {
                        "/v1/records/GET": {"rateLimit": 0.1, "burstLimit": 2},
                        "/pets/{id}/GET": {"burstLimit": 20, "rateLimit": 10.0},
                        "//POST": {"rateLimit": 1, "burstLimit": 1}
                    }
                }
            ],
            "throttle": {"burstLimit": 200, "rateLimit": 100.0},
            "quota": {"limit": 5000, "offset": 2, "period": "MONTH"}
        },
        {
            "id": "glvrsr",
            "name": "Free",
            "apiStages": [{"apiId": "a1b2c3d4e5", "stage": "test"}],
            "throttle": {"burstLimit": 5, "rateLimit": 0.000001},
            "quota": {"limit": 20, "offset": 0, "period": "DAY"}
        },
        {"id": "open01", "name": "Open", "apiStages": []}
    ]
}"#;

/// Two keys as `aws apigateway get-api-keys --include-values` prints them.
const KEYS: &str = r#"{
    "items": [
        {
            "id": "k3yid00001",
            "value": "GoldKeyGoldKey0123456789abcdefghijABCDEF",
            "name": "a customer",
            "enabled": true,
            "createdDate": "2025-01-01T00:00:00+00:00",
            "lastUpdatedDate": "2025-01-01T00:00:00+00:00",
            "stageKeys": []
        },
        {
            "id": "k3yid00002",
            "value": "FreeKeyFreeKey0123456789abcdefghijABCDEF",
            "name": "another",
            "enabled": false,
            "createdDate": "2025-01-01T00:00:00+00:00",
            "stageKeys": ["a1b2c3d4e5/test"]
        }
    ]
}"#;

/// The first key's plan, as `aws apigateway get-usage-plan-keys` prints it.
const GOLD_KEYS: &str =
    r#"{"items": [{"id": "k3yid00001", "type": "API_KEY", "name": "a customer"}]}"#;
const FREE_KEYS: &str =
    r#"{"items": [{"id": "k3yid00002", "type": "API_KEY", "name": "another"}]}"#;

const OPTIONS: Options<'static> = Options {
    origin: "http://127.0.0.1:9000",
    keys_file: "api-keys.txt",
    openapi: None,
    stage: None,
};

fn input<'a>(file: &'a str, text: &'a str) -> Input<'a> {
    Input {
        file,
        plan: None,
        text,
    }
}

fn keys_of<'a>(plan: &'a str, text: &'a str) -> Input<'a> {
    Input {
        file: "plan-keys.json",
        plan: Some(plan),
        text,
    }
}

fn imported(inputs: &[Input<'_>]) -> Imported {
    import(inputs, &OPTIONS).unwrap()
}

fn checked(imported: &Imported) -> Policy {
    let policy = &imported.policy;
    Policy::parse("tollgate.yaml", policy, Path::new(""))
        .unwrap_or_else(|errors| panic!("{}\n{policy}", errors.render(false)))
}

/// What is wrong, a line each.
fn refused(inputs: &[Input<'_>]) -> String {
    import(inputs, &OPTIONS).unwrap_err().to_string()
}

fn keys_text(imported: &Imported) -> &str {
    std::str::from_utf8(imported.keys.as_bytes()).unwrap()
}

/// Whether the report tells something of this fidelity.
fn tells(imported: &Imported, fidelity: Fidelity, what: &str) -> bool {
    let told = |note: &&Note| note.fidelity == fidelity && note.what.contains(what);
    imported.notes.iter().any(|note| told(&note)) && imported.report.contains(what)
}
