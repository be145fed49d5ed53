//! The key value store beside a function: strings by key, within CloudFront's limits.

use std::collections::BTreeMap;

use serde_json::Value;

/// CloudFront's limits, in bytes.
const KEY_BYTES_MAX: usize = 512;
const VALUE_BYTES_MAX: usize = 1_024;
const STORE_BYTES_MAX: usize = 5 * 1_024 * 1_024;

/// What a function can read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kvs {
    values: BTreeMap<String, String>,
    bytes: usize,
    failing: bool,
}

/// Why a store cannot be had so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KvsError {
    /// Not the shape that CloudFront imports.
    #[error("expected {{\"data\": [{{\"key\": …, \"value\": …}}]}} with strings: {why}")]
    Shape {
        /// What is wrong.
        why: String,
    },
    /// A key twice; which of them holds is nowhere said.
    #[error("the key `{key}` is there twice")]
    Twice {
        /// The key.
        key: String,
    },
    /// A limit of CloudFront's.
    #[error("{what} has {bytes} bytes, and CloudFront takes {max}")]
    TooLarge {
        /// A key, the value of a key, or the store.
        what: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
}

// === impl Kvs ===

impl Kvs {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A store from the JSON that CloudFront imports: `{"data": [{"key": …, "value": …}]}`.
    ///
    /// # Errors
    /// When it has another shape, a key twice, or more than CloudFront takes.
    pub fn from_json(text: &str) -> Result<Self, KvsError> {
        let shape = |why: String| KvsError::Shape { why };
        let document: Value =
            serde_json::from_str(text).map_err(|error| shape(error.to_string()))?;
        let entries = document["data"]
            .as_array()
            .ok_or_else(|| shape("no list `data`".to_owned()))?;
        let mut kvs = Self::new();
        for (index, entry) in entries.iter().enumerate() {
            let field = |name: &str| {
                let text = entry[name].as_str();
                text.ok_or_else(|| shape(format!("entry {index} has no text `{name}`")))
            };
            let (key, value) = (field("key")?, field("value")?);
            if kvs.values.contains_key(key) {
                return Err(KvsError::Twice {
                    key: key.to_owned(),
                });
            }
            kvs.insert(key, value)?;
        }
        Ok(kvs)
    }

    /// Sets a key.
    ///
    /// # Errors
    /// When the key, the value or the store becomes larger than CloudFront takes.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), KvsError> {
        within("a key", key.len(), KEY_BYTES_MAX)?;
        within(
            &format!("the value of `{key}`"),
            value.len(),
            VALUE_BYTES_MAX,
        )?;
        let before = self.values.get(key).map_or(0, |old| key.len() + old.len());
        let bytes = self.bytes - before + key.len() + value.len();
        within("the store", bytes, STORE_BYTES_MAX)?;
        self.bytes = bytes;
        self.values.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Removes a key; true if it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let Some(value) = self.values.remove(key) else {
            return false;
        };
        self.bytes -= key.len() + value.len();
        true
    }

    /// Makes every read throw, as a store does that cannot be reached; or no longer.
    pub fn set_failing(&mut self, failing: bool) {
        self.failing = failing;
    }

    pub(super) fn failing(&self) -> bool {
        self.failing
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    pub(super) fn key_count(&self) -> usize {
        self.values.len()
    }
}

fn within(what: &str, bytes: usize, max: usize) -> Result<(), KvsError> {
    if bytes > max {
        return Err(KvsError::TooLarge {
            what: what.to_owned(),
            bytes,
            max,
        });
    }
    Ok(())
}
