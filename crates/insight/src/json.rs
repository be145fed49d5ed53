//! Lines that are JSON objects: the fields that are wanted, without the rest.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::LineError;
use crate::slots::{Values, Wanted};

/// Reads the wanted fields of an object; of one that is there twice, the last.
pub(crate) fn values<'l>(line: &'l str, wanted: &Wanted) -> Result<Values<'l>, LineError> {
    let mut json = serde_json::Deserializer::from_str(line);
    let values = json
        .deserialize_map(Object(wanted))
        .map_err(|_| LineError::NotJson)?;
    json.end().map_err(|_| LineError::NotJson)?;
    Ok(values)
}

struct Object<'w>(&'w Wanted);

impl<'l> Visitor<'l> for Object<'_> {
    type Value = Values<'l>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'l>>(self, mut map: M) -> Result<Values<'l>, M::Error> {
        let mut values = Values::default();
        while let Some(name) = map.next_key_seed(Text)? {
            let name = name.unwrap_or_default();
            let mut slots = self.0.of_field(&name).peekable();
            if slots.peek().is_none() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let Some(value) = map.next_value_seed(Text)? else {
                continue;
            };
            for (rank, slot) in slots {
                values.put(slot, rank, value.clone());
            }
        }
        Ok(values)
    }
}

/// A text, or what stands for one; `None` for null, an array or an object.
struct Text;

impl<'l> DeserializeSeed<'l> for Text {
    type Value = Option<Cow<'l, str>>;

    fn deserialize<D: Deserializer<'l>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'l> Visitor<'l> for Text {
    type Value = Option<Cow<'l, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'l str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(bool.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<S: SeqAccess<'l>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<M: MapAccess<'l>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
