//! URLs of origins, issuers and key sets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::codes;
use crate::findings::Problem;
use crate::network::{Endpoint, Scheme};
use crate::raw::section::text_value;

/// The longest URL, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// A URL, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebUrlParts {
    pub(crate) text: String,
    pub(crate) scheme: Scheme,
    /// Without brackets.
    pub(crate) host: String,
}

text_value! {
    /// The URL of an origin: scheme, host, perhaps a port.
    OriginUrl(Endpoint), "a URL", ["http://127.0.0.1:9000", "https://api.internal"], origin
}

text_value! {
    /// Any `http` or `https` URL.
    WebUrl(WebUrlParts), "a URL", ["https://login.example.com/.well-known/jwks.json"], web
}

struct Parts<'a> {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    /// With the query.
    path: &'a str,
}

fn wrong(message: String, help: impl Into<String>) -> Problem {
    Problem::new(codes::URL, message, help)
}

fn parse(text: &str) -> Result<Parts<'_>, Problem> {
    if text.len() > URL_BYTES_MAX {
        return Err(wrong(
            "URL is longer than 2048 bytes".into(),
            "write a shorter one",
        ));
    }
    let (scheme, rest) = if let Some(rest) = text.strip_prefix("http://") {
        (Scheme::Http, rest)
    } else if let Some(rest) = text.strip_prefix("https://") {
        (Scheme::Https, rest)
    } else {
        let help = match text.split_once("://") {
            Some((_, rest)) => format!("write `http://{rest}` or `https://{rest}`"),
            None if text.starts_with('/') => {
                format!("write the whole URL: `https://example.com{text}`")
            }
            None => format!("write the scheme: `http://{text}` or `https://{text}`"),
        };
        return Err(wrong(
            format!("`{text}` does not begin with `http://` or `https://`"),
            help,
        ));
    };
    if !rest.bytes().all(|byte| byte.is_ascii_graphic())
        || rest.contains(['"', '<', '>', '\\', '^', '`', '{', '|', '}'])
    {
        return Err(wrong(
            format!("`{text}` has characters that a URL cannot have"),
            "encode them as `%XX`",
        ));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(wrong(
            "URL has a user or password in it".into(),
            "remove everything up to the `@`",
        ));
    }
    if path.contains('#') {
        return Err(wrong(
            "URL has a fragment".into(),
            "remove everything from the `#` on: it is never sent",
        ));
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => inner.split_once(']').unwrap_or(("", "")),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if !is_host(host, authority.starts_with('[')) {
        return Err(wrong(
            format!("`{text}` has no valid host"),
            "write a host name or address after `://`",
        ));
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some(port) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Some(port),
            _ => {
                return Err(wrong(
                    format!("`{port}` is not a port"),
                    "write a number from 1 to 65535",
                ));
            }
        },
        None => {
            return Err(wrong(
                format!("`{text}` has no valid host"),
                "write a colon before the port",
            ));
        }
    };
    Ok(Parts {
        scheme,
        host: host.to_owned(),
        port,
        path,
    })
}

fn is_host(host: &str, bracketed: bool) -> bool {
    if bracketed {
        return host.parse::<Ipv6Addr>().is_ok();
    }
    let name = !host.is_empty()
        && host.len() <= 253
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    let numeric = host
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    name && (!numeric || host.parse::<Ipv4Addr>().is_ok())
}

pub(super) fn origin(text: &str) -> Result<Endpoint, Problem> {
    let parts = parse(text)?;
    if !matches!(parts.path, "" | "/") {
        let base = &text[..text.len() - parts.path.len()];
        return Err(wrong(
            format!("URL of an origin has a path: `{}`", parts.path),
            format!("write `{base}`: requests keep their own paths"),
        ));
    }
    Ok(Endpoint {
        url: text.trim_end_matches('/').to_owned(),
        scheme: parts.scheme,
        host: parts.host,
        port: parts.port.unwrap_or(match parts.scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }),
    })
}

fn web(text: &str) -> Result<WebUrlParts, Problem> {
    let parts = parse(text)?;
    Ok(WebUrlParts {
        text: text.to_owned(),
        scheme: parts.scheme,
        host: parts.host,
    })
}

impl WebUrlParts {
    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host == "localhost" || self.host.ends_with(".localhost"),
        }
    }

    /// Whether the host is written as an address of this machine or of a private network.
    pub(crate) fn is_private(&self) -> bool {
        self.is_loopback()
            || match self.host.parse::<IpAddr>() {
                Ok(IpAddr::V4(address)) => address.is_private() || address.is_link_local(),
                Ok(IpAddr::V6(address)) => {
                    address.is_unique_local() || address.is_unicast_link_local()
                }
                Err(_) => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_scheme_host_and_port_only() {
        let endpoint = origin("http://127.0.0.1:9000/").unwrap();
        assert_eq!(
            (endpoint.url.as_str(), endpoint.host.as_str(), endpoint.port),
            ("http://127.0.0.1:9000", "127.0.0.1", 9000)
        );
        assert_eq!(origin("https://[::1]").unwrap().host, "::1");
        assert_eq!(origin("https://[::1]").unwrap().port, 443);
        assert_eq!(origin("http://api_1.internal").unwrap().port, 80);
        for text in [
            "127.0.0.1:9000",
            "ftp://x",
            "http://",
            "http://a/b",
            "http://a:0",
            "http://a:x",
            "http://u:p@a",
            "http://a b",
            "http://1.2.3",
            "http://[::1",
            "http://[::1]9",
            "http://a#b",
            "http://é",
        ] {
            assert_eq!(origin(text).unwrap_err().code, codes::URL, "{text}");
        }
    }

    #[test]
    fn private_hosts_are_known() {
        for (text, private) in [
            ("http://localhost:1/x", true),
            ("http://10.1.2.3/x", true),
            ("http://[::1]/x", true),
            ("https://example.com/x?y=1", false),
            ("http://8.8.8.8/", false),
        ] {
            assert_eq!(web(text).unwrap().is_private(), private, "{text}");
        }
    }
}
