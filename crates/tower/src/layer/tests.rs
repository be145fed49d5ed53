use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{Caller, Tollgate};
use crate::Peer;
use crate::bench::{Answer, Bench};

fn request(method: &str, target: &str, fields: &[(&str, &str)]) -> Request<()> {
    let peer = Peer(([192, 0, 2, 7], 4711).into());
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .extension(peer);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// Tells in JSON what it was given.
async fn echo(request: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    let caller = request.extensions().get::<Caller>().cloned();
    let fields: Vec<(&str, &str)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let seen = json!({
        "path": request.uri().path(),
        "query": request.uri().query(),
        "fields": fields,
        "subject": caller.as_ref().and_then(Caller::subject),
        "account": caller.as_ref().and_then(Caller::account),
        "issuer": caller.as_ref().and_then(Caller::issuer),
        "plan": caller.as_ref().and_then(Caller::plan),
        "route": caller.as_ref().map(Caller::route),
        "bucket_id": caller.as_ref().and_then(Caller::bucket_id),
        "shown": format!("{caller:?}"),
    });
    Ok(Response::new(Full::from(seen.to_string())))
}

async fn call<S, R>(service: &Tollgate<S>, request: Request<()>) -> Answer
where
    S: Service<Request<()>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
    R: http_body::Body<Data = Bytes>,
    R::Error: std::fmt::Debug,
{
    let response = service.clone().oneshot(request).await;
    Answer::of(response.unwrap_or_else(|never| match never {})).await
}

#[tokio::test]
async fn the_inner_service_gets_the_verified_identity_and_nothing_that_was_forged() {
    let bench = Bench::new();
    let service = bench.layer().layer(service_fn(echo));
    let bearer = bench.bearer("alice");
    let fields = [
        ("authorization", bearer.as_str()),
        ("x-tollgate-subject", "mallory"),
        ("x_tollgate_plan", "gold"),
        ("ratelimit-remaining", "1000"),
        ("x-other", "stays"),
    ];
    let answer = call(&service, request("GET", "/orders//7?x=1", &fields)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.field("ratelimit"), Some("\"burst\";r=2;t=10"));
    let seen = answer.json();
    assert_eq!(
        (&seen["path"], &seen["query"]),
        (&json!("/orders/7"), &json!("x=1"))
    );
    let fields = seen["fields"].as_array().unwrap();
    let is_of = |name: &str| fields.iter().any(|field| field[0] == name);
    for gone in ["x_tollgate_plan", "ratelimit-remaining"] {
        assert!(!is_of(gone), "{gone}");
    }
    for field in [
        json!(["x-tollgate-subject", "alice"]),
        json!(["x-tollgate-plan", "standard"]),
        json!(["x-other", "stays"]),
    ] {
        assert!(fields.contains(&field), "{field}");
    }
    assert_eq!(
        (&seen["subject"], &seen["account"]),
        (&json!("alice"), &json!("acme"))
    );
    assert_eq!(
        (&seen["issuer"], &seen["plan"]),
        (&json!("https://i"), &json!("standard"))
    );
    assert_eq!(seen["route"], "GET /orders/{order_id}");
    assert!(
        seen["bucket_id"].as_str().unwrap().starts_with("standard."),
        "{seen}"
    );
    let shown = seen["shown"].as_str().unwrap();
    assert!(
        !shown.contains("alice") && !shown.contains("acme"),
        "{shown}"
    );
}

#[tokio::test]
async fn refusals_and_own_answers_never_reach_the_inner_service() {
    let bench = Bench::new();
    let reached = service_fn(|_: Request<()>| async {
        let text: &'static str = "reached";
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(text)))
    });
    let service = bench.layer().layer(reached);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(call(&service, request("GET", "/orders", &[])).await.status);
    }
    assert_eq!(statuses, [200, 200, 429]);
    let garbage = [("authorization", "Bearer garbage")];
    for (asked, status) in [
        (request("GET", "/orders", &garbage), 401),
        (request("GET", "/orders%2F", &[]), 400),
        (request("GET", "/rate_limit", &[]), 200),
    ] {
        let answer = call(&service, asked).await;
        assert_eq!(answer.status, status);
        assert_ne!(answer.body, "reached");
    }
    let grpc = [
        ("authorization", "Bearer garbage"),
        ("content-type", "application/grpc"),
    ];
    let answer = call(&service, request("POST", "/pkg.Svc/Method", &grpc)).await;
    assert_eq!(
        (answer.status, answer.field("grpc-status")),
        (200, Some("16"))
    );
    let head = call(&service, request("HEAD", "/orders", &garbage)).await;
    assert_eq!((head.status, &*head.body), (401, ""));
    let nobody = Request::get("/orders").body(()).unwrap();
    assert_eq!(call(&service, nobody).await.status, 403);
}

#[tokio::test]
async fn case_069_methods_of_grpc_and_grpc_web_are_routed_as_template_literals() {
    let bench = Bench::new();
    let service = bench.layer().layer(service_fn(echo));
    for kind in [
        "application/grpc",
        "application/grpc-web+proto",
        "application/grpc-web-text",
    ] {
        let bearer = bench.bearer(kind);
        let fields = [("authorization", bearer.as_str()), ("content-type", kind)];
        let route = async |path: &str| {
            let answer = call(&service, request("POST", path, &fields)).await;
            answer.json()["route"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            route("/pkg.Svc/Method").await,
            "POST /pkg.Svc/Method",
            "{kind}"
        );
        // Names of services and methods are case-sensitive, and have no parameters.
        assert_eq!(route("/pkg.svc/Method").await, "*");
        assert_eq!(route("/pkg.Svc/Method2").await, "*");
    }
}

#[tokio::test]
async fn a_place_is_held_until_the_answers_body_has_ended_or_was_dropped() {
    a_place_is_held(&Bench::new()).await;
}

#[tokio::test]
async fn a_place_is_held_where_answers_get_no_fields_too() {
    let bench = Bench::under("", "responses: {headers: none}\n");
    a_place_is_held(&bench).await;
}

async fn a_place_is_held(bench: &Bench) {
    let parts = service_fn(|_: Request<()>| async {
        let body = OnePart(Some(Bytes::from_static(b"part")));
        Ok::<_, Infallible>(Response::new(body))
    });
    let service = bench.layer().layer(parts);
    let bearer = bench.bearer("alice");
    let fields = [("authorization", bearer.as_str())];
    let post = || service.clone().oneshot(request("POST", "/orders", &fields));
    let first = post().await.unwrap();
    let busy = post().await.unwrap();
    assert_eq!(
        (first.status().as_u16(), busy.status().as_u16()),
        (200, 429)
    );
    let mut body = first.into_body();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "part");
    assert_eq!(post().await.unwrap().status(), 429, "under way");
    assert!(body.frame().await.is_none());
    let second = post().await.unwrap();
    assert_eq!(
        second.status(),
        200,
        "ended, though its body is still there"
    );
    drop(body);
    drop(second);
    assert_eq!(post().await.unwrap().status(), 200, "dropped");
}

/// One part, then the end.
struct OnePart(Option<Bytes>);

impl http_body::Body for OnePart {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|part| Ok(http_body::Frame::data(part))))
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_nobody_has_seen_are_waited_for_and_the_rest_goes_on_meanwhile() {
    let bench = Bench::without_keys();
    let service = bench.layer().layer(service_fn(echo));
    let bearer = bench.bearer("alice");
    let fields = [("authorization", bearer.as_str())];
    let began = tokio::time::Instant::now();
    let fetched = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let jwks = format!(r#"{{"keys":[{}]}}"#, bench.key.jwk());
        let snapshot = bench.engine.snapshot();
        snapshot.key_sources()[0]
            .holder
            .install(jwks.as_bytes())
            .unwrap();
    };
    let known = async {
        let answer = call(&service, request("GET", "/orders", &fields)).await;
        (answer.status, began.elapsed().as_millis())
    };
    let nobody = async {
        let answer = call(&service, request("GET", "/orders", &[])).await;
        (answer.status, began.elapsed().as_millis())
    };
    let (known, nobody, ()) = tokio::join!(known, nobody, fetched);
    assert!(matches!(known, (200, 50..=52)), "{known:?}");
    assert_eq!(nobody, (200, 0));
}

/// A service that is never ready.
#[derive(Clone)]
struct Busy;

impl Service<Request<()>> for Busy {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        std::future::ready(Ok(Response::default()))
    }
}

#[test]
fn readiness_is_the_inner_services() {
    let bench = Bench::new();
    let mut context = Context::from_waker(Waker::noop());
    assert!(
        bench
            .layer()
            .layer(Busy)
            .poll_ready(&mut context)
            .is_pending()
    );
    let mut ready = bench.layer().layer(service_fn(echo));
    assert!(ready.poll_ready(&mut context).is_ready());
}
