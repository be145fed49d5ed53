//! The little of an OpenAPI document that routes are made of.
//!
//! Reads 2.0 to 3.2, and skips all else unseen: schemas differ between the versions, and real
//! documents break their own rules there.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A document.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Document {
    /// `openapi`, for 3.x.
    #[serde(default)]
    pub(super) openapi: Lenient<String>,
    /// `swagger`, for 2.0.
    #[serde(default)]
    pub(super) swagger: Lenient<String>,
    /// `basePath`, for 2.0.
    #[serde(default, rename = "basePath")]
    pub(super) base_path: Lenient<String>,
    /// `servers`, for 3.x.
    #[serde(default)]
    pub(super) servers: Lenient<Vec<Server>>,
    /// `paths`.
    #[serde(default)]
    pub(super) paths: Lenient<Entries<PathItem>>,
}

/// A server.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Server {
    #[serde(default)]
    pub(super) url: Lenient<String>,
    #[serde(default)]
    pub(super) variables: Lenient<Entries<Variable>>,
}

/// A variable of a server's URL.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Variable {
    #[serde(default)]
    pub(super) default: Lenient<String>,
}

/// The methods of a path.
#[derive(Debug, Default)]
pub(super) struct PathItem {
    /// In upper case, in the order of the document.
    pub(super) methods: Vec<String>,
    /// Whether it points to another path item.
    pub(super) reference: bool,
}

/// A value, or nothing where the document has something else in its place.
#[derive(Debug, Default)]
pub(super) struct Lenient<T>(pub(super) T);

/// The entries of an object, in order and with duplicates.
#[derive(Debug)]
pub(super) struct Entries<T>(pub(super) Vec<(String, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Entries(Vec::new())
    }
}

/// What a lenient value can be read from; each method is what its kind of value gives.
trait FromLoose<'de>: Default {
    fn text(_: &str) -> Self {
        Self::default()
    }

    fn seq<A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }

    fn map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::default())
    }
}

impl FromLoose<'_> for String {
    fn text(text: &str) -> Self {
        text.to_owned()
    }
}

impl<'de> FromLoose<'de> for Vec<Server> {
    fn seq<A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        let mut servers = Vec::new();
        while let Some(server) = seq.next_element()? {
            servers.push(server);
        }
        Ok(servers)
    }
}

impl<'de, T: Deserialize<'de>> FromLoose<'de> for Entries<T> {
    fn map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

impl<'de> FromLoose<'de> for PathItem {
    fn map<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        const METHODS: [&str; 9] = [
            "get", "put", "post", "delete", "options", "head", "patch", "trace", "query",
        ];
        let mut item = PathItem::default();
        while let Some(key) = map.next_key::<String>()? {
            if METHODS.contains(&key.as_str()) {
                map.next_value::<IgnoredAny>()?;
                item.methods.push(key.to_ascii_uppercase());
            } else if key == "additionalOperations" {
                // OpenAPI 3.2: methods as they are sent.
                let others = map.next_value::<Lenient<Entries<IgnoredAny>>>()?;
                item.methods
                    .extend(others.0.0.into_iter().map(|(method, _)| method));
            } else {
                map.next_value::<IgnoredAny>()?;
                item.reference |= key == "$ref";
            }
        }
        Ok(item)
    }
}

impl<'de, T: FromLoose<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(LooseVisitor(PhantomData))
            .map(Lenient)
    }
}

impl<'de> Deserialize<'de> for PathItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor(PhantomData))
    }
}

struct LooseVisitor<T>(PhantomData<T>);

impl<'de, T: FromLoose<'de>> Visitor<'de> for LooseVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(T::text(&number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::text(&number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<T, E> {
        // A version written without quotes: `swagger: 2.0`.
        Ok(T::text(&format!("{number:?}")))
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text))
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        T::seq(seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::map(map)
    }
}
