//! `manifest.json` of a compiled folder: what is connected to what.

use http::HeaderName;
use serde_json::Value;

/// In which order CloudFront, its function and WAF stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// CloudFront with the function, then WAF in front of the origin.
    After,
    /// WAF on the distribution, which looks before the function.
    Before,
    /// A distribution with the function, then a second one with WAF.
    Chained,
}

/// Which header fields CloudFront sends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forwarded {
    /// All of the viewer's and the function's.
    AllViewer,
    /// Those that the origin request policy names.
    Named(Vec<HeaderName>),
}

/// The header field that proves that a request came through CloudFront.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Its name.
    pub header: HeaderName,
    /// What stands for the secret in the web ACL; here it is the secret.
    pub secret: String,
}

/// What the compiler says of its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The order.
    pub variant: Variant,
    /// Where the bucket id stands.
    pub id_header: HeaderName,
    /// Where the function passes the client's address on.
    pub client_header: Option<HeaderName>,
    /// What keeps requests out that go around CloudFront.
    pub lock: Option<Lock>,
    /// What CloudFront sends on.
    pub forwarded: Forwarded,
    /// The origin of the policy.
    pub origin: Option<String>,
}

// === impl Manifest ===

impl Manifest {
    /// Reads the manifest; what it says beyond these fields is for others.
    ///
    /// # Errors
    /// What is missing or wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let variant = match value["variant"].as_str() {
            Some("after") => Variant::After,
            Some("before") => Variant::Before,
            Some("chained") => Variant::Chained,
            _ => return Err("`variant` is none of after, before, chained".to_owned()),
        };
        let id_header = field(&value, "id_header")?.ok_or("no `id_header`")?;
        Ok(Self {
            variant,
            id_header,
            client_header: field(&value, "client_header")?,
            lock: lock(&value)?,
            forwarded: forwarded(&value["forwarded_headers"])?,
            origin: value["origin"].as_str().map(str::to_owned),
        })
    }
}

fn field(value: &Value, key: &str) -> Result<Option<HeaderName>, String> {
    match &value[key] {
        Value::Null => Ok(None),
        Value::String(name) => HeaderName::try_from(name.as_str())
            .map(Some)
            .map_err(|_| format!("`{key}` is not the name of a header field")),
        _ => Err(format!("`{key}` is not a text")),
    }
}

fn lock(value: &Value) -> Result<Option<Lock>, String> {
    let Some(header) = field(value, "lock_header")? else {
        return Ok(None);
    };
    let secret = value["lock_secret_placeholder"].as_str();
    let secret = secret.ok_or("a `lock_header` and no `lock_secret_placeholder`")?;
    http::HeaderValue::try_from(secret)
        .map_err(|_| "`lock_secret_placeholder` cannot stand in a header field".to_owned())?;
    Ok(Some(Lock {
        header,
        secret: secret.to_owned(),
    }))
}

fn forwarded(value: &Value) -> Result<Forwarded, String> {
    const ALL: &str = "all-viewer";
    let wrong = || format!("`forwarded_headers` is neither a list of names nor \"{ALL}\"");
    if value == ALL {
        return Ok(Forwarded::AllViewer);
    }
    let names = value.as_array().ok_or_else(wrong)?;
    if names.iter().any(|name| name == ALL) {
        return Ok(Forwarded::AllViewer);
    }
    let name = |name: &Value| {
        let name = name.as_str().ok_or_else(wrong)?;
        HeaderName::try_from(name).map_err(|_| wrong())
    };
    names
        .iter()
        .map(name)
        .collect::<Result<_, _>>()
        .map(Forwarded::Named)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"variant": "after", "id_header": "X-RateLimit-User-Id",
        "client_header": null, "lock_header": "x-lock", "lock_secret_placeholder": "SECRET",
        "forwarded_headers": ["accept"], "origin": "http://127.0.0.1:1", "more": 1}"#;

    #[test]
    fn a_manifest_is_read() {
        let manifest = Manifest::parse(GOOD).unwrap();
        assert_eq!(manifest.variant, Variant::After);
        assert_eq!(manifest.id_header, "x-ratelimit-user-id");
        assert_eq!(manifest.client_header, None);
        assert_eq!(manifest.lock.unwrap().secret, "SECRET");
        let accept = Forwarded::Named(vec![HeaderName::from_static("accept")]);
        assert_eq!(manifest.forwarded, accept);
        for all in [r#""all-viewer""#, r#"["all-viewer"]"#] {
            let manifest = Manifest::parse(&GOOD.replace(r#"["accept"]"#, all)).unwrap();
            assert_eq!(manifest.forwarded, Forwarded::AllViewer);
        }
    }

    #[test]
    fn what_is_wrong_in_a_manifest_is_named() {
        for (old, new, part) in [
            ("after", "aside", "variant"),
            ("X-RateLimit", "X RateLimit", "id_header"),
            ("\"id_header\"", "\"id\"", "id_header"),
            ("\"SECRET\"", "null", "lock_secret_placeholder"),
            ("[\"accept\"]", "3", "forwarded_headers"),
        ] {
            let error = Manifest::parse(&GOOD.replace(old, new)).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
