//! From a tree in AWS' shape to the model, with the path of whatever does not fit.

mod rate;
mod rules;
mod statement;

use serde_json::{Map, Value};

use super::error::WafError;
use super::model::{Text, Word};

pub(super) use rules::rule_set;

/// The one key of an object that stands for an expression of a template.
pub(super) const LATER: &str = "\u{0}later";

/// What deployment knows, as a value.
pub(super) fn later(expression: impl Into<String>) -> Value {
    Value::Object(Map::from_iter([(
        LATER.to_owned(),
        Value::String(expression.into()),
    )]))
}

/// The expression, where a value is one.
pub(super) fn as_later(value: &Value) -> Option<&str> {
    value.as_object()?.get(LATER)?.as_str()
}

/// A value and its path.
#[derive(Debug, Clone)]
struct At<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> At<'a> {
    /// The value below a key; a `null` is as good as none.
    fn get(&self, key: &str) -> Option<At<'a>> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(At {
            value,
            path: format!("{}/{key}", self.path),
        })
    }

    fn need(&self, key: &'static str) -> Result<At<'a>, WafError> {
        self.object()?;
        self.get(key).ok_or_else(|| WafError::Missing {
            path: self.path.clone(),
            key,
        })
    }

    fn object(&self) -> Result<&'a Map<String, Value>, WafError> {
        if as_later(self.value).is_some() {
            return Err(self.wrong("an object"));
        }
        self.value
            .as_object()
            .ok_or_else(|| self.wrong("an object"))
    }

    /// An object with no keys but these: a slip in a name would else be silently left out.
    fn only(&self, what: &'static str, known: &[&'static str]) -> Result<(), WafError> {
        let unknown = self
            .object()?
            .keys()
            .find(|key| !known.contains(&key.as_str()));
        match unknown {
            None => Ok(()),
            Some(found) => Err(WafError::Unknown {
                path: self.path.clone(),
                what,
                found: found.clone(),
                known: known.to_vec(),
            }),
        }
    }

    /// The one key of an object, out of those known, and what is below it.
    fn one_of(
        &self,
        what: &'static str,
        known: &[&'static str],
    ) -> Result<(&'static str, At<'a>), WafError> {
        self.only(what, known)?;
        // `null` is no key, unless it is the only one.
        let set = |key: &&&'static str| self.get(key).is_some();
        let empty = known.iter().filter(set).count() == 0;
        let mut found = known.iter().filter_map(|key| {
            let at = if empty {
                self.empty(key)
            } else {
                self.get(key)
            };
            Some((*key, at?))
        });
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(self.wrong("an object with one key")),
            (Some(_), Some(_)) => Err(self.wrong("one key, not several")),
        }
    }

    /// A key without a value, as YAML has it in `IP:`.
    fn empty(&self, key: &str) -> Option<At<'a>> {
        self.value.get(key).map(|value| At {
            value,
            path: format!("{}/{key}", self.path),
        })
    }

    /// The items below a key; none where the key is not there.
    fn items(&self, key: &str) -> Result<Vec<At<'a>>, WafError> {
        let Some(list) = self.get(key) else {
            return Ok(Vec::new());
        };
        let items = list.value.as_array().ok_or_else(|| list.wrong("a list"))?;
        let numbered = items.iter().enumerate().map(|(index, value)| At {
            value,
            path: format!("{}/{index}", list.path),
        });
        Ok(numbered.collect())
    }

    fn text(&self) -> Result<Text, WafError> {
        if let Some(expression) = as_later(self.value) {
            return Ok(Text::Later(expression.to_owned()));
        }
        match self.value {
            Value::String(text) => Ok(Text::Known(text.clone())),
            Value::Number(number) => Ok(Text::Known(number.to_string())),
            Value::Bool(value) => Ok(Text::Known(value.to_string())),
            _ => Err(self.wrong("a text")),
        }
    }

    fn texts(&self, key: &str) -> Result<Vec<Text>, WafError> {
        self.items(key)?.iter().map(At::text).collect()
    }

    /// A whole number, also as a text: CloudFormation takes both.
    fn number(&self) -> Result<u64, WafError> {
        let found = match self.value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        found.ok_or_else(|| self.wrong("a whole number"))
    }

    fn word<W: Word>(&self) -> Result<W, WafError> {
        let Value::String(word) = self.value else {
            return Err(self.wrong("a word"));
        };
        W::parse(word).ok_or_else(|| WafError::Unknown {
            path: self.path.clone(),
            what: W::WHAT,
            found: word.clone(),
            known: W::WORDS.to_vec(),
        })
    }

    fn wrong(&self, expected: &'static str) -> WafError {
        if let Some(expression) = as_later(self.value) {
            return WafError::Later {
                path: self.path.clone(),
                expression: expression.to_owned(),
                hint: "write the value itself, or give the parameter a default",
            };
        }
        let mut found = self.value.to_string();
        if let Some((end, _)) = found.char_indices().nth(60) {
            found.truncate(end);
            found.push('…');
        }
        WafError::WrongKind {
            path: self.path.clone(),
            expected,
            found,
        }
    }
}

#[cfg(test)]
mod tests;
