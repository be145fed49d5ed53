//! The walk along the hops, from the proxy nearest to us outwards.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue, header::FORWARDED};

use super::{HOPS_MAX, NetworkRules, forwarded};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Most bytes of one field that are looked at, counted from its right end.
pub(super) const FIELD_BYTES_MAX: usize = 4096;

/// The client behind a trusted peer.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, rules: &NetworkRules) -> IpAddr {
    let has = |name: &HeaderName| headers.contains_key(name);
    match (has(&FORWARDED), has(&X_FORWARDED_FOR)) {
        (false, false) => peer,
        (true, false) => by_forwarded(peer, headers, rules),
        (false, true) => by_x_forwarded_for(peer, headers, rules),
        (true, true) => {
            let client = by_forwarded(peer, headers, rules);
            if client == by_x_forwarded_for(peer, headers, rules) {
                client
            } else {
                peer
            }
        }
    }
}

/// One walk: feeds hops from the right until it stops.
struct Walk<'r> {
    rules: &'r NetworkRules,
    /// The last hop that could be read.
    at: IpAddr,
    hops_left: usize,
}

impl Walk<'_> {
    fn new(peer: IpAddr, rules: &NetworkRules) -> Walk<'_> {
        Walk {
            rules,
            at: peer,
            hops_left: rules.max_hops.min(HOPS_MAX),
        }
    }

    /// Takes the next hop to the left; whether to go on.
    fn step(&mut self, hop: Option<IpAddr>) -> bool {
        let Some(hop) = hop else {
            return false;
        };
        if self.hops_left == 0 {
            return false;
        }
        self.hops_left -= 1;
        self.at = hop.to_canonical();
        self.rules.is_trusted(self.at)
    }
}

fn by_x_forwarded_for(peer: IpAddr, headers: &HeaderMap, rules: &NetworkRules) -> IpAddr {
    let mut walk = Walk::new(peer, rules);
    for field in headers.get_all(X_FORWARDED_FOR).iter().rev() {
        let (text, whole) = right_end(field);
        let mut elements = text.rsplit(|byte| *byte == b',').peekable();
        while let Some(element) = elements.next() {
            // The leftmost element of a cut field may be half an address.
            let cut = !whole && elements.peek().is_none();
            let hop = if cut {
                None
            } else {
                address(element.trim_ascii())
            };
            if !walk.step(hop) {
                return walk.at;
            }
        }
    }
    walk.at
}

fn by_forwarded(peer: IpAddr, headers: &HeaderMap, rules: &NetworkRules) -> IpAddr {
    let mut walk = Walk::new(peer, rules);
    for field in headers.get_all(FORWARDED).iter().rev() {
        // Quoted strings can only be read from the left: a field that is too long is not read.
        let (text, true) = right_end(field) else {
            return walk.at;
        };
        let Some(hops) = forwarded::hops(text) else {
            return walk.at;
        };
        for hop in hops.rightmost_first() {
            if !walk.step(hop) {
                return walk.at;
            }
        }
    }
    walk.at
}

/// The bytes of a field that are looked at, and whether those are all.
fn right_end(field: &HeaderValue) -> (&[u8], bool) {
    let bytes = field.as_bytes();
    let skipped = bytes.len().saturating_sub(FIELD_BYTES_MAX);
    (&bytes[skipped..], skipped == 0)
}

/// An address, perhaps with a port, an IPv6 one perhaps in brackets. Names, obfuscated
/// identifiers (RFC 7239 section 6.3), zones and `unknown` are no addresses.
pub(super) fn address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(with_port) = text.parse::<SocketAddr>() {
        return Some(with_port.ip());
    }
    let bare = text.strip_prefix('[')?.strip_suffix(']')?;
    bare.parse().ok().map(IpAddr::V6)
}
