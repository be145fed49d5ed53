//! Configurations of Terraform, and what `terraform show -json` prints.

mod expression;

use hcl::{Block, Body};
use serde_json::{Map, Value, json};

use super::document;
use super::found::{Fidelity, Found};
use super::model::Link;
use expression::Values;

const PLAN: &str = "aws_api_gateway_usage_plan";
const KEY: &str = "aws_api_gateway_api_key";
const PLAN_KEY: &str = "aws_api_gateway_usage_plan_key";

/// Whether a text is a configuration: by its name, or by a resource of ours in it.
pub(super) fn is_hcl(file: &str, text: &str) -> bool {
    file.ends_with(".tf") || text.contains("resource \"aws_api_gateway_")
}

/// Reads every plan, key and link of a configuration.
pub(super) fn read(file: &str, text: &str, found: &mut Found) {
    let body: Body = match hcl::parse(text) {
        Ok(body) => body,
        Err(error) => {
            // Only the place: the parser's words show the line, and keys may stand in it.
            let what = match &error {
                hcl::Error::Parse(error) => {
                    let place = error.location();
                    let (line, column) = (place.line(), place.column());
                    format!("not valid HCL at line {line}, column {column}")
                }
                _ => "not valid HCL".to_owned(),
            };
            found.problem(
                file,
                what,
                "run `terraform validate`, and mend what it shows",
            );
            return;
        }
    };
    let values = Values::of(&body);
    let before = (found.plans.len(), found.keys.len(), found.links.len());
    for block in body
        .blocks()
        .filter(|block| block.identifier() == "resource")
    {
        let labels: Vec<&str> = block.labels().iter().map(hcl::BlockLabel::as_str).collect();
        let [kind @ (PLAN | KEY | PLAN_KEY), name] = labels[..] else {
            continue;
        };
        if let Some(how) = repeated(block) {
            let what =
                format!("`{kind}.{name}` is made by `{how}`, which only Terraform can follow");
            let fix = "give what `terraform show -json` or `aws apigateway get-usage-plans` prints";
            found.problem(file, what, fix);
            continue;
        }
        resource(file, kind, name, &values.body(block.body()), found);
    }
    if before == (found.plans.len(), found.keys.len(), found.links.len())
        && found.problems.iter().all(|problem| problem.file != file)
    {
        found.problem(file, super::detect::UNKNOWN, super::detect::KNOWN);
    }
}

/// The root module of what `terraform show -json` prints, of a state or of a plan.
pub(super) fn shown(value: &Value) -> Option<&Value> {
    let values = value
        .get("values")
        .or_else(|| value.get("planned_values"))?;
    values.get("root_module")
}

/// Reads every plan, key and link of a module and those under it.
pub(super) fn read_shown(file: &str, module: &Value, found: &mut Found) {
    for shown in module["resources"].as_array().into_iter().flatten() {
        let kind = shown["type"].as_str().unwrap_or_default();
        if let PLAN | KEY | PLAN_KEY = kind {
            let values = &shown["values"];
            let name = document::text(&values["id"]).or_else(|| document::text(&shown["address"]));
            resource(file, kind, &name.unwrap_or_default(), values, found);
        }
    }
    for module in module["child_modules"].as_array().into_iter().flatten() {
        read_shown(file, module, found);
    }
}

/// Why a resource is not one thing.
fn repeated(block: &Block) -> Option<&'static str> {
    let has = |name: &str| {
        block
            .body()
            .attributes()
            .any(|attribute| attribute.key() == name)
    };
    let is_dynamic = |body: &Body| body.blocks().any(|block| block.identifier() == "dynamic");
    if has("for_each") {
        Some("for_each")
    } else if has("count") {
        Some("count")
    } else if is_dynamic(block.body()) || block.body().blocks().any(|one| is_dynamic(one.body())) {
        Some("dynamic")
    } else {
        None
    }
}

fn resource(file: &str, kind: &str, name: &str, values: &Value, found: &mut Found) {
    match kind {
        PLAN => {
            let plan = json!({
                "id": name,
                "name": values["name"].as_str().unwrap_or(name),
                "throttle": throttle(&first(&values["throttle_settings"])),
                "quota": first(&values["quota_settings"]),
                "apiStages": list(&values["api_stages"]).iter().map(stage).collect::<Value>(),
            });
            document::plan(file, &plan, found);
        }
        KEY => {
            let mut key = document::key(values, Vec::new());
            key.id = Some(name.to_owned());
            // The provider's own default.
            key.enabled = key.enabled.or(Some(true));
            if key.value.is_some() {
                found.keys.push(key);
            } else {
                let why = "API Gateway made its value, so that no configuration has it: give \
                           `get-api-keys --include-values` and `get-usage-plan-keys` as well";
                found.note(Fidelity::Lost, format!("key `{name}`"), why);
            }
        }
        _ => {
            let plan = document::text(&values["usage_plan_id"]);
            let key = document::text(&values["key_id"]);
            if let (Some(plan), Some(key)) = (plan, key) {
                found.links.push(Link { plan, key });
            } else {
                let what = format!("`{kind}.{name}` names no plan and key of this configuration");
                let fix = "write `aws_api_gateway_usage_plan.NAME.id` and \
                           `aws_api_gateway_api_key.NAME.id`";
                found.problem(file, what, fix);
            }
        }
    }
}

fn stage(stage: &Value) -> Value {
    let methods = list(&stage["throttle"]).iter().filter_map(|method| {
        let path = method["path"].as_str()?;
        Some((path.to_owned(), throttle(method)))
    });
    let methods: Map<String, Value> = methods.collect();
    json!({"apiId": stage["api_id"], "stage": stage["stage"], "throttle": methods})
}

fn throttle(settings: &Value) -> Value {
    if settings.is_null() {
        return Value::Null;
    }
    json!({"rateLimit": settings["rate_limit"], "burstLimit": settings["burst_limit"]})
}

/// A block that stands once, which Terraform shows as a list.
fn first(blocks: &Value) -> Value {
    match blocks {
        Value::Array(blocks) => blocks.first().cloned().unwrap_or_default(),
        other => other.clone(),
    }
}

fn list(blocks: &Value) -> &[Value] {
    blocks.as_array().map_or(&[], Vec::as_slice)
}
