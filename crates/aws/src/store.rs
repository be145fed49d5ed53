//! The data of the key-value store: keys of ids and passes, secrets of issuers, routes.
//!
//! Secrets are here and nowhere else: a function's text can be read by whoever may read the
//! distribution, and stays in its versions.

use serde_json::{Value, json};
use tollgate_identity::{IdentityError, KeyRing};
use zeroize::Zeroizing;

use crate::function::{Function, STORE_VALUE_BYTES_MAX};

/// Longest key of the store, in bytes (AWS).
pub const STORE_KEY_BYTES_MAX: usize = 512;
/// The largest store, keys and values together (AWS: 5 MB).
pub const STORE_BYTES_MAX: usize = 5 * 1024 * 1024;

/// Secrets that a deployment needs, as they stand in their files.
#[derive(Default)]
pub struct Secrets {
    /// The text of the ring of bucket keys.
    pub ring: Zeroizing<String>,
    /// The HS256 secret of each issuer, in the order of the policy.
    pub issuers: Vec<Zeroizing<Vec<u8>>>,
}

/// Why the store cannot hold something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The ring does not parse.
    #[error(transparent)]
    Ring(#[from] IdentityError),
    /// A value is too long.
    #[error(
        "{what} takes {bytes} bytes and a value of the key-value store holds \
         {STORE_VALUE_BYTES_MAX}; {fix}"
    )]
    ValueTooLong {
        /// What it is.
        what: &'static str,
        /// How long.
        bytes: usize,
        /// What to do.
        fix: &'static str,
    },
    /// All of it is too large.
    #[error("the key-value store would hold {bytes} bytes; AWS takes {STORE_BYTES_MAX}")]
    TooLarge {
        /// How large.
        bytes: usize,
    },
}

/// Keys and values, in order.
///
/// # Errors
/// What does not fit.
pub fn entries(
    function: &Function,
    secrets: &Secrets,
) -> Result<Vec<(String, Zeroizing<String>)>, StoreError> {
    // A list, so that the next secret can be put beside the current one first.
    let list = |secret: &Zeroizing<Vec<u8>>| json!([data_encoding::BASE64URL_NOPAD.encode(secret)]);
    let lists: Vec<Value> = secrets.issuers.iter().map(list).collect();
    // In one value with the ring where that fits: each read is paid for.
    let together = ring(&secrets.ring, &lists);
    let is_together = together.is_ok();
    let keys = together.or_else(|_| ring(&secrets.ring, &[]))?;
    let mut entries = vec![("keys".to_owned(), keys)];
    for (index, list) in lists.iter().enumerate() {
        if is_together {
            break;
        }
        let value = Zeroizing::new(list.to_string());
        if value.len() > STORE_VALUE_BYTES_MAX {
            return Err(StoreError::ValueTooLong {
                what: "the secret of an issuer",
                bytes: value.len(),
                fix: "HS256 gains nothing from more than 64 bytes (RFC 2104, section 3)",
            });
        }
        entries.push((format!("secret{index}"), value));
    }
    let routes = function.stored_routes.iter();
    entries.extend(routes.map(|(key, value)| (key.clone(), Zeroizing::new(value.clone()))));
    let bytes = entries
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if bytes > STORE_BYTES_MAX {
        return Err(StoreError::TooLarge { bytes });
    }
    Ok(entries)
}

/// `{"c": current kid, "k": {kid: [secret, not before, not after or null]}}`, and the issuers' lists
/// of secrets as `s`.
fn ring(text: &str, secrets: &[Value]) -> Result<Zeroizing<String>, StoreError> {
    let ring = KeyRing::parse(text)?;
    let lines = text.lines().map(str::trim);
    let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let key = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let [kid, secret, from, to] = [(); 4].map(|()| fields.next().unwrap_or_default());
        let seconds = |text: &str| text.parse::<u64>().ok();
        let value = json!([secret, seconds(from).unwrap_or(0), seconds(to)]);
        (kid.to_owned(), value)
    };
    let keys: serde_json::Map<String, Value> = keys.map(key).collect();
    let mut value = json!({"c": ring.current_kid().as_str(), "k": keys});
    if !secrets.is_empty() {
        value["s"] = secrets.into();
    }
    let value = Zeroizing::new(value.to_string());
    if value.len() > STORE_VALUE_BYTES_MAX {
        return Err(StoreError::ValueTooLong {
            what: "the ring of bucket keys",
            bytes: value.len(),
            fix: "retire keys that are no longer used: `tollgate keys retire`",
        });
    }
    Ok(value)
}

/// The import format of a key-value store.
#[must_use]
pub fn import_json(entries: &[(String, Zeroizing<String>)]) -> Zeroizing<String> {
    let one = |(key, value): &(String, Zeroizing<String>)| json!({"key": key, "value": &**value});
    let data: Vec<Value> = entries.iter().map(one).collect();
    Zeroizing::new(json!({"data": data}).to_string())
}
