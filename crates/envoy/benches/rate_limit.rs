//! What one question costs: in memory, without HTTP/2, and over a loopback socket with a client in the
//! same thread.
//!
//! `cargo bench --bench rate_limit`. Prints what it measured; asserts nothing.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a measuring program"
)]

use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tollgate_engine::limiter::SystemClock;
use tollgate_engine::policy::Policy;
use tollgate_engine::{Engine, EngineOptions};
use tollgate_envoy::messages::rate_limit::{Entry, PATH, RateLimitDescriptor, RateLimitRequest};
use tollgate_envoy::{Patience, Services};
use tower::ServiceExt;

const CALLS: usize = 300_000;
const USERS: usize = 10_000;
const STREAMS: usize = 64;

const POLICY: &str = "tollgate: 1
origin: http://127.0.0.1:9
identity: {anonymous: {plan: standard}}
plans: {standard: {limits: [{name: burst, rate: 1000000/s, burst: 1000000}]}}
grpc:
  domains:
    rules: {descriptors: [{key: user, descriptors: [{key: path, rate_limit: {unit: minute, requests_per_unit: 1000000}}]}]}
    apis: {identity: verified}
";

fn question(domain: &str, entries: &[(&str, &str)]) -> Bytes {
    let entry = |(key, value): &(&str, &str)| Entry {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
    };
    let request = RateLimitRequest {
        domain: domain.to_owned(),
        descriptors: vec![RateLimitDescriptor {
            entries: entries.iter().map(entry).collect(),
            ..RateLimitDescriptor::default()
        }],
        hits_addend: 1,
    };
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(request.encoded_len()).unwrap());
    request.encode(&mut bytes).unwrap();
    bytes.freeze()
}

fn rules(user: &str) -> Bytes {
    question("rules", &[("user", user), ("path", "/orders")])
}

fn apis(user: &str) -> Bytes {
    let entries = [
        ("issuer", "https://login.example.com"),
        ("subject", user),
        ("method", "GET"),
        ("path", "/orders/1"),
        ("remote_address", "198.51.100.7"),
    ];
    question("apis", &entries)
}

fn post(uri: &str, body: Bytes) -> Request<Full<Bytes>> {
    let request = Request::post(uri).header("content-type", "application/grpc");
    request
        .header("te", "trailers")
        .body(Full::new(body))
        .unwrap()
}

async fn in_memory(services: &Services, questions: &[Bytes]) -> f64 {
    let began = Instant::now();
    for call in 0..CALLS {
        let body = questions[call % questions.len()].clone();
        let response = services.clone().oneshot(post(PATH, body)).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    began.elapsed().as_nanos() as f64 / CALLS as f64
}

async fn over_loopback(services: &Services, questions: &[Bytes]) -> f64 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = services.clone();
    tokio::task::spawn_local(async move {
        let (stream, peer) = listener.accept().await.unwrap();
        let long = Duration::from_secs(600);
        let patience = Patience {
            first: long,
            next: long,
        };
        served.converse(stream, peer, patience, pending()).await;
    });
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = client.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::task::spawn_local(connection);
    let began = Instant::now();
    let mut tasks = Vec::new();
    for task in 0..STREAMS {
        let mut sender = sender.clone();
        let questions = questions.to_vec();
        tasks.push(tokio::task::spawn_local(async move {
            for call in 0..CALLS / STREAMS {
                let body = questions[(task + call * STREAMS) % questions.len()].clone();
                let uri = format!("http://tollgate{PATH}");
                let response = sender.send_request(post(&uri, body)).await.unwrap();
                response.into_body().collect().await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    began.elapsed().as_nanos() as f64 / CALLS as f64
}

fn main() {
    let policy = Policy::parse("bench.yaml", POLICY, Path::new(".")).unwrap();
    let engine = Engine::new(policy, EngineOptions::default()).unwrap();
    let services = Services::new(engine, Arc::new(SystemClock::new()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        for (name, make) in [("rules", rules as fn(&str) -> Bytes), ("apis", apis)] {
            let questions: Vec<Bytes> = (0..USERS).map(|n| make(&format!("user_{n:06}"))).collect();
            let memory = in_memory(&services, &questions).await;
            let socket = over_loopback(&services, &questions).await;
            println!("{name}: {memory:.0} ns in memory, {socket:.0} ns with client and HTTP/2");
        }
    });
}
