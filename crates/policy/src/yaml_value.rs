//! Any YAML document as JSON, for whoever imports what others wrote; a policy is read with places.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::{Error, Tagged};

/// The largest document, in bytes; a template of CloudFormation has 1 MiB at most.
pub const YAML_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Values, keys and anchors of a document together.
const NODES_MAX: usize = 2_000_000;
/// How deep lists and sections may lie in each other.
const DEPTH_MAX: usize = 64;
/// What aliases may expand to, in parser events.
const ALIAS_EVENTS_MAX: usize = 100_000;

/// Why a text is no YAML document. Shows no part of it: there may be secrets in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not valid YAML at line {line}, column {column}")]
pub struct YamlError {
    /// From 1; 0 where the parser gave no place.
    pub line: u64,
    /// From 1; 0 where the parser gave no place.
    pub column: u64,
}

/// Reads one YAML document (JSON is YAML) as JSON.
///
/// The short forms of CloudFormation become their long ones: `!Ref x` is `{"Ref": "x"}`, `!GetAtt
/// a.b` is `{"Fn::GetAtt": ["a", "b"]}`, and any other `!Name` is `{"Fn::Name": …}`.
///
/// # Errors
/// [`YamlError`] with the place.
pub fn yaml_value(text: &str) -> Result<Value, YamlError> {
    let nowhere = YamlError { line: 0, column: 0 };
    if text.len() > YAML_BYTES_MAX {
        return Err(nowhere);
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: NODES_MAX,
            max_depth: DEPTH_MAX,
            max_documents: 1,
            max_total_scalar_bytes: YAML_BYTES_MAX,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: ALIAS_EVENTS_MAX,
        },
        strict_booleans: true,
        with_snippet: false,
    };
    let node: Result<Node, Error> = serde_saphyr::from_str_with_options(text, options);
    node.map(|node| node.0).map_err(|error| {
        error.location().map_or(nowhere, |place| YamlError {
            line: place.line(),
            column: place.column(),
        })
    })
}

/// A value under the tag before it.
struct Node(Value);

/// A value without its tag.
struct Untagged(Value);

// === impl Node ===

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(Untagged(value), tag) = Tagged::deserialize(deserializer)?;
        // A core type (`!!str`) is a full name, a function of CloudFormation a local one.
        let Some(name) = tag.as_deref().and_then(|tag| tag.strip_prefix('!')) else {
            return Ok(Self(value));
        };
        let (key, value) = match (name, value) {
            ("Ref" | "Condition", value) => (name.to_owned(), value),
            ("GetAtt", Value::String(path)) => {
                let parts = path.splitn(2, '.').map(Value::from).collect();
                ("Fn::GetAtt".to_owned(), parts)
            }
            (_, value) => (format!("Fn::{name}"), value),
        };
        Ok(Self(Value::Object(Map::from_iter([(key, value)]))))
    }
}

impl<'de> Deserialize<'de> for Untagged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Node(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Map::new();
        while let Some((key, Node(value))) = map.next_entry::<String, Node>()? {
            entries.insert(key, value);
        }
        Ok(Value::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_forms_become_long_ones() {
        let text = "
AWSTemplateFormatVersion: '2010-09-09'
rate: 0.1
plan: !Ref Gold
stage: !GetAtt Api.Stage.Name
name: !Sub '${AWS::StackName}-gold'
joined: !Join ['-', [a, !Ref B]]
when: !If [Big, {limit: 10}, !Ref 'AWS::NoValue']
text: !!str 7
";
        let expected = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "rate": 0.1,
            "plan": {"Ref": "Gold"},
            "stage": {"Fn::GetAtt": ["Api", "Stage.Name"]},
            "name": {"Fn::Sub": "${AWS::StackName}-gold"},
            "joined": {"Fn::Join": ["-", ["a", {"Ref": "B"}]]},
            "when": {"Fn::If": ["Big", {"limit": 10}, {"Ref": "AWS::NoValue"}]},
            "text": "7",
        });
        assert_eq!(yaml_value(text).unwrap(), expected);
        assert_eq!(yaml_value("{\"a\": [1, 2]}").unwrap(), json!({"a": [1, 2]}));
    }

    #[test]
    fn an_error_shows_the_place_and_no_text() {
        let error = yaml_value("a: 1\nkey: \"secret\nb: 2").unwrap_err();
        assert!(error.line > 1, "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        let bomb = "a: &a [x,x]\nb: &b [*a,*a]\n".to_owned() + &"c: [*b,*b]\n".repeat(3);
        assert!(yaml_value(&bomb).is_err(), "a key stands twice");
    }
}
