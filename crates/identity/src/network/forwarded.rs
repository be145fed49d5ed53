//! One `Forwarded` field (RFC 7239 section 4): the `for` of each element.

use std::net::IpAddr;

use super::{HOPS_MAX, hops::address};

/// The last hops of a field, as far as they can matter. An element without a readable `for`
/// is `None`.
#[derive(Debug)]
pub(super) struct Hops {
    ring: [Option<IpAddr>; HOPS_MAX],
    seen: usize,
}

impl Hops {
    fn push(&mut self, hop: Option<IpAddr>) {
        self.ring[self.seen % HOPS_MAX] = hop;
        self.seen += 1;
    }

    pub(super) fn rightmost_first(&self) -> impl Iterator<Item = Option<IpAddr>> {
        let oldest = self.seen.saturating_sub(HOPS_MAX);
        (oldest..self.seen)
            .rev()
            .map(|index| self.ring[index % HOPS_MAX])
    }
}

/// Reads a field; `None` if it breaks the grammar anywhere, since then nobody can say where
/// its elements end.
pub(super) fn hops(field: &[u8]) -> Option<Hops> {
    let mut hops = Hops {
        ring: [None; HOPS_MAX],
        seen: 0,
    };
    let mut rest = field;
    loop {
        let (hop, after) = element(rest)?;
        hops.push(hop);
        match after {
            [b',', next @ ..] => rest = next,
            _ => return Some(hops),
        }
    }
}

/// One element: pairs between semicolons, up to a comma or the end.
fn element(mut rest: &[u8]) -> Option<(Option<IpAddr>, &[u8])> {
    let (mut hop, mut named) = (None, false);
    loop {
        rest = skip_blank(rest);
        if !matches!(rest, [] | [b',' | b';', ..]) {
            let (name, after) = token(rest)?;
            let (value, after) = value(after.strip_prefix(b"=")?)?;
            if name.eq_ignore_ascii_case(b"for") {
                // Twice in one element is an error (section 4).
                if std::mem::replace(&mut named, true) {
                    return None;
                }
                hop = value.and_then(address);
            }
            rest = skip_blank(after);
        }
        match rest {
            [b';', after @ ..] => rest = after,
            [] | [b',', ..] => return Some((hop, rest)),
            _ => return None,
        }
    }
}

/// A token or a quoted string. Escapes make it unreadable as an address, not a broken field.
fn value(rest: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let Some(quoted) = rest.strip_prefix(b"\"") else {
        return token(rest).map(|(value, after)| (Some(value), after));
    };
    let (mut at, mut escaped) = (0, false);
    loop {
        match quoted.get(at)? {
            b'"' => {
                let value = (!escaped).then_some(&quoted[..at]);
                return Some((value, &quoted[at + 1..]));
            }
            b'\\' => {
                escaped = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
}

/// RFC 9110 section 5.6.2. Colons and brackets are let through: many write addresses of IPv6
/// or with a port without the quotes that they need, and no comma or semicolon is in them.
fn token(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:[]".contains(byte);
    let end = rest
        .iter()
        .position(|byte| !is_token(byte))
        .unwrap_or(rest.len());
    (end > 0).then(|| rest.split_at(end))
}

fn skip_blank(rest: &[u8]) -> &[u8] {
    let blanks = rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    &rest[blanks..]
}
