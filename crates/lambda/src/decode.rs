//! Wire to engine: an event becomes the question who calls, and for which route.

use std::net::{IpAddr, Ipv4Addr};

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;
use tollgate_aws::authorizer::AuthorizerApi;
use tollgate_policy::Template;

use crate::arn::{Arn, pattern};
use crate::error::EventError;
use crate::event::RawEvent;

/// Who the peer is where an event does not say: an address that nobody calls from.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// Stage and route of an HTTP API that have no name.
const DEFAULT: &str = "$default";

/// One question.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) api: AuthorizerApi,
    pub(crate) method: Method,
    /// The path without stage and base path, as the policy has it.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) peer: IpAddr,
    pub(crate) arn: Arn,
    pub(crate) place: Place,
}

/// The route as API Gateway matched it.
#[derive(Debug)]
pub(crate) struct Place {
    /// The template, where it says as much as a path: one that takes the rest of a path does not.
    pub(crate) template: Option<Template>,
    /// The template as a `Resource` can say it.
    pub(crate) pattern: String,
    /// The route takes every method, and is what the cache is keyed by.
    pub(crate) any_method: bool,
}

impl Ask {
    /// Reads an event; paths lose `base_path`, which a custom domain adds.
    pub(crate) fn decode(event: Value, base_path: Option<&str>) -> Result<Self, EventError> {
        let event: RawEvent = serde_json::from_value(event).map_err(EventError::Shape)?;
        match (event.version.as_deref(), event.kind.as_deref()) {
            (Some("2.0"), _) => Self::payload_2(event, base_path),
            (Some("1.0"), _) => Self::payload_1(event, AuthorizerApi::HttpV1, base_path),
            (None, Some("REQUEST")) => {
                Self::payload_1(event, AuthorizerApi::RestRequest, base_path)
            }
            (None, Some("TOKEN")) => Self::token(event),
            _ => Err(EventError::Kind),
        }
    }

    /// `TOKEN`: one field and the ARN are all there is. Without a template, the ARN's path is the
    /// path; without an address, the peer is nobody.
    fn token(event: RawEvent) -> Result<Self, EventError> {
        let arn = arn(event.method_arn, "methodArn")?;
        let mut headers = HeaderMap::new();
        if let Some(token) = event.authorization_token.filter(|token| !token.is_empty()) {
            headers.insert(AUTHORIZATION, value(&token)?);
        }
        Ok(Self {
            api: AuthorizerApi::RestToken,
            method: method(arn.method())?,
            path: arn.path(),
            headers,
            peer: NOBODY,
            place: Place::of(None, false),
            arn,
        })
    }

    fn payload_1(
        event: RawEvent,
        api: AuthorizerApi,
        base_path: Option<&str>,
    ) -> Result<Self, EventError> {
        let arn = arn(event.method_arn, "methodArn")?;
        let named = event.http_method.ok_or(EventError::Missing("httpMethod"))?;
        let path = event.path.ok_or(EventError::Missing("path"))?;
        let mut headers = HeaderMap::new();
        let multiple = event.multi_value_headers.unwrap_or_default();
        for (name, value) in event.headers.unwrap_or_default() {
            // The last value alone, where the other map has all.
            if !multiple.contains_key(&name) {
                append(&mut headers, &name, value.as_deref())?;
            }
        }
        for (name, values) in multiple {
            for value in values.unwrap_or_default() {
                append(&mut headers, &name, Some(&value))?;
            }
        }
        let identity = event.request_context.identity.unwrap_or_default();
        // On an HTTP API the cache knows the route key; on a REST API the request's own method.
        let key = event.request_context.route_key.unwrap_or_default();
        let any_method = api == AuthorizerApi::HttpV1 && takes_any_method(&key);
        Ok(Self {
            api,
            method: method(&named)?,
            path: within(path, None, base_path),
            headers,
            peer: peer(identity.source_ip.as_deref()),
            place: Place::of(event.resource.as_deref(), any_method),
            arn,
        })
    }

    fn payload_2(event: RawEvent, base_path: Option<&str>) -> Result<Self, EventError> {
        let arn = arn(event.route_arn, "routeArn")?;
        let context = event.request_context;
        let http = context.http.unwrap_or_default();
        let named = http
            .method
            .ok_or(EventError::Missing("requestContext.http.method"))?;
        let path = event.raw_path.ok_or(EventError::Missing("rawPath"))?;
        let key = event.route_key.ok_or(EventError::Missing("routeKey"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in event.headers.unwrap_or_default() {
            append(&mut headers, &name, value.as_deref())?;
        }
        for cookie in event.cookies.unwrap_or_default() {
            headers.append(COOKIE, value(&cookie)?);
        }
        // Under the API's own name the path begins with the stage; under a custom domain it does not.
        let own_name = context.api_id.is_some() && context.api_id == context.domain_prefix;
        let stage = context.stage.as_deref();
        let stage = stage.filter(|stage| own_name && *stage != DEFAULT);
        let template = key.split_once(' ').map(|(_, template)| template);
        Ok(Self {
            api: AuthorizerApi::HttpV2,
            method: method(&named)?,
            path: within(path, stage, base_path),
            headers,
            peer: peer(http.source_ip.as_deref()),
            place: Place::of(template, takes_any_method(&key)),
            arn,
        })
    }
}

// === impl Place ===

impl Place {
    fn of(template: Option<&str>, any_method: bool) -> Self {
        let Some(text) = template.filter(|text| text.starts_with('/')) else {
            return Self {
                template: None,
                pattern: "*".to_owned(),
                any_method,
            };
        };
        // `{proxy+}` takes the rest of a path: the policy's own templates say more of it.
        let is_greedy = text.contains("+}");
        let template = (!is_greedy).then(|| Template::parse(text).ok());
        Self {
            template: template.flatten(),
            pattern: pattern(text),
            any_method,
        }
    }
}

fn takes_any_method(route_key: &str) -> bool {
    route_key == DEFAULT || route_key.starts_with("ANY ")
}

fn arn(text: Option<String>, name: &'static str) -> Result<Arn, EventError> {
    let text = text.ok_or(EventError::Missing(name))?;
    Arn::parse(&text).ok_or(EventError::Malformed(name))
}

fn method(text: &str) -> Result<Method, EventError> {
    Method::from_bytes(text.as_bytes()).map_err(|_| EventError::Malformed("method"))
}

/// A field that cannot be read must not be one that is not there.
fn append(headers: &mut HeaderMap, name: &str, text: Option<&str>) -> Result<(), EventError> {
    let name = HeaderName::from_bytes(name.as_bytes());
    let name = name.map_err(|_| EventError::Malformed("headers"))?;
    headers.append(name, value(text.unwrap_or_default())?);
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, EventError> {
    HeaderValue::from_str(text)
        .or_else(|_| HeaderValue::from_bytes(text.as_bytes()))
        .map_err(|_| EventError::Malformed("headers"))
}

fn peer(text: Option<&str>) -> IpAddr {
    text.and_then(|text| text.parse().ok()).unwrap_or(NOBODY)
}

/// The path below what stands before the API's own paths; as it is, where that does not.
fn within(path: String, stage: Option<&str>, base_path: Option<&str>) -> String {
    let stage = stage.map(|stage| format!("/{stage}"));
    for prefix in stage.as_deref().into_iter().chain(base_path) {
        match path.strip_prefix(prefix) {
            Some("") => return "/".to_owned(),
            Some(rest) if rest.starts_with('/') => return rest.to_owned(),
            _ => {}
        }
    }
    path
}
