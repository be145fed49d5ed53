//! One request from head to answer: check, decide, forward or refuse.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, Request, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use tollgate_engine::AnswerContext;
use tracing::Instrument;

use crate::body::Body;
use crate::conn_state::Hold;
use crate::context::ConnContext;
use crate::decide::{decide, head};
use crate::discard::{AfterAnswer, discard, discard_stream};
use crate::encode;
use crate::forward;
use crate::framing::refusal::Refusal;
use crate::late;
use crate::observe::Record;
use crate::request_body::{RequestBody, UploadFailure};
use crate::respond::{Fault, ReplyContext};
use crate::sanitise::{self, Facts};
use crate::upstream::fault::OriginFault;
use crate::upstream::send::send;
use crate::websocket;

/// Answers the request number `index` of a connection.
pub(crate) async fn answer(
    conn: Arc<ConnContext>,
    index: u64,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (parts, incoming) = request.into_parts();
    let mut record = Record::begin(&conn, &parts);
    let response = if conn.shared.spans {
        let span = conn.shared.observer.span(&parts);
        record.exchange.span = span.clone();
        // Boxed, so that whoever wants no spans does not carry the room for them.
        Box::pin(exchange(&conn, index, parts, incoming, record).instrument(span)).await
    } else {
        exchange(&conn, index, parts, incoming, record).await
    };
    let hold = if encode::is_switch(response.status()) {
        Hold::Tunnel
    } else {
        Hold::Resume
    };
    conn.state.release(index, hold);
    Ok(response)
}

async fn exchange(
    conn: &Arc<ConnContext>,
    index: u64,
    mut parts: Parts,
    incoming: Incoming,
    mut record: Box<Record>,
) -> Response<Body> {
    if let Some(refusal) = conn.state.head_refusal(index) {
        let reply = ReplyContext::default();
        return refuse(Fault::Framing(refusal), &reply, record);
    }
    let reply = ReplyContext {
        is_grpc: is_grpc(&parts),
        head_only: parts.method == Method::HEAD,
        http2: parts.version == Version::HTTP_2,
        request_id: None,
    };
    if parts.headers.len() > conn.fields_max {
        return refuse(Fault::Framing(Refusal::TooManyFields), &reply, record);
    }
    let has_body = !incoming.is_end_stream();
    let facts = match sanitise::check(&mut parts, conn.tls, has_body) {
        Ok(facts) => facts,
        Err(fault) => {
            let after = leave_body(conn, incoming, Facts::default(), &reply).await;
            return finish(refuse(fault, &reply, record), after);
        }
    };
    let decided = decide(&parts, conn, record.started).await;
    let decision = record.exchange.decision.insert(decided);
    let context = AnswerContext {
        is_grpc: reply.is_grpc,
        head_only: reply.head_only,
        request_id: None,
    };
    let own = decision.answer(&context).or_else(|| {
        let head = head(&parts, conn);
        conn.shared.engine.own_answer(decision, &head, &context)
    });
    if let Some(own) = own {
        // The body first: unread, those that wait would use up the connection's credit for all.
        let after = leave_body(conn, incoming, facts, &reply).await;
        if let Some(wait) = late::due(conn, decision) {
            record.exchange.held = wait;
            drop(parts);
            late::hold(conn, wait).await;
        }
        return finish(encode::own(own, record), after);
    }
    let sizes = decision.snapshot.policy().sizes();
    if sizes
        .body_bytes
        .is_some_and(|max| incoming.size_hint().lower() > max)
    {
        if reply.http2 {
            discard_stream(incoming, conn);
        } else {
            conn.state.leave_unread();
        }
        return refuse(Fault::TooLarge, &reply, record);
    }
    forward_request(conn, parts, incoming, facts, reply, record).await
}

/// Sends the request on and returns the origin's answer, or why there is none.
async fn forward_request(
    conn: &Arc<ConnContext>,
    mut parts: Parts,
    incoming: Incoming,
    facts: Facts,
    reply: ReplyContext<'_>,
    mut record: Box<Record>,
) -> Response<Body> {
    let upstreams = conn.worker.upstreams(&conn.shared);
    let Some(decision) = &record.exchange.decision else {
        return refuse(Fault::Origin(OriginFault::NoEndpoint), &reply, record);
    };
    let http2_origin = upstreams.origin().is_http2() && !facts.websocket;
    let request_id = forward::prepare(&mut parts, facts, decision, conn, http2_origin);
    let policy = decision.snapshot.policy();
    let (bytes_max, body_idle) = (policy.sizes().body_bytes, policy.timeouts().body_idle);
    let has_body = !incoming.is_end_stream();
    record.exchange.request_id = request_id;
    if conn.shared.spans {
        let span = &record.exchange.span;
        conn.shared.observer.propagate(span, &mut parts.headers);
    }
    let sent = if facts.websocket {
        Box::pin(websocket::switch(
            conn, &upstreams, parts, record, body_idle,
        ))
        .await
    } else {
        parts.extensions.clear();
        let idle = reply.http2.then_some(body_idle);
        let (body, progress) = RequestBody::new(incoming, decision, bytes_max, idle);
        record.upload.clone_from(&progress);
        let request = Request::from_parts(parts, body);
        let mut timer = conn.take_timer();
        let sent = send(&upstreams, request, progress.as_deref(), &mut timer).await;
        conn.put_timer(timer);
        match sent {
            Ok(answered) if !encode::is_sound(&answered.response) => {
                Err((OriginFault::Malformed, record))
            }
            Ok(answered) => {
                let (response, lease) = (answered.response, answered.lease);
                Ok(encode::forwarded(response, lease, record, body_idle))
            }
            Err(fault) => Err((fault, record)),
        }
    };
    match sent {
        Ok(response) => response,
        Err((fault, record)) => {
            let fault = blame_framing(conn, fault);
            if has_body {
                // The rest of it was dropped with the request.
                conn.state.leave_unread();
            }
            let id = record.exchange.request_id.clone();
            let reply = ReplyContext {
                request_id: id.as_ref().map(|id| id.as_str()),
                ..reply
            };
            refuse(fault, &reply, record)
        }
    }
}

/// A body that broke off because the gate refused its bytes has a better name for it.
fn blame_framing(conn: &ConnContext, fault: OriginFault) -> Fault {
    match (fault, conn.state.body_refusal()) {
        (OriginFault::Request(UploadFailure::Client), Some(refusal)) => Fault::Framing(refusal),
        _ => Fault::Origin(fault),
    }
}

fn refuse(fault: Fault, reply: &ReplyContext<'_>, mut record: Box<Record>) -> Response<Body> {
    record.exchange.fault = Some(fault.code());
    encode::own(fault.response(reply), record)
}

/// Gets rid of the request's body where the answer does not depend on it.
async fn leave_body(
    conn: &Arc<ConnContext>,
    incoming: Incoming,
    facts: Facts,
    reply: &ReplyContext<'_>,
) -> AfterAnswer {
    if reply.http2 {
        discard_stream(incoming, conn);
        AfterAnswer::KeepAlive
    } else {
        discard(incoming, facts.expects_continue, conn).await
    }
}

/// Says in an answer what becomes of the connection.
fn finish(mut response: Response<Body>, after: AfterAnswer) -> Response<Body> {
    if after == AfterAnswer::Close {
        encode::close(&mut response);
    }
    response
}

fn is_grpc(parts: &Parts) -> bool {
    parts
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}
