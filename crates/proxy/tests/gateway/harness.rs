//! A gateway in a thread of its own, as the binary runs it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio_util::sync::CancellationToken;
use tollgate_engine::policy::Policy;
use tollgate_engine::{Engine, EngineOptions};
use tollgate_proxy::{
    Ending, Exchange, Observer, ServerTls, Shared, SharedOptions, Worker, WorkerListener,
    bind_reuseport,
};
use tracing::Span;

/// The longest that a test waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A path at which the observer panics.
pub(crate) const PANIC: &str = "/panic";

/// A policy before an origin; limits are wide but for the routes that say so.
const POLICY: &str = "
tollgate: 1
counting: {users: 1024, networks: 1024}
plans:
  anonymous:
    limits: [{name: burst, rate: 1000000/s}]
    routes:
      POST /limited: [{name: burst, rate: 1/1h}]
      GET /limited: [{name: burst, rate: 1/1h}]
      GET /one: [{name: at-once, concurrency: 1}]
";

/// What an exchange was observed to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) ending: Ending,
    pub(crate) fault: Option<&'static str>,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) route: Option<String>,
}

#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<Seen>>);

impl Observer for Recorder {
    fn finished(&self, exchange: &Exchange) {
        assert_ne!(exchange.target.path(), PANIC, "a bug, for one test");
        let route = exchange.decision.as_ref().map(|decision| {
            let routes = decision.snapshot.policy().routes();
            routes.get(decision.route).to_string()
        });
        self.0.lock().unwrap().push(Seen {
            status: exchange.status,
            ending: exchange.ending,
            fault: exchange.fault,
            request_bytes: exchange.request_bytes,
            response_bytes: exchange.response_bytes,
            route,
        });
    }

    fn propagate(&self, _: &Span, headers: &mut HeaderMap) {
        headers.insert("traceparent", HeaderValue::from_static("ours"));
    }
}

/// A running gateway; stops when dropped.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    recorder: Arc<Recorder>,
    drain: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// How a gateway is set up.
pub(crate) struct Setup<'a> {
    /// The origin's section in the policy: a URL or more.
    pub(crate) origin: String,
    /// The identity section.
    pub(crate) identity: &'a str,
    /// Further sections of the policy.
    pub(crate) policy: &'a str,
    pub(crate) tls: Option<Arc<ServerTls>>,
    pub(crate) options: SharedOptions,
}

impl<'a> Setup<'a> {
    pub(crate) fn before(origin: SocketAddr, policy: &'a str) -> Setup<'a> {
        Setup {
            origin: format!("http://{origin}"),
            identity: "{anonymous: {plan: anonymous}}",
            policy,
            tls: None,
            options: SharedOptions::default(),
        }
    }

    pub(crate) fn text(&self) -> String {
        let Setup {
            origin,
            identity,
            policy,
            ..
        } = self;
        format!("{POLICY}\nidentity: {identity}\norigin: {origin}\n{policy}\n")
    }
}

impl Gateway {
    /// A gateway in front of `origin`, with further policy sections.
    pub(crate) fn before(origin: SocketAddr, policy: &str) -> Gateway {
        Gateway::start(Setup::before(origin, policy))
    }

    pub(crate) fn start(setup: Setup<'_>) -> Gateway {
        let policy = parse(&setup.text());
        let engine = Engine::new(
            policy,
            EngineOptions {
                threads: 1,
                ..EngineOptions::default()
            },
        )
        .unwrap();
        let recorder = Arc::new(Recorder::default());
        let observer = Arc::clone(&recorder) as Arc<dyn Observer>;
        let shared = Shared::new(engine, observer, setup.options).unwrap();
        let socket = bind_reuseport(([127, 0, 0, 1], 0).into(), 1)
            .unwrap()
            .remove(0);
        let address = socket.local_addr().unwrap();
        let drain = CancellationToken::new();
        let listeners = vec![WorkerListener {
            socket,
            tls: setup.tls,
        }];
        let worker = Worker::new(Arc::clone(&shared), listeners);
        let token = drain.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(worker.run(token)).unwrap();
        });
        Gateway {
            address,
            shared,
            recorder,
            drain,
            thread: Some(thread),
        }
    }

    /// Begins the drain.
    pub(crate) fn drain(&self) {
        self.drain.cancel();
    }

    /// Waits for the worker's end.
    pub(crate) fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// Exchanges finished so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.recorder.0.lock().unwrap().clone()
    }

    /// Waits until `count` exchanges are finished.
    pub(crate) async fn seen_after(&self, count: usize) -> Vec<Seen> {
        eventually("exchanges to finish", || {
            let seen = self.seen();
            (seen.len() >= count).then_some(seen)
        })
        .await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Most tests leave connections open; their gateway need not wait for them.
        self.drain.cancel();
    }
}

/// Waits until `look` sees something.
pub(crate) async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "no end to waiting for {what}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Bounds a wait for something that must happen.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("no end to waiting for {what}"),
    }
}

pub(crate) fn parse(text: &str) -> Policy {
    Policy::parse("test.yaml", text, Path::new(".")).unwrap_or_else(|wrong| panic!("{wrong}"))
}
