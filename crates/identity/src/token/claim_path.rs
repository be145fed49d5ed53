//! Where a claim stands: a top-level name or a way into nested objects.

use super::json::{Json, Object};

/// A configured claim path, split once.
///
/// Dots descend into objects (`user.id`). A path with `:` or `/` is one literal name, since
/// collision-resistant claim names are URIs (RFC 7519 section 4.2) and URIs contain dots.
/// Which of both is decided by the configuration alone, never by what a token contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimPath(Box<[Box<str>]>);

impl ClaimPath {
    pub(crate) fn new(path: &str) -> Self {
        if path.contains([':', '/']) {
            return Self([path.into()].into());
        }
        Self(path.split('.').map(Into::into).collect())
    }

    /// The value there; null counts as absent.
    pub(crate) fn find<'o, 'a>(&self, claims: &'o Object<'a>) -> Option<&'o Json<'a>> {
        let (last, parents) = self.0.split_last()?;
        let mut object = claims;
        for name in parents {
            match object.get(name)? {
                Json::Object(inner) => object = inner,
                _ => return None,
            }
        }
        object.get(last).filter(|value| **value != Json::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_descend_and_uris_do_not() {
        let text = br#"{"a":{"b":{"c":"deep"}},"a.b":"flat","https://x.y/c":"uri","n":null,"custom:t.u":"c"}"#;
        let claims = Object::parse(text, 100).unwrap();
        let find = |path| ClaimPath::new(path).find(&claims).and_then(Json::as_str);
        assert_eq!(find("a.b.c"), Some("deep"));
        assert_eq!(find("https://x.y/c"), Some("uri"));
        assert_eq!(find("custom:t.u"), Some("c"));
        for absent in ["a.b", "a.x", "a.b.c.d", "n", "x", "a.", ".a", "b.c"] {
            assert_eq!(find(absent), None, "{absent}");
        }
    }
}
