//! A request to switch to WebSocket: its own connection to the origin, and the tunnel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::body::Body;
use crate::context::ConnContext;
use crate::encode;
use crate::hop;
use crate::observe::Record;
use crate::request_body::RequestBody;
use crate::tunnel::{TUNNEL_IDLE_MAX, carry};
use crate::upstream::connect::connect;
use crate::upstream::fault::OriginFault;
use crate::upstream::send::refused;
use crate::upstream::worker_endpoint::Lease;
use crate::upstream::{Upstreams, address};

/// Asks the origin to switch. On 101 the tunnel starts and the client gets the 101; any other
/// answer is passed on as it is.
///
/// Nothing that the client sends after its request reaches anybody before the 101
/// (RUSTSEC-2026-0033): the gate holds it back.
pub(crate) async fn switch(
    conn: &Arc<ConnContext>,
    upstreams: &Upstreams,
    mut parts: Parts,
    record: Box<Record>,
    body_idle: Duration,
) -> Result<Response<Body>, (OriginFault, Box<Record>)> {
    let config = upstreams.origin().config();
    let Some(client) = parts.extensions.remove::<OnUpgrade>() else {
        return Err((OriginFault::Broken, record));
    };
    parts
        .headers
        .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    parts
        .headers
        .insert(UPGRADE, HeaderValue::from_static("websocket"));
    let mut request = Request::from_parts(parts, RequestBody::Empty);
    let Some(endpoint) = upstreams.choose_once() else {
        return Err((OriginFault::NoEndpoint, record));
    };
    let lease = Lease::new(endpoint);
    address::h1(&mut request, &endpoint.origin, config.pass_host);
    let io = match connect(&endpoint.origin, config.connect_timeout).await {
        Ok(io) => io,
        Err(error) => {
            endpoint.origin.health.failed(Instant::now());
            return Err((refused(&error), record));
        }
    };
    let Ok((mut handle, connection)) = http1::handshake(TokioIo::new(io)).await else {
        return Err((OriginFault::Broken, record));
    };
    // A connection of its own, spawned: it outlives this request as the tunnel's other end.
    conn.worker.tasks.spawn(connection.with_upgrades());
    let asked = tokio::time::timeout(config.response_timeout, handle.send_request(request)).await;
    let mut response = match asked {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => return Err((OriginFault::Broken, record)),
        Err(_) => return Err((OriginFault::AnswerTimeout, record)),
    };
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(encode::forwarded(response, lease, record, body_idle));
    }
    Ok(start(conn, client, &mut response, lease, record))
}

fn start(
    conn: &Arc<ConnContext>,
    client: OnUpgrade,
    response: &mut Response<Incoming>,
    lease: Lease,
    mut record: Box<Record>,
) -> Response<Body> {
    let origin = hyper::upgrade::on(&mut *response);
    let mut answer = Response::new(Body::unrecorded());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let mut headers = std::mem::take(response.headers_mut());
    hop::strip(&mut headers);
    encode::add_fields(&mut headers, &record, response.version());
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    *answer.headers_mut() = headers;
    record.exchange.status = answer.status().as_u16();
    let cut = conn.worker.cut.clone();
    conn.worker.tasks.spawn(async move {
        carry(client, origin, TUNNEL_IDLE_MAX, cut, record).await;
        // The endpoint carries the tunnel as one request in flight.
        drop(lease);
    });
    answer
}
