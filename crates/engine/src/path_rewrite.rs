//! What path goes to the origin: always the one that was classified.

use std::borrow::Cow;

use http::uri::PathAndQuery;
use http::{Method, Uri};
use tollgate_policy::{PathError, normalize};

/// What path to forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathRewrite {
    /// The path as it was sent.
    AsSent,
    /// This canonical path instead.
    Canonical(Box<str>),
}

// === impl PathRewrite ===

impl PathRewrite {
    /// Puts the canonical path in place of the one sent; the query stays as it is.
    pub fn apply(&self, uri: &mut Uri) {
        let Self::Canonical(path) = self else { return };
        let text = match uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_string(),
        };
        if let Ok(path) = PathAndQuery::try_from(text) {
            let mut parts = std::mem::take(uri).into_parts();
            parts.path_and_query = Some(path);
            if let Ok(rewritten) = Uri::from_parts(parts) {
                *uri = rewritten;
            }
        }
    }
}

/// The path to classify, and what to forward. `OPTIONS *` (RFC 9110, 9.3.7) has no path.
pub(crate) fn path_of<'a>(
    method: &Method,
    path: &'a str,
) -> Result<(Cow<'a, str>, PathRewrite), PathError> {
    if path == "*" && *method == Method::OPTIONS {
        return Ok((Cow::Borrowed("*"), PathRewrite::AsSent));
    }
    match normalize(path)? {
        Cow::Borrowed(path) => Ok((Cow::Borrowed(path), PathRewrite::AsSent)),
        Cow::Owned(path) => {
            let rewrite = PathRewrite::Canonical(path.as_str().into());
            Ok((Cow::Owned(path), rewrite))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewritten_path_keeps_its_query() {
        for (sent, expected) in [
            ("/a//b?x=1&y=%2F", "/a/b?x=1&y=%2F"),
            ("/a//b", "/a/b"),
            ("http://h/a//b?q", "http://h/a/b?q"),
        ] {
            let mut uri: Uri = sent.parse().unwrap();
            PathRewrite::Canonical("/a/b".into()).apply(&mut uri);
            assert_eq!(uri.to_string(), expected);
        }
    }
}
