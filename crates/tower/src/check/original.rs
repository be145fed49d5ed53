//! The original request as a proxy states it: which fields say so, and what they may say.

use http::header::HeaderName;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method};

/// Method and target of a request that somebody else received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) method: Method,
    pub(super) target: PathAndQuery,
}

/// Fields by which one kind of proxies states the original request.
#[derive(Clone, Debug)]
pub(super) struct Family {
    method: HeaderName,
    /// The path with its query.
    uri: HeaderName,
    /// The same as a whole URL, where the family has it.
    url: Option<HeaderName>,
}

/// What Traefik, Caddy and our script for HAProxy write.
pub(super) const FORWARDED: Family = Family {
    method: HeaderName::from_static("x-forwarded-method"),
    uri: HeaderName::from_static("x-forwarded-uri"),
    url: None,
};

/// What configurations of nginx write; the ingress controller writes the whole URL.
pub(super) const ORIGINAL: Family = Family {
    method: HeaderName::from_static("x-original-method"),
    uri: HeaderName::from_static("x-original-uri"),
    url: Some(HeaderName::from_static("x-original-url")),
};

/// Why a question cannot be read. All are 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unclear {
    #[error(
        "the question does not say which request it is about: X-Forwarded-Method and \
         X-Forwarded-Uri, or X-Original-Method and X-Original-URI, are missing"
    )]
    NoTarget,
    #[error("the question says only a part of the original request: {0} is missing")]
    Half(&'static str),
    #[error("the question has {0} more than once")]
    Repeated(&'static str),
    #[error("the question's {0} cannot be read")]
    Unreadable(&'static str),
    #[error("X-Forwarded-* and X-Original-* fields of the question name different requests")]
    Contradiction,
    #[error("the question does not say the client's address: {0} is missing")]
    NoClient(&'static str),
}

// === impl Family ===

impl Family {
    /// What the family's fields say; `None` where there are none. Half of them is too little: the other half
    /// might be the client's own.
    pub(super) fn read(&self, headers: &HeaderMap) -> Result<Option<Target>, Unclear> {
        let method = one(headers, &self.method)?;
        let uri = one(headers, &self.uri)?;
        let url = match &self.url {
            Some(url) => one(headers, url)?,
            None => None,
        };
        if method.is_none() && uri.is_none() && url.is_none() {
            return Ok(None);
        }
        let method = method.ok_or(Unclear::Half(known(&self.method)))?;
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Unclear::Unreadable(known(&self.method)))?;
        let by_uri = uri.map(|uri| path_of(uri, &self.uri)).transpose()?;
        let by_url = match (url, &self.url) {
            (Some(value), Some(name)) => Some(path_of_url(value, name)?),
            _ => None,
        };
        let target = match (by_uri, by_url) {
            (Some(uri), Some(url)) if uri != url => return Err(Unclear::Contradiction),
            (Some(target), _) | (None, Some(target)) => target,
            (None, None) => return Err(Unclear::Half(known(&self.uri))),
        };
        Ok(Some(Target { method, target }))
    }
}

/// The one value of a field; two readers could take either of two.
pub(super) fn one<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h HeaderValue>, Unclear> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(Unclear::Repeated(known(name))),
        None => Ok(first),
    }
}

/// A path with a query, or `*`. A `#` is read as the end by some and as a letter by others.
fn path_of(value: &HeaderValue, name: &HeaderName) -> Result<PathAndQuery, Unclear> {
    let bytes = value.as_bytes();
    let is_path = bytes.starts_with(b"/") || bytes == b"*";
    if !is_path || bytes.contains(&b'#') {
        return Err(Unclear::Unreadable(known(name)));
    }
    PathAndQuery::try_from(bytes).map_err(|_| Unclear::Unreadable(known(name)))
}

/// The path of a whole URL, which nginx puts together of the scheme, the client's `Host` and its target.
///
/// Read by its bytes: a parser of URLs ends the host of `http://api.example.com?/orders/7` at the `?` and takes
/// the path for `/`, while nginx forwards `/orders/7`. A host that holds anything but a name and a port
/// is refused.
fn path_of_url(value: &HeaderValue, name: &HeaderName) -> Result<PathAndQuery, Unclear> {
    let unreadable = Unclear::Unreadable(known(name));
    let bytes = value.as_bytes();
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| bytes.strip_prefix(scheme.as_bytes()))
        .ok_or(unreadable)?;
    let ends_authority = |byte: &u8| matches!(byte, b'/' | b'?' | b'#' | b'\\');
    let end = rest.iter().position(ends_authority).ok_or(unreadable)?;
    let (authority, path) = rest.split_at(end);
    let is_host = !authority.contains(&b'@') && Authority::try_from(authority).is_ok();
    if !is_host || !path.starts_with(b"/") || path.contains(&b'#') {
        return Err(unreadable);
    }
    PathAndQuery::try_from(path).map_err(|_| unreadable)
}

/// The name as documentation writes it.
fn known(name: &HeaderName) -> &'static str {
    match name.as_str() {
        "x-forwarded-method" => "X-Forwarded-Method",
        "x-forwarded-uri" => "X-Forwarded-Uri",
        "x-original-method" => "X-Original-Method",
        "x-original-uri" => "X-Original-URI",
        "x-original-url" => "X-Original-URL",
        "x-real-ip" => "X-Real-IP",
        _ => "X-Forwarded-For",
    }
}
