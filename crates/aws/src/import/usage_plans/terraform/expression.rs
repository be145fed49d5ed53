//! Values in a configuration, as far as the configuration itself has them.

use std::collections::HashMap;

use hcl::expr::{Expression, ObjectKey, TraversalOperator};
use hcl::{Body, Structure};
use serde_json::{Map, Value, json};

/// How often a local may name another.
const DEPTH_MAX: usize = 16;

/// Defaults of variables, and locals.
pub(super) struct Values<'a>(HashMap<String, &'a Expression>);

// === impl Values ===

impl<'a> Values<'a> {
    pub(super) fn of(body: &'a Body) -> Self {
        let mut values = HashMap::new();
        for block in body.blocks() {
            let attributes = block.body().attributes();
            match (block.identifier(), block.labels()) {
                ("variable", [name]) => {
                    let default = attributes.into_iter().find(|one| one.key() == "default");
                    if let Some(default) = default {
                        values.insert(format!("var.{}", name.as_str()), default.expr());
                    }
                }
                ("locals", _) => {
                    for local in attributes {
                        values.insert(format!("local.{}", local.key()), local.expr());
                    }
                }
                _ => {}
            }
        }
        Self(values)
    }

    /// A body's attributes, and its blocks as lists under their names.
    pub(super) fn body(&self, body: &Body) -> Value {
        let mut entries = Map::new();
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => {
                    let value = self.value(attribute.expr(), DEPTH_MAX);
                    entries.insert(attribute.key().to_owned(), value);
                }
                Structure::Block(block) => {
                    let list = entries.entry(block.identifier().to_owned());
                    let list = list.or_insert_with(|| Value::Array(Vec::new()));
                    if let Value::Array(list) = list {
                        list.push(self.body(block.body()));
                    }
                }
            }
        }
        Value::Object(entries)
    }

    /// A literal's value, that of what a variable or local has, or the name of a resource of API
    /// Gateway. What only Terraform knows is [`unknown`], and not nothing.
    fn value(&self, expression: &Expression, depth: usize) -> Value {
        let Some(depth) = depth.checked_sub(1) else {
            return unknown();
        };
        match expression {
            Expression::Null => Value::Null,
            Expression::Bool(value) => (*value).into(),
            Expression::String(text) => text.as_str().into(),
            // Through its text, so that a whole number stays one.
            Expression::Number(number) => {
                serde_json::from_str(&number.to_string()).unwrap_or_default()
            }
            Expression::Array(items) => items.iter().map(|item| self.value(item, depth)).collect(),
            Expression::Object(entries) => {
                let entries = entries
                    .iter()
                    .filter_map(|(key, value)| Some((name(key)?, self.value(value, depth))));
                Value::Object(entries.collect())
            }
            Expression::Parenthesis(inner) => self.value(inner, depth),
            Expression::Traversal(traversal) => {
                let Expression::Variable(root) = &traversal.expr else {
                    return unknown();
                };
                let attributes = traversal
                    .operators
                    .iter()
                    .map_while(|operator| match operator {
                        TraversalOperator::GetAttr(name) => Some(name.as_str()),
                        _ => None,
                    });
                let attributes: Vec<&str> = attributes.collect();
                let root = root.as_str();
                match attributes[..] {
                    [name] if matches!(root, "var" | "local") => {
                        let known = self.0.get(&format!("{root}.{name}"));
                        known.map_or_else(unknown, |known| self.value(known, depth))
                    }
                    // By its name here: what it is called at AWS is not known.
                    [name, ..] if root.starts_with("aws_api_gateway_") => name.into(),
                    _ => unknown(),
                }
            }
            _ => unknown(),
        }
    }
}

/// A value that a reader takes neither for a number or text, nor for nothing.
fn unknown() -> Value {
    json!({ "Terraform::value": null })
}

fn name(key: &ObjectKey) -> Option<String> {
    match key {
        ObjectKey::Identifier(name) => Some(name.to_string()),
        ObjectKey::Expression(Expression::String(name)) => Some(name.clone()),
        _ => None,
    }
}
