//! The one spelling of a host: lower case, no trailing dot, no default port.

use std::borrow::Cow;
use std::net::Ipv6Addr;

/// Bytes of a host and port: a DNS name is at most 253, a port 6.
const AUTHORITY_BYTES_MAX: usize = 261;

/// The canonical spelling of `authority`; `None` if it is no host with an optional port.
///
/// Stricter than RFC 3986: no user information, no percent-encoding, letters, digits, `-`, `.`
/// and `_` only, so that no two readers see different hosts.
pub(crate) fn canonical(authority: &str, default_port: u16) -> Option<Cow<'_, str>> {
    if authority.len() > AUTHORITY_BYTES_MAX {
        return None;
    }
    let (host, port) = split(authority)?;
    let port = match port {
        None | Some("") => None,
        Some(digits) => {
            let plain = digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
            let port: u16 = digits.parse().ok().filter(|_| plain)?;
            (port != default_port).then_some(port)
        }
    };
    let kept_port = port.map_or(0, |port| 1 + decimal_length(port));
    let canonical_already = host.len() + kept_port == authority.len()
        && !host.bytes().any(|byte| byte.is_ascii_uppercase());
    if canonical_already {
        return Some(Cow::Borrowed(authority));
    }
    let mut text = host.to_ascii_lowercase();
    if let Some(port) = port {
        text.push(':');
        text.push_str(&port.to_string());
    }
    Some(Cow::Owned(text))
}

/// Host without its trailing dot, and what follows a colon.
fn split(authority: &str) -> Option<(&str, Option<&str>)> {
    if authority.starts_with('[') {
        let end = authority.find(']')?;
        let (host, rest) = authority.split_at(end + 1);
        host[1..end].parse::<Ipv6Addr>().ok()?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let fine = !host.is_empty()
        && !host.starts_with('.')
        && !host.ends_with('.')
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    fine.then_some((host, port))
}

fn decimal_length(port: u16) -> usize {
    match port {
        0..=9 => 1,
        10..=99 => 2,
        100..=999 => 3,
        1_000..=9_999 => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_host_becomes_one() {
        for (sent, expected) in [
            ("a.example", "a.example"),
            ("A.Example.", "a.example"),
            ("a.example:80", "a.example"),
            ("a.example.:80", "a.example"),
            ("a.example:", "a.example"),
            ("a.example:8080", "a.example:8080"),
            ("A.example:08080", "a.example:8080"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]:80", "[::1]"),
            ("[::FFFF]:81", "[::ffff]:81"),
            ("my_host", "my_host"),
        ] {
            assert_eq!(canonical(sent, 80).as_deref(), Some(expected), "{sent}");
        }
        assert!(matches!(canonical("a:8080", 80), Some(Cow::Borrowed(_))));
    }

    #[test]
    fn what_is_no_host_is_none() {
        for sent in [
            "", ".", "a..", ".a", ":80", "a:b", "a:99999", "a:+80", "a b", "u@a", "a/b", "a\\b",
            "a?b", "a#b", "a%2e", "[::1", "[::1]x", "[zz]", "::1", "a,b", "\u{e9}", "a:80:80",
        ] {
            assert_eq!(canonical(sent, 80), None, "{sent}");
        }
        assert_eq!(canonical(&"a".repeat(300), 80), None);
    }
}
