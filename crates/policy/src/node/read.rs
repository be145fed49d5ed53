//! From a [`Node`] to a type, collecting what does not fit.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Node, Value};
use crate::codes;
use crate::diagnostics::Span;
use crate::findings::{Finding, Findings};

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At<T> {
    pub(crate) span: Span,
    pub(crate) value: T,
}

/// One value, or a list of them.
#[derive(Debug, Clone)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

/// Values by their names, in the order of the file.
#[derive(Debug, Clone)]
pub(crate) struct Named<T>(pub(crate) Vec<(At<String>, T)>);

/// What is written for a key, where a misfit must not count as left out.
#[derive(Debug, Clone)]
pub(crate) enum Given<T> {
    /// Something is written, and was found wrong.
    Misfit,
    Value(T),
}

/// A value that has to be there; nothing where it was found wrong, so that the rest can be checked.
#[derive(Debug, Clone)]
pub(crate) struct Required<T>(pub(crate) Option<T>);

impl<T> Given<T> {
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Given::Value(value) => Some(value),
            Given::Misfit => None,
        }
    }
}

/// What can be read from a node.
pub(crate) trait FromNode: Sized {
    /// `None` where something was found wrong.
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self>;

    /// What stands for a key that is not there: `None` where it has to be.
    fn absent() -> Option<Self> {
        None
    }

    /// What stands for a value that was found wrong or missing, so that the rest can be checked.
    fn misfit() -> Option<Self> {
        None
    }
}

/// Reports that a node is of another kind than its place takes.
pub(crate) fn wrong_kind(node: &Node, expected: &str, findings: &mut Findings<'_>) {
    let mut finding = Finding::error(
        codes::WRONG_KIND,
        node.span,
        format!("expected {expected}, found {}", node.kind()),
    );
    finding = match &node.value {
        Value::Null => finding
            .label("nothing is written here")
            .help("write a value, or remove the key"),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => finding.help(format!(
            "write {expected}; a text that looks like a number needs quotes"
        )),
        _ => finding.help(format!("write {expected} here")),
    };
    findings.push(finding);
}

impl FromNode for String {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            _ => {
                wrong_kind(node, "a text", findings);
                None
            }
        }
    }
}

impl FromNode for bool {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        match &node.value {
            Value::Bool(value) => Some(*value),
            _ => {
                wrong_kind(node, "true or false", findings);
                None
            }
        }
    }
}

impl<T: FromNode> FromNode for At<T> {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        T::from_node(node, findings).map(|value| At {
            span: node.span,
            value,
        })
    }
}

impl<T: FromNode> FromNode for Option<T> {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        T::from_node(node, findings).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn misfit() -> Option<Self> {
        Some(T::misfit())
    }
}

impl<T: FromNode> FromNode for Given<T> {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        T::from_node(node, findings).map(Given::Value)
    }

    fn misfit() -> Option<Self> {
        Some(Given::Misfit)
    }
}

impl<T: FromNode> FromNode for Required<T> {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        T::from_node(node, findings).map(|value| Required(Some(value)))
    }

    fn misfit() -> Option<Self> {
        Some(Required(None))
    }
}

impl<T: FromNode> FromNode for Vec<T> {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        match &node.value {
            Value::List(items) => Some(
                items
                    .iter()
                    .filter_map(|item| T::from_node(item, findings))
                    .collect(),
            ),
            _ => {
                wrong_kind(node, "a list", findings);
                None
            }
        }
    }
}

impl<T: FromNode> FromNode for OneOrMany<T> {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        match &node.value {
            Value::List(_) => Vec::from_node(node, findings).map(OneOrMany),
            _ => T::from_node(node, findings).map(|one| OneOrMany(vec![one])),
        }
    }
}

impl<T: FromNode> FromNode for Named<T> {
    fn from_node(node: &Node, findings: &mut Findings<'_>) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            wrong_kind(node, "a section of names", findings);
            return None;
        };
        let read =
            |(key, value): &(At<String>, Node)| Some((key.clone(), T::from_node(value, findings)?));
        Some(Named(entries.iter().filter_map(read).collect()))
    }
}

// === schemas ===

macro_rules! transparent_schema {
    ($($wrapper:ident),*) => {
        $(impl<T: JsonSchema> JsonSchema for $wrapper<T> {
            fn inline_schema() -> bool {
                T::inline_schema()
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                T::schema_name()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                T::json_schema(generator)
            }
        })*
    };
}

transparent_schema!(At, Given, Required);

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("one_or_many_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [item, { "type": "array", "items": item }] })
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("named_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": item })
    }
}
