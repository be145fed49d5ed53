//! Other YAML documents as a tree of plain values, for readers that know nothing of YAML.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Tagged;

use super::yaml;
use crate::codes;
use crate::diagnostics::{Diagnostics, Span};
use crate::findings::{Finding, Source};

/// Reads a YAML document that is not a policy: `text` of the file that messages call `name`.
///
/// An application's own tag becomes an object of one key, the tag as written: `!Ref Limit` is
/// `{"!Ref": "Limit"}`. Numbers that JSON has not (`.inf`, above 2^64) are texts. The document is
/// held to the bounds of a policy: 500,000 values, 64 levels, 100,000 events by aliases.
///
/// # Errors
/// The text is not one YAML document within these bounds.
///
/// ```
/// let tree = tollgate_policy::read_yaml("t.yaml", "Limit: !Ref Most\nNames: [a, b]").unwrap();
/// assert_eq!(tree["Limit"]["!Ref"], "Most");
/// assert_eq!(tree["Names"][1], "b");
/// ```
pub fn read_yaml(name: &str, text: &str) -> Result<Value, Diagnostics> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source { name, text };
    let found = |finding: Finding| Diagnostics::new(vec![finding.into_diagnostic(source)]);
    let tree: Tree = serde_saphyr::from_str_with_options(text, yaml::options())
        .map_err(|error| found(yaml::finding(source, &error)))?;
    if tree.0.is_null() {
        return Err(found(Finding::error(
            codes::SYNTAX,
            Span::default(),
            "file is empty",
        )));
    }
    Ok(tree.0)
}

/// What stands before the tags of YAML itself (`!!str`), resolved.
const YAML_TAGS: &str = "tag:yaml.org,2002:";

struct Tree(Value);

/// A value without its tag.
struct Untagged(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(Untagged(value), tag) = Tagged::deserialize(deserializer)?;
        Ok(Tree(match tag {
            Some(tag) if tag.starts_with('!') && tag.len() > 1 && !tag.starts_with(YAML_TAGS) => {
                Value::Object(Map::from_iter([(tag, value)]))
            }
            _ => value,
        }))
    }
}

impl<'de> Deserialize<'de> for Untagged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UntaggedVisitor).map(Untagged)
    }
}

struct UntaggedVisitor;

impl<'de> Visitor<'de> for UntaggedVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(value.to_string().into())
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(value.to_string().into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).map(Value::Number);
        Ok(number.unwrap_or_else(|| value.to_string().into()))
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
        while let Some(Tree(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Map::new();
        while let Some((key, Tree(value))) = map.next_entry::<String, Tree>()? {
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
    fn short_tags_of_a_template_become_objects_at_any_place() {
        let text = "\
AWSTemplateFormatVersion: 2010-09-09
A: !Ref Most
B: !GetAtt Set.Arn
C: !GetAtt [Set, Arn]
D: !Sub '${AWS::StackName}-acl'
E: [!Ref X, !If [Cond, !Ref Y, 3]]
F: !Sub
  - '${V}'
  - {V: !Ref Z}
G: !!str 12
H: !Equals {a: 1}
I: {1: one}
";
        let tree = read_yaml("t.yaml", text).unwrap();
        let expected = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "A": {"!Ref": "Most"},
            "B": {"!GetAtt": "Set.Arn"},
            "C": {"!GetAtt": ["Set", "Arn"]},
            "D": {"!Sub": "${AWS::StackName}-acl"},
            "E": [{"!Ref": "X"}, {"!If": ["Cond", {"!Ref": "Y"}, 3]}],
            "F": {"!Sub": ["${V}", {"V": {"!Ref": "Z"}}]},
            "G": "12",
            "H": {"!Equals": {"a": 1}},
            "I": {"1": "one"},
        });
        assert_eq!(tree, expected);
    }

    #[test]
    fn broken_and_hostile_documents_are_refused_with_their_place() {
        let error = read_yaml("t.yaml", "a: [1\nb: 2").unwrap_err();
        assert!(error.render(false).contains("t.yaml:"), "{error}");
        assert!(read_yaml("t.yaml", "").is_err());
        assert!(read_yaml("t.yaml", &"[".repeat(100_000)).is_err());
        assert!(read_yaml("t.yaml", "a: 1\na: 2").is_err());
    }
}
