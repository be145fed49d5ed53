//! The service-level checks of a request head, for both protocol versions: contradictions that
//! framing alone does not show.

use std::borrow::Cow;

use http::header::{CONNECTION, EXPECT, FORWARDED, HOST, HeaderName, HeaderValue, TE, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Method, Version};
use tollgate_engine::is_spelling_of;

use crate::hop::{is_hop_by_hop, is_protected, nominations};
use crate::host::canonical;
use crate::respond::Fault;

/// Options that one request may give its connection.
const NOMINATIONS_MAX: usize = 16;

/// What the rest of the way needs to know of a head; one pass over its fields finds it all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Fields of the connection, to be removed.
    pub(crate) hop_by_hop: bool,
    /// The client understands trailers (RFC 9110 section 10.1.4).
    pub(crate) te_trailers: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    /// A request to switch to WebSocket that can be granted.
    pub(crate) websocket: bool,
    /// Fields by which a proxy tells of its client; believed from trusted peers only.
    pub(crate) forwarding: bool,
}

/// The family of fields by which proxies tell of their client (`-for`, `-proto`, `-client-cert`,
/// `-user`) or of another target (`-uri`, `-method`).
const FORWARDING_PREFIX: &str = "x-forwarded-";

/// The same outside the family. From anybody but a proxy that is trusted they are lies about the
/// client, its network or its path.
const FORWARDING: [HeaderName; 9] = [
    FORWARDED,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-client-ip"),
    HeaderName::from_static("true-client-ip"),
    HeaderName::from_static("cf-connecting-ip"),
    HeaderName::from_static("x-original-method"),
    HeaderName::from_static("x-original-uri"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
];

/// Checks `parts` and leaves exactly one canonical `Host` in it, if it has a host at all.
pub(crate) fn check(parts: &mut Parts, tls: bool, has_body: bool) -> Result<Facts, Fault> {
    check_method(parts)?;
    let mut facts = Facts::default();
    let mut upgrade = Upgrade::default();
    let mut hosts = Hosts::default();
    for (name, value) in &parts.headers {
        if *name == HOST {
            hosts.count += 1;
            hosts.first = hosts.first.or(Some(value));
        } else {
            take_field(name, value, &mut facts, &mut upgrade)?;
        }
    }
    if upgrade.websocket && upgrade.nominated && parts.version == Version::HTTP_11 {
        if parts.method != Method::GET || has_body {
            return Err(Fault::Head(
                "only a GET without a body can ask for WebSocket",
            ));
        }
        facts.websocket = true;
    }
    // What is right already stays as it is.
    if let Some(host) = canonical_host(&hosts, parts, tls)? {
        parts.headers.insert(HOST, host);
    }
    Ok(facts)
}

fn check_method(parts: &Parts) -> Result<(), Fault> {
    match parts.method {
        // It would echo the caller's credentials, and those that we add.
        Method::TRACE => Err(Fault::Method("TRACE is not offered")),
        Method::CONNECT => Err(Fault::Method("CONNECT is not offered")),
        _ if parts.uri.path() == "*" && parts.method != Method::OPTIONS => {
            Err(Fault::Head("only OPTIONS can be asked of `*`"))
        }
        _ => Ok(()),
    }
}

#[derive(Default)]
struct Hosts<'a> {
    first: Option<&'a HeaderValue>,
    count: usize,
}

#[derive(Default)]
struct Upgrade {
    nominated: bool,
    websocket: bool,
}

fn take_field(
    name: &HeaderName,
    value: &HeaderValue,
    facts: &mut Facts,
    upgrade: &mut Upgrade,
) -> Result<(), Fault> {
    if name == CONNECTION {
        facts.hop_by_hop = true;
        for (count, token) in nominations(value).enumerate() {
            if count == NOMINATIONS_MAX {
                return Err(Fault::Head("Connection nominates too many fields"));
            }
            if is_protected(token) {
                return Err(Fault::Head("Connection nominates a field that it cannot"));
            }
            upgrade.nominated |= token.eq_ignore_ascii_case(b"upgrade");
        }
    } else if name == EXPECT {
        if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") {
            return Err(Fault::Expectation);
        }
        facts.expects_continue = true;
    } else if name == TE {
        facts.hop_by_hop = true;
        facts.te_trailers |=
            nominations(value).any(|token| token.eq_ignore_ascii_case(b"trailers"));
    } else if name == UPGRADE {
        facts.hop_by_hop = true;
        upgrade.websocket |= value.as_bytes().eq_ignore_ascii_case(b"websocket");
    } else if is_hop_by_hop(name) {
        facts.hop_by_hop = true;
    } else if is_forwarding(name) {
        facts.forwarding = true;
    }
    Ok(())
}

/// Also in the underscore form that some origins fold into the same variable.
fn is_forwarding(name: &HeaderName) -> bool {
    let text = name.as_str();
    // Few fields begin with one of these, so that most are done after one byte.
    if !matches!(text.as_bytes().first(), Some(b'x' | b'f' | b't' | b'c')) {
        return false;
    }
    let family = text.get(..FORWARDING_PREFIX.len());
    family.is_some_and(|family| is_spelling_of(FORWARDING_PREFIX, family))
        || FORWARDING
            .iter()
            .any(|known| is_spelling_of(known.as_str(), text))
}

/// Removes every field that tells of a client or another target.
pub(crate) fn strip_forwarding(headers: &mut HeaderMap) {
    let found: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_forwarding(name))
        .cloned()
        .collect();
    for name in found {
        headers.remove(name);
    }
}

/// One host, said once or said twice alike (RFC 9112 section 3.2.2, RFC 9113 section 8.3.1);
/// the `Host` to set where it is not there, or not canonical.
fn canonical_host(
    hosts: &Hosts<'_>,
    parts: &Parts,
    tls: bool,
) -> Result<Option<HeaderValue>, Fault> {
    if hosts.count > 1 {
        return Err(Fault::Head("the Host field occurs more than once"));
    }
    let default_port = match parts.uri.scheme_str() {
        Some("https") => 443,
        Some(_) => 80,
        None if tls => 443,
        None => 80,
    };
    let malformed = Fault::Head("the host is malformed");
    let read = |text| canonical(text, default_port).ok_or(malformed);
    let target = match parts.uri.authority() {
        Some(authority) => Some(read(authority.as_str())?),
        None => None,
    };
    let Some(field) = hosts.first else {
        return match target {
            Some(host) => HeaderValue::from_str(&host)
                .map(Some)
                .map_err(|_| malformed),
            // HTTP/1.0 needs none; the gate has seen to it in HTTP/1.1.
            None if parts.version < Version::HTTP_11 => Ok(None),
            None => Err(Fault::Head("the host is missing")),
        };
    };
    let host = read(field.to_str().map_err(|_| malformed)?)?;
    if target.is_some_and(|target| target != host) {
        return Err(Fault::Head(
            "the request target and Host name different hosts",
        ));
    }
    match host {
        Cow::Borrowed(_) => Ok(None),
        Cow::Owned(host) => HeaderValue::from_str(&host)
            .map(Some)
            .map_err(|_| malformed),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(method: &str, uri: &str, version: Version, fields: &[(&str, &str)]) -> Parts {
        let mut builder = Request::builder().method(method).uri(uri).version(version);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn get(uri: &str, fields: &[(&str, &str)]) -> Result<(Facts, String), Fault> {
        let mut parts = parts("GET", uri, Version::HTTP_11, fields);
        let facts = check(&mut parts, false, false)?;
        let host = parts.headers[HOST].to_str().unwrap().to_owned();
        Ok((facts, host))
    }

    #[test]
    fn hosts_that_agree_become_one_canonical_field() {
        let plain = Facts::default();
        for (uri, host) in [
            ("/", "A.example.:80"),
            ("http://a.example/", "a.example"),
            ("http://A.example:80/", "a.example."),
        ] {
            assert_eq!(get(uri, &[("host", host)]), Ok((plain, "a.example".into())));
        }
        let mut h2 = parts("GET", "https://A.example:443/", Version::HTTP_2, &[]);
        check(&mut h2, true, false).unwrap();
        assert_eq!(h2.headers[HOST], "a.example");
    }

    #[test]
    fn hosts_that_disagree_are_refused() {
        for (uri, fields) in [
            ("http://other/", vec![("host", "a")]),
            ("http://a:81/", vec![("host", "a")]),
            ("/", vec![("host", "a"), ("host", "a")]),
            ("/", vec![("host", "a b")]),
            ("/", vec![("host", "")]),
            ("/", vec![("host", "user@a")]),
            ("/", vec![]),
        ] {
            assert!(
                matches!(get(uri, &fields), Err(Fault::Head(_))),
                "{uri} {fields:?}"
            );
        }
    }

    #[test]
    fn a_connection_cannot_nominate_identity_away() {
        for name in [
            "authorization",
            "X-Tollgate-Subject",
            "x_forwarded_for",
            "host",
            "cookie",
            "X-API-Key",
        ] {
            let found = get("/", &[("host", "a"), ("connection", name)]);
            assert!(matches!(found, Err(Fault::Head(_))), "{name}");
        }
        let many = vec!["x"; 17].join(",");
        assert!(get("/", &[("host", "a"), ("connection", &many)]).is_err());
        assert!(get("/", &[("host", "a"), ("connection", "close, x-hop, TE")]).is_ok());
    }

    #[test]
    fn expectations_and_methods_that_are_not_offered() {
        assert_eq!(
            get("/", &[("host", "a"), ("expect", "the unexpected")]),
            Err(Fault::Expectation)
        );
        let (facts, _) = get("/", &[("host", "a"), ("expect", "100-Continue")]).unwrap();
        assert!(facts.expects_continue);
        let mut trace = parts("TRACE", "/", Version::HTTP_11, &[("host", "a")]);
        assert!(matches!(
            check(&mut trace, false, false),
            Err(Fault::Method(_))
        ));
    }

    #[test]
    fn websocket_is_asked_by_a_bodiless_get_only() {
        let ask = [
            ("host", "a"),
            ("connection", "Upgrade"),
            ("upgrade", "WebSocket"),
        ];
        assert!(get("/", &ask).unwrap().0.websocket);
        let h2c = [("host", "a"), ("connection", "Upgrade"), ("upgrade", "h2c")];
        assert!(!get("/", &h2c).unwrap().0.websocket);
        let unasked = [("host", "a"), ("upgrade", "websocket")];
        assert!(!get("/", &unasked).unwrap().0.websocket);
        let mut post = parts("POST", "/", Version::HTTP_11, &ask);
        assert!(matches!(
            check(&mut post, false, false),
            Err(Fault::Head(_))
        ));
        let mut body = parts("GET", "/", Version::HTTP_11, &ask);
        assert!(matches!(check(&mut body, false, true), Err(Fault::Head(_))));
    }

    #[test]
    fn forwarding_fields_are_found_in_both_spellings() {
        for name in [
            "x-forwarded-for",
            "x_forwarded_for",
            "forwarded",
            "x-real-ip",
            "x-forwarded-client-cert",
            "x_forwarded-user",
            "x-original-uri",
        ] {
            let mut parts = parts("GET", "/", Version::HTTP_11, &[("host", "a"), (name, "1")]);
            assert!(
                check(&mut parts, false, false).unwrap().forwarding,
                "{name}"
            );
            strip_forwarding(&mut parts.headers);
            assert!(!parts.headers.contains_key(name), "{name}");
        }
        assert!(
            !get("/", &[("host", "a"), ("x-other", "1")])
                .unwrap()
                .0
                .forwarding
        );
    }
}
