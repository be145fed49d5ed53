//! Templates of CloudFormation and SAM: their web ACLs, with what parameters' defaults give.

use serde_json::{Map, Value};

use crate::waf::error::WafError;
use crate::waf::model::{RuleSet, RuleSetKind};
use crate::waf::reader::{later, rule_set};

/// Reads `AWS::WAFv2::WebACL` and `AWS::WAFv2::RuleGroup`.
pub(super) fn rule_sets(template: &Value) -> Result<Vec<RuleSet>, WafError> {
    let mut sets = Vec::new();
    let resources = template.get("Resources").and_then(Value::as_object);
    for (id, resource) in resources.into_iter().flatten() {
        let kind = match resource.get("Type").and_then(Value::as_str) {
            Some("AWS::WAFv2::WebACL") => RuleSetKind::WebAcl,
            Some("AWS::WAFv2::RuleGroup") => RuleSetKind::RuleGroup,
            _ => continue,
        };
        let place = format!("/Resources/{id}/Properties");
        let properties = resource.get("Properties").unwrap_or(&Value::Null);
        let resolved = resolve(properties, template).unwrap_or(Value::Null);
        sets.push(rule_set(kind, &place, id, &resolved)?);
    }
    Ok(sets)
}

/// The value with its functions resolved, as far as the template alone can; none for
/// `AWS::NoValue`. Short tags and long names are one.
fn resolve(value: &Value, template: &Value) -> Option<Value> {
    match value {
        Value::Array(items) => {
            let items = items.iter().filter_map(|item| resolve(item, template));
            Some(Value::Array(items.collect()))
        }
        Value::Object(entries) => match function(entries) {
            Some((name, argument)) => call(name, argument, template),
            None => {
                let entries = entries
                    .iter()
                    .filter_map(|(key, value)| Some((key.clone(), resolve(value, template)?)));
                Some(Value::Object(entries.collect()))
            }
        },
        other => Some(other.clone()),
    }
}

/// The function that an object is a call of, and its argument.
fn function(entries: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (key, argument) = entries.iter().next().filter(|_| entries.len() == 1)?;
    let name = match key.as_str() {
        "Ref" => "Ref",
        key => key.strip_prefix("Fn::")?,
    };
    Some((name, argument))
}

fn call(name: &str, argument: &Value, template: &Value) -> Option<Value> {
    let text = argument.as_str();
    Some(match (name, text) {
        ("Ref", Some("AWS::NoValue")) => return None,
        ("Ref", Some(id)) => default_of(id, template).unwrap_or_else(|| later(id)),
        ("GetAtt", Some(attribute)) => later(attribute),
        ("GetAtt", None) => later(joined(argument, ".")),
        ("Sub", _) => sub(text.unwrap_or_default(), argument, template),
        ("FindInMap", _) => find(argument, template)
            .unwrap_or_else(|| later(format!("FindInMap {}", joined(argument, ".")))),
        _ => later(format!("{name} {}", shortened(argument))),
    })
}

/// The default of a parameter.
fn default_of(id: &str, template: &Value) -> Option<Value> {
    template.get("Parameters")?.get(id)?.get("Default").cloned()
}

/// `Sub`, whose variables are all parameters with defaults or its own; else it is for deployment.
fn sub(text: &str, argument: &Value, template: &Value) -> Value {
    let (text, own) = match argument {
        Value::Array(parts) => (
            parts.first().and_then(Value::as_str).unwrap_or_default(),
            parts.get(1),
        ),
        _ => (text, None),
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            return later(text);
        };
        rest = after;
        if let Some(literal) = name.strip_prefix('!') {
            out.push_str(&format!("${{{literal}}}"));
            continue;
        }
        let given = own.and_then(|own| resolve(own.get(name)?, template));
        match given.or_else(|| default_of(name, template)) {
            Some(Value::String(value)) => out.push_str(&value),
            Some(Value::Number(value)) => out.push_str(&value.to_string()),
            _ => return later(text),
        }
    }
    out.push_str(rest);
    Value::String(out)
}

/// `FindInMap` with keys that are written out.
fn find(argument: &Value, template: &Value) -> Option<Value> {
    let mut value = template.get("Mappings")?;
    for key in argument.as_array()? {
        let key = resolve(key, template)?;
        value = value.get(key.as_str()?)?;
    }
    Some(value.clone())
}

fn joined(argument: &Value, by: &str) -> String {
    let parts = argument.as_array().into_iter().flatten();
    let parts: Vec<String> = parts
        .map(|part| part.as_str().map_or_else(|| shortened(part), str::to_owned))
        .collect();
    parts.join(by)
}

/// For messages.
fn shortened(argument: &Value) -> String {
    let text = argument.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
