//! Templates of CloudFormation and SAM.

mod resolve;

use serde_json::{Map, Value, json};

use super::document;
use super::found::{Fidelity, Found};
use super::model::Link;
use resolve::Resolver;

const GENERATED: &str = "API Gateway made its value when the stack was created, so that no template \
                         has it: give `get-api-keys --include-values` and `get-usage-plan-keys` as \
                         well";

/// Reads every plan, key and link of a template.
pub(super) fn read(file: &str, template: &Value, found: &mut Found) {
    let resolver = Resolver::new(template);
    let before = (found.plans.len(), found.keys.len(), found.links.len());
    let resources = template["Resources"].as_object().into_iter().flatten();
    for (name, resource) in resources {
        let properties = resolver.resolve(&resource["Properties"]);
        match resource["Type"].as_str().unwrap_or_default() {
            "AWS::ApiGateway::UsagePlan" => plan(file, name, &properties, found),
            "AWS::ApiGateway::ApiKey" => key(name, &properties, found),
            "AWS::ApiGateway::UsagePlanKey" => {
                let plan = document::text(&properties["UsagePlanId"]);
                let key = document::text(&properties["KeyId"]);
                if let (Some(plan), Some(key)) = (plan, key) {
                    found.links.push(Link { plan, key });
                } else {
                    let what = format!("`{name}` names no plan and key of this template");
                    found.problem(file, what, "write `!Ref` with the name of a resource here");
                }
            }
            "AWS::Serverless::Api" => {
                let globals = resolver.resolve(&template["Globals"]["Api"]["Auth"]["UsagePlan"]);
                serverless(file, name, &properties, &globals, found);
            }
            "AWS::ApiGateway::Stage" => stage(name, &properties, found),
            _ => {}
        }
    }
    if before == (found.plans.len(), found.keys.len(), found.links.len()) {
        found.problem(
            file,
            "this template has no usage plan and no API key",
            super::detect::KNOWN,
        );
    }
}

fn plan(file: &str, name: &str, properties: &Value, found: &mut Found) {
    let mut plan = camel(properties);
    let given = plan.remove("usagePlanName");
    plan.insert("id".to_owned(), name.into());
    plan.insert("name".to_owned(), given.unwrap_or_else(|| name.into()));
    document::plan(file, &Value::Object(plan), found);
}

fn key(name: &str, properties: &Value, found: &mut Found) {
    let mut given = camel(properties);
    given.insert("id".to_owned(), name.into());
    let key = document::key(&Value::Object(given), Vec::new());
    if key.value.is_none() {
        found.note(Fidelity::Lost, format!("key `{name}`"), GENERATED);
    } else {
        found.keys.push(key);
    }
}

/// `Auth: {UsagePlan: {CreateUsagePlan: PER_API | SHARED, …}}`: SAM makes plan, key and link of it.
fn serverless(file: &str, name: &str, properties: &Value, globals: &Value, found: &mut Found) {
    let own = &properties["Auth"]["UsagePlan"];
    let (settings, shared) = match (own.is_object(), globals.is_object()) {
        (true, _) => (own, own["CreateUsagePlan"] == "SHARED"),
        (false, true) => (globals, globals["CreateUsagePlan"] == "SHARED"),
        (false, false) => return,
    };
    let create = settings["CreateUsagePlan"].as_str().unwrap_or_default();
    if !matches!(create, "PER_API" | "SHARED") {
        return;
    }
    let prefix = if shared { "Serverless" } else { name };
    let id = format!("{prefix}UsagePlan");
    let stage = document::text(&properties["StageName"]);
    let here = json!({"apiId": name, "stage": stage});
    if let Some(plan) = found.plans.iter_mut().find(|plan| plan.id == id) {
        // The plan that several APIs share.
        plan.stages.push(super::model::PlanStage {
            api: name.to_owned(),
            stage: stage.unwrap_or_else(|| "?".to_owned()),
            methods: Vec::new(),
        });
        return;
    }
    let mut settings = settings.as_object().cloned().unwrap_or_default();
    settings.insert("ApiStages".to_owned(), Value::Array(vec![here]));
    plan(file, &id, &Value::Object(settings), found);
    found.note(Fidelity::Lost, format!("key `{prefix}ApiKey`"), GENERATED);
}

/// Throttles of a stage hold for everybody together, and are no part of a plan.
fn stage(name: &str, properties: &Value, found: &mut Found) {
    let settings = properties["MethodSettings"].as_array();
    let throttles = |setting: &&Value| {
        !(setting["ThrottlingRateLimit"].is_null() && setting["ThrottlingBurstLimit"].is_null())
    };
    let count = settings.into_iter().flatten().filter(throttles).count();
    if count > 0 {
        let what = format!("throttles of the stage `{name}` itself: {count}");
        let why = "they hold for all callers together: write a limit with `per: global` if they are \
                   to hold still";
        found.note(Fidelity::Lost, what, why);
    }
}

/// Keys with a small first letter, as the service's own model has them; a path stays as it is.
fn camel(value: &Value) -> Map<String, Value> {
    fn all(value: &Value) -> Value {
        match value {
            Value::Object(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, value)| (small(key), all(value)))
                    .collect(),
            ),
            Value::Array(items) => items.iter().map(all).collect(),
            other => other.clone(),
        }
    }
    match all(value) {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}

fn small(key: &str) -> String {
    let mut letters = key.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + letters.as_str()
    })
}
