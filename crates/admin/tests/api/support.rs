//! A whole admin API on loopback: a store, an engine, keys of all roles, memory that the test can see.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tempfile::TempDir;
use tollgate_admin::{Admin, AdminKeys, AdminParts, Peer, Role, add_key, router};
use tollgate_engine::limiter::FakeClock;
use tollgate_engine::policy::Policy;
use tollgate_engine::{Engine, EngineOptions};
use tollgate_identity::ApiKeysText;
use tollgate_store::{Location, Store};
use tollgate_testkit::peers::Postgres;

use crate::memory::Memory;

pub(crate) const START_MS: u64 = 1_700_000_000_000;
/// The issuer of all holders, percent-encoded for a path.
pub(crate) const ISSUER: &str = "https%3A%2F%2Flogin.example";

pub(crate) const POLICY: &str = "\
tollgate: 1
origin: http://127.0.0.1:9000
identity: {anonymous: {plan: free}}
routes: [GET /orders, 'GET /orders/{order_id}', POST /orders]
plans:
  free: {limits: [{name: burst, rate: 1/s, burst: 5}]}
  pro:
    limits: [{name: burst, rate: 10/s, burst: 20}, {name: monthly, quota: 1000/month}]
    routes: {POST /orders: [{name: burst, rate: 2/s}]}
default_plan: free
";

/// Which database.
#[derive(Clone, Copy)]
pub(crate) enum On {
    Sqlite,
    Postgres,
    Nothing,
}

/// An API that is served until this is dropped.
pub(crate) struct Api {
    pub(crate) admin: Admin,
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) store: Option<Store>,
    pub(crate) keys: [(Role, String); 3],
    client: Client<HttpConnector, Full<Bytes>>,
    _folder: TempDir,
    _server: Option<Postgres>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

/// A request as a test writes it.
#[derive(Clone)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    fields: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Api {
    pub(crate) async fn start(on: On) -> Api {
        Self::start_at_pace(on, Duration::ZERO).await
    }

    /// As the other, with the clock moved on at each request.
    pub(crate) async fn start_at_pace(on: On, pace: Duration) -> Api {
        Self::start_with(on, pace, POLICY, START_MS).await
    }

    /// With another policy, at another time.
    pub(crate) async fn start_with(on: On, pace: Duration, text: &str, start_ms: u64) -> Api {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FakeClock::at_unix_ms(start_ms));
        let (location, server): (Option<Location>, _) = match on {
            On::Nothing => (None, None),
            On::Sqlite => (Some(Location::sqlite(folder.path().join("store.db"))), None),
            On::Postgres => {
                let server = Postgres::start().unwrap_or_else(|error| panic!("{error}"));
                let url = server.make_database("admin").unwrap();
                (Some(url.parse().unwrap()), Some(server))
            }
        };
        let store = match &location {
            None => None,
            Some(location) => Some(Store::open(location, clock.clone()).await.unwrap()),
        };
        let policy = Policy::parse("policy", text, folder.path()).unwrap();
        let options = EngineOptions {
            threads: 1,
            table: Some(tollgate_engine::limiter::TableSize {
                users: 100,
                networks: 100,
            }),
            ..EngineOptions::default()
        };
        let engine = Engine::new(policy, options).unwrap();
        let memory = Arc::new(Memory::new(engine.clone(), text, folder.path(), start_ms));
        let mut lines = ApiKeysText::empty();
        let keys = [Role::Read, Role::Operate, Role::Admin].map(|role| {
            let name = format!("the-{role}");
            let key = add_key(&mut lines, &name, role, None).unwrap();
            (role, key.expose().to_string())
        });
        let admin = Admin::new(AdminParts {
            engine,
            store: store
                .clone()
                .map(|store| tokio::sync::watch::channel(Some(store)).1),
            live: memory.clone(),
            keys: AdminKeys::of(&lines).unwrap(),
            clock: clock.clone(),
        })
        .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ticking = clock.clone();
        let tick = move |mut request: Request<axum::body::Body>, next: axum::middleware::Next| {
            ticking.advance(pace);
            let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
            let peer = peer.map(|ConnectInfo(peer)| Peer(*peer)).unwrap();
            request.extensions_mut().insert(peer);
            next.run(request)
        };
        let service = router(&admin).layer(axum::middleware::from_fn(tick));
        let service = service.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Api {
            admin,
            address,
            clock,
            memory,
            store,
            keys,
            client: Client::builder(TokioExecutor::new()).build_http(),
            _folder: folder,
            _server: server,
        }
    }

    pub(crate) fn key(&self, role: Role) -> &str {
        let key = self.keys.iter().find(|(of, _)| *of == role);
        &key.unwrap().1
    }

    pub(crate) async fn send(&self, ask: &Ask) -> Reply {
        let uri = format!("http://{}{}", self.address, ask.path);
        let mut request = Request::builder().method(&ask.method).uri(uri);
        for (name, value) in &ask.fields {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(ask.body.clone())).unwrap();
        let response = self.client.request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            status: head.status,
            headers: head.headers,
            bytes,
        }
    }

    /// As somebody of a role.
    pub(crate) async fn send_as(&self, role: Role, ask: &Ask) -> Reply {
        self.send(&ask.clone().key(self.key(role))).await
    }

    /// What a reader gets, which has to be there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let reply = self.send_as(Role::Read, &get(path)).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        reply.json()
    }

    /// As somebody who may do everything.
    pub(crate) async fn act(&self, ask: &Ask) -> Reply {
        self.send_as(Role::Admin, ask).await
    }
}

impl Ask {
    pub(crate) fn new(method: Method, path: &str) -> Ask {
        Ask {
            method,
            path: path.to_owned(),
            fields: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn field(mut self, name: &'static str, value: &str) -> Ask {
        self.fields.push((name, value.to_owned()));
        self
    }

    pub(crate) fn key(self, key: &str) -> Ask {
        self.field("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn json(self, body: &Value) -> Ask {
        self.body(&body.to_string())
            .field("content-type", "application/json")
    }

    /// As a browser sends a form.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Ask {
        let mut body = form_urlencoded::Serializer::new(String::new());
        self.body(&body.extend_pairs(fields).finish())
            .field("content-type", "application/x-www-form-urlencoded")
    }

    pub(crate) fn body(mut self, body: &str) -> Ask {
        self.body = body.to_owned().into();
        self
    }
}

pub(crate) fn get(path: &str) -> Ask {
    Ask::new(Method::GET, path)
}

pub(crate) fn post(path: &str, body: &Value) -> Ask {
    Ask::new(Method::POST, path).json(body)
}

/// The path of a subject and what is under it.
pub(crate) fn subject(name: &str, under: &str) -> String {
    format!("/v1/holders/subject/{ISSUER}/{name}{under}")
}

/// A change of a subject, whatever its version is.
pub(crate) fn change(name: &str, edit: &Value) -> Ask {
    let body = serde_json::json!({ "edit": edit });
    post(&subject(name, "/changes"), &body).field("if-match", "*")
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The problem that it is, whole and of this status.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.field("content-type"), Some("application/problem+json"));
        let problem = self.json();
        assert_eq!(problem["status"], status);
        for text in ["type", "title", "detail"] {
            let text = problem[text].as_str();
            assert!(text.is_some_and(|text| !text.is_empty()), "{problem}");
        }
        let kind = problem["type"].as_str().unwrap();
        assert!(kind.starts_with("urn:tollgate:problem:"), "{kind}");
        problem
    }
}

/// On one thread, as the control plane.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test);
}

/// Declares tests that run on both databases.
#[macro_export]
macro_rules! on_both {
    ($(async fn $name:ident($api:ident: Api) $body:block)*) => {$(
        async fn $name($api: $crate::support::Api) $body

        mod $name {
            use $crate::support::{Api, On, run};

            #[test]
            fn on_sqlite() {
                run(async { super::$name(Api::start(On::Sqlite).await).await });
            }

            #[test]
            fn on_postgres() {
                run(async { super::$name(Api::start(On::Postgres).await).await });
            }
        }
    )*};
}
