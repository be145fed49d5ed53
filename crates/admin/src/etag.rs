//! Versions as entity tags: `ETag`, `If-Match`, `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1).

use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::problem::{Answer, Kind, Problem};

/// The longest `If-Match` or `If-None-Match` that is read, in bytes.
const FIELD_BYTES_MAX: usize = 1_024;

/// What a writer says of the version that it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Whatever it is.
    Any,
    /// This one.
    Version(String),
}

/// The tag of a version.
pub(crate) fn of(version: &impl ToString) -> HeaderValue {
    let tag = format!("\"{}\"", version.to_string());
    // Versions are numbers and hex.
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// What the request says of the version; it has to say something.
pub(crate) fn if_match(headers: &HeaderMap) -> Answer<IfMatch> {
    let Some(text) = field(headers, &IF_MATCH)? else {
        let detail =
            "send If-Match with the ETag that was read, or `If-Match: *` for whatever it is";
        return Err(Problem::new(Kind::VersionNeeded, detail));
    };
    if text == "*" {
        return Ok(IfMatch::Any);
    }
    let weak = text.strip_prefix("W/");
    let tag = weak.unwrap_or(text);
    let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.contains('"') && weak.is_none() => {
            Ok(IfMatch::Version(inner.to_owned()))
        }
        // A weak tag never matches (section 13.1.1).
        Some(inner) if !inner.contains('"') => {
            let detail = "a weak tag is no version";
            Err(Problem::new(Kind::OtherVersion, detail))
        }
        _ => Err(Problem::malformed("If-Match is `*` or one ETag in quotes")),
    }
}

/// Whether the caller has this version already.
pub(crate) fn is_known(headers: &HeaderMap, version: &impl ToString) -> bool {
    let tag = of(version);
    let known = field(headers, &IF_NONE_MATCH).ok().flatten();
    known.is_some_and(|known| {
        let mut tags = known.split(',').map(str::trim);
        tags.any(|known| {
            known == "*" || known.trim_start_matches("W/").as_bytes() == tag.as_bytes()
        })
    })
}

/// The one field of a name, as text.
pub(crate) fn field<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Answer<Option<&'h str>> {
    let mut fields = headers.get_all(name).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else {
        return match headers.contains_key(name) {
            true => Err(Problem::malformed(format!("more than one {name}"))),
            false => Ok(None),
        };
    };
    let text = field.to_str().ok();
    let text = text.filter(|text| text.len() <= FIELD_BYTES_MAX);
    let unreadable = || Problem::malformed(format!("{name} cannot be read"));
    text.map(|text| Some(text.trim())).ok_or_else(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(HeaderName, &str)]) -> HeaderMap {
        let fields = fields.iter();
        fields
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .fold(HeaderMap::new(), |mut all, (name, value)| {
                all.append(name, value);
                all
            })
    }

    #[test]
    fn a_version_is_asked_for_in_one_of_two_forms() {
        let read = |value| if_match(&headers(&[(IF_MATCH, value)]));
        assert_eq!(read("*").unwrap(), IfMatch::Any);
        assert_eq!(read("\"12\"").unwrap(), IfMatch::Version("12".to_owned()));
        for (value, status) in [
            ("W/\"12\"", 412),
            ("12", 400),
            ("\"1\", \"2\"", 400),
            ("", 400),
            ("\"", 400),
        ] {
            assert_eq!(read(value).unwrap_err().status(), status, "{value:?}");
        }
        assert_eq!(if_match(&headers(&[])).unwrap_err().status(), 428);
        let twice = headers(&[(IF_MATCH, "\"1\""), (IF_MATCH, "\"2\"")]);
        assert_eq!(if_match(&twice).unwrap_err().status(), 400);
    }

    #[test]
    fn a_reader_may_name_the_versions_that_it_has() {
        let has = |value| is_known(&headers(&[(IF_NONE_MATCH, value)]), &12);
        assert!(has("\"12\"") && has("*") && has("\"1\", W/\"12\""));
        assert!(!has("\"1\"") && !has("12") && !is_known(&headers(&[]), &12));
    }
}
