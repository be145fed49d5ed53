//! Wire to engine: a question becomes the original request's head.

use std::net::IpAddr;

use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};
use tollgate_engine::{RequestHead, hop_address};

use super::original::{FORWARDED, ORIGINAL, Target, Unclear, one};
use super::stats::Dialect;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The path under which Envoy's HTTP authorization asks.
const ENVOY_PREFIX: &str = "/check/envoy";

/// What a path of the listener asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Whether a request may pass, in a dialect that the path names or the fields tell.
    Check(Option<Dialect>),
    /// What Tollgate answers itself.
    Own,
    /// Whether the process lives.
    Health,
    /// The decision API.
    Decide,
    /// The end of a request that the decision API let through.
    Settle,
}

/// The original request, as far as a question tells it.
#[derive(Debug)]
pub(super) struct Original {
    pub(super) dialect: Dialect,
    method: Method,
    target: PathAndQuery,
    headers: HeaderMap,
    client: IpAddr,
}

// === impl Question ===

impl Question {
    pub(super) fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/check" => Self::Check(None),
            "/check/nginx" => Self::Check(Some(Dialect::Nginx)),
            "/own" => Self::Own,
            "/healthz" => Self::Health,
            "/v1/decide" => Self::Decide,
            "/v1/settle" => Self::Settle,
            path => {
                let original = path.strip_prefix(ENVOY_PREFIX)?;
                return original
                    .starts_with('/')
                    .then_some(Self::Check(Some(Dialect::Envoy)));
            }
        })
    }
}

// === impl Original ===

impl Original {
    /// Reads a question whose path names `dialect`, or leaves it to the fields.
    pub(super) fn decode(parts: Parts, dialect: Option<Dialect>) -> Result<Self, Unclear> {
        let mut headers = parts.headers;
        let forwarded = FORWARDED.read(&headers)?;
        let original = ORIGINAL.read(&headers)?;
        if let (Some(forwarded), Some(original)) = (&forwarded, &original)
            && forwarded != original
        {
            return Err(Unclear::Contradiction);
        }
        let (dialect, target) = match (dialect, forwarded, original) {
            (Some(Dialect::Envoy), forwarded, original) => {
                let own = envoy_target(parts.method, parts.uri.path_and_query())?;
                let said = [forwarded, original];
                if said.iter().flatten().any(|said| *said != own) {
                    return Err(Unclear::Contradiction);
                }
                (Dialect::Envoy, own)
            }
            (Some(Dialect::Nginx), _, None) => return Err(Unclear::Half("X-Original-URI")),
            (Some(dialect), _, Some(target)) => (dialect, target),
            (None, Some(target), _) => (Dialect::Forwarded, target),
            (None, None, Some(target)) => (Dialect::Original, target),
            (_, None, None) | (Some(_), Some(_), None) => return Err(Unclear::NoTarget),
        };
        let client = match dialect {
            Dialect::Nginx | Dialect::Original => real_ip(&headers)?,
            _ => last_hop(&mut headers)?,
        };
        Ok(Self {
            dialect,
            method: target.method,
            target: target.target,
            headers,
            client,
        })
    }

    pub(super) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            path: self.target.path(),
            query: self.target.query(),
            headers: &self.headers,
            // The client's connection ended at the proxy that asks: what that saw is the peer.
            peer: self.client,
            certificate: None,
        }
    }
}

/// Envoy puts its prefix before the original path and keeps the method.
fn envoy_target(method: Method, asked: Option<&PathAndQuery>) -> Result<Target, Unclear> {
    let target = asked.and_then(|asked| asked.as_str().strip_prefix(ENVOY_PREFIX));
    let target = target.ok_or(Unclear::NoTarget)?;
    let target = PathAndQuery::try_from(target).map_err(|_| Unclear::NoTarget)?;
    Ok(Target { method, target })
}

/// nginx states the client's address in a field of its own; its `X-Forwarded-For` may be all the client's.
fn real_ip(headers: &HeaderMap) -> Result<IpAddr, Unclear> {
    let value = one(headers, &X_REAL_IP)?.ok_or(Unclear::NoClient("X-Real-IP"))?;
    hop_address(value.as_bytes().trim_ascii()).ok_or(Unclear::Unreadable("X-Real-IP"))
}

/// Takes the last element off `X-Forwarded-For`: the address that the asking proxy saw. Those before it are
/// what came with the request, and are judged by the policy's trusted proxies.
fn last_hop(headers: &mut HeaderMap) -> Result<IpAddr, Unclear> {
    let mut lines: Vec<HeaderValue> = headers.get_all(X_FORWARDED_FOR).iter().cloned().collect();
    let line = lines.pop().ok_or(Unclear::NoClient("X-Forwarded-For"))?;
    let bytes = line.as_bytes();
    let comma = bytes.iter().rposition(|byte| *byte == b',');
    let (before, last) = match comma {
        Some(comma) => (Some(&bytes[..comma]), &bytes[comma + 1..]),
        None => (None, bytes),
    };
    let client = hop_address(last.trim_ascii()).ok_or(Unclear::Unreadable("X-Forwarded-For"))?;
    headers.remove(X_FORWARDED_FOR);
    // A part of a field's value is one.
    lines.extend(before.and_then(|before| HeaderValue::from_bytes(before).ok()));
    for line in lines {
        headers.append(X_FORWARDED_FOR, line);
    }
    Ok(client)
}
