//! References in a template, as far as the template itself has their value.

use serde_json::{Map, Value};

/// How deep values are followed.
const DEPTH_MAX: usize = 64;

/// The parameters' defaults and the names of the resources.
pub(super) struct Resolver<'a> {
    parameters: Option<&'a Map<String, Value>>,
    resources: Option<&'a Map<String, Value>>,
}

// === impl Resolver ===

impl<'a> Resolver<'a> {
    pub(super) fn new(template: &'a Value) -> Self {
        Self {
            parameters: template["Parameters"].as_object(),
            resources: template["Resources"].as_object(),
        }
    }

    /// The value with each `Ref`, `Fn::GetAtt` and `Fn::Sub` replaced: by the default of a parameter,
    /// or by the name of a resource. What only a stack knows stays as it is written.
    pub(super) fn resolve(&self, value: &Value) -> Value {
        self.at(value, DEPTH_MAX)
    }

    fn at(&self, value: &Value, depth: usize) -> Value {
        let Some(depth) = depth.checked_sub(1) else {
            return Value::Null;
        };
        match value {
            Value::Array(items) => items.iter().map(|item| self.at(item, depth)).collect(),
            Value::Object(entries) => {
                if let Some(resolved) = self.function(entries) {
                    return resolved;
                }
                let entries = entries
                    .iter()
                    .map(|(key, value)| (key.clone(), self.at(value, depth)));
                Value::Object(entries.collect())
            }
            other => other.clone(),
        }
    }

    fn function(&self, entries: &Map<String, Value>) -> Option<Value> {
        let (name, argument) = entries.iter().next().filter(|_| entries.len() == 1)?;
        match (name.as_str(), argument) {
            ("Ref", Value::String(name)) => self.reference(name),
            ("Fn::GetAtt", Value::Array(path)) => {
                let name = path.first()?.as_str()?;
                self.reference(name)
            }
            ("Fn::Sub", Value::String(text)) => Some(self.substituted(text).into()),
            _ => None,
        }
    }

    fn reference(&self, name: &str) -> Option<Value> {
        if name == "AWS::NoValue" {
            return Some(Value::Null);
        }
        if let Some(parameter) = self.parameters.and_then(|all| all.get(name)) {
            return parameter.get("Default").cloned();
        }
        self.resources?.get(name).map(|_| name.into())
    }

    /// `${Name}` by its value; what is not known stays.
    fn substituted(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                out.push_str("${");
                rest = after;
                continue;
            };
            match self.reference(name.split('.').next().unwrap_or(name)) {
                Some(Value::String(value)) => out.push_str(&value),
                Some(Value::Number(value)) => out.push_str(&value.to_string()),
                _ => {
                    out.push_str("${");
                    out.push_str(name);
                    out.push('}');
                }
            }
            rest = behind;
        }
        out + rest
    }
}
