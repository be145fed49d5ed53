//! What stands in a path and in a query, and the places from which lists go on.

use axum::extract::{FromRequestParts, Path, Query};
use data_encoding::BASE64URL_NOPAD;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tollgate_store::{Holder, HolderKind, PAGE_ENTRIES_MAX};
use utoipa::ToSchema;

use crate::problem::{Answer, Problem};
use crate::state::Admin;

/// The query of a request.
pub(crate) struct Params<T>(pub(crate) T);

/// The parts of a path that are not fixed.
pub(crate) struct Named<T>(pub(crate) T);

/// Whose.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HolderPath {
    kind: Kind,
    issuer: String,
    name: String,
}

/// What a holder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// One verified caller.
    Subject,
    /// All callers of one account.
    Account,
}

impl<T: DeserializeOwned> FromRequestParts<Admin> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Admin) -> Answer<Self> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        let wrong = |error: axum::extract::rejection::QueryRejection| {
            Problem::malformed(format!("query: {}", error.body_text()))
        };
        query.map(|Query(query)| Self(query)).map_err(wrong)
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<Admin> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Answer<Self> {
        let path = Path::<T>::from_request_parts(parts, admin).await;
        let wrong = |error: axum::extract::rejection::PathRejection| {
            Problem::malformed(format!("path: {}", error.body_text()))
        };
        path.map(|Path(path)| Self(path)).map_err(wrong)
    }
}

impl HolderPath {
    pub(crate) fn holder(&self) -> Answer<Holder> {
        let holder = match self.kind {
            Kind::Subject => Holder::subject(&self.issuer, &self.name),
            Kind::Account => Holder::account(&self.issuer, &self.name),
        };
        holder.map_err(|error| Problem::malformed(format!("path: {error}")))
    }
}

impl From<HolderKind> for Kind {
    fn from(kind: HolderKind) -> Self {
        match kind {
            HolderKind::Subject => Kind::Subject,
            HolderKind::Account => Kind::Account,
        }
    }
}

/// How many entries a page is to have: 1 to [`PAGE_ENTRIES_MAX`], which it is without a word.
pub(crate) fn page_limit(asked: Option<u32>) -> Answer<u32> {
    let limit = asked.unwrap_or(PAGE_ENTRIES_MAX);
    if !(1..=PAGE_ENTRIES_MAX).contains(&limit) {
        let detail = format!("query: limit is 1 to {PAGE_ENTRIES_MAX}");
        return Err(Problem::malformed(detail));
    }
    Ok(limit)
}

/// The largest number that an entry of a list can have: what the store has for one.
const NUMBER_MAX: u64 = i64::MAX.unsigned_abs();

/// The number of an entry after which, or before which, a list is to go on.
pub(crate) fn number(asked: Option<u64>) -> Answer<Option<u64>> {
    if asked.is_some_and(|number| number > NUMBER_MAX) {
        let detail = format!("query: a number of an entry is at most {NUMBER_MAX}");
        return Err(Problem::malformed(detail));
    }
    Ok(asked)
}

/// A place in a list, as text that says nothing to anybody.
pub(crate) fn cursor(place: &impl Serialize) -> Option<String> {
    let json = serde_json::to_vec(place).ok()?;
    Some(BASE64URL_NOPAD.encode(&json))
}

/// The place that a cursor stands for.
pub(crate) fn place<T: DeserializeOwned>(cursor: &str) -> Answer<T> {
    let json = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok();
    let place = json.and_then(|json| serde_json::from_slice(&json).ok());
    place.ok_or_else(|| Problem::malformed("query: this cursor is not one that a list gave"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_anything_else_refused() {
        let holder = Holder::subject("https://login.example", "möbel").unwrap();
        let cursor = cursor(&holder).unwrap();
        assert_eq!(place::<Holder>(&cursor).unwrap(), holder);
        let forged =
            BASE64URL_NOPAD.encode(b"{\"kind\":\"subject\",\"issuer\":\"\",\"name\":\"a\"}");
        for text in ["", "x", "!!", &forged, &cursor[..cursor.len() - 2]] {
            assert!(place::<Holder>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_has_bounds() {
        assert_eq!(page_limit(None).unwrap(), PAGE_ENTRIES_MAX);
        assert_eq!(page_limit(Some(1)).unwrap(), 1);
        assert_eq!(number(Some(NUMBER_MAX)).unwrap(), Some(NUMBER_MAX));
        assert!(number(Some(NUMBER_MAX + 1)).is_err() && number(None).unwrap().is_none());
        assert!(page_limit(Some(0)).is_err() && page_limit(Some(PAGE_ENTRIES_MAX + 1)).is_err());
    }
}
