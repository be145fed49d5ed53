//! JSON (RFC 8259) without duplicate member names, bounded in depth and in values.
//!
//! `serde_json` does the lexing: it refuses lone surrogates, invalid UTF-8, leading zeros and
//! numbers beyond a double. What it would let pass is refused here: a name twice in one
//! object, compared after unescaping, since two readers would then see two tokens.

use std::{borrow::Cow, cell::Cell, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Deepest nesting of arrays and objects.
pub const DEPTH_MAX: u32 = 16;
/// Most values (members, elements and the document itself) of a header or claims.
pub const TOKEN_VALUES_MAX: u32 = 512;

/// One value; strings borrow from the input unless they were escaped.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// Members sorted by name, each name once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    Duplicate,
    Invalid,
}

impl<'a> Object<'a> {
    /// Parses a document that must be one object, with at most `values_max` values.
    pub(crate) fn parse(text: &'a [u8], values_max: u32) -> Result<Self, JsonError> {
        let bounds = Bounds {
            values_left: Cell::new(values_max),
            duplicate: Cell::new(false),
        };
        let mut source = serde_json::Deserializer::from_slice(text);
        let seed = Seed {
            bounds: &bounds,
            depth_left: DEPTH_MAX,
        };
        let parsed = seed
            .deserialize(&mut source)
            .and_then(|json| source.end().map(|()| json));
        match parsed {
            Ok(Json::Object(object)) => Ok(object),
            _ if bounds.duplicate.get() => Err(JsonError::Duplicate),
            _ => Err(JsonError::Invalid),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        let place = self
            .0
            .binary_search_by(|(known, _)| known.as_ref().cmp(name));
        place.ok().map(|index| &self.0[index].1)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

impl Json<'_> {
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

struct Bounds {
    values_left: Cell<u32>,
    duplicate: Cell<bool>,
}

#[derive(Clone, Copy)]
struct Seed<'b> {
    bounds: &'b Bounds,
    depth_left: u32,
}

impl Seed<'_> {
    fn count<E: de::Error>(&self) -> Result<(), E> {
        match self.bounds.values_left.get().checked_sub(1) {
            Some(left) => {
                self.bounds.values_left.set(left);
                Ok(())
            }
            None => Err(E::custom("too many values")),
        }
    }

    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left, ..self }),
            None => Err(E::custom("too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        self.count()?;
        source.deserialize_any(self)
    }
}

/// A member's name: a string, borrowed where it can be.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Json::Unsigned(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Negative(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Json::Float(value))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
        let inner = self.deeper()?;
        let mut elements = Vec::new();
        while let Some(element) = source.next_element_seed(inner)? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut source: A) -> Result<Self::Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Vec::new();
        while let Some(name) = source.next_key_seed(Name)? {
            members.push((name, source.next_value_seed(inner)?));
        }
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        if members.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            self.bounds.duplicate.set(true);
            return Err(de::Error::custom("a name twice"));
        }
        Ok(Json::Object(Object(members)))
    }
}

#[cfg(test)]
mod tests;
