//! Spans of requests: named by method and route, joined to the caller's trace, without a user.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::global;
use opentelemetry::propagation::{Extractor, Injector};
use tollgate_proxy::Exchange;
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Reads a caller's `traceparent` (W3C Trace Context).
struct Incoming<'a>(&'a HeaderMap);

/// Writes ours into what the origin gets.
struct Outgoing<'a>(&'a mut HeaderMap);

/// A span for one request, child of the caller's if it named one. Attribute names are those of
/// OpenTelemetry's semantic conventions for HTTP servers.
pub(super) fn span(head: &Parts) -> Span {
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        otel.name = Empty,
        http.request.method = %head.method,
        http.route = Empty,
        http.response.status_code = Empty,
        tollgate.verdict = Empty,
        tollgate.mode = Empty,
        tollgate.plan = Empty,
        tollgate.limit = Empty,
    );
    let parent =
        global::get_text_map_propagator(|propagator| propagator.extract(&Incoming(&head.headers)));
    // Fails only for a span that nobody collects.
    let _ = span.set_parent(parent);
    span
}

/// The origin's part of the trace hangs below ours.
pub(super) fn propagate(span: &Span, headers: &mut HeaderMap) {
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&span.context(), &mut Outgoing(headers));
    });
}

/// What is known at the end.
pub(super) fn finish(exchange: &Exchange) {
    let span = &exchange.span;
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", exchange.status);
    let Some(decision) = &exchange.decision else {
        return;
    };
    let route = decision.snapshot.policy().routes().get(decision.route);
    let label = decision.label();
    span.record(
        "otel.name",
        format!("{} {}", exchange.method, route.template),
    );
    span.record("http.route", route.to_string());
    span.record("tollgate.verdict", label.verdict());
    span.record("tollgate.mode", label.mode());
    if let Some(plan) = decision.plan_name() {
        span.record("tollgate.plan", plan);
    }
    if let Some(violated) = decision.violated() {
        span.record("tollgate.limit", &*violated.limit.name);
    }
}

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        let name = HeaderName::from_bytes(key.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            self.0.insert(name, value);
        }
    }
}
