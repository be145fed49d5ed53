//! The origin's routes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};

use super::State;
use crate::body::{
    Body, BodyError, Ending, Generated, bare, empty, full, json as json_answer, with_trailers,
};
use crate::websocket;

/// Longest body of `POST /orders` and its like.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Longest wait that `/slow` grants, in ms.
const SLOW_MS_MAX: u64 = 60_000;

/// Answers one request; an error breaks the connection.
pub(crate) async fn respond(
    state: &Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Body>, BodyError> {
    if is_grpc(request.headers()) {
        return Ok(echo(request));
    }
    if request.method() == Method::OPTIONS {
        return Ok(options(request.headers()));
    }
    let path = request.uri().path().to_owned();
    let query = |name| parameter(request.uri().query(), name);
    match path.as_str() {
        "/headers" => Ok(headers(&request)),
        "/echo" => Ok(echo(request)),
        "/stream" => {
            let open = query("open").is_some();
            let ending = if open {
                Ending::Open
            } else {
                Ending::Announced
            };
            Ok(download(query("bytes").unwrap_or(0), ending))
        }
        "/cut" => Ok(download(query("bytes").unwrap_or(0), Ending::Cut)),
        "/upload" => upload(state, request).await,
        "/early" => Ok(bare(StatusCode::PAYLOAD_TOO_LARGE)),
        "/slow" => {
            let wait_ms = query("ms").unwrap_or(0).min(SLOW_MS_MAX);
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            Ok(json_answer(
                StatusCode::OK,
                &json!({ "waited_ms": wait_ms }),
            ))
        }
        "/status" => {
            let code = query("code").and_then(|code| u16::try_from(code).ok());
            let status = code.and_then(|code| StatusCode::from_u16(code).ok());
            Ok(bare(status.unwrap_or(StatusCode::BAD_REQUEST)))
        }
        "/trailers" => Ok(trailers()),
        "/ws" => Ok(upgrade(request)),
        _ => orders_api(state, &path, request).await,
    }
}

async fn orders_api(
    state: &Arc<State>,
    path: &str,
    request: Request<Incoming>,
) -> Result<Response<Body>, BodyError> {
    let method = match *request.method() {
        Method::HEAD => Method::GET,
        ref method => method.clone(),
    };
    let ok = |value: &Value| Ok(json_answer(StatusCode::OK, value));
    match (method.as_str(), path) {
        ("GET", "/" | "/healthz") => ok(&json!({ "service": "orders" })),
        ("GET", "/orders") => ok(&state.orders.lock().list()),
        ("POST", "/orders") => {
            let fields = document(request).await?;
            let (id, order) = state.orders.lock().add(&fields);
            let mut response = json_answer(StatusCode::CREATED, &order);
            let location =
                HeaderValue::try_from(format!("/orders/{id}")).map_err(BodyError::new)?;
            response.headers_mut().insert(header::LOCATION, location);
            Ok(response)
        }
        ("GET", "/items") => ok(&json!({ "items": [{ "sku": "a" }, { "sku": "b" }] })),
        ("POST", "/items") => {
            let item = document(request).await?;
            Ok(json_answer(StatusCode::CREATED, &json!({ "item": item })))
        }
        ("GET", "/billing") => ok(&json!({ "balance_cents": 0, "currency": "EUR" })),
        ("POST", "/plan") => {
            let wish = document(request).await?;
            Ok(json_answer(
                StatusCode::ACCEPTED,
                &json!({ "requested": wish }),
            ))
        }
        ("GET", _) => match path.strip_prefix("/orders/") {
            Some(id) if !id.contains('/') => ok(&state.orders.lock().get(id)),
            _ => Ok(missing(path)),
        },
        _ => Ok(missing(path)),
    }
}

fn missing(path: &str) -> Response<Body> {
    json_answer(StatusCode::NOT_FOUND, &json!({ "missing": path }))
}

/// The JSON of a small body; null where it is none.
async fn document(request: Request<Incoming>) -> Result<Value, BodyError> {
    let body = Limited::new(request.into_body(), DOCUMENT_BYTES_MAX);
    let bytes = body.collect().await.map_err(BodyError::new)?.to_bytes();
    Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

fn download(bytes: u64, ending: Ending) -> Response<Body> {
    let mut response = Response::new(Generated::body(bytes, ending));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    response
}

async fn upload(state: &State, request: Request<Incoming>) -> Result<Response<Body>, BodyError> {
    let mut body = request.into_body();
    let mut received: u64 = 0;
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame.map_err(BodyError::new)?.data_ref() {
            received += data.len() as u64;
            state
                .uploaded_bytes
                .fetch_add(data.len() as u64, Ordering::Relaxed);
        }
    }
    Ok(json_answer(StatusCode::OK, &json!({ "bytes": received })))
}

/// The request's body, frame by frame, trailers included; gRPC gets its status where it sent none.
fn echo(request: Request<Incoming>) -> Response<Body> {
    let grpc = is_grpc(request.headers());
    let (head, body) = request.into_parts();
    let body = body.map_err(BodyError::new).boxed_unsync();
    let mut response = if grpc {
        // A unary or streaming call that succeeds: the messages come back, then the status.
        let mut status = HeaderMap::new();
        status.insert("grpc-status", HeaderValue::from_static("0"));
        Response::new(with_trailers(body, status))
    } else {
        Response::new(body)
    };
    for name in [header::CONTENT_TYPE, header::TRAILER] {
        if let Some(value) = head.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn headers(request: &Request<Incoming>) -> Response<Body> {
    let mut fields = Map::new();
    for name in request.headers().keys() {
        let values = request.headers().get_all(name).iter();
        let values: Vec<Value> = values
            .map(|value| json!(String::from_utf8_lossy(value.as_bytes())))
            .collect();
        fields.insert(name.to_string(), Value::Array(values));
    }
    json_answer(
        StatusCode::OK,
        &json!({
            "method": request.method().as_str(),
            "target": request.uri().to_string(),
            "version": format!("{:?}", request.version()),
            "headers": fields,
        }),
    )
}

fn options(sent: &HeaderMap) -> Response<Body> {
    let mut response = bare(StatusCode::NO_CONTENT);
    let fields = response.headers_mut();
    fields.insert(
        header::ALLOW,
        HeaderValue::from_static("GET, HEAD, POST, OPTIONS"),
    );
    if let Some(origin) = sent.get(header::ORIGIN) {
        fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        fields.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST"),
        );
        fields.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type"),
        );
    }
    response
}

fn trailers() -> Response<Body> {
    let mut fields = HeaderMap::new();
    fields.insert("x-checksum", HeaderValue::from_static("abc123"));
    fields.insert("x-count", HeaderValue::from_static("2"));
    let body = with_trailers(full("body before trailers"), fields);
    let mut response = Response::new(body);
    response.headers_mut().insert(
        header::TRAILER,
        HeaderValue::from_static("x-checksum, x-count"),
    );
    response
}

/// The handshake of RFC 6455 section 4.2.2; the echo runs after the answer has gone out.
fn upgrade(request: Request<Incoming>) -> Response<Body> {
    let named = |name, wanted: &str| {
        let values = request.headers().get_all(name).iter();
        values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|word| word.trim().eq_ignore_ascii_case(wanted))
    };
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned();
    let (true, true, Some(key), Version::HTTP_11) = (
        named(header::CONNECTION, "upgrade"),
        named(header::UPGRADE, "websocket"),
        key,
        request.version(),
    ) else {
        return bare(StatusCode::BAD_REQUEST);
    };
    let Ok(Ok(accept)) = key
        .to_str()
        .map(|key| HeaderValue::try_from(websocket::accept_key(key)))
    else {
        return bare(StatusCode::BAD_REQUEST);
    };
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            // It ends with the peer; how, is the peer's business.
            let _ended = websocket::echo(TokioIo::new(upgraded)).await;
        }
    });
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let fields = response.headers_mut();
    fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// The number after `name=` in a query.
fn parameter(query: Option<&str>, name: &str) -> Option<u64> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    values.next()?.parse().ok()
}
