//! The origin: another server over plain HTTP, or a built-in one that answers with what it received.

use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Response, StatusCode, Uri, header, request};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::{Map, Value, json};

use crate::EdgeError;
use crate::event::is_hop_by_hop;
use crate::pipeline::plain;

/// How long an origin may take to begin its answer; CloudFront's own default.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that are kept for later.
const IDLE_MAX: usize = 32;

/// A body in either direction.
pub(crate) type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// Where requests end that nobody stopped.
pub(crate) enum Upstream {
    /// The server at this authority.
    Server {
        client: Box<Client<HttpConnector, Body>>,
        authority: Authority,
    },
    /// Answers 200 with what it received.
    BuiltIn,
}

/// A body known in full.
pub(crate) fn full(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

// === impl Upstream ===

impl Upstream {
    /// The origin at `url`, which is `http://HOST:PORT`.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn at(url: &str) -> Result<Self, EdgeError> {
        let wrong = |why| EdgeError::Origin {
            url: url.to_owned(),
            why,
        };
        let uri: Uri = url.parse().map_err(|_| wrong("not a URL"))?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(wrong("the local edge speaks plain http:// to it"));
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(wrong("it has a path"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_MAX)
            .build(connector);
        Ok(Self::Server {
            client: Box::new(client),
            authority: authority.clone(),
        })
    }

    /// The origin's answer, or a 502 or 504 with the reason.
    pub(crate) async fn answer(
        &self,
        head: request::Parts,
        body: Incoming,
    ) -> (Response<Body>, Option<String>) {
        match self {
            Self::BuiltIn => (received(&head), None),
            Self::Server { client, authority } => {
                let request = request_to(authority, head, body);
                let answer = tokio::time::timeout(ANSWER_TIMEOUT, client.request(request)).await;
                match answer {
                    Ok(Ok(response)) => (sent_back(response), None),
                    Ok(Err(error)) => failed(
                        StatusCode::BAD_GATEWAY,
                        format!(
                            "the origin at {authority} does not answer: {}",
                            cause(&error)
                        ),
                    ),
                    Err(_) => failed(
                        StatusCode::GATEWAY_TIMEOUT,
                        format!(
                            "the origin at {authority} did not answer within {} s",
                            ANSWER_TIMEOUT.as_secs()
                        ),
                    ),
                }
            }
        }
    }
}

fn request_to(
    authority: &Authority,
    mut head: request::Parts,
    body: Incoming,
) -> http::Request<Body> {
    let target = head.uri.path_and_query().cloned();
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(authority.clone());
    uri.path_and_query = Some(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
    head.uri = Uri::from_parts(uri).unwrap_or_default();
    head.version = http::Version::HTTP_11;
    let mut request = http::Request::from_parts(head, body.boxed_unsync());
    strip(request.headers_mut());
    if let Ok(host) = HeaderValue::try_from(authority.as_str()) {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}

fn sent_back(response: Response<Incoming>) -> Response<Body> {
    let mut response = response.map(BodyExt::boxed_unsync);
    strip(response.headers_mut());
    response
}

/// Fields of the one connection are not those of the other.
fn strip(headers: &mut http::HeaderMap) {
    let names: Vec<_> = headers
        .keys()
        .filter(|name| is_hop_by_hop(name))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

fn received(head: &request::Parts) -> Response<Body> {
    let mut headers = Map::new();
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let values = headers.entry(name.as_str()).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(value.into());
        }
    }
    let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let text = json!({
        "origin": "built-in",
        "method": head.method.as_str(),
        "target": target,
        "headers": headers,
    });
    let mut response = Response::new(full(Bytes::from(format!("{text}\n"))));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

fn failed(status: StatusCode, why: String) -> (Response<Body>, Option<String>) {
    (plain(status, &why).map(full), Some(why))
}

/// The innermost error: the client's own says only that there is one.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
