//! Wire to engine: what a program asks, strictly.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use http::Method;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tollgate_engine::{Asked, Counting, RequestHead};

/// Requests of one call.
pub(super) const BATCH_MAX: usize = 100;
/// Values of header fields of one request.
const FIELDS_MAX: usize = 200;

/// One request to decide, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequest<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(default)]
    headers: Fields,
    remote_address: IpAddr,
    cost: Option<u64>,
    #[serde(default)]
    check_only: bool,
    #[serde(default)]
    hold: bool,
}

/// One request, or several.
#[derive(Debug)]
pub(super) enum Questions {
    One(Box<Question>),
    Many(Vec<Question>),
}

/// One request to decide.
#[derive(Debug)]
pub(super) struct Question {
    method: Method,
    target: PathAndQuery,
    headers: HeaderMap,
    peer: IpAddr,
    cost: Option<u64>,
    check_only: bool,
    /// The end of the request will be told.
    pub(super) hold: bool,
}

/// The end of a request that was let through.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settlement {
    /// As the decision gave it.
    pub(super) token: String,
    /// Units that it cost in truth; without it, as it was charged.
    #[serde(default)]
    pub(super) cost: Option<u64>,
}

/// Header fields by their names.
#[derive(Debug, Default)]
struct Fields(HeaderMap);

/// Why a body is no question: 400.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the body is not a JSON object as the decision API reads it: {0}")]
    Json(serde_json::Error),
    #[error("{0}: the method is no token")]
    Method(Place),
    #[error("{0}: the path begins with `/`, has no `#`, and holds no spaces")]
    Path(Place),
    #[error("{0}: what is only checked cannot be held")]
    HeldCheck(Place),
    #[error("`requests` has more than {BATCH_MAX} requests")]
    TooMany,
    #[error("`requests` is empty")]
    Empty,
}

/// Which request of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(Option<usize>);

// === impl Questions ===

impl Questions {
    pub(super) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        // What has `requests` is a batch; each form names its own unknown members.
        if !has_requests(body)? {
            let raw: RawRequest<'_> = serde_json::from_slice(body).map_err(Malformed::Json)?;
            let question = Question::checked(raw, Place(None))?;
            return Ok(Self::One(Box::new(question)));
        }
        let Batch { requests } = serde_json::from_slice(body).map_err(Malformed::Json)?;
        if requests.len() > BATCH_MAX {
            return Err(Malformed::TooMany);
        }
        if requests.is_empty() {
            return Err(Malformed::Empty);
        }
        let each = requests.into_iter().enumerate();
        let checked = each.map(|(index, raw)| Question::checked(raw, Place(Some(index))));
        checked.collect::<Result<_, _>>().map(Self::Many)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch<'a> {
    #[serde(borrow)]
    requests: Vec<RawRequest<'a>>,
}

/// Whether the object has a member of this name; nothing else of it is kept.
fn has_requests(body: &[u8]) -> Result<bool, Malformed> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object with a request, or with `requests`")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let mut found = false;
            while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                found |= name == "requests";
                map.next_value::<IgnoredAny>()?;
            }
            Ok(found)
        }
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let found = json.deserialize_map(Names);
    found
        .and_then(|found| json.end().map(|()| found))
        .map_err(Malformed::Json)
}

// === impl Question ===

impl Question {
    fn checked(raw: RawRequest<'_>, place: Place) -> Result<Self, Malformed> {
        let method = Method::from_bytes(raw.method.as_bytes());
        let path = raw.path.as_bytes();
        let is_path = path.starts_with(b"/") || path == b"*";
        let target = PathAndQuery::try_from(&*raw.path).ok();
        if raw.check_only && raw.hold {
            return Err(Malformed::HeldCheck(place));
        }
        Ok(Self {
            method: method.map_err(|_| Malformed::Method(place))?,
            target: target
                .filter(|_| is_path && !path.contains(&b'#'))
                .ok_or(Malformed::Path(place))?,
            headers: raw.headers.0,
            peer: raw.remote_address.to_canonical(),
            cost: raw.cost,
            check_only: raw.check_only,
            hold: raw.hold,
        })
    }

    pub(super) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.method,
            path: self.target.path(),
            query: self.target.query(),
            headers: &self.headers,
            peer: self.peer,
            certificate: None,
        }
    }

    pub(super) fn asked(&self) -> Asked<'static> {
        Asked {
            counting: if self.check_only {
                Counting::Look
            } else {
                Counting::Charge
            },
            cost: self.cost,
            ..Asked::default()
        }
    }

    pub(super) fn path(&self) -> &str {
        self.target.path()
    }
}

// === impl Settlement ===

impl Settlement {
    pub(super) fn decode(body: &[u8]) -> Result<Self, Malformed> {
        serde_json::from_slice(body).map_err(Malformed::Json)
    }
}

// === impl Fields ===

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("header fields by name, each a text or a list of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = HeaderMap::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| de::Error::custom("a header field's name is no token"))?;
            if fields.contains_key(&name) {
                return Err(de::Error::custom(format_args!(
                    "header field `{name}` stands twice: write a list of its values"
                )));
            }
            for value in map.next_value::<Values>()?.0 {
                if fields.len() == FIELDS_MAX {
                    return Err(too_many());
                }
                fields.append(name.clone(), value);
            }
        }
        Ok(Fields(fields))
    }
}

/// A value, or a list of them.
struct Values(Vec<HeaderValue>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Values, E> {
                value(text).map(|value| Values(vec![value]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some(text) = list.next_element::<Cow<'de, str>>()? {
                    if values.len() == FIELDS_MAX {
                        return Err(too_many());
                    }
                    values.push(value(&text)?);
                }
                Ok(Values(values))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

fn too_many<E: de::Error>() -> E {
    E::custom(format_args!(
        "there are more than {FIELDS_MAX} values of header fields"
    ))
}

fn value<E: de::Error>(text: &str) -> Result<HeaderValue, E> {
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| E::custom("a header field's value has a control character"))
}

// === impl Place ===

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("the request"),
            Some(index) => write!(f, "`requests[{index}]`"),
        }
    }
}
