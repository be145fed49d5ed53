//! The `Cookie` field (RFC 6265 section 4.2): one value by its name, and its removal.
//!
//! HTTP/2 may split the field into several (RFC 9113 section 8.2.3), so that all are read.

use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, Entry},
};

/// A name that stands twice: a neighbouring domain can plant a second one beside the user's own,
/// and nothing tells which of them another reader takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieTwice;

/// The bytes of the cookie of this name, without blanks around; `None` if it is absent or empty.
///
/// # Errors
/// When it stands twice.
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h [u8]>, CookieTwice> {
    let mut found = None;
    for crumb in headers.get_all(COOKIE).iter().flat_map(crumbs) {
        if let Some(value) = value_of(crumb, name)
            && found.replace(value).is_some()
        {
            return Err(CookieTwice);
        }
    }
    Ok(found.filter(|value| !value.is_empty()))
}

/// Takes the cookies of these names out of a request's head, the field with them if no other is
/// left.
pub fn remove_cookies(headers: &mut HeaderMap, names: &[impl AsRef<str>]) {
    let is_named = |crumb: &[u8]| {
        let mut names = names.iter();
        names.any(|name| value_of(crumb, name.as_ref()).is_some())
    };
    let Entry::Occupied(mut entry) = headers.entry(COOKIE) else {
        return;
    };
    if !entry.iter().flat_map(crumbs).any(is_named) {
        return;
    }
    let kept: Vec<&[u8]> = entry
        .iter()
        .flat_map(crumbs)
        .filter(|crumb| !crumb.is_empty() && !is_named(crumb))
        .collect();
    match HeaderValue::from_bytes(&kept.join(&b"; "[..])) {
        Ok(rest) if !rest.is_empty() => {
            entry.insert(rest);
        }
        // Parts of a valid value are valid: only the empty one comes here.
        _ => {
            entry.remove();
        }
    }
}

fn crumbs(field: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    let parts = field.as_bytes().split(|byte| *byte == b';');
    parts.map(<[u8]>::trim_ascii)
}

/// The value of a `name=value` pair, if it has this name. Names are case-sensitive.
fn value_of<'c>(crumb: &'c [u8], name: &str) -> Option<&'c [u8]> {
    let rest = crumb.strip_prefix(name.as_bytes())?.trim_ascii_start();
    rest.strip_prefix(b"=").map(<[u8]>::trim_ascii_start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(fields: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(COOKIE, HeaderValue::from_str(field).unwrap());
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_by_its_exact_name() {
        let read = |fields: &[&str]| {
            let headers = head(fields);
            cookie(&headers, "t").map(|found| found.map(|v| str::from_utf8(v).unwrap().to_owned()))
        };
        for (fields, value) in [
            (&[][..], None),
            (&["t=a.b.c"], Some("a.b.c")),
            (&["x=1; t=a.b.c; y=2"], Some("a.b.c")),
            (&["x=1;t=a"], Some("a")),
            (&["x=1", "t=a"], Some("a")),
            (&["t = a"], Some("a")),
            (&["t=a=b"], Some("a=b")),
            (&["tt=a; T=b; xt=c; t"], None),
            (&["t="], None),
            (&["x=t=a"], None),
        ] {
            assert_eq!(read(fields), Ok(value.map(str::to_owned)), "{fields:?}");
        }
        for fields in [&["t=a; t=b"][..], &["t=a", "t=a"], &["t=; t=a"]] {
            assert_eq!(read(fields), Err(CookieTwice), "{fields:?}");
        }
    }

    #[test]
    fn what_is_removed_leaves_the_others_as_they_were() {
        for (fields, left) in [
            (&["x=1; t=a; y=2"][..], Some("x=1; y=2")),
            (&["t=a", "x=1", "u=b"], Some("x=1")),
            (&["t=a"], None),
            (&["t=a; u=b; t=c"], None),
            (&["x=1"], Some("x=1")),
        ] {
            let mut headers = head(fields);
            remove_cookies(&mut headers, &["t", "u"]);
            let found = headers.get(COOKIE).map(|v| v.to_str().unwrap());
            assert_eq!(found, left, "{fields:?}");
        }
    }

    proptest! {
        #[test]
        fn a_removed_cookie_is_not_found(field in "[tux=; a]{0,40}") {
            let mut headers = head(&[&field]);
            remove_cookies(&mut headers, &["t"]);
            prop_assert_eq!(cookie(&headers, "t"), Ok(None));
        }
    }
}
